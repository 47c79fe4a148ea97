"""Every failure by a real socket: over gRPC and over HTTP alike."""

import asyncio
import os
import ssl
import tracemalloc

import grpc.aio
import pytest
from tests.etcd.conftest import Pki, security
from tests.etcd.servers import (
    Talk,
    close_at_once,
    endless_answer,
    free_port,
    garbage,
    grpc_server,
    hang,
    html,
    reset_after_hearing,
    saying,
    serving,
    status_answer,
    turning_away,
)

from etcdscope.etcd import tls
from etcdscope.etcd.client import EtcdClient
from etcdscope.etcd.errors import EtcdError
from etcdscope.etcd.failures import failure_of
from etcdscope.etcd.http import HttpClient
from etcdscope.etcd.settings import Security
from etcdscope.lab.certificates import Certificates
from etcdscope.model.reading import Failure

PLAIN = Security()


async def over_grpc(url: str, how: Security = PLAIN, deadline_seconds: float = 2.0) -> EtcdError:
    async with EtcdClient(url, how, deadline_seconds=deadline_seconds) as etcd:
        with pytest.raises(EtcdError) as caught:
            await etcd.status()
    return caught.value


async def over_http(url: str, how: Security = PLAIN) -> EtcdError:
    async with HttpClient(how) as http:
        with pytest.raises(EtcdError) as caught:
            await http.get(f"{url}/metrics", max_bytes=1 << 20)
    return caught.value


async def both(url: str, how: Security = PLAIN) -> list[Failure]:
    return [(await over_grpc(url, how)).failure, (await over_http(url, how)).failure]


def server_context(certificates: Certificates, *, clients: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.cert, certificates.key)
    context.set_alpn_protocols(["h2", "http/1.1"])
    if clients:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(certificates.ca)
    return context


async def test_a_refused_port() -> None:
    url = f"http://127.0.0.1:{free_port()}"

    assert await both(url) == [Failure.REFUSED] * 2
    assert "nobody listens at 127.0.0.1" in (await over_grpc(url)).detail


async def test_a_name_that_does_not_resolve() -> None:
    assert await both("http://nowhere.invalid:2379") == [Failure.DNS] * 2


@pytest.mark.parametrize(
    ("talk", "failure"),
    [
        pytest.param(close_at_once, Failure.CLOSED, id="closed at once"),
        pytest.param(reset_after_hearing, Failure.CLOSED, id="reset"),
        pytest.param(garbage, Failure.NOT_ETCD, id="200 MB of noise"),
        pytest.param(saying(b"SSH-2.0-OpenSSH_9.2\r\n"), Failure.NOT_ETCD, id="ssh"),
    ],
)
async def test_what_does_not_speak_http(talk: Talk, failure: Failure) -> None:
    async with serving(talk) as port:
        assert await both(f"http://127.0.0.1:{port}") == [failure] * 2


async def test_a_web_server_is_not_etcd() -> None:
    async with serving(html) as port:
        error = await over_grpc(f"http://127.0.0.1:{port}")
    assert error.failure is Failure.NOT_ETCD
    assert "HTTP/1.1 200 OK" in error.detail


async def test_a_server_that_hangs_after_accepting() -> None:
    async with serving(hang) as port:
        error = await over_grpc(f"http://127.0.0.1:{port}", deadline_seconds=0.3)
        assert error.failure is Failure.TIMEOUT
        async with HttpClient() as http:  # which has no deadline of its own
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await http.get(f"http://127.0.0.1:{port}/", max_bytes=100)


async def test_a_tls_server_that_hangs_after_accepting() -> None:
    async with serving(hang) as port:
        error = await over_grpc(f"https://127.0.0.1:{port}", deadline_seconds=0.3)
    assert error.failure is Failure.TIMEOUT


@pytest.mark.parametrize("talk", [garbage, endless_answer])
async def test_200_mb_are_not_held(talk: Talk) -> None:
    async with serving(talk) as port:
        url = f"http://127.0.0.1:{port}"
        await both(url)  # what is imported and cached
        tracemalloc.start()
        try:
            await both(url)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 8 << 20


async def test_an_authority_that_is_not_ours(pki: Pki) -> None:
    async with serving(html, server_context(pki.server)) as port:
        url = f"https://127.0.0.1:{port}"
        assert (
            await both(url, security(pki.client, ca=pki.stranger.ca)) == [Failure.TLS_UNTRUSTED] * 2
        )
        assert await both(url) == [Failure.TLS_UNTRUSTED] * 2  # the system's authorities
        error = await over_grpc(url, security(pki.client, ca=pki.stranger.ca))
    assert "give its authority with --cacert" in error.detail


async def test_a_certificate_for_another_name(pki: Pki) -> None:
    async with serving(html, server_context(pki.misnamed_server)) as port:
        url = f"https://127.0.0.1:{port}"
        assert await both(url, security(pki.client)) == [Failure.TLS_UNTRUSTED] * 2
        assert "is not valid for '127.0.0.1'" in (await over_grpc(url, security(pki.client))).detail


async def test_an_expired_server_certificate(pki: Pki) -> None:
    async with serving(html, server_context(pki.expired_server)) as port:
        url = f"https://127.0.0.1:{port}"
        assert await both(url, security(pki.client)) == [Failure.TLS_EXPIRED] * 2


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_server_that_wants_another_client_certificate(
    pki: Pki, version: ssl.TLSVersion
) -> None:
    context = server_context(pki.server, clients=True)
    context.minimum_version = context.maximum_version = version
    with turning_away(context) as port:
        url = f"https://127.0.0.1:{port}"
        stranger = security(pki.stranger, ca=pki.server.ca)
        assert await both(url, stranger) == [Failure.TLS_REJECTED] * 2
        assert await both(url, Security(pki.server.ca)) == [Failure.TLS_REJECTED] * 2
        assert await both(url, security(pki.expired_client)) == [Failure.TLS_EXPIRED] * 2
        assert "our certificate" in (await over_grpc(url, security(pki.expired_client))).detail


async def test_tls_to_a_plain_port() -> None:
    async with serving(html) as port:
        # Its server waits for the end of a request, which a TLS hello does not have.
        assert (
            await over_grpc(f"https://127.0.0.1:{port}", deadline_seconds=0.3)
        ).failure is Failure.TIMEOUT
    async with (
        serving(saying(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as port,
        serving(_answers_anything) as rude,
    ):
        assert (
            await over_grpc(f"https://127.0.0.1:{port}", deadline_seconds=0.3)
        ).failure is Failure.TIMEOUT
        assert await both(f"https://127.0.0.1:{rude}") == [Failure.TLS_MISMATCH] * 2


async def _answers_anything(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(100)
    writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    await writer.drain()


async def test_plain_text_to_a_tls_port(pki: Pki) -> None:
    async with serving(html, server_context(pki.server)) as port:
        assert await both(f"http://127.0.0.1:{port}") == [Failure.TLS_MISMATCH] * 2


async def test_gos_way_to_say_that_it_speaks_tls() -> None:
    words = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"
    async with serving(saying(words)) as port:
        assert await both(f"http://127.0.0.1:{port}") == [Failure.TLS_MISMATCH] * 2


def test_our_own_files_are_named_when_they_cannot_be_used(pki: Pki) -> None:
    crossed = Security(pki.client.ca, pki.client.cert, pki.server.key)

    with pytest.raises(EtcdError, match="the key belongs to another certificate") as caught:
        tls.client_context(crossed)
    assert caught.value.failure is Failure.TLS_REJECTED


@pytest.mark.parametrize(
    ("code", "words", "failure"),
    [
        (grpc.StatusCode.UNAVAILABLE, "etcdserver: no leader", Failure.REJECTED),
        (grpc.StatusCode.UNAVAILABLE, "etcdserver: request timed out", Failure.REJECTED),
        (grpc.StatusCode.UNKNOWN, "raft: stopped", Failure.REJECTED),
        (
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            "etcdserver: mvcc: database space exceeded",
            Failure.REJECTED,
        ),
        (grpc.StatusCode.OUT_OF_RANGE, "etcdserver: mvcc: required revision has been compacted",
         Failure.REJECTED),
        (grpc.StatusCode.INVALID_ARGUMENT, "etcdserver: user name is empty",
         Failure.UNAUTHENTICATED),
        (grpc.StatusCode.UNAUTHENTICATED, "etcdserver: invalid auth token",
         Failure.UNAUTHENTICATED),
        (
            grpc.StatusCode.INVALID_ARGUMENT,
            "etcdserver: authentication failed, invalid user ID or password",
            Failure.UNAUTHENTICATED,
        ),
        (grpc.StatusCode.PERMISSION_DENIED, "etcdserver: permission denied",
         Failure.PERMISSION_DENIED),
        (grpc.StatusCode.UNAVAILABLE, "etcdserver: rpc not supported for learner",
         Failure.UNSUPPORTED),
        (grpc.StatusCode.UNIMPLEMENTED, "unknown service etcdserverpb.Auth", Failure.UNSUPPORTED),
        (
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            "CLIENT: Received message larger than max (10 vs. 4)",
            Failure.TOO_LARGE,
        ),
        (grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded", Failure.TIMEOUT),
        (grpc.StatusCode.UNAVAILABLE, "Socket closed", Failure.CLOSED),
        (grpc.StatusCode.INTERNAL, "Exception deserializing response!", Failure.NOT_ETCD),
        (grpc.StatusCode.UNAVAILABLE, "last error: UNKNOWN: connect: No route to host (113)",
         Failure.UNREACHABLE),
    ],
)  # fmt: skip
def test_what_grpc_says(code: grpc.StatusCode, words: str, failure: Failure) -> None:
    nothing = grpc.aio.Metadata()

    error = failure_of(grpc.aio.AioRpcError(code, nothing, nothing, words, None), "10.0.0.1:2379")

    assert error.failure is failure
    assert error.detail.endswith(".")
    if failure is Failure.REJECTED:
        assert error.code == words


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (OSError(113, os.strerror(113)), Failure.UNREACHABLE),
        (OSError(101, os.strerror(101)), Failure.UNREACHABLE),
        (OSError(110, os.strerror(110)), Failure.TIMEOUT),
        (TimeoutError(), Failure.TIMEOUT),
        (ConnectionResetError(104, "reset"), Failure.CLOSED),
        (OSError("Multiple exceptions: [Errno 111] refused, [Errno 111] refused"), Failure.REFUSED),
        (asyncio.IncompleteReadError(b"", 9), Failure.CLOSED),
        (ssl.SSLEOFError(8, "EOF occurred in violation of protocol"), Failure.CLOSED),
    ],
)
def test_what_the_system_says(error: Exception, failure: Failure) -> None:
    assert failure_of(error, "10.0.0.1:2379").failure is failure


async def test_an_answer_that_is_too_large_for_grpc() -> None:
    huge = status_answer(errors=["x" * (65 << 20)])
    async with grpc_server({("Maintenance", "Status"): huge}) as port:
        error = await over_grpc(f"http://127.0.0.1:{port}", deadline_seconds=20)
    assert error.failure is Failure.TOO_LARGE
