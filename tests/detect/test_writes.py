"""What clients write."""

import pytest
from tests.detect.scrapes import growing, scraped, seen
from tests.detect.windows import Ago, found

from etcdscope.detect.writes import transaction_huge, txn_conflicts, write_hotspot
from etcdscope.model.reading import Histogram
from etcdscope.model.signal import (
    APPLIED_INDEX,
    GRPC_STARTED,
    KEYS,
    LEADER,
    LEASES_GRANTED,
    LEASES_REVOKED,
    PUTS,
    RAFT_STATE,
    REVISION,
    TXN_APPLIES,
)


@pytest.mark.parametrize(
    ("txns", "puts", "applied", "took", "said"),
    [
        pytest.param(3.0, 10.0, 30.0 + 9 * 128, 0.01, "info", id="full ones"),
        pytest.param(3.0, 10.0, 30.0 + 9 * 2, 0.01, None, id="small ones"),
        pytest.param(0.0, 500.0, 1_500.0, 0.01, None, id="a burst of single puts"),
        pytest.param(1.0, 10.0, 30.0 + 3 * 9_000, 0.5, "warning", id="and slow"),
    ],
)
def test_transactions_are_huge(
    txns: float, puts: float, applied: float, took: float, said: str | None
) -> None:
    counted = [Histogram((0.1, 1.0, float("inf")), (n, n, n), n * took) for n in (0.0, 5.0, 10.0)]
    told = {
        PUTS: growing(applied),
        GRPC_STARTED: {"etcdserverpb.KV/Txn": growing(txns), "etcdserverpb.KV/Put": growing(puts)},
        TXN_APPLIES: scraped(*counted),
    }

    assert found(transaction_huge, seen(told)) == ([("cluster", said)] if said else [])


@pytest.mark.parametrize(
    ("rate", "keys", "said"),
    [
        pytest.param(250.0, growing(0.0, 1_000.0), True, id="a loop on few keys"),
        pytest.param(250.0, growing(0.0, 20_000.0), False, id="many keys"),
        pytest.param(250.0, growing(200.0, 100.0), False, id="a bulk load"),
        pytest.param(50.0, growing(0.0, 10.0), False, id="few writes"),
    ],
)
def test_a_few_keys_are_written_all_the_time(rate: float, keys: Ago, said: bool) -> None:
    told = {PUTS: growing(rate), KEYS: keys}

    assert found(write_hotspot, seen(told)) == ([("cluster", "info")] if said else [])


@pytest.mark.parametrize(
    ("entries", "revisions", "txns", "granted", "said"),
    [
        pytest.param(190.0, 40.0, 50.0, 0.0, True, id="all fail"),
        pytest.param(190.0, 150.0, 50.0, 0.0, False, id="some fail"),
        pytest.param(190.0, 40.0, 50.0, 150.0, False, id="lease grants have no revision"),
        pytest.param(190.0, 40.0, 2.0, 0.0, False, id="hardly any transactions"),
        pytest.param(60.0, 40.0, 150.0, 0.0, False, id="transactions that only read"),
    ],
)
def test_transactions_fail_their_compare(
    entries: float, revisions: float, txns: float, granted: float, said: bool
) -> None:
    told = {
        RAFT_STATE: "leader",
        LEADER: "m1",
        APPLIED_INDEX: [1_000 + entries / 2 * i for i in range(28)],
        REVISION: [500 + revisions / 2 * i for i in range(28)],
        GRPC_STARTED: {"etcdserverpb.KV/Txn": growing(txns)},
        LEASES_GRANTED: growing(granted),
        LEASES_REVOKED: growing(0.0),
    }

    assert found(txn_conflicts, seen(told)) == ([("cluster", "info")] if said else [])
