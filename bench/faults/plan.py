"""Which trials are wanted, in which order, and about how long they take."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from typing import Final

from bench.faults.facts import Trial
from bench.faults.rows import Row
from bench.faults.table import FAULTS
from bench.faults.trial import Company, Pace, take_fault, take_soak, take_work
from bench.faults.works import WORKS, Work
from etcdscope.lab.cluster import Lab

HEALTHY: Final = "healthy"
# Every third of the specs with three members; the load there swings.
SOAKED: Final = "three"
# What healing, recovering and starting processes take, measured without the peer.
AROUND_S: Final = 12.0
# Until an ordinary fault is named, where its window need not be waited for.
NAMED_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Job:
    """One trial to come. ``alone``: it wants a lab of its own, for it leaves another behind."""

    id: str
    kind: str
    number: int
    spec: str
    seconds: float
    take: Callable[[Lab], Awaitable[Trial]] = field(repr=False)
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for: patterns of ids, or a kind: faults, works, healthy."""

    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    repeats: int = 1
    soak_minutes: float = 10.0

    def has(self, id: str, kind: str) -> bool:  # noqa: A002
        def among(patterns: Sequence[str]) -> bool:
            return any(fnmatch(id, one) or one == kind for one in patterns)

        return (not self.only or among(self.only)) and not among(self.skip)


def known(pattern: str) -> bool:
    """Return whether there is anything of that id, pattern or kind."""
    ids = [row.id for row in FAULTS] + [work.id for work in WORKS] + [HEALTHY]
    return pattern in {"faults", "works"} or any(fnmatch(one, pattern) for one in ids)


def jobs(wanted: Wanted, done: Counter[str], company: Company, pace: Pace) -> list[Job]:
    """Return what is still to do; the first trial of everything comes before the second of any."""
    found = []
    for number in range(1, wanted.repeats + 1):
        rows = [row for row in FAULTS if wanted.has(row.id, "faults") and done[row.id] < number]
        order = list(dict.fromkeys(row.spec for row in FAULTS))
        rows.sort(key=lambda row: order.index(row.spec))  # one lab a spec
        found += [_fault(row, number, company, pace) for row in rows]
        found += [
            _work(work, number, company, pace)
            for work in WORKS
            if wanted.has(work.id, "works") and done[work.id] < number
        ]
    if wanted.has(HEALTHY, HEALTHY) and wanted.soak_minutes and not done[HEALTHY]:
        found.append(_soak(wanted.soak_minutes * 60, company, pace))
    return found


def _fault(row: Row, number: int, company: Company, pace: Pace) -> Job:
    window = pace.lasts(row)
    lasts = window if pace.whole else min(window, NAMED_S) + pace.settle
    return Job(
        row.id,
        "fault",
        number,
        row.spec,
        pace.warm + lasts + AROUND_S,
        lambda lab: take_fault(row, number, lab, company, pace),
    )


def _work(work: Work, number: int, company: Company, pace: Pace) -> Job:
    return Job(
        work.id,
        "work",
        number,
        work.spec,
        pace.warm + work.seconds + AROUND_S,
        lambda lab: take_work(work, number, lab, company, pace),
        alone=True,
    )


def _soak(seconds: float, company: Company, pace: Pace) -> Job:
    return Job(
        HEALTHY,
        HEALTHY,
        1,
        SOAKED,
        pace.warm + seconds + AROUND_S,
        lambda lab: take_soak(1, SOAKED, seconds, lab, company, pace),
        alone=True,
    )
