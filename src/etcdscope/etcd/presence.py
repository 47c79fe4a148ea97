"""A quiet HTTP/2 conversation that sees at once when a member leaves, and how.

On SIGTERM etcd 3.4 says GOAWAY. 3.5 only closes, but its peer port still answers for 0.1 to 1 s
while its client port refuses already. A process that dies takes both ports along in the same
moment. We answer PINGs: etcd's graceful stop waits for those who do not.
"""

import asyncio
import contextlib
import socket
import struct
import time
from dataclasses import dataclass
from typing import Self

from etcdscope.etcd import tls
from etcdscope.etcd.endpoint import Endpoint, parse_endpoint
from etcdscope.etcd.failures import failure_of, told
from etcdscope.etcd.settings import Security
from etcdscope.model.reading import Failure

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
# Frames of RFC 9113: length (3 bytes), type, flags, stream, then the payload.
_SETTINGS, _PING, _GOAWAY = 4, 6, 7
_ACK = 1
_EMPTY_SETTINGS = b"\0\0\0\4\0\0\0\0\0"
_ACK_OF_SETTINGS = b"\0\0\0\4\1\0\0\0\0"
_FRAME_BYTES = 16_384  # what an HTTP/2 server may send to one that has not allowed more
_DIAL_SECONDS = 0.2
_DYING_SECONDS = 0.05
# When the kernel gives up a peer that is gone without a word: 5 s of silence, 3 questions.
_SILENCE = ((socket.TCP_KEEPIDLE, 5), (socket.TCP_KEEPINTVL, 2), (socket.TCP_KEEPCNT, 3))


@dataclass(frozen=True, slots=True)
class Departure:
    """How a member left. Ports are open, refused or silent; ``peer_port`` "" where none is known.

    ``after_seconds``: how long it had been attended.
    """

    goaway: bool
    client_port: str
    peer_port: str
    after_seconds: float

    @property
    def orderly(self) -> bool:
        """Return whether etcd was asked to stop; a crash takes both ports at once."""
        return self.goaway or (self.client_port == "refused" and self.peer_port == "open")


class Presence:
    """One held conversation with a member's client port."""

    def __init__(
        self, endpoint: Endpoint, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._endpoint = endpoint
        self._reader = reader
        self._writer = writer
        self._began = time.monotonic()
        self._head = b""  # of a frame whose payload is still to come
        self._goaway = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._writer.transport.abort()

    async def departure(self, peer_url: str = "") -> Departure:
        """Wait until the server ends the conversation, then look at both ports once.

        Waiting may be cancelled and taken up again.
        """
        goaway = await self._until_the_end()
        after = time.monotonic() - self._began
        self.close()
        client_port, peer_port = await self._ports(peer_url)
        if (
            client_port == "open" and not goaway
        ):  # a dying process closes connections before listeners
            await asyncio.sleep(_DYING_SECONDS)
            client_port, peer_port = await self._ports(peer_url)
        return Departure(goaway, client_port, peer_port, after)

    async def _ports(self, peer_url: str) -> tuple[str, str]:
        if not peer_url:
            return await _dial(self._endpoint), ""
        return await asyncio.gather(_dial(self._endpoint), _dial(parse_endpoint(peer_url)))

    async def _until_the_end(self) -> bool:
        with contextlib.suppress(OSError, EOFError, ValueError):
            while not self._goaway:
                kind, _ = await self._frame()
                self._goaway = kind == _GOAWAY
        return self._goaway

    async def _frame(self) -> tuple[int, bytes]:
        """Read one frame and answer it where HTTP/2 wants an answer."""
        head = self._head = self._head or await self._reader.readexactly(9)
        length = int.from_bytes(head[:3], "big")
        if length > _FRAME_BYTES:
            raise ValueError("no frame of HTTP/2")
        payload = await self._reader.readexactly(length)
        self._head = b""
        kind, flags = head[3], head[4]
        if not flags & _ACK:
            if kind == _SETTINGS:
                self._writer.write(_ACK_OF_SETTINGS)
            elif kind == _PING:
                self._writer.write(struct.pack(">BHBBL", 0, length, kind, _ACK, 0) + payload)
        return kind, payload


async def arrive(endpoint: Endpoint, security: Security) -> Presence:
    """Begin a conversation. Errors: EtcdError; NOT_ETCD where HTTP/2 is not spoken."""
    where = endpoint.address
    context = tls.client_context(security, alpn=("h2",)) if endpoint.tls else None
    try:
        reader, writer = await asyncio.open_connection(
            endpoint.host,
            endpoint.port,
            ssl=context,
            server_hostname=endpoint.host if context else None,
        )
    except OSError as error:
        raise failure_of(error, where) from None
    presence = Presence(endpoint, reader, writer)
    try:
        _notice_silence(writer)
        writer.write(_PREFACE + _EMPTY_SETTINGS)
        kind, _ = await presence._frame()  # its own room
    except (OSError, EOFError, ValueError) as error:
        presence.close()
        raise failure_of(error, where) from None
    except BaseException:
        presence.close()
        raise
    if kind != _SETTINGS:
        presence.close()
        raise told(Failure.NOT_ETCD, where, "it does not speak HTTP/2")
    return presence


async def attend(url: str, security: Security, peer_url: str = "") -> Departure:
    """Stay with a member until it leaves. Errors: EtcdError where it could not be reached."""
    async with await arrive(parse_endpoint(url), security) as presence:
        return await presence.departure(peer_url)


def _notice_silence(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _SILENCE:
        connection.setsockopt(socket.IPPROTO_TCP, option, value)


async def _dial(endpoint: Endpoint) -> str:
    try:
        async with asyncio.timeout(_DIAL_SECONDS):
            _, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
    except ConnectionRefusedError:
        return "refused"
    except ConnectionError:  # it took the call and is dying
        return "open"
    except OSError:  # TimeoutError is one
        return "silent"
    writer.transport.abort()
    return "open"
