"""A clock that is moved by hand, receivers that answer as told, and incidents to tell."""

import asyncio
import heapq
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from aiohttp import web

from etcdscope.model.finding import Evidence, Severity, Subject
from etcdscope.model.incident import Effect, EffectKind, Incident, Step

AT = 1_795_330_152.25
M1 = "8e9e05c52164694d"


@dataclass
class FakeClock:
    """Time stands still until ``advance``."""

    at: float = AT
    sleepers: list[tuple[float, int, asyncio.Future[None]]] = field(default_factory=list)
    number: "count[int]" = field(default_factory=count)
    slept: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self.sleepers, (self.at + seconds, next(self.number), woken))
        await woken

    def advance(self, seconds: float) -> None:
        self.at += seconds
        while self.sleepers and self.sleepers[0][0] <= self.at:
            _, _, woken = heapq.heappop(self.sleepers)
            if not woken.done():
                woken.set_result(None)


class RealClock:
    """Time as it is."""

    def now(self) -> float:
        import time  # noqa: PLC0415

        return time.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass
class FakeSink:
    """Takes effects, or raises what it was told to raise, in turn."""

    name: str = "fake"
    failures: list[Exception] = field(default_factory=list)
    told: list[tuple[Effect, ...]] = field(default_factory=list)
    hangs: bool = False

    async def deliver(self, effects: Sequence[Effect]) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        if self.failures:
            raise self.failures.pop(0)
        self.told.append(tuple(effects))

    @property
    def ids(self) -> list[str]:
        return [e.incident.id for effects in self.told for e in effects if e.incident]


@dataclass
class Heard:
    """One request that a receiver got."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class FakeReceiver:
    """An HTTP server on loopback; ``answers`` are given in turn, then ``usual``."""

    url: str = ""
    tls: ssl.SSLContext | None = None
    answers: list[web.Response] = field(default_factory=list)
    usual: int = 200
    hangs: bool = False
    heard: list[Heard] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        self.heard.append(Heard(request.path, dict(request.headers), await request.read()))
        if self.hangs:
            await asyncio.Event().wait()
        answer = self.answers.pop(0) if self.answers else web.Response(status=self.usual)
        answer.headers.setdefault("Date", "none")  # the clocks of tests stand still
        return answer


@asynccontextmanager
async def receiving(**how: Any) -> AsyncIterator[FakeReceiver]:  # noqa: ANN401
    """Run a receiver on a free port of loopback."""
    receiver = FakeReceiver(**how)
    app = web.Application()
    app.router.add_post("/{path:.*}", receiver.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=receiver.tls)
    await site.start()
    assert site._server is not None
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
    receiver.url = f"http{'s' if receiver.tls else ''}://127.0.0.1:{port}"
    try:
        yield receiver
    finally:
        await runner.cleanup()


@asynccontextmanager
async def garbling(said: bytes) -> AsyncIterator[str]:
    """Run a server that says the same to everybody and hangs up; gives its URL."""

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(say, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


INCIDENT = Incident(
    id=f"wal-fsync-slow/c1/{M1}/1795330152250",
    cluster="c1",
    cause="wal-fsync-slow",
    subject=Subject.member(M1),
    severity=Severity.WARNING,
    summary="m1's disk is slow",
    confidence=0.93,
    since=AT - 2,
    opened_at=AT,
    evidence=(Evidence("wal_fsync_p99", 0.412, "s", 0.1, "/metrics", M1),),
    effects=("leader-flapping",),
    impact="writes wait",
    runbook=(Step("Move the leader.", "etcdctl move-leader a1"),),
    names={M1: "m1"},
)


def incident(number: int = 0, **changes: Any) -> Incident:  # noqa: ANN401
    """Return the incident, or another of that number about another member."""
    other: dict[str, Any] = (
        {"id": f"i{number}", "subject": Subject.member(f"{number:x}")} if number else {}
    )
    return replace(INCIDENT, **other, **changes)


def opened(incident: Incident, at: float = AT) -> Effect:
    return Effect(EffectKind.OPENED, at, incident.cluster, incident)


def changed(incident: Incident, at: float = AT) -> Effect:
    return Effect(EffectKind.CHANGED, at, incident.cluster, incident)


def closed(incident: Incident, at: float = AT) -> Effect:
    ended = replace(incident, closed_at=at)
    return Effect(EffectKind.CLOSED, at, incident.cluster, ended)


async def until(true: Any, seconds: float = 5.0) -> None:  # noqa: ANN401
    """Let other tasks run until it is true."""
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.002)
