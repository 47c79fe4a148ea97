"""Bounded HTTP/1.1 through one shared session."""

import time
import zlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self
from urllib.parse import SplitResult, urlsplit

from etcdscope.etcd import tls
from etcdscope.etcd.endpoint import Endpoint
from etcdscope.etcd.errors import EtcdError
from etcdscope.etcd.failures import failure_of, told
from etcdscope.etcd.settings import Security
from etcdscope.etcd.triage import second_opinion, speaks_tls
from etcdscope.model.reading import Failure

if TYPE_CHECKING:
    import ssl

    import aiohttp

_NONE = Security()
_UNSURE = {Failure.CLOSED, Failure.TLS_REJECTED}
_PIECE_BYTES = 1 << 16
# A connection that nobody has used for so long is closed: three of the slowest looks at a member.
# So those to an endpoint that was left end by themselves.
IDLE_SECONDS = 15.0
_GZIP = 16 + zlib.MAX_WBITS


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An answer, read to its end. ``headers``: names in lower case. ``seconds``: all of it took."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float


class HttpClient:
    """Gets what fits into a bound, compressed or not.

    There is no timeout here: callers wrap in ``asyncio.timeout``. Redirects are not followed and
    proxies of the environment not used: an endpoint is what the operator named.
    Errors: EtcdError; an answer with any status is an answer.
    """

    def __init__(self, security: Security = _NONE, *, idle_seconds: float = IDLE_SECONDS) -> None:
        self._security = security
        self._idle_seconds = idle_seconds
        self._session: aiohttp.ClientSession | None = None
        self._context: ssl.SSLContext | None = None
        self._stamp: tls.Stamp = ()

    async def get(
        self, url: str, *, max_bytes: int, headers: Mapping[str, str] | None = None
    ) -> HttpAnswer:
        """Get ``url``; TOO_LARGE where the body, decompressed, is longer than ``max_bytes``."""
        return await self._request("GET", url, None, max_bytes, headers or {})

    async def post(
        self, url: str, body: bytes, *, max_bytes: int, headers: Mapping[str, str] | None = None
    ) -> HttpAnswer:
        """Post JSON to ``url``."""
        json = {"Content-Type": "application/json"}
        return await self._request("POST", url, body, max_bytes, {**json, **(headers or {})})

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        session, self._session = self._session, None
        if session:
            await session.close()

    async def _request(
        self, verb: str, url: str, body: bytes | None, max_bytes: int, headers: Mapping[str, str]
    ) -> HttpAnswer:
        import aiohttp  # noqa: PLC0415  # 0.2 s, which gRPC alone does without

        parts = urlsplit(url)
        where = parts.netloc
        began = time.monotonic()
        try:
            async with self._opened().request(
                verb,
                url,
                data=body,
                headers={"Accept-Encoding": "gzip", **headers},
                allow_redirects=False,
                ssl=self._tls() if url.startswith("https:") else False,
            ) as answer:
                packed = answer.headers.get("Content-Encoding", "").lower() in {"gzip", "x-gzip"}
                pieces = answer.content.iter_chunked(_PIECE_BYTES)
                read = await _bounded(_unpacked(pieces) if packed else pieces, max_bytes, where)
                names = {name.lower(): value for name, value in answer.headers.items()}
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise await self._why(failure_of(error, where), parts) from None
        except zlib.error:
            raise told(Failure.NOT_ETCD, where, "its gzip is broken") from None
        if answer.status == 400 and speaks_tls(read):
            raise told(Failure.TLS_MISMATCH, where)
        return HttpAnswer(answer.status, names, read, time.monotonic() - began)

    async def _why(self, error: EtcdError, parts: SplitResult) -> EtcdError:
        """Look again where the connection was only closed."""
        if error.failure not in _UNSURE or not parts.hostname or not parts.port:
            return error
        endpoint = Endpoint(parts.scheme, parts.hostname, parts.port)
        return await second_opinion(endpoint, self._security) or error

    def _opened(self) -> "aiohttp.ClientSession":
        import aiohttp  # noqa: PLC0415

        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=self._idle_seconds),
                timeout=aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None),
                auto_decompress=False,  # it would unpack a bomb before we can count
                trust_env=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": "etcdscope"},
            )
        return self._session

    def _tls(self) -> "ssl.SSLContext":
        stamp = tls.stamp(self._security)
        if self._context is None or stamp != self._stamp:
            self._context, self._stamp = tls.client_context(self._security), stamp
        return self._context


async def _bounded(pieces: AsyncIterator[bytes], max_bytes: int, where: str) -> bytes:
    body = bytearray()
    async for piece in pieces:
        body += piece
        if len(body) > max_bytes:
            raise told(Failure.TOO_LARGE, where, f"more than {max_bytes} bytes")
    return bytes(body)


async def _unpacked(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    unpacker = zlib.decompressobj(_GZIP)
    async for piece in pieces:
        rest = piece
        while rest:
            yield unpacker.decompress(rest, _PIECE_BYTES)
            rest = unpacker.unconsumed_tail
    yield unpacker.flush()
    if not unpacker.eof:
        raise zlib.error("cut off")
