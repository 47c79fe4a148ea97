"""Who fills the database. What counts it is somebody else's: see ``Watched.registry``."""

from collections.abc import Iterator
from typing import Annotated, Any

from msgspec import Meta, Struct

from etcdscope.surfaces.web.answers import Refusal
from etcdscope.surfaces.web.routes import Call, Glances, NoQuery, Route, one_of

Moment = Annotated[float, Meta(ge=0, le=4_102_444_800)]
_NOT_COUNTED = "Nothing was counted in this cluster yet: etcdscope registry does it once."


class DiffQuery(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``a``, ``b``: moments, unix seconds; the counts nearest to them are compared."""

    a: Moment
    b: Moment


def routes(glances: Glances) -> Iterator[Route]:
    """Yield the routes of the registry."""

    async def registry(call: Call[NoQuery]) -> bytes:
        ask = one_of(glances, call.names["cluster"]).watched.registry
        found = await ask() if ask else None
        if found is None:
            raise Refusal(404, _NOT_COUNTED)
        return found

    async def diff(call: Call[DiffQuery]) -> bytes:
        ask = one_of(glances, call.names["cluster"]).watched.registry_diff
        found = await ask(call.query.a, call.query.b) if ask else None
        if found is None:
            raise Refusal(404, _NOT_COUNTED)
        return found

    one = "/clusters/{cluster}/registry"
    yield Route(
        one,
        "Who fills the database: what `etcdscope registry --json` prints.",
        registry,
        dict[str, Any],
        missing="Nothing was counted yet.",
    )
    yield Route(
        f"{one}/diff",
        "What changed between two counts.",
        diff,
        dict[str, Any],
        DiffQuery,
        missing="Nothing was counted yet.",
    )
