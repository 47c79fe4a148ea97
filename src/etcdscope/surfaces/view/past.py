"""A cluster as it was: put together again from the flight recorder, or from samples.

The flight recorder holds the very looks that were judged, so that a moment of its days is what it
was. Before them a value each five seconds is left: numbers and roles, but no blind spots and no
quantiles. Incidents are what was told of them by then, either way.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import isnan
from typing import Final

from etcdscope.detect.runner import judge
from etcdscope.diagnose.incidents import Followed, Tracking
from etcdscope.diagnose.step import State
from etcdscope.diagnose.verdict import verdict
from etcdscope.model.cluster import Member
from etcdscope.model.incident import Incident
from etcdscope.model.memory import Memory
from etcdscope.model.ports import Sweep
from etcdscope.model.reading import Observation, Reading
from etcdscope.model.signal import TABLE, Kind, Signal
from etcdscope.model.window import Window, slide
from etcdscope.store.archive import Archive
from etcdscope.store.charts import Wanted
from etcdscope.surfaces.view.chronicle import Chronicle

# As far as most signals are kept for judging; what is kept longer is for slow trends.
LOOKS_BACK: Final = 125.0
# Without any look for so long there is nothing to judge.
GAP: Final = 10.0
# The slots of samples that a moment is made from.
SAMPLED: Final = 15.0


class NoPastError(Exception):
    """Nothing is kept of that moment. The message says why."""


async def incidents_at(chronicle: Chronicle, at: float) -> tuple[Incident, ...]:
    """Return the incidents that were open then, as they were told by then."""
    found = []
    for one in await chronicle.incidents(at, at + 0.001):
        if one.closed_at is not None and one.closed_at <= at:
            continue
        told = [e.incident for e in await chronicle.told_of(one) if e.at <= at and e.incident]
        found.append(replace(told[-1] if told else one, closed_at=None, note=""))
    return tuple(found)


async def looks(archive: Archive, kept_as: Sequence[str], at: float) -> tuple[str, list[Sweep]]:
    """Return the sweeps before a moment, and under which name they are kept; none if too old."""
    for name in kept_as:
        sweeps = [s async for s in archive.sweeps(name, at - LOOKS_BACK, at + 0.001)]
        if sweeps and sweeps[-1].now >= at - GAP:
            return name, sweeps
    return "", []


def rebuilt(
    start: State, sweeps: Sequence[Sweep], incidents: Sequence[Incident], at: float
) -> State:
    """Return the state at a moment, judged from the sweeps before it. Takes some 50 ms."""
    readings = [reading for sweep in sweeps for reading in sweep.readings]
    window = slide(Window(began=sweeps[0].now), readings, at)
    judged = judge(start.detectors, window, start.limits)
    return _as_then(replace(start, judged=judged), window, incidents)


def _as_then(start: State, window: Window, incidents: Sequence[Incident]) -> State:
    followed = tuple(Followed(one, frozenset()) for one in incidents)
    return replace(
        start,
        window=window,
        tracking=Tracking(open=followed),
        blind={},
        verdict=verdict(window, incidents),
    )


# --- from samples --------------------------------------------------------------------------------


async def sampled(
    archive: Archive, kept_as: Sequence[str], at: float, memory: Memory
) -> tuple[Reading, ...]:
    """Return readings that say what the samples say of a moment; none if they say nothing."""
    for name in kept_as:
        known = [w for w in await archive.known_series(name) if w.member and w.signal in TABLE]
        if not known:
            continue
        seen: dict[str, list[Observation]] = {}
        await _numbers(archive, name, at, known, seen)
        await _words(archive, name, at, known, seen)
        if any(member in seen for member in (m.id for m in memory.members)):
            urls = {m.id: (m.client_urls or ("",))[0] for m in memory.members}
            return tuple(
                Reading("status", urls.get(member, ""), at, member=member, observations=tuple(o))
                for member, o in sorted(seen.items())
            )
    return ()


def from_samples(
    start: State, readings: Sequence[Reading], incidents: Sequence[Incident], at: float
) -> State:
    """Return the state at a moment by its samples; members are those that are remembered."""
    memory = start.window.memory
    members = tuple(Member(m.id, m.name, m.peer_urls, m.client_urls) for m in memory.members)
    urls = {url: m.id for m in memory.members for url in m.client_urls}
    window = Window(
        began=at - LOOKS_BACK, members=members, members_at=at, endpoints=urls, memory=memory
    )
    return _as_then(start, slide(window, readings, at), incidents)


async def _numbers(
    archive: Archive,
    name: str,
    at: float,
    known: Iterable[Wanted],
    seen: dict[str, list[Observation]],
) -> None:
    wanted = [
        replace(w, how="last") for w in known if TABLE[w.signal].kind in (Kind.GAUGE, Kind.COUNTER)
    ]
    found = await archive.charts(name, wanted, begin=at - SAMPLED, end=at, step=5.0)
    for one, points in zip(wanted, found, strict=True):
        values = [v for v in points.value.tolist() if not isnan(v)]
        if values:
            _add(seen, one, TABLE[one.signal], values[-1])


async def _words(
    archive: Archive,
    name: str,
    at: float,
    known: Iterable[Wanted],
    seen: dict[str, list[Observation]],
) -> None:
    for one in known:
        if TABLE[one.signal].kind is Kind.STATE:
            runs = await archive.runs(
                name, one.member, one.signal, one.key, begin=at - SAMPLED, end=at
            )
            if runs:
                _add(seen, one, TABLE[one.signal], runs[-1].word)


def _add(
    seen: dict[str, list[Observation]], one: Wanted, signal: Signal, value: float | str
) -> None:
    seen.setdefault(one.member, []).append(Observation(signal, value, one.key))
