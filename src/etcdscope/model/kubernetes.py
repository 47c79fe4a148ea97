"""What Kubernetes says of itself, as facts: nodes, leases, static pods, namespaces, API groups.

Condensed where they are read, so that a cluster of thousands of nodes stays a few dozen values:
the servers one by one, of workers the counts and those that stand out. Times are unix seconds.
"""

from dataclasses import dataclass

ETCD, APISERVER = "etcd", "kube-apiserver"


@dataclass(frozen=True, slots=True)
class Node:
    """One node. ``addresses``: its internal IPs and host names. ``ready``: True, False, Unknown.

    ``roles``: by its labels. ``reason``, ``message``: of the Ready condition. ``ready_since``: when
    that condition last changed. ``etcd_name``: where k3s or RKE2 note the member's name.
    """

    name: str
    addresses: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    zone: str = ""
    ready: str = "Unknown"
    reason: str = ""
    message: str = ""
    ready_since: float = 0.0
    created: float = 0.0
    etcd_name: str = ""


@dataclass(frozen=True, slots=True)
class Nodes:
    """All nodes. ``servers``: those of the control plane or with etcd; ``unready``: some others."""

    total: int = 0
    ready: int = 0
    servers: tuple[Node, ...] = ()
    unready: tuple[Node, ...] = ()

    def node(self, name: str) -> Node | None:
        """Return the server, or the unready node, of that name."""
        return next((n for n in (*self.servers, *self.unready) if n.name == name), None)


@dataclass(frozen=True, slots=True)
class NodeLease:
    """One node's lease. ``renewed``: by the clock of its kubelet; ``seen``: when we saw it change.

    ``ready``: the node's Ready condition, empty where the node is not known.
    """

    node: str
    renewed: float
    duration: float = 40.0
    seen: float = 0.0
    ready: str = ""

    def age(self, now: float) -> float:
        """Return for how long it has not been renewed; a renewal that we saw needs no clock."""
        return max(min(now - self.renewed, now - self.seen) if self.seen else now - self.renewed, 0)


@dataclass(frozen=True, slots=True)
class Leases:
    """All node leases. ``stale``: those past their own duration, oldest first, at most fifty.

    ``expired``: how many are. ``newest``: the latest renewal of all. ``watched``: since when we
    have been told of renewals; 0 while we are not.
    """

    total: int = 0
    expired: int = 0
    newest: float = 0.0
    watched: float = 0.0
    stale: tuple[NodeLease, ...] = ()


@dataclass(frozen=True, slots=True)
class Ending:
    """How a container's last run ended. ``code``: its exit code; ``reason``: such as OOMKilled."""

    code: int
    reason: str = ""
    began: float = 0.0
    ended: float = 0.0


@dataclass(frozen=True, slots=True)
class LivenessProbe:
    """How the kubelet asks whether a container lives; seconds."""

    path: str
    period: float = 10.0
    timeout: float = 1.0
    failures: int = 3


@dataclass(frozen=True, slots=True)
class StaticPod:
    """An etcd or an API server that a kubelet runs. ``flags``: its command line without secrets.

    ``waiting``: why it does not run, such as CrashLoopBackOff. ``began``: its present run.
    """

    kind: str
    name: str
    node: str
    address: str = ""
    version: str = ""
    flags: tuple[tuple[str, str], ...] = ()
    ready: bool = False
    restarts: int = 0
    waiting: str = ""
    began: float = 0.0
    ending: Ending | None = None
    probe: LivenessProbe | None = None

    def flag(self, name: str) -> str:
        """Return a flag's value, empty where it is not given."""
        return dict(self.flags).get(name, "")


@dataclass(frozen=True, slots=True)
class Leaving:
    """A namespace that is being deleted. ``conditions``: those that are true, with messages."""

    name: str
    since: float
    conditions: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Namespaces:
    """All namespaces: how many, and those that are being deleted."""

    total: int = 0
    leaving: tuple[Leaving, ...] = ()


@dataclass(frozen=True, slots=True)
class Apis:
    """What extends the API. ``resources``: ``plural.group`` of CRDs; ``unavailable``: APIServices.

    Of an APIService: its name, and why it is not available.
    """

    resources: tuple[str, ...] = ()
    unavailable: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class BackupJob:
    """A CronJob that saves etcd, by its name or its command. ``last``: its last success, or 0."""

    namespace: str
    name: str
    schedule: str
    created: float
    last: float = 0.0
    suspended: bool = False


@dataclass(frozen=True, slots=True)
class Health:
    """What an API server says of itself. ``failing``: the checks of /readyz that do."""

    ready: bool
    live: bool
    failing: tuple[str, ...] = ()
    checks: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The newest backup file. ``whole``: whether its own hash fits; ``why`` where it does not."""

    path: str
    at: float
    bytes: int
    whole: bool
    why: str = ""
