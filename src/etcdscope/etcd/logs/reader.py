"""Lines in, events out: one reader a log, since some lines only make sense after the one before."""

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

from etcdscope.etcd.logs.forms import Line, unwrapped
from etcdscope.etcd.logs.messages import recognise, refined
from etcdscope.etcd.logs.quantities import Asked, duration, moment, number, traced
from etcdscope.etcd.logs.traces import steps
from etcdscope.model import logs
from etcdscope.model.logs import LogEvent

# What of a line is looked at. etcd's own are under 4 KiB; a transaction of many keys may be long.
LONGEST: Final = 64 * 1024
# So many different unknown messages are told apart; the rest is counted together.
MOST_UNKNOWN: Final = 200
OTHERS: Final = "(more different messages than are kept apart)"
_TEXT, _ERROR = 200, 300
_REQUESTS: Final = frozenset({logs.REQUEST_SLOW, logs.APPLY_SLOW, "apply-failed"})

# 2026-11-22 07:30:03.123456 I | pkg: message
_CAPNSLOG = re.compile(
    r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?) ([A-Z]) \| (?:([\w/.\-]+): )?(.*)$", re.DOTALL
)
# raft2026/11/22 07:30:03 INFO: message, and what Go's own logger and grpc write
_GO = re.compile(
    r"^(?:raft)?(?:(\w+): )?(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d(?:\.\d+)?) (?:(\w+): )?(.*)$", re.DOTALL
)
_BRACKET = re.compile(r"^\[(WARNING|INFO|ERROR)\] (.*)$", re.DOTALL)
_LETTERS = {"C": "fatal", "E": "error", "W": "warn", "N": "info", "I": "info", "D": "debug"}
_WORDS = {"WARN": "warn", "WARNING": "warn", "ERROR": "error", "FATAL": "fatal", "DEBUG": "debug"}
_PACKAGE = re.compile(
    r"^(?:etcdserver|raft|rafthttp|embed|etcdmain|mvcc|wal|snap|auth|lease|pkg)[\w/.\-]*: "
)
_HEX = re.compile(r"^[0-9a-f]{1,16}$")
_NUMBERS = re.compile(r"\b[0-9a-f]{8,}\b|\d+(?:\.\d+)?")
_QUOTED = re.compile(r'"[^"]*"')

# zap's field names, by what they are in an event. The first that is there counts.
_SECONDS = ("took", "time spent", "duration", "exceeded-duration", "clock-drift", "rtt")
_PEER = (
    "remote-peer-id",
    "peer-id",
    "remote-member-id",
    "to",
    "from",
    "added-peer-id",
    "removed-remote-peer-id",
    "removed-member-id",
    "transferee-member-id",
)
_INDEX = ("snapshot-index", "applied-index", "commit-index", "index", "compact-revision")
_BYTES = ("response size", "current-db-size-bytes", "total-bytes", "bytes", "quota-size-bytes")
_HOST = ("address", "remote-peer-endpoint", "host")


@dataclass(slots=True)
class Tally:
    """What was read: lines, how many of which kind, and the unknown messages one by one."""

    lines: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)

    def count(self, event: LogEvent) -> None:
        """Count one event."""
        self.kinds[event.kind] += 1
        if event.kind == logs.UNKNOWN:
            known = event.text in self.unknown or len(self.unknown) < MOST_UNKNOWN
            self.unknown[event.text if known else OTHERS] += 1

    @property
    def known_share(self) -> float:
        """Return which share of the lines was recognised; 1 where there was none."""
        return 1.0 - self.kinds[logs.UNKNOWN] / self.lines if self.lines else 1.0


class Reader:
    """Reads the lines of one member's log, in order.

    ``member``: hex id of who wrote it, empty until a line has said so. ``tally``: of all so far.
    """

    def __init__(self) -> None:
        self.member = ""
        self.tally = Tally()
        self._part = ""
        self._last = 0.0

    def read(self, raw: str | bytes, now: float) -> LogEvent | None:
        """Return the event of one line; None where the line is not whole yet, or empty.

        ``now``: for lines that carry no time, or no year.
        """
        if isinstance(raw, bytes):
            raw = raw[:LONGEST].decode(errors="replace")
        text = raw[:LONGEST].rstrip("\r\n")
        if not text.strip() and not self._part:
            return None
        line = unwrapped(text, now)
        if not line.whole or self._part:
            self._part = (self._part + line.text)[:LONGEST]
            if not line.whole:
                return None
            line, self._part = unwrapped(self._part, now)._replace(at=line.at), ""
        self.tally.lines += 1
        event = self._event(line, now)
        self._last = event.at
        self.member = event.member or self.member
        self.tally.count(event)
        return event

    def _event(self, line: Line, now: float) -> LogEvent:
        if line.told is not None and isinstance(line.told.get("msg"), str):
            return _of_zap(line.told, line.at or self._last or now)
        return _of_text(line.text, line.at, self._last or now)


# --- zap ------------------------------------------------------------------------------------------


def _of_zap(told: dict[str, Any], otherwise: float) -> LogEvent:
    text = told["msg"]
    known, found = recognise(text)
    at = moment(told.get("ts"))
    fields: dict[str, Any] = {
        "peer": _hex(_first(told, _PEER)),
        "seconds": duration(_first(told, _SECONDS)),
        "index": _whole(_first(told, _INDEX)),
        "bytes": number(_first(told, _BYTES)),
        "entries": number(told.get("response count")),
        "error": _bounded(told.get("error"), _ERROR),
    }
    fields |= _grouped(found)
    if isinstance(host := _first(told, _HOST), str):
        fields["host"] = host[:_TEXT]
    if isinstance(remote := told.get("remote") or told.get("remote-addr"), str):
        fields["client"] = _address(remote)
    if known.kind in _REQUESTS:
        fields |= _asked(
            told.get("request content") or told.get("request"), told.get("response"), fields
        )
        if isinstance(method := told.get("response type"), str):
            fields["operation"] = _method(method)
    elif known.kind == logs.TRACE:
        fields |= _traced(told)
    return _event(
        at if at is not None else otherwise,
        known.kind,
        str(told.get("level", "info")).lower()[:10],
        text,
        {"member": _hex(told.get("local-member-id"))} | fields,
    )


def _traced(told: dict[str, Any]) -> dict[str, Any]:
    said = told.get("steps")
    prefix, entries = traced(str(told.get("detail", "")))
    return {
        "steps": steps(said if isinstance(said, list) else ()),
        "prefix": prefix,
        "entries": entries,
    }


# --- text -----------------------------------------------------------------------------------------


def _of_text(text: str, wrapped_at: float | None, otherwise: float) -> LogEvent:
    level, at = "info", wrapped_at
    if (match := _CAPNSLOG.match(text)) is not None:
        at, level, text = _utc(match[1], "-") or at, _LETTERS.get(match[2], "info"), match[4]
    elif (match := _GO.match(text)) is not None:
        at, text = _utc(match[2], "/") or at, match[4]
        level = _WORDS.get((match[1] or match[3] or "").upper(), "info")
    elif (match := _BRACKET.match(text)) is not None:
        level, text = _WORDS.get(match[1], "info"), match[2]
    else:
        text = _PACKAGE.sub("", text)
    if text.startswith(("panic: ", "fatal error: ")):
        level = "panic"
    known, found = recognise(text)
    fields = _grouped(found)
    if known.kind in _REQUESTS:
        fields |= _asked(found.get("request"), found.get("response"), fields)
    return _event(at if at is not None else otherwise, known.kind, level, text, fields)


def _utc(text: str, mark: str) -> float | None:
    """Return unix seconds of capnslog's times, which carry no zone, and are read as UTC."""
    try:
        return datetime.fromisoformat(text.replace(mark, "-")).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


# --- both -----------------------------------------------------------------------------------------


def _event(at: float, kind: str, level: str, text: str, fields: dict[str, Any]) -> LogEvent:
    kind, host = refined(kind, text, fields.get("error", ""), fields.get("operation", ""))
    if host:
        fields["host"] = host[:_TEXT]
    if kind == "panic" and not fields.get("error"):
        fields["error"] = text[:_ERROR]
    said = pattern(text) if kind == logs.UNKNOWN else _told(kind, text)
    return LogEvent(at, kind, level, text=said, **fields)


def _told(kind: str, text: str) -> str:
    """Return the message for people; of those that carry a request, not the request."""
    return (text.partition(' "')[0] if kind in _REQUESTS else text)[:_TEXT]


def pattern(text: str) -> str:
    """Return a message with its numbers and quoted words taken out, so that alike ones are one."""
    return _NUMBERS.sub("#", _QUOTED.sub('"…"', text[: 4 * _TEXT]))[:_TEXT]


def _grouped(found: dict[str, str]) -> dict[str, Any]:
    """Turn a pattern's groups into an event's fields."""
    fields: dict[str, Any] = {}
    for name, text in found.items():
        if name in ("term", "index"):
            fields[name] = _whole(text)
        elif name == "took":
            fields["seconds"] = duration(text)
        elif name == "size":
            fields["bytes"] = number(text)
        elif name == "remote":
            fields["client"] = _address(text)
        elif name == "method":
            fields["operation"] = _method(text)
        elif name == "error":
            fields["error"] = text[:_ERROR]
        elif name in ("member", "peer", "operation"):
            fields[name] = text[:_TEXT]
    return fields


def _asked(request: object, response: object, fields: dict[str, Any]) -> dict[str, Any]:
    answer = str(response or "")
    asked = Asked(str(request or ""), answer)
    failed = answer.removeprefix("error:") if answer.startswith("error:") else ""
    return {
        "error": fields.get("error") or failed[:_ERROR],
        "operation": asked.operation,
        "prefix": asked.prefix,
        "limit": asked.limit,
        "entries": asked.entries if asked.entries is not None else fields.get("entries"),
        "bytes": asked.bytes if asked.bytes is not None else fields.get("bytes"),
    }


def _method(text: str) -> str:
    """Return the last part of /etcdserverpb.KV/DeleteRange, in the words of requests."""
    name = text.rpartition("/")[2].lower()[:40]
    return "delete" if name == "deleterange" else name


def _first(told: dict[str, Any], names: tuple[str, ...]) -> object:
    return next((told[name] for name in names if name in told), None)


def _hex(value: object) -> str:
    return value if isinstance(value, str) and _HEX.match(value) and value != "0" else ""


def _whole(value: object) -> int | None:
    found = number(value)
    return int(found) if found is not None and abs(found) < 2**63 else None


def _bounded(value: object, most: int) -> str:
    return "" if value is None else str(value)[:most]


def _address(remote: str) -> str:
    """Return the host of host:port: a client's ports say nothing."""
    host, _, port = remote.rpartition(":")
    return (host if port.isdecimal() and host else remote).strip("[]")[:_TEXT]


def of_member(event: LogEvent, member: str) -> LogEvent:
    """Return the event as one of that member, where it does not say so itself."""
    return event if event.member or not member else replace(event, member=member)
