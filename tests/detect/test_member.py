"""One member is down, frozen, isolated, unreachable or restarting; look-alikes told apart."""

import pytest
from tests.detect.windows import Told, ago, found, look, refused, timing_out, window

from etcdscope.detect.member import (
    member_down,
    member_frozen,
    member_isolated,
    member_restarting,
    member_unreachable,
)
from etcdscope.model.reading import Failure
from etcdscope.model.signal import (
    ACTIVE_PEERS,
    FAREWELL,
    LINEARIZABLE_OK,
    LOOP_LAG,
    PEER_RECEIVED_BYTES,
    PORT_STATE,
    PRESENCE,
    PROCESS_START,
    PROGRESS_MATCH,
    RAFT_LEAD,
    RAFT_STATE,
    STATUS_SECONDS,
)
from etcdscope.model.window import Window

LEADS: Told = {RAFT_LEAD: ["m1"] * 8, RAFT_STATE: ["leader"] * 8}
FOLLOWS: Told = {RAFT_LEAD: ["m1"] * 8, RAFT_STATE: ["follower"] * 8}
OPEN: Told = {PORT_STATE: {"client": "open", "peer": "open"}}
CLIENTS_REFUSED: Told = {PORT_STATE: {"client": "refused", "peer": "open"}}
CLOSED: Told = {PORT_STATE: {"client": "refused", "peer": "refused"}}
CLOSED_LONG: Told = {
    PORT_STATE: {"client": ago((1.9, "refused"), (0.1, "refused")), "peer": "refused"}
}
DARK: Told = {PORT_STATE: {"client": "silent", "peer": "silent"}}
HEARS_M2: Told = {PROGRESS_MATCH: {"m2": [10, 20, 30, 40]}}
LOST_M2: Told = {ACTIVE_PEERS: {"m2": 0.0}}
ORDERLY: Told = {FAREWELL: ago((1.0, 1.0))}


def without_m2(m2: Told, m1: Told | None = None, *, seconds: float = 2.0) -> Window:
    """Return a window in which m2 has not answered for so long, with what m1 says beside it."""
    closed = m2.get(PORT_STATE, {}).get("client") == "refused"
    away = refused(seconds) if closed else timing_out(seconds)
    return window({"m1": LEADS | (m1 or {}), "m2": m2, "m3": FOLLOWS}, away={"m2": away})


@pytest.mark.parametrize(
    ("seen", "down"),
    [
        pytest.param(without_m2(CLOSED), True, id="both ports refuse"),
        pytest.param(without_m2(CLIENTS_REFUSED), False, id="its peer port answers still"),
        pytest.param(without_m2(CLOSED, seconds=0.2), True, id="at once: a refusal is proof"),
        pytest.param(without_m2(CLOSED_LONG, HEARS_M2), False, id="a peer hears it: it lives"),
        pytest.param(without_m2(CLOSED | ORDERLY), False, id="it took its leave"),
        pytest.param(without_m2(OPEN), False, id="its port is open"),
        pytest.param(without_m2(DARK, LOST_M2), True, id="silent, and its peer lost it"),
        pytest.param(without_m2(DARK), False, id="silent, and nobody can tell"),
        pytest.param(without_m2(DARK, HEARS_M2), False, id="silent to us alone"),
        pytest.param(without_m2(DARK, LOST_M2, seconds=1.0), False, id="silent for a moment"),
        pytest.param(window({"m2": CLOSED}, unstarted="m2"), False, id="it never ran"),
    ],
)
def test_member_is_down_when_its_process_or_host_is_gone(seen: Window, down: bool) -> None:
    assert found(member_down, seen) == ([("m2", "warning")] if down else [])


def test_member_that_listens_again_but_does_not_answer_is_not_back() -> None:
    """etcd listens before it has read its log: that is neither frozen nor back."""
    ports: Told = {PORT_STATE: {"client": ago((8, "refused"), (1, "open"))}}
    seen = without_m2(ports, seconds=9.0)

    (finding,) = member_down(seen)

    assert finding.summary.startswith("m2 is starting: its port is open again")
    assert found(member_frozen, seen) == []


def test_member_that_is_not_back_in_time_says_how_long_ago_it_was_stopped() -> None:
    told = CLOSED | {FAREWELL: ago((75.0, 1.0))}

    (finding,) = member_down(without_m2(told, seconds=75.0))

    assert "75 s after it was stopped in order, and is not back" in finding.summary


@pytest.mark.parametrize(
    ("seen", "frozen"),
    [
        pytest.param(without_m2(OPEN), True, id="it accepts, and says nothing"),
        pytest.param(without_m2(OPEN, seconds=1.1), False, id="for a moment"),
        pytest.param(without_m2(CLOSED), False, id="its port refuses"),
        pytest.param(without_m2(DARK), False, id="its port is silent"),
        pytest.param(without_m2(OPEN | ORDERLY), False, id="it took its leave"),
        pytest.param(
            window({"m2": OPEN}, members="m1 m2", away={"m1": timing_out(), "m2": timing_out()}),
            False,
            id="nobody answers: it may be we",
        ),
        pytest.param(
            window({"m1": OPEN}, members="m1", away={"m1": timing_out(3.0)}),
            True,
            id="the only one there is",
        ),
    ],
)
def test_member_is_frozen_when_it_accepts_and_does_not_answer(seen: Window, frozen: bool) -> None:
    assert [who for who, _ in found(member_frozen, seen)] == (
        ([seen.members[0].id] if len(seen.members) == 1 else ["m2"]) if frozen else []
    )


def test_our_own_stall_is_taken_off_a_silence() -> None:
    seen = window({"m2": OPEN, "": {LOOP_LAG: [0.9, 0.0]}}, away={"m2": timing_out(2.0)}, every=1.0)

    assert found(member_frozen, seen) == []


def test_member_that_answered_late_before_may_be_starved_instead() -> None:
    quick = member_frozen(without_m2(OPEN | {STATUS_SECONDS: [0.01] * 4}))
    late = member_frozen(without_m2(OPEN | {STATUS_SECONDS: [0.4] * 4}))

    assert quick[0].confidence > 0.9
    assert "cpu-starved" in {r.cause for r in quick[0].ruled_out}
    assert late[0].confidence < 0.9
    assert "cpu-starved" not in {r.cause for r in late[0].ruled_out}


CUT: Told = {RAFT_LEAD: ["m1"] * 2 + [""] * 6, RAFT_STATE: ["pre-candidate"] * 8}
OLD_LEADER: Told = {RAFT_LEAD: ["m3"] * 8, RAFT_STATE: ["leader"] * 8}


@pytest.mark.parametrize(
    ("m3", "others", "isolated"),
    [
        pytest.param(FOLLOWS, {}, False, id="it follows"),
        pytest.param(CUT, {}, True, id="it has no leader"),
        pytest.param(OLD_LEADER, {}, True, id="it calls itself leader"),
        pytest.param(CUT, {PEER_RECEIVED_BYTES: {"m3": [1.0] * 4}}, True, id="nobody hears it"),
        pytest.param(
            CUT, {PEER_RECEIVED_BYTES: {"m3": [1.0, 2.0, 3.0]}}, False, id="somebody hears it"
        ),
    ],
)
def test_member_is_isolated_when_it_answers_us_and_follows_nobody(
    m3: Told, others: Told, isolated: bool
) -> None:
    seen = window({"m1": LEADS, "m2": FOLLOWS | others, "m3": m3})

    assert found(member_isolated, seen) == ([("m3", "warning")] if isolated else [])


def gave_up(seconds: float) -> Told:
    """Return a follower whose looks have shown no leader for so many seconds."""
    ages = [0.1 + 0.25 * i for i in reversed(range(40))]
    return {RAFT_LEAD: ago(*((age, "" if age < seconds + 0.1 else "m1") for age in ages))}


def reads(answered: float, *, at: float = 0.1) -> Told:
    return {LINEARIZABLE_OK: ago((at, answered))}


ACKNOWLEDGED: Told = {PROGRESS_MATCH: {"m2": ago((1.6, 7.0), (0.2, 9.0))}}
STALLED: Told = {PROGRESS_MATCH: {"m2": ago((1.6, 9.0), (0.2, 9.0))}}


@pytest.mark.parametrize(
    ("seconds", "m1", "isolated"),
    [
        pytest.param(0.75, {}, False, id="the others may not have noticed yet"),
        pytest.param(0.75, reads(0.0), False, id="no read is answered through the leader either"),
        pytest.param(0.75, reads(1.0, at=2.0), False, id="one was, but before"),
        pytest.param(0.75, reads(1.0), True, id="a read has been answered through the leader"),
        pytest.param(0.75, ACKNOWLEDGED, True, id="another has acknowledged an entry"),
        pytest.param(0.75, STALLED, False, id="nobody has"),
        pytest.param(2.0, {}, True, id="the others would have noticed by now"),
    ],
)
def test_who_notices_first_that_the_leader_is_gone_is_not_isolated(
    seconds: float, m1: Told, isolated: bool
) -> None:
    """Measured: when a leader was cut off, one follower gave up 0.4 s before the other."""
    quiet: Told = {PEER_RECEIVED_BYTES: {"m1": ago((3.0, 1.0), (0.05, 2.0))}}
    seen = window({"m1": LEADS | m1, "m2": FOLLOWS | quiet, "m3": gave_up(seconds)})

    assert found(member_isolated, seen) == ([("m3", "warning")] if isolated else [])


VOTES = ago((3.0, 49.0), (0.05, 98.0))
NO_VOTES = ago((3.0, 49.0), (0.05, 49.0))


@pytest.mark.parametrize(
    ("m2", "isolated"),
    [
        pytest.param({"m3": VOTES}, False, id="m2 receives its requests for votes"),
        pytest.param({"m3": ago((0.05, 49.0)), "m1": ago((3.0, 1.0), (0.05, 2.0))}, False,
                     id="the first of them"),
        pytest.param({"m3": NO_VOTES}, True, id="m2 receives nothing"),
        pytest.param({"m1": ago((3.0, 1.0), (0.05, 2.0))}, True, id="it never said anything to m2"),
        pytest.param({"m3": ago((6.0, 49.0), (3.0, 49.0))}, False, id="m2 is about to tell"),
    ],
)  # fmt: skip
def test_follower_without_leader_whom_a_third_hears_has_lost_a_link(
    m2: Told, isolated: bool
) -> None:
    follower: Told = {RAFT_LEAD: ["m1"] * 20, RAFT_STATE: ["follower"] * 20}
    received: Told = {PEER_RECEIVED_BYTES: m2}
    seen = window({"m1": LEADS | reads(1.0), "m2": follower | received, "m3": gave_up(0.75)})

    assert found(member_isolated, seen) == ([("m3", "warning")] if isolated else [])


def test_nobody_is_isolated_while_no_quorum_follows_a_leader() -> None:
    seen = window({"m1": LEADS, "m2": CUT, "m3": CUT})

    assert found(member_isolated, seen) == []


def test_learner_is_not_called_isolated() -> None:
    seen = window(
        {"m1": LEADS, "m2": FOLLOWS, "m3": FOLLOWS, "m4": CUT}, members="m1 m2 m3 m4", learners="m4"
    )

    assert found(member_isolated, seen) == []


@pytest.mark.parametrize(
    ("seen", "unreachable"),
    [
        pytest.param(without_m2(DARK, HEARS_M2), True, id="its peer hears it"),
        pytest.param(without_m2(DARK), False, id="nobody can tell"),
        pytest.param(without_m2(DARK, LOST_M2), False, id="its peer lost it too"),
        pytest.param(without_m2(OPEN, HEARS_M2), False, id="its port is open: it is slow to us"),
        pytest.param(without_m2(DARK, HEARS_M2, seconds=1.0), False, id="for a moment"),
        pytest.param(without_m2(DARK | ORDERLY, HEARS_M2), False, id="it took its leave"),
    ],
)
def test_member_is_unreachable_when_only_we_do_not_hear_it(seen: Window, unreachable: bool) -> None:
    assert found(member_unreachable, seen) == ([("m2", "warning")] if unreachable else [])


def crashed(*ages: float, orderly: tuple[float, ...] = ()) -> Told:
    """Return what we saw of a member that went without a word so many seconds ago."""
    told = sorted({*ages, *orderly}, reverse=True)
    return {
        PRESENCE: ago(*((age, "gone") for age in told)),
        FAREWELL: ago(*((age, float(age in orderly)) for age in told)),
        PORT_STATE: {"client": ago(*((age, "refused") for age in told))},
    }


@pytest.mark.parametrize(
    ("m2", "loops"),
    [
        pytest.param(crashed(10, 20), False, id="twice may be chance"),
        pytest.param(crashed(5, 15, 25), True, id="three times in half a minute"),
        pytest.param(crashed(5, 15, 35), False, id="three times in longer"),
        pytest.param(crashed(20, 40, 60, 80, 100, 119), True, id="six times in ten minutes"),
        pytest.param(crashed(15, 25, orderly=(5,)), False, id="one of three was announced"),
        pytest.param(
            {
                PROCESS_START: ago(
                    (60, 1.0), (50, 2.0), (40, 3.0), (30, 4.0), (20, 5.0), (10, 6.0), (5, 7.0)
                )
            },
            True,
            id="six starts that its metrics tell",
        ),
        pytest.param(
            {PRESENCE: ago((5, "gone"), (15, "gone"), (25, "gone"))},
            False,
            id="connections lost, but its port never refused",
        ),
    ],
)
def test_member_restarts_again_and_again(m2: Told, loops: bool) -> None:
    assert found(member_restarting, window({"m2": m2})) == ([("m2", "warning")] if loops else [])


def test_certificate_that_is_refused_is_no_absence() -> None:
    """The member answers, only not us."""
    rejected = [look(s, "m2", Failure.TLS_REJECTED, ok=9.0) for s in ("status", "raftvars")]
    seen = window({"m1": LEADS, "m2": OPEN, "m3": FOLLOWS}, looks=rejected)

    assert found(member_down, seen) == []
    assert found(member_frozen, seen) == []
