"""Looks at one API server: is it ready, and what does it say of etcd and of itself."""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator
from contextlib import aclosing
from dataclasses import replace

from etcdscope.model.kubernetes import Health
from etcdscope.model.ports import Pace
from etcdscope.model.reading import Failure, Observation, Reading
from etcdscope.model.signal_kubernetes import (
    APISERVER_CACHE_REVISION,
    APISERVER_HEALTH,
    APISERVER_NODE,
    APISERVER_SCRAPE,
    APISERVER_START,
    BESIDE,
    BY_METRIC,
)
from etcdscope.sources.exposition import MalformedError, Names, Sums
from etcdscope.sources.kubernetes.client import KubernetesClient, pieces
from etcdscope.sources.kubernetes.errors import KubernetesError
from etcdscope.sources.looking import Looking

# 2.6 MB in a small cluster; a large one was told of with 40 MB.
MOST_BYTES = 256 << 20
LINE_BYTES = 1 << 20
METRICS_SECONDS = 8.0  # of the look's patience
PAGE_BYTES = 1 << 18
_CHECK = re.compile(r"^\[(\+|-)\](\S+)", re.MULTILINE)
_NAMES = Names(BY_METRIC, BESIDE)


class ApiserverSource:
    """Reads ``/readyz?verbose``, ``/livez`` and ``/metrics`` of one API server.

    ``server``: its own URL, so that a balancer does not stand between. ``node``: where it runs.
    Gives:   a Reading; of the metrics, megabytes, only sums of what is named stay in memory.
    Errors:  none leave. Health comes even where the metrics do not, with the metrics' failure.
    """

    name = "apiserver"
    pace = Pace(cadence=15.0, patience=12.0, zoomed=5.0)

    def __init__(self, client: KubernetesClient, server: str, node: str = "") -> None:
        self.server = server
        self.away = False  # it was tried, and has never answered at this address
        self._answered = False
        self._client = client
        self._node = node

    async def read(self, endpoint: str, at: float) -> Reading:
        """Look once."""
        looking = Looking(self.name, endpoint, at)
        try:
            seen = [Observation(APISERVER_HEALTH, await self._health())]
        except KubernetesError as error:
            self.away = not self._answered
            return looking.blind(error.failure, error.detail)
        self.away, self._answered = False, True
        if self._node:
            seen.append(Observation(APISERVER_NODE, self._node))
        began = looking.seconds
        try:
            async with asyncio.timeout(METRICS_SECONDS):
                seen += await self._metrics()
        except TimeoutError:
            late = f"{self.server}/metrics did not end within {METRICS_SECONDS:.0f} s."
            return replace(looking.blind(Failure.TIMEOUT, late), observations=tuple(seen))
        except KubernetesError as error:
            return replace(looking.blind(error.failure, error.detail), observations=tuple(seen))
        except MalformedError as error:
            detail = f"{self.server}/metrics gives no metrics: {error}."
            return replace(looking.blind(Failure.NOT_ETCD, detail), observations=tuple(seen))
        seen.append(Observation(APISERVER_SCRAPE, looking.seconds - began))
        return looking.gave(seen)

    async def _health(self) -> Health:
        status, page = await self._client.get(
            "/readyz", {"verbose": ""}, accept="*/*", server=self.server, max_bytes=PAGE_BYTES,
            statuses=(200, 500, 503),
        )  # fmt: skip
        live, _ = await self._client.get(
            "/livez", accept="*/*", server=self.server, max_bytes=PAGE_BYTES,
            statuses=(200, 500, 503),
        )  # fmt: skip
        return health(status == 200, live == 200, page.decode(errors="replace"))

    async def _metrics(self) -> list[Observation]:
        sums = Sums(_NAMES)
        async with (
            self._client.open("/metrics", accept="text/plain", server=self.server) as answer,
            aclosing(lines(pieces(answer), self.server)) as read,
        ):
            async for line in read:
                sums.take(line)
        seen = list(condensed(sums.observed()))
        if not any(one.signal is not APISERVER_START for one in seen):
            raise MalformedError("they are none of an API server's")
        return seen


def condensed(seen: Iterable[Observation]) -> Iterator[Observation]:
    """Leave out what says nothing by itself: of some sixty caches the newest revision is asked for.

    Events may have an etcd, and revisions, of their own.
    """
    newest: Observation | None = None
    for one in seen:
        if one.signal is not APISERVER_CACHE_REVISION or one.key.endswith("/events"):
            yield one
        elif newest is None or _revision(one) > _revision(newest):
            newest = one
    if newest:
        yield newest


def _revision(one: Observation) -> float:
    return one.value if isinstance(one.value, float) else 0.0


def health(ready: bool, live: bool, page: str) -> Health:
    """Read the page of /readyz: a line a check, ``[+]name ok`` or ``[-]name failed``."""
    checks = _CHECK.findall(page)
    failing = tuple(name for sign, name in checks if sign == "-")
    return Health(ready, live, failing, len(checks))


async def lines(read: AsyncIterator[bytes], where: str) -> AsyncGenerator[bytes, None]:
    """Cut what comes into lines; a last one without its newline may be cut off, and is left."""
    rest, total = b"", 0
    async for piece in read:
        total += len(piece)
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield line
        if len(rest) > LINE_BYTES or total > MOST_BYTES:
            raise KubernetesError(
                Failure.TOO_LARGE, f"{where}/metrics is larger than {MOST_BYTES >> 20} MiB."
            )


def observed(body: bytes) -> Iterator[Observation]:
    """Yield what a whole body of metrics says."""
    sums = Sums(_NAMES)
    for line in body.split(b"\n")[:-1]:
        sums.take(line)
    yield from sums.observed()
