"""What is written to a terminal, on real pseudo-terminals."""

import os
import pty
import select
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

import pytest

from etcdscope.surfaces.tui.outlet import BACKLOG, Outlet


class Ends:
    """A pseudo-terminal, and an outlet to it."""

    def __init__(self) -> None:
        self.master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        self.gone, self.behind = Event(), Event()
        self.outlet = Outlet(self.slave, self.gone.set, self.behind.set)
        self._open = True

    def read(self, size: int, within: float = 5.0) -> bytes:
        """Return so many bytes, or what came within that time."""
        found, until = b"", time.monotonic() + within
        while len(found) < size and time.monotonic() < until:
            if select.select([self.master], [], [], 0.05)[0]:
                found += os.read(self.master, 1 << 16)
        return found

    def hang_up(self) -> None:
        if self._open:
            self._open = False
            os.close(self.master)
            os.close(self.slave)


@pytest.fixture(params=["its own descriptor", "a shared descriptor"])
def ends(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ends]:
    if request.param == "a shared descriptor":  # as in a container without /dev/pts

        def nameless(_: int) -> str:
            raise OSError

        monkeypatch.setattr(os, "ttyname", nameless)
    opened = Ends()
    yield opened
    opened.hang_up()
    opened.outlet.close(1.0)


@contextmanager
def soon(seconds: float) -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


def test_all_is_written_in_its_order(ends: Ends) -> None:
    texts = [f"{number:05} é " for number in range(5000)]
    for text in texts:
        ends.outlet.write(text)
    wanted = "".join(texts).encode()
    assert ends.read(len(wanted)) == wanted
    assert ends.outlet.drained(1.0)
    assert not ends.behind.is_set()


def test_what_nobody_reads_is_dropped_and_told_once_there_is_room(ends: Ends) -> None:
    frame = "x" * 50_000
    with soon(1.0):
        for _ in range(3 * BACKLOG // len(frame)):
            ends.outlet.write(frame)
    assert not ends.outlet.drained(0.1)
    assert not ends.behind.is_set()

    read = ends.read(3 * BACKLOG, within=2.0)
    assert len(read) < 2 * BACKLOG
    assert ends.behind.wait(1.0)
    ends.outlet.write("and on")
    assert ends.read(6).endswith(b"and on")


def test_what_was_forgotten_makes_room_for_what_comes_last(ends: Ends) -> None:
    ends.outlet.write("x" * BACKLOG)
    assert not ends.outlet.drained(0.3)
    ends.outlet.forget()
    ends.outlet.write("the end")
    with soon(2.0):
        ends.outlet.close(1.0)
    assert ends.read(BACKLOG, within=0.5).endswith(b"the end")


def test_a_terminal_that_nobody_reads_holds_up_no_end(ends: Ends) -> None:
    ends.outlet.write("x" * BACKLOG)
    with soon(1.5):
        ends.outlet.close(0.3)


@pytest.mark.parametrize("written", ["", "x" * BACKLOG], ids=["idle", "while it writes"])
def test_a_terminal_that_is_gone_is_told_and_written_to_no_more(ends: Ends, written: str) -> None:
    ends.outlet.write(written)
    ends.hang_up()
    assert ends.gone.wait(1.0)
    ends.outlet.write("nobody reads this")
    with soon(0.5):
        assert ends.outlet.drained(0.4)
