"""The present: all clusters, one cluster, and the stream of what changes."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Annotated, Any

from aiohttp import ClientConnectionResetError, web
from msgspec import Meta, Struct

from etcdscope.model.contract import BlindSpotLine, CheckObject, check_object
from etcdscope.model.incident import Level
from etcdscope.surfaces.view.cluster import Glance, blind_spot_lines
from etcdscope.surfaces.view.shapes import ClustersObject, ClusterView
from etcdscope.surfaces.web.answers import Refusal
from etcdscope.surfaces.web.events import LISTENERS, Hub, stream
from etcdscope.surfaces.web.routes import Call, Glances, NoQuery, Route, one_of

_WORST_FIRST = {
    word: rank for rank, word in enumerate((Level.CRITICAL, Level.UNKNOWN, Level.WARNING, Level.OK))
}
# What one write to a listener may take; who is slower is let go, and comes back by itself.
WRITE_SECONDS = 10.0


class EventsQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """``cluster``: of which alone; empty: all of them, in summary."""

    cluster: Annotated[str, Meta(max_length=63)] = ""


class BlindSpots(Struct, frozen=True, kw_only=True):
    """What could not be looked at."""

    blind_spots: tuple[BlindSpotLine, ...]


def routes(glances: Glances, hub: Hub, now: Callable[[], float]) -> Iterator[Route]:
    """Yield the routes of the present."""

    async def clusters(_: Call[NoQuery]) -> ClustersObject:
        rows = []
        for glance in glances.values():
            rows.append(glance.summary())
            await asyncio.sleep(0)  # of hundreds; judging goes first
        rows.sort(key=lambda row: (_WORST_FIRST[Level(row.level)], row.key))
        return ClustersObject(at=now(), clusters=tuple(rows))

    async def cluster(call: Call[NoQuery]) -> ClusterView:
        return one_of(glances, call.names["cluster"]).whole()

    async def check(call: Call[NoQuery]) -> bytes:
        return checked(one_of(glances, call.names["cluster"]), now())

    async def blind_spots(call: Call[NoQuery]) -> BlindSpots:
        state = one_of(glances, call.names["cluster"]).watched.state()
        return BlindSpots(blind_spots=blind_spot_lines(state, state.judged.blind_spots))

    async def events(call: Call[EventsQuery]) -> web.StreamResponse:
        return await listened(call.request, call.query, glances, hub)

    gone = "No cluster of that key is watched."
    yield Route("/clusters", "All clusters, the worst first.", clusters, ClustersObject)
    yield Route("/clusters/{cluster}", "One cluster whole.", cluster, ClusterView, missing=gone)
    yield Route(
        "/clusters/{cluster}/check",
        "What `etcdscope check --json` prints, from what is watched.",
        check,
        CheckObject,
        missing=gone,
    )
    yield Route(
        "/clusters/{cluster}/blind-spots",
        "What could not be looked at, and why.",
        blind_spots,
        BlindSpots,
        missing=gone,
    )
    yield Route(
        "/events",
        "Changes as they happen, as server-sent events.",
        events,
        Any,
        EventsQuery,
        missing=gone,
        kind="text/event-stream",
    )


def checked(glance: Glance, now: float) -> bytes:
    """Return the check object. Errors: Refusal while nothing is judged, with the reason."""
    state, trouble = glance.watched.state(), glance.watched.trouble()
    if state.verdict is None or trouble:
        raise Refusal(503, trouble or "nothing was judged yet")
    return check_object(state.verdict, state.incidents, state.judged.blind_spots, now)


async def listened(
    request: web.Request, query: EventsQuery, glances: Glances, hub: Hub
) -> web.StreamResponse:
    """Send events until the client goes, or is too slow."""
    if query.cluster:
        one_of(glances, query.cluster)
    if len(hub) >= LISTENERS:
        raise Refusal(503, f"{LISTENERS} listeners are here already; try again later.")
    said = request.headers.get("Last-Event-ID", "")
    last = int(said) if said.isascii() and said.isdecimal() and len(said) < 17 else None
    answer = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"}
    )
    with hub.listening(query.cluster, last) as listener:
        try:
            await answer.prepare(request)
            async for told in stream(listener):
                async with asyncio.timeout(WRITE_SECONDS):
                    await answer.write(told)
        except (ClientConnectionResetError, ConnectionResetError, TimeoutError):
            pass
    return answer
