"""The flight recorder: sweeps exactly as they were judged, in the order in which they were judged.

Rows of about a second are written as time goes; later they become rows of two minutes, a fifth
of their size. The order is that of judging, not that of ``now``: clocks jump.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import apsw

from etcdscope.model.ports import Sweep
from etcdscope.store import ledger
from etcdscope.store.codec import FrameError, Tally, decode, encode, frames
from etcdscope.store.database import rows, transaction

SPAN: Final = 120.0  # of a compacted row; longer gains 4 % and costs memory to make
_SLICE: Final = 16  # rows forgotten at a time: a clock that jumps ahead must not empty the history


@dataclass(frozen=True, slots=True)
class Frame:
    """Encoded sweeps, and the span of their ``now``."""

    begin: float
    end: float
    sweeps: int
    data: bytes


def framed(sweeps: Sequence[Sweep], level: int = 3) -> Frame:
    """Return the frame of these sweeps, of which there is at least one."""
    nows = [sweep.now for sweep in sweeps]
    return Frame(min(nows), max(nows), len(sweeps), encode(sweeps, level))


def keep(connection: apsw.Connection, cluster: int, frame: Frame) -> int:
    """Write one fresh row; return its number."""
    connection.execute(
        "INSERT INTO flight_fresh (cluster, begin, end, sweeps, data) VALUES (?, ?, ?, ?, ?)",
        (cluster, frame.begin, frame.end, frame.sweeps, frame.data),
    )
    return connection.last_insert_rowid()


def compact(connection: apsw.Connection, cluster: int, held: dict[int, Sequence[Sweep]]) -> bool:
    """Make the oldest fresh rows into one, if they span enough; say whether there was work.

    ``held``: the sweeps of some rows, by their number, which saves reading them; they are let go.
    """
    last = _end_of_first_span(
        rows(
            connection,
            "SELECT id, begin, end FROM flight_fresh WHERE cluster = ? ORDER BY id",
            (cluster,),
        )
    )
    if last is None:
        return False
    sweeps: list[Sweep] = []
    with transaction(connection):
        for row, begin, end, number, data in rows(
            connection,
            "SELECT id, begin, end, sweeps, data FROM flight_fresh WHERE cluster = ? AND id <= ? "
            "ORDER BY id",
            (cluster, last),
        ):
            try:
                sweeps += held.pop(row, ()) or decode(data, Tally())
            except FrameError as error:
                ledger.keep_gap(connection, cluster, ledger.Gap(begin, end, number, str(error)))
        for batch in frames(sweeps):
            _write(connection, cluster, batch)
        connection.execute(
            "DELETE FROM flight_fresh WHERE cluster = ? AND id <= ?", (cluster, last)
        )
    return True


def _end_of_first_span(fresh: Sequence[tuple[Any, ...]]) -> int | None:
    """Return the id of the row that ends the first span; None while it is not full."""
    for number, (row, begin, end) in enumerate(fresh, 1):
        start = fresh[0][1]
        if not start <= begin < start + SPAN or end >= start + SPAN or number >= SPAN * 2:
            return int(row)
    return None


def _write(connection: apsw.Connection, cluster: int, sweeps: Sequence[Sweep]) -> None:
    frame = framed(sweeps, level=9)
    connection.execute(
        "INSERT INTO flight (cluster, begin, end, sweeps, bytes, data) VALUES (?, ?, ?, ?, ?, ?)",
        (cluster, frame.begin, frame.end, frame.sweeps, len(frame.data), frame.data),
    )


def forget(connection: apsw.Connection, before: float, keep_bytes: int) -> bool:
    """Remove some rows that are too old or too many; say whether more may be left."""
    old = [
        row
        for (row,) in connection.execute(
            "SELECT id FROM flight WHERE end < ? ORDER BY id LIMIT ?", (before, _SLICE)
        )
    ]
    total = connection.execute("SELECT total(bytes) FROM flight").get
    if total > keep_bytes:
        for row, size in connection.execute(
            "SELECT id, bytes FROM flight ORDER BY id LIMIT ?", (_SLICE,)
        ):
            if total <= keep_bytes:
                break
            old.append(row)
            total -= size
    with transaction(connection):
        connection.executemany("DELETE FROM flight WHERE id = ?", [(row,) for row in set(old)])
        connection.execute("DELETE FROM gap WHERE end < ?", (before,))
    return bool(old)


def read(
    connection: apsw.Connection, cluster: int, begin: float, end: float, tally: Tally
) -> Iterator[Sweep]:
    """Yield the sweeps with ``begin <= now < end`` in the order in which they were judged.

    A row that cannot be read is counted in ``tally`` and left out.
    """
    for table in ("flight", "flight_fresh"):
        for (row,) in connection.execute(
            f"SELECT id FROM {table} WHERE cluster = ? AND end >= ? AND begin < ? ORDER BY id",  # noqa: S608
            (cluster, begin, end),
        ).fetchall():
            data = connection.execute(f"SELECT data FROM {table} WHERE id = ?", (row,)).get  # noqa: S608
            try:
                sweeps = decode(data, tally)
            except FrameError:
                tally.rows += 1
                continue
            yield from (sweep for sweep in sweeps if begin <= sweep.now < end)
