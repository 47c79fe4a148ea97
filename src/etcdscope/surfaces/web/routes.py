"""What a route is: where, what it takes, what it gives. OpenAPI is made of the same table."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Generic, TypeVar

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler
from msgspec import Struct

from etcdscope.model.ports import StoreError
from etcdscope.surfaces.view.cluster import Glance
from etcdscope.surfaces.web.answers import Refusal, error, sent

BASE = "/api/v1"


class NoQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """A question that takes no parameters."""


Query = TypeVar("Query", bound=Struct)


@dataclass(frozen=True, slots=True)
class Call(Generic[Query]):
    """One question, taken apart. ``names``: what stands in the path."""

    request: web.Request
    names: Mapping[str, str]
    query: Query


@dataclass(frozen=True, slots=True)
class Route:
    """One question that the API answers.

    ``path``: below the base, with ``{names}``; ``whole``: the one that may hold slashes.
    ``gives``: the shape of the answer. ``kind``: its media type, where it is not JSON.
    """

    path: str
    does: str
    answer: Callable[[Call[Any]], Awaitable[object]]
    gives: Any
    takes: type[Struct] = NoQuery
    missing: str = ""  # when it answers 404
    kind: str = "application/json"
    whole: str = ""

    @property
    def pattern(self) -> str:
        """Return the path as aiohttp wants it."""
        name = self.whole
        return self.path.replace(f"{{{name}}}", f"{{{name}:.+}}") if name else self.path

    def handler(self) -> Handler:
        """Return what aiohttp calls."""

        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                query = asked(request.query, self.takes)
                found = await self.answer(Call(request, dict(request.match_info), query))
            except Refusal as refusal:
                return error(refusal.status, str(refusal))
            except StoreError as failure:
                return error(503, f"The history cannot be read: {failure}.")
            if isinstance(found, web.StreamResponse):
                return found
            return await sent(request, found)

        return handle


def asked(given: Mapping[str, str], shape: type[Query]) -> Query:
    """Return the parameters of a question. Errors: Refusal, which names the wrong one."""
    try:
        query = msgspec.convert(dict(given), shape, strict=False)
    except (msgspec.ValidationError, UnicodeError) as wrong:
        raise Refusal(400, _sentence(str(wrong))) from None
    for field_, name in zip(shape.__struct_fields__, shape.__struct_encode_fields__, strict=True):
        value = getattr(query, field_)
        if isinstance(value, float) and not isfinite(value):
            raise Refusal(400, f"{name} must be a finite number.")
    return query


def _sentence(wrong: str) -> str:
    """Turn "Expected `float`, got `str` - at `$.from`" into words."""
    what, _, where = wrong.replace("`", "").partition(" - at ")
    what = what.replace("Object contains unknown field", "There is no parameter")
    name = where.removeprefix("$.")
    return f"{name}: {what[:1].lower()}{what[1:]}." if name else f"{what}."


Glances = Mapping[str, Glance]


def one_of(glances: Glances, key: str) -> Glance:
    """Return the cluster of that key. Errors: Refusal."""
    found = glances.get(key)
    if found is None:
        raise Refusal(404, "No such cluster is watched; GET /api/v1/clusters lists those that are.")
    return found
