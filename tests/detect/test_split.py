"""Two leaders at once."""

import pytest
from tests.detect.windows import Told, ago, found, window

from etcdscope.detect.isolation import member_isolated
from etcdscope.detect.split import split_brain
from etcdscope.model.cluster import Member, MemberList
from etcdscope.model.signal import (
    LINEARIZABLE_OK,
    MEMBER_LIST,
    RAFT_LEAD,
    RAFT_STATE,
    RAFT_TERM,
)

LOOKS = 16
ALONE = MemberList((Member("m3", "m3", ("http://m3:2380",), ("http://m3:2379",)),))


def reads(ok: float, *, until: float = 0.1) -> Told:
    return {LINEARIZABLE_OK: ago(*((until + i, ok) for i in range(5, -1, -1)))}


def leads(name: str, seconds: float = 8.0, lead: str = "m1") -> Told:
    """Return a member that has led for so long, and followed before."""
    ages = [0.1 + i / 2 for i in range(LOOKS, -1, -1)]
    return {
        RAFT_STATE: ago(*((a, "leader" if a < seconds else "follower") for a in ages)),
        RAFT_LEAD: ago(*((a, name if a < seconds else lead) for a in ages)),
        RAFT_TERM: [3] * LOOKS,
    } | reads(1.0)


FOLLOWS: Told = {
    RAFT_STATE: ["follower"] * LOOKS,
    RAFT_LEAD: ["m1"] * LOOKS,
    RAFT_TERM: [2] * LOOKS,
} | reads(1.0)


@pytest.mark.parametrize(
    ("m1", "m3", "split"),
    [
        pytest.param(leads("m1"), leads("m3", 5.0), True, id="both are answered by a quorum"),
        pytest.param(leads("m1"), FOLLOWS, False, id="one leader"),
        pytest.param(
            leads("m1"), leads("m3", 5.0) | reads(0.0), False, id="an old leader, cut off"
        ),
        pytest.param(
            leads("m1", 5.0, lead="m3"),
            leads("m3") | reads(1.0, until=4.5),
            False,
            id="answered before leadership moved",
        ),
        pytest.param(leads("m1") | reads(0.0), leads("m3", 5.0), False, id="the other is cut off"),
        pytest.param(leads("m1"), leads("m3", 0.9), False, id="leadership may be moving"),
    ],
)
def test_two_leaders_whom_a_quorum_answers_are_a_split_brain(
    m1: Told, m3: Told, split: bool
) -> None:
    seen = window({"m1": m1, "m2": FOLLOWS, "m3": m3})

    assert found(split_brain, seen) == ([("m3", "critical")] if split else [])
    if split:
        assert found(member_isolated, seen) == []


def test_evidence_names_whom_it_takes_for_the_whole_cluster() -> None:
    m3 = leads("m3", 5.0) | {MEMBER_LIST: ALONE}

    (finding,) = split_brain(window({"m1": leads("m1"), "m2": FOLLOWS, "m3": m3}))

    assert [e.value for e in finding.evidence] == ["m3", 3.0, 3.0]
