"""Builds windows tersely: members are called by their names, times count back from now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from etcdscope.detect.detector import Detector
from etcdscope.model.cluster import Member
from etcdscope.model.finding import Finding
from etcdscope.model.reading import Failure, Histogram, Value
from etcdscope.model.signal import Signal
from etcdscope.model.window import Look, Point, Series, Window

NOW = 1_795_330_000.0
BOUNDS = (*(0.001 * 2**i for i in range(14)), float("inf"))


@dataclass(frozen=True)
class Ago:
    """Values with their own ages, in seconds before now; oldest first."""

    values: tuple[tuple[float, Value], ...]


def ago(*values: tuple[float, Value]) -> Ago:
    """Return values that were seen so many seconds ago: ``ago((5, "a"), (0.5, "b"))``."""
    return Ago(values)


@dataclass(frozen=True)
class Away:
    """A member that does not answer: why, and for how long; None for never."""

    failure: Failure
    seconds: float | None


def refused(seconds: float | None = 2.0) -> Away:
    """Return the looks at a member that refuses."""
    return Away(Failure.REFUSED, seconds)


def timing_out(seconds: float | None = 2.0) -> Away:
    """Return the looks at a member that gives no answer."""
    return Away(Failure.TIMEOUT, seconds)


# A scalar: seen just now. A list: every half second up to now. ``ago``: with their own ages.
Seen = Any
# By signal; where a signal has keys, a mapping by key.
Told = dict[Signal, Any]


def window(
    seen: Mapping[str, Told] | None = None,
    *,
    members: str = "m1 m2 m3",
    learners: str = "",
    unstarted: str = "",
    away: Mapping[str, Away] | None = None,
    looks: Sequence[Look] = (),
    began: float = 600.0,
    every: float = 0.5,
) -> Window:
    """Return a window at ``NOW``. All members answer, but those that are ``away``."""
    names = members.split()
    listed = tuple(
        Member(
            name,
            "" if name in unstarted.split() else name,
            (f"http://{name}:2380",),
            () if name in unstarted.split() else (f"http://{name}:2379",),
            name in learners.split(),
        )
        for name in names
    )
    usual = [look for m in listed if m.started for look in _looks(m.id, (away or {}).get(m.id))]
    return Window(
        now=NOW,
        began=NOW - began,
        series={
            (member, signal): _by_key(told, every)
            for member, by_signal in (seen or {}).items()
            for signal, told in by_signal.items()
        },
        looks={(look.source, look.endpoint): look for look in (*usual, *looks)},
        members=listed,
        members_at=NOW,
        endpoints={url: m.id for m in listed for url in m.client_urls},
    )


def look(
    source: str,
    member: str,
    failure: Failure | None = None,
    *,
    at: float = 0.1,
    since: float = 60.0,
    ok: float | None = None,
    failures: int = 2,
    detail: str = "",
) -> Look:
    """Return how the looks of one source at a member have been going; ages in seconds."""
    last_ok = NOW - at if failure is None else None if ok is None else NOW - ok
    return Look(
        source,
        f"http://{member}:2379",
        member,
        at=NOW - at,
        since=NOW - since,
        failure=failure,
        detail=detail,
        failures=failures if failure else 0,
        last_ok=last_ok,
    )


def _looks(member: str, away: Away | None) -> list[Look]:
    if away is None:
        return [look(s, member) for s in ("status", "raftvars", "metrics", "members")]
    since = away.seconds if away.seconds is not None else 60.0
    return [
        look(s, member, away.failure, ok=away.seconds, since=since) for s in ("status", "raftvars")
    ]


def _by_key(told: Seen, every: float) -> Mapping[str, Series]:
    if isinstance(told, Mapping):
        return {key: _series(seen, every) for key, seen in told.items()}
    return {"": _series(told, every)}


def _series(seen: Seen, every: float) -> Series:
    if isinstance(seen, Ago):
        return tuple(Point(NOW - age, value) for age, value in seen.values)
    if isinstance(seen, list):
        newest = NOW - 0.1
        count = len(seen)
        return tuple(Point(newest - (count - 1 - i) * every, v) for i, v in enumerate(seen))
    return (Point(NOW - 0.1, seen),)


def counted(**seconds: float) -> Histogram:
    """Return a histogram of values: ``counted(ms2=100, ms300=5)`` counts 100 of 2 ms, 5 of 300."""
    values = [(float(name[2:].replace("_", ".")) / 1000, n) for name, n in seconds.items()]
    counts = tuple(sum(n for v, n in values if v <= bound) for bound in BOUNDS)
    return Histogram(BOUNDS, counts, sum(v * n for v, n in values))


def found(detector: Detector, seen: Window) -> list[tuple[str, str]]:
    """Return whom the detector accuses of how much: ``("m1", "warning")``, links as ``m1>m2``."""
    return [(_who(f), str(f.severity)) for f in detector(seen)]


def _who(finding: Finding) -> str:
    subject = finding.subject
    if subject.kind == "cluster":
        return "cluster"
    return ">".join(part for part in (subject.name, subject.to) if part)
