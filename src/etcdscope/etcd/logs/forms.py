"""The forms in which etcd's lines come: bare, or wrapped by journald, a container runtime, Docker.

Each form gives the plain line, and the time that the wrapping knows.
"""

import re
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from etcdscope.etcd.logs.quantities import moment

_CRI = re.compile(r"^(\d{4}-\d\d-\d\dT\S+) (stdout|stderr) ([FP])(?: (.*))?$", re.DOTALL)
# What journalctl puts between the time and the message: host, program, and its process id.
_BY = r" \S+ [\w.@/\-]+(?:\[\d+\])?: (?P<rest>.*)$"
_JOURNAL_SHORT = re.compile(
    r"^(?P<short>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d+)?)" + _BY, re.DOTALL
)
_JOURNAL_ISO = re.compile(
    r"^(?P<iso>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d+)?[+-]\d\d:?\d\d)" + _BY, re.DOTALL
)


class Line(NamedTuple):
    """A plain line. ``told``: what it says where it is JSON; ``whole``: no more of it follows."""

    text: str
    at: float | None = None
    whole: bool = True
    told: dict[str, object] | None = None


_decode = msgspec.json.Decoder(dict[str, object]).decode


def unwrapped(line: str, now: float) -> Line:
    """Return the plain line of whatever wraps it. ``now`` gives the year that some leave out."""
    if line.startswith("{"):
        told = _json(line)
        return _of_json(told, line) if told is not None else Line(line)
    if (match := _CRI.match(line)) is not None:
        inner = match[4] or ""
        return _inner(inner, moment(match[1]), whole=match[3] == "F")
    if (match := _JOURNAL_ISO.match(line)) is not None:
        return _inner(match["rest"], moment(match["iso"].replace(",", ".")))
    if (match := _JOURNAL_SHORT.match(line)) is not None:
        return _inner(match["rest"], _without_year(match["short"], now))
    return Line(line)


def _inner(text: str, at: float | None, *, whole: bool = True) -> Line:
    if text.startswith("{") and whole and (told := _json(text)) is not None:
        return Line(text, at, told=told)
    return Line(text, at, whole)


def _json(text: str) -> dict[str, object] | None:
    try:
        return _decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return None


def _of_json(told: dict[str, object], line: str) -> Line:
    if isinstance(text := told.get("log"), str) and "stream" in told:  # Docker's json-file
        at = moment(told.get("time"))
        return _inner(text.rstrip("\n"), at, whole=text.endswith("\n"))
    if "__REALTIME_TIMESTAMP" in told and "MESSAGE" in told:
        message, micros = told["MESSAGE"], str(told["__REALTIME_TIMESTAMP"])
        at = int(micros) / 1e6 if micros.isdecimal() and len(micros) < 20 else None
        return _inner(_words(message), at)
    return Line(line, told=told)


def _words(message: object) -> str:
    """Return journald's message, which is a list of bytes where it is no UTF-8."""
    if isinstance(message, list):
        octets = bytes(b for b in message if isinstance(b, int) and 0 <= b < 256)
        return octets.decode(errors="replace")
    return message if isinstance(message, str) else ""


def _without_year(text: str, now: float) -> float | None:
    """Return the latest such moment that is not ahead by more than a day; read as UTC."""
    year = datetime.fromtimestamp(now, UTC).year
    form = "%Y %b %d %H:%M:%S.%f" if "." in text else "%Y %b %d %H:%M:%S"
    for guess in (year + 1, year, year - 1):
        try:
            at = datetime.strptime(f"{guess} {text}", form).replace(tzinfo=UTC).timestamp()
        except ValueError:
            continue
        if at <= now + 86_400:
            return at
    return None
