"""What is written to the terminal, by a thread that nobody has to wait for."""

import os
import select
import termios
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from threading import Condition, Thread
from typing import Final

# So often a thread that has nothing to write looks whether the terminal is still there, in seconds.
LOOK: Final = 0.1
# A screen of 200 by 60 takes 50 kB at most; a terminal so far behind gets a fresh one instead.
BACKLOG: Final = 512 * 1024
PIECE: Final = 4096
# Where we cannot write without blocking: less than a terminal that says it has room takes.
SMALL_PIECE: Final = 64
GONE: Final = select.POLLHUP | select.POLLERR | select.POLLNVAL


class Outlet:
    """Writes to a terminal. ``write`` and ``close`` never block, and nothing here raises.

    ``gone`` is called once the terminal is no more, ``behind`` when text had to be dropped and
    there is room again; both from another thread.
    """

    def __init__(self, terminal: int, gone: Callable[[], None], behind: Callable[[], None]) -> None:
        self._gone, self._behind = gone, behind
        self._file, self._piece = _own(terminal)
        self._texts: deque[bytes] = deque()
        self._waiting = 0  # bytes in them
        self._writing = self._skip = self._dropped = self._closing = self._lost = False
        self._change = Condition()
        self._thread = Thread(target=self._run, name="top-output", daemon=True)
        self._thread.start()

    def write(self, text: str) -> None:
        """Have a text written."""
        data = text.encode(errors="replace")
        with self._change:
            if self._lost or not data:
                return
            if self._waiting + len(data) > BACKLOG:
                self._drop()
                self._dropped = True
                return
            self._texts.append(data)
            self._waiting += len(data)
            self._change.notify_all()

    def drained(self, within: float) -> bool:
        """Return whether all is written, for which so many seconds are waited."""
        with self._change:
            return self._change.wait_for(lambda: self._lost or not self._busy, within)

    def forget(self) -> None:
        """Drop what is not written yet, and what the terminal has not taken yet."""
        with self._change:
            self._drop()
            self._skip = True
        with suppress(termios.error):  # it is gone
            termios.tcflush(self._file, termios.TCOFLUSH)

    def close(self, within: float) -> None:
        """Write what is waiting, for so many seconds at most, and end."""
        self.drained(within)
        with self._change:
            self._closing = True
            self._drop()
            self._change.notify_all()
        self._thread.join(within)

    @property
    def _busy(self) -> bool:
        return self._writing or bool(self._texts)

    def _drop(self) -> None:
        self._texts.clear()
        self._waiting = 0

    # --- the thread ------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._closing:
                self._put(self._next())
                self._written()
        except OSError:
            with self._change:
                self._lost = True
                self._drop()
                self._change.notify_all()
            self._gone()
        finally:
            os.close(self._file)

    def _next(self) -> bytes:
        """Return what is to be written next; nothing after a while without."""
        with self._change:
            self._change.wait_for(lambda: self._texts or self._closing, LOOK)
            data = self._texts.popleft() if self._texts else b""
            self._waiting -= len(data)
            self._writing, self._skip = bool(data), False
            return data

    def _put(self, data: bytes) -> None:
        """Write it all, or till it need not be. Errors: OSError where the terminal is gone."""
        ready = select.poll()
        ready.register(self._file, select.POLLOUT if data else 0)
        while not (self._closing or self._skip):
            said = dict(ready.poll(LOOK * 1000 if data else 0)).get(self._file, 0)
            if said & GONE:
                raise OSError("the terminal is gone")
            if not data:
                return
            if said & select.POLLOUT:
                data = data[self._some(data[: self._piece]) :]

    def _some(self, data: bytes) -> int:
        try:
            return os.write(self._file, data)
        except BlockingIOError:
            return 0

    def _written(self) -> None:
        with self._change:
            self._writing = False
            told = self._dropped and not self._busy
            self._dropped = self._dropped and not told
            self._change.notify_all()
        if told:
            self._behind()


def _own(terminal: int) -> tuple[int, int]:
    """Return a descriptor of our own, and how much to write to it at once.

    The one that we were given is the shell's as well, so it has to stay one that blocks.
    """
    try:
        flags = os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK
        return os.open(os.ttyname(terminal), flags), PIECE
    except OSError:  # a container that has not got /dev/pts, or somebody else's terminal after su
        return os.dup(terminal), SMALL_PIECE
