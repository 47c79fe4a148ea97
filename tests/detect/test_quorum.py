"""How many voters there are and how many may still be lost."""

import pytest
from tests.detect.windows import Told, ago, found, refused, timing_out, window

from etcdscope.detect.quorum import (
    quorum_lost,
    quorum_margin_zero,
    voters,
    voters_even,
    voters_too_many,
)
from etcdscope.model.finding import Severity
from etcdscope.model.signal import (
    ACTIVE_PEERS,
    LINEARIZABLE_OK,
    PEER_RECEIVED_BYTES,
    PORT_STATE,
    PROGRESS_MATCH,
    PROGRESS_STATE,
    RAFT_COMMIT,
    RAFT_LEAD,
    RAFT_STATE,
)
from etcdscope.model.window import Window

LEADS: Told = {RAFT_LEAD: ["m1"] * 4, RAFT_STATE: ["leader"] * 4}
FOLLOWS: Told = {RAFT_LEAD: ["m1"] * 4, RAFT_STATE: ["follower"] * 4}
LEADERLESS: Told = {RAFT_LEAD: [""] * 4, RAFT_STATE: ["pre-candidate"] * 4}
CLOSED: Told = {PORT_STATE: {"client": "refused", "peer": "refused"}}
OPEN: Told = {PORT_STATE: {"client": "open", "peer": "open"}}
DARK: Told = {PORT_STATE: {"client": "silent", "peer": "silent"}}


def healthy() -> Window:
    return window({"m1": LEADS, "m2": FOLLOWS, "m3": FOLLOWS})


def one_down() -> Window:
    return window({"m1": LEADS, "m2": CLOSED, "m3": FOLLOWS}, away={"m2": refused()})


def two_down() -> Window:
    return window(
        {"m1": CLOSED, "m2": CLOSED, "m3": LEADERLESS},
        away={"m1": refused(), "m2": refused()},
    )


def two_frozen() -> Window:
    return window(
        {"m1": OPEN, "m2": OPEN, "m3": LEADERLESS},
        away={"m1": timing_out(), "m2": timing_out()},
    )


def hidden_from_us() -> Window:
    """Nothing answers us but m3, which still has a leader and serves."""
    return window(
        {"m1": DARK, "m2": DARK, "m3": FOLLOWS | {LINEARIZABLE_OK: [1.0, 1.0]}},
        away={"m1": timing_out(), "m2": timing_out()},
    )


def refused_but_served() -> Window:
    """A rule on our own path closes two client ports; the peer ports do not say so."""
    closed: Told = {PORT_STATE: {"client": "refused", "peer": "silent"}}
    return window(
        {"m1": closed, "m2": closed, "m3": FOLLOWS | {LINEARIZABLE_OK: [1.0, 1.0]}},
        away={"m1": refused(), "m2": refused()},
    )


@pytest.mark.parametrize(
    ("seen", "severity"),
    [
        pytest.param(healthy(), None, id="all there"),
        pytest.param(one_down(), None, id="two of three are a quorum"),
        pytest.param(two_down(), "critical", id="two of three are down"),
        pytest.param(two_frozen(), "critical", id="two of three are frozen"),
        pytest.param(hidden_from_us(), None, id="the survivor serves: they are hidden from us"),
        pytest.param(refused_but_served(), None, id="refused to us alone"),
        pytest.param(window(members="m1", away={"m1": refused()}), None, id="a single member"),
        pytest.param(
            window({"m3": LEADERLESS}, unstarted="m2", away={"m1": timing_out(0.5)}),
            None,
            id="half a second of silence is not gone",
        ),
    ],
)
def test_quorum_is_lost_when_too_few_voters_take_part(seen: Window, severity: str | None) -> None:
    assert found(quorum_lost, seen) == ([("cluster", severity)] if severity else [])


def test_without_any_survivor_a_lost_quorum_is_less_sure_than_our_own_cut() -> None:
    closed: Told = CLOSED
    seen = window(
        {"m1": closed, "m2": closed, "m3": closed},
        away={m: refused() for m in ("m1", "m2", "m3")},
    )

    (finding,) = quorum_lost(seen)

    assert finding.confidence < 0.7
    assert finding.next_test


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        pytest.param(1.5, [], id="a machine that was paused for a moment"),
        pytest.param(2.0, [("cluster", "critical")], id="for longer than that"),
    ],
)
def test_where_nobody_answers_a_pause_is_waited_for(
    seconds: float, said: list[tuple[str, str]]
) -> None:
    everybody = ("m1", "m2", "m3")
    seen = window(
        {m: {PORT_STATE: {"client": "open", "peer": "open"}} for m in everybody},
        away={m: timing_out(seconds) for m in everybody},
    )

    assert found(quorum_lost, seen) == said


def test_where_nobody_answers_and_nobody_listens_nothing_is_waited_for() -> None:
    everybody = ("m1", "m2", "m3")
    seen = window(dict.fromkeys(everybody, CLOSED), away={m: refused(0.5) for m in everybody})

    assert found(quorum_lost, seen) == [("cluster", "critical")]


def test_proof_of_service_from_before_the_loss_does_not_count() -> None:
    closed: Told = {PORT_STATE: {"client": ago((0.2, "refused")), "peer": ago((0.2, "refused"))}}
    survivor = FOLLOWS | {LINEARIZABLE_OK: ago((0.5, 1.0))}
    seen = window(
        {"m1": closed, "m2": closed, "m3": survivor},
        away={"m1": refused(0.5), "m2": refused(0.5)},
    )

    assert found(quorum_lost, seen) == [("cluster", "critical")]


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        pytest.param(healthy(), False, id="one may be lost"),
        pytest.param(one_down(), True, id="one is lost already"),
        pytest.param(two_down(), False, id="a lost quorum says more"),
        pytest.param(window(members="m1"), False, id="a single member never had a margin"),
        pytest.param(window(members="m1 m2"), False, id="two voters: voters-even says so"),
        pytest.param(
            window(members="m1 m2 m3", learners="m3", away={"m3": refused()}),
            False,
            id="a learner does not count: two voters are left",
        ),
        pytest.param(
            window(members="m1 m2 m3 m4", learners="m4", away={"m4": refused()}),
            False,
            id="a learner that is gone costs no margin",
        ),
        pytest.param(
            window(members="m1 m2 m3 m4", unstarted="m4"),
            False,
            id="added and not started yet is told by another detector",
        ),
        pytest.param(
            window(members="m1 m2 m3 m4 m5", away={"m5": timing_out()}), False, id="one of five"
        ),
    ],
)
def test_margin_is_zero_when_no_further_voter_may_be_lost(seen: Window, said: bool) -> None:
    assert found(quorum_margin_zero, seen) == ([("cluster", "warning")] if said else [])


@pytest.mark.parametrize(
    ("progress", "kind"),
    [
        pytest.param(5_000, "counting", id="at etcd's catch-up limit the log suffices"),
        pytest.param(4_999, "lagging", id="past it a snapshot is needed"),
    ],
)
def test_voter_that_needs_a_snapshot_is_lagging(progress: int, kind: str) -> None:
    leader: Told = LEADS | {
        RAFT_COMMIT: 10_000,
        PROGRESS_MATCH: {"m2": progress, "m3": 10_000},
        PROGRESS_STATE: {"m2": "replicate", "m3": "replicate"},
    }
    worth = voters(window({"m1": leader, "m2": FOLLOWS, "m3": FOLLOWS}))

    assert "m2" in getattr(worth, kind)


def test_voter_that_receives_a_snapshot_is_lagging() -> None:
    leader: Told = LEADS | {PROGRESS_STATE: {"m2": "snapshot", "m3": "replicate"}}

    assert voters(window({"m1": leader, "m2": FOLLOWS, "m3": FOLLOWS})).lagging == ("m2",)


@pytest.mark.parametrize(
    ("peer", "kind"),
    [
        pytest.param({PEER_RECEIVED_BYTES: {"m2": [100.0, 200.0]}}, "counting", id="a peer hears"),
        pytest.param({ACTIVE_PEERS: {"m2": 0.0}}, "gone", id="a peer lost it"),
        pytest.param({}, "unsure", id="nobody can tell yet"),
    ],
)
def test_silent_voter_is_worth_what_its_peers_say(peer: Told, kind: str) -> None:
    seen = window({"m1": LEADS | peer, "m2": DARK, "m3": FOLLOWS}, away={"m2": timing_out(3.0)})

    assert getattr(voters(seen), kind).count("m2") == 1


def test_voter_that_follows_nobody_while_others_have_a_leader_does_not_count() -> None:
    assert voters(window({"m1": LEADS, "m2": FOLLOWS, "m3": LEADERLESS})).gone == ("m3",)


@pytest.mark.parametrize(
    ("members", "learners", "severity"),
    [
        pytest.param("m1", "", None, id="one"),
        pytest.param("m1 m2", "", Severity.WARNING, id="two: no member may be lost"),
        pytest.param("m1 m2 m3", "", None, id="three"),
        pytest.param("m1 m2 m3 m4", "m4", None, id="three and a learner"),
        pytest.param("m1 m2 m3 m4", "", Severity.INFO, id="four"),
        pytest.param("m1 m2 m3 m4 m5", "", None, id="five"),
    ],
)
def test_even_number_of_voters_is_noted(
    members: str, learners: str, severity: Severity | None
) -> None:
    findings = voters_even(window(members=members, learners=learners))

    assert [f.severity for f in findings] == ([severity] if severity else [])


@pytest.mark.parametrize(("voters", "told"), [(5, []), (7, []), (9, [("cluster", "info")])])
def test_more_than_seven_voters_are_of_no_use(voters: int, told: list[tuple[str, str]]) -> None:
    seen = window(members=" ".join(f"m{i}" for i in range(voters)))

    assert found(voters_too_many, seen) == told


def test_learners_are_no_voters_too_many() -> None:
    seen = window(members="m1 m2 m3 m4 m5 m6 m7 m8", learners="m8")

    assert found(voters_too_many, seen) == []
