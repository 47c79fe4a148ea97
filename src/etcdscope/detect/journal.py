"""What the members' logs say, for detectors: events of a kind, of a member, by their own time.

etcd's log is a witness, never the judge: it blames a slow disk where the CPU was missing, and a
clock where packets were lost. So its words are evidence, and no finding repeats its guesses.
"""

from collections.abc import Iterator
from itertools import pairwise

from etcdscope.model.finding import Evidence, Subject
from etcdscope.model.logs import SERVER_READY, SERVER_STARTING, LogEvent
from etcdscope.model.signal import LOG_EVENT
from etcdscope.model.window import Window

_LOG = "log:"
# A process says why it ends, and is gone within a moment. What answered later is another one.
ENDS_WITHIN = 2.0


def writers(window: Window) -> tuple[str, ...]:
    """Return whose logs were read: hex member ids, and ``log:NAME`` where the id is not known."""
    found: dict[str, None] = {}
    for who, signal in window.series:
        if signal is LOG_EVENT:
            found[_member_of(window, who) or who] = None
    return tuple(found)


def events(
    window: Window, writer: str, *kinds: str, within: float | None = None
) -> tuple[LogEvent, ...]:
    """Return the writer's events of these kinds, oldest first.

    ``within``: of the last so many seconds by the events' own time; None for all that are kept.
    """
    oldest = float("-inf") if within is None else window.now - within
    names = [writer, *_logs_of(window, writer)]
    seen = [
        point.value
        for name in names
        for kind in kinds
        for point in window.points(name, LOG_EVENT, kind)
        if isinstance(point.value, LogEvent) and point.value.at >= oldest
    ]
    return tuple(sorted(seen, key=lambda event: (event.at, event.kind)))


def last(window: Window, writer: str, *kinds: str, within: float | None = None) -> LogEvent | None:
    """Return the writer's newest event of these kinds."""
    found = events(window, writer, *kinds, within=within)
    return found[-1] if found else None


def fatal(window: Window, writer: str, *kinds: str) -> LogEvent | None:
    """Return the event that a process ended with, unless the member has lived since, or left.

    A member that was removed, to be replaced by a new one, is nobody's trouble any more.
    """
    event = last(window, writer, *kinds)
    removed = window.members and not writer.startswith(_LOG) and window.member(writer) is None
    if event is None or removed:
        return None
    answered = window.answered(writer)
    if answered is not None and answered > event.at + ENDS_WITHIN:
        return None
    ready = last(window, writer, SERVER_READY)
    return event if ready is None or ready.at <= event.at else None


def starts(window: Window, writer: str, over: float) -> int:
    """Return how often the process began in the last ``over`` seconds, as its log says.

    3.4 and 3.5 begin with two or three lines of that kind, within a second.
    """
    moments = [e.at for e in events(window, writer, SERVER_STARTING, within=over)]
    later = [b for a, b in pairwise(moments) if b - a > 1.0]
    return len(later) + 1 if moments else 0


def about(window: Window, writer: str) -> Subject:
    """Return the subject that a writer stands for."""
    if writer.startswith(_LOG):
        return Subject.endpoint(writer)
    return Subject.member(writer)


def called(window: Window, writer: str) -> str:
    """Return what people call the writer."""
    if window.member(writer):
        return window.label(writer)
    named = next(_logs_of(window, writer), writer)  # who is in no list may have a name of ours
    return named.removeprefix(_LOG)


def witness(
    window: Window, writer: str, event: LogEvent, value: float | str | None = None
) -> Evidence:
    """Return the event as evidence: what was said, when, how often."""
    ago = max(window.now - event.at, 0.0)
    often = f"{event.count} times, the last " if event.count > 1 else ""
    said = "; ".join(part for part in (event.text, event.error) if part)
    shown: float | str = value if value is not None else said or event.kind
    return Evidence(
        event.kind.replace("-", "_"),
        shown,
        source="etcd's log",
        member="" if writer.startswith(_LOG) else writer,
        says=f"{often}{ago:.0f} s ago",
    )


def _member_of(window: Window, who: str) -> str:
    if not who.startswith(_LOG):
        return who
    look = window.looks.get(("logs", who))
    return look.member if look else ""


def _logs_of(window: Window, writer: str) -> Iterator[str]:
    """Yield the names under which a member's log was read before its id was known."""
    for look in window.looks.values():
        if look.source == "logs" and look.member == writer and look.endpoint != writer:
            yield look.endpoint
