"""Real ``etcdscope`` processes: run to their end and measured, or begun and talked to."""

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROGRAM = Path(sys.executable).with_name("etcdscope")
# No variable of whoever runs the tests says where etcd is or how we print.
ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(
        ("ETCDCTL_", "ETCDSCOPE_", "COLUMNS", "LINES", "FORCE_COLOR", "STATE_DIRECTORY")
    )
}
END_S = 60.0  # dozens of them run at once, each takes a second of CPU


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command went. ``peak_mb``: the most memory it had, in MiB."""

    code: int
    out: str
    err: str
    seconds: float
    peak_mb: float

    @property
    def told(self) -> str:
        """Return all that it printed."""
        return self.out + self.err

    @property
    def json(self) -> dict[str, Any]:
        """Return the one object that it printed."""
        found: dict[str, Any] = json.loads(self.out)
        return found


async def run(*words: str | Path, **environ: str) -> Ran:
    """Run ``etcdscope`` to its end."""
    begin = time.monotonic()
    process = await _spawn(words, environ)
    measuring = asyncio.create_task(_peak(process.pid))
    try:
        async with asyncio.timeout(END_S):
            out, err = await process.communicate()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        code = await process.wait()
        took = time.monotonic() - begin
    return Ran(code, out.decode(), err.decode(), took, await measuring)


async def _spawn(words: tuple[str | Path, ...], environ: dict[str, str]) -> Process:
    return await asyncio.create_subprocess_exec(
        PROGRAM,
        *map(str, words),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
        env=ENVIRONMENT | environ,
        limit=1 << 24,
    )


async def _peak(pid: int) -> float:
    """Return the highest VmHWM until the process is gone; a child's rusage counts its parent's."""
    peak = 0.0
    while found := re.search(r"VmHWM:\s+(\d+) kB", _file(pid, "status")):
        if b"etcdscope" in _file(pid, "cmdline").encode():  # else it is still a copy of ourselves
            peak = int(found[1]) / 1024
        await asyncio.sleep(0.05)
    return peak


def _file(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text()
    except OSError:
        return ""


@dataclass
class Running:
    """A command that goes on: its lines as they come. ``lines``: of standard output, parsed."""

    process: Process
    lines: list[dict[str, Any]] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, holds: Callable[[], object], within_s: float = 15.0) -> None:
        """Wait until something holds, looked at with every line."""
        try:
            async with asyncio.timeout(within_s):
                while not holds():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"not within {within_s} s; it said:\n{self}") from None

    def events(self, *kinds: str, cause: str = "") -> list[dict[str, Any]]:
        """Return the lines of these kinds."""
        return [
            line
            for line in self.lines
            if line["event"] in kinds and (not cause or line.get("cause") == cause)
        ]

    async def end(self, told: signal.Signals = signal.SIGTERM, within_s: float = 5.0) -> int:
        """Send a signal; return the exit code."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(told)
        async with asyncio.timeout(within_s):
            return await self.process.wait()

    def __str__(self) -> str:
        return "\n".join([*map(json.dumps, self.lines), *self.complaints])

    async def listen(self) -> None:
        """Take what it says until it says no more."""
        assert self.process.stdout
        assert self.process.stderr
        async with asyncio.TaskGroup() as group:
            group.create_task(self._each(self.process.stdout, self._line))
            group.create_task(self._each(self.process.stderr, self.complaints.append))

    async def _each(self, stream: asyncio.StreamReader, take: Callable[[str], None]) -> None:
        while raw := await stream.readline():
            take(raw.decode().rstrip("\n"))
            self._news.set()

    def _line(self, line: str) -> None:
        self.lines.append(json.loads(line))


@contextlib.asynccontextmanager
async def running(*words: str | Path, **environ: str) -> AsyncIterator[Running]:
    """Begin ``etcdscope … --json``; killed at the end of the block if it still runs."""
    process = await _spawn((*words, "--json"), environ)
    run_ = Running(process)
    listening = asyncio.create_task(run_.listen())
    try:
        yield run_
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await listening
