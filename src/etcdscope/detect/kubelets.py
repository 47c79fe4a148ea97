"""Node leases: kubelets that fall silent one by one, and a control plane that stalls them all."""

from collections.abc import Iterator

from etcdscope.detect.detector import detector
from etcdscope.detect.seats import fact, nodes, said, seat_of
from etcdscope.model.finding import CLUSTER, Evidence, Finding, Limits, RuledOut, Severity, Subject
from etcdscope.model.incident import Step
from etcdscope.model.kubernetes import Leases, Node, NodeLease
from etcdscope.model.signal_kubernetes import KUBE_ASKED, KUBE_LEASES, KUBE_NODES, KUBERNETES
from etcdscope.model.window import Window

# A kubelet renews every 10 s; two that are missing of every node are no chance.
WATCHED = 20.0
# What clocks may differ by: before we saw renewals ourselves, only what is older speaks.
CLOCKS = 300.0
# Fewer nodes than this may stop for reasons of their own at the same time.
MANY = 3
TOGETHER = 0.8
# "For 0 s" tells nobody anything.
SPOKEN = 10.0
_MOST = 10


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


@detector(
    "node-leases-stale",
    # 20 s: two renewals of every node. 120 s: the lease itself takes 40 s, the node controller 50 s
    # more at most (--node-monitor-grace-period) until it says that the node is not ready.
    limits={"together": 20.0, "single": 120.0},
    closes_after=12.0,
    impact="All together: nodes are about to be called NotReady, and their pods to be moved,"
    " although every kubelet is fine. One alone: pods of a node that may be dead stay there.",
    runbook=(
        Step("All together: mend etcd and the API servers first, and do not drain anything."),
        Step(
            "One alone: see whether its kubelet lives.",
            "kubectl describe node NAME; kubectl get lease -n kube-node-lease NAME -o yaml",
        ),
        Step(
            "And whether the node controller works.",
            "kubectl -n kube-system get lease kube-controller-manager -o yaml",
        ),
    ),
)
def node_leases_stale(window: Window, limits: Limits) -> Iterator[Finding]:
    """Node leases are not renewed: of all nodes together, or of a node that still counts as Ready.

    Signal:  age of the youngest renewal of all; age of single leases against the Ready condition.
             A renewal that we saw needs no clock; a lease is read by itself when none is seen.
    Source:  leases and nodes of the Kubernetes API.
    Means:   all together: writes through the API stall (etcd, API servers, the way between), not
             forty kubelets. One, and Ready: the node controller does not act, or cannot write.
    Alike:   our own watch that lags (the lease that is read by itself is newer: not told); a node
             that is down, and is called NotReady in time (node-not-ready).
    """
    leases = fact(window, KUBE_LEASES, Leases)
    if leases is None:
        return
    quiet = window.now - leases.newest
    watched = bool(leases.watched) and window.now - leases.watched >= WATCHED
    asked = window.word(KUBERNETES, KUBE_ASKED)
    if leases.total >= MANY and _together(leases, quiet, watched, asked, limits["together"]):
        yield _all(window, leases, quiet, asked, limits["together"])
        return
    lone = [
        one
        for one in leases.stale
        if one.ready == "True"
        and one.age(window.now) > limits["single"]
        and (watched or one.age(window.now) > CLOCKS)
    ]
    for one in lone[:_MOST]:
        yield _one(window, one, len(lone), leases.total)


def _together(leases: Leases, quiet: float, watched: bool, asked: str | None, limit: float) -> bool:
    if not watched:
        return quiet > CLOCKS
    if quiet > limit:
        return asked is not None and asked != "newer"
    share = leases.expired / leases.total
    return share >= TOGETHER and leases.expired >= MANY


def _all(window: Window, leases: Leases, quiet: float, asked: str | None, limit: float) -> Finding:
    how = {"same": "read by itself, one says the same", None: ""}.get(asked, f"{asked}")
    return Finding(
        CLUSTER,
        Severity.CRITICAL,
        f"None of {leases.total} node leases has been renewed for {_duration(quiet)}: the control"
        " plane stalls, the kubelets are fine"
        if quiet > limit
        else f"{leases.expired} of {leases.total} node leases have run out together: the control"
        " plane stalls, the kubelets are fine",
        (
            Evidence("newest_renewal", round(quiet, 1), "s", limit, KUBE_LEASES.source),
            said(KUBE_LEASES, f"{leases.expired} of {leases.total} have run out", how or ""),
        ),
        ruled_out=(RuledOut("kubelets", "they would not all stop in the same moment"),),
        confidence=0.92,
    )


def _one(window: Window, one: NodeLease, stale: int, total: int) -> Finding:
    age = one.age(window.now)
    return Finding(
        Subject("node", one.node),
        Severity.WARNING,
        f"The lease of {one.node} has not been renewed for {_duration(age)}, yet it counts as"
        " Ready",
        (
            Evidence("lease_age", round(age), "s", one.duration, KUBE_LEASES.source),
            said(KUBE_NODES, "Ready=True", "the node controller has not acted"),
        ),
        ruled_out=(RuledOut("a stalled control plane", f"{total - stale} others are renewed"),),
        confidence=0.9,
    )


@detector(
    "node-not-ready",
    closes_after=12.0,
    impact="Nothing is started there, and after five minutes its pods are started elsewhere.",
    runbook=(Step("See what it says of itself.", "kubectl describe node NAME"),),
)
def node_not_ready(window: Window, limits: Limits) -> Iterator[Finding]:
    """A node is not ready.

    Signal:  its Ready condition, beside the age of its lease.
    Source:  nodes and leases of the Kubernetes API.
    Means:   with a lease that is renewed its kubelet itself says so: the API and etcd are not the
             reason. With one that has run out, kubelet or host are gone. A warning where a member
             sits on the node, else a note.
    Alike:   all nodes at once (node-leases-stale).
    """
    known = nodes(window)
    if known is None:
        return
    unready = [n for n in (*known.servers, *known.unready) if n.ready != "True"]
    leases = fact(window, KUBE_LEASES, Leases)
    for node in unready[:_MOST]:
        yield _unready(window, node, leases)


def _unready(window: Window, node: Node, leases: Leases | None) -> Finding:
    seated = seat_of(window, node.name)
    stale = next((s for s in leases.stale if s.node == node.name), None) if leases else None
    lasted = window.now - node.ready_since
    long = node.ready_since and lasted >= SPOKEN
    state = f"has not been ready for {_duration(lasted)}" if long else "is not ready"
    why = node.message or node.reason or "no reason given"
    own = "its kubelet is gone" if stale else "its kubelet says so itself"
    ruled = () if stale else (RuledOut("etcd or the API", "its lease is renewed"),)
    return Finding(
        Subject("node", node.name),
        Severity.WARNING if seated else Severity.INFO,
        f"{node.name} {state}: {own if leases else 'not ready'} ({why[:200]})",
        (
            said(
                KUBE_NODES, f"Ready={node.ready}", node.reason, seated.member.id if seated else ""
            ),
            *(
                (
                    Evidence(
                        "lease_age", round(stale.age(window.now)), "s", 40.0, KUBE_LEASES.source
                    ),
                )
                if stale
                else ()
            ),
        ),
        ruled_out=ruled if leases else (),
        confidence=0.95,
    )
