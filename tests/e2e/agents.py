"""A real ``etcdscope serve``, and a receiver of its messages."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from tests.e2e.commands import Running, running
from tests.etcd.servers import free_port


@dataclass
class Agent:
    """A running agent and where it answers."""

    run: Running
    url: str

    async def get(self, path: str, token: str = "") -> tuple[int, str, dict[str, str]]:
        """Get a page: status, text, headers."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with (
            aiohttp.ClientSession() as session,
            session.get(self.url + path, headers=headers) as answer,
        ):
            return answer.status, await answer.text(), dict(answer.headers)

    async def check(self) -> dict[str, Any]:
        """Return what ``/api/v1/check`` says."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.url}/api/v1/check") as answer,
        ):
            found: dict[str, Any] = await answer.json()
            return found

    async def judged(self, level: str, within_s: float = 20.0) -> None:
        """Wait for a verdict; "ok" means that every member was seen."""

        def so() -> bool:
            last = self.run.events("verdict")[-1:]
            return any(
                one["verdict"] == level
                and (level != "ok" or all(member["reachable"] for member in one["members"]))
                for one in last
            )

        await self.run.until(so, within_s)


@asynccontextmanager
async def agent(endpoints: str, *words: str | Path, **environ: str) -> AsyncIterator[Agent]:
    """Run an agent on a port that the system chooses."""
    flags = ("--endpoints", endpoints, "--listen", "127.0.0.1:0", *words)
    async with running("serve", *flags, **environ) as run:
        await run.until(lambda: _url(run))
        yield Agent(run, _url(run))


def _url(run: Running) -> str:
    found = re.search(r"listening on (http://\S+)", "\n".join(run.complaints))
    return found[1] if found else ""


@dataclass
class Receiver:
    """A webhook's far end, which may be away. ``taken``: bodies in order of arrival."""

    port: int = field(default_factory=free_port)
    taken: list[dict[str, Any]] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        """Return what the agent is to post to."""
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def events(self) -> list[tuple[str, str]]:
        """Return event and incident of what was taken, repetitions left out."""
        ids = {body["id"]: body["event"] for body in self.taken}
        return [(event["event"], event["incident"]) for event in ids.values()]

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Be there for the length of the block."""
        app = web.Application()
        app.add_routes([web.post("/hook", self._take)])
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port).start()
        try:
            yield
        finally:
            await runner.cleanup()

    async def until(self, count: int, within_s: float) -> None:
        """Wait until so many events were taken."""
        try:
            async with asyncio.timeout(within_s):
                while len(self.events) < count:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"not within {within_s} s: {self.events}") from None

    async def _take(self, request: web.Request) -> web.Response:
        self.taken.append(await request.json())
        self._news.set()
        return web.Response(status=204)
