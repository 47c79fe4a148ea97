"""What a lab asks its own members, over etcd's JSON gateway."""

import asyncio
import base64
import json
import ssl
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp

from etcdscope.lab.certificates import Certificates
from etcdscope.lab.spec import LabError


class Gateway:
    """One session for all members of a lab.

    Errors: LabError for a refusal (with etcd's own words) and for a member that cannot be reached.
    No call ends by itself when a member is silent; the caller wraps in `asyncio.timeout`.
    """

    def __init__(self, certificates: Certificates | None) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0, ssl=_context(certificates) or True, force_close=True
            ),
            timeout=aiohttp.ClientTimeout(total=None),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def call(self, url: str, method: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
        """POST `/v3/<method>`; numbers above 2**31 come and go as strings (proto3's JSON)."""
        try:
            async with self._session.post(f"{url}/v3/{method}", json=fields) as answer:
                body, fine = await answer.text(), answer.ok
        except (aiohttp.ClientError, OSError) as error:
            raise LabError(f"{url} does not answer {method}: {error}") from error
        try:
            decoded: dict[str, Any] = json.loads(body)
        except ValueError:
            raise LabError(f"{url} refused {method}: {body.strip()[:200]}") from None
        if not fine:  # the older gateway also says "error"; the newer one, code and message
            raise LabError(f"{url} refused {method}: {decoded.get('message', body)}")
        return decoded

    async def get(self, url: str) -> str:
        """The body of a page such as /health or /debug/vars, whatever its status says."""
        try:
            async with self._session.get(url) as answer:
                return await answer.text()
        except (aiohttp.ClientError, OSError) as error:
            raise LabError(f"{url} does not answer: {error}") from error


def _context(certificates: Certificates | None) -> ssl.SSLContext | None:
    if not certificates:
        return None
    context = ssl.create_default_context(cafile=certificates.ca)
    context.load_cert_chain(certificates.cert, certificates.key)
    return context


async def open_stream(
    url: str, certificates: Certificates | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A bare connection to a member, with a small buffer, for who means to read slowly."""
    at = urlsplit(url)
    return await asyncio.open_connection(
        at.hostname, at.port, ssl=_context(certificates), limit=4096
    )


def encoded(data: bytes) -> str:
    """Keys and values travel in base64."""
    return base64.b64encode(data).decode()


def after(prefix: bytes) -> bytes:
    """The end of the range of all keys that begin with `prefix`."""
    return prefix[:-1] + bytes([prefix[-1] + 1])


def hexadecimal(member_id: str | int) -> str:
    """The gateway writes ids in decimal; everybody else in hex."""
    return f"{int(member_id):x}"
