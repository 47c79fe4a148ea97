"""Which way a call takes, and as whom."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import grpc.aio
import pytest
from aiohttp import web
from tests.etcd.conftest import Pki, security
from tests.etcd.servers import free_port, grpc_server, status_answer

from etcdscope.etcd.client import EtcdClient
from etcdscope.etcd.errors import EtcdError
from etcdscope.etcd.proto import Message, method
from etcdscope.etcd.settings import Security
from etcdscope.model.reading import Failure

STATUS = ("Maintenance", "Status")
Context = grpc.aio.ServicerContext[Message, Message]


async def test_a_member_that_comes_back_is_seen_within_half_a_second() -> None:
    port = free_port()
    async with EtcdClient(f"127.0.0.1:{port}") as etcd:
        for _ in range(10):  # long enough for gRPC to have backed off
            with pytest.raises(EtcdError) as caught:
                await etcd.status()
            assert caught.value.failure is Failure.REFUSED
            await asyncio.sleep(0.1)
        async with grpc_server({STATUS: status_answer()}, port):
            began = time.monotonic()
            while time.monotonic() < began + 5:
                with contextlib.suppress(EtcdError):
                    await etcd.status()
                    break
                await asyncio.sleep(0.02)
            assert time.monotonic() - began < 0.5


async def test_a_deadline_travels_to_the_server() -> None:
    left: list[float] = []

    async def answer(request: Message, context: Context) -> Message:
        left.append(context.time_remaining())
        return method(*STATUS).answer()

    async with (
        grpc_server({STATUS: answer}) as port,
        EtcdClient(f"127.0.0.1:{port}", deadline_seconds=1.5) as etcd,
    ):
        await etcd.status()

    assert 0.5 < left[0] <= 1.6


async def test_changed_certificate_files_are_read_again(
    pki: Pki, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("rotated")
    ours = Security(pki.server.ca, folder / "client.crt", folder / "client.key")
    assert ours.cert is not None
    assert ours.key is not None
    ours.cert.write_bytes(pki.stranger.cert.read_bytes())
    ours.key.write_bytes(pki.stranger.key.read_bytes())
    pair = (pki.server.key.read_bytes(), pki.server.cert.read_bytes())
    wants_ours = grpc.ssl_server_credentials([pair], pki.server.ca.read_bytes(), True)
    async with (
        grpc_server({STATUS: status_answer()}, credentials=wants_ours) as port,
        EtcdClient(f"https://127.0.0.1:{port}", ours) as etcd,
    ):
        with pytest.raises(EtcdError):
            await etcd.status()
        ours.cert.write_bytes(pki.client.cert.read_bytes())
        ours.key.write_bytes(pki.client.key.read_bytes())
        assert (await etcd.status()).version == "3.5.30"


@pytest.mark.parametrize("shown", ["server", "misnamed_server"])
async def test_verification_can_be_skipped(pki: Pki, shown: str) -> None:
    certificates = getattr(pki, shown)
    pair = (certificates.key.read_bytes(), certificates.cert.read_bytes())
    async with (
        grpc_server(
            {STATUS: status_answer()}, credentials=grpc.ssl_server_credentials([pair])
        ) as port,
        EtcdClient(f"https://127.0.0.1:{port}", Security(insecure_skip_tls_verify=True)) as etcd,
    ):
        assert (await etcd.status()).transport == "grpc"


async def test_trust_is_by_name_too(pki: Pki) -> None:
    pair = (pki.server.key.read_bytes(), pki.server.cert.read_bytes())
    async with (
        grpc_server(
            {STATUS: status_answer()}, credentials=grpc.ssl_server_credentials([pair])
        ) as port,
        EtcdClient(f"https://localhost:{port}", security(pki.client)) as etcd,
    ):
        assert (await etcd.status()).version == "3.5.30"


# ---- the gateway


@contextlib.asynccontextmanager
async def http_only(answers: dict[str, tuple[int, Any]], seen: list[Any]) -> AsyncIterator[int]:
    """A gateway that is reached over HTTP/1.1 alone, as behind an old proxy."""

    async def version(_: web.Request) -> web.Response:
        return web.json_response({"etcdserver": "3.5.30", "etcdcluster": "3.5.0"})

    async def answer(request: web.Request) -> web.Response:
        seen.append((request.path, await request.json(), request.headers.get("Authorization")))
        status, body = answers[request.path]
        return web.json_response(body, status=status)

    app = web.Application()
    app.add_routes([web.get("/version", version), web.post("/{path:.*}", answer)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port := free_port())
    await site.start()
    try:
        yield port
    finally:
        await runner.cleanup()


HEADER = {"cluster_id": "14841639068965178418", "member_id": "10276657743932975437"}
TOLD = {
    "/v3/maintenance/status": (
        200,
        {"header": HEADER, "version": "3.5.30", "dbSize": "9007199254740993", "leader": "255"},
    ),
    "/v3/kv/range": (200, {"kvs": [{"key": "YQ==", "value": "AP8="}], "count": "1"}),
    "/v3/kv/put": (200, {"header": {**HEADER, "revision": "7"}}),
    "/v3/kv/deleterange": (403, {"code": 7, "message": "etcdserver: permission denied"}),
    "/v3/lease/leases": (404, {"code": 5, "message": "Not Found"}),
    "/v3/cluster/member/list": (200, ["not", "an", "object"]),
    "/v3/auth/authenticate": (200, {"token": "abc.7"}),
}


async def test_where_only_http_1_passes_the_gateway_is_used() -> None:
    seen: list[Any] = []
    async with http_only(TOLD, seen) as port, EtcdClient(f"127.0.0.1:{port}") as etcd:
        status = await etcd.status()
        keys = await etcd.get(b"a")

        assert etcd.transport == status.transport == "gateway"
        assert status.db_bytes == 9007199254740993
        assert (status.leader, status.member_id) == ("ff", "8e9e05c52164694d")
        assert keys.kvs[0].value == b"\0\xff"
        assert seen[-1][:2] == ("/v3/kv/range", {"key": "YQ=="})


async def test_a_write_is_not_the_call_that_finds_the_way() -> None:
    seen: list[Any] = []
    async with http_only(TOLD, seen) as port, EtcdClient(f"127.0.0.1:{port}") as etcd:
        assert (await etcd.put(b"a", b"1", lease="ff")).revision == 7

    assert [path for path, *_ in seen] == ["/v3/maintenance/status", "/v3/kv/put"]
    assert seen[1][1] == {"key": "YQ==", "value": "MQ==", "lease": "255"}


async def test_the_gateways_errors_are_etcds() -> None:
    async with http_only(TOLD, []) as port, EtcdClient(f"127.0.0.1:{port}") as etcd:
        await etcd.status()
        with pytest.raises(EtcdError) as denied:
            await etcd.delete(b"a")
        with pytest.raises(EtcdError) as unknown:
            await etcd.leases()
        with pytest.raises(EtcdError) as odd:
            await etcd.members()
        with pytest.raises(EtcdError) as stream:
            await anext(aiter(etcd.watch(b"a")))

    failures = [caught.value.failure for caught in (denied, unknown, odd, stream)]
    assert failures == [
        Failure.PERMISSION_DENIED,
        Failure.UNSUPPORTED,
        Failure.NOT_ETCD,
        Failure.UNSUPPORTED,
    ]


async def test_the_gateway_wants_the_token_too() -> None:
    seen: list[Any] = []
    root = Security(user="root", password="secret")
    async with http_only(TOLD, seen) as port, EtcdClient(f"127.0.0.1:{port}", root) as etcd:
        await etcd.status()

    assert seen == [
        ("/v3/auth/authenticate", {"name": "root", "password": "secret"}, None),
        ("/v3/maintenance/status", {}, "abc.7"),
    ]


async def test_grpc_is_tried_again_after_a_while() -> None:
    async with http_only(TOLD, []) as port, EtcdClient(f"127.0.0.1:{port}") as etcd:
        await etcd.status()
        etcd._call._gateway_until = time.monotonic()
        assert etcd.transport == "grpc"
        await etcd.status()
        assert etcd.transport == "gateway"


async def test_a_gateway_under_grpc_is_left_alone() -> None:
    async with (
        grpc_server({STATUS: status_answer()}) as port,
        EtcdClient(f"127.0.0.1:{port}") as etcd,
    ):
        assert (await etcd.status()).transport == "grpc"


# ---- the user


class Guard:
    """Gives out tokens, and takes back those before the last."""

    def __init__(self) -> None:
        self.given = 0
        self.asked: list[str | None] = []

    async def authenticate(self, request: Message, context: Context) -> Message:
        if request.password != "secret":
            await context.abort(
                grpc.StatusCode.INVALID_ARGUMENT,
                "etcdserver: authentication failed, invalid user ID or password",
            )
        self.given += 1
        return method("Auth", "Authenticate").answer(token=f"token-{self.given}")

    async def status(self, request: Message, context: Context) -> Message:
        sent = dict(context.invocation_metadata() or ())
        token = sent.get("token")
        self.asked.append(str(token))
        if token != f"token-{self.given}":
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "etcdserver: invalid auth token")
        return method(*STATUS).answer(version="3.5.30")


@contextlib.asynccontextmanager
async def guarded(guard: Guard) -> AsyncIterator[int]:
    answers = {("Auth", "Authenticate"): guard.authenticate, STATUS: guard.status}
    async with grpc_server(answers) as port:
        yield port


async def test_a_token_is_renewed_when_it_has_ended() -> None:
    guard = Guard()
    root = Security(user="root", password="secret")
    async with guarded(guard) as port, EtcdClient(f"127.0.0.1:{port}", root) as etcd:
        await asyncio.gather(*(etcd.status() for _ in range(5)))
        assert guard.given == 1
        guard.given += 1  # etcd has restarted
        await asyncio.gather(*(etcd.status() for _ in range(5)))

    assert guard.given == 3


async def test_a_wrong_password_is_told_and_not_repeated() -> None:
    guard = Guard()
    root = Security(user="root", password="sesame")
    async with guarded(guard) as port, EtcdClient(f"127.0.0.1:{port}", root) as etcd:
        with pytest.raises(EtcdError) as caught:
            await etcd.status()

    assert caught.value.failure is Failure.UNAUTHENTICATED
    assert "sesame" not in repr(caught.value) + json.dumps(caught.value.detail)
    assert guard.asked == []


# --- answers that are not parsed -----------------------------------------------------------------

RANGE = ("KV", "Range")


async def test_a_page_of_keys_is_read_without_their_values() -> None:
    asked: list[Message] = []

    async def answer(request: Message, _: Context) -> Message:
        asked.append(request)
        found = method(*RANGE).answer(count=7, more=True)
        found.header.revision = 42
        found.kvs.add(key=b"/a", value=b"k8s\0" + b"x" * 5_000, mod_revision=3, version=2)
        return found

    async with (
        grpc_server({RANGE: answer}) as port,
        EtcdClient(f"127.0.0.1:{port}") as etcd,
    ):
        page = await etcd.page(b"/", b"0", limit=1, revision=42)

    (key,) = page.keys
    assert (page.revision, page.total, page.more, page.last) == (42, 7, True, b"/a")
    assert (key.value_bytes, key.version, len(key.start)) == (5_004, 2, 24)
    assert (asked[0].serializable, asked[0].limit, asked[0].revision) == (True, 1, 42)


@pytest.mark.parametrize("kv", [b"\x0a\x05ab", b"\xff", b""])
async def test_a_page_that_is_garbled_is_an_error_of_one_sentence(kv: bytes) -> None:
    async def answer(_: Message, __: Context) -> Message:
        return b"\x12" + bytes([len(kv)]) + kv

    async with (
        grpc_server({RANGE: answer}) as port,
        EtcdClient(f"127.0.0.1:{port}") as etcd,
    ):
        with pytest.raises(EtcdError) as caught:
            [*(await etcd.page(b"/", b"0", limit=1)).keys]

    assert caught.value.failure is Failure.NOT_ETCD
    assert "it gave" in caught.value.detail
