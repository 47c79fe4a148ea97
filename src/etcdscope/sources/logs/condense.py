"""Keeps a log that floods us small: the first events of a kind stay, the rest is put together."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from etcdscope.etcd.logs.messages import TABLE
from etcdscope.model.logs import UNKNOWN, LogEvent

# So many events of a kind that people want to know of come one by one, and as many each minute;
# of the others (peers that are set up, files that are purged) fewer.
BURST: Final = 20
BURST_OF_OTHERS: Final = 3
# The rest is put together, and comes every so many seconds.
EVERY: Final = 10.0
# What is put together is told apart by who and what, but not by more than so many.
APART: Final = 8


@dataclass(slots=True)
class _Kind:
    """What of one kind may still come by itself, and what waits, put together."""

    burst: float
    left: float
    at: float
    told: float
    waiting: dict[tuple[str, ...], LogEvent] = field(default_factory=dict)

    def may(self, now: float) -> bool:
        """Return whether one more may come by itself."""
        self.left = min(self.left + max(now - self.at, 0.0) * self.burst / 60.0, self.burst)
        self.at = now
        if self.left < 1.0:
            return False
        self.left -= 1.0
        return True

    def wait(self, event: LogEvent) -> None:
        """Put one to those that wait."""
        key = _likeness(event)
        if key not in self.waiting and len(self.waiting) >= APART:
            key, event = (), _blank(event)
        alike = self.waiting.get(key)
        self.waiting[key] = merged(alike, event) if alike else event


class Condenser:
    """Puts together what comes too often.

    Memory, here and in what is given: a few events a kind and minute, and there are few kinds.
    """

    def __init__(self) -> None:
        self._kinds: dict[str, _Kind] = {}

    def condensed(self, events: Iterable[LogEvent], now: float) -> list[LogEvent]:
        """Return what is to be told now, in order of time; nothing is lost from ``count``."""
        given: list[LogEvent] = []
        for event in events:
            kind = self._kind(event.kind, now)
            if event.kind != UNKNOWN and kind.may(now):
                given.append(event)
            else:
                kind.wait(event)
        for kind in self._kinds.values():
            if kind.waiting and now - kind.told >= EVERY:
                given.extend(kind.waiting.values())
                kind.waiting, kind.told = {}, now
        return sorted(given, key=lambda event: event.at)

    def _kind(self, name: str, now: float) -> _Kind:
        if name not in self._kinds:
            known = TABLE.get(name)
            burst = float(BURST if known is None or known.matters else BURST_OF_OTHERS)
            self._kinds[name] = _Kind(burst, burst, now, now - EVERY)
        return self._kinds[name]


def merged(one: LogEvent, other: LogEvent) -> LogEvent:
    """Return two events as one: it has the numbers of the worse of them, and counts both."""
    worse = max(one, other, key=lambda e: (e.seconds or 0.0, e.bytes or 0.0, e.at))
    return replace(
        worse,
        at=max(one.at, other.at),
        since=min(one.began, other.began),
        count=one.count + other.count,
        bytes=_most(one.bytes, other.bytes),
        entries=_most(one.entries, other.entries),
    )


def _most(one: float | None, other: float | None) -> float | None:
    return max((n for n in (one, other) if n is not None), default=None)


def _likeness(event: LogEvent) -> tuple[str, ...]:
    about = event.text if event.kind == UNKNOWN else ""
    return event.client, event.operation, event.prefix, event.peer, event.host, about


def _blank(event: LogEvent) -> LogEvent:
    """Return the event as one of many that are not told apart."""
    text = "(several)" if event.kind == UNKNOWN else event.text
    return replace(event, client="", operation="", prefix="", peer="", host="", text=text)
