"""What a dead lab left, and who may remove it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from etcdscope.lab import journal

Left = tuple[Path, journal.Journal]


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


@pytest.fixture
def left(tmp_path: Path) -> Left:
    """A lab's directory with something in it, and the lab's record."""
    directory = tmp_path / "data"
    (directory / "m1").mkdir(parents=True)
    book = journal.Journal("abc")
    book.directory(directory)
    return directory, book


def owned_by(book: journal.Journal, **owner: object) -> None:
    record = json.loads(book.path.read_text())
    record["owner"] |= owner
    book.path.write_text(json.dumps(record))


def test_living_lab_is_left_alone(left: Left) -> None:
    directory, _ = left

    assert journal.reap() == []
    assert directory.exists()


@pytest.mark.parametrize(
    "owner",
    [
        pytest.param({"pid": 2**22 - 1}, id="its process is gone"),
        pytest.param({"started": 1}, id="its pid is somebody else's now"),
        pytest.param({"boot": "before"}, id="the machine was restarted"),
    ],
)
def test_dead_lab_is_removed(left: Left, owner: dict[str, Any]) -> None:
    directory, book = left
    owned_by(book, **owner)

    assert journal.reap() == ["abc"]
    assert not directory.exists()
    assert not book.path.exists()


def test_lab_of_another_container_is_left_alone(left: Left) -> None:
    directory, book = left
    owned_by(book, pid=2**22 - 1, pid_namespace="pid:[1]")

    assert journal.reap() == []
    assert directory.exists()


def test_sweep_ends_what_carries_the_mark_of_the_lab_and_nothing_else() -> None:
    ours, other = (
        subprocess.Popen(["sleep", "60"], env={**os.environ, journal.MARK: lab})
        for lab in ("abc", "abcd")
    )
    try:
        journal.Journal("abc").sweep()

        assert ours.wait(5) == -9
        assert other.poll() is None
    finally:
        for process in (ours, other):
            process.kill()
            process.wait()


def test_janitor_cleans_up_after_a_lab_that_was_killed(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    program = f"""
import os, pathlib
from etcdscope.lab import journal
book = journal.Journal("abc")
janitor = journal.Janitor(book)
book.directory(pathlib.Path({str(directory)!r}))
os.mkdir({str(directory)!r})
os.kill(os.getpid(), 9)
"""
    killed = subprocess.run([sys.executable, "-c", program], check=False)

    assert killed.returncode == -9
    assert_soon_gone(directory)
    assert_soon_gone(tmp_path / "etcdscope-lab" / "abc.journal")


def test_dismissed_janitor_does_nothing(left: Left) -> None:
    directory, book = left

    journal.Janitor(book).dismiss()

    assert directory.exists()


def assert_soon_gone(path: Path) -> None:
    # inotify is not in the standard library; the shell waits without a sleep of ours.
    wait = 'for i in $(seq 100); do [ -e "$1" ] || exit 0; sleep 0.05; done; exit 1'
    assert subprocess.run(["sh", "-c", wait, "wait", str(path)], check=False).returncode == 0
