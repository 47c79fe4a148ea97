"""Samples in the file → points and runs for a chart."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, floor
from typing import Final, NamedTuple

import apsw
import numpy as np

from etcdscope.store import samples
from etcdscope.store.chunks import Floats
from etcdscope.store.database import rows
from etcdscope.store.sampler import SLOT
from etcdscope.store.series import How, Points, Run, of_histogram, reduced, runs

MOST_POINTS: Final = 50_000
_PIECE: Final = int(86_400 / SLOT)
_LOOK_BACK: Final = 12  # slots before the beginning, for the growth up to the first step


@dataclass(frozen=True, slots=True)
class Wanted:
    """One line of a chart: a series, and how its samples are made into points."""

    member: str
    signal: str
    key: str = ""
    how: How = "mean"


class _Grid(NamedTuple):
    """The slots from ``first`` to ``last`` (exclusive), so many to a step."""

    first: int
    last: int
    slots: int


def draw(
    connection: apsw.Connection,
    cluster: int,
    wanted: Sequence[Wanted],
    span: tuple[float, float],
    step: float,
) -> list[Points]:
    """Return the lines, at the same points in time.

    The step is rounded up to whole slots, and further where there would be too many points.
    """
    begin, end = span
    slots = max(ceil(step / SLOT), ceil((end - begin) / SLOT / MOST_POINTS), 1)
    first = floor(begin / SLOT / slots) * slots
    grid = _Grid(first, max(ceil(end / SLOT / slots) * slots, first + slots), slots)
    at = np.arange(first + slots, grid.last + slots, slots) * np.float64(SLOT)
    lines: list[list[Floats]] = [[] for _ in wanted]
    for piece in _pieces(grid):
        fresh = _fresh_rows(connection, cluster, piece.first, piece.last)
        for line, one in zip(lines, wanted, strict=True):
            line.append(_line(connection, cluster, one, piece, fresh))
    return [Points(at, np.concatenate(line)) for line in lines]


def _pieces(grid: _Grid) -> Iterator[_Grid]:
    """Yield the grid a day or so at a time: a month of a histogram's slots is 100 MB."""
    length = max(_PIECE // grid.slots, 1) * grid.slots
    for first in range(grid.first, grid.last, length):
        yield _Grid(first, min(first + length, grid.last), grid.slots)


def _line(
    connection: apsw.Connection,
    cluster: int,
    wanted: Wanted,
    grid: _Grid,
    fresh: Sequence[samples.FreshRow],
) -> Floats:
    first, last, slots = grid
    back = ceil(_LOOK_BACK / slots) * slots
    whole = np.full((last - first) // slots, np.nan)
    for series, bounds in _series(connection, cluster, wanted):
        values = samples.load(connection, series, first - back, last, fresh)
        if bounds:
            edges = tuple(map(float, bounds.split(" ")))
            if values.shape[1:] != (len(edges) + 1,):
                continue
            line = of_histogram(values, slots, wanted.how, slots * SLOT, edges)
        else:
            line = reduced(values, slots, wanted.how, slots * SLOT)
        line = line[back // slots :]
        whole = np.where(np.isnan(whole), line, whole)
    return whole


def _series(connection: apsw.Connection, cluster: int, wanted: Wanted) -> list[tuple[int, str]]:
    """Return ids and bounds; more than one where a histogram's bounds have changed."""
    return [
        (series, bounds)
        for series, bounds in rows(
            connection,
            "SELECT id, bounds FROM series "
            "WHERE cluster = ? AND member = ? AND signal = ? AND key = ?",
            (cluster, wanted.member, wanted.signal, wanted.key),
        )
    ]


def _fresh_rows(
    connection: apsw.Connection, cluster: int, first: int, last: int
) -> list[samples.FreshRow]:
    return [
        samples.fresh_row(slot, data)
        for slot, data in connection.execute(
            "SELECT slot, data FROM sample_fresh WHERE cluster = ? AND slot >= ? AND slot < ? "
            "ORDER BY id",
            (cluster, first - _LOOK_BACK, last),
        )
    ]


def lane(
    connection: apsw.Connection, cluster: int, wanted: Wanted, begin: float, end: float
) -> list[Run]:
    """Return in which spans a state was which word."""
    first, last = floor(begin / SLOT), ceil(end / SLOT)
    fresh = _fresh_rows(connection, cluster, first, last)
    found = []
    for series, _ in _series(connection, cluster, wanted):
        values = samples.load(connection, series, first, last, fresh)
        codes = np.unique(values[~np.isnan(values)]).astype(int).tolist()
        words = {
            code: connection.execute("SELECT word FROM word WHERE id = ?", (code,)).get or ""
            for code in codes
        }
        found += runs(values, first, SLOT, words)
    return found


def known_series(connection: apsw.Connection, cluster: int) -> list[Wanted]:
    """Return the series that have samples."""
    rows = connection.execute(
        "SELECT DISTINCT member, signal, key FROM series WHERE cluster = ? "
        "ORDER BY member, signal, key",
        (cluster,),
    )
    return [Wanted(*row) for row in rows]
