"""Sweeps ⇄ bytes, lossless: what ``replay`` judges is to the last bit what was judged live.

A frame is a zstd'd msgpack array (``_Frame``). Readings that look alike (same source, endpoint,
member, outcome, and the same signals in the same order) share a *shape*, and their values stand in
columns, so that a frame of one second and one of some minutes are written by the same code, and the
longer one is far smaller. Signals go by name: one that this version does not know is left out.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import zstandard

from etcdscope.model.ports import Sweep
from etcdscope.model.reading import Failure, Observation, Reading
from etcdscope.model.signal import TABLE, Signal
from etcdscope.store.columns import CONST, LOST, PLAIN, Packed, pack, unpack
from etcdscope.store.facts import Plain

FORMAT: Final = 1
# What one frame may hold. The first is for the writer; the others bound what a damaged or foreign
# frame can make the reader allocate: 1 MiB of memory or so for each MiB of a frame, not more.
_WRITE_VALUES: Final = 200_000
_READ_VALUES: Final = 4_000_000
_READ_BYTES: Final = 64 * 2**20


class FrameError(ValueError):
    """A frame that cannot be read; the message says why."""


@dataclass(slots=True)
class Tally:
    """What reading had to leave out: observations of unknown signals, readings, values, rows."""

    signals: Counter[str] = field(default_factory=Counter)
    readings: Counter[str] = field(default_factory=Counter)
    values: int = 0
    rows: int = 0

    def __str__(self) -> str:
        parts = [f"{n} of signal {name}" for name, n in sorted(self.signals.items())]
        parts += [f"{n} readings failed with {name}" for name, n in sorted(self.readings.items())]
        parts += [f"{self.values} values of an unknown type"] if self.values else []
        parts += [f"{self.rows} damaged rows"] if self.rows else []
        return ", ".join(parts)


class _Shape(msgspec.Struct, array_like=True):
    source: str
    endpoint: str
    member: str
    failure: str | None
    slots: list[tuple[int, str]]  # index of the signal's name, key
    rows: int
    columns: list[list[Any]]  # at, took, detail, then one a slot


class _Frame(msgspec.Struct, array_like=True):
    format: int
    signals: list[str]
    nows: list[Any]  # a column
    counts: list[int]  # readings of each sweep
    order: list[int]  # the shape of each reading
    shapes: list[_Shape]


_to_bytes = msgspec.msgpack.Encoder()
_from_bytes = msgspec.msgpack.Decoder(_Frame)


def frames(sweeps: Iterable[Sweep]) -> Iterator[list[Sweep]]:
    """Cut sweeps into what one frame may hold."""
    batch: list[Sweep] = []
    values = 0
    for sweep in sweeps:
        values += 1 + sum(3 + len(reading.observations) for reading in sweep.readings)
        batch.append(sweep)
        if values >= _WRITE_VALUES:
            yield batch
            batch, values = [], 0
    if batch:
        yield batch


def encode(sweeps: Sequence[Sweep], level: int = 3) -> bytes:
    """Return the frame of these sweeps, of which there is at least one."""
    shapes: dict[Any, tuple[int, list[Reading]]] = {}
    order: list[int] = []
    for sweep in sweeps:
        for reading in sweep.readings:
            likeness = (
                reading.source,
                reading.endpoint,
                reading.member,
                reading.failure,
                tuple([(seen.signal, seen.key) for seen in reading.observations]),
            )
            index, alike = shapes.setdefault(likeness, (len(shapes), []))
            alike.append(reading)
            order.append(index)
    signals: dict[Signal, int] = {}
    frame = _Frame(
        FORMAT,
        [],
        pack([sweep.now for sweep in sweeps]),
        [len(sweep.readings) for sweep in sweeps],
        order,
        [_shape(likeness[4], alike, signals) for likeness, (_, alike) in shapes.items()],
    )
    frame.signals = [signal.name for signal in signals]
    try:
        raw = _to_bytes.encode(frame)
    except UnicodeEncodeError:  # bytes of a broken host name or file name, as Python carries them
        raw = _to_bytes.encode(_speakable(msgspec.to_builtins(frame)))
    return zstandard.ZstdCompressor(level, write_content_size=True).compress(raw)


def _shape(
    slots: tuple[tuple[Signal, str], ...], alike: list[Reading], signals: dict[Signal, int]
) -> _Shape:
    first = alike[0]
    columns = [
        pack([reading.at for reading in alike]),
        pack([reading.took for reading in alike]),
        pack([reading.detail for reading in alike]),
    ]
    if slots:
        rows = [[seen.value for seen in reading.observations] for reading in alike]
        columns += map(pack, zip(*rows, strict=True))
    return _Shape(
        first.source,
        first.endpoint,
        first.member,
        first.failure.value if first.failure else None,
        [(signals.setdefault(signal, len(signals)), key) for signal, key in slots],
        len(alike),
        columns,
    )


def _speakable(value: Plain) -> Plain:
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, (list, tuple)):
        return [_speakable(item) for item in value]
    if isinstance(value, dict):
        return {_speakable(key): _speakable(item) for key, item in value.items()}
    return value


def decode(data: bytes, tally: Tally) -> list[Sweep]:
    """Return the sweeps of a frame; what had to be left out is added to ``tally``.

    Errors: ``FrameError``, on anything that ``encode`` would not write.
    """
    try:
        return _decoded(_from_bytes.decode(_unzipped(data)), tally)
    except (
        ValueError,
        TypeError,
        LookupError,
        OverflowError,
        RecursionError,
        StopIteration,  # the order names more rows of a shape than it has
    ) as error:
        raise FrameError(f"not a frame of sweeps: {error}") from error
    except zstandard.ZstdError as error:
        raise FrameError(f"not a zstd frame: {error}") from error


def _unzipped(data: bytes) -> bytes:
    size = zstandard.frame_content_size(data)
    if not 0 <= size <= _READ_BYTES:
        raise FrameError("the frame does not say its size, or is too large")
    return zstandard.ZstdDecompressor(max_window_size=_READ_BYTES).decompress(data)


def _decoded(frame: _Frame, tally: Tally) -> list[Sweep]:
    if frame.format != FORMAT:
        raise FrameError(f"frames of format {frame.format} are not known here, only of {FORMAT}")
    values = sum(shape.rows * len(shape.columns) for shape in frame.shapes if shape.rows > 0)
    if values > _READ_VALUES or sum(shape.rows for shape in frame.shapes) != len(frame.order):
        raise FrameError("the frame holds too much, or not what it says")
    if sum(frame.counts) != len(frame.order) or min(frame.counts, default=0) < 0:
        raise FrameError("the frame's readings do not add up")
    rows = [iter(_readings(shape, frame.signals, tally)) for shape in frame.shapes]
    readings = [next(rows[index]) for index in frame.order]
    nows = unpack(frame.nows, len(frame.counts))
    sweeps = []
    start = 0
    for now, count in zip(nows, frame.counts, strict=True):
        seen = tuple([r for r in readings[start : start + count] if r is not None])
        sweeps.append(Sweep(now, seen))
        start += count
    return sweeps


def _readings(shape: _Shape, names: list[str], tally: Tally) -> Sequence[Reading | None]:
    try:
        failure = None if shape.failure is None else Failure(shape.failure)
    except ValueError:
        tally.readings[str(shape.failure)] += shape.rows
        return [None] * shape.rows
    ats, tooks, details = (unpack(column, shape.rows) for column in shape.columns[:3])
    return [
        Reading(shape.source, shape.endpoint, at, took, shape.member, seen, failure, detail)
        for at, took, detail, seen in zip(
            ats, tooks, details, _observations(shape, names, tally), strict=True
        )
    ]


def _observations(
    shape: _Shape, names: list[str], tally: Tally
) -> Sequence[tuple[Observation, ...]]:
    known: list[tuple[Signal, str]] = []
    columns: list[Sequence[Any]] = []
    lossy = False
    packed: Packed
    for (index, key), packed in zip(shape.slots, shape.columns[3:], strict=True):
        signal = TABLE.get(names[index])
        if signal is None:
            tally.signals[names[index]] += shape.rows
            continue
        known.append((signal, key))
        columns.append(unpack(packed, shape.rows))
        lossy = lossy or LOST in columns[-1] if packed[0] in {CONST, PLAIN} else lossy
    if not columns:
        return [()] * shape.rows
    rows = [
        tuple([Observation(s, v, k) for (s, k), v in zip(known, row, strict=True)])
        for row in zip(*columns, strict=True)
    ]
    if not lossy:
        return rows
    whole = [tuple([seen for seen in row if seen.value is not LOST]) for row in rows]
    tally.values += sum(map(len, rows)) - sum(map(len, whole))
    return whole
