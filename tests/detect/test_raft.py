"""Raft's progress: entries that wait, proposals that fail."""

import pytest
from tests.detect.windows import ago, found, window

from etcdscope.detect.raft import apply_lag, proposals_failing
from etcdscope.model.signal import (
    APPLIED_INDEX,
    COMMITTED_INDEX,
    PROPOSALS_FAILED,
    PROPOSALS_PENDING,
    RAFT_STATE,
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
