"""What an incident of etcd means in Kubernetes, in its words, and what is measured of that.

Said only where Kubernetes is looked at. Which sentence belongs to which cause is a table; what is
measured (writes that fail, how long they wait, leases that are renewed) stands behind it.
"""

from collections.abc import Iterator

from etcdscope.detect.apiservers import SPAN, WRITES, failing_share, one_process
from etcdscope.detect.seats import apiservers, fact, name_of, pinned_to
from etcdscope.model.finding import Finding, Severity
from etcdscope.model.kubernetes import Leases
from etcdscope.model.signal_kubernetes import APISERVER_SECONDS, KUBE_LEASES, KUBERNETES
from etcdscope.model.window import Window

_STOPS = (
    "In Kubernetes: running pods go on, but nothing can be deployed or changed, nothing heals"
    " itself, and after 40 s without renewed leases nodes count as NotReady."
)
_SLOW = (
    "In Kubernetes: deployments and status updates are slow; past 10 s controllers lose their"
    " leader election and lease renewals come late."
)
_ONE = (
    "In Kubernetes: API servers that dial other members go on; running pods and deployments are"
    " not affected while a quorum remains."
)
_NEXT = "In Kubernetes: nothing yet; the loss of one more member stops every deployment and change."
_FULL = (
    "In Kubernetes: nothing yet; once the quota is used up every create and update is refused, node"
    " leases included, so that nodes turn NotReady while their pods run on."
)
_DATA = (
    "In Kubernetes: objects may differ by the API server that is asked; controllers undo each"
    " other's work. Do not drain or restart anything before the data are compared."
)
_READS = "In Kubernetes: gets and lists wait; controllers act on old state for as long."
_LOAD = (
    "In Kubernetes: one client or resource costs all others; API servers answer later, or throttle"
    " with 429."
)
_LISTS = (
    "In Kubernetes: informers list anew (410 Gone), which loads API servers and etcd for minutes."
)
_CHANGE = (
    "In Kubernetes: control-plane nodes cannot join, leave or be upgraded until this is mended."
)
_CERTIFICATES = (
    "In Kubernetes: API servers lose etcd at their next connection, the restart of either included."
)
_BACKUP = (
    "In Kubernetes: after a loss of the quorum the cluster would be rebuilt without its objects."
)

_CAUSES = {
    _STOPS: """
        quorum-lost leader-missing proposals-failing quota-exhausted alarm-corrupt disk-hung
        """,
    _SLOW: """
        leader-flapping wal-fsync-slow storage-stalled-together backend-commit-slow link-slow
        link-saturated proposals-piling disk-shared compaction-pauses timeouts-differ pre-vote-off
        leader-misplaced cpu-starved
        """,
    _ONE: """
        member-down member-frozen member-isolated member-unreachable member-restarting
        link-one-way link-lossy defrag-blocking disk-full memory-exhausted wal-corrupt
        file-descriptors-exhausted backend-corrupt raft-state-rolled-back snapshot-storm
        member-stopped liveness-kill-loop
        """,
    _NEXT: "quorum-margin-zero member-never-started member-without-node node-without-member",
    _FULL: """
        quota-near quota-forecast db-fragmented db-size-uneven compaction-stalled
        read-transaction-long
        """,
    _DATA: """
        data-diverged auth-diverged cluster-id-mixed data-dir-empty revision-rewound
        member-id-duplicate membership-diverged split-brain
        """,
    _READS: "apply-lag read-index-slow watchers-slow",
    _LOAD: """
        range-expensive list-storm write-hotspot transaction-huge request-too-large
        leases-piling lease-expiry-storm txn-conflicts errors-rising
        """,
    _LISTS: "watch-revision-compacted",
    _CHANGE: """
        learner-stuck learners-at-maximum reconfiguration-refused member-list-stale
        member-removed-running version-skew peer-name-unresolvable
        """,
    _CERTIFICATES: "certificate-expiring certificate-expired certificate-mismatched",
    _BACKUP: "backup-stale",
}
SAYS = {cause: says for says, causes in _CAUSES.items() for cause in causes.split()}


def in_kubernetes(window: Window, root: Finding) -> str:
    """Return what the finding means in Kubernetes; empty where that is not looked at."""
    if ("kubernetes", KUBERNETES) not in window.looks:
        return ""
    says = SAYS.get(root.detector, "")
    parts = [says] if says else []
    parts.extend(_pinned(window, root))
    if says and root.severity > Severity.INFO:
        parts.extend(_measured(window))
    return " ".join(parts)


def _pinned(window: Window, root: Finding) -> Iterator[str]:
    """Yield which API servers fail with the member, since they dial no other."""
    if root.subject.kind != "member" or SAYS.get(root.detector) != _ONE:
        return
    nodes = pinned_to(window, root.subject.name)
    if nodes:
        where = ", ".join(sorted(nodes))
        many = ("The API servers", "fail") if len(nodes) > 1 else ("The API server", "fails")
        yield f"{many[0]} on {where} {many[1]} with it: no other member is dialled."


def _measured(window: Window) -> Iterator[str]:
    """Yield what is measured of the impact, the worst API server's figures."""
    ends = [e for e in apiservers(window) if one_process(window, e)]
    failing = [
        (found.now, e) for e in ends if (found := failing_share(window, e)) and found.now > 0
    ]
    if failing:
        share, end = max(failing)
        least = "under 1" if share < 0.01 else f"{share * 100:.0f}"
        yield f"Measured: {least} % of the writes through {name_of(window, end)} fail."
    waits = [
        (seen.value, e)
        for e in ends
        for verb in WRITES
        if (seen := window.quantile(e, APISERVER_SECONDS, 0.99, verb, over=SPAN)) and seen.value > 1
    ]
    if waits:
        seconds, end = max(waits)
        yield f"Measured: writes through {name_of(window, end)} take {seconds:.1f} s (p99)."
    leases = fact(window, KUBE_LEASES, Leases)
    if leases and leases.total:
        quiet = window.now - leases.newest
        if quiet > 15.0:
            yield f"Measured: no node lease was renewed for {quiet:.0f} s."
        else:
            fresh = leases.total - leases.expired
            yield f"Measured: {fresh} of {leases.total} nodes renew their leases."
