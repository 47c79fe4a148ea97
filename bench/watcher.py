"""A real ``etcdscope watch --json`` beside a lab: its lines, with the moment each arrived."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from etcdscope.lab.children import leash


@dataclass(frozen=True, slots=True)
class Line:
    """One line: ``at`` is unix seconds when it reached us, which is what a person would see."""

    at: float
    body: dict[str, Any]

    @property
    def event(self) -> str:
        """Return opened, changed, closed, blind-spot, sighted or verdict."""
        return str(self.body["event"])


@dataclass
class Watcher:
    """The lines so far; ``pid`` for measuring what it costs, ``ended`` when no more will come."""

    pid: int
    ended: bool = False
    lines: list[Line] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, holds: Callable[[], bool], seconds: float) -> bool:
        """Wait until something holds, looked at with every line; False if it did not in time."""
        try:
            async with asyncio.timeout(seconds):
                while not holds():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return holds()
        return True

    async def read(self, stream: asyncio.StreamReader) -> None:
        """Take lines until the stream ends."""
        while raw := await stream.readline():
            self.lines.append(Line(time.time(), json.loads(raw)))
            self._news.set()
        self.ended = True
        self._news.set()


@asynccontextmanager
async def watching(
    endpoints: str, *flags: str, environ: dict[str, str] | None = None
) -> AsyncIterator[Watcher]:
    """Run ``etcdscope watch --json`` for the length of the block."""
    process = await asyncio.create_subprocess_exec(
        *leash(),  # it ends with us, however we end
        str(Path(sys.executable).with_name("etcdscope")),
        "watch", "--json", "--endpoints", endpoints, *flags,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 22,
        env=environ,
    )  # fmt: skip
    assert process.stdout is not None
    watcher = Watcher(process.pid)
    reading = asyncio.create_task(watcher.read(process.stdout))
    try:
        yield watcher
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        await reading
