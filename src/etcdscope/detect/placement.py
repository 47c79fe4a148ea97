"""Members against nodes: who of them has no counterpart, or another address than it says."""

from collections.abc import Iterator

from etcdscope.detect.detector import detector
from etcdscope.detect.seats import (
    BY_ADDRESS,
    Seat,
    hosts,
    is_address,
    nodes,
    pods,
    pods_seen,
    said,
    seat,
    seat_of,
    seats,
    stacked,
)
from etcdscope.model.cluster import Member, MemberList
from etcdscope.model.finding import Finding, Limits, RuledOut, Severity, Subject
from etcdscope.model.incident import Step
from etcdscope.model.kubernetes import ETCD, Node, Nodes, StaticPod
from etcdscope.model.signal import MEMBER_LIST
from etcdscope.model.signal_kubernetes import KUBE_NODES, KUBE_PODS, KUBERNETES
from etcdscope.model.window import Window

# A node that joins gets its label before or after its member; all of it takes minutes.
JOINS_WITHIN = 300.0
_STACKED = RuledOut("an etcd of its own", "other members do sit on nodes of this Kubernetes")


def _had_node(window: Window, member: Member) -> bool:
    """Return whether it sat on a node a moment ago: then it is being taken out, or came just now.

    Nodes are remembered for two minutes.
    """
    etcds = pods(window, ETCD)
    points = window.points(KUBERNETES, KUBE_NODES)
    known = (p.value for p in points if isinstance(p.value, Nodes))
    return any(seat(member, one, etcds).node for one in dict.fromkeys(known))


@detector(
    "member-without-node",
    closes_after=10.0,
    impact="It counts for the quorum, but nothing of Kubernetes looks after it: if it is the rest"
    " of a node that was deleted, the margin is smaller than it looks, and the next join or upgrade"
    " of the control plane fails with 'etcd cluster is not healthy'.",
    runbook=(
        Step("See whether the machine still exists; a node may have been deleted by mistake."),
        Step(
            "If it is gone for good, and the others are healthy, take the member out.",
            "etcdctl --endpoints {endpoints} member remove {member_id}",
        ),
        Step("If it lives, let its kubelet register again.", "systemctl restart kubelet"),
    ),
)
def member_without_node(window: Window, limits: Limits) -> Iterator[Finding]:
    """A member sits on no node that Kubernetes knows.

    Signal:  a member whose addresses, pod and name fit no node, while others' do.
    Source:  Cluster.MemberList against nodes and static pods of the Kubernetes API.
    Means:   dead: left over from a node that was deleted without `member remove`. Alive: the Node
             object was deleted while kubelet and etcd run on.
    Alike:   an etcd outside of Kubernetes (then no member sits on a node); a member that is being
             taken out (two minutes are given); names that only DNS knows (not judged).
    """
    if not stacked(window) or nodes(window) is None:
        return
    for one in seats(window):
        at = hosts(one.member.peer_urls)
        if one.node or not all(is_address(host) for host in at) or _had_node(window, one.member):
            continue
        alive = window.reachable(one.member.id)
        where = ", ".join(sorted(at)) or "no peer URL"
        yield Finding(
            Subject.member(one.member.id),
            Severity.WARNING,
            f"{one.member.label} at {where} has no node: "
            + (
                "it lives, so its Node object was deleted under it"
                if alive
                else "it is the rest of a node that was deleted, and counts for the quorum"
            ),
            (
                said(KUBE_NODES, _names(nodes(window)), "no server has its address or name"),
                window.evidence(one.member.id, MEMBER_LIST, ", ".join(one.member.peer_urls)),
            ),
            ruled_out=(_STACKED,),
            confidence=0.9,
        )


def _names(known: Nodes | None) -> str:
    return ", ".join(n.name for n in known.servers) if known else ""


@detector(
    "node-without-member",
    closes_after=10.0,
    impact="The control plane tolerates fewer losses than its nodes suggest.",
    runbook=(
        Step(
            "See why etcd is not there.", "crictl ps -a --name etcd; ls /etc/kubernetes/manifests"
        ),
        Step(
            "Join its etcd again, after looking for an old data directory.",
            "kubeadm join phase control-plane-join etcd --control-plane",
        ),
    ),
)
def node_without_member(window: Window, limits: Limits) -> Iterator[Finding]:
    """A node of the control plane has no member of etcd.

    Signal:  a node with the role, on which no member sits by address, pod or name.
    Source:  nodes of the Kubernetes API against Cluster.MemberList.
    Means:   a join that failed half-way, or a member that was removed while its node was kept.
    Alike:   a node that is just joining (5 minutes are given), an etcd outside of Kubernetes, and
             distributions with nodes for etcd alone: there only the role etcd counts.
    """
    known = nodes(window)
    if known is None or not stacked(window):
        return
    voters = len(window.voters)
    for node in _expected(known):
        young = window.now - node.created < JOINS_WITHIN
        if seat_of(window, node.name) or young or _had_member(window, node):
            continue
        pod = next((p for p in pods(window, ETCD) if p.node == node.name), None)
        yield Finding(
            Subject("node", node.name),
            Severity.WARNING,
            f"{node.name} is of the control plane, but has no member: {len(_expected(known))}"
            f" nodes, {voters} voters, so {_losses(voters, len(_expected(known)))}",
            (
                said(KUBE_NODES, ", ".join(node.addresses), "no member has one of its addresses"),
                said(KUBE_PODS, _condition(pod) if pods_seen(window) else "not seen"),
            ),
            ruled_out=(_STACKED,),
            confidence=0.9,
        )


def _losses(voters: int, nodes: int) -> str:
    """Return how many may be lost, and how many one would think by the nodes."""
    may, seems = (voters - 1) // 2, (nodes - 1) // 2
    return f"{may or 'none'} may be lost" + (f", not {seems}" if seems > may else "")


def _expected(known: Nodes) -> tuple[Node, ...]:
    by_role = tuple(n for n in known.servers if "etcd" in n.roles)
    control = ("control-plane", "master")
    return by_role or tuple(n for n in known.servers if any(r in n.roles for r in control))


def _had_member(window: Window, node: Node) -> bool:
    """Return whether a member was listed there of late: its removal is told as what it is."""
    here = {a.lower() for a in node.addresses}
    for teller in window.members:
        for point in window.points(teller.id, MEMBER_LIST):
            listed = point.value.members if isinstance(point.value, MemberList) else ()
            if any(hosts(m.peer_urls) & here for m in listed):
                return True
    return False


def _condition(pod: StaticPod | None) -> str:
    if pod is None:
        return "no etcd pod"
    return f"etcd pod {pod.waiting or ('ready' if pod.ready else 'not ready')}"


@detector(
    "member-address-differs",
    closes_after=10.0,
    impact="It works until the member restarts or its certificate is renewed; then it may not find"
    " its peers, nor they it.",
    runbook=(
        Step("See which address the node really has.", "ip -brief address"),
        Step(
            "Give the cluster the new peer URL, then its manifest and certificate.",
            "etcdctl --endpoints {endpoints} member update {member_id} --peer-urls={peer_scheme}://ADDRESS:{peer_port}",
        ),
    ),
)
def member_address_differs(window: Window, limits: Limits) -> Iterator[Finding]:
    """A member is registered at another address than its node has.

    Signal:  the host of its peer URLs is none of its node's addresses; the node is known by the
             member's pod or name.
    Source:  Cluster.MemberList against nodes and static pods of the Kubernetes API.
    Means:   the node got another address (DHCP, another interface); connections that are open hide
             it.
    Alike:   a second network for etcd alone: then it has been so since the member was made, and
             --listen-peer-urls says the same as the peer URL (a note).
    """
    for one in seats(window):
        at = hosts(one.member.peer_urls)
        if one.node is None or one.by == BY_ADDRESS or not at:
            continue
        if not all(is_address(host) for host in at):
            continue
        pod = next((p for p in pods(window, ETCD) if p.node == one.node.name), None)
        listens = hosts(pod.flag("listen-peer-urls").split(",")) if pod else set()
        meant = bool(at & listens)
        yield Finding(
            Subject.member(one.member.id),
            Severity.INFO if meant else Severity.WARNING,
            f"{one.member.label} is registered at {', '.join(sorted(at))}, but its node"
            f" {one.node.name} has {', '.join(one.node.addresses)}"
            + (": it listens there, on a network of its own" if meant else ""),
            (
                window.evidence(one.member.id, MEMBER_LIST, ", ".join(one.member.peer_urls)),
                said(KUBE_NODES, ", ".join(one.node.addresses), f"tied to it by its {one.by}"),
            ),
            confidence=0.9,
        )


@detector(
    "etcd-pod-missing",
    closes_after=10.0,
    impact="etcd runs there, but no kubelet watches it: when it ends, nobody starts it again, and"
    " an upgrade of the control plane passes it by.",
    runbook=(
        Step("See whether the manifest is there.", "ls -l /etc/kubernetes/manifests/etcd.yaml"),
        Step("See what its kubelet says.", "journalctl -u kubelet --since -1h | grep -i etcd"),
    ),
)
def etcd_pod_missing(window: Window, limits: Limits) -> Iterator[Finding]:
    """A member lives on a node for which Kubernetes has no etcd pod, while the others have theirs.

    Signal:  no static pod of etcd on the member's node.
    Source:  pods of kube-system in the Kubernetes API; Cluster.MemberList.
    Means:   the manifest was taken away while the process runs on, the kubelet is stopped, or etcd
             was started by hand.
    Alike:   a manifest that is being replaced (two minutes are given); a member that is down as
             well is told as that (a note here).
    """
    etcds = pods(window, ETCD)
    if not etcds:
        return
    for one in seats(window):
        if one.node is None or _has_pod(window, one):
            continue
        alive = window.reachable(one.member.id)
        others = ", ".join(sorted(p.node for p in etcds))
        yield Finding(
            Subject.member(one.member.id),
            Severity.WARNING if alive else Severity.INFO,
            f"{one.member.label} {'lives' if alive else 'sits'} on {one.node.name}, which has no"
            f" etcd pod: {'no kubelet looks after it' if alive else 'its manifest may be gone'}",
            (
                said(KUBE_PODS, others, "the nodes that have one"),
                said(KUBE_NODES, f"{one.node.name} Ready={one.node.ready}"),
            ),
            confidence=0.9,
        )


def _has_pod(window: Window, one: Seat) -> bool:
    """Return whether the node has, or had within the last two minutes, a pod of etcd."""
    node = one.node.name if one.node else ""
    recent = window.points(KUBERNETES, KUBE_PODS, over=120.0)
    told = [p.value for p in recent if isinstance(p.value, tuple)]
    return any(pod.node == node and pod.kind == ETCD for now in dict.fromkeys(told) for pod in now)
