"""Who was added and never came, who stays a learner, who belongs elsewhere."""

import pytest
from tests.detect.windows import Ago, Seen, Told, ago, found, refused, window

from etcdscope.detect.membership import (
    cluster_id_mixed,
    learner_stuck,
    learners_at_maximum,
    member_list_stale,
    member_never_started,
    membership_diverged,
    reconfiguration_refused,
)
from etcdscope.model.cluster import Member, MemberList
from etcdscope.model.signal import (
    ACTIVE_PEERS,
    APPLIED_INDEX,
    CLUSTER_ID,
    COMMITTED_INDEX,
    MEMBER_LIST,
    PROGRESS_MATCH,
    PROGRESS_STATE,
    RAFT_COMMIT,
    RAFT_LEAD,
    RAFT_STATE,
)
from etcdscope.model.window import Window


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


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        pytest.param(59.0, [("m6", "info")], id="somebody is starting it"),
        pytest.param(60.0, [("m6", "warning")], id="nobody did"),
    ],
)
def test_voter_that_does_not_come_is_a_note_at_first_where_one_may_still_be_lost(
    seconds: float, said: list[tuple[str, str]]
) -> None:
    seen = window(
        {"m1": {MEMBER_LIST: listed_since(seconds, "m6")}},
        members="m1 m2 m3 m4 m5 m6",
        unstarted="m6",
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
        pytest.param([0, 0], "m4", 7, [("m4", "info")], id="somebody is starting it"),
        pytest.param([0, 0], "m4", 61, [("m4", "warning")], id="it never joined"),
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


@pytest.mark.parametrize(
    ("began", "said"),
    [
        pytest.param(299.0, [], id="it may have joined just before"),
        pytest.param(301.0, [("m4", "warning")], id="nobody promotes it"),
    ],
)
def test_learner_that_was_there_before_us_has_its_time(
    began: float, said: list[tuple[str, str]]
) -> None:
    held = MemberList((Member("m1", "m1"), Member("m4", "m4", is_learner=True)))
    told = leader([900, 900]) | {MEMBER_LIST: ago((began - 0.5, held), (1, held))}

    seen = window({"m1": told}, members="m1 m4", learners="m4", began=began)

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


# --- what the members say of each other --------------------------------------------------------


def lists(*names: str, ages: tuple[float, ...] = (14, 9, 4), learners: str = "") -> Ago:
    """Return the same list, seen so many seconds ago."""
    held = MemberList(tuple(Member(n, n, is_learner=n in learners.split()) for n in names))
    return ago(*((age, held) for age in ages))


def teller(told: Ago, applied: float = 100.0, committed: float = 100.0) -> Told:
    index = ago((19, applied), (0.1, applied))
    return {MEMBER_LIST: told, APPLIED_INDEX: index, COMMITTED_INDEX: ago((20, committed))}


# Seen when an isolated member was back: it had applied all, and its newest list was from before.
IS_BACK: Told = {APPLIED_INDEX: ago((19, 90.0), (0.1, 100.0))}


THREE = teller(lists("m1", "m2", "m3"))


@pytest.mark.parametrize(
    ("m3", "diverged", "stale"),
    [
        pytest.param(THREE, [], [], id="all list the same"),
        pytest.param(
            teller(lists("m1", "m2", "m3", "m4")),
            [("m3", "warning")],
            [],
            id="it has applied everything, and lists one more",
        ),
        pytest.param(
            teller(lists("m1", "m2", "m3", "m4"), applied=90),
            [],
            [("m3", "warning")],
            id="it has not applied the removal yet",
        ),
        pytest.param(
            teller(lists("m1", "m2", "m3", "m4")) | IS_BACK,
            [],
            [("m3", "warning")],
            id="it has applied it since its last list",
        ),
        pytest.param(
            teller(lists("m1", "m2", "m3", learners="m2")),
            [("m3", "warning")],
            [],
            id="it takes a voter for a learner",
        ),
        pytest.param(
            teller(lists("m1", "m2", "m3", "m4", ages=(4,))), [], [], id="one look is too few"
        ),
        pytest.param(
            teller(lists("m1", "m2", "m3", "m4", ages=(60, 50, 40))), [], [], id="it is silent"
        ),
    ],
)
def test_member_with_another_list_is_told_by_what_it_has_applied(
    m3: Told, diverged: list[tuple[str, str]], stale: list[tuple[str, str]]
) -> None:
    seen = window({"m1": THREE, "m2": THREE, "m3": m3})

    assert found(membership_diverged, seen) == diverged
    assert found(member_list_stale, seen) == stale


def test_lists_that_changed_lately_are_not_compared() -> None:
    before, after = (MemberList(tuple(Member(n, n) for n in ns)) for ns in ("abc", ("a", "b")))
    moving = ago((14, before), (9, before), (4, after))
    seen = window(
        {
            "m1": teller(moving),
            "m2": teller(moving),
            "m3": teller(ago((14, before), (9, before), (4.5, before))),
        }
    )

    assert found(membership_diverged, seen) == []


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        pytest.param(299, [], id="it is joining"),
        pytest.param(301, [("m4", "info")], id="it takes the only place"),
    ],
)
def test_learner_that_stays_takes_the_only_place(
    seconds: float, said: list[tuple[str, str]]
) -> None:
    seen = window(
        {"m1": {MEMBER_LIST: listed_since(seconds)}}, members="m1 m2 m3 m4", learners="m4"
    )

    assert found(learners_at_maximum, seen) == said


LEADS = {RAFT_LEAD: "m1", RAFT_STATE: "leader"}


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        pytest.param(window({"m1": LEADS}), [], id="all is well"),
        pytest.param(
            window({"m1": LEADS | {ACTIVE_PEERS: {"m3": ago((31, 0.0), (1, 0.0))}}}),
            [("cluster", "info")],
            id="a voter that answers us is cut off from the leader",
        ),
        pytest.param(
            window({"m1": LEADS | {ACTIVE_PEERS: {"m3": ago((11, 0.0), (1, 0.0))}}}),
            [],
            id="not for long yet",
        ),
        pytest.param(
            window(
                {"m1": LEADS | {ACTIVE_PEERS: {"m3": ago((31, 0.0), (1, 0.0))}}},
                away={"m3": refused(30)},
            ),
            [],
            id="a voter that is down is told as such",
        ),
        pytest.param(
            window({"m1": LEADS}, members="m1 m2 m3 m4 m5", unstarted="m4 m5"),
            [("cluster", "info")],
            id="with one more, three of six would be started",
        ),
        pytest.param(
            window({"m1": LEADS}, members="m1 m2 m3 m4", unstarted="m4"),
            [],
            id="with one more, three of five are a quorum",
        ),
    ],
)
def test_refusal_of_changes_is_told_beforehand(seen: Window, said: list[tuple[str, str]]) -> None:
    assert found(reconfiguration_refused, seen) == said
