"""Follows a systemd unit through ``journalctl``, a child process that ends with us."""

import asyncio
import contextlib
from asyncio.subprocess import DEVNULL, PIPE, Process
from typing import Final

from etcdscope.model.reading import Failure
from etcdscope.sources.logs.lines import CHUNK, LinesError, Splitter

# What is read of before our start.
_BACKLOG: Final = 5000
_GRACE: Final = 2.0


class JournalLines:
    """The lines of a unit. Errors: no journalctl, or it ended; it is started again."""

    skipped = 0
    at_end = False

    def __init__(self, unit: str, program: str = "journalctl") -> None:
        self._unit = unit
        self._program = program
        self._process: Process | None = None
        self._splitter = Splitter()

    async def batch(self, within: float) -> list[bytes]:
        """Return what the journal got; waits for something."""
        process = self._process or await self._start()
        assert process.stdout is not None
        try:
            async with asyncio.timeout(within):
                chunk = await process.stdout.read(CHUNK)
        except TimeoutError:
            return []
        if chunk:
            return self._splitter.split(chunk)
        raise LinesError(Failure.CLOSED, await self._last_words(process))

    async def aclose(self) -> None:
        """End the child: politely, then not."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(_GRACE):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _start(self) -> Process:
        command = (self._program, "-f", "-o", "json", "--no-pager", "-n", str(_BACKLOG))
        try:
            self._process = await asyncio.create_subprocess_exec(
                *command, "-u", self._unit, stdin=DEVNULL, stdout=PIPE, stderr=PIPE
            )
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            raise LinesError(Failure.UNREACHABLE, f"{self._program}: {why}") from None
        self._splitter = Splitter()
        return self._process

    async def _last_words(self, process: Process) -> str:
        assert process.stderr is not None
        said = (await process.stderr.read(4096)).decode(errors="replace").strip()
        code = await process.wait()
        self._process = None
        why = said.splitlines()[-1][:200] if said else f"it ended with {code}"
        return f"journalctl -u {self._unit}: {why}"
