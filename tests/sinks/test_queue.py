import asyncio
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from threading import Event

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.sinks.fakes import FakeClock, until

from etcdscope.sinks.journal import Entry, Journal, JournalError
from etcdscope.sinks.queue import Bounds, Queue

ROOT = Path(__file__).parents[2]


def bodies(queue: Queue, sink: str = "s") -> list[bytes]:
    return [entry.body for entry in queue.first(sink, 1_000_000)]


async def saved(queue: Queue) -> None:
    """Run the writer until all is on disk, then stop it."""
    async with asyncio.TaskGroup() as group:
        keeper = group.create_task(queue.keep())
        await queue.saved()
        keeper.cancel()


def test_messages_wait_in_order_until_they_are_removed() -> None:
    queue = Queue(FakeClock())
    for body in (b"a", b"b", b"c"):
        queue.put("s", body)

    queue.remove("s", queue.first("s", 2))

    assert bodies(queue) == [b"c"]
    assert queue["s"].dropped == 0


def test_what_is_too_much_goes_from_the_old_end_and_is_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    queue = Queue(FakeClock(), Bounds(bytes=10))
    for number in range(8):
        queue.put("s", b"%04d" % number)

    assert bodies(queue) == [b"0006", b"0007"]
    assert queue["s"].dropped == 6
    assert [r.getMessage() for r in caplog.records] == [
        "s: 1 messages dropped, they waited too long",
        "s: 3 messages dropped, they waited too long",
    ]


def test_what_is_too_old_is_dropped_and_counted() -> None:
    clock = FakeClock()
    queue = Queue(clock, Bounds(seconds=60))
    queue.put("s", b"old")
    clock.advance(61)
    queue.put("s", b"new")

    assert bodies(queue) == [b"new"]
    assert queue["s"].dropped == 1


def test_a_message_dropped_on_its_way_is_not_removed_twice() -> None:
    queue = Queue(FakeClock(), Bounds(bytes=2))
    queue.put("s", b"a")
    on_their_way = queue.first("s", 1)
    queue.put("s", b"b")
    queue.put("s", b"c")

    queue.remove("s", on_their_way)

    assert bodies(queue) == [b"b", b"c"]


async def test_the_disk_has_what_is_not_removed_and_what_was_dropped(tmp_path: Path) -> None:
    path = tmp_path / "state" / "queue.db"
    queue = Queue(FakeClock(), Bounds(bytes=3), Journal(path))
    for body in (b"a", b"b", b"c", b"d"):
        queue.put("s", body)
    queue.put("t", b"t")
    queue.remove("s", queue.first("s", 1))
    await saved(queue)

    again = Queue(FakeClock(), journal=Journal(path))

    assert (bodies(again), bodies(again, "t")) == ([b"c", b"d"], [b"t"])
    assert again["s"].dropped == 1
    again.put("s", b"e")
    assert [entry.seq for entry in again.first("s", 9)] == [3, 4, 5]
    assert path.stat().st_mode & 0o077 == 0


async def test_a_hung_disk_delays_no_message(tmp_path: Path) -> None:
    disk = HungJournal(tmp_path / "queue.db")
    queue = Queue(FakeClock(), journal=disk)
    async with asyncio.TaskGroup() as group:
        keeper = group.create_task(queue.keep())
        queue.put("s", b"a")
        await until(disk.writing.is_set)
        queue.put("s", b"b")

        assert bodies(queue) == [b"a", b"b"]
        queue.remove("s", queue.first("s", 1))

        disk.goes_on.set()
        await queue.saved()
        keeper.cancel()
    assert bodies(Queue(FakeClock(), journal=Journal(disk.path))) == [b"b"]


async def test_a_stop_in_the_middle_of_a_write_loses_nothing(tmp_path: Path) -> None:
    disk = HungJournal(tmp_path / "queue.db")
    queue = Queue(FakeClock(), journal=disk)
    keeper = asyncio.create_task(queue.keep())
    queue.put("s", b"a")
    await until(disk.writing.is_set)
    queue.put("s", b"b")
    keeper.cancel()
    await asyncio.sleep(0)
    disk.goes_on.set()
    with pytest.raises(asyncio.CancelledError):
        await keeper

    assert bodies(Queue(FakeClock(), journal=Journal(disk.path))) == [b"a", b"b"]


def test_a_hung_disk_does_not_keep_the_agent_from_ending(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What runs in asyncio's own threads is waited for at the end, however long it hangs."""
    disk = HungJournal(tmp_path / "queue.db", seconds=60)

    async def agent() -> None:
        queue = Queue(FakeClock(), journal=disk)
        keeper = asyncio.create_task(queue.keep())
        queue.put("s", b"a")
        await until(disk.writing.is_set)
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)

    began = time.monotonic()
    asyncio.run(agent())
    took = time.monotonic() - began
    disk.goes_on.set()

    assert took < 30
    assert "does not take the last write; it may be incomplete" in caplog.text


async def test_a_full_disk_is_told_and_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = FakeClock()
    disk = FullJournal(tmp_path / "queue.db")
    queue = Queue(clock, journal=disk)
    async with asyncio.TaskGroup() as group:
        keeper = group.create_task(queue.keep())
        queue.put("s", b"a")
        queue.put("s", b"b")
        await until(lambda: clock.sleepers)
        assert queue.disk_error == "cannot write queue.db: the disk is full"
        for _ in range(3):  # an hour of it is not a line a second
            clock.advance(1)
            await until(lambda: clock.sleepers)
        assert caplog.text.count("messages are kept in memory only") == 1
        queue.remove("s", queue.first("s", 1))

        disk.full = False
        clock.advance(1)
        await queue.saved()
        keeper.cancel()
    assert queue.disk_error == ""
    assert bodies(Queue(clock, journal=Journal(disk.path))) == [b"b"]


def test_a_file_that_is_no_database_is_put_aside(tmp_path: Path) -> None:
    path = tmp_path / "queue.db"
    path.write_bytes(b"not a database" * 100)

    queue = Queue(FakeClock(), journal=Journal(path))

    assert "was damaged" in queue.disk_error
    assert (tmp_path / "queue.damaged").exists()
    assert bodies(queue) == []


def test_a_file_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(JournalError, match=r"cannot open .*queue\.db"):
        Journal(tmp_path / "file" / "queue.db")


def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "queue.db"
    writer = subprocess.Popen(
        [sys.executable, "-m", "tests.sinks.enqueue", str(path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": "src"},
        stdout=subprocess.PIPE,
    )
    with writer:
        assert writer.stdout is not None
        acknowledged = -1
        while acknowledged < 300:
            acknowledged = int(writer.stdout.readline())
        writer.kill()
        rest = writer.stdout.read().split(b"\n")
    acknowledged = int(rest[-2]) if len(rest) > 1 else acknowledged

    queue = Queue(FakeClock(at=0), journal=Journal(path))

    for sink, parity in (("two", 0), ("one", 1)):
        kept = [int(body) for body in bodies(queue, sink)]
        assert kept == list(range(parity, parity + 2 * len(kept), 2)), "in order, without a gap"
        assert kept[-1] >= acknowledged - 1, "nothing acknowledged is missing"


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the files of a writer that was killed: all messages are in the WAL."""
    folder = tmp_path_factory.mktemp("crashed")
    journal = Journal(folder / "live.db")
    for number in range(20):
        journal.write([Entry("s", number + 1, 0.0, b"%d" % number * 50)], [])
    for end in ("", "-wal"):
        shutil.copy(f"{folder}/live.db{end}", f"{folder}/queue.db{end}")
    journal.close()
    return folder


@given(share=st.floats(0, 1))
@settings(max_examples=40, suppress_health_check=list(HealthCheck), deadline=None)
def test_a_log_cut_anywhere_gives_the_messages_before_the_cut(crashed: Path, share: float) -> None:
    copy = crashed / "cut"
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    shutil.copy(crashed / "queue.db", copy)
    log = (crashed / "queue.db-wal").read_bytes()
    (copy / "queue.db-wal").write_bytes(log[: round(len(log) * share)])

    journal = Journal(copy / "queue.db")

    kept = [entry.body for entry in journal.entries()]
    journal.close()
    assert journal.damage == ""
    assert kept == [b"%d" % number * 50 for number in range(len(kept))]
    assert len(kept) == 20 or share < 1


class HungJournal(Journal):
    """Its first write waits until it is told to go on."""

    def __init__(self, path: Path, seconds: float = 5) -> None:
        super().__init__(path)
        self.seconds = seconds
        self.writing, self.goes_on = Event(), Event()

    def write(self, *changes: object) -> None:
        self.writing.set()
        self.goes_on.wait(self.seconds)
        super().write(*changes)  # type: ignore[arg-type]


class FullJournal(Journal):
    """Takes nothing while it is full."""

    full = True

    def write(self, *changes: object) -> None:
        if self.full:
            raise JournalError("cannot write queue.db: the disk is full")
        super().write(*changes)  # type: ignore[arg-type]
