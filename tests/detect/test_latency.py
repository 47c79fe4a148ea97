"""The way between members: slow, full, or slandered by a metric."""

import pytest
from tests.detect.windows import Told, ago, counted, found, window

from etcdscope.detect.latency import (
    link_slow,
    read_waits,
    replication_delay,
    rtt_metric_misleading,
)
from etcdscope.model.signal import (
    APPLIED_INDEX,
    COMMITTED_INDEX,
    FLAGS,
    LINEARIZABLE_OK,
    LINEARIZABLE_SECONDS,
    PEER_RECEIVED_BYTES,
    PEER_RTT,
    PROGRESS_MATCH,
    RAFT_LEAD,
    RAFT_STATE,
    RAFTVARS_SECONDS,
    SERIALIZABLE_SECONDS,
    STATUS_SECONDS,
    WAL_FSYNC,
)
from etcdscope.model.window import Window

LOOKS = 16  # half a second apart
PROBES = (4.1, 3.1, 2.1, 1.1, 0.1)
STEADY = [25 * i for i in range(LOOKS)]  # 50 writes a second
TRAILS_150 = [n - 8 for n in STEADY]
TRAILS_1500 = [n - 75 for n in STEADY]
GIVEN = (("election-timeout", "1000"),)
IDLE = [7] * LOOKS
BEHIND: Told = {COMMITTED_INDEX: [90] * LOOKS, APPLIED_INDEX: [50] * LOOKS}


def reads(*waits: float, own: float = 0.002, ok: float = 1.0) -> Told:
    """Return probes a second apart: what linearizable reads take longer, and the local ones."""
    return {
        LINEARIZABLE_SECONDS: ago(*zip(PROBES, (own + w for w in waits), strict=False)),
        SERIALIZABLE_SECONDS: ago(*((age, own) for age in PROBES)),
        LINEARIZABLE_OK: ago(*((age, ok) for age in PROBES)),
    }


def quiet(wait: float = 0.002) -> Told:
    return reads(*[wait] * 5)


def follower(told: Told | None = None) -> Told:
    usual: Told = {RAFT_LEAD: ["m1"] * LOOKS, RAFT_STATE: ["follower"] * LOOKS}
    disk: Told = {WAL_FSYNC: ago((5.1, counted()), (0.1, counted(ms2=50)))}
    return usual | disk | quiet() | (told or {})


def leads(
    told: Told | None = None,
    *,
    own: list[int] = STEADY,
    m2: list[int] = STEADY,
    m3: list[int] = STEADY,
) -> Told:
    usual: Told = {RAFT_LEAD: ["m1"] * LOOKS, RAFT_STATE: ["leader"] * LOOKS, FLAGS: GIVEN}
    progress: Told = {PROGRESS_MATCH: {"m1": own, "m2": m2, "m3": m3}}
    return usual | progress | quiet() | (told or {})


def cluster(m1: Told, m3: Told | None = None, m2: Told | None = None) -> Window:
    return window({"m1": m1, "m2": follower(m2), "m3": follower(m3)})


def arrives(rate: float) -> Told:
    """Return what a follower received from the leader, in bytes a second, scraped every second."""
    return {
        PEER_RECEIVED_BYTES: {"m1": ago(*((a + 0.1, rate * (9 - a)) for a in range(6, -1, -1)))}
    }


FAR = reads(0.2, 0.31, 0.17, 0.3, 0.19)
SLOW_DISK: Told = {WAL_FSYNC: ago((5.1, counted()), (0.1, counted(ms300=10)))}
STARVED: Told = {STATUS_SECONDS: [0.4] * 6, RAFTVARS_SECONDS: [0.4] * 6}
NO_ANSWER = reads(ok=0.0)


@pytest.mark.parametrize(
    ("seen", "slow"),
    [
        pytest.param(cluster(leads()), [], id="near"),
        pytest.param(cluster(leads(m3=TRAILS_150), FAR), [("m1>m3", "warning")], id="one is far"),
        pytest.param(cluster(leads(), FAR), [], id="its reads wait, but its log is in step"),
        pytest.param(
            cluster(leads(m3=TRAILS_150), reads(0.2, 0.003, 0.2, 0.2, 0.2)), [], id="a floor is low"
        ),
        pytest.param(cluster(leads(m3=TRAILS_150), reads(0.2, 0.2)), [], id="too few reads"),
        pytest.param(cluster(leads(m3=TRAILS_150), FAR | SLOW_DISK), [], id="its disk is slow"),
        pytest.param(
            cluster(leads(SLOW_DISK, m3=TRAILS_150), FAR), [], id="the leader's disk is slow"
        ),
        pytest.param(cluster(leads(m3=TRAILS_150), FAR | STARVED), [], id="it is short of CPU"),
        pytest.param(
            cluster(leads(m3=TRAILS_150), reads(*[0.15] * 5, own=0.3)), [], id="all it says is slow"
        ),
        pytest.param(
            cluster(leads(FAR | BEHIND), FAR | BEHIND, FAR | BEHIND), [], id="all apply slowly"
        ),
        pytest.param(cluster(leads(m3=IDLE, own=IDLE), FAR), [("m1>m3", "warning")], id="idle"),
        pytest.param(
            cluster(leads(m3=IDLE, own=IDLE), FAR | BEHIND), [], id="idle, and it applies slowly"
        ),
        pytest.param(
            cluster(leads(m3=TRAILS_1500), NO_ANSWER), [("m1>m3", "warning")], id="past our reads"
        ),
        pytest.param(
            cluster(leads(m3=[0] * LOOKS), NO_ANSWER), [], id="nothing comes through: cut"
        ),
        pytest.param(
            cluster(leads(FAR, m2=TRAILS_150, m3=TRAILS_150), reads(*[0.4] * 5), reads(*[0.4] * 5)),
            [("m1", "warning")],
            id="the leader is far from its quorum",
        ),
        pytest.param(
            cluster(leads(m2=TRAILS_150, m3=TRAILS_150), FAR, FAR),
            [("m1", "warning")],
            id="both are far from the leader",
        ),
        pytest.param(
            cluster(leads(FAR), reads(*[0.2] * 5)), [], id="the leader's reads wait, logs in step"
        ),
        pytest.param(
            cluster(leads(m3=TRAILS_150), FAR | arrives(145e3), arrives(340e3)),
            [],
            id="less arrives than elsewhere: the line is full",
        ),
        pytest.param(
            cluster(leads(m3=TRAILS_150), FAR | arrives(330e3), arrives(340e3)),
            [("m1>m3", "warning")],
            id="as much arrives, only later",
        ),
    ],
)
def test_link_is_slow_when_reads_and_logs_tell_the_same_round_trip(
    seen: Window, slow: list[tuple[str, str]]
) -> None:
    assert found(link_slow, seen) == slow


@pytest.mark.parametrize(
    ("flags", "slow"),
    [
        pytest.param(GIVEN, [("m1>m3", "warning")], id="against 1 s"),
        pytest.param((("election-timeout", "5000"),), [], id="tuned for it: 5 s"),
        pytest.param((), [("m1>m3", "info")], id="always so, and the timeout may be raised"),
    ],
)
def test_slow_is_measured_against_the_election_timeout(
    flags: object, slow: list[tuple[str, str]]
) -> None:
    assert found(link_slow, cluster(leads({FLAGS: flags}, m3=TRAILS_150), FAR)) == slow


def test_link_that_became_slow_is_a_warning_whatever_the_timeout_is() -> None:
    before = [(age, 0.004) for age in (25.1, 24.1)]
    now = [(age, 0.2) for age in PROBES]
    m3 = FAR | {LINEARIZABLE_SECONDS: ago(*before, *now)}

    seen = cluster(leads({FLAGS: ()}, m3=TRAILS_150), m3)

    assert found(link_slow, seen) == [("m1>m3", "warning")]


def test_round_trip_is_told_by_the_quickest_read_and_by_the_log() -> None:
    seen = cluster(leads(m3=TRAILS_150), FAR)

    assert read_waits(seen, "m3") == pytest.approx(0.17)
    assert replication_delay(seen, "m1", "m3") == pytest.approx(0.16)


# --- a metric that misleads -----------------------------------------------------------------------


def rtt(**milliseconds: int) -> Told:
    return {PEER_RTT: {"m3": ago((65.0, counted()), (0.1, counted(**milliseconds)))}}


@pytest.mark.parametrize(
    ("metric", "m3", "misleads"),
    [
        pytest.param(rtt(ms300=2), None, True, id="300 ms, they say"),
        pytest.param(rtt(ms2=2), None, False, id="2 ms, and so it is"),
        pytest.param(rtt(ms80=2), None, False, id="too little to alarm anybody"),
        pytest.param(rtt(ms300=2), FAR, False, id="it is slow indeed"),
        pytest.param(rtt(ms300=2), reads(), False, id="no direct evidence"),
        pytest.param(rtt(), None, False, id="the metric has said nothing yet"),
    ],
)
def test_rtt_metric_misleads_when_direct_evidence_says_otherwise(
    metric: Told, m3: Told | None, misleads: bool
) -> None:
    seen = cluster(leads(metric), m3)

    assert found(rtt_metric_misleading, seen) == ([("m1>m3", "info")] if misleads else [])
