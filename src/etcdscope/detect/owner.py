"""Who fills the database, by the last census of its keys."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from etcdscope.model.census import REGISTRY_AT, Cell, Census, Chronicle
from etcdscope.model.census_change import Difference, difference
from etcdscope.model.finding import Evidence
from etcdscope.model.signal import REGISTRY
from etcdscope.model.window import Window, once

HOUR = 3600.0
# Growth is told over the longest of these that the censuses reach back.
SPANS = (24 * HOUR, 6 * HOUR, HOUR)
# Censuses are an hour apart, give or take what the scans take.
NEARLY = 0.95


@once
def chronicle(window: Window) -> Chronicle | None:
    """Return the censuses, None if there is no fresh one."""
    point = window.last(REGISTRY_AT, REGISTRY)
    return point.value if point and isinstance(point.value, Chronicle) else None


@dataclass(frozen=True, slots=True)
class Digest:
    """What judgement needs of a chronicle. ``rows``: of the newest census, by resource.

    ``before``: when the older ones were made, and their rows; oldest first.
    ``grown``: what changed over the longest span that they cover.
    """

    last: Census
    total: Cell
    kubernetes: bool
    rows: Mapping[str, Cell]
    before: tuple[tuple[float, Mapping[str, Cell]], ...]
    grown: Difference | None

    def earlier(self, seconds: float) -> tuple[tuple[float, Mapping[str, Cell]], ...]:
        """Return what was counted since the newest census that is so much older; else nothing."""
        old = [at for at, _ in self.before if at <= self.last.at - seconds]
        return tuple(one for one in self.before if one[0] >= old[-1]) if old else ()


class _Same:
    """A chronicle that is known by its identity: to hash it takes longer than to judge it."""

    __slots__ = ("it",)

    def __init__(self, it: Chronicle) -> None:
        self.it = it

    def __hash__(self) -> int:
        return id(self.it)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.it is self.it


def digest(window: Window) -> Digest | None:
    """Return what is known of the keys, None if there is no fresh census."""
    known = chronicle(window)
    return _digest(_Same(known)) if known else None


@lru_cache(maxsize=32)  # a chronicle a cluster; it is another one after each census only
def _digest(same: _Same) -> Digest | None:
    known, last = same.it, same.it.last
    if last is None:
        return None
    return Digest(
        last,
        last.total,
        last.kubernetes,
        _rows(last),
        tuple((census.at, _rows(census)) for census in known.censuses[:-1]),
        _grown(known, last),
    )


def _rows(census: Census) -> Mapping[str, Cell]:
    return {row.resource: row for row in census.by_resource()}


def _grown(known: Chronicle, last: Census) -> Difference | None:
    for span in SPANS:
        if before := known.before(span * NEARLY):
            return difference(before, last)
    return None


def owner(window: Window) -> tuple[Evidence, ...]:
    """Return who holds most of the live data, and who grew most, as evidence for others."""
    seen = digest(window)
    if seen is None or not seen.rows:
        return ()
    row = max(seen.rows.values(), key=lambda cell: cell.bytes)
    total = seen.total.bytes or 1
    told = [
        Evidence(
            "registry_owner",
            row.resource,
            source=REGISTRY.source,
            says=f"{row.bytes / total:.0%} of {total / 2**20:.0f} MiB of live data",
        )
    ]
    change = seen.grown
    most = max(change.resources, key=lambda c: c.bytes, default=None) if change else None
    if change and most and most.bytes > 0:
        told.append(
            Evidence(
                "registry_grew",
                most.name,
                source=REGISTRY.source,
                says=f"by {most.bytes / 2**20:.1f} MiB in {change.seconds / HOUR:.0f} h",
            )
        )
    return tuple(told)
