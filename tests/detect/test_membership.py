"""Who was added and never came, who stays a learner, who belongs elsewhere."""

import pytest
from tests.detect.windows import Ago, Seen, Told, ago, found, window

from etcdscope.detect.membership import cluster_id_mixed, learner_stuck, member_never_started
from etcdscope.model.cluster import Member, MemberList
from etcdscope.model.signal import (
    CLUSTER_ID,
    MEMBER_LIST,
    PROGRESS_MATCH,
    PROGRESS_STATE,
    RAFT_COMMIT,
    RAFT_LEAD,
    RAFT_STATE,
)


def listed_since(seconds: float, name: str = "m4") -> Ago:
    """Return lists in which a member appears so many seconds ago."""
    before = MemberList(tuple(Member(n, n) for n in ("m1", "m2", "m3")))
    after = MemberList((*before.members, Member(name, "")))
    return ago((600, before), (seconds, after))


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        pytest.param(5.9, [], id="it is just being added"),
        pytest.param(6.0, [("m4", "warning")], id="it should have come by now"),
    ],
)
def test_voter_that_does_not_come_has_never_started(
    seconds: float, said: list[tuple[str, str]]
) -> None:
    seen = window(
        {"m1": {MEMBER_LIST: listed_since(seconds)}}, members="m1 m2 m3 m4", unstarted="m4"
    )

    assert found(member_never_started, seen) == said


def test_voter_without_a_name_at_our_first_look_was_added_before() -> None:
    seen = window(
        {"m1": {MEMBER_LIST: listed_since(0.5)}},
        members="m1 m2 m3 m4",
        unstarted="m4",
        began=0.6,
    )

    assert found(member_never_started, seen) == [("m4", "warning")]


def test_learner_that_does_not_come_is_no_voter() -> None:
    seen = window(
        {"m1": {MEMBER_LIST: listed_since(60)}},
        members="m1 m2 m3 m4",
        unstarted="m4",
        learners="m4",
    )

    assert found(member_never_started, seen) == []


def leader(match: Seen, commit: int = 1000) -> Told:
    return {
        RAFT_LEAD: "m1",
        RAFT_STATE: "leader",
        RAFT_COMMIT: commit,
        PROGRESS_MATCH: {"m4": match},
        PROGRESS_STATE: {"m4": "probe"},
    }


@pytest.mark.parametrize(
    ("match", "unstarted", "seconds", "said"),
    [
        pytest.param([0, 0], "m4", 5, [], id="it is just being added"),
        pytest.param([0, 0], "m4", 7, [("m4", "warning")], id="it never joined"),
        pytest.param(ago((8, 100), (0, 500)), "", 60, [], id="it is catching up"),
        pytest.param(ago((4, 100), (0, 100)), "", 60, [], id="it has stood still for a moment"),
        pytest.param(ago((8, 100), (0, 100)), "", 60, [("m4", "warning")], id="it stands still"),
        pytest.param([900, 900], "", 60, [], id="it is ready, and may be promoted soon"),
        pytest.param([900, 900], "", 301, [("m4", "warning")], id="nobody promotes it"),
    ],
)
def test_learner_is_stuck(
    match: Seen, unstarted: str, seconds: float, said: list[tuple[str, str]]
) -> None:
    seen = window(
        {"m1": leader(match) | {MEMBER_LIST: listed_since(seconds)}},
        members="m1 m2 m3 m4",
        learners="m4",
        unstarted=unstarted,
    )

    assert found(learner_stuck, seen) == said


def test_learner_is_not_judged_without_a_leader_that_tells_its_progress() -> None:
    seen = window(
        {"m1": {MEMBER_LIST: listed_since(60)}},
        members="m1 m2 m3 m4",
        learners="m4",
        unstarted="m4",
    )

    assert found(learner_stuck, seen) == []


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        pytest.param(("c1", "c1", "c1"), [], id="one cluster"),
        pytest.param(("c1", "c1", "c2"), [("http://m3:2379", "critical")], id="m3 is elsewhere"),
        pytest.param(("c2", "c1", "c1"), [("http://m1:2379", "critical")], id="m1 is elsewhere"),
    ],
)
def test_endpoint_of_another_cluster_is_named(
    ids: tuple[str, ...], said: list[tuple[str, str]]
) -> None:
    seen = window({f"m{i}": {CLUSTER_ID: told} for i, told in enumerate(ids, start=1)})

    assert found(cluster_id_mixed, seen) == said
