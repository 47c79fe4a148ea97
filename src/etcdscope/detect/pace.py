"""How counters of /metrics have been growing from scrape to scrape."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from etcdscope.model.reading import Value
from etcdscope.model.signal import METRICS_SECONDS, Signal
from etcdscope.model.window import Point, Window

# What goes on must have gone on so long, over two scrapes at least: two at the slow cadence, more
# under zoom. Shorter bursts end before anybody could act.
COVER = 7.0
# Scrapes closer together, as under zoom, count as one: a random stream of one call a second has
# none in every third second.
_CLOSE = 3.5
# Scrapes further apart tell nothing of now.
_BACK = 30.0


class Growth(NamedTuple):
    """Between two scrapes: when the second was, how long after the first, and how much grew."""

    at: float
    seconds: float
    grown: float

    @property
    def rate(self) -> float:
        return self.grown / self.seconds

    def joined(self, seconds: float, grown: float) -> "Growth":
        """Return it together with the growth just before it."""
        return Growth(self.at, self.seconds + seconds, self.grown + grown)


def recent(
    window: Window, member: str, signal: Signal, key: str = "", *, cover: float = COVER
) -> tuple[Growth, ...]:
    """Return the growth over the last scrapes, newest first; nothing where they cover too little.

    A series that only appears when it grows (sparse) stood at 0 before. A counter that fell was
    reset: what it shows after the fall is growth.
    """
    told = _told(window, member, signal, key)
    if len(told) < 3 or told[-1].at < window.now - signal.fresh:
        return ()
    growths: list[Growth] = []
    for (at, value), (then, before) in pairwise(reversed(told)):
        if growths and growths[-1].seconds < _CLOSE:
            growths[-1] = growths[-1].joined(at - then, _grown(before, value))
        else:
            growths.append(Growth(at, at - then, _grown(before, value)))
        enough = len(growths) > 1 and growths[-1].seconds >= _CLOSE
        if enough and sum(g.seconds for g in growths) >= cover:
            return tuple(growths)
    return ()


def _told(window: Window, member: str, signal: Signal, key: str) -> Sequence[Point]:
    """Return the points of late, those of a sparse series with the zeros before it."""
    points = window.points(member, signal, key, over=_BACK)
    if not signal.sparse or not points or points[0] is not window.points(member, signal, key)[0]:
        return points
    seen = window.points(member, METRICS_SECONDS, over=_BACK)
    return (*(Point(p.at, 0.0) for p in seen if p.at < points[0].at), *points)


def _grown(before: Value, value: Value) -> float:
    if not isinstance(before, (int, float)) or not isinstance(value, (int, float)):
        return 0.0
    return value - before if value >= before else value


def steady(
    window: Window, member: str, signal: Signal, key: str = "", *, cover: float = COVER
) -> float:
    """Return the lowest rate of the last scrapes: what has been going on all the time; else 0."""
    return min((g.rate for g in recent(window, member, signal, key, cover=cover)), default=0.0)


def mean(
    window: Window, member: str, signal: Signal, key: str = "", *, cover: float = COVER
) -> float | None:
    """Return the mean rate over the last scrapes, None where they cover too little."""
    growths = recent(window, member, signal, key, cover=cover)
    seconds = sum(g.seconds for g in growths)
    return sum(g.grown for g in growths) / seconds if seconds > 0 else None


def usual(window: Window, member: str, signal: Signal, key: str) -> float | None:
    """Return the mean rate of a sparse series up to a while ago; None where we are too new here.

    It reaches back as far as the signal is kept, or to our first look.
    """
    began = max(window.began, window.now - signal.keep)
    until = window.now - 2 * COVER
    if until - began < COVER:
        return None
    points = [p for p in window.points(member, signal, key) if p.at <= until]
    if not points:
        return 0.0
    first, last = points[0].value, points[-1].value
    if not isinstance(first, (int, float)) or not isinstance(last, (int, float)):
        return None
    there_at_once = points[0].at - began < COVER  # else it stood at 0 before
    return max(last - first if there_at_once else last, 0.0) / max(until - began, 1.0)
