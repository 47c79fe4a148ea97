"""The clients of one cluster: one an endpoint, for as long as it is looked at."""

import asyncio
from collections.abc import Callable

from tests.etcd.servers import counting, grpc_server, status_answer

from etcdscope.etcd.clients import Clients
from etcdscope.etcd.settings import Access

STATUS = {("Maintenance", "Status"): status_answer()}


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110  # nobody tells of a connection that ends
            await asyncio.sleep(0.01)


async def test_an_endpoint_has_one_client_and_one_connection() -> None:
    async with grpc_server(STATUS) as port, counting(port) as (own, held):
        clients, endpoint = Clients(Access(())), f"http://127.0.0.1:{own}"
        for _ in range(3):
            await clients(endpoint).status()
        at_once = held()
        await clients.aclose()
        await until(lambda: held() == 0)

    assert at_once == 1


async def test_who_leaves_an_endpoint_closes_its_connection_and_no_other() -> None:
    async with (
        grpc_server(STATUS) as port,
        counting(port) as (one, held_one),
        counting(port) as (other, held_other),
    ):
        clients = Clients(Access(()))
        urls = [f"http://127.0.0.1:{own}" for own in (one, other)]
        for url in urls:
            await clients(url).status()
        assert (held_one(), held_other()) == (1, 1)

        await clients.leave(urls[0])
        await until(lambda: held_one() == 0)
        assert held_other() == 1

        await clients(urls[0]).status()
        assert held_one() == 1, "who asks again gets a new one"
        await clients.aclose()


async def test_an_endpoint_that_nobody_asked_can_be_left() -> None:
    await Clients(Access(())).leave("http://127.0.0.1:1")
