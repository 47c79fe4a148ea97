"""Standard input, and lines that are handed to us over HTTP."""

import asyncio
import os
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final

from etcdscope.model.reading import Failure
from etcdscope.sources.logs.lines import CHUNK, LinesError, Queued, Splitter

_BATCH: Final = 4000
# Chunks of standard input that wait for us; who writes waits, then.
_AHEAD: Final = 16


class HandedLines:
    """Lines that somebody hands us. What nobody takes in time is left out, the oldest first."""

    at_end = False

    def __init__(self) -> None:
        self._queued = Queued()
        self._came = asyncio.Event()

    @property
    def skipped(self) -> int:
        """Return how many bytes were left out."""
        return self._queued.skipped

    def put(self, lines: Iterable[bytes]) -> None:
        """Take lines."""
        for line in lines:
            self._queued.put(line)
        self._came.set()

    async def batch(self, within: float) -> list[bytes]:
        """Return what was handed in; waits for something."""
        if not self._queued:
            self._came.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(within):
                    await self._came.wait()
        return self._queued.take(_BATCH)

    async def aclose(self) -> None:
        """Nothing is held."""


class PipedLines:
    """The lines of standard input, be it a pipe or a file. Errors: it ended."""

    skipped = 0
    at_end = False

    def __init__(self, read: Callable[[int], bytes] | None = None) -> None:
        self._read = read or (lambda most: os.read(sys.stdin.fileno(), most))
        self._chunks: asyncio.Queue[bytes] = asyncio.Queue()
        self._room = threading.Semaphore(_AHEAD)
        self._splitter = Splitter()
        self._thread: threading.Thread | None = None
        self._ended = False

    async def batch(self, within: float) -> list[bytes]:
        """Return what was piped in; waits for something."""
        if self._ended:
            await asyncio.sleep(within)
            raise LinesError(Failure.CLOSED, "standard input has ended")
        if self._thread is None:  # a read of a terminal or a pipe cannot be cancelled
            loop = asyncio.get_running_loop()
            self._thread = threading.Thread(target=self._pump, args=(loop,), daemon=True)
            self._thread.start()
        try:
            async with asyncio.timeout(within):
                chunk = await self._chunks.get()
        except TimeoutError:
            return []
        self._room.release()
        self._ended = not chunk
        return self._splitter.split(chunk) if chunk else self._splitter.end()

    async def aclose(self) -> None:
        """The thread is a daemon: it ends with the process."""

    def _pump(self, loop: asyncio.AbstractEventLoop) -> None:
        chunk = b"-"
        while chunk:
            self._room.acquire()
            try:
                chunk = self._read(CHUNK)
            except OSError:
                chunk = b""
            with suppress(RuntimeError):  # the loop is closed: we end
                loop.call_soon_threadsafe(self._chunks.put_nowait, chunk)
