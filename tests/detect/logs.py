"""Windows with what members' logs say."""

from dataclasses import replace

from tests.detect.windows import NOW, look

from etcdscope.model.logs import LogEvent
from etcdscope.model.signal import LOG_EVENT
from etcdscope.model.window import Look, Point, Window


def said(age: float, kind: str, level: str = "warn", **fields: object) -> LogEvent:
    """Return an event of so many seconds ago."""
    return LogEvent(NOW - age, kind, level, **fields)  # type: ignore[arg-type]


def heard(seen: Window, by_writer: dict[str, list[LogEvent]]) -> Window:
    """Return the window with events in it, by the writer: a member, or ``log:NAME``."""
    series = dict(seen.series)
    for writer, events in by_writer.items():
        series[writer, LOG_EVENT] = {
            kind: tuple(Point(max(e.at, NOW - 600), e) for e in events if e.kind == kind)
            for kind in {e.kind for e in events}
        }
    return replace(seen, series=series)


def reads(endpoint: str, member: str) -> Look:
    """Return the look at a log of which it is known whose it is."""
    return replace(look("logs", member), endpoint=endpoint)
