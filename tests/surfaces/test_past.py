"""The cluster as it was, and its charts: from a history that was really written."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from functools import cache
from math import isnan
from pathlib import Path

import pytest
from tests.surfaces.states import LEADER_DOWN
from tests.surfaces.watching import BEGAN, LEADS, readings

from etcdscope.detect.catalog import DETECTORS
from etcdscope.diagnose.step import State, step
from etcdscope.model.incident import Effect, EffectKind
from etcdscope.model.logs import LogEvent
from etcdscope.model.ports import Sweep
from etcdscope.model.reading import Observation, Reading
from etcdscope.model.signal import LOG_EVENT
from etcdscope.store.archive import Archive
from etcdscope.store.history import History
from etcdscope.surfaces.view import drawing, lanes, past, story
from etcdscope.surfaces.view.charts import BY_ID
from etcdscope.surfaces.view.chronicle import Chronicle
from etcdscope.surfaces.view.cluster import Glance
from etcdscope.surfaces.view.watched import Watched

CLUSTER = "cdf8"
SECONDS = 130
DOWN = replace(LEADER_DOWN, cluster=CLUSTER, since=BEGAN + 58, opened_at=BEGAN + 60, closed_at=None)
SURE = replace(DOWN, summary="m2 is down, that is certain")
OVER = replace(SURE, closed_at=BEGAN + 90)
TOLD = {
    60: Effect(EffectKind.OPENED, BEGAN + 60, CLUSTER, DOWN),
    70: Effect(EffectKind.CHANGED, BEGAN + 70, CLUSTER, SURE),
    90: Effect(EffectKind.CLOSED, BEGAN + 90, CLUSTER, OVER),
}
LINE = LogEvent(at=BEGAN + 59, kind="raft-lost", level="warn", member=LEADS, text="lost leader")


@dataclass(repr=False)  # pytest would print all of it, at every test
class Kept:
    """A history, and what the states were while it was made."""

    archive: Archive
    states: list[State]
    watched: Watched


@cache
def lived() -> tuple[tuple[State, Sweep, tuple[Effect, ...]], ...]:
    """Return each second: the state after it, what it was judged from, and what was told."""
    state, found = State(DETECTORS), []
    for second in range(SECONDS + 1):
        now = BEGAN + second
        seen = readings(now, second)
        if second == 61:
            facts = (Observation(LOG_EVENT, LINE, LINE.kind),)
            seen.append(Reading("logs", "log:m2", now, member=LEADS, observations=facts))
        state, effects = step(state, seen, now)
        told = (*effects, *((TOLD[second],) if second in TOLD else ()))
        found.append((state, Sweep(now, tuple(seen)), told))
    return tuple(found)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the history, once for all tests: they only read it."""
    path = tmp_path_factory.mktemp("kept")

    async def write() -> None:
        async with History.open(path) as history:
            for _, sweep, told in lived():
                history.append(CLUSTER, sweep, told)

    asyncio.run(write())
    return path


@pytest.fixture
async def kept(directory: Path) -> AsyncIterator[Kept]:
    states = [state for state, _, _ in lived()]
    async with Archive.open(directory) as archive:
        watched = Watched(
            "prod", lambda: states[-1], archive=archive, kept_as=lambda: (CLUSTER, "prod")
        )
        yield Kept(archive, states, watched)


async def rebuilt(kept: Kept, at: float) -> State:
    incidents = await past.incidents_at(Chronicle(kept.watched), at)
    _, sweeps = await past.looks(kept.archive, (CLUSTER, "prod"), at)
    return past.rebuilt(kept.states[-1], sweeps, incidents, at)


# --- a moment --------------------------------------------------------------------------------


async def test_a_moment_is_what_it_was(kept: Kept) -> None:
    at = BEGAN + 100
    then, now = kept.states[100], await rebuilt(kept, at)

    live = Glance(replace(kept.watched, state=lambda: then)).whole()
    shown = Glance(kept.watched).whole(now, as_of=at, rebuilt_from="sweeps")
    assert shown.members == live.members
    assert shown.links == live.links
    assert shown.latency == live.latency
    assert (shown.level, shown.margin, shown.leader) == (live.level, live.margin, live.leader)
    assert (shown.as_of, shown.rebuilt_from) == (at, "sweeps")


@pytest.mark.parametrize(
    ("second", "summary"),
    [(59, None), (60.5, DOWN.summary), (75, SURE.summary), (89.5, SURE.summary), (95, None)],
)
async def test_incidents_are_what_was_told_by_then(
    kept: Kept, second: float, summary: str | None
) -> None:
    found = (await rebuilt(kept, BEGAN + second)).incidents

    assert [one.summary for one in found if one.cause == "member-down"] == (
        [summary] if summary else []
    )
    assert all(one.open for one in found)


async def test_where_nothing_is_kept_there_is_nothing(kept: Kept) -> None:
    for at in (BEGAN - 60, BEGAN + SECONDS + 60):
        assert await past.looks(kept.archive, (CLUSTER,), at) == ("", [])


async def test_samples_tell_roles_and_numbers(kept: Kept) -> None:
    """The memory of the members stands for the member list, which is not sampled."""
    at, start = BEGAN + 100, kept.states[-1]
    assert start.window.memory.members

    seen = await past.sampled(kept.archive, (CLUSTER,), at, start.window.memory)
    shown = Glance(kept.watched).whole(
        past.from_samples(start, seen, (), at), as_of=at, rebuilt_from="samples"
    )

    assert (shown.leader, shown.term, shown.margin) == (LEADS, 14, 1)
    assert [member.role for member in shown.members] == ["follower", "leader", "follower"]
    assert {member.db_size for member in shown.members} == {10_000_000}
    assert shown.members[0].wal_fsync_p99 is None
    assert not shown.blind_spots


async def test_before_anything_was_sampled_samples_tell_nothing(kept: Kept) -> None:
    memory = kept.states[-1].window.memory

    assert await past.sampled(kept.archive, (CLUSTER,), BEGAN - 900, memory) == ()


# --- around an incident ----------------------------------------------------------------------


async def test_the_chronicle_reads_what_an_earlier_life_told(kept: Kept) -> None:
    chronicle = Chronicle(kept.watched)

    assert await chronicle.incident(OVER.id) == OVER
    assert [e.kind for e in await chronicle.told_of(OVER)] == ["opened", "changed", "closed"]
    found = await chronicle.incidents(BEGAN, BEGAN + 100)
    assert OVER in found


async def test_what_is_told_now_and_written_already_is_there_once(kept: Kept) -> None:
    chronicle = Chronicle(kept.watched)
    chronicle.tell([TOLD[90]])

    assert [e.kind for e in await chronicle.told_of(OVER)] == ["opened", "changed", "closed"]
    found = await chronicle.incidents(BEGAN, BEGAN + 100)
    assert [one.id for one in found].count(OVER.id) == 1


async def test_log_lines_around_an_incident_are_found(kept: Kept) -> None:
    span = story.logs_span(OVER)
    sweeps = [s async for s in kept.archive.sweeps(CLUSTER, span[0], span[1] + 5)]

    (line,) = story.log_lines(sweeps, span, {LEADS: "m2"})

    assert (line.name, line.level, line.message) == ("m2", "warn", "lost leader")


# --- charts and lanes ------------------------------------------------------------------------


async def drawn(kept: Kept, name: str, span: drawing.Span) -> drawing.Drawn:
    state = kept.states[-1]
    (found,) = await drawing.draw([BY_ID[name]], span, state, kept.archive, (CLUSTER, "prod"))
    return found


async def test_a_chart_is_read_from_the_history(kept: Kept) -> None:
    shown = drawing.shown(
        await drawn(kept, "wal-fsync-p99", drawing.Span(BEGAN, BEGAN + SECONDS, 10.0)),
        kept.states[-1],
    )

    assert shown.source == "history"
    assert [line.name for line in shown.lines] == ["m1", "m2", "m3"]
    seen = [value for value in shown.lines[0].values if value is not None]
    assert len(seen) > 8
    assert all(value == pytest.approx(0.00199) for value in seen)


@pytest.mark.parametrize("name", ["wal-fsyncs", "apply-lag", "db-size"])
async def test_a_chart_of_more_than_a_day_has_no_seam(kept: Kept, name: str) -> None:
    """Long spans are read a day at a time; here the border lies in the midst of what was seen."""
    step = 100.0
    begin = BEGAN - BEGAN % step
    end = begin + 2 * step
    whole = await drawn(kept, name, drawing.Span(begin, end, step))
    for before in (86_400.0, 86_300.0):
        long = await drawn(kept, name, drawing.Span(begin - before, end, step))
        tail = {at: v for at, v in zip(long.at, long.lines[0][2], strict=True) if not isnan(v)}
        head = dict(zip(whole.at, whole.lines[0][2], strict=True)) if whole.lines else {}

        assert tail == {at: v for at, v in head.items() if not isnan(v)}
        assert all(at % step == 0 for at in tail)


async def test_lanes_are_read_from_the_history(kept: Kept) -> None:
    span = (BEGAN, BEGAN + SECONDS)
    found = await lanes.lanes(kept.states[-1], kept.archive, (CLUSTER,), [OVER], [], span)

    assert [[run.role for run in lane.runs] for lane in found.lanes] == [
        ["follower"], ["leader"], ["follower"],
    ]  # fmt: skip
    assert all(
        span[0] <= run.begin < run.end <= span[1] for lane in found.lanes for run in lane.runs
    )
    assert [(mark.kind, mark.id) for mark in found.marks] == [("incident", OVER.id)]
