"""Leases that pile up or end together."""

import pytest
from tests.detect.scrapes import growing, scraped, seen
from tests.detect.windows import Ago, found

from etcdscope.detect.leases import lease_expiry_storm, leases_piling
from etcdscope.model.signal import (
    KEYS,
    LEASES_EXPIRED,
    LEASES_GRANTED,
    LEASES_REVOKED,
)


@pytest.mark.parametrize(
    ("granted", "revoked", "keys", "said"),
    [
        pytest.param(growing(250, 3_000), growing(0, 10), 1_000.0, "info", id="piling"),
        pytest.param(growing(250, 3_000), growing(0, 10), 50_000.0, None, id="each has its keys"),
        pytest.param(growing(250, 3_000), growing(250, 10), 1_000.0, None, id="they end as well"),
        pytest.param(growing(0, 9_000), growing(0, 10), 1_000.0, None, id="many, but no more come"),
        pytest.param(growing(250, 90_000), growing(0, 10), 1_000.0, "warning", id="very many"),
        pytest.param(growing(250, 10), growing(0, 5_000), 100.0, None, id="after a restart"),
    ],
)
def test_leases_pile(granted: Ago, revoked: Ago, keys: float, said: str | None) -> None:
    told = {LEASES_GRANTED: granted, LEASES_REVOKED: revoked, KEYS: keys}

    assert found(leases_piling, seen(told)) == ([("cluster", said)] if said else [])


@pytest.mark.parametrize(
    ("expired", "said"),
    [
        pytest.param(scraped(0.0, 0.0, 0.0, 0.0, 1_200.0), True, id="a storm"),
        pytest.param(scraped(0.0, 0.0, 0.0, 1_200.0, 1_200.0), False, id="over"),
        pytest.param(growing(20.0), False, id="usual"),
    ],
)
def test_leases_end_together(expired: Ago, said: bool) -> None:
    told = seen({LEASES_EXPIRED: scraped(0.0, 0.0, 0.0, 0.0, 0.0)}, m1={LEASES_EXPIRED: expired})

    assert found(lease_expiry_storm, told) == ([("cluster", "info")] if said else [])
