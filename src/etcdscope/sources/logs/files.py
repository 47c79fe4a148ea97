"""Follows a file as ``tail -F`` does: through rotation, truncation, and its late creation."""

import asyncio
import os
from collections import deque
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import BinaryIO

from etcdscope.model.reading import Failure
from etcdscope.sources.logs.lines import CHUNK, MOST_BEHIND, POLL, TAIL, LinesError, Splitter
from etcdscope.threads import in_thread

# Of lines that were read but not taken yet.
_BATCH = 4000


class FileLines:
    """The lines of a file, from its last few megabytes on.

    Errors: a file that is not there, or that we may not read; it is tried again at each batch.
    """

    def __init__(self, path: Path, opening: Callable[[Path], BinaryIO] | None = None) -> None:
        self._path = path
        self._opening = opening or _opened
        self._file: BinaryIO | None = None
        self._reading: asyncio.Future[bool] | None = None
        self._splitter = Splitter()
        self._waiting: deque[bytes] = deque()
        self.skipped = 0
        self.at_end = False

    async def batch(self, within: float) -> list[bytes]:
        """Return what was appended; waits for something."""
        until, more = monotonic() + within, True
        while len(self._waiting) < _BATCH:
            more = await self._more()
            if not more and (self._waiting or monotonic() + POLL > until):
                break
            if not more:
                await asyncio.sleep(POLL)
        self.at_end = not more and len(self._waiting) <= _BATCH
        return [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]

    async def aclose(self) -> None:
        """Close the file, unless a read of it hangs."""
        if self._file and self._reading is None:
            self._file.close()
            self._file = None

    async def _more(self) -> bool:
        """Read on in a thread, for the file may lie on the very disk that hangs: in one at most."""
        if self._reading is None:
            self._reading = in_thread(self._read)
        reading = self._reading
        try:
            return await asyncio.shield(reading)
        finally:
            if reading.done():
                self._reading = None

    def _read(self) -> bool:
        """Read on; return whether anything was there, be it only a new file."""
        try:
            if self._file is None:
                self._open()
            assert self._file is not None
            if chunk := self._file.read(CHUNK):
                self._waiting.extend(self._splitter.split(chunk))
                self._catch_up()
                return True
            return self._replaced()
        except FileNotFoundError:
            raise LinesError(Failure.UNREACHABLE, f"there is no file {self._path}") from None
        except PermissionError:
            raise LinesError(
                Failure.PERMISSION_DENIED, f"{self._path} may not be read by this user"
            ) from None
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            raise LinesError(Failure.UNREACHABLE, f"{self._path}: {why}") from None

    def _open(self) -> None:
        if self._path.is_dir():
            raise LinesError(Failure.UNREACHABLE, f"{self._path} is a directory, not a log")
        self._file = self._opening(self._path)
        self._splitter = Splitter()
        self._skip_to_tail(0, counted=False)

    def _catch_up(self) -> None:
        assert self._file is not None
        at = self._file.tell()
        if os.fstat(self._file.fileno()).st_size - at > MOST_BEHIND:
            self._skip_to_tail(at, counted=True)

    def _skip_to_tail(self, at: int, *, counted: bool) -> None:
        """Go on near the end, after the line that is under way there."""
        assert self._file is not None
        start = os.fstat(self._file.fileno()).st_size - TAIL
        if start <= at:
            return
        self._file.seek(start - 1)
        self._splitter = Splitter()
        rest = self._file.read(CHUNK) or b""
        line_end = rest.find(b"\n")
        self._file.seek(start + line_end if line_end >= 0 else start - 1 + len(rest))
        if counted:
            self.skipped += self._file.tell() - at

    def _replaced(self) -> bool:
        """Look whether the file at our path is another one by now, or begins anew."""
        assert self._file is not None
        ours = os.fstat(self._file.fileno())
        if ours.st_size < self._file.tell():  # truncated, as copytruncate does
            self._file.seek(0)
            self._splitter = Splitter()
            return True
        try:
            there = self._path.stat()
        except FileNotFoundError:
            return False  # moved away; the new one is on its way, and the old one may grow
        if (there.st_ino, there.st_dev) == (ours.st_ino, ours.st_dev):
            return False
        self._waiting.extend(self._splitter.end())
        self._file.close()
        self._file = None
        self._open()
        return True


def _opened(path: Path) -> BinaryIO:
    # Not blocking, so that a named pipe without a writer does not hold the thread.
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0)
