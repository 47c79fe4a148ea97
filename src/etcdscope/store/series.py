"""Samples of the slots → points for a chart: one value a step."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from etcdscope.store.chunks import Floats

How = Literal["last", "mean", "min", "max", "rate", "p50", "p90", "p99"]
MOST_POINTS: Final = 50_000


@dataclass(frozen=True, slots=True)
class Points:
    """A series over a span: ``at`` (unix seconds, the end of each step), and NaN for no value."""

    at: Floats
    value: Floats


@dataclass(frozen=True, slots=True)
class Run:
    """A span in which a state was the same word; ``end`` is that of its last slot."""

    begin: float
    end: float
    word: str


def reduced(samples: Floats, slots: int, how: How, seconds: float) -> Floats:
    """Return one value for each ``slots`` samples of a gauge or counter.

    ``seconds``: of a step; a rate is a counter's growth per second, a fall being a reset.
    """
    if how == "rate":
        return _summed(grown(samples), slots) / seconds
    rows = samples.reshape(-1, slots)
    if how == "max":
        return np.asarray(np.fmax.reduce(rows, axis=1), np.float64)
    if how == "min":
        return np.asarray(np.fmin.reduce(rows, axis=1), np.float64)
    if how == "last":
        place = slots - 1 - np.argmax(~np.isnan(rows[:, ::-1]), axis=1)
        return np.asarray(rows[np.arange(len(rows)), place], np.float64)
    counts = np.count_nonzero(~np.isnan(rows), axis=1)
    return np.asarray(np.nansum(rows, axis=1) / np.where(counts, counts, np.nan), np.float64)


def grown(samples: Floats) -> Floats:
    """Return by how much each sample exceeds the one before; NaN for the first, and for none.

    After a reset (any count fell) what is there is what has grown.
    """
    growth = np.full(samples.shape, np.nan)
    seen = np.flatnonzero(~np.isnan(samples if samples.ndim == 1 else samples[:, 0]))
    if len(seen) < 2:
        return growth
    steps = np.diff(samples[seen], axis=0)
    fell = steps < 0 if steps.ndim == 1 else (steps[:, :-1] < 0).any(axis=1)
    steps[fell] = samples[seen[1:]][fell]
    growth[seen[1:]] = steps
    return growth


def _summed(growth: Floats, slots: int) -> Floats:
    rows = growth.reshape(-1, slots, *growth.shape[1:])
    none = np.isnan(rows).all(axis=1)
    total: Floats = np.nansum(rows, axis=1)
    total[none] = np.nan
    return total


def of_histogram(
    samples: Floats, slots: int, how: How, seconds: float, bounds: tuple[float, ...]
) -> Floats:
    """Return one value for each ``slots`` samples of a histogram (cumulative counts, then the sum).

    Of what was counted within the step: values per second (``rate``), their mean, or a quantile,
    linear within the bucket. NaN where nothing was counted.
    """
    growth = _summed(grown(samples), slots)
    counts, total = growth[:, :-1], growth[:, -1]
    number = counts[:, -1]
    if how == "rate":
        return number / seconds
    some = np.where(number > 0, number, np.nan)
    if how in {"mean", "last"}:
        return total / some
    shares = {"min": 0.0, "p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
    return _quantile(counts, some * shares[how], np.array(bounds))


def _quantile(counts: Floats, wanted: Floats, bounds: Floats) -> Floats:
    inside = np.argmax(counts >= np.nan_to_num(wanted)[:, None], axis=1)
    rows = np.arange(len(counts))
    upper = bounds[inside]
    lower = np.where(inside > 0, bounds[np.maximum(inside - 1, 0)], 0.0)
    below = np.where(inside > 0, counts[rows, np.maximum(inside - 1, 0)], 0.0)
    width = counts[rows, inside] - below
    share = np.where(width > 0, (wanted - below) / np.where(width > 0, width, 1.0), 1.0)
    value = np.where(
        np.isinf(upper), lower, lower + (np.where(np.isinf(upper), 0, upper) - lower) * share
    )
    return np.where(np.isnan(wanted), np.nan, value)


def runs(samples: Floats, begin: int, slot: float, words: dict[int, str]) -> list[Run]:
    """Return the spans of equal words; slots without a sample within one span belong to it."""
    seen = np.flatnonzero(~np.isnan(samples))
    if not len(seen):
        return []
    codes = samples[seen].astype(int)
    # a silence of more than a minute ends a span: nobody knows what was in between
    edges = np.flatnonzero((np.diff(codes) != 0) | (np.diff(seen) > 12)) + 1
    found = []
    for part in np.split(np.arange(len(seen)), edges):
        first, last = int(seen[part[0]]), int(seen[part[-1]])
        word = words.get(int(codes[part[0]]), "?")
        found.append(Run((begin + first) * slot, (begin + last + 1) * slot, word))
    return found
