"""Speaks with one Kubernetes API: bounded answers, lists by the page, watches by the line."""

import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from etcdscope.model.reading import Failure
from etcdscope.sources.kubernetes.errors import KubernetesError, of_library, of_status
from etcdscope.sources.kubernetes.identity import Identity
from etcdscope.sources.kubernetes.kubeconfig import Credentials

if TYPE_CHECKING:
    import aiohttp

# A page of 500 nodes with their images is 7 MB.
PAGE_BYTES = 64 << 20
# No object is larger than etcd takes; its managed fields and the envelope come on top.
LINE_BYTES = 8 << 20
_PIECE = 1 << 16
_GZIP = 16 + zlib.MAX_WBITS
Params = Mapping[str, str]


class KubernetesClient:
    """Gets from one API. The caller bounds the time. Errors: KubernetesError."""

    def __init__(self, credentials: Credentials) -> None:
        self.server = credentials.server
        self._server_name = credentials.server_name
        self._identity = Identity(credentials)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        session, self._session = self._session, None
        if session:
            await session.close()

    async def get(
        self,
        path: str,
        params: Params | None = None,
        *,
        accept: str = "application/json",
        server: str = "",
        max_bytes: int = PAGE_BYTES,
        statuses: tuple[int, ...] = (200,),
    ) -> tuple[int, bytes]:
        """Get a path, of another server than the usual where one is named: status, body."""
        async with self.open(
            path, params, accept=accept, server=server, statuses=statuses
        ) as answer:
            body = bytearray()
            async for piece in pieces(answer):
                body += piece
                if len(body) > max_bytes:
                    raise _too_large(self._where(server), path, max_bytes)
            return answer.status, bytes(body)

    @asynccontextmanager
    async def open(
        self,
        path: str,
        params: Params | None = None,
        *,
        accept: str = "application/json",
        server: str = "",
        statuses: tuple[int, ...] = (200,),
    ) -> "AsyncGenerator[aiohttp.ClientResponse, None]":
        """Ask, once more with a newer token where ours is not known, and give the open answer."""
        where = self._where(server)
        try:
            answer = await self._ask(path, params, accept, server)
            if answer.status == 401 and self._identity.doubted():
                answer.release()
                answer = await self._ask(path, params, accept, server)
            async with answer:
                if answer.status not in statuses:
                    raise await _refusal(answer, where)
                yield answer
        except _library_errors() as error:
            raise of_library(error, where) from None
        except zlib.error:
            raise KubernetesError(Failure.CLOSED, f"{where}: its gzip is broken.") from None

    async def lines(
        self, path: str, params: Params, accept: str = "application/json"
    ) -> AsyncGenerator[bytes, None]:
        """Yield the lines of a watch until the server ends it."""
        rest = bytearray()
        async with self.open(path, params, accept=accept) as answer:
            async for piece in pieces(answer):
                rest += piece
                *whole, last = rest.split(b"\n")
                for line in whole:
                    if line.strip():
                        yield bytes(line)
                rest = last
                if len(rest) > LINE_BYTES:
                    raise _too_large(self._where(""), path, LINE_BYTES)

    async def _ask(
        self, path: str, params: Params | None, accept: str, server: str
    ) -> "aiohttp.ClientResponse":
        url = (server or self.server) + path
        headers = {**await self._identity.headers(), "Accept": accept, "Accept-Encoding": "gzip"}
        return await self._opened().get(
            url,
            params=params,
            headers=headers,
            allow_redirects=False,  # a token goes to whom it was given for
            ssl=self._identity.tls() if url.startswith("https:") else False,
            server_hostname=(self._server_name or None) if url.startswith("https:") else None,
        )

    def _opened(self) -> "aiohttp.ClientSession":
        import aiohttp  # noqa: PLC0415 - slow, and not always needed

        if self._session is None:
            self._session = aiohttp.ClientSession(
                # Behind a balancer another connection may lead to another API server, whose
                # counters are others: scrapes come every 15 s.
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=60.0),
                timeout=aiohttp.ClientTimeout(total=None, connect=None, sock_connect=10.0),
                auto_decompress=False,  # it would unpack a bomb before we can count
                trust_env=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": "etcdscope"},
            )
        return self._session

    def _where(self, server: str) -> str:
        return urlsplit(server or self.server).netloc


async def pieces(answer: "aiohttp.ClientResponse") -> AsyncIterator[bytes]:
    """Yield the body as it comes, unpacked, in pieces of bounded size."""
    packed = answer.headers.get("Content-Encoding", "").lower() in {"gzip", "x-gzip"}
    unpacker = zlib.decompressobj(_GZIP) if packed else None
    async for piece in answer.content.iter_any():
        rest = piece
        while rest:
            if unpacker is None:
                yield rest
                break
            yield unpacker.decompress(rest, _PIECE)
            rest = unpacker.unconsumed_tail
    if unpacker:
        yield unpacker.flush()


async def _refusal(answer: "aiohttp.ClientResponse", where: str) -> KubernetesError:
    body = bytearray()
    async for piece in pieces(answer):
        body += piece
        if len(body) > _PIECE:
            break
    return of_status(answer.status, bytes(body), where, answer.headers.get("Retry-After", ""))


def _library_errors() -> tuple[type[BaseException], ...]:
    import aiohttp  # noqa: PLC0415

    # Our own errors are none of these; asyncio's TimeoutError is the caller's and an OSError.
    return (aiohttp.ClientError, ConnectionError, aiohttp.ServerTimeoutError)


def _too_large(where: str, path: str, most: int) -> KubernetesError:
    return KubernetesError(
        Failure.TOO_LARGE, f"{where}: {path} gives more than {most >> 20} MiB at once."
    )
