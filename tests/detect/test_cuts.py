"""Links between members that are cut: which, and which way."""

import pytest
from tests.detect.test_network import AGES, follows, leads
from tests.detect.windows import Ago, Told, ago, found, window

from etcdscope.detect.cuts import link_one_way
from etcdscope.model.signal import ACTIVE_PEERS, PEER_RECEIVED_BYTES, RAFT_LEAD


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
