"""Who fills the database, by the counts that the agent makes once an hour."""

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from etcdscope.model.window import Window
from etcdscope.surfaces.registry import view
from etcdscope.surfaces.web.answers import Refusal
from etcdscope.surfaces.web.routes import Call, Glances, NoQuery, Route, one_of

Moment = Annotated[float, Meta(ge=0, le=4_102_444_800)]


class DiffQuery(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``a``, ``b``: moments, unix seconds; the last counts up to each are compared."""

    a: Moment
    b: Moment


def routes(glances: Glances) -> Iterator[Route]:
    """Yield the routes of the registry."""

    def window(named: str) -> Window:
        return one_of(glances, named).watched.state().window

    async def registry(call: Call[NoQuery]) -> bytes:
        seen = window(call.names["cluster"])
        try:
            counted = msgspec.to_builtins(view.latest(seen))
            return msgspec.json.encode({**counted, "treemap": view.tree(seen)})
        except view.NotCounted as error:
            raise Refusal(404, str(error)) from None

    async def diff(call: Call[DiffQuery]) -> bytes:
        try:
            changed = view.compared(window(call.names["cluster"]), call.query.a, call.query.b)
        except view.NotCounted as error:
            raise Refusal(404, str(error)) from None
        return msgspec.json.encode(changed)

    one = "/clusters/{cluster}/registry"
    yield Route(
        one,
        "Who fills the database: what `etcdscope registry --json` prints, and a treemap of it.",
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
