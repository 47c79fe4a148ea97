"""Node leases: one that stops, all that stop, and what only looks like it."""

from dataclasses import dataclass

import pytest
from tests.detect.windows import NOW, found, window

from etcdscope.detect.kubelets import node_leases_stale, node_not_ready
from etcdscope.model.kubernetes import Leases, Node, NodeLease, Nodes
from etcdscope.model.signal_kubernetes import KUBE_ASKED, KUBE_LEASES, KUBE_NODES, KUBERNETES
from etcdscope.model.window import Window


@dataclass(frozen=True)
class Told:
    """Node leases as they are told; ages in seconds."""

    total: int = 40
    expired: int = 0
    quiet: float = 3.0
    watched: float | None = 300.0
    stale: tuple[NodeLease, ...] = ()
    asked: str | None = None

    def window(self) -> Window:
        began = NOW - self.watched if self.watched is not None else 0.0
        leases = Leases(self.total, self.expired, NOW - self.quiet, began, self.stale)
        seen = {KUBE_LEASES: leases}
        if self.asked is not None:
            seen[KUBE_ASKED] = self.asked  # type: ignore[assignment]
        return window({KUBERNETES: seen})


def lease(age: float, ready: str = "True", seen: float = 0.0) -> NodeLease:
    return NodeLease("w1", NOW - age, 40.0, NOW - seen if seen else 0.0, ready)


ALL, ONE = [("cluster", "critical")], [("w1", "warning")]


@pytest.mark.parametrize(
    ("told", "finds"),
    [
        pytest.param(Told(), [], id="all are renewed"),
        pytest.param(Told(quiet=25, asked="same"), ALL, id="none for 25 s, read by itself as well"),
        pytest.param(
            Told(quiet=25, asked="cp-1: no answer"), ALL, id="and not even that is answered"
        ),
        pytest.param(Told(quiet=25, asked="newer"), [], id="our own watch was late"),
        pytest.param(Told(quiet=25), [], id="not read by itself yet"),
        pytest.param(Told(quiet=18, asked="same"), [], id="one renewal is late everywhere"),
        pytest.param(Told(expired=36), ALL, id="nine of ten have run out"),
        pytest.param(Told(expired=8), [], id="a rack of many, called NotReady in time"),
        pytest.param(
            Told(total=2, expired=2, quiet=60, asked="same"), [], id="two nodes may be off"
        ),
        pytest.param(Told(quiet=60, watched=5, asked="same"), [], id="clocks, before we saw any"),
        pytest.param(Told(quiet=900, watched=5), ALL, id="no clock is off by a quarter of an hour"),
        pytest.param(Told(quiet=900, watched=None), ALL, id="seen in one look"),
        pytest.param(Told(expired=1, stale=(lease(1500),)), ONE, id="one, and it counts as Ready"),
        pytest.param(Told(expired=1, stale=(lease(1500, "Unknown"),)), [], id="called unready"),
        pytest.param(Told(expired=1, stale=(lease(90),)), [], id="the controller has time to act"),
        pytest.param(
            Told(expired=1, watched=5, stale=(lease(200),)), [], id="its clock may be off, so far"
        ),
        pytest.param(
            Told(expired=0, stale=(lease(1500, seen=4),)), [], id="a clock that is off: we saw it"
        ),
    ],
)
def test_leases_that_stop(told: Told, finds: list[tuple[str, str]]) -> None:
    assert found(node_leases_stale, told.window()) == finds


def test_many_that_count_as_ready_are_named_up_to_ten() -> None:
    stale = tuple(NodeLease(f"w{i}", NOW - 900, ready="True") for i in range(15))

    assert len(found(node_leases_stale, Told(expired=15, stale=stale).window())) == 10


def _nodes(*unready: Node, server: Node | None = None) -> Nodes:
    return Nodes(43, 42, (server,) if server else (), unready)


@pytest.mark.parametrize(
    ("nodes", "stale", "finds", "says"),
    [
        pytest.param(_nodes(), (), [], "", id="all are ready"),
        pytest.param(
            _nodes(Node("w1", ready="False", message="cni")), (), [("w1", "info")],
            "its kubelet says so itself", id="its lease is renewed",
        ),
        pytest.param(
            _nodes(Node("w1", ready="Unknown")), (lease(300, "Unknown"),), [("w1", "info")],
            "its kubelet is gone", id="its lease has run out",
        ),
        pytest.param(
            _nodes(server=Node("cp", ("m1",), ready="False", ready_since=NOW - 1)), (),
            [("cp", "warning")], "cp is not ready: ", id="a member sits there",
        ),
        pytest.param(
            _nodes(Node("w1", ready="False", ready_since=NOW - 300)), (), [("w1", "info")],
            "has not been ready for 5 min", id="for a while",
        ),
    ],
)  # fmt: skip
def test_nodes_that_are_not_ready(
    nodes: Nodes, stale: tuple[NodeLease, ...], finds: list[tuple[str, str]], says: str
) -> None:
    leases = Leases(43, len(stale), NOW - 2, NOW - 300, stale)
    seen = window({KUBERNETES: {KUBE_NODES: nodes, KUBE_LEASES: leases}})

    assert found(node_not_ready, seen) == finds
    assert all(says in f.summary for f in node_not_ready(seen))
