"""Links between members that lose packets."""

import pytest
from tests.detect.windows import Told, ago, counted, found, window

from etcdscope.detect.network import link_lossy, trail
from etcdscope.model.signal import (
    FAREWELL,
    PEER_RECEIVED_BYTES,
    PROGRESS_MATCH,
    RAFT_LEAD,
    RAFT_STATE,
    RAFTVARS_SECONDS,
    STATUS_SECONDS,
    TCP_RETRANSMITTED,
    TCP_SENT,
    WAL_FSYNC,
)
from etcdscope.model.window import Window

LOOKS = 26  # half a second apart
AGES = [0.1 + 0.5 * i for i in reversed(range(LOOKS))]


def follows(leader: str = "m1") -> Told:
    return {RAFT_LEAD: [leader] * LOOKS, RAFT_STATE: ["follower"] * LOOKS}


def leads(**match: list[int]) -> Told:
    """Return a leader and how far its followers have come."""
    told: Told = {RAFT_LEAD: ["m1"] * LOOKS, RAFT_STATE: ["leader"] * LOOKS}
    return told | ({PROGRESS_MATCH: match} if match else {})


STEADY = [100 * i for i in range(LOOKS)]
BURSTS = [100 * max(i - i % 2 - 3, 0) for i in range(LOOKS)]  # 1.5 to 2 s behind
PAUSES = [100 * (i - i % 6) for i in range(LOOKS)]  # every three seconds all comes through
TWICE = [100 * (i - (i % 6 if i > 13 else 0)) for i in range(LOOKS)]
LONG_AGO = [100 * (i - (i % 4 if i < 9 else 0)) for i in range(LOOKS)]
RESENDS: Told = {
    TCP_SENT: ago((5.1, 1000.0), (0.1, 2000.0)),
    TCP_RETRANSMITTED: ago((5.1, 0.0), (0.1, 30.0)),
}
STANDS = [100 * min(i, 8) for i in range(LOOKS)]
MENDED = [10 * min(max(i - 4, 0), 2) + 40 * max(i - LOOKS + 3, 0) for i in range(LOOKS)]
CATCHES_UP = [STEADY[i] - (LOOKS - i) * 60 for i in range(LOOKS)]
QUICK_DISK: Told = {WAL_FSYNC: ago((5.1, counted()), (0.1, counted(ms2=50)))}
SLOW_DISK: Told = {WAL_FSYNC: ago((5.1, counted()), (0.1, counted(ms300=10)))}
STARVED: Told = {STATUS_SECONDS: [0.4] * 6, RAFTVARS_SECONDS: [0.4] * 6}


# Seen on etcd 3.5.30 after a cut of eight seconds: the follower hears the leader again, which hears
# nothing of it for five seconds more; then what is missing comes in steps.
HALF_MENDED = [0] * 20 + [900] * 6
HEARS_AGAIN: Told = {
    PEER_RECEIVED_BYTES: {
        "m1": ago(*((a, 900.0 - 10 * (max(a, 15) + min(a, 10))) for a in range(25, -1, -1)))
    }
}
LOST_IT: Told = {
    PEER_RECEIVED_BYTES: {
        "m3": ago(*((a, 900.0 - 10 * (max(a, 15) + min(a, 3))) for a in range(25, -1, -1)))
    }
}


# Seen nine seconds after a cut of seventeen was mended: once more it falls behind, in bursts.
LATELY = [100 * (i if i < 16 else max(i - i % 2 - 3, 0)) for i in range(LOOKS)]


def came_through(member: str, *, cut: bool) -> Told:
    """Return what is received from a member, second by second; cut from 26 to 9 seconds ago."""
    ages = range(45, -1, -1)
    return {
        PEER_RECEIVED_BYTES: {
            member: ago(*((a, -100.0 * (max(a, 26) + min(a, 9) if cut else a)) for a in ages))
        }
    }


def trailing(match: list[int], m3: Told | None = None, m1: Told | None = None) -> Window:
    """Return a window in which m3's log is where the leader says."""
    leader = leads(m1=STEADY, m2=STEADY, m3=match) | (m1 or {})
    return window({"m1": leader, "m2": follows(), "m3": follows() | QUICK_DISK | (m3 or {})})


@pytest.mark.parametrize(
    ("seen", "lossy"),
    [
        pytest.param(trailing(STEADY), False, id="in step"),
        pytest.param(trailing(BURSTS), True, id="in bursts"),
        pytest.param(trailing(PAUSES), True, id="it falls behind again and again"),
        pytest.param(trailing(TWICE), False, id="twice: too little to tell"),
        pytest.param(trailing(TWICE, RESENDS), True, id="twice, and TCP sends much again"),
        pytest.param(trailing(TWICE, RESENDS | SLOW_DISK), False, id="but its disk is slow"),
        pytest.param(trailing(LONG_AGO), False, id="it is over"),
        pytest.param(trailing(STANDS), False, id="it stands still: cut, or frozen"),
        pytest.param(trailing(MENDED), False, id="it was cut, and is mended"),
        pytest.param(
            trailing(HALF_MENDED, HEARS_AGAIN, LOST_IT), False, id="one way came back first"
        ),
        pytest.param(
            trailing(LATELY, came_through("m1", cut=True), came_through("m3", cut=True)),
            False,
            id="it was cut a moment ago",
        ),
        pytest.param(
            trailing(LATELY, came_through("m1", cut=False), came_through("m3", cut=False)),
            True,
            id="it was not",
        ),
        pytest.param(trailing(CATCHES_UP), False, id="it is catching up"),
        pytest.param(trailing(BURSTS, SLOW_DISK), False, id="its disk is slow"),
        pytest.param(trailing(BURSTS, STARVED), False, id="it is short of CPU"),
        pytest.param(trailing(BURSTS, {FAREWELL: ago((4, 1.0))}), False, id="it was stopped"),
    ],
)
def test_link_is_lossy_when_the_followers_log_trails_in_bursts(seen: Window, lossy: bool) -> None:
    assert found(link_lossy, seen) == ([("m1>m3", "warning")] if lossy else [])


def test_leader_that_loses_packets_to_all_is_named_itself() -> None:
    leader = leads(m1=STEADY, m2=BURSTS, m3=BURSTS)
    follower = follows() | QUICK_DISK

    seen = window({"m1": leader, "m2": follower, "m3": follower})

    assert found(link_lossy, seen) == [("m1", "warning")]


@pytest.mark.parametrize(
    ("turns", "lossy"),
    [
        pytest.param(["m1", "m1", "", "m1", "m1", "", "m1", "m1"], True, id="twice"),
        pytest.param(["m1", "m1", "", "m1", "m1", "m1"], False, id="once"),
        pytest.param(["m1", "", "m2", "m2", "", "m1"], False, id="with other leaders: elections"),
    ],
)
def test_link_is_lossy_when_the_follower_loses_sight_of_one_and_the_same_leader(
    turns: list[str], lossy: bool
) -> None:
    m3: Told = {RAFT_LEAD: turns}
    seen = window({"m1": leads(), "m2": follows(), "m3": m3 | QUICK_DISK})

    assert found(link_lossy, seen) == ([("m1>m3", "warning")] if lossy else [])


def test_trail_is_told_in_seconds_and_entries() -> None:
    behind = trail(trailing(BURSTS), "m1", "m3")

    assert behind is not None
    assert behind.seconds == pytest.approx(2.0)
    assert behind.entries == 400


def test_follower_in_step_does_not_trail() -> None:
    assert trail(trailing(STEADY), "m1", "m3") is None


def resends(*counts: float) -> Told:
    """Return a follower that lost the leader: what its host sent again in each six seconds."""
    ages = [6.0 * i + 0.1 for i in reversed(range(len(counts) + 1))]
    again = [sum(counts[:i]) for i in range(len(counts) + 1)]
    leaderless: Told = {RAFT_LEAD: ["m1"] * 6 + [""] * 20, RAFT_STATE: ["pre-candidate"] * LOOKS}
    return leaderless | {
        TCP_SENT: ago(*((age, 10_000.0 - 80 * age) for age in ages)),
        TCP_RETRANSMITTED: ago(*zip(ages, again, strict=True)),
    }


@pytest.mark.parametrize(
    ("m3", "lossy"),
    [
        pytest.param(resends(30, 20, 28, 24, 30), True, id="again and again"),
        pytest.param(resends(24, 32, 23, 18, 10), False, id="ever more seldom: it is cut off"),
        pytest.param(resends(2, 24, 32, 23, 22), False, id="not for long: it may be cut off"),
        pytest.param(resends(30, 20, 28, 24, 30) | follows(), False, id="it follows the leader"),
    ],
)
def test_member_without_leader_whose_host_sends_again_and_again_is_behind_a_lossy_link(
    m3: Told, lossy: bool
) -> None:
    seen = window({"m1": leads(), "m2": follows(), "m3": m3})

    assert found(link_lossy, seen) == ([("m1>m3", "warning")] if lossy else [])
