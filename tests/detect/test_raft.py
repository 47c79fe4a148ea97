"""Raft's progress: what waits or fails, and who does not catch up."""

import pytest
from tests.detect.windows import Ago, Told, ago, found, window

from etcdscope.detect.raft import (
    apply_lag,
    proposals_failing,
    proposals_piling,
    read_index_slow,
    snapshot_storm,
)
from etcdscope.model.signal import (
    APPLIED_INDEX,
    COMMITTED_INDEX,
    LINEARIZABLE_OK,
    LINEARIZABLE_SECONDS,
    PROGRESS_STATE,
    PROPOSALS_FAILED,
    PROPOSALS_PENDING,
    RAFT_LEAD,
    RAFT_STATE,
    SERIALIZABLE_SECONDS,
    SLOW_APPLIES,
    SLOW_READ_INDEXES,
    SNAPSHOT_SENDS,
    SNAPSHOTS_SENT,
)


@pytest.mark.parametrize(
    ("committed", "applied", "said"),
    [
        pytest.param([9_000, 9_100], [2_000, 9_099], [], id="one burst, then caught up"),
        pytest.param([9_000, 9_100], [8_000, 8_100], [], id="at the limit is not past it"),
        pytest.param([9_000, 9_100], [7_999, 8_099], [("m1", "warning")], id="just past it"),
        pytest.param([9_000, 9_100], [4_000, 4_100], [("m1", "warning")], id="etcd still accepts"),
        pytest.param([9_000, 9_100], [3_999, 4_099], [("m1", "critical")], id="etcd refuses"),
        pytest.param([9_000], [0], [], id="one look alone"),
        pytest.param(ago((9, 9_000), (8, 9_000)), ago((9, 0), (8, 0)), [], id="long ago"),
    ],
)
def test_apply_lag_is_graded_by_the_smallest_gap(
    committed: object, applied: object, said: list[tuple[str, str]]
) -> None:
    seen = window({"m1": {COMMITTED_INDEX: committed, APPLIED_INDEX: applied}})

    assert found(apply_lag, seen) == said


def test_apply_lag_is_not_judged_where_applied_is_not_known() -> None:
    """etcd before 3.4 does not tell it."""
    assert found(apply_lag, window({"m1": {COMMITTED_INDEX: [9_000, 9_000]}})) == []


@pytest.mark.parametrize(
    ("failed", "said"),
    [
        pytest.param(ago((2, 10.0), (1, 12.0)), [], id="at the limit"),
        pytest.param(ago((2, 10.0), (1, 13.0)), [("m1", "warning")], id="past it"),
        pytest.param(ago((1, 13.0)), [], id="one scrape"),
        pytest.param(ago((2, 500.0), (1, 3.0)), [("m1", "warning")], id="3 since a restart"),
        pytest.param(ago((30, 10.0), (25, 90.0), (5, 90.0), (1, 90.0)), [], id="over by now"),
    ],
)
def test_proposals_fail_when_their_counter_grows(
    failed: object, said: list[tuple[str, str]]
) -> None:
    assert found(proposals_failing, window({"m1": {PROPOSALS_FAILED: failed}})) == said


@pytest.mark.parametrize(
    ("state", "where"),
    [
        pytest.param("leader", "it leads, but cannot commit", id="leader"),
        pytest.param("follower", "it cannot hand them to the leader", id="follower"),
    ],
)
def test_failing_proposals_say_where_they_fail(state: str, where: str) -> None:
    told = {
        PROPOSALS_FAILED: ago((2, 0.0), (1, 9.0)),
        PROPOSALS_PENDING: 40.0,
        RAFT_STATE: state,
    }

    (finding,) = proposals_failing(window({"m1": told}))

    assert where in finding.summary
    assert [e.signal for e in finding.evidence] == ["proposals_failed", "proposals_pending"]


def scraped(*values: float) -> Ago:
    """Return values of one scrape a second, the last just now."""
    return ago(*((len(values) - 0.9 - i, value) for i, value in enumerate(values)))


STALLED = [1000] * 8
HUNDRED_A_SECOND = [1000 + 50 * i for i in range(8)]
THOUSANDS_A_SECOND = [1000 + 2500 * i for i in range(8)]


@pytest.mark.parametrize(
    ("pending", "committed", "said"),
    [
        pytest.param(scraped(200, 210, 190, 220, 200), THOUSANDS_A_SECOND, [], id="busy"),
        pytest.param(
            scraped(200, 210, 190, 220, 200), HUNDRED_A_SECOND, [("m1", "warning")], id="1.9 s each"
        ),
        pytest.param(scraped(0, 0, 300, 300), HUNDRED_A_SECOND, [], id="a burst"),
        pytest.param(scraped(300, 300, 300, 0), HUNDRED_A_SECOND, [], id="drained"),
        pytest.param(scraped(*[40] * 5), STALLED, [("m1", "critical")], id="nothing is committed"),
        pytest.param(scraped(*[9] * 5), STALLED, [], id="a few"),
        pytest.param(ago((6, 40.0), (1, 40.0)), STALLED, [("m1", "critical")], id="slow scrapes"),
        pytest.param(ago((11, 40.0), (8, 40.0)), STALLED, [], id="long ago"),
    ],
)
def test_proposals_pile_when_each_waits_for_a_second(
    pending: Ago, committed: list[int], said: list[tuple[str, str]]
) -> None:
    told: Told = {PROPOSALS_PENDING: pending, COMMITTED_INDEX: committed}

    assert found(proposals_piling, window({"m1": told})) == said


def reads(wait: float, own: float = 0.002, ok: float = 1.0) -> Told:
    ages = (4.1, 3.1, 2.1, 1.1, 0.1)
    return {
        LINEARIZABLE_SECONDS: ago(*((age, own + wait) for age in ages if ok)),
        SERIALIZABLE_SECONDS: ago(*((age, own) for age in ages)),
        LINEARIZABLE_OK: ago(*((age, ok) for age in ages)),
    }


@pytest.mark.parametrize(
    ("m3", "slow"),
    [
        pytest.param(reads(0.002), False, id="quick"),
        pytest.param(reads(0.2), False, id="at the limit is not past it"),
        pytest.param(reads(0.4), True, id="they wait"),
        pytest.param(reads(0.0, ok=0.0), True, id="no answer"),
        pytest.param(reads(0.4, own=0.4), False, id="all reads are slow"),
    ],
)
def test_read_index_is_slow_when_only_linearizable_reads_wait(m3: Told, slow: bool) -> None:
    seen = window({"m1": reads(0.001), "m2": reads(0.001), "m3": m3})

    assert found(read_index_slow, seen) == ([("m3", "warning")] if slow else [])


def test_learner_refuses_linearizable_reads_and_that_is_right() -> None:
    seen = window({"m3": reads(0.0, ok=0.0)}, learners="m3")

    assert found(read_index_slow, seen) == []


def test_metrics_that_mislead_about_reads_speak_against_the_finding() -> None:
    m3 = reads(0.4) | {
        SLOW_READ_INDEXES: ago((6, 0.0), (1, 0.0)),
        SLOW_APPLIES: ago((6, 2.0), (1, 9.0)),
    }

    (finding,) = read_index_slow(window({"m3": m3}))

    assert [(e.signal, e.for_) for e in finding.evidence] == [
        ("read_index_wait", True),
        ("slow_read_indexes", False),
        ("slow_applies", False),
    ]


def feeds(*states: str, sent: Ago | None = None, inflight: float = 0.0) -> Told:
    """Return a leader and how it has fed m3: a state every two seconds."""
    ages = [2 * (len(states) - 1 - i) + 0.1 for i in range(len(states))]
    return {
        RAFT_STATE: "leader",
        RAFT_LEAD: "m1",
        PROGRESS_STATE: {"m3": ago(*zip(ages, states, strict=True))},
        SNAPSHOTS_SENT: {"m3": sent or ago((60, 5.0), (0.1, 5.0))},
        SNAPSHOT_SENDS: {"m3": inflight},
    }


S, R, P = "snapshot", "replicate", "probe"


@pytest.mark.parametrize(
    ("m1", "storm"),
    [
        pytest.param(feeds(R, R, R, R), False, id="it follows"),
        pytest.param(feeds(P, S, S, S, R, R), False, id="one snapshot, then it follows"),
        pytest.param(feeds(P, S, R, S, R), False, id="two"),
        pytest.param(feeds(P, S, S, P, S, S, P, S), True, id="one after the other"),
        pytest.param(feeds(*[P, S, P, S, P, S], *[R] * 20), False, id="long over"),
        pytest.param(feeds(P, P, sent=ago((60, 5.0), (20, 7.0), (0.1, 8.0))), True, id="counted"),
        pytest.param(
            feeds(S, S, sent=ago((60, 5.0), (20, 7.0), (0.1, 7.0)), inflight=1.0),
            True,
            id="the third is under way",
        ),
        pytest.param(
            feeds(R, R, sent=ago((250, 5.0), (200, 9.0), (40, 9.0), (0.1, 9.0))),
            False,
            id="counted long ago",
        ),
    ],
)
def test_snapshots_storm_when_one_follows_the_other(m1: Told, storm: bool) -> None:
    seen = window({"m1": m1, "m2": {RAFT_LEAD: "m1"}, "m3": {RAFT_LEAD: "m1"}})

    assert found(snapshot_storm, seen) == ([("m3", "warning")] if storm else [])
