"""One member lives and is not heard, by its peers or by us."""

import pytest
from tests.detect.silent import DARK, FOLLOWS, HEARS_M2, LEADS, LOST_M2, OPEN, ORDERLY, without_m2
from tests.detect.windows import Told, ago, found, window

from etcdscope.detect.isolation import member_isolated, member_unreachable
from etcdscope.model.signal import (
    LINEARIZABLE_OK,
    PEER_RECEIVED_BYTES,
    PROGRESS_MATCH,
    RAFT_LEAD,
    RAFT_STATE,
)
from etcdscope.model.window import Window

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
