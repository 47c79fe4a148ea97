"""Ports that are open, refused or silent, knocked on for real."""

import asyncio

import pytest
from tests.sources.fakes import values
from tests.sources.test_probe import listening

from etcdscope.etcd.endpoint import parse_endpoint
from etcdscope.etcd.settings import Security
from etcdscope.model import signal as s
from etcdscope.sources.knock import advertised_port, knock
from etcdscope.sources.ports import MOST_URLS, AdvertisedSource, PortsSource


async def closed_port() -> str:
    async with listening() as url:
        return url


def knocking(peer: str) -> PortsSource:
    return PortsSource(Security(), lambda _: peer)


async def test_open_ports_are_seen_with_their_times() -> None:
    async with listening() as url, listening() as peer:
        reading = await knocking(peer).read(url, 100.0)

    assert (reading.source, reading.failure) == ("ports", None)
    assert values(reading, s.PORT_STATE) == {"client": "open", "peer": "open"}
    assert 0 < float(str(values(reading, s.CONNECT_SECONDS)[""])) < 1


async def test_a_member_that_is_down_still_has_ports_that_refuse() -> None:
    url, peer = await closed_port(), await closed_port()

    reading = await knocking(peer).read(url, 100.0)

    assert values(reading, s.PORT_STATE) == {"client": "refused", "peer": "refused"}
    assert not values(reading, s.CONNECT_SECONDS)


async def test_behind_tls_the_peer_port_is_left_alone_while_the_client_port_answers() -> None:
    async with listening() as url, listening() as peer:
        secret = peer.replace("http:", "https:")
        reading = await knocking(secret).read(url, 100.0)
    assert values(reading, s.PORT_STATE) == {"client": "open"}

    gone = await closed_port()
    async with listening() as peer:
        secret = peer.replace("http:", "https:")
        reading = await knocking(secret).read(gone, 100.0)
    assert values(reading, s.PORT_STATE) == {"client": "refused", "peer": "open"}


async def test_a_port_without_a_name_is_unresolved() -> None:
    async with asyncio.timeout(20):
        seen = await knock(parse_endpoint("http://no-such-host.invalid:2379"), 10.0)

    assert seen.state in {"unresolved", "silent"}  # where there is no resolver at all


@pytest.mark.parametrize("url", ["", "unix:///run/etcd.sock", "http://m1", "http://m1:0"])
def test_what_is_no_port_is_none(url: str) -> None:
    assert advertised_port(url) is None


async def test_advertised_urls_are_knocked_on_by_name() -> None:
    gone = await closed_port()
    async with listening() as url:
        source = AdvertisedSource(Security(), lambda _: (url, gone, "unix:///run/etcd.sock"))
        reading = await source.read("http://given:2379", 100.0)

    assert (reading.source, reading.failure) == ("advertised", None)
    assert values(reading, s.ADVERTISED_STATE) == {
        url: "open",
        gone: "refused",
        "unix:///run/etcd.sock": "unresolved",
    }


async def test_a_member_that_advertises_very_much_is_knocked_on_a_little() -> None:
    source = AdvertisedSource(Security(), lambda _: [f"nonsense{i}" for i in range(1000)])

    reading = await source.read("http://given:2379", 100.0)

    assert len(reading.observations) == MOST_URLS
