"""Leadership on the slower disk, or far from the others."""

import pytest
from tests.detect.windows import Told, ago, counted, found, window

from etcdscope.detect.leader_place import leader_misplaced
from etcdscope.model.kubernetes import Node, Nodes
from etcdscope.model.reading import Histogram
from etcdscope.model.signal import LEADER, RAFT_LEAD, RAFT_STATE, WAL_FSYNC
from etcdscope.model.signal_kubernetes import KUBE_NODES, KUBERNETES


def fsyncs(ms: float, count: int = 500) -> object:
    """Return a histogram that grew by so many fsyncs of that length in two minutes."""
    nothing, all_ = counted(), counted(**{f"ms{ms:g}".replace(".", "_"): count})
    empty = Histogram(nothing.bounds or all_.bounds, tuple(0.0 for _ in all_.bounds), 0.0)
    return ago((100.0, empty), (1.0, all_))


def member(leads: str, ms: float, held: float = 200.0, count: int = 500) -> Told:
    return {
        LEADER: ago((held, leads), (0.1, leads)),
        RAFT_LEAD: leads,
        RAFT_STATE: "follower",
        WAL_FSYNC: fsyncs(ms, count),
    }


@pytest.mark.parametrize(
    ("m1", "m2", "held", "count", "finds"),
    [
        pytest.param(60, 3, 200, 500, [("m1", "info")], id="twenty times as slow"),
        pytest.param(3, 60, 200, 500, [], id="the slow one follows"),
        pytest.param(400, 3, 200, 500, [], id="a disk that is really slow is told as that"),
        pytest.param(12, 5, 200, 500, [], id="twice as slow is no reason"),
        pytest.param(7, 1, 200, 500, [], id="a few milliseconds are none either"),
        pytest.param(60, 3, 20, 500, [], id="it has just begun to lead"),
        pytest.param(60, 3, 200, 30, [], id="too few fsyncs to tell"),
    ],
)
def test_the_leaders_disk(
    m1: float, m2: float, held: float, count: int, finds: list[tuple[str, str]]
) -> None:
    one = member("m1", m1, held, count) | {RAFT_STATE: "leader"}
    seen = window({"m1": one, "m2": member("m1", m2, held, count), "m3": member("m1", m2, held)})

    assert found(leader_misplaced, seen) == finds


@pytest.mark.parametrize(
    ("zones", "finds"),
    [
        pytest.param(("a", "b", "b"), [("m1", "info")], id="a quorum is elsewhere"),
        pytest.param(("a", "b", "c"), [], id="each in a zone of its own"),
        pytest.param(("b", "b", "a"), [], id="it is with a quorum"),
        pytest.param(("", "", ""), [], id="no zones"),
    ],
)
def test_the_leaders_zone(zones: tuple[str, ...], finds: list[tuple[str, str]]) -> None:
    servers = tuple(
        Node(f"n{i}", (f"m{i}",), zone=zone, ready="True") for i, zone in enumerate(zones, 1)
    )
    told: dict[str, Told] = {f"m{i}": member("m1", 3) for i in (1, 2, 3)}
    told["m1"][RAFT_STATE] = "leader"
    told[KUBERNETES] = {KUBE_NODES: Nodes(3, 3, servers)}

    assert found(leader_misplaced, window(told)) == finds
