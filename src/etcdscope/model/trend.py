"""When will the quota be full? Pure arithmetic over what a database file has been doing.

etcd judges the quota by the physical size. That does not grow while free pages inside the file
absorb what is written, it falls only with a defragmentation, and the size in use is a saw-tooth
that every compaction cuts. So the trend is that of the physical size since its last fall, or, over
longer looks back, that of the floor of the saw-tooth, counted from its ceiling: there the free
pages are used up.

Nothing is foreseen further ahead than four times as far as it was looked back.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, islice, pairwise
from statistics import median

Track = Sequence[tuple[float, float]]  # (unix seconds, bytes), oldest first

AHEAD = 4.0
# Seconds of looks back, shortest first: the first that sees far enough decides.
LOOKS_BACK = (60.0, 180.0, 300.0, 900.0, 1800.0, 3600.0, 7200.0, 4 * 3600.0, 12 * 3600.0)
# From here on a look back spans compactions (every 5 min under Kubernetes): the saw-tooth counts.
SPANS_COMPACTIONS = 900.0
BLOCKS = 12
# The first look back that sees far enough decides, the next one widens the range.
ASKED = 2
# A fall of the physical size by this share is a defragmentation, not a page more or less.
DEFRAGMENTED = 0.05
# A fall of the size in use by this share of its range is a compaction.
COMPACTED = 0.25
# The rhythm of compactions is looked for in so many seconds at least; so many of them make a trend.
WIDE = 4 * 3600.0
LEAST_RHYTHMS = 3.0
# Less growth than this share of the quota is no trend.
LEAST_OF_QUOTA = 0.01


@dataclass(frozen=True, slots=True)
class Outlook:
    """When the quota will be full: seconds from now, bytes a second, seconds looked back."""

    soonest: float
    likely: float
    latest: float
    rate: float
    looked_back: float


def slopes(track: Track) -> list[float]:
    """Return the slopes between all pairs of points, smallest first."""
    return sorted((b[1] - a[1]) / (b[0] - a[0]) for a, b in combinations(track, 2) if b[0] > a[0])


def theil_sen(track: Track) -> float:
    """Return the median slope between all pairs of points: half of them may be wrong."""
    found = slopes(track)
    return median(found) if found else 0.0


def since(track: Track, begin: float) -> Track:
    """Return the part of a track from ``begin`` on."""
    return track[bisect_left(track, (begin,)) :]


def floors(track: Track, block: float) -> list[tuple[float, float]]:
    """Return the lowest point of every block of so many seconds, counted back from the end."""
    lowest: dict[int, tuple[float, float]] = {}
    end = track[-1][0] if track else 0.0
    for at, value in track:
        number = int((end - at) / block)
        if number not in lowest or value < lowest[number][1]:
            lowest[number] = (at, value)
    return [lowest[number] for number in sorted(lowest, reverse=True)]


def falls(track: Track, least: float) -> list[float]:
    """Return when the track fell by more than ``least`` from one point to the next."""
    return [b[0] for a, b in pairwise(track) if a[1] - b[1] > least]


def since_defragmented(size: Track, in_use: Track) -> Track:
    """Return the physical size since it last fell; nothing while it only refills what it had.

    After a defragmentation the file grows to the ceiling of what is in use, and stops there.
    """
    for i in range(len(size) - 1, 0, -1):
        if size[i][1] < (1 - DEFRAGMENTED) * size[i - 1][1]:
            at = size[i][0]
            before = max((value for when, value in in_use if when < at), default=0.0)
            return size[i:] if size[-1][1] > 1.02 * before else ()
    return size


def outlook(size: Track, in_use: Track, quota: float, now: float) -> Outlook | None:
    """Return when the quota will be full, None where nothing tells that it will be."""
    if not size or quota <= size[-1][1]:
        return None
    whole = since_defragmented(size, in_use)
    every = (found for back in LOOKS_BACK if (found := _seen(whole, in_use, quota, now, back)))
    seen = list(islice(every, ASKED))
    if not seen:
        return None
    first = seen[0]
    return Outlook(
        soonest=min([first.soonest, *(s.likely for s in seen)]),
        likely=first.likely,
        latest=max([first.latest, *(s.likely for s in seen)]),
        rate=first.rate,
        looked_back=first.looked_back,
    )


def _seen(size: Track, in_use: Track, quota: float, now: float, back: float) -> Outlook | None:
    """Return what one look back foresees, if it sees far enough and growth goes on."""
    for level, growth in _growths(size, in_use, now, back):
        found = slopes(growth)
        rate = median(found) if found else 0.0
        if rate * back < LEAST_OF_QUOTA * quota or not goes_on(growth, now):
            continue
        left = (quota - level) / rate
        if left > AHEAD * back:
            continue
        slow, fast = found[len(found) // 4], found[-len(found) // 4]
        return Outlook(
            soonest=0.9 * (quota - level) / max(fast, rate),
            likely=left,
            latest=1.1 * (quota - level) / max(slow, 0.1 * rate),
            rate=rate,
            looked_back=back,
        )
    return None


def _growths(
    size: Track, in_use: Track, now: float, back: float
) -> Iterator[tuple[float, list[tuple[float, float]]]]:
    """Yield from where, and along which points, the file grows: itself, then what is in it."""
    covered = now - 0.9 * back
    if size and size[0][0] <= covered:
        yield size[-1][1], floors(since(size, now - back), back / BLOCKS)
    if back < SPANS_COMPACTIONS or not in_use or in_use[0][0] > covered:
        return
    wide = since(in_use, now - max(2 * back, WIDE))
    values = [value for _, value in wide]
    cuts = falls(wide, COMPACTED * (max(values) - min(values)))
    if len(cuts) == 1:
        return  # whether it will be cut again, and when, nobody can tell
    rhythm = median(b - a for a, b in pairwise(cuts)) if cuts else 0.0
    if back < LEAST_RHYTHMS * rhythm:
        return
    block = max(back / BLOCKS, 1.05 * rhythm)
    part = since(in_use, now - back)
    ceiling = max(v for at, v in part if at >= part[-1][0] - max(1.5 * rhythm, block))
    yield ceiling, floors(part, block)


def goes_on(growth: Track, now: float) -> bool:
    """Return whether it still grows: no pause now that is longer than those before it were.

    Growth is measured in steps of a block's share of all of it; a bulk load that is over has taken
    no step for longer than between any two before.
    """
    if len(growth) < 3:
        return False
    step = (growth[-1][1] - growth[0][1]) / len(growth)
    taken, reached = [], growth[0][1]
    for at, value in growth:
        if value >= reached + step:
            taken.append(at)
            reached = value
    if step <= 0 or len(taken) < 2:
        return False
    block = median(b[0] - a[0] for a, b in pairwise(growth))
    longest = max(b - a for a, b in pairwise(taken))
    return now - taken[-1] <= 1.5 * max(longest, block) + block / 2
