"""Prometheus' text format, read by remembering where everything stood last time.

An endpoint gives the same lines in the same order from scrape to scrape, and most of them with
the same value: 1,450 of etcd's 1,800 lines count gRPC methods that nobody calls. So a body is cut
into lines, compared with the lines of the last one, and only what differs is looked at.
"""

import re
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from math import inf
from operator import ne
from typing import NamedTuple

from etcdscope.model.reading import Histogram, Observation
from etcdscope.model.signal import Kind, Signal

_SAMPLE = re.compile(
    rb"[ \t]*+([a-zA-Z_:][\w:]*+)[ \t]*+"
    rb'(?:\{((?:[^"}]|"(?:[^"\\]|\\.)*+")*+)\})?[ \t]*+(?=[^\s{])'
)
_LABEL = re.compile(rb'\s*+([a-zA-Z_]\w*+)\s*+=\s*+"((?:[^"\\]|\\.)*+)"\s*+(?:,|$)')
_ESCAPE = re.compile(rb'\\([\\"n])')
_MEANT = {b"\\": b"\\", b'"': b'"', b"n": b"\n"}
# The one series whose label, not value, is wanted: it says which member answers.
_IDENTITY = b"etcd_server_id"
# Every member of a cluster has the same some 1,500 lines that say 0; more come from no etcd.
_MOST_SHARED = 10_000
_NOBODY = -1

Labels = dict[str, str]


class MalformedError(ValueError):
    """The body is not Prometheus' text format; the message quotes the line."""


class _Part(NamedTuple):
    """What a series' name stands for. ``rank``: 0 for a signal's preferred name."""

    signal: Signal
    rank: int
    bucket: bool = False


@dataclass(slots=True)
class _Group:
    """The lines that make up one observation; in a histogram one row of lines a bound."""

    signal: Signal
    key: str
    rows: dict[float, list[int]] = field(default_factory=dict)
    sums: "array[int]" = field(default_factory=lambda: array("L"))

    @property
    def whole(self) -> bool:
        """Return whether nothing is missing: a histogram has a bucket without end."""
        return bool(self.sums) and (self.signal.kind is not Kind.HISTOGRAM or inf in self.rows)

    def lines(self) -> Iterator[int]:
        """Yield the numbers of all its lines."""
        yield from self.sums
        for row in self.rows.values():
            yield from row

    def observe(self, values: Sequence[float]) -> Observation:
        """Add up what the lines say."""
        total = sum([values[i] for i in self.sums])
        if self.signal.kind is not Kind.HISTOGRAM:
            return Observation(self.signal, total, self.key)
        counts = tuple([sum([values[i] for i in row]) for row in self.rows.values()])
        return Observation(self.signal, Histogram(tuple(self.rows), counts, total), self.key)


class Names:
    """Which series are wanted, by the name that stands in the text."""

    def __init__(self, signals: Mapping[str, Signal], beside: Iterable[Signal] = ()) -> None:
        self.parts: dict[bytes, tuple[_Part, ...]] = {}
        for name, signal in signals.items():
            self._want(name, signal)
        for signal in beside:
            for name in signal.metrics:
                self._want(name, signal)

    def _want(self, name: str, signal: Signal) -> None:
        rank, text = signal.metrics.index(name), name.encode()
        if signal.kind is Kind.HISTOGRAM:
            self._add(text + b"_bucket", _Part(signal, rank, bucket=True))
            self._add(text + b"_sum", _Part(signal, rank))
        else:
            self._add(text, _Part(signal, rank))

    def _add(self, text: bytes, part: _Part) -> None:
        if part not in (known := self.parts.get(text, ())):
            self.parts[text] = (*known, part)


@dataclass(slots=True)
class _Page:
    """One endpoint's last body: its lines, what stands where, and what it came to."""

    member: str = ""
    lines: list[bytes] = field(default_factory=list)
    # Length of the name and labels at a line's start; 0 where the whole line must stay.
    heads: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    owners: list[int] = field(default_factory=list)  # of each line the group, or _NOBODY
    beside: dict[int, list[int]] = field(default_factory=dict)  # a line's further groups
    asleep: bytearray = field(default_factory=bytearray)  # 1: says 0, and would count otherwise
    groups: list[_Group] = field(default_factory=list)
    seen: list[Observation] = field(default_factory=list)  # one a group

    def follow(self, lines: list[bytes]) -> bool:
        """Take over what has changed; say False, changing nothing, if other series stand here."""
        before, heads, owners = self.lines, self.heads, self.owners
        if len(lines) != len(before):
            return False
        changed = list(compress(range(len(lines)), map(ne, lines, before)))
        values = {}
        for i in changed:
            line, head = lines[i], heads[i]
            if not head or line[:head] != before[i][:head] or self.asleep[i]:
                return False
            if owners[i] != _NOBODY:
                try:
                    values[i] = _number(line[head:])
                except ValueError:
                    return False
        for i, value in values.items():
            self.values[i] = value
        for i in changed:
            before[i] = lines[i]
        touched = {owners[i] for i in values}
        touched.update(*(self.beside[i] for i in values if i in self.beside))
        for owner in touched:
            self.seen[owner] = self.groups[owner].observe(self.values)
        return True

    def settle(self, found: Mapping[tuple[Signal, int, str], _Group]) -> None:
        """Keep whole groups, of each signal only under the best name that is there."""
        best: dict[Signal, int] = {}
        for signal, rank, _ in found:
            best[signal] = min(rank, best.get(signal, rank))
        for (signal, rank, _), group in found.items():
            if rank == best[signal] and group.whole:
                group.rows = dict(sorted(group.rows.items()))
                for i in group.lines():
                    self._belongs(i, len(self.groups))
                self.groups.append(group)
                self.seen.append(group.observe(self.values))

    def _belongs(self, line: int, group: int) -> None:
        if self.owners[line] == _NOBODY:
            self.owners[line] = group
        else:
            self.beside.setdefault(line, []).append(group)


class Layout:
    """Reads the bodies of one endpoint, each by what it remembers of the last.

    ``shared``: lines that many endpoints have in common, kept once for all of them.
    """

    def __init__(self, names: Names, shared: dict[bytes, bytes]) -> None:
        self._names = names
        self._shared = shared
        self._page = _Page()

    @property
    def member(self) -> str:
        """Return the hex id of the member that gave the last body, empty where it told none."""
        return self._page.member

    def read(self, body: bytes) -> tuple[Observation, ...]:
        """Return what the body says of the wanted series. Errors: MalformedError.

        A last line without its newline may have been cut, and is not believed; neither is a
        histogram without its last bucket. A body is read the same whatever came before it.
        """
        lines = body.split(b"\n")
        lines[-1] = b""
        if not self._page.follow(lines):
            self._page = self._learn(lines)
        return tuple(self._page.seen)

    def _learn(self, lines: list[bytes]) -> _Page:
        page = _Page(lines=[self._kept(line) for line in lines])
        page.values = [0.0] * len(lines)
        page.owners = [_NOBODY] * len(lines)
        page.asleep = bytearray(len(lines))
        found: dict[tuple[Signal, int, str], _Group] = {}
        known: set[tuple[bytes, frozenset[tuple[str, str]]]] = set()
        for i, line in enumerate(lines):
            sample = _sample(line, i)
            page.heads.append(sample.end() if sample else 0)
            if sample is None:
                continue
            if sample[1] == _IDENTITY:
                page.member = _labels(sample[2] or b"", i).get("server_id", "")
            if (parts := self._names.parts.get(sample[1])) is None:
                continue
            labels = _labels(sample[2] or b"", i)
            series = (sample[1], frozenset(labels.items()))
            parts = tuple(part for part in parts if _counts(part.signal, labels))
            if series in known or not parts:
                continue  # of a series told twice, Prometheus too takes the first
            known.add(series)
            page.values[i] = _value(line, sample.end(), i)
            for part in parts:
                _take(page, found, part, labels, i)
        page.settle(found)
        return page

    def _kept(self, line: bytes) -> bytes:
        if line.endswith(b" 0") and len(self._shared) < _MOST_SHARED:
            return self._shared.setdefault(line, line)
        return line


# A line as Go's client library writes it, without escapes; the usual case, in one pass.
_QUICK = re.compile(rb'[a-zA-Z_:][\w:]*(?:\{((?:\w+="[^"\\]*",?)*)\})? ([^ ]+)')
_PAIR = re.compile(rb'(\w+)="([^"]*)"')


class _Wanted(NamedTuple):
    """A part with its label names and values as they stand in the text."""

    part: _Part
    by: tuple[bytes, ...]
    where: tuple[tuple[bytes, bytes], ...]
    unless: tuple[tuple[bytes, bytes], ...]

    @classmethod
    def of(cls, part: _Part) -> "_Wanted":
        signal = part.signal
        by = tuple(name.encode() for name in signal.by.split(" ")) if signal.by else ()
        where = tuple((name.encode(), value.encode()) for name, value in signal.where)
        return cls(
            part, by, where, tuple((name.encode(), value.encode()) for name, value in signal.unless)
        )

    def counts(self, labels: dict[bytes, bytes]) -> bool:
        """Return whether a series counts for the signal."""
        for name, value in self.where:
            if labels.get(name) != value:
                return False
        return not any(labels.get(name) == value for name, value in self.unless)


class Sums:
    """Reads one body line by line, and keeps sums alone: for what is large and asked for seldom.

    A body of megabytes costs as much memory as it has observations. No line is compared with the
    last body's. Otherwise it reads as ``Layout`` does.
    """

    def __init__(self, names: Names) -> None:
        self._parts = {name: tuple(map(_Wanted.of, parts)) for name, parts in names.parts.items()}
        self._totals: dict[tuple[Signal, int, str], float] = {}
        self._counts: dict[tuple[Signal, int, str], dict[float, float]] = {}
        self._lines = 0

    def take(self, line: bytes) -> None:
        """Take one line in. Errors: MalformedError, of a wanted line only."""
        self._lines += 1
        end = line.find(b"{")
        parts = self._parts.get(line[: end if end >= 0 else line.find(b" ")])
        if parts is None:
            return
        quick = _QUICK.fullmatch(line)
        labels = dict(_PAIR.findall(quick[1] or b"")) if quick else self._slowly(line)
        value = _value(line, quick.start(2) if quick else line.rfind(b"}") + 1, self._lines)
        for wanted in parts:
            if wanted.counts(labels) and (value or not wanted.part.signal.sparse):
                self._add(wanted, labels, value)

    def _slowly(self, line: bytes) -> dict[bytes, bytes]:
        """Read the labels of a line that is not written as Go writes it, or has escapes in it."""
        sample = _sample(line, self._lines)
        labels = _labels(sample[2] or b"", self._lines) if sample else {}
        return {name.encode(): value.encode() for name, value in labels.items()}

    def _add(self, wanted: _Wanted, labels: dict[bytes, bytes], value: float) -> None:
        part = wanted.part
        key = b"/".join([labels.get(name, b"") for name in wanted.by])
        at = (part.signal, part.rank, key.decode(errors="replace"))
        if part.bucket:
            row = self._counts.setdefault(at, {})
            bound = _bound({"le": labels.get(b"le", b"").decode()}, self._lines)
            row[bound] = row.get(bound, 0.0) + value
        else:
            self._totals[at] = self._totals.get(at, 0.0) + value

    def observed(self) -> Iterator[Observation]:
        """Yield what all lines came to, of each signal under the best name that was there."""
        best: dict[Signal, int] = {}
        for signal, rank, _ in self._totals:
            best[signal] = min(rank, best.get(signal, rank))
        for at, total in self._totals.items():
            signal, rank, key = at
            if rank != best[signal]:
                continue
            if signal.kind is not Kind.HISTOGRAM:
                yield Observation(signal, total, key)
            elif inf in (row := self._counts.get(at, {})):
                bounds = tuple(sorted(row))
                counts = tuple(row[bound] for bound in bounds)
                yield Observation(signal, Histogram(bounds, counts, total), key)


def _take(
    page: _Page, found: dict[tuple[Signal, int, str], _Group], part: _Part, labels: Labels, i: int
) -> None:
    """Let a line count for one of the signals that want it."""
    if part.signal.sparse and not page.values[i]:
        page.asleep[i] = 1
        return
    key = _key(part.signal, labels)
    group = found.setdefault((part.signal, part.rank, key), _Group(part.signal, key))
    (group.rows.setdefault(_bound(labels, i), []) if part.bucket else group.sums).append(i)


def _key(signal: Signal, labels: Labels) -> str:
    return "/".join(labels.get(name, "") for name in signal.by.split(" ")) if signal.by else ""


def _sample(line: bytes, i: int) -> re.Match[bytes] | None:
    """Find name and labels; None for a comment or an empty line."""
    sample = _SAMPLE.match(line)
    if sample is None and line.strip() and not line.lstrip().startswith(b"#"):
        raise MalformedError(f"line {i + 1} is no metric: {_quoted(line)}")
    return sample


def _counts(signal: Signal, labels: Labels) -> bool:
    wanted = all(labels.get(name) == value for name, value in signal.where)
    return wanted and all(labels.get(name) != value for name, value in signal.unless)


def _number(text: bytes) -> float:
    try:
        return float(text) or 0.0  # one zero for all, not one object each
    except ValueError:
        return float(text.split(None, 1)[0])  # a time, or an exemplar, follows


def _value(line: bytes, head: int, i: int) -> float:
    try:
        return _number(line[head:])
    except ValueError:
        raise MalformedError(f"line {i + 1} has no number: {_quoted(line)}") from None


def _bound(labels: Labels, i: int) -> float:
    try:
        return float(labels["le"])
    except (KeyError, ValueError):
        raise MalformedError(f"line {i + 1} is a bucket without a bound") from None


def _labels(text: bytes, i: int) -> Labels:
    labels: Labels = {}
    at = 0
    while at < len(text):
        label = _LABEL.match(text, at)
        if label is None:
            if not text[at:].strip():
                break
            raise MalformedError(f"line {i + 1} has malformed labels: {_quoted(text)}")
        value = (
            _ESCAPE.sub(lambda found: _MEANT[found[1]], label[2]) if b"\\" in label[2] else label[2]
        )
        labels[label[1].decode()] = value.decode(errors="replace")
        at = label.end()
    return labels


def _quoted(line: bytes) -> str:
    return repr(line[:60].decode(errors="replace"))
