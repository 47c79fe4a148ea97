"""A real ``etcdscope serve``, and a receiver of its messages."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
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

    async def ask(self, path: str) -> dict[str, Any]:
        """Return what the API says, below ``/api/v1``."""
        status, text, _ = await self.get(f"/api/v1{path}")
        assert status == 200, (path, status, text)
        found: dict[str, Any] = json.loads(text)
        return found

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
    async with configured("--endpoints", endpoints, *words, **environ) as served:
        yield served


@asynccontextmanager
async def configured(*words: str | Path, **environ: str) -> AsyncIterator[Agent]:
    """Run an agent with these flags, on a port that the system chooses if they name none."""
    listen = () if "--listen" in words else ("--listen", "127.0.0.1:0")
    async with running("serve", *listen, *words, **environ) as run:
        await run.until(lambda: _url(run))
        yield Agent(run, _url(run))


@dataclass
class Heard:
    """What came over the stream of events: name, id and data of each."""

    events: list[tuple[str, int, dict[str, Any]]] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def of(self, name: str) -> list[dict[str, Any]]:
        """Return the data of the events of that name."""
        return [data for event, _, data in self.events if event == name]

    @property
    def last(self) -> int:
        """Return the id that was seen last."""
        return max((number for _, number, _ in self.events), default=0)

    async def until(self, holds: Callable[[], object], within_s: float) -> None:
        """Wait until something holds, looked at with every event."""
        try:
            async with asyncio.timeout(within_s):
                while not holds():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            names = [(name, number) for name, number, _ in self.events]
            raise AssertionError(f"not within {within_s} s: {names}") from None

    async def listen(self, url: str, last: int | None = None) -> None:
        """Take events until the stream ends."""
        headers = {} if last is None else {"Last-Event-ID": str(last)}
        async with (
            aiohttp.ClientSession(read_bufsize=2**20) as session,
            session.get(url, headers=headers) as answer,
        ):
            assert answer.status == 200, await answer.text()
            fields: dict[str, str] = {}
            async for raw in answer.content:
                line = raw.decode().rstrip("\n")
                if line:
                    name, _, value = line.partition(": ")
                    fields[name] = value
                elif "event" in fields:
                    number = int(fields.get("id", 0))
                    self.events.append((fields["event"], number, json.loads(fields["data"])))
                    fields = {}
                    self._news.set()


@asynccontextmanager
async def heard(url: str, last: int | None = None) -> AsyncIterator[Heard]:
    """Listen to a stream of events for the length of the block."""
    one = Heard()
    listening = asyncio.create_task(one.listen(url, last))
    try:
        yield one
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


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
