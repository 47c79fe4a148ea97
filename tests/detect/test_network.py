"""Links between members: cut, or losing packets."""

import pytest
from tests.detect.windows import Ago, Told, ago, counted, found, window

from etcdscope.detect.network import link_lossy, link_one_way, trail
from etcdscope.model.signal import (
    ACTIVE_PEERS,
    FAREWELL,
    PEER_RECEIVED_BYTES,
    PROGRESS_MATCH,
    RAFT_LEAD,
    RAFT_STATE,
    RAFTVARS_SECONDS,
    STATUS_SECONDS,
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


def leaderless(seconds: float) -> Told:
    return {RAFT_LEAD: ago(*((age, "" if age < seconds else "m1") for age in AGES))}


def bytes_of(member: str, *, grow: bool) -> Told:
    """Return the bytes that were received from a member, scraped once a second."""
    ages = [5.1, 4.1, 3.1, 2.1, 1.1, 0.1]
    return {
        PEER_RECEIVED_BYTES: {
            member: ago(*((age, 1000.0 - (100 * age if grow else 0)) for age in ages))
        }
    }


FLAT, GROWING = bytes_of("m3", grow=False), bytes_of("m3", grow=True)


@pytest.mark.parametrize(
    ("m1", "m2", "m3", "cut"),
    [
        pytest.param(FLAT, GROWING, leaderless(4.5), True, id="m2 hears it, the leader does not"),
        pytest.param(FLAT, FLAT, leaderless(4.5), False, id="nobody hears it: it is isolated"),
        pytest.param(GROWING, GROWING, leaderless(4.5), False, id="the leader hears it"),
        pytest.param(FLAT, GROWING, leaderless(1.5), False, id="for a moment: an election"),
        pytest.param(FLAT, GROWING, follows(), False, id="it follows"),
    ],
)
def test_link_to_the_leader_is_cut_when_only_a_third_member_hears(
    m1: Told, m2: Told, m3: Told, cut: bool
) -> None:
    seen = window({"m1": leads() | m1, "m2": follows() | m2, "m3": m3})

    assert found(link_one_way, seen) == ([("m3>m1", "warning")] if cut else [])


def inactive(seconds: float) -> Ago:
    return ago(*((age, 0.0 if age < seconds else 1.0) for age in (9.0, 6.0, 3.0, 0.1)))


@pytest.mark.parametrize(
    ("here", "there", "said"),
    [
        pytest.param(inactive(8), 1.0, True, id="inactive here alone"),
        pytest.param(inactive(4), 1.0, False, id="for too short a time"),
        pytest.param(inactive(8), 0.0, False, id="inactive on both sides"),
        pytest.param(1.0, 1.0, False, id="active"),
    ],
)
def test_peer_that_is_inactive_for_one_side_only_goes_over_the_fallback_path(
    here: object, there: float, said: bool
) -> None:
    seen = window(
        {
            "m1": leads(),
            "m2": follows() | {ACTIVE_PEERS: {"m3": here}},
            "m3": follows() | {ACTIVE_PEERS: {"m2": there}},
        }
    )

    assert found(link_one_way, seen) == ([("m2>m3", "warning")] if said else [])


def test_peer_that_follows_again_only_now_may_still_be_reconnecting() -> None:
    m3: Told = {RAFT_LEAD: [""] * 16 + ["m1"] * 10, ACTIVE_PEERS: {"m2": 1.0}}
    m2 = follows() | {ACTIVE_PEERS: {"m3": inactive(8)}}

    assert found(link_one_way, window({"m1": leads(), "m2": m2, "m3": m3})) == []


def heartbeats(*rates: tuple[float, float]) -> Told:
    """Return stream heartbeats, scraped every 5 s: (seconds ago until which, bytes a second)."""
    total, points = 0.0, []
    for age in range(90, -1, -5):
        points.append((age + 0.1, total))
        total += 5 * next(rate for until, rate in rates if age > until or until == 0)
    return {PEER_RECEIVED_BYTES: {"0": ago(*points)}, RAFT_LEAD: ["m1"] * 150}


HEARS_ALL, LOSES_ONE = heartbeats((0, 72)), heartbeats((15, 72), (0, 36))


@pytest.mark.parametrize(
    ("m1", "m2", "m3", "said"),
    [
        pytest.param(HEARS_ALL, LOSES_ONE, LOSES_ONE, True, id="two followers, the leader none"),
        pytest.param(HEARS_ALL, HEARS_ALL, LOSES_ONE, False, id="one end alone"),
        pytest.param(LOSES_ONE, LOSES_ONE, LOSES_ONE, False, id="everybody: it is no link"),
        pytest.param(LOSES_ONE, LOSES_ONE, HEARS_ALL, False, id="the leader is an end: raft knows"),
        pytest.param(HEARS_ALL, LOSES_ONE | {RAFT_LEAD: ["m1"] * 50}, LOSES_ONE, False, id="back"),
        pytest.param({}, {}, {}, False, id="not counted"),
    ],
)
def test_followers_that_hear_one_peer_less_have_lost_each_other(
    m1: Told, m2: Told, m3: Told, said: bool
) -> None:
    seen = window({"m1": leads() | m1, "m2": follows() | m2, "m3": follows() | m3})

    assert found(link_one_way, seen) == ([("m2>m3", "warning")] if said else [])


STEADY = [100 * i for i in range(LOOKS)]
BURSTS = [100 * max(i - i % 2 - 3, 0) for i in range(LOOKS)]  # 1.5 to 2 s behind
PAUSES = [100 * (i - i % 6) for i in range(LOOKS)]  # every three seconds all comes through
STANDS = [100 * min(i, 8) for i in range(LOOKS)]
MENDED = [10 * min(max(i - 4, 0), 2) + 40 * max(i - LOOKS + 3, 0) for i in range(LOOKS)]
CATCHES_UP = [STEADY[i] - (LOOKS - i) * 60 for i in range(LOOKS)]
QUICK_DISK: Told = {WAL_FSYNC: ago((5.1, counted()), (0.1, counted(ms2=50)))}
SLOW_DISK: Told = {WAL_FSYNC: ago((5.1, counted()), (0.1, counted(ms300=10)))}
STARVED: Told = {STATUS_SECONDS: [0.4] * 6, RAFTVARS_SECONDS: [0.4] * 6}


def trailing(match: list[int], m3: Told | None = None) -> Window:
    """Return a window in which m3's log is where the leader says."""
    leader = leads(m1=STEADY, m2=STEADY, m3=match)
    return window({"m1": leader, "m2": follows(), "m3": follows() | QUICK_DISK | (m3 or {})})


@pytest.mark.parametrize(
    ("seen", "lossy"),
    [
        pytest.param(trailing(STEADY), False, id="in step"),
        pytest.param(trailing(BURSTS), True, id="in bursts"),
        pytest.param(trailing(PAUSES), False, id="it catches up each time: too little to tell"),
        pytest.param(trailing(STANDS), False, id="it stands still: cut, or frozen"),
        pytest.param(trailing(MENDED), False, id="it was cut, and is mended"),
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
