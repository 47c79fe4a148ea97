"""Backup files: the newest counts, and only if it is whole."""

import hashlib
import os
from pathlib import Path

import pytest
from tests.sources.fakes import value

from etcdscope.model.kubernetes import Snapshot
from etcdscope.model.reading import Failure
from etcdscope.model.signal_kubernetes import BACKUP, BACKUPS
from etcdscope.sources.backups import BackupsSource, broken

PAGES = bytes(16) + bytes.fromhex("edda0ced") + b"\x01" * (2 * 4096 - 20)
WHOLE = PAGES + hashlib.sha256(PAGES).digest()


def put(path: Path, body: bytes, at: float = 1000.0) -> Path:
    path.write_bytes(body)
    os.utime(path, (at, at))
    return path


@pytest.mark.parametrize(
    ("body", "why"),
    [
        pytest.param(WHOLE, "", id="as etcdctl writes it"),
        pytest.param(WHOLE[:5000], "no hash at its end", id="cut off"),
        pytest.param(PAGES, "no hash at its end", id="copied from a member's directory"),
        pytest.param(WHOLE[:-1] + b"\x00", "does not fit its own hash", id="a bit that flipped"),
        pytest.param(b"hello", "no database", id="something else"),
        pytest.param(b"", "no database", id="empty"),
    ],
)
def test_a_file_says_itself_whether_it_is_whole(tmp_path: Path, body: bytes, why: str) -> None:
    assert why in broken(put(tmp_path / "a.db", body))
    assert bool(broken(tmp_path / "a.db")) == bool(why)


async def test_the_newest_of_all_places_counts(tmp_path: Path) -> None:
    (tmp_path / "daily").mkdir()
    put(tmp_path / "daily" / "old.db", WHOLE, 1000.0)
    put(tmp_path / "daily" / "new.db", WHOLE[:9000], 3000.0)
    put(tmp_path / "daily" / "notes.txt", b"x", 9000.0)
    lone = put(tmp_path / "lone.db", WHOLE, 2000.0)

    reading = await BackupsSource([tmp_path / "daily", lone]).read(BACKUPS, 5000.0)

    told = value(reading, BACKUP)
    assert isinstance(told, Snapshot)
    assert (told.path, told.at) == (str(tmp_path / "daily" / "new.db"), 3000.0)
    assert told.bytes == len(WHOLE[:9000])


async def test_a_file_that_has_not_changed_is_not_read_again(tmp_path: Path) -> None:
    path = put(tmp_path / "a.db", WHOLE)
    source = BackupsSource([path])
    first = value(await source.read(BACKUPS, 1.0), BACKUP)
    put(path, WHOLE[:-1] + b"\x00")  # as old, as long

    assert value(await source.read(BACKUPS, 2.0), BACKUP) is first


async def test_an_empty_place_is_told_as_no_backup(tmp_path: Path) -> None:
    told = value(await BackupsSource([tmp_path]).read(BACKUPS, 1.0), BACKUP)

    assert isinstance(told, Snapshot)
    assert not told.path
    assert str(tmp_path) in told.why


async def test_a_place_that_cannot_be_looked_at_is_a_failure(tmp_path: Path) -> None:
    """A name that no file system takes: root may read all else."""
    reading = await BackupsSource([tmp_path / ("x" * 300)]).read(BACKUPS, 1.0)

    assert reading.failure is Failure.PERMISSION_DENIED
    assert "name too long" in reading.detail
