"""Lines that are full."""

import pytest
from tests.detect.test_latency import LOOKS, SLOW_DISK, cluster, leads
from tests.detect.windows import Told, ago, found

from etcdscope.detect.saturation import link_saturated
from etcdscope.model.signal import (
    PEER_RECEIVED_BYTES,
    PEER_SENT_BYTES,
    PROGRESS_MATCH,
    PROGRESS_STATE,
    SNAPSHOT_SENDS,
)


def sent(before: float, now: float) -> Told:
    """Return the bytes sent to m3: bytes a second until five seconds ago, and since then."""
    ages = [60.0, 40.0, 20.0, 16.0, 10.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.1]
    return {
        PEER_SENT_BYTES: {
            "m3": ago(
                *((a, 1e6 + before * (60 - max(a, 6.0)) + now * max(6.0 - a, 0)) for a in ages)
            )
        }
    }


FALLS_BEHIND = [25 * i if i < 8 else 200 + 5 * (i - 8) for i in range(LOOKS)]
# Nothing came through for seconds; what is sent now is all that it missed.
STEADY = [25 * i for i in range(40)]
WAS_CUT: Told = {PROGRESS_MATCH: {"m1": STEADY, "m2": STEADY, "m3": [0] * 39 + [25]}}
TAKES: Told = {PROGRESS_STATE: {"m3": ["snapshot"] * 4}, SNAPSHOT_SENDS: {"m3": 1.0}}


@pytest.mark.parametrize(
    ("m1", "m2", "full"),
    [
        pytest.param(leads(sent(2e4, 2e6), m3=FALLS_BEHIND), None, True, id="bulk, and it trails"),
        pytest.param(leads(sent(2e4, 2e6)), None, False, id="bulk on a wide line"),
        pytest.param(leads(sent(2e4, 2e4), m3=FALLS_BEHIND), None, False, id="usual: it is lossy"),
        pytest.param(leads(sent(1e6, 2e6), m3=FALLS_BEHIND), None, False, id="it is always so"),
        pytest.param(
            leads(sent(2e4, 2e6) | WAS_CUT), None, False, id="it trailed before: it was cut"
        ),
        pytest.param(
            leads(sent(2e4, 2e6) | TAKES, m3=FALLS_BEHIND), None, False, id="a snapshot harms none"
        ),
        pytest.param(
            leads(sent(2e4, 2e6) | TAKES, m2=FALLS_BEHIND), None, True, id="a snapshot harms m2"
        ),
        pytest.param(
            leads(sent(2e4, 2e6) | TAKES, m2=FALLS_BEHIND), SLOW_DISK, False, id="m2's disk does"
        ),
    ],
)
def test_line_is_full_when_bulk_makes_raft_wait(m1: Told, m2: Told | None, full: bool) -> None:
    seen = cluster(m1, m2=m2)

    assert found(link_saturated, seen) == ([("m1>m3", "warning")] if full else [])


def received(*rates: float) -> Told:
    """Return bytes from m1, scraped once a second: so many in each second."""
    totals = [sum(rates[:i]) for i in range(len(rates) + 1)]
    return {
        PEER_RECEIVED_BYTES: {
            "m1": ago(*((len(rates) - i + 0.1, total) for i, total in enumerate(totals)))
        }
    }


WANTED = received(*[4e5] * 6)


@pytest.mark.parametrize(
    ("m3", "full"),
    [
        pytest.param(received(6e4, 6.2e4, 5.9e4, 6e4, 6.1e4, 6e4), True, id="the same each second"),
        pytest.param(received(0, 2e5, 1e3, 0, 1.5e5, 0), False, id="in bursts: it is lossy"),
        pytest.param(WANTED, False, id="as much as the others"),
        pytest.param(received(6e4, 6e4), False, id="too few scrapes"),
        pytest.param(received(*[1e3] * 6), False, id="heartbeats"),
    ],
)
def test_line_is_full_when_it_carries_the_same_in_every_second(m3: Told, full: bool) -> None:
    seen = cluster(leads(sent(4e5, 4e5), m3=FALLS_BEHIND), m3, WANTED)

    assert found(link_saturated, seen) == ([("m1>m3", "warning")] if full else [])


def test_line_that_carries_less_is_full_only_if_its_own_log_trails() -> None:
    """Seen: the other follower caught up at a higher rate than it, and trailed itself."""
    m3 = received(6e4, 6.2e4, 5.9e4, 6e4, 6.1e4, 6e4)
    seen = cluster(leads(sent(4e5, 4e5), m2=FALLS_BEHIND), m3, WANTED)

    assert found(link_saturated, seen) == []
