import asyncio
import gzip
import tracemalloc

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from tests.etcd.servers import bomb, saying, serving

from etcdscope.etcd.errors import EtcdError
from etcdscope.etcd.http import HttpClient
from etcdscope.model.reading import Failure


def packed(body: bytes, cut: int = 0) -> bytes:
    small = gzip.compress(body)
    small = small[: len(small) - cut]
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
    return head % len(small) + small


async def test_an_answer_is_read_with_its_headers() -> None:
    answer = b"HTTP/1.1 503 Unavailable\r\nX-Etcd: Yes\r\nContent-Length: 2\r\n\r\nno"
    async with serving(saying(answer)) as port, HttpClient() as http:
        got = await http.get(f"http://127.0.0.1:{port}/health", max_bytes=2)

    assert (got.status, got.headers["x-etcd"], got.body) == (503, "Yes", b"no")
    assert 0 < got.seconds < 5


async def test_gzip_is_unpacked() -> None:
    body = b"metric 1\n" * 40_000
    async with serving(saying(packed(body))) as port, HttpClient() as http:
        got = await http.get(f"http://127.0.0.1:{port}/metrics", max_bytes=len(body))

    assert got.body == body


async def test_a_body_over_the_bound_is_too_large() -> None:
    body = b"metric 1\n" * 1000
    async with serving(saying(packed(body))) as port, HttpClient() as http:
        with pytest.raises(EtcdError) as caught:
            await http.get(f"http://127.0.0.1:{port}/metrics", max_bytes=len(body) - 1)

    assert caught.value.failure is Failure.TOO_LARGE


async def test_a_bomb_is_not_unpacked() -> None:
    async with serving(bomb) as port, HttpClient() as http:
        url = f"http://127.0.0.1:{port}/metrics"
        with pytest.raises(EtcdError):
            await http.get(url, max_bytes=1000)
        tracemalloc.start()
        try:
            with pytest.raises(EtcdError) as caught:
                await http.get(url, max_bytes=1 << 20)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert caught.value.failure is Failure.TOO_LARGE
    assert peak < 8 << 20


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(packed(b"x" * 1000, cut=5), id="cut off"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope", id="none"
        ),
    ],
)
async def test_broken_gzip_is_not_etcds(answer: bytes) -> None:
    async with serving(saying(answer)) as port, HttpClient() as http:
        with pytest.raises(EtcdError) as caught:
            await http.get(f"http://127.0.0.1:{port}/metrics", max_bytes=1 << 20)

    assert caught.value.failure is Failure.NOT_ETCD


async def test_a_body_that_ends_early_is_closed() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"
    async with serving(saying(answer)) as port, HttpClient() as http:
        with pytest.raises(EtcdError) as caught:
            await http.get(f"http://127.0.0.1:{port}/metrics", max_bytes=1 << 20)

    # Looking again finds something that is no etcd; either would be true.
    assert caught.value.failure in {Failure.CLOSED, Failure.NOT_ETCD}


async def test_a_redirect_is_an_answer_like_any_other() -> None:
    answer = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    async with serving(saying(answer)) as port, HttpClient() as http:
        got = await http.get(f"http://127.0.0.1:{port}/metrics", max_bytes=10)

    assert got.status == 302


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    async with serving(saying(answer)) as port, HttpClient() as http:
        got = await http.get(f"http://127.0.0.1:{port}/", max_bytes=10)

    assert got.body == b"ok"


async def test_a_connection_that_nobody_uses_any_more_is_closed() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text="metric 1\n")

    app = web.Application()
    app.router.add_get("/metrics", answer)
    async with TestServer(app) as server, HttpClient(idle_seconds=0.1) as http:
        await http.get(str(server.make_url("/metrics")), max_bytes=100)
        assert server.runner
        web_server = server.runner.server
        assert web_server
        assert len(web_server.connections) == 1

        async with asyncio.timeout(5):
            while web_server.connections:  # noqa: ASYNC110  # nobody tells
                await asyncio.sleep(0.02)
