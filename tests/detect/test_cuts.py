"""Links between members that are cut: which, and which way."""

import pytest
from tests.detect.test_network import AGES, follows, leads
from tests.detect.windows import Ago, Told, ago, counted, found, window

from etcdscope.detect.cuts import link_one_way
from etcdscope.detect.network import link_lossy
from etcdscope.model.signal import (
    ACTIVE_PEERS,
    FAREWELL,
    PEER_RECEIVED_BYTES,
    RAFT_COMMIT,
    RAFT_LEAD,
    WAL_FSYNC,
)


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


SECONDS = [5.1, 4.1, 3.1, 2.1, 1.1, 0.1]
COMMITS = [100 * i for i in range(26)]
STOPPED = [100 * min(i, 15) for i in range(26)]  # for five seconds
# It fell a second and a half behind before, and came back.
LOSES = [100 * (4 if 4 < i < 8 else min(i, 15)) for i in range(26)]
QUICK: Told = {WAL_FSYNC: ago(*((age, counted(ms2=100 - 10 * age)) for age in SECONDS))}
STANDS = bytes_of("m1", grow=False) | {RAFT_COMMIT: STOPPED}
HANGS: Told = {WAL_FSYNC: ago(*((age, counted(ms2=50)) for age in SECONDS))}


@pytest.mark.parametrize(
    ("match", "from_m3", "m3", "one_way"),
    [
        pytest.param(STOPPED, FLAT, QUICK, True, id="its answers do not arrive"),
        pytest.param(COMMITS, FLAT, QUICK, False, id="they do"),
        pytest.param(STOPPED, GROWING, QUICK, False, id="something of it arrives"),
        pytest.param(STOPPED, FLAT, HANGS, False, id="its disk hangs: it has nothing to answer"),
        pytest.param(STOPPED, FLAT, {}, False, id="of its disk nothing is known"),
        pytest.param(STOPPED, FLAT, QUICK | STANDS, False, id="it stands still"),
        pytest.param(STOPPED, FLAT, QUICK | {FAREWELL: ago((4, 1.0))}, False, id="it was stopped"),
        pytest.param(LOSES, FLAT, QUICK, False, id="packets are lost, so TCP may keep still"),
    ],
)
def test_follower_that_commits_and_is_not_heard_has_a_one_way_link(
    match: list[int], from_m3: Told, m3: Told, one_way: bool
) -> None:
    """Packets from the leader to its peer port are lost: so go its answers, but not the entries."""
    leader = leads(m1=COMMITS, m2=COMMITS, m3=match) | from_m3
    follower = follows() | {RAFT_COMMIT: COMMITS} | bytes_of("m1", grow=True) | m3
    seen = window({"m1": leader, "m2": follows(), "m3": follower})

    assert found(link_one_way, seen) == ([("m1>m3", "warning")] if one_way else [])
    assert found(link_lossy, seen) == []


FULL = [100 * min(i, 5) for i in range(26)]  # 512 messages without an answer: it waits
UNHEARD: Told = {PEER_RECEIVED_BYTES: {"m3": ago(*((age, 1000.0) for age in (12.1, 6.1, 0.1)))}}
WROTE: Told = {WAL_FSYNC: ago(*((age, counted(ms2=100 - 10 * min(age, 7))) for age in SECONDS))}


@pytest.mark.parametrize(
    ("m3", "one_way"),
    [
        pytest.param(WROTE, True, id="it saved what it was sent, and none of its answers arrived"),
        pytest.param(HANGS, False, id="it saved nothing: its disk hangs"),
    ],
)
def test_follower_that_stands_still_unheard_has_a_one_way_link(m3: Told, one_way: bool) -> None:
    leader = leads(m1=COMMITS, m2=COMMITS, m3=[0] * 26) | UNHEARD
    follower = follows() | {RAFT_COMMIT: FULL} | bytes_of("m1", grow=True) | m3
    seen = window({"m1": leader, "m2": follows(), "m3": follower})

    assert found(link_one_way, seen) == ([("m1>m3", "warning")] if one_way else [])


HEARD = bytes_of("m3", grow=True)
HEARD_AGAIN: Told = {
    PEER_RECEIVED_BYTES: {
        "m3": ago(*((age, 100.0 if age > 1.5 else 200.0 - age) for age in SECONDS))
    }
}


@pytest.mark.parametrize(
    ("m1", "to_m3", "one_way"),
    [
        pytest.param(HEARD, bytes_of("m1", grow=False), True, id="the leader hears its requests"),
        pytest.param(HEARD, bytes_of("m1", grow=True), False, id="and it hears the leader"),
        pytest.param(
            HEARD_AGAIN, bytes_of("m1", grow=False), False, id="it was cut, and is mended"
        ),
    ],
)
def test_member_that_the_leader_hears_and_that_hears_nothing_has_a_one_way_link(
    m1: Told, to_m3: Told, one_way: bool
) -> None:
    seen = window({"m1": leads() | m1, "m2": follows(), "m3": leaderless(4.5) | to_m3})

    assert found(link_one_way, seen) == ([("m3>m1", "warning")] if one_way else [])


@pytest.mark.parametrize(
    ("commit", "told"),
    [
        pytest.param(
            1507, "cut, from m3 to m1 at least", id="it has what the leader does not know"
        ),
        pytest.param(1500, "m1 is cut: m3", id="nothing tells which way"),
    ],
)
def test_which_way_is_cut_is_told_where_it_can_be_known(commit: int, told: str) -> None:
    m1 = leads(m1=COMMITS, m2=COMMITS, m3=STOPPED) | FLAT
    m3 = (
        leaderless(2.5)
        | {RAFT_COMMIT: [*COMMITS[:15], *[commit] * 11]}
        | bytes_of("m1", grow=False)
    )
    seen = window({"m1": m1, "m2": follows() | GROWING, "m3": m3})

    (finding,) = link_one_way(seen)

    assert told in finding.summary
    assert bool(finding.next_test) is (commit == 1500)


def inactive(seconds: float) -> Ago:
    ages = (seconds + 3.0, *(seconds - 1.0 - i for i in range(0, int(seconds) - 1, 3)), 0.1)
    return ago(*((age, 0.0 if age < seconds else 1.0) for age in ages))


def followed(seconds: float) -> Told:
    """Return a follower that has followed m1 for so long, and nobody before."""
    points = ((age / 2, "m1" if age / 2 < seconds else "") for age in range(1301, 0, -1))
    return follows() | {RAFT_LEAD: ago(*points)}


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
            "m2": followed(60) | {ACTIVE_PEERS: {"m3": here}},
            "m3": followed(60) | {ACTIVE_PEERS: {"m2": there}},
        }
    )

    assert found(link_one_way, seen) == ([("m2>m3", "warning")] if said else [])


@pytest.mark.parametrize(
    ("lasts", "back_for", "told"),
    [
        pytest.param(100, 130, [("m2>m3", "warning")], id="all was well when it began"),
        pytest.param(100, 105, [], id="five seconds before, the cut was mended"),
        pytest.param(600, 650, [("m2>m3", "info")], id="what was before is forgotten"),
    ],
)
def test_peer_that_became_inactive_while_a_cut_was_mended_is_none(
    lasts: float, back_for: float, told: list[tuple[str, str]]
) -> None:
    """Seen on etcd 3.5.30: the streams were back, and the peer was inactive for ever."""
    m2 = followed(700) | {ACTIVE_PEERS: {"m3": inactive(lasts)}}
    m3 = followed(back_for) | {ACTIVE_PEERS: {"m2": 1.0}}

    assert found(link_one_way, window({"m1": leads(), "m2": m2, "m3": m3})) == told


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
ALWAYS_ONE, JITTERS = heartbeats((0, 36)), heartbeats((15, 72), (0, 60))


@pytest.mark.parametrize(
    ("m1", "m2", "m3", "said"),
    [
        pytest.param(HEARS_ALL, LOSES_ONE, LOSES_ONE, True, id="two followers, the leader none"),
        pytest.param(HEARS_ALL, ALWAYS_ONE, ALWAYS_ONE, True, id="since before we looked"),
        pytest.param(HEARS_ALL, JITTERS, JITTERS, False, id="a heartbeat more or less"),
        pytest.param(HEARS_ALL, HEARS_ALL, LOSES_ONE, False, id="one end alone"),
        pytest.param(LOSES_ONE, LOSES_ONE, LOSES_ONE, False, id="everybody: it is no link"),
        pytest.param(LOSES_ONE, LOSES_ONE, HEARS_ALL, False, id="the leader is an end: raft knows"),
        pytest.param(HEARS_ALL, LOSES_ONE | {RAFT_LEAD: ["m1"] * 40}, LOSES_ONE, False, id="back"),
        pytest.param({}, {}, {}, False, id="not counted"),
    ],
)
def test_followers_that_hear_one_peer_less_have_lost_each_other(
    m1: Told, m2: Told, m3: Told, said: bool
) -> None:
    seen = window({"m1": leads() | m1, "m2": follows() | m2, "m3": follows() | m3})

    assert found(link_one_way, seen) == ([("m2>m3", "warning")] if said else [])
