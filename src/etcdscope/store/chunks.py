"""An hour of one series ⇄ bytes: about a byte a sample.

Integers, and decimals of up to six places, as differences in the smallest type that holds them;
durations rounded to one part in 4 000; histograms as what each bucket alone gained. All is zstd'd
but constants, which take ten bytes. Missing samples are NaN.
"""

from typing import Any, Final

import numpy as np
import zstandard
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LENGTH: Final = 720  # slots in a chunk: an hour
CONST, DECIMALS, SINGLES, DOUBLES, BUCKETS = range(5)
_HOLES, _ZIPPED = 1, 2
_SCALES: Final = (1.0, 100.0, 1e3, 1e6)
_EXACT: Final = 2.0**53
_TYPES: Final = ("<i1", "<i2", "<i4", "<i8")
_LARGEST: Final = 8 * LENGTH * 1_000  # of a thousand buckets


def pack(values: Floats, *, rounded: bool) -> bytes:
    """Return one chunk; ``values`` has one row a slot, and more than one column for buckets."""
    present = ~np.isnan(values if values.ndim == 1 else values[:, 0])
    seen = values[present]
    if values.ndim == 2:
        kind, body = BUCKETS, _packed_buckets(seen)
    elif not len(seen):
        return b""
    elif (seen == seen[0]).all():
        kind, body = CONST, seen[:1].astype("<f8").tobytes()
    else:
        kind, body = _packed_numbers(seen, rounded=rounded)
    flags = 0
    if not present.all():
        flags, body = _HOLES, np.packbits(present).tobytes() + body
    if len(body) > 20:
        flags, body = flags | _ZIPPED, zstandard.ZstdCompressor(3).compress(body)
    return bytes((kind, flags)) + body


def unpack(data: bytes) -> Floats:
    """Return the values of a chunk; raises ``ValueError`` if they are damaged."""
    if not data:
        return np.full(LENGTH, np.nan)
    present = np.ones(LENGTH, dtype=np.bool_)
    try:
        kind, flags, body = data[0], data[1], data[2:]
        if flags & _ZIPPED:
            body = zstandard.ZstdDecompressor().decompress(body, max_output_size=_LARGEST)
        if flags & _HOLES:
            size = LENGTH // 8
            present = np.unpackbits(np.frombuffer(body[:size], np.uint8)).astype(np.bool_)
            body = body[size:]
        seen = _unpacked(kind, body)
    except (zstandard.ZstdError, IndexError) as error:
        raise ValueError(f"a damaged chunk: {error}") from error
    values = np.full((LENGTH, *seen.shape[1:]), np.nan)
    values[present] = seen
    return values


def _unpacked(kind: int, body: bytes) -> Floats:
    if kind == CONST:
        return np.frombuffer(body, "<f8")
    if kind == DECIMALS:
        return _integers(body[1:]) / _SCALES[body[0]]
    if kind == SINGLES:
        planes = np.frombuffer(body, np.uint8).reshape(4, -1)
        return np.ascontiguousarray(planes.T).view("<f4").ravel().astype(np.float64)
    if kind == DOUBLES:
        return np.frombuffer(body, "<f8")
    if kind == BUCKETS:
        return _unpacked_buckets(body)
    raise ValueError(f"a chunk of unknown kind {kind}")


def _packed_numbers(seen: Floats, *, rounded: bool) -> tuple[int, bytes]:
    for index, scale in enumerate(_SCALES if (np.abs(seen) < _EXACT).all() else ()):
        scaled = np.rint(seen * scale)
        if (np.abs(scaled) < _EXACT).all() and (scaled / scale == seen).all():
            return DECIMALS, bytes((index,)) + _differences(scaled)
    if rounded and (np.abs(seen[np.isfinite(seen)]) < 1e38).all():
        bits = seen.astype("<f4").view("<u4")
        bits = np.where(np.isfinite(seen), (bits + 0x800) & 0xFFFFF000, bits).astype("<u4")
        return SINGLES, np.ascontiguousarray(bits.view(np.uint8).reshape(-1, 4).T).tobytes()
    return DOUBLES, seen.astype("<f8").tobytes()


def _differences(whole: NDArray[Any]) -> bytes:
    """Return the first integer, the type of the rest and the differences."""
    integers = whole.astype("<i8")
    steps = np.diff(integers)
    reach = int(np.abs(steps).max(initial=0))
    code = next(i for i, bits in enumerate((7, 15, 31, 64)) if reach < 2**bits)
    return bytes((code,)) + integers[:1].tobytes() + steps.astype(_TYPES[code]).tobytes()


def _integers(body: bytes) -> Floats:
    first = np.frombuffer(body[1:9], "<i8")
    steps = np.frombuffer(body[9:], _TYPES[body[0]])
    return np.cumsum(np.concatenate((first, steps.astype("<i8")))).astype(np.float64)


def _packed_buckets(seen: Floats) -> bytes:
    """Columns are the cumulative counts by bound and, last, the sum; to the microsecond."""
    alone = np.diff(seen[:, :-1], axis=1, prepend=0.0)
    columns = [*alone.T, np.clip(seen[:, -1], -_EXACT, _EXACT) * 1e6]
    parts = [
        _differences(np.clip(np.nan_to_num(np.rint(column)), -_EXACT, _EXACT)) for column in columns
    ]
    lengths = np.array([len(part) for part in parts], "<u4")
    return bytes((len(parts) >> 8, len(parts) & 255)) + lengths.tobytes() + b"".join(parts)


def _unpacked_buckets(body: bytes) -> Floats:
    count = body[0] << 8 | body[1]
    lengths = np.frombuffer(body[2 : 2 + 4 * count], "<u4")
    ends = 2 + 4 * count + np.cumsum(lengths)
    columns = [
        _integers(body[end - length : end])
        for end, length in zip(ends.tolist(), lengths.tolist(), strict=True)
    ]
    total = columns.pop() / 1e6
    return np.column_stack((np.cumsum(np.column_stack(columns), axis=1), total))
