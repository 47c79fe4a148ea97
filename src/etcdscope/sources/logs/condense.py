"""Keeps a log that floods us small: the first events of a kind stay, the rest is put together."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from etcdscope.model.logs import UNKNOWN, LogEvent

# So many events of a kind come one by one, and as many more each minute.
BURST: Final = 20
PER_SECOND: Final = BURST / 60.0
# What is put together is told apart by who and what, but not by more than so many.
APART: Final = 8


@dataclass(slots=True)
class _Allowance:
    left: float
    at: float


class Condenser:
    """Puts together what comes too often. Memory: one allowance a kind, and there are few kinds."""

    def __init__(self) -> None:
        self._allowances: dict[str, _Allowance] = {}

    def condensed(self, events: Iterable[LogEvent], now: float) -> list[LogEvent]:
        """Return the events of one batch, in order of time; none is lost from ``count``."""
        single: list[LogEvent] = []
        together: dict[str, dict[tuple[str, ...], LogEvent]] = {}
        for event in events:
            if event.kind != UNKNOWN and self._may(event.kind, now):
                single.append(event)
                continue
            alike = together.setdefault(event.kind, {})
            key = _likeness(event)
            if key not in alike and len(alike) >= APART:
                key = ()
            one = event if key else _blank(event)
            alike[key] = merged(alike[key], one) if key in alike else one
        return sorted([*single, *_flat(together)], key=lambda event: event.at)

    def _may(self, kind: str, now: float) -> bool:
        one = self._allowances.setdefault(kind, _Allowance(float(BURST), now))
        one.left = min(one.left + (now - one.at) * PER_SECOND, float(BURST))
        one.at = now
        if one.left < 1.0:
            return False
        one.left -= 1.0
        return True


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


def _flat(together: dict[str, dict[tuple[str, ...], LogEvent]]) -> Iterator[LogEvent]:
    for alike in together.values():
        yield from alike.values()
