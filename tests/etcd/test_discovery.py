import asyncio
import contextlib
from collections.abc import AsyncIterator

import dns.asyncresolver
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from etcdscope.etcd.discovery import endpoints
from etcdscope.etcd.errors import EtcdError
from etcdscope.etcd.settings import Access
from etcdscope.model.reading import Failure


class NameServer(asyncio.DatagramProtocol):
    """Answers SRV questions from a table; an unknown name does not exist."""

    def __init__(self, rows: dict[str, list[str]]) -> None:
        self.rows = rows

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        name = query.question[0].name
        found = self.rows.get(name.to_text(omit_final_dot=True))
        if found:
            answer.answer.append(dns.rrset.from_text(name, 60, "IN", "SRV", *found))
        else:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        self.transport.sendto(answer.to_wire(), addr)


@contextlib.asynccontextmanager
async def name_server(rows: dict[str, list[str]]) -> AsyncIterator[dns.asyncresolver.Resolver]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: NameServer(rows), local_addr=("127.0.0.1", 0)
    )
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = ["127.0.0.1"]
    resolver.port = transport.get_extra_info("sockname")[1]
    resolver.lifetime = 2
    try:
        yield resolver
    finally:
        transport.close()


async def test_without_a_domain_it_is_what_was_given() -> None:
    assert await endpoints(Access(("http://a:1",))) == ("http://a:1",)


async def test_both_records_are_used_tls_first_by_priority_and_weight() -> None:
    rows = {
        "_etcd-client-ssl._tcp.example.com": [
            "20 0 2379 c.example.com.",
            "10 1 2379 b.example.com.",
            "10 5 2379 a.example.com.",
        ],
        "_etcd-client._tcp.example.com": ["0 0 4001 old.example.com."],
    }
    async with name_server(rows) as resolver:
        found = await endpoints(Access((), discovery_srv="example.com"), resolver)

    assert found == (
        "https://a.example.com:2379",
        "https://b.example.com:2379",
        "https://c.example.com:2379",
        "http://old.example.com:4001",
    )


async def test_a_name_tells_clusters_of_one_domain_apart() -> None:
    rows = {"_etcd-client-blue._tcp.example.com": ["0 0 2379 a.example.com."]}
    async with name_server(rows) as resolver:
        access = Access((), discovery_srv="example.com", discovery_srv_name="blue")
        assert await endpoints(access, resolver) == ("http://a.example.com:2379",)


async def test_a_domain_without_records_is_told() -> None:
    async with name_server({}) as resolver:
        with pytest.raises(EtcdError, match="has no SRV record") as caught:
            await endpoints(Access((), discovery_srv="example.com"), resolver)

    assert caught.value.failure is Failure.DNS


async def test_a_name_server_that_is_silent_is_told() -> None:
    async with name_server({}) as resolver:
        resolver.nameservers = ["127.0.0.2"]
        resolver.lifetime = 0.3
        with pytest.raises(EtcdError, match=r"SRV record .* failed") as caught:
            await endpoints(Access((), discovery_srv="example.com"), resolver)

    assert caught.value.failure is Failure.DNS
