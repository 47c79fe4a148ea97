"""The end of the process, at any moment, and a disk that really is full."""

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import apsw
import pytest
from tests.store.sweeps import Cluster

from etcdscope.model.ports import StoreError
from etcdscope.store.archive import Archive
from etcdscope.store.database import FILE
from etcdscope.store.history import History

ROOT = Path(__file__).parents[2]
TIMES = 8


@contextmanager
def _writing(directory: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.store.writing", str(directory)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def _last_printed(process: subprocess.Popen[str], lines: int) -> int:
    """Return the number after so many lines."""
    assert process.stdout is not None
    return int([process.stdout.readline() for _ in range(lines)][-1])


@pytest.mark.slow
@pytest.mark.parametrize("time", range(TIMES))
async def test_kill_9_costs_at_most_the_second_that_was_not_written(
    tmp_path: Path, time: int
) -> None:
    chance = random.Random(time)
    with _writing(tmp_path) as process:
        before = _last_printed(process, chance.randint(1, 400))
        process.kill()
        rest, _ = process.communicate()
    whole = [line for line in rest.splitlines(keepends=True) if line.endswith("\n")]
    written = int(whole[-1]) if whole else before

    connection = apsw.Connection(str(tmp_path / FILE))
    assert connection.pragma("integrity_check") == "ok"
    connection.close()
    async with History.open(tmp_path) as history:
        kept = [sweep async for sweep in history.sweeps("c", 0, 1e12)]
        assert not history.health().notice

    assert written <= len(kept) <= written + 4
    assert kept == Cluster(seed=7).take(len(kept))


@pytest.mark.slow
async def test_another_process_reads_while_the_first_writes(tmp_path: Path) -> None:
    with _writing(tmp_path) as process:
        before = _last_printed(process, 20)
        async with Archive.open(tmp_path) as archive:
            sweeps = [sweep async for sweep in archive.sweeps("c", 0, 1e12)]
            points = await archive.series(
                "c", Cluster(seed=7).ids[0], "committed_index",
                begin=sweeps[0].now, end=sweeps[-1].now, step=5,
            )  # fmt: skip
        after = _last_printed(process, 20)

    assert before <= len(sweeps)
    assert after > before
    assert sweeps == Cluster(seed=7).take(len(sweeps))
    assert (points.value == points.value).any()


def _fill(ballast: Path) -> None:
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


@contextmanager
def _mounted(directory: Path, options: str) -> Iterator[Path]:
    place = directory / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    if os.geteuid() or mount is None:
        pytest.skip("needs root, to mount a small disk")
    command = [mount, "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("may not mount here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


async def test_a_disk_that_really_is_full_is_reported_and_got_over(tmp_path: Path) -> None:
    judged = Cluster().take(4 * 60)
    with _mounted(tmp_path, "size=2m") as disk:
        async with History.open(disk) as history:
            for sweep in judged[:80]:
                history.append("c", sweep)
            await history.flush()
            ballast = disk / "ballast"
            _fill(ballast)
            for sweep in judged[80:]:
                history.append("c", sweep)
                await history.flush()
            full = history.health()
            ballast.unlink()
            await history.flush()

            assert full.failing_since is not None
            assert full.failing_since >= judged[80].now
            assert "no space left" in full.last_error
            assert history.health().failing_since is None
            assert [sweep async for sweep in history.sweeps("c", 0, 1e12)] == judged


async def test_a_data_directory_that_is_mounted_read_only_is_said_in_one_sentence(
    tmp_path: Path,
) -> None:
    with (
        _mounted(tmp_path, "size=1m,ro") as disk,
        pytest.raises(StoreError, match="Read-only file system"),
    ):
        async with History.open(disk):
            pass
