"""The file: where it lies, who may open it, what is in it, and what its errors mean.

WAL with ``synchronous=NORMAL``: what was committed survives the end of the process at any moment;
a power cut may take the last minutes, but not the file. There is no fsync but at checkpoints, every
few minutes: the disk may be the very one that etcd waits for.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import apsw

from etcdscope.model.ports import StoreError

FILE: Final = "history.db"
_APPLICATION: Final = 0x45536370  # "EScp"
_VERSION: Final = 1

_SCHEMA: Final = """
CREATE TABLE cluster (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);

-- the flight recorder: about a second a row, and such rows made into rows of minutes
CREATE TABLE flight_fresh (
  id INTEGER PRIMARY KEY AUTOINCREMENT, cluster INTEGER NOT NULL,
  begin REAL NOT NULL, end REAL NOT NULL, sweeps INTEGER NOT NULL, data BLOB NOT NULL);
CREATE TABLE flight (
  id INTEGER PRIMARY KEY AUTOINCREMENT, cluster INTEGER NOT NULL,
  begin REAL NOT NULL, end REAL NOT NULL, sweeps INTEGER NOT NULL, bytes INTEGER NOT NULL,
  data BLOB NOT NULL);
CREATE INDEX flight_in_order ON flight (cluster, id, begin, end, bytes);
CREATE TABLE gap (
  id INTEGER PRIMARY KEY, cluster INTEGER NOT NULL,
  begin REAL NOT NULL, end REAL NOT NULL, sweeps INTEGER NOT NULL, why TEXT NOT NULL);

-- samples: a row a slot for all series, made into a row an hour for each series
CREATE TABLE series (
  id INTEGER PRIMARY KEY AUTOINCREMENT, cluster INTEGER NOT NULL, member TEXT NOT NULL,
  signal TEXT NOT NULL, key TEXT NOT NULL, bounds TEXT NOT NULL,
  UNIQUE (cluster, member, signal, key, bounds));
CREATE TABLE word (id INTEGER PRIMARY KEY, word TEXT NOT NULL UNIQUE);
CREATE TABLE sample_fresh (
  id INTEGER PRIMARY KEY AUTOINCREMENT, cluster INTEGER NOT NULL, slot INTEGER NOT NULL,
  data BLOB NOT NULL);
CREATE TABLE sample (
  series INTEGER NOT NULL, chunk INTEGER NOT NULL, data BLOB NOT NULL,
  PRIMARY KEY (series, chunk)) WITHOUT ROWID;

-- what was told
CREATE TABLE effect (
  id INTEGER PRIMARY KEY, cluster INTEGER NOT NULL, at REAL NOT NULL, kind TEXT NOT NULL,
  incident TEXT, data BLOB NOT NULL);
CREATE INDEX effect_by_time ON effect (cluster, at);
CREATE TABLE incident (
  id TEXT PRIMARY KEY, cluster INTEGER NOT NULL, opened_at REAL NOT NULL, closed_at REAL,
  data BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX incident_by_time ON incident (cluster, opened_at, closed_at);
CREATE TABLE memory (
  cluster INTEGER NOT NULL, key TEXT NOT NULL, data BLOB NOT NULL,
  PRIMARY KEY (cluster, key)) WITHOUT ROWID;
"""


class DamagedError(StoreError):
    """The file is not what SQLite wrote."""


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into ours, each one sentence."""
    try:
        yield
    except (apsw.CorruptError, apsw.NotADBError) as error:
        raise DamagedError(f"{path} is damaged ({error})") from error
    except apsw.FullError as error:
        raise StoreError(f"no space left for {path}") from error
    except (apsw.ReadOnlyError, apsw.CantOpenError, apsw.PermissionsError) as error:
        raise StoreError(
            f"{path} cannot be opened for writing: check its owner and mode"
        ) from error
    except apsw.Error as error:
        raise StoreError(f"{path}: {error}") from error


@contextmanager
def transaction(connection: apsw.Connection) -> Iterator[None]:
    """All or nothing. (SQLite itself ends a transaction that ran out of space.)"""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def rows(
    connection: apsw.Connection, question: str, values: tuple[object, ...] = ()
) -> list[tuple[Any, ...]]:
    """Return all rows of an answer."""
    return connection.execute(question, values).fetchall()


class Lock:
    """The right to write into a data directory: one process at a time."""

    def __init__(self, directory: Path) -> None:
        path = directory / "lock"
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(
                f"the data directory {directory} cannot be written ({error.strerror}): "
                "give another --data-dir, or change its owner"
            ) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(self._descriptor, 20, 0).decode(errors="replace").strip()
            self.release()
            raise StoreError(
                f"another etcdscope (process {holder or 'unknown'}) uses the data directory "
                f"{directory}: stop it, or give another --data-dir"
            ) from error
        with suppress(OSError):  # the process id is a courtesy; the disk may be full
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let another process write."""
        os.close(self._descriptor)


def open_for_writing(path: Path, max_pages: int | None = None) -> apsw.Connection:
    """Return a connection to the history at ``path``, made if there is none."""
    with translated(path):
        connection = apsw.Connection(os.fspath(path))
        try:
            _prepare(connection, path)
            if max_pages is not None:
                connection.pragma("max_page_count", max_pages)
        except BaseException:
            connection.close()
            raise
    return connection


def _prepare(connection: apsw.Connection, path: Path) -> None:
    connection.set_busy_timeout(5_000)
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").get
    if tables:
        _check(connection, path)
    else:
        connection.pragma("auto_vacuum", 2)  # incremental: what is freed can be given back
    connection.pragma("journal_mode", "wal")
    connection.pragma("synchronous", 1)  # NORMAL
    connection.pragma("journal_size_limit", 16 * 2**20)
    connection.pragma("cache_size", -2_000)
    if not tables:
        path.chmod(0o600)
        with transaction(connection):
            connection.execute(_SCHEMA)
            connection.pragma("application_id", _APPLICATION)
            connection.pragma("user_version", _VERSION)


def _check(connection: apsw.Connection, path: Path) -> None:
    if connection.pragma("application_id") != _APPLICATION:
        raise StoreError(f"{path} is a database of another program: give another --data-dir")
    version = connection.pragma("user_version")
    if version != _VERSION:
        raise StoreError(
            f"{path} has format {version}, this etcdscope knows {_VERSION}: "
            "update etcdscope, or give another --data-dir"
        )


def open_for_reading(path: Path) -> apsw.Connection:
    """Return a connection that only reads; another process may be writing."""
    if not path.exists():
        raise StoreError(f"there is no history at {path}: is --data-dir right?")
    with translated(path):
        connection = apsw.Connection(os.fspath(path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            connection.set_busy_timeout(5_000)
            connection.pragma("cache_size", -4_000)
            _check(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection


def set_aside(path: Path) -> Path:
    """Move a damaged file and its log out of the way, in place of an earlier one; say where to."""
    aside = path.with_name(path.name + ".damaged")
    for suffix in ("", "-wal", "-shm"):
        source, target = (p.with_name(p.name + suffix) for p in (path, aside))
        target.unlink(missing_ok=True)
        if source.exists():
            source.replace(target)
    return aside


def file_bytes(path: Path) -> int:
    """Return how much of the disk the history takes, its log included."""
    total = 0
    for name in (path, path.with_name(path.name + "-wal")):
        with suppress(OSError):
            total += name.stat().st_size
    return total
