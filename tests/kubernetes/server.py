"""A small Kubernetes API: serves objects with pages and watches, and fails as it is told."""

import asyncio
import contextlib
import functools
import gzip
import json
import re
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from tests.kubernetes import recorded
from tests.kubernetes.recorded import Object

TOKEN = "a-token-of-the-tests"
_SELECTOR = re.compile(r"(\w+) in \(([^)]*)\)")


@dataclass
class Trouble:
    """What a path answers instead; ``times``: how often, -1 for ever."""

    status: int = 0
    times: int = -1
    retry_after: str = ""
    hang: bool = False
    body: bytes | None = None


@dataclass
class FakeKubernetes:
    """What is served, and what was asked.

    ``lists``: objects by path. ``troubles``: by path, ``watch:PATH`` for its watches, or ``*``.
    ``page``: most objects in one answer. ``floor``: versions below it are gone (410).
    """

    lists: dict[str, list[Object]] = field(default_factory=recorded.lists)
    troubles: dict[str, Trouble] = field(default_factory=dict)
    metrics: bytes = field(default_factory=lambda: recorded.raw("metrics.txt"))
    readyz: bytes = field(default_factory=lambda: recorded.raw("readyz-verbose.txt"))
    ready: bool = True
    token: str = TOKEN
    page: int = 500
    floor: int = 0
    expire_pages: int = 0  # so many continue tokens are refused with 410
    asked: list[str] = field(default_factory=list)
    queries: list[dict[str, str]] = field(default_factory=list)
    url: str = ""
    version: int = 30_000
    _history: list[tuple[int, str, str, Object]] = field(default_factory=list)
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)
    _cut: asyncio.Event = field(default_factory=asyncio.Event)

    # --- what tests do -------------------------------------------------------------------------

    async def put(self, path: str, one: Object) -> None:
        """Add an object, or replace the one of that name; watchers are told."""
        name = one["metadata"]["name"]
        before = [o for o in self.lists[path] if o["metadata"]["name"] == name]
        self.lists[path] = [o for o in self.lists[path] if o["metadata"]["name"] != name] + [one]
        await self._tell(path, "MODIFIED" if before else "ADDED", one)

    async def delete(self, path: str, name: str) -> None:
        """Take an object away; watchers are told."""
        (gone,) = [o for o in self.lists[path] if o["metadata"]["name"] == name]
        self.lists[path].remove(gone)
        await self._tell(path, "DELETED", gone)

    async def bookmark(self, path: str) -> None:
        """Send every watcher of a path a bookmark."""
        await self._tell(path, "BOOKMARK", {"kind": "x", "metadata": {}})

    def lose(self, path: str, name: str) -> None:
        """Take an object away without telling anybody, as while a watcher is away."""
        self.lists[path] = [o for o in self.lists[path] if o["metadata"]["name"] != name]
        self.version += 1

    def forget(self) -> None:
        """Compact: all versions up to now are gone."""
        self.version += 1
        self.floor = self.version

    async def cut(self) -> None:
        """End all watches."""
        self._cut.set()
        self._cut = asyncio.Event()
        async with self._news:
            self._news.notify_all()

    def watches(self, path: str) -> int:
        """Return how many watches of a path were begun."""
        return self.asked.count(f"watch:{path}")

    async def _tell(self, path: str, kind: str, one: Object) -> None:
        self.version += 1
        one["metadata"]["resourceVersion"] = str(self.version)
        async with self._news:
            self._history.append((self.version, path, kind, json.loads(json.dumps(one))))
            self._news.notify_all()

    # --- what is served ------------------------------------------------------------------------

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        path, query = request.path, dict(request.query)
        what = f"watch:{path}" if query.get("watch") else path
        self.asked.append(what)
        self.queries.append(query)
        if (response := await self._troubled(what)) is not None:
            return response
        if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.Response(status=401, body=recorded.raw("unauthorized.json"))
        if path in {"/readyz", "/livez"}:
            return web.Response(status=200 if self.ready else 500, body=self.readyz)
        if path == "/metrics":
            return await self._big(request)
        if path in self.lists:
            return await (self._watch(request) if "watch" in query else self._list(path, query))
        parent, _, name = path.rpartition("/")
        found = [o for o in self.lists.get(parent, ()) if o["metadata"]["name"] == name]
        return web.json_response(found[0]) if found else web.Response(status=404)

    async def _troubled(self, what: str) -> web.Response | None:
        trouble = self.troubles.get(what) or self.troubles.get("*")
        if trouble is None or trouble.times == 0:
            return None
        trouble.times -= 1
        if trouble.hang:
            await asyncio.sleep(600)
        if trouble.body is not None:
            return web.Response(status=trouble.status or 200, body=trouble.body)
        if trouble.status == 403:
            return web.Response(status=403, body=recorded.raw("forbidden.json"))
        headers = {"Retry-After": trouble.retry_after} if trouble.retry_after else {}
        said = {"kind": "Status", "code": trouble.status, "message": f"told to be {trouble.status}"}
        return web.json_response(said, status=trouble.status, headers=headers)

    async def _list(self, path: str, query: dict[str, str]) -> web.StreamResponse:
        found = [o for o in self.lists[path] if _selected(o, query.get("labelSelector", ""))]
        start = int(query.get("continue", "0"))
        if start and self.expire_pages:
            self.expire_pages -= 1
            return web.json_response({"kind": "Status", "code": 410, "message": "gone"}, status=410)
        size = min(int(query.get("limit", "0")) or len(found) or 1, self.page)
        if "limit" not in query:
            size = len(found) or 1
        meta: dict[str, Any] = {"resourceVersion": str(self.version)}
        if start + size < len(found):
            meta["continue"] = str(start + size)
        return web.json_response({"metadata": meta, "items": found[start : start + size]})

    async def _big(self, request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Encoding": "gzip"})
        await response.prepare(request)
        packed = _packed(self.metrics)
        for at in range(0, len(packed), 20_000):
            await response.write(packed[at : at + 20_000])
        await response.write_eof()
        return response

    async def _watch(self, request: web.BaseRequest) -> web.StreamResponse:
        path, query = request.path, request.query
        cut = self._cut
        response = web.StreamResponse()
        await response.prepare(request)
        selector = query.get("labelSelector", "")
        version = int(query.get("resourceVersion") or self.version)
        if "resourceVersion" not in query:  # then a watch begins with all there is
            for one in self.lists[path]:
                await _line(response, "ADDED", one)
        while not cut.is_set():
            if version < self.floor:
                gone = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}
                await _line(response, "ERROR", gone)
                break
            for at, where, kind, one in list(self._history):
                if at > version and where == path:
                    version = at
                    if kind == "BOOKMARK" or _selected(one, selector):
                        await _line(response, kind, one)
            async with self._news:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.2):
                        await self._news.wait()
        await response.write_eof()
        return response


@functools.lru_cache(4)
def _packed(body: bytes) -> bytes:
    return gzip.compress(body, 1)


async def _line(response: web.StreamResponse, kind: str, one: Object) -> None:
    await response.write(json.dumps({"type": kind, "object": one}).encode() + b"\n")


def _selected(one: Object, selector: str) -> bool:
    if not (found := _SELECTOR.fullmatch(selector)):
        return True
    labels = one["metadata"].get("labels") or {}
    return labels.get(found[1]) in found[2].split(",")


@contextlib.asynccontextmanager
async def serving(
    kubernetes: FakeKubernetes,
    host: str = "127.0.0.1",
    port: int = 0,
    context: ssl.SSLContext | None = None,
) -> AsyncIterator[FakeKubernetes]:
    """Serve until the block ends."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        with contextlib.suppress(ConnectionError):
            return await kubernetes.answer(request)
        return web.Response()

    runner = web.ServerRunner(web.Server(handle), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, host, port, ssl_context=context)
    await site.start()
    (address,) = runner.addresses
    kubernetes.url = f"{'https' if context else 'http'}://{host}:{address[1]}"
    try:
        yield kubernetes
    finally:
        await kubernetes.cut()
        await runner.cleanup()
