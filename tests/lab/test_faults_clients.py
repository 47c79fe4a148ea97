"""Clients that do harm: do they, and is nothing left of them?"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.lab.looks import eventually, metric

from etcdscope.lab.cluster import Lab, LabSpec, LoadSpec
from etcdscope.lab.faults_clients import KINDS, PREFIX
from etcdscope.lab.gateway import after, encoded

pytestmark = [pytest.mark.etcd, pytest.mark.asyncio(loop_scope="module")]

REFUSED = (
    'grpc_server_handled_total{grpc_code="InvalidArgument",grpc_method="Put",'
    'grpc_service="etcdserverpb.KV",grpc_type="unary"}'
)
TXNS = (
    'grpc_server_handled_total{grpc_code="OK",grpc_method="Txn",'
    'grpc_service="etcdserverpb.KV",grpc_type="unary"}'
)
# What each makes grow beyond what it was, on some member.
SIGNS = {
    "requests-too-large": (REFUSED, 3),
    "requests-wrong": (REFUSED, 50),
    "transactions-huge": ("etcd_mvcc_put_total", 1_000),
    "hot-key": ("etcd_mvcc_put_total", 200),
    "txn-conflicts": (TXNS, 50),
    "list-storm": ("etcd_network_client_grpc_sent_bytes_total", 5_000_000),
    "leases-pile": ("etcd_debugging_lease_granted_total", 200),
    "leases-expire": ("etcd_debugging_server_lease_expired_total", 600),
    "watchers-slow": ("etcd_debugging_mvcc_slow_watcher_total", 5),
    "connection-churn": ("etcd_mvcc_range_total", 200),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lab() -> AsyncIterator[Lab]:
    async with Lab.start(LabSpec(version="3.5", load=LoadSpec(rate=20))) as one:
        yield one


async def most(lab: Lab, series: str) -> float:
    return max([await metric(lab, member.name, series) for member in lab.members])


# What reads-compacted does is seen in test_faults_of_settings.py: its reads are refused.
@pytest.mark.parametrize("name", sorted({kind.name for kind in KINDS} - {"reads-compacted"}))
async def test_clients_do_harm_until_healed(lab: Lab, name: str) -> None:
    series, much = SIGNS[name]
    before = await most(lab, series)

    async def grown() -> bool:
        return await most(lab, series) >= before + much

    fault = await lab.fault(name)
    await eventually(grown, 20.0)
    await lab.heal(fault)

    left = await lab.call(
        "kv/range", key=encoded(PREFIX.encode()), range_end=encoded(after(PREFIX.encode()))
    )
    leases = (await lab.call("lease/leases")).get("leases", [])
    assert "kvs" not in left
    assert leases == []
