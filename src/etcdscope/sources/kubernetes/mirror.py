"""Keeps one kind of object as the API has it: a list, then a watch, and again from the start.

lightkube's own watch was tried and does not do: after a 410 it begins without a version, so that
objects which went away meanwhile stay for ever; an error while connecting ends it; nothing ends a
watch whose other side is gone. What this does is what Kubernetes' own reflector does:

- lists come by the page; a page whose token has expired (410) begins anew, without pages;
- a watch goes on from the last version, bookmarks included, and ends by itself after minutes;
- a version that is no longer kept (410, as status or as event) means a new list;
- errors wait longer each time, as long as Retry-After says, and never spin;
- a watch that is silent for longer than bookmarks take is begun anew: its other side may be gone.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any, Generic, TypeVar

import msgspec

from etcdscope.model.reading import Failure
from etcdscope.sources.kubernetes.client import KubernetesClient, Params
from etcdscope.sources.kubernetes.errors import KubernetesError, of_event
from etcdscope.sources.kubernetes.objects import Meta, Thing

T = TypeVar("T", bound=Thing)
D = TypeVar("D")

PAGE = 500  # client-go's own
LIST_SECONDS = 30.0
# The server ends a watch after that; a little apart for each, so that not all begin at once.
WATCH_SECONDS = 240.0
# Bookmarks come about once a minute (bookmarkFrequency in the cacher).
SILENT_SECONDS = 150.0
FIRST_PAUSE, LAST_PAUSE = 1.0, 60.0
# Past this many objects of a kind we stop rather than fill the memory.
MOST = 200_000


class _ListMeta(msgspec.Struct, frozen=True):
    resource_version: str = msgspec.field(name="resourceVersion", default="")
    continue_: str = msgspec.field(name="continue", default="")


class _Metadata(msgspec.Struct, frozen=True):
    metadata: _ListMeta = _ListMeta()


class _Event(msgspec.Struct, frozen=True):
    type: str
    object: msgspec.Raw


class _Bookmark(msgspec.Struct, frozen=True):
    metadata: Meta = Meta()


_META = msgspec.json.Decoder(_Metadata)
_EVENT = msgspec.json.Decoder(_Event)
_BOOKMARK = msgspec.json.Decoder(_Bookmark)


def _list_of(kind: type[T]) -> type[Any]:
    return msgspec.defstruct("List", [("items", list[kind] | None, None)])  # type: ignore[valid-type]


class Mirror(Generic[T]):
    """One kind of object, by name (``namespace/name`` where it has a namespace).

    ``heard``: tells of every object that a watch brought, before it replaces the one of before.
    ``failure``: why nothing is known, or no longer kept up to date; None while all is well.
    ``relists``: how often the whole list was read.
    """

    def __init__(
        self,
        client: KubernetesClient,
        path: str,
        kind: type[T],
        *,
        params: Params | None = None,
        metadata_only: bool = False,
        heard: Callable[[T, T | None], None] = lambda _, __: None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.items: dict[str, T] = {}
        self.failure: KubernetesError | None = None
        self.relists = 0
        self.tried = asyncio.Event()  # set once it has listed, or failed to
        self._client = client
        self._path = path
        self._params = dict(params or {})
        self._heard = heard
        self._sleep = sleep
        self._kind = msgspec.json.Decoder(kind)
        self._list = msgspec.json.Decoder(_list_of(kind))
        self._version = ""
        self._metadata_only = metadata_only
        self._doubted = False
        self._bound: asyncio.Timeout | None = None
        self._chatter = random.Random()  # noqa: S311 - no secret

    @property
    def known(self) -> bool:
        """Return whether the list was read at least once."""
        return self.relists > 0

    def doubt(self) -> None:
        """Ask for a new list: what the watch brings cannot be all."""
        self._doubted = True
        if self._bound:
            self._bound.reschedule(asyncio.get_running_loop().time())

    async def run(self) -> None:
        """Keep it until cancelled."""
        pause = FIRST_PAUSE
        while True:
            try:
                if not self._version:
                    await self._relist()
                    pause = FIRST_PAUSE
                if await self._watch():
                    pause = FIRST_PAUSE
                continue
            except KubernetesError as error:
                if error.gone:
                    self._version = ""
                else:
                    self.failure = error
                wait = max(error.retry_after, pause * self._chatter.uniform(0.8, 1.2))
            self.tried.set()
            await self._sleep(wait)
            pause = min(pause * 2, LAST_PAUSE)

    # --- the list ------------------------------------------------------------------------------

    async def _relist(self) -> None:
        try:
            items, version = await self._pages(PAGE)
        except KubernetesError as error:
            if not error.gone:
                raise
            items, version = await self._pages(0)  # the token of a later page had expired
        for key, item in items.items():
            if (before := self.items.get(key)) is not None:
                self._heard(item, before)
        self.items, self._version = items, version
        self.relists += 1
        self.failure = None
        self._doubted = False
        self.tried.set()

    async def _pages(self, limit: int) -> tuple[dict[str, T], str]:
        items: dict[str, T] = {}
        token = ""
        while True:
            params = dict(self._params)
            if limit:
                params["limit"] = str(limit)
            if token:
                params["continue"] = token
            body = await self._page(params)
            meta = self._decoded(_META, body).metadata
            for item in self._decoded(self._list, body).items or ():
                items[item.key] = item
            if len(items) > MOST:
                raise KubernetesError(
                    Failure.TOO_LARGE, f"{self._path} has more than {MOST} objects."
                )
            token = meta.continue_
            if not token:
                return items, meta.resource_version

    async def _page(self, params: Params) -> bytes:
        try:
            async with asyncio.timeout(LIST_SECONDS):
                _, body = await self._client.get(self._path, params, accept=self._accept("List"))
        except TimeoutError:
            raise self._late(f"gave no list within {LIST_SECONDS:.0f} s") from None
        return body

    def _accept(self, list_: str = "") -> str:
        """Ask for metadata alone where that is all that is wanted; older servers give the whole."""
        whole = "application/json"
        if not self._metadata_only:
            return whole
        return f"{whole};as=PartialObjectMetadata{list_};g=meta.k8s.io;v=v1,{whole}"

    def _decoded(self, decoder: "msgspec.json.Decoder[D]", raw: bytes | msgspec.Raw) -> D:
        try:
            return decoder.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise KubernetesError(
                Failure.NOT_ETCD,
                f"{self._client.server}{self._path} does not answer as the Kubernetes API does.",
            ) from None

    # --- the watch -----------------------------------------------------------------------------

    async def _watch(self) -> bool:
        """Follow until the server ends it; return whether anything came."""
        seconds = WATCH_SECONDS * self._chatter.uniform(0.8, 1.2)
        params = {
            **self._params,
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": f"{seconds:.0f}",
        }
        came = False
        clock = asyncio.get_running_loop().time
        try:
            async with asyncio.timeout(SILENT_SECONDS) as self._bound:
                async with aclosing(
                    self._client.lines(self._path, params, self._accept())
                ) as lines:
                    async for line in lines:
                        came = True
                        self._take(line)
                        self._bound.reschedule(clock() + SILENT_SECONDS)
        except TimeoutError:  # doubted, or silent: go on over another connection
            came = came or self._doubted
        finally:
            self._bound = None
            if self._doubted:
                self._version = ""
        if not came:
            await self._sleep(FIRST_PAUSE)  # an end at once, again and again, must not spin
        return came

    def _take(self, line: bytes) -> None:
        event = self._decoded(_EVENT, line)
        if event.type == "ERROR":
            raise of_event(bytes(event.object), self._client.server)
        self.failure = None
        if event.type == "BOOKMARK":
            self._version = self._decoded(_BOOKMARK, event.object).metadata.version
            return
        item = self._decoded(self._kind, event.object)
        if event.type == "DELETED":
            self.items.pop(item.key, None)
        elif event.type in {"ADDED", "MODIFIED"}:
            self._heard(item, self.items.get(item.key))
            self.items[item.key] = item
        self._version = item.metadata.version or self._version

    def _late(self, what: str) -> KubernetesError:
        return KubernetesError(Failure.TIMEOUT, f"{self._client.server}{self._path} {what}.")
