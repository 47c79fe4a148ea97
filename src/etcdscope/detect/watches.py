"""Watchers that are behind: for how long nothing of it has become less."""

from collections.abc import Iterator

from etcdscope.model.signal import EVENTS_PENDING, SLOW_WATCHERS
from etcdscope.model.window import Window

# etcd serves watchers that are behind ten times a second: who reads is served within that time, or
# what waits for it becomes less.
STUCK = 4.0
SCRAPES = 3
# More than a scrape at the slow cadence: a gap tells nothing.
GAP = 6.5


def stuck(window: Window, member: str) -> tuple[float, float] | None:
    """Return how many watchers have been behind all the time, and for how many seconds.

    None where they have not for long enough, or where fewer are, or fewer events wait.
    """
    run = list(_run(window, member))
    if len(run) < SCRAPES or run[0][0] - run[-1][0] < STUCK:
        return None
    newest, oldest = run[0], run[-1]
    slow = [slow for _, slow, _ in run]
    if newest[1] < min(slow[:SCRAPES]) or newest[1] < max(slow) / 2 or newest[2] < oldest[2]:
        return None
    return newest[1], newest[0] - oldest[0]


def _run(window: Window, member: str) -> Iterator[tuple[float, float, float]]:
    """Yield time, watchers that are behind and events that wait, newest first, while any are."""
    waiting = dict(window.points(member, EVENTS_PENDING))
    later = window.now
    for at, slow in reversed(window.points(member, SLOW_WATCHERS)):
        waits = waiting.get(at, 0.0)
        if not isinstance(slow, (int, float)) or not isinstance(waits, (int, float)):
            return
        if slow <= 0 or later - at > GAP:
            return
        later = at
        yield at, slow, waits
