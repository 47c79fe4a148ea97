"""The text of a story: what happens when, and what should be told. README.md has the words."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from etcdscope.model.reading import Histogram, Value

RULE = "----"
_UNITS = {
    "ms": 0.001,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86_400.0,
    "KiB": 2.0**10,
    "MiB": 2.0**20,
    "GiB": 2.0**30,
    "%": 0.01,
    "/s": 1.0,
    "": 1.0,
}
_AMOUNT = re.compile(r"(-?\d+(?:\.\d+)?)(ms|s|m|h|d|KiB|MiB|GiB|%|/s|)")


class StoryError(Exception):
    """A story cannot be read. The message says where."""


@dataclass(frozen=True)
class Event:
    """One thing that happens: to whom, what, and with which settings. ``who`` may be empty."""

    at: float
    who: str
    verb: str
    words: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Story:
    """One incident told as text; times in seconds from its begin."""

    title: str
    members: tuple[str, ...]
    settings: Mapping[str, str]
    flags: frozenset[str]
    events: tuple[Event, ...]
    end: float
    asked: str
    told: tuple[str, ...]


def amount(text: str) -> float:
    """Return a number with its unit taken in: seconds, bytes, shares."""
    match = _AMOUNT.fullmatch(text)
    if not match:
        raise StoryError(f"{text!r} is not an amount such as 300ms, 2GiB, 80% or 17")
    return float(match[1]) * _UNITS[match[2]]


def value(text: str) -> Value:
    """Read a number, a word, or what a histogram counted: ``3*2500`` is three of 2500 each."""
    count, times, each = text.partition("*")
    if times:
        return Histogram((float("inf"),), (amount(count),), amount(count) * amount(each))
    try:
        return amount(text)
    except StoryError:
        return text


def read(path: Path) -> Story:
    """Return the story in a file."""
    try:
        return parse(path.read_text())
    except StoryError as error:
        raise StoryError(f"{path.name}: {error}") from None


def parse(text: str) -> Story:
    """Return the story that a text tells."""
    asked, _, told = text.partition(f"{RULE}\n")
    lines = [line for line in asked.splitlines() if line.strip()]
    title = " ".join(line.lstrip("# ") for line in lines if line.startswith("#"))
    rest = [line.split("  #")[0].strip() for line in lines if not line.startswith("#")]
    if not rest or not rest[0].startswith("cluster "):
        raise StoryError("the first line says which members there are: cluster m1 m2 m3 leader=m1")
    words, settings = _split(rest[0].split()[1:])
    flags = frozenset(line for line in rest[1:] if not line[0].isdigit())
    events = [e for line in rest[1:] if line[0].isdigit() for e in _events(line)]
    ends = [e.at for e in events if e.verb == "end"]
    if not ends or events != sorted(events, key=lambda e: e.at):
        raise StoryError("times go forward, and the last line says: 30s end")
    happens = tuple(e for e in events if e.verb != "end" and (e.verb or e.settings))
    return Story(title, words, settings, flags, happens, ends[0], asked, tuple(told.splitlines()))


def _events(line: str) -> list[Event]:
    time, _, rest = line.partition(" ")
    parts = [p for p in re.split(r"\s{2,}|;", rest.strip()) if p.strip()]
    return [_event(amount(time), part.split()) for part in parts] or [Event(amount(time), "", "")]


def _event(at: float, tokens: Sequence[str]) -> Event:
    words, settings = _split(tokens)
    if len(words) == 1 and not settings:
        return Event(at, "", words[0])
    who, verb = (*words, "", "")[:2]
    return Event(at, who, verb, words[2:], settings)


def _split(tokens: Sequence[str]) -> tuple[tuple[str, ...], Mapping[str, str]]:
    settings = dict(t.split("=", 1) for t in tokens if "=" in t)
    return tuple(t for t in tokens if "=" not in t), settings
