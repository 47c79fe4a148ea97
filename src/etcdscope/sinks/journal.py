"""What a queue has on disk: one small SQLite file, ``queue.db``, written by one thread at a time.

SQLite rather than segments of our own: its write-ahead log drops a half-written tail by itself, and
rows that were delivered make room for new ones. ``synchronous=FULL`` waits for the disk at every
commit; that happens in a worker thread, a batch at a time.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import apsw

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS queue (
  sink TEXT NOT NULL, seq INTEGER NOT NULL, at REAL NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY (sink, seq)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dropped (sink TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
"""
# A second process that reads the file may hold it for as long.
_BUSY_MS: Final = 2_000


class JournalError(Exception):
    """The file could not be read or written; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One message of one sink. ``at``: unix seconds when it was put; ``body``: opaque bytes."""

    sink: str
    seq: int
    at: float
    body: bytes


class Journal:
    """Keeps entries until they are removed. Every call blocks; none may overlap another."""

    def __init__(self, path: Path) -> None:
        """Open the file. A damaged one is put aside as ``*.damaged`` and told in ``damage``."""
        self.path = path
        self.damage = ""
        try:
            self._connection = self._open_or_put_aside()
        except (apsw.Error, OSError) as error:
            raise JournalError(f"cannot open {path}: {error}") from error

    def entries(self) -> list[Entry]:
        """Return all that is kept, each sink's in the order in which it was put."""
        rows = self._connection.execute("SELECT sink, seq, at, body FROM queue ORDER BY sink, seq")
        return [Entry(*row) for row in rows]

    def dropped(self) -> dict[str, int]:
        """Return how many messages each sink has lost so far."""
        return dict(self._connection.execute("SELECT sink, count FROM dropped"))

    def write(
        self,
        added: Iterable[Entry],
        removed: Iterable[tuple[str, int]],
        dropped: Iterable[tuple[str, int]] = (),
    ) -> None:
        """Make all of it durable, or none of it."""
        try:
            with self._connection:
                self._connection.executemany(
                    "INSERT OR REPLACE INTO queue VALUES (?, ?, ?, ?)",
                    ((e.sink, e.seq, e.at, e.body) for e in added),
                )
                self._connection.executemany(
                    "DELETE FROM queue WHERE sink = ? AND seq = ?", removed
                )
                self._connection.executemany(
                    "INSERT OR REPLACE INTO dropped VALUES (?, ?)", dropped
                )
        except apsw.Error as error:
            raise JournalError(f"cannot write {self.path}: {error}") from error

    def close(self) -> None:
        """Let the file go."""
        self._connection.close()

    def _open_or_put_aside(self) -> apsw.Connection:
        try:
            return _opened(self.path)
        except (apsw.NotADBError, apsw.CorruptError) as error:
            aside = self.path.with_suffix(".damaged")
            self.path.replace(aside)
            for tail in ("-wal", "-shm"):  # they belong to the damaged file
                Path(f"{self.path}{tail}").unlink(missing_ok=True)
            self.damage = (
                f"{self.path} was damaged ({error}): its messages are lost, the file is {aside}"
            )
            return _opened(self.path)


def _opened(path: Path) -> apsw.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)  # messages name members and addresses
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(_BUSY_MS)
    try:
        connection.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL").fetchall()
        connection.execute(_SCHEMA)
        checked = connection.execute("PRAGMA quick_check(1)").fetchall()
        if checked != [("ok",)]:
            raise apsw.CorruptError(str(checked))
    except apsw.Error:
        connection.close()
        raise
    return connection
