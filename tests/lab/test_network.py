"""Places of members, as far as no root is needed."""

import ipaddress
import json

import pytest

from etcdscope.lab.network import SUBNETS, Loopback, _networks
from etcdscope.lab.spec import LabError


def test_labs_get_loopback_addresses_of_their_own() -> None:
    one, other = Loopback("one"), Loopback("other")

    assert one.address(1) == Loopback("one").address(1)
    assert one.address(1) != other.address(1)
    assert ipaddress.ip_address(one.address(9)).is_loopback


async def test_network_fault_on_loopback_says_what_to_do() -> None:
    with pytest.raises(LabError, match="--network namespaces"):
        await Loopback("one").arm()


def test_used_networks_come_from_routes_and_addresses() -> None:
    routes = json.dumps([{"dst": "default"}, {"dst": "198.18.3.0/24"}, {"dst": "10.0.0.7"}])
    addresses = json.dumps([{"addr_info": [{"local": "198.19.0.4", "prefixlen": 16}]}, {}])

    used = _networks(routes, addresses)

    assert [str(network) for network in used] == ["198.18.3.0/24", "10.0.0.7/32", "198.19.0.0/16"]
    assert sum(any(subnet.overlaps(other) for other in used) for subnet in SUBNETS) == 257
