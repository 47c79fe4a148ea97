"""How counters of /metrics have been growing from scrape to scrape."""

from itertools import pairwise
from typing import NamedTuple

from etcdscope.model.signal import METRICS_SECONDS, Signal
from etcdscope.model.window import Window

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
    times = [p.at for p in window.points(member, METRICS_SECONDS, over=_BACK)]
    if not times or times[-1] < window.now - METRICS_SECONDS.fresh:
        return ()
    values = {p.at: p.value for p in window.points(member, signal, key)}
    missing = 0.0 if signal.sparse else None
    told = [(at, value) for at in times if _number(value := values.get(at, missing))]
    growths: list[Growth] = []
    for (then, before), (at, value) in reversed([*pairwise(told)]):
        if growths and growths[-1].seconds < _CLOSE:
            growths[-1] = growths[-1].joined(at - then, _grown(before, value))
        else:
            growths.append(Growth(at, at - then, _grown(before, value)))
        enough = len(growths) > 1 and growths[-1].seconds >= _CLOSE
        if enough and sum(g.seconds for g in growths) >= cover:
            return tuple(growths)
    return ()


def _grown(before: object, value: object) -> float:
    assert isinstance(before, (int, float))
    assert isinstance(value, (int, float))
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


def scrapes(window: Window, member: str) -> tuple[float, ...]:
    """Return the times of the scrapes that ``recent`` looks at, oldest first."""
    growths = recent(window, member, METRICS_SECONDS)
    if not growths:
        return ()
    began = growths[-1].at - growths[-1].seconds
    return tuple(p.at for p in window.points(member, METRICS_SECONDS) if p.at > began - 0.001)


def _number(value: object) -> bool:
    return isinstance(value, (int, float))
