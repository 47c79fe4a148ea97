"""What the facts of a trial are worth, one observer at a time. Pure.

A notice *names* a harm where its name is one of the right ones, and is *exact* where it also
names the right member. ``told_s`` is the first page of whatever name: the benefit of the doubt.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from bench.faults.facts import Notice, Sighting, Trial, still_open
from bench.faults.rows import About, Harm, Row

# Clocks of one machine: an alert's activeAt may be a little before the injection's own time.
EARLY_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Score:
    """One observer's result in one trial; seconds since the injection, None for never.

    With two harms at once, ``cause``, ``exact`` and ``named_s`` want both; each is counted from its
    own injection. ``true_s``: since when an alert that would name it was true in Prometheus.
    ``closed_s`` counts from the healing; None where something was still open at the end.
    """

    told_s: float | None
    first: str
    cause: bool
    exact: bool
    named_s: float | None
    true_s: float | None
    unrelated: tuple[str, ...]
    pages: int
    closed_s: float | None

    @property
    def detected(self) -> bool:
        return self.told_s is not None


def score(row: Row, trial: Trial, observer: str) -> Score:
    """Judge what one observer told of one fault."""
    seen = trial.observers[observer]
    notices = _ours(seen.notices, trial)
    meant = [n for n in notices if n.pages and trial.began[0] <= n.at < trial.healed]
    told = min((page.at for page in meant), default=None)
    named = [_first_exact(harm, n, trial, meant) for n, harm in enumerate(row.harms)]
    causes = [any(p.name in harm.truth.names for p in meant) for harm in row.harms]
    exact = all(after is not None for after in named)
    return Score(
        told_s=None if told is None else max(told - trial.began[0], 0.0),
        first=meant[0].name if meant else "",
        cause=all(causes),
        exact=exact,
        named_s=max(after for after in named if after is not None) if exact else None,
        true_s=_true_after(row, trial, seen.sightings),
        unrelated=tuple(sorted(_unrelated(row, trial, notices))),
        pages=len({page.key for page in notices if page.pages}),
        closed_s=_closed_after(notices, trial.healed),
    )


def all_named(row: Row, trial: Trial, observer: str) -> bool:
    """Return whether there is nothing left to wait for."""
    notices = _ours(trial.observers[observer].notices, trial)
    return all(
        _first_exact(harm, n, trial, notices) is not None for n, harm in enumerate(row.harms)
    )


def false_incidents(trial: Trial, observer: str) -> tuple[str, ...]:
    """Return the name of every page of a trial in which nothing was wrong."""
    first: dict[str, str] = {}
    for notice in trial.observers[observer].notices:
        if notice.pages and notice.at >= trial.started:
            first.setdefault(notice.key, notice.name)
    return tuple(sorted(first.values()))


def left_over(trial: Trial, observer: str) -> tuple[str, ...]:
    """Return what was still open, from before, when the trial began."""
    before = [n for n in trial.observers[observer].notices if n.at < trial.started]
    return tuple(sorted(notice.name for notice in still_open(before).values()))


# --- one notice -------------------------------------------------------------------------------


def is_exact(harm: Harm, n: int, trial: Trial, notice: Notice) -> bool:
    """Return whether the notice names the harm's cause and a right member."""
    return notice.name in harm.truth.names and _about(harm, n, trial, notice)


def _about(harm: Harm, n: int, trial: Trial, notice: Notice) -> bool:
    if harm.truth.about is About.CLUSTER:
        return True
    hit = set(trial.hit[n])
    if harm.truth.about is About.OTHERS:
        hit = set(trial.identities) - hit
    return bool(_called(hit, trial) & set(notice.about))


def _called(members: set[str], trial: Trial) -> set[str]:
    return members.union(*(trial.identities.get(name, ()) for name in members))


def _ours(notices: Sequence[Notice], trial: Trial) -> list[Notice]:
    """Leave out what is about incidents that were open before any harm was prepared."""
    old = {notice.key for notice in notices if notice.at < trial.started}
    return [notice for notice in notices if notice.key not in old]


def _first_exact(harm: Harm, n: int, trial: Trial, notices: Sequence[Notice]) -> float | None:
    exact = (
        max(notice.at - trial.began[n], 0.0)
        for notice in notices
        if notice.pages and is_exact(harm, n, trial, notice)
    )
    return min(exact, default=None)


def _unrelated(row: Row, trial: Trial, notices: Sequence[Notice]) -> Iterator[str]:
    """Yield the last name of every page that is neither a cause nor an effect."""
    last = {notice.key: notice for notice in notices if notice.pages}
    for notice in last.values():
        if not any(_related(harm, n, trial, notice) for n, harm in enumerate(row.harms)):
            yield notice.name


def _related(harm: Harm, n: int, trial: Trial, notice: Notice) -> bool:
    if notice.name in harm.truth.effects:
        return True
    if notice.name not in harm.truth.names:
        return False
    return not notice.about or _about(harm, n, trial, notice)


def _closed_after(notices: Sequence[Notice], healed: float) -> float | None:
    pages = {notice.key for notice in notices if notice.pages}
    if not pages or still_open(notices):
        return None
    ends = [notice.at for notice in notices if notice.event == "closed" and notice.key in pages]
    return max(max(ends, default=healed) - healed, 0.0)


def _true_after(row: Row, trial: Trial, sightings: Sequence[Sighting]) -> float | None:
    began = trial.began[0]
    names = frozenset[str]().union(*(harm.truth.names for harm in row.harms))
    since = (
        max(one.since - began, 0.0)
        for one in sightings
        if one.name in names and one.since >= began - EARLY_S
    )
    return min(since, default=None)
