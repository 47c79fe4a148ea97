"""What the hashes of the members say when they are held against each other."""

from dataclasses import dataclass

from etcdscope.model.cluster import Hashed
from etcdscope.model.signal import HASHED, VERSION
from etcdscope.model.window import Point, Window

# Looks of one round lie closer together than this, two rounds on schedule further apart.
ONE_ROUND = 45.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the members' last comparable hashes say. ``odd``: who differs from a majority."""

    at: Hashed
    groups: tuple[tuple[str, ...], ...]  # of members with the same hash, the largest first
    odd: tuple[str, ...] = ()


def compared(window: Window) -> Comparison | None:
    """Return the last comparison of two or more members; None where there is none.

    Hashes of different versions are made differently (etcd 3.5.16 changed what a compaction keeps),
    so that only members of one version are compared.
    """
    rounds: dict[tuple[int, int, str], dict[str, Hashed]] = {}
    ended: dict[tuple[int, int, str], float] = {}
    for m in window.members:
        version = window.word(m.id, VERSION, within=900.0) or ""
        for point in window.points(m.id, HASHED)[-2:]:  # of this round, and of the one before
            if isinstance(point.value, Hashed):
                at = (point.value.revision, point.value.compact_revision, version)
                rounds.setdefault(at, {})[m.id] = point.value
                ended[at] = max(ended.get(at, 0.0), point.at)
    if not rounds:
        return None
    # A round that is under way has fewer answers: the last one that most took part in counts.
    hashes = rounds[max(rounds, key=lambda at: (len(rounds[at]), ended[at]))]
    if len(hashes) < 2:
        return None
    groups: dict[int, list[str]] = {}
    for member, seen in hashes.items():
        groups.setdefault(seen.hash, []).append(member)
    ordered = sorted((tuple(g) for g in groups.values()), key=lambda g: (-len(g), g))
    majority = len(ordered[0]) * 2 > len(hashes)
    odd = tuple(m for g in ordered[1:] for m in g) if majority else ()
    return Comparison(next(iter(hashes.values())), tuple(ordered), odd)


def surely_differ(window: Window, one: str, other: str) -> bool:
    """Return whether two members differed in their last two comparisons, one soon after the other.

    What differs stays different: a second look costs seconds, and no hiccup passes for it.
    """
    pairs = [
        p.value.hash == q.value.hash
        for p in window.points(one, HASHED)[-4:]
        for q in window.points(other, HASHED)[-4:]
        if isinstance(p.value, Hashed) and isinstance(q.value, Hashed) and _together(p, q)
    ]
    return len(pairs) >= 2 and not any(pairs[-2:])


def _together(p: Point, q: Point) -> bool:
    one, other = p.value, q.value
    return (
        isinstance(one, Hashed)
        and isinstance(other, Hashed)
        and (one.revision, one.compact_revision) == (other.revision, other.compact_revision)
        and abs(p.at - q.at) < ONE_ROUND
    )


def hash_of(window: Window, member: str) -> int:
    point = window.last(member, HASHED)
    return point.value.hash if point and isinstance(point.value, Hashed) else 0
