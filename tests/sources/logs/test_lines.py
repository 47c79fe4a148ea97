"""Where lines come from: files that are rotated, journald, standard input, HTTP."""

import asyncio
import json
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import BinaryIO

import pytest
import pytest_asyncio

from etcdscope.model.reading import Failure
from etcdscope.sources.logs.files import FileLines
from etcdscope.sources.logs.journal import JournalLines
from etcdscope.sources.logs.lines import LONGEST, MOST_BEHIND, TAIL, LinesError, Queued, Splitter
from etcdscope.sources.logs.streams import HandedLines, PipedLines


async def failing(lines: FileLines | JournalLines | PipedLines) -> LinesError:
    with pytest.raises(LinesError) as told:
        await lines.batch(0.0)
    return told.value


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


# --- splitting -----------------------------------------------------------------------------------


def test_a_line_counts_when_it_has_ended() -> None:
    splitter = Splitter()

    assert splitter.split(b"one\ntw") == [b"one"]
    assert splitter.split(b"o") == []
    assert splitter.split(b"\n\nfour") == [b"two", b""]
    assert splitter.end() == [b"four"]


def test_of_a_huge_line_the_beginning_is_kept() -> None:
    splitter = Splitter()
    seen = [line for _ in range(100) for line in splitter.split(b"x" * LONGEST)]

    assert [len(line) for line in seen] == [LONGEST]
    assert splitter.split(b"rest\nnext\n") == [b"next"]


# --- files ---------------------------------------------------------------------------------------

Following = Callable[[Path], FileLines]


@pytest_asyncio.fixture
async def following() -> AsyncIterator[Following]:
    opened: list[FileLines] = []

    def follow(path: Path) -> FileLines:
        opened.append(FileLines(path))
        return opened[-1]

    yield follow
    for lines in opened:
        await lines.aclose()


async def to_the_end(lines: FileLines) -> list[bytes]:
    seen: list[bytes] = []
    while more := await lines.batch(0.0):
        seen += more
    return seen


async def test_a_file_is_read_and_followed(tmp_path: Path, following: Following) -> None:
    path = tmp_path / "etcd.log"
    path.write_text("one\ntwo\nthr")
    lines = following(path)

    assert await lines.batch(0.0) == [b"one", b"two"]
    assert lines.at_end
    assert await lines.batch(0.0) == []
    append(path, "ee\n")
    assert await lines.batch(0.0) == [b"three"]


async def test_rotation_by_rename_loses_nothing(tmp_path: Path, following: Following) -> None:
    path = tmp_path / "etcd.log"
    path.write_text("one\n")
    lines = following(path)
    await lines.batch(0.0)

    append(path, "two\nthree")
    path.rename(tmp_path / "etcd.log.1")
    assert await lines.batch(0.0) == [b"two"]  # the new file is not there yet
    path.write_text("four\n")

    assert await lines.batch(0.0) + await lines.batch(0.0) == [b"three", b"four"]


async def test_rotation_by_truncation_begins_anew(tmp_path: Path, following: Following) -> None:
    path = tmp_path / "etcd.log"
    path.write_text("one\ntwo\n")
    lines = following(path)
    await lines.batch(0.0)

    path.write_text("3\n")

    assert await lines.batch(0.0) == [b"3"]


async def test_a_file_that_is_created_late_is_read_from_its_beginning(
    tmp_path: Path, following: Following
) -> None:
    path = tmp_path / "etcd.log"
    lines = following(path)

    error = await failing(lines)
    path.write_text("one\n")

    assert (error.failure, error.detail) == (Failure.UNREACHABLE, f"there is no file {path}")
    assert await lines.batch(0.0) == [b"one"]


async def test_a_directory_is_no_log(tmp_path: Path) -> None:
    assert "is a directory" in (await failing(FileLines(tmp_path))).detail


async def test_a_file_that_we_may_not_read(tmp_path: Path) -> None:
    def refuse(path: Path) -> BinaryIO:
        raise PermissionError(13, "Permission denied")

    error = await failing(FileLines(tmp_path / "etcd.log", refuse))

    assert error.failure is Failure.PERMISSION_DENIED


async def test_a_disk_that_hangs_holds_one_thread(tmp_path: Path) -> None:
    """Nobody waits for it, not even the end of the agent."""
    hangs, calls, threads = threading.Event(), list[Path](), list[threading.Thread]()

    def opening(path: Path) -> BinaryIO:
        calls.append(path)
        threads.append(threading.current_thread())
        hangs.wait(10)
        raise FileNotFoundError

    lines = FileLines(tmp_path / "etcd.log", opening)
    for _ in range(5):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await lines.batch(0.0)
    hangs.set()

    assert "there is no file" in (await failing(lines)).detail
    assert len(calls) == 1
    assert [thread.daemon for thread in threads] == [True]


async def test_of_a_huge_file_the_end_is_read(tmp_path: Path, following: Following) -> None:
    path = tmp_path / "etcd.log"
    with path.open("wb") as file:
        file.truncate(10 * TAIL)
        file.seek(0, os.SEEK_END)
        file.write(b"\nlast\n")
    lines = following(path)

    assert (await to_the_end(lines))[-1] == b"last"
    assert lines.skipped == 0  # what was before our start is not missing


async def test_who_falls_far_behind_leaves_out_what_is_between(
    tmp_path: Path, following: Following
) -> None:
    path = tmp_path / "etcd.log"
    path.write_text("one\n")
    lines = following(path)
    await lines.batch(0.0)
    with path.open("ab") as file:
        file.truncate(2 * MOST_BEHIND)
        file.seek(0, os.SEEK_END)
        file.write(b"\nlast\n")

    assert (await to_the_end(lines))[-1] == b"last"
    assert 0 < lines.skipped < 2 * MOST_BEHIND


# --- journald ------------------------------------------------------------------------------------


@pytest.fixture
def journalctl(tmp_path: Path) -> Callable[[str], str]:
    """Return a program in journalctl's place."""

    def written(script: str) -> str:
        path = tmp_path / "journalctl"
        path.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\n{script}\n")
        path.chmod(0o755)
        return str(path)

    return written


async def test_a_unit_is_followed_and_the_child_ends_with_us(
    journalctl: Callable[[str], str], tmp_path: Path
) -> None:
    entry = json.dumps({"MESSAGE": "hello", "__REALTIME_TIMESTAMP": "1795332603100000"})
    lines = JournalLines("etcd.service", journalctl(f"echo \"$@\"; echo '{entry}'; exec sleep 60"))

    seen: list[bytes] = []
    while len(seen) < 2:
        seen += await lines.batch(5.0)
    await lines.aclose()

    assert seen[0] == b"-f -o json --no-pager -n 5000 -u etcd.service"
    assert json.loads(seen[1])["MESSAGE"] == "hello"
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


async def test_a_child_that_does_not_listen_is_killed(
    journalctl: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("etcdscope.sources.logs.journal._GRACE", 0.05)
    lines = JournalLines("etcd", journalctl("trap '' TERM; echo ready; while :; do sleep 1; done"))
    while not await lines.batch(5.0):
        pass

    await lines.aclose()

    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGCONT)


async def test_a_journal_that_cannot_be_read_says_why(journalctl: Callable[[str], str]) -> None:
    lines = JournalLines("etcd", journalctl("echo 'No journal files were opened' >&2; exit 1"))

    with pytest.raises(LinesError, match="No journal files were opened"):
        await lines.batch(5.0)


async def test_without_journalctl() -> None:
    error = await failing(JournalLines("etcd", "/nowhere/journalctl"))

    assert error.detail == "/nowhere/journalctl: no such file or directory"


# --- handed and piped -----------------------------------------------------------------------------


def test_a_queue_forgets_the_oldest() -> None:
    queued = Queued(most_bytes=10)
    for word in (b"aaaa", b"bbbb", b"cccc"):
        queued.put(word)

    assert queued.take(9) == [b"bbbb", b"cccc"]
    assert queued.skipped == 4
    assert not queued.take(9)


async def test_lines_that_are_handed_in() -> None:
    lines = HandedLines()
    waiting = asyncio.create_task(lines.batch(5.0))
    await asyncio.sleep(0)
    lines.put([b"one", b"two"])

    assert await waiting == [b"one", b"two"]
    assert await lines.batch(0.0) == []


async def test_standard_input_is_read_to_its_end() -> None:
    chunks = iter([b"one\ntw", b"o\nthree", b""])
    lines = PipedLines(lambda _: next(chunks))

    seen: list[bytes] = []
    while len(seen) < 3:
        seen += await lines.batch(5.0)

    assert seen == [b"one", b"two", b"three"]
    assert (await failing(lines)).detail == "standard input has ended"
