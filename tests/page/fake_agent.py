"""Serves the page, and in place of an agent's word what is made up in ``told``."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from tests.page import censuses, stories, told

from etcdscope.surfaces.web import assets, learning
from etcdscope.surfaces.web.routes import BASE

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class FakeAgent:
    """``clusters`` by key; ``token``: what is asked for; ``started``: when this life began."""

    clusters: dict[str, told.Cluster] = field(default_factory=dict)
    token: str = ""
    started: float = field(default_factory=time.time)
    charts: tuple[tuple[str, str, str, str, float | None], ...] = told.CHARTS
    registry: told.Json | None = None
    slow: float = 0.0
    numbers: int = 0
    listeners: dict[asyncio.Queue[bytes | None], str] = field(default_factory=dict)

    def tell(self, name: str, data: Any, key: str = "") -> None:  # noqa: ANN401  # any JSON
        """Send an event to all who listen to all, or to that cluster."""
        self.numbers += 1
        wire = f"event: {name}\nid: {self.numbers}\ndata: {json.dumps(data)}\n\n".encode()
        for queue, wanted in self.listeners.items():
            if not key or wanted in ("", key):
                queue.put_nowait(wire)

    def show(self, key: str) -> None:
        """Send how a cluster stands, as each listener wants it."""
        cluster = self.clusters[key]
        for queue, wanted in self.listeners.items():
            said = cluster.live() if wanted == key else cluster.summary()
            if wanted in ("", key):
                queue.put_nowait(f"event: cluster\ndata: {json.dumps(said)}\n\n".encode())

    def drop(self) -> None:
        """End all streams, as a restart does."""
        for queue in self.listeners:
            queue.put_nowait(None)

    @asynccontextmanager
    async def open(self, port: int = 0) -> AsyncIterator[str]:
        """Serve for the length of the block; gives the URL."""
        app = web.Application(middlewares=[self._guard])
        base, files = BASE, assets.read()
        app.add_routes(
            [
                web.get("/", assets.shell(files)),
                web.get("/assets/{path:.+}", assets.part(files)),
                *(
                    web.get(base + one.path, one.handler())
                    for one in learning.routes()
                    if one.path != "/benchmarks"
                ),
                web.get(f"{base}/benchmarks", self._benchmarks),
                web.get(f"{base}/events", self._events),
                web.get(f"{base}/clusters", self._clusters),
                web.get(f"{base}/clusters/{{key}}", self._cluster),
                web.get(f"{base}/clusters/{{key}}/at", self._at),
                web.get(f"{base}/clusters/{{key}}/lanes", self._lanes),
                web.get(f"{base}/clusters/{{key}}/charts", self._charts),
                web.get(f"{base}/clusters/{{key}}/charts/{{id}}", self._chart),
                web.get(f"{base}/clusters/{{key}}/ranges", self._ranges),
                web.get(f"{base}/clusters/{{key}}/incidents", self._incidents),
                web.get(f"{base}/clusters/{{key}}/incidents/{{id:.+}}", self._incident),
                web.get(f"{base}/clusters/{{key}}/registry", self._registry),
                web.get(f"{base}/clusters/{{key}}/registry/diff", self._diff),
            ]
        )
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
        finally:
            self.drop()
            await runner.cleanup()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        closed = self.token and request.path.startswith("/api/")
        if closed and request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.json_response({"error": "send the agent's token"}, status=401)
        if self.slow and request.path.startswith("/api/"):
            await asyncio.sleep(self.slow)
        return await handler(request)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        hello = {"version": "0.1.0", "started_at": self.started, "at": time.time()}
        await answer.write(f"event: hello\ndata: {json.dumps(hello)}\n\n".encode())
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.listeners[queue] = request.query.get("cluster", "")
        try:
            while (wire := await queue.get()) is not None:
                await answer.write(wire)
        except ConnectionResetError:
            pass
        finally:
            del self.listeners[queue]
        return answer

    def _of(self, request: web.Request) -> told.Cluster:
        found = self.clusters.get(request.match_info["key"])
        if found is None:
            raise web.HTTPNotFound(
                text=json.dumps({"error": "No such cluster is watched."}),
                content_type="application/json",
            )
        return found

    async def _clusters(self, _: web.Request) -> web.Response:
        rows = [one.summary() for one in self.clusters.values()]
        return web.json_response({"at": time.time(), "clusters": rows})

    async def _cluster(self, request: web.Request) -> web.Response:
        return web.json_response(self._of(request).whole())

    async def _at(self, request: web.Request) -> web.Response:
        cluster, at = self._of(request), float(request.query["time"])
        if at < self.started - 3600:
            why = {"error": "The history has nothing of that time: it begins an hour ago."}
            return web.json_response(why, status=404)
        calm = told.Cluster(cluster.key, at, "ok", cluster.members, cluster.labels, 1, 13)
        return web.json_response(calm.whole() | {"as_of": at, "rebuilt_from": "samples"})

    async def _lanes(self, request: web.Request) -> web.Response:
        query = request.query
        return web.json_response(self._of(request).lanes(float(query["from"]), float(query["to"])))

    async def _charts(self, request: web.Request) -> web.Response:
        self._of(request)
        rows = [
            {
                "id": name,
                "family": family,
                "title": title,
                "unit": unit,
                "limit": limit and {"value": limit, "say": "warning"},
                "kind": "line",
            }
            for name, family, title, unit, limit in self.charts
        ]
        return web.json_response({"charts": rows})

    async def _chart(self, request: web.Request) -> web.Response:
        query = request.query
        span = float(query["from"]), float(query["to"])
        name = request.match_info["id"]
        return web.json_response(
            told.chart(self._of(request), name, span, float(query.get("step", 5)))
        )

    async def _ranges(self, request: web.Request) -> web.Response:
        query, cluster = request.query, self._of(request)
        span = float(query["from"]), float(query["to"])
        ids = query["charts"].split(",")
        drawn = [told.chart(cluster, one, span, float(query["step"])) for one in ids]
        return web.json_response({"ranges": drawn})

    async def _incidents(self, request: web.Request) -> web.Response:
        return web.json_response({"incidents": self._of(request).incidents})

    async def _incident(self, request: web.Request) -> web.Response:
        cluster = self._of(request)
        for one in cluster.incidents:
            if one["incident"] == request.match_info["id"]:
                return web.json_response(stories.followed(cluster, one))
        return web.json_response({"error": "No such incident is known."}, status=404)

    async def _registry(self, request: web.Request) -> web.Response:
        if self.registry is None:
            why = {"error": "The keys of this cluster were not counted yet."}
            return web.json_response(why, status=404)
        return web.json_response(self.registry)

    async def _benchmarks(self, _: web.Request) -> web.Response:
        return web.json_response({"markdown": told.MEASURED})

    async def _diff(self, _: web.Request) -> web.Response:
        return web.json_response(censuses.diff(time.time()))


def fleet(count: int, now: float | None = None) -> dict[str, told.Cluster]:
    """Return so many clusters, a few of them in trouble."""
    now = now or time.time()
    words = ["critical"] + ["warning"] * 3 + ["unknown"] + ["ok"] * 45
    zones = ("eu-1", "us-2", "ap-1")
    found = {}
    for i in range(count):
        key = f"{('prod', 'stage', 'edge')[i % 3]}-{zones[i % len(zones)]}-{i:03}"
        labels = {"zone": zones[i % 3], "tier": ("prod", "stage", "edge")[i % 3]}
        level = words[i % len(words)]
        found[key] = told.Cluster(key, now, level, 5 if i % 5 == 0 else 3, labels)
    return found


async def main() -> None:
    """Serve a fleet to look at, while working on the page."""
    now = time.time()
    agent = FakeAgent({"prod-eu-1": told.Cluster("prod-eu-1", now), **fleet(30)})
    sick = agent.clusters["sick"] = told.Cluster("sick", now, "critical")
    agent.registry = censuses.registry(now)
    agent.clusters["long"] = told.Cluster(
        "long", now, prefix="ip-10-1-200-12.eu-central-1.internal-"
    )
    agent.clusters["five"] = told.Cluster("five", now, members=5)
    sick.incidents = [
        stories.slow_disk(sick, now - 240),
        stories.slow_disk(sick, now - 3000, now - 2900),
    ]
    async with agent.open(2399) as url:
        sys.stdout.write(f"{url}\n")
        while True:
            await asyncio.sleep(1)
            for key, cluster in agent.clusters.items():
                cluster.now = time.time()
                agent.show(key)


if __name__ == "__main__":
    asyncio.run(main())
