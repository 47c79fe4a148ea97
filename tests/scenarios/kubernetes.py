"""A simulated Kubernetes on the simulated cluster: nodes, leases, static pods and API servers.

As kubeadm sets it up: every member m1, m2, … has a server cp-1, cp-2, … with an API server that
dials this member alone. Kubelets renew their leases every 10 s through whichever API server can
write; a node whose lease is 50 s old is called unknown by the node controller, if that can write.
What the sources give was recorded of Kubernetes 1.36 (``tests/recorded/kubernetes``).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from tests.scenarios.cluster import MIB, Counted, SimCluster, SimMember
from tests.scenarios.story import StoryError

from etcdscope.model.kubernetes import (
    APISERVER,
    ETCD,
    BackupJob,
    Ending,
    Leaving,
    LivenessProbe,
    Node,
    Snapshot,
    StaticPod,
)
from etcdscope.model.reading import Value
from etcdscope.model.signal import Signal

WORKERS = 20
RENEWS, GRACE = 10.0, 50.0  # a kubelet its lease; a node without one, in the node controller
REQUESTS = 10.0  # of each operation a second through each API server
OPERATIONS = {"create": "POST", "update": "PUT", "delete": "DELETE", "get": "GET"}
LONG_AGO = -86_400.0
ELSEWHERE = ("elsewhere",)  # an etcd that nobody watches


@dataclass
class SimNode:
    """One node and its kubelet. ``renewed``: its lease; ``ready``: as the API has it."""

    name: str
    address: str
    index: int
    server: bool = False
    zone: str = ""
    created: float = LONG_AGO
    renewed: float = 0.0
    silent: bool = False
    ready: str = "True"
    ready_since: float = LONG_AGO
    reason: str = "KubeletReady"
    message: str = ""


@dataclass
class SimServer:
    """What runs on a server: an API server, and the manifest of an etcd. Seconds, shares.

    ``waits``: what it waits for etcd beyond etcd's own time; ``lags``: how far its watch cache is
    behind; ``past``: share of consistent reads that go past the cache; ``ahead``: revisions that it
    saw of another etcd.
    """

    node: str
    dials: tuple[str, ...]
    manifest: bool = True
    running: bool = True
    began: float = LONG_AGO
    etcd_flags: dict[str, str] = field(default_factory=dict)
    flags: dict[str, str] = field(default_factory=dict)
    probe: LivenessProbe = field(default_factory=lambda: LivenessProbe("/livez"))
    waits: float = 0.0
    events_wait: float = 0.0
    fails: float = 0.0
    lags: float = 0.0
    past: float = 0.0
    ahead: float = 0.0
    overrides: dict[tuple[Signal, str], Value] = field(default_factory=dict)
    asked: dict[str, float] = field(default_factory=dict)  # of etcd, by operation
    refused: dict[str, float] = field(default_factory=dict)
    took: dict[str, Counted] = field(default_factory=dict)
    events: Counted = field(default_factory=Counted)
    others: Counted = field(default_factory=Counted)
    reads: dict[str, float] = field(default_factory=lambda: {"true": 0.0, "false": 0.0})
    cached: float = 0.0


class SimKubernetes:
    """All of it. ``managed``: servers, their pods and etcd are a provider's, and not seen."""

    def __init__(self, cluster: SimCluster, *, managed: bool) -> None:
        self.cluster = cluster
        self.managed = managed
        self.nodes: dict[str, SimNode] = {}
        self.servers: dict[str, SimServer] = {}
        self.seats: dict[str, str] = {}  # which member runs on which server
        self.controlled = True  # the node controller acts
        self.unseen: dict[str, str] = {}  # kinds of objects that the API does not let us see
        self.leaving: dict[str, Leaving] = {}
        self.unavailable: dict[str, str] = {}
        self.job: BackupJob | None = None
        self.saved: Snapshot | None = None
        for index in range(1, WORKERS + 1):
            self.nodes[f"worker-{index}"] = SimNode(f"worker-{index}", f"10.0.1.{index}", index)
        for member in cluster.members.values():
            self.seat(member, f"cp-{member.index + 1}")

    def seat(self, member: SimMember, name: str) -> None:
        """Let a member run on a server, which is made where there is none of that name."""
        member.host = self.server(name).address
        self.seats[name] = member.name
        self.servers[name].dials = (member.name,)

    def server(self, name: str) -> SimNode:
        """Return the server of that name; a new one where there is none."""
        if name not in self.nodes:
            number = name.removeprefix("cp-")
            if not number.isdigit():
                raise StoryError(f"servers are called cp-1, cp-2, …, not {name!r}")
            self.nodes[name] = SimNode(name, f"10.0.0.{number}", int(number), server=True)
            self.servers[name] = SimServer(name, ())
        return self.nodes[name]

    def called(self, who: str) -> tuple[str, ...]:
        """Return the nodes of a name, or of ``nodes``, ``servers``, ``workers``."""
        groups = {
            "nodes": tuple(self.nodes),
            "servers": tuple(self.servers),
            "workers": tuple(n for n in self.nodes if n not in self.servers),
        }
        return groups.get(who, tuple(who.split(",")))

    def member_on(self, node: str) -> SimMember | None:
        """Return the member that runs on a node."""
        member = self.cluster.members.get(self.seats.get(node, ""))
        return member if member and member.listed else None

    # --- what time does ------------------------------------------------------------------------

    def advance(self, now: float, passed: float) -> None:
        """Let kubelets, controllers and clients go on; ``passed``: seconds since the last time."""
        writes = any(self.writes_through(s) for s in self.servers.values())
        for node in self.nodes.values():
            due = int((now + node.index) / RENEWS) != int((now + node.index - passed) / RENEWS)
            if due and writes and not node.silent:
                node.renewed = now
                if node.ready == "Unknown":
                    node.ready, node.ready_since, node.reason = "True", now, "KubeletReady"
            if self.controlled and writes and node.ready == "True" and now - node.renewed > GRACE:
                node.ready, node.ready_since = "Unknown", now
                node.reason, node.message = "NodeStatusUnknown", "Kubelet stopped posting."
        for server in self.servers.values():
            if server.running:
                self._serve(server, passed)

    def _serve(self, server: SimServer, passed: float) -> None:
        """Ask etcd what clients ask of the API server."""
        member = self.dialled(server)
        leader = self.cluster.leader
        own = 0.001
        if member and leader:
            own = leader.knobs.fsync + member.knobs.answers + self.cluster.read_index(member)
        refused = 1.0 if not self.writes_through(server) else server.fails
        for operation in OPERATIONS:
            fails = refused if operation != "get" else 0.0
            server.asked[operation] = server.asked.get(operation, 0.0) + REQUESTS * passed
            server.refused[operation] = (
                server.refused.get(operation, 0.0) + REQUESTS * fails * passed
            )
            took = server.took.setdefault(operation, Counted())
            took.add(own + server.waits, REQUESTS * (1 - fails) * passed)
        server.events.add(own + server.waits + server.events_wait, REQUESTS * passed)
        server.others.add(own + server.waits, REQUESTS * passed)
        server.reads["true"] += REQUESTS * server.past * passed
        server.reads["false"] += REQUESTS * (1 - server.past) * passed
        if member:
            behind = server.lags * self.cluster.writes
            server.cached = max(server.cached, member.index_committed - 10 - behind)

    def dialled(self, server: SimServer) -> SimMember | None:
        """Return the first of the members that it dials which answers."""
        members = (self.cluster.members.get(name) for name in server.dials)
        now = self.cluster.now
        return next(
            (m for m in members if m and m.listed and m.serving(now) and not m.host_lost), None
        )

    def reads_through(self, server: SimServer) -> bool:
        """Return whether a linearizable read through this API server is answered."""
        if server.dials == ELSEWHERE:
            return server.running
        member, leader = self.dialled(server), self.cluster.leader
        agreed = leader is not None and leader.heard_quorum == self.cluster.now
        if not server.running or member is None or leader is None or not agreed:
            return False
        return self.cluster.connected(member, leader) and "CORRUPT" not in self._alarms()

    def writes_through(self, server: SimServer) -> bool:
        """Return whether a write through this API server is done."""
        return self.reads_through(server) and "NOSPACE" not in self._alarms()

    def _alarms(self) -> set[str]:
        return {kind for m in self.cluster.listed for kind, _ in m.alarms}

    # --- what the API has ----------------------------------------------------------------------

    def node(self, one: SimNode, begun: float) -> Node:
        """Return a node as the API has it; times of the story made unix seconds by ``begun``."""
        return Node(
            one.name,
            (one.address, one.name),
            ("control-plane",) if one.server else (),
            one.zone,
            one.ready,
            one.reason,
            one.message,
            begun + one.ready_since,
            begun + one.created,
        )

    def pods(self, begun: float) -> Iterator[StaticPod]:
        """Yield the static pods of all servers."""
        for server in self.servers.values():
            address = self.nodes[server.node].address if server.node in self.nodes else ""
            if not address or self.managed:
                continue
            yield self._apiserver_pod(server, address, begun)
            member = self.member_on(server.node)
            if member and server.manifest:
                yield self._etcd_pod(server, member, begun)

    def _apiserver_pod(self, server: SimServer, address: str, begun: float) -> StaticPod:
        members = [self.cluster.members[d] for d in server.dials if d in self.cluster.members]
        flags = {
            "advertise-address": address,
            "etcd-servers": ",".join(m.url for m in members) or "http://192.0.2.9:2379",
            **server.flags,
        }
        return StaticPod(
            APISERVER,
            f"kube-apiserver-{server.node}",
            server.node,
            address,
            "v1.36.0",
            tuple(sorted(flags.items())),
            ready=server.running,
            began=begun + server.began,
        )

    def _etcd_pod(self, server: SimServer, member: SimMember, begun: float) -> StaticPod:
        flags = {
            "name": member.name,
            "listen-peer-urls": member.peer_url,
            "initial-advertise-peer-urls": member.peer_url,
            "snapshot-count": "10000",
            **server.etcd_flags,
        }
        ending = None
        if member.runs:
            last = member.runs[-1]
            reason = "Completed" if last.code == 0 else "Error"
            ending = Ending(last.code, reason, begun + last.began, begun + last.ended)
        return StaticPod(
            ETCD,
            f"etcd-{server.node}",
            server.node,
            self.nodes[server.node].address,
            "3.5.30",
            tuple(sorted(flags.items())),
            ready=member.serving(self.cluster.now),
            restarts=len(member.runs),
            began=begun + member.started_at,
            ending=ending,
            probe=replace(server.probe),
        )

    def database(self, server: SimServer) -> float | None:
        """Return the size of the database that an API server tells."""
        if server.dials == ELSEWHERE:
            return 4096 * MIB
        member = self.dialled(server)
        return member.knobs.db if member else None
