import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from tests.etcd.conftest import Pki, Start, security
from tests.etcd.servers import close_at_once, free_port, hang, saying, serving

from etcdscope.etcd.endpoint import parse_endpoint
from etcdscope.etcd.errors import EtcdError
from etcdscope.etcd.presence import Departure, arrive, attend
from etcdscope.etcd.settings import Security
from etcdscope.model.reading import Failure

SETTINGS = b"\0\0\0\4\0\0\0\0\0"
PING = b"\0\0\x08\6\0\0\0\0\0" + b"12345678"
PING_ACK = b"\0\0\x08\6\1\0\0\0\0" + b"12345678"
GOAWAY = b"\0\0\x08\7\0\0\0\0\0" + bytes(8)
PLAIN = Security()


class Server:
    """Greets, then says what it is told; what it hears after the preface can be taken from it."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()
        self.say: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(24 + 9)
        writer.write(SETTINGS)
        async with asyncio.TaskGroup() as group:
            listening = group.create_task(self._listen(reader))
            while (said := await self.say.get()) is not None:
                writer.write(said)
                await writer.drain()
            listening.cancel()

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        while heard := await reader.read(1):
            self.heard.put_nowait(heard)

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        async with serving(self.talk) as port:
            yield f"http://127.0.0.1:{port}"


async def test_pings_and_settings_are_acknowledged() -> None:
    server = Server()
    async with server.serving() as url, await arrive(parse_endpoint(url), PLAIN) as presence:
        server.say.put_nowait(PING)
        async with asyncio.timeout(5), asyncio.TaskGroup() as group:
            group.create_task(presence.departure())
            heard = b"".join([await server.heard.get() for _ in SETTINGS + PING_ACK])
            server.say.put_nowait(None)

    assert heard == b"\0\0\0\4\1\0\0\0\0" + PING_ACK


async def test_goaway_is_an_orderly_departure() -> None:
    server = Server()
    async with server.serving() as url:
        server.say.put_nowait(PING + GOAWAY)
        left = await attend(url, PLAIN)

    assert left.goaway
    assert left.orderly
    assert left.peer_port == ""
    assert 0 <= left.after_seconds < 5


async def test_waiting_can_be_taken_up_in_the_middle_of_a_frame() -> None:
    server = Server()
    async with server.serving() as url, await arrive(parse_endpoint(url), PLAIN) as presence:
        server.say.put_nowait(GOAWAY[:12])
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await presence.departure()
        server.say.put_nowait(GOAWAY[12:])
        async with asyncio.timeout(5):
            left = await presence.departure()

    assert left.goaway


async def test_a_connection_that_only_ends_is_no_departure_of_the_member() -> None:
    server = Server()
    async with server.serving() as url, serving(hang) as peer:
        server.say.put_nowait(None)
        left = await attend(url, PLAIN, f"http://127.0.0.1:{peer}")

    assert (left.goaway, left.client_port, left.peer_port) == (False, "open", "open")
    assert not left.orderly


@pytest.mark.parametrize(
    ("goaway", "client_port", "peer_port", "orderly"),
    [
        pytest.param(True, "open", "", True, id="it said so"),
        pytest.param(False, "refused", "open", True, id="first the clients, then the peers"),
        pytest.param(False, "refused", "refused", False, id="both at once: it died"),
        pytest.param(False, "open", "open", False, id="only our connection"),
        pytest.param(False, "silent", "silent", False, id="the host or the network"),
        pytest.param(False, "refused", "", False, id="peer port unknown"),
    ],
)
def test_what_is_orderly(goaway: bool, client_port: str, peer_port: str, orderly: bool) -> None:
    assert Departure(goaway, client_port, peer_port, 1.0).orderly is orderly


async def test_who_does_not_speak_http_2_cannot_be_attended() -> None:
    with pytest.raises(EtcdError) as refused:
        await attend(f"http://127.0.0.1:{free_port()}", PLAIN)
    async with serving(close_at_once) as port:
        with pytest.raises(EtcdError) as closed:
            await attend(f"http://127.0.0.1:{port}", PLAIN)
    async with serving(saying(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as port:
        with pytest.raises(EtcdError) as other:
            await attend(f"http://127.0.0.1:{port}", PLAIN)

    failures = [caught.value.failure for caught in (refused, closed, other)]
    assert failures == [Failure.REFUSED, Failure.CLOSED, Failure.NOT_ETCD]


@pytest.mark.etcd
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_etcd_that_is_told_to_stop_leaves_in_order(
    start_etcd: Start, pki: Pki, scheme: str
) -> None:
    etcd = start_etcd(*(tls_arguments(pki) if scheme == "https" else ()), scheme=scheme)
    how = security(pki.client) if scheme == "https" else PLAIN
    async with await arrive(parse_endpoint(etcd.client_url), how) as presence:
        await asyncio.sleep(0.5)
        etcd.process.terminate()
        async with asyncio.timeout(5):
            left = await presence.departure(etcd.peer_url)

    assert left.orderly
    assert left.client_port == "refused"


@pytest.mark.etcd
async def test_etcd_that_is_killed_does_not(start_etcd: Start) -> None:
    etcd = start_etcd()
    async with await arrive(parse_endpoint(etcd.client_url), PLAIN) as presence:
        await asyncio.sleep(0.5)
        etcd.process.kill()
        async with asyncio.timeout(5):
            left = await presence.departure(etcd.peer_url)

    assert not left.orderly
    assert (left.client_port, left.peer_port) == ("refused", "refused")


def tls_arguments(pki: Pki) -> list[str]:
    return [
        f"--cert-file={pki.server.cert}",
        f"--key-file={pki.server.key}",
        f"--trusted-ca-file={pki.server.ca}",
        "--client-cert-auth",
        f"--peer-cert-file={pki.server.cert}",
        f"--peer-key-file={pki.server.key}",
        f"--peer-trusted-ca-file={pki.server.ca}",
        "--peer-client-cert-auth",
    ]
