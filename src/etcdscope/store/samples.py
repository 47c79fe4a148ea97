"""Samples in the file: fresh rows of one slot for all series, and chunks of an hour for each."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import apsw
import msgspec
import numpy as np
import zstandard

from etcdscope.model.signal import TABLE
from etcdscope.store.chunks import LENGTH, Floats, pack, unpack
from etcdscope.store.database import rows, transaction
from etcdscope.store.sampler import SeriesKey, Slot, is_duration

log = logging.getLogger(__name__)

READY: Final = 60  # fresh rows that are worth putting into chunks: five minutes
MOST_SERIES: Final = 100_000
_SLICE: Final = 256  # series put into chunks, or forgotten, at a time

# A fresh row: numbers (ids, then values), and histograms (id, then counts and sum).
_Row = tuple[bytes, bytes, list[tuple[int, bytes]]]
_decoder: msgspec.msgpack.Decoder[_Row] = msgspec.msgpack.Decoder(_Row)


@dataclass(slots=True)
class Names:
    """The ids that the file gave to series and words; to be forgotten when a write fails."""

    series: dict[tuple[int, SeriesKey], int] = field(default_factory=dict)
    words: dict[str, int] = field(default_factory=dict)
    refused: int = 0

    def forget(self) -> None:
        """Forget all: the file may not have kept them."""
        self.series.clear()
        self.words.clear()

    def series_id(self, connection: apsw.Connection, cluster: int, key: SeriesKey) -> int | None:
        """Return the id of a series, a new one if need be; None past the most we keep."""
        known = self.series.get((cluster, key))
        if known is None:
            known = _series_id(connection, cluster, key)
            if known is None:
                if not self.refused:
                    log.warning("no samples of %s: there are %d series already", key, MOST_SERIES)
                self.refused += 1
                return None
            self.series[cluster, key] = known
        return known

    def word_id(self, connection: apsw.Connection, word: str) -> int:
        """Return the id of a word, a new one if need be."""
        known = self.words.get(word)
        if known is None:
            connection.execute("INSERT OR IGNORE INTO word (word) VALUES (?)", (word,))
            known = connection.execute("SELECT id FROM word WHERE word = ?", (word,)).get
            if len(self.words) > MOST_SERIES:
                self.words.clear()
            self.words[word] = known
        return known


def _series_id(connection: apsw.Connection, cluster: int, key: SeriesKey) -> int | None:
    named = (cluster, *key)
    where = "cluster = ? AND member = ? AND signal = ? AND key = ? AND bounds = ?"
    known = connection.execute(f"SELECT id FROM series WHERE {where}", named).get  # noqa: S608
    if known is None and connection.execute("SELECT count(*) FROM series").get < MOST_SERIES:
        connection.execute(
            "INSERT INTO series (cluster, member, signal, key, bounds) VALUES (?, ?, ?, ?, ?)",
            named,
        )
        known = connection.last_insert_rowid()
    return known  # type: ignore[no-any-return]


def keep(connection: apsw.Connection, names: Names, cluster: int, slot: Slot) -> None:
    """Write one fresh row."""
    ids: list[int] = []
    values: list[float] = []
    words = ((key, float(names.word_id(connection, word))) for key, word in slot.words.items())
    for key, value in (*slot.numbers.items(), *words):
        series = names.series_id(connection, cluster, key)
        if series is not None:
            ids.append(series)
            values.append(value)
    histograms = [
        (series, np.array((*h.counts, h.total), "<f8").tobytes())
        for key, h in slot.histograms.items()
        if (series := names.series_id(connection, cluster, key)) is not None
    ]
    row: _Row = (np.array(ids, "<i4").tobytes(), np.array(values, "<f8").tobytes(), histograms)
    data = zstandard.ZstdCompressor(3).compress(msgspec.msgpack.encode(row))
    connection.execute(
        "INSERT INTO sample_fresh (cluster, slot, data) VALUES (?, ?, ?)",
        (cluster, slot.number, data),
    )


@dataclass(frozen=True, slots=True)
class FreshRow:
    """One slot as it was first written: what each series had."""

    slot: int
    ids: Any
    values: Floats
    histograms: dict[int, bytes]

    def of(self, series: int) -> Floats | float | None:
        """Return what the series had in this slot."""
        if series in self.histograms:
            return np.frombuffer(self.histograms[series], "<f8")
        at = np.flatnonzero(self.ids == series)
        return float(self.values[at[-1]]) if len(at) else None


def fresh_row(slot: int, data: bytes) -> FreshRow:
    """Return a fresh row; raises ``ValueError`` if it is damaged."""
    try:
        raw = zstandard.ZstdDecompressor().decompress(data, max_output_size=64 * 2**20)
        ids, values, histograms = _decoder.decode(raw)
    except (zstandard.ZstdError, msgspec.MsgspecError) as error:
        raise ValueError(f"a damaged row of samples: {error}") from error
    return FreshRow(
        slot,
        np.frombuffer(ids, "<i4"),
        np.frombuffer(values, "<f8"),
        dict(histograms),
    )


def compact(connection: apsw.Connection, cluster: int, *, least: int = READY) -> Iterator[None]:
    """Put the fresh rows into chunks, a slice of the series at a time; the caller may pause."""
    found = rows(
        connection,
        "SELECT id, slot, data FROM sample_fresh WHERE cluster = ? ORDER BY id LIMIT 400",
        (cluster,),
    )
    if len(found) < least:
        return
    fresh = [fresh_row(slot, data) for _, slot, data in found]
    numbers = np.unique(np.concatenate([row.ids for row in fresh])).tolist()
    histograms = {series for row in fresh for series in row.histograms}
    series = [*numbers, *sorted(histograms)]
    for start in range(0, len(series), _SLICE):
        with transaction(connection):
            for number, chunk, values in _parts(fresh, series[start : start + _SLICE]):
                _merge(connection, number, chunk, values)
        yield
    with transaction(connection):
        connection.execute(
            "DELETE FROM sample_fresh WHERE cluster = ? AND id <= ?", (cluster, found[-1][0])
        )


_Values = dict[int, Floats | float]  # by place in the chunk


def _parts(fresh: list[FreshRow], wanted: list[int]) -> Iterator[tuple[int, int, _Values]]:
    """Yield (series, chunk, values) for the series wanted."""
    parts: dict[tuple[int, int], _Values] = {}
    chosen = np.array(wanted, "<i4")
    for row in fresh:
        chunk, place = divmod(row.slot, LENGTH)
        here = np.isin(row.ids, chosen)
        for series, value in zip(row.ids[here].tolist(), row.values[here].tolist(), strict=True):
            parts.setdefault((series, chunk), {})[place] = value
        for series in row.histograms.keys() & set(wanted):
            counts = np.frombuffer(row.histograms[series], "<f8")
            parts.setdefault((series, chunk), {})[place] = counts
    for (series, chunk), values in sorted(parts.items()):
        yield series, chunk, values


def _merge(connection: apsw.Connection, series: int, chunk: int, values: _Values) -> None:
    before = connection.execute(
        "SELECT data FROM sample WHERE series = ? AND chunk = ?", (series, chunk)
    ).get
    places = list(values)
    new = np.array(list(values.values()))
    whole = unpack(before) if before else np.full((LENGTH, *new.shape[1:]), np.nan)
    if whole.shape[1:] != new.shape[1:]:  # an empty chunk of a histogram
        whole = np.full((LENGTH, *new.shape[1:]), np.nan)
    whole[places] = new
    signal = connection.execute("SELECT signal FROM series WHERE id = ?", (series,)).get
    data = pack(whole, rounded=is_duration(TABLE.get(signal)))
    connection.execute("INSERT OR REPLACE INTO sample VALUES (?, ?, ?)", (series, chunk, data))


def forget(connection: apsw.Connection, before_slot: int) -> bool:
    """Remove some chunks that are too old, and series without any; say whether more may be left."""
    chunk = before_slot // LENGTH
    old = connection.execute(
        "SELECT series, chunk FROM sample WHERE chunk < ? LIMIT ?", (chunk, _SLICE)
    ).fetchall()
    with transaction(connection):
        connection.executemany("DELETE FROM sample WHERE series = ? AND chunk = ?", old)
    return bool(old)


def forget_series(connection: apsw.Connection) -> None:
    """Remove the names of series that have no samples left, unless fresh rows may speak of them."""
    with transaction(connection):
        connection.execute(
            "DELETE FROM series WHERE NOT EXISTS (SELECT 1 FROM sample WHERE series = series.id) "
            "AND NOT EXISTS (SELECT 1 FROM sample_fresh)"
        )


def load(
    connection: apsw.Connection, series: int, begin: int, end: int, fresh: Iterable[FreshRow]
) -> Floats:
    """Return the samples of the slots ``begin`` to ``end`` (exclusive), NaN where there is none."""
    first = begin // LENGTH
    chunks = [
        (chunk, unpack(data))
        for chunk, data in connection.execute(
            "SELECT chunk, data FROM sample WHERE series = ? AND chunk BETWEEN ? AND ?",
            (series, first, (end - 1) // LENGTH),
        )
        if data
    ]
    late = [(row.slot, value) for row in fresh if (value := row.of(series)) is not None]
    shape = np.shape(chunks[0][1])[1:] if chunks else np.shape(late[0][1]) if late else ()
    values = np.full((end - begin, *shape), np.nan)
    for chunk, part in chunks:
        start = chunk * LENGTH - begin
        low, high = max(start, 0), min(start + LENGTH, end - begin)
        if low < high:
            values[low:high] = part[low - start : high - start]
    for slot, value in late:
        if begin <= slot < end:
            values[slot - begin] = value
    return values
