"""One column of values ⇄ a short list of its kind and its content, exact to the last bit.

``[kind, …]``, by kind: 0 one value in all rows; 1 and 2 integers, and floats that are integers, as
differences to the row before; 3 floats as differences of their bit patterns, byte planes apart;
4 words; 5 histograms, their counts bucket by bucket; 6 anything else, value by value.
"""

import sys
from array import array
from collections.abc import Sequence
from itertools import accumulate, pairwise
from math import copysign
from typing import Any, Final

from etcdscope.model.reading import Histogram
from etcdscope.store.facts import Made, Plain, UnknownFact, made, plain

CONST, INTS, WHOLE, FLOATS, WORDS, HISTOGRAMS, PLAIN = range(7)
_SAFE: Final = 2**62  # differences of such still fit msgpack's integers
_EXACT: Final = 2.0**53
_FEW: Final = 4  # rows that are not worth more thought: those of a second
_SIMPLE: Final = {float, str, bool}
_LOST: Final = {"!": "lost"}

Packed = list[Any]


class _Lost:
    """Stands where a value could not be kept or made again."""


LOST: Final = _Lost()


def pack(values: Sequence[object]) -> Packed:
    """Return the column of these values, of which there is at least one."""
    kinds = set(map(type, values))
    if len(values) < _FEW and kinds <= _SIMPLE:
        return [CONST, values[0]] if len(values) == 1 else [PLAIN, list(values)]
    packed = _packed_alike(kinds.pop(), values) if len(kinds) == 1 else None
    return packed or _packed_one_by_one(values)


def _packed_alike(kind: type, values: Sequence[Any]) -> Packed | None:
    if kind is float:
        return _packed_floats(values)
    if kind is Histogram:
        return _packed_histograms(values)
    if kind is str or kind is int:
        if values.count(values[0]) == len(values):
            return _const(values[0])
        if kind is str:
            return [WORDS, list(values)]
        if all(-_SAFE < v < _SAFE for v in values):
            return [INTS, *_differences(values)]
    return None


def unpack(column: Packed, rows: int) -> Sequence[Any]:
    """Return the values of a column; ``LOST`` where one could not be made again.

    Errors: ``ValueError``, ``TypeError``, ``IndexError`` on what ``pack`` would not give.
    """
    kind = column[0]
    if kind == CONST:
        return [_made(column[1])] * rows
    if kind == INTS:
        values: Sequence[Any] = _summed(column)
    elif kind == WHOLE:
        values = list(map(float, _summed(column)))
    elif kind == FLOATS:
        values = _unpacked_floats(column[1])
    elif kind == WORDS:
        values = [str(word) for word in column[1]]
    elif kind == HISTOGRAMS:
        values = _unpacked_histograms(column, rows)
    elif kind == PLAIN:
        values = [_made(value) for value in column[1]]
    else:
        raise ValueError(f"unknown kind of column {kind!r}")
    if len(values) != rows:
        raise ValueError(f"{len(values)} values in a column of {rows}")
    return values


def _const(value: object) -> Packed:
    return [CONST, _kept(value)]


def _kept(value: object) -> Plain:
    try:
        return plain(value)
    except UnknownFact:
        return _LOST


def _made(value: Plain) -> Made:
    if type(value) is not dict and type(value) is not list:
        return value
    try:
        return made(value)
    except UnknownFact:
        return LOST


def _packed_one_by_one(values: Sequence[object]) -> Packed:
    kept = [_kept(value) for value in values]
    first = repr(kept[0])  # 1, 1.0 and True are equal, but not the same
    if all(repr(value) == first for value in kept):
        return [CONST, kept[0]]
    return [PLAIN, kept]


def _differences(values: Sequence[Any]) -> tuple[int, list[int]]:
    return int(values[0]), [b - a for a, b in pairwise(map(int, values))]


def _summed(column: Packed) -> list[int]:
    # the array lets nothing through that is not an integer
    return list(accumulate(array("q", column[2]), initial=int(column[1])))


def _packed_floats(values: Sequence[Any]) -> Packed:
    doubles = array("d", values)
    raw = doubles.tobytes()
    if raw == raw[:8] * len(values):
        return _const(values[0])
    if all(v.is_integer() and -_EXACT < v < _EXACT for v in values) and not any(
        v == 0.0 and copysign(1.0, v) < 0 for v in values
    ):
        return [WHOLE, *_differences(values)]
    bits = array("q", raw)
    return [FLOATS, _planes(array("Q", [bits[0] % 2**64, *_wrapped(bits)]))]


def _wrapped(bits: Sequence[int]) -> list[int]:
    return [(b - a) % 2**64 for a, b in pairwise(bits)]


def _planes(words: "array[int]") -> bytes:
    if sys.byteorder == "big":
        words.byteswap()
    raw = words.tobytes()
    return b"".join(raw[plane::8] for plane in range(8))


def _unpacked_floats(planes: bytes) -> Sequence[float]:
    rows, odd = divmod(len(planes), 8)
    if odd or not rows:
        raise ValueError("a column of floats is cut")
    raw = bytearray(len(planes))
    for plane in range(8):
        raw[plane::8] = planes[plane * rows : (plane + 1) * rows]
    words = array("Q", bytes(raw))
    if sys.byteorder == "big":
        words.byteswap()
    bits = array("Q", [bit % 2**64 for bit in accumulate(words)])
    return array("d", bits.tobytes())


def _packed_histograms(values: Sequence[Any]) -> Packed | None:
    first: Histogram = values[0]
    buckets = len(first.counts)
    if not buckets or any(len(v.counts) != buckets for v in values):
        return None
    bounds = pack(first.bounds) if first.bounds else [CONST, None]
    for value in values:
        if value.bounds is not first.bounds and pack(value.bounds or (None,)) != bounds:
            return None
    counts = [count for bucket in zip(*(v.counts for v in values), strict=True) for count in bucket]
    totals = [v.total for v in values]
    return [HISTOGRAMS, len(first.bounds), bounds, buckets, pack(counts), pack(totals)]


def _unpacked_histograms(column: Packed, rows: int) -> list[Histogram]:
    _, length, packed_bounds, buckets, packed_counts, packed_totals = column
    bounds = tuple(unpack(packed_bounds, length)) if length else ()
    counts = unpack(packed_counts, rows * buckets)
    totals = unpack(packed_totals, rows)
    by_bucket = [counts[start : start + rows] for start in range(0, rows * buckets, rows)]
    return [
        Histogram(bounds, row, total)
        for row, total in zip(zip(*by_bucket, strict=True), totals, strict=True)
    ]
