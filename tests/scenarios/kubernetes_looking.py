"""What the sources would bring of a simulated Kubernetes, each at its own cadence."""

from collections.abc import Iterator

from tests.scenarios.kubernetes import OPERATIONS, SimKubernetes, SimNode, SimServer

from etcdscope.model.kubernetes import Apis, Health, Leases, Namespaces, NodeLease, Nodes
from etcdscope.model.reading import Failure, Observation, Reading
from etcdscope.model.signal_kubernetes import (
    APISERVER_CACHE_READS,
    APISERVER_CACHE_REVISION,
    APISERVER_DB_BYTES,
    APISERVER_ETCD_ERRORS,
    APISERVER_ETCD_REQUESTS,
    APISERVER_ETCD_SECONDS,
    APISERVER_EVENTS_SECONDS,
    APISERVER_HEALTH,
    APISERVER_NODE,
    APISERVER_OBJECTS,
    APISERVER_OTHERS_SECONDS,
    APISERVER_PREFIX,
    APISERVER_REQUESTS,
    APISERVER_START,
    BACKUP,
    BACKUPS,
    KUBE_APIS,
    KUBE_ASKED,
    KUBE_BACKUP_JOBS,
    KUBE_DENIED,
    KUBE_LEASES,
    KUBE_NAMESPACES,
    KUBE_NODES,
    KUBE_PODS,
    KUBE_UNSEEN,
    KUBERNETES,
)

# Cadence, and cadence while anything is suspect.
API, SERVER, FILES = (5.0, 2.0), (15.0, 5.0), (60.0, 60.0)
QUIET = 15.0  # without a renewal for so long one lease is read by itself
DURATION = 40.0
KINDS = {
    "nodes": KUBE_NODES,
    "leases": KUBE_LEASES,
    "pods": KUBE_PODS,
    "namespaces": KUBE_NAMESPACES,
    "apiservices": KUBE_APIS,
    "cronjobs": KUBE_BACKUP_JOBS,
}


class LookingAtKubernetes:
    """The monitor's eyes on Kubernetes. ``begun``: unix seconds of the story's begin."""

    def __init__(self, kubernetes: SimKubernetes, begun: float) -> None:
        self._kubernetes = kubernetes
        self._begun = begun
        self._watched: float | None = None
        self._next: dict[str, float] = {}

    def look(self, now: float, zoomed: bool) -> Iterator[Reading]:
        """Yield what the looks give that are due now."""
        sim = self._kubernetes
        if self._due(KUBERNETES, now, API[zoomed]):
            yield self._of_api(now)
        if sim.saved and self._due(BACKUPS, now, FILES[zoomed]):
            seen = (Observation(BACKUP, sim.saved),)
            yield Reading("backup", BACKUPS, self._begun + now, 0.1, observations=seen)
        for server in sim.servers.values():
            if server.node in sim.nodes or sim.managed:
                at = f"{APISERVER_PREFIX}{self._called(server)}"
                if self._due(at, now, SERVER[zoomed]):
                    yield self._of_server(server, at, now)

    def _due(self, at: str, now: float, pace: float) -> bool:
        if now < self._next.get(at, 0.0) - 1e-9:
            return False
        self._next[at] = now + pace
        return True

    def _called(self, server: SimServer) -> str:
        """Return its node, or where it listens if that is all that is known."""
        address = self._kubernetes.nodes[server.node].address
        return f"{address}:6443" if self._kubernetes.managed else server.node

    # --- the API -------------------------------------------------------------------------------

    def _of_api(self, now: float) -> Reading:
        sim, at = self._kubernetes, self._begun + now
        if not any(s.running for s in sim.servers.values()):
            why = "https://10.0.0.100:6443 refuses connections."
            return Reading.failed("kubernetes", KUBERNETES, at, Failure.REFUSED, why, 0.01)
        if self._watched is None:
            self._watched = at
        seen = [o for o in self._facts(at) if not self._is_hidden(o)]
        for kind in KINDS:
            why = sim.unseen.get(kind, "")
            seen.append(Observation(KUBE_UNSEEN, why and f"10.0.0.100 denies {kind}", kind))
            seen.append(Observation(KUBE_DENIED, float(bool(why)), kind))
        return Reading("kubernetes", KUBERNETES, at, 0.01, observations=tuple(seen))

    def _is_hidden(self, seen: Observation) -> bool:
        return any(KINDS[kind] is seen.signal for kind in self._kubernetes.unseen)

    def _facts(self, at: float) -> Iterator[Observation]:
        sim, begun = self._kubernetes, self._begun
        nodes = [n for n in sim.nodes.values() if not (n.server and sim.managed)]
        told = {n.name: sim.node(n, begun) for n in nodes}
        yield Observation(
            KUBE_NODES,
            Nodes(
                len(nodes),
                sum(n.ready == "True" for n in nodes),
                tuple(told[n.name] for n in nodes if n.server),
                tuple(told[n.name] for n in nodes if not n.server and n.ready != "True"),
            ),
        )
        leases = self._leases(nodes, at)
        yield Observation(KUBE_LEASES, leases)
        if at - leases.newest > QUIET:
            writes = any(sim.writes_through(s) for s in sim.servers.values())
            yield Observation(KUBE_ASKED, "same" if writes else "10.0.0.100 gave no lease in 5 s")
        yield Observation(KUBE_PODS, tuple(sorted(sim.pods(begun), key=lambda p: p.name)))
        yield Observation(KUBE_NAMESPACES, Namespaces(30, tuple(sim.leaving.values())))
        yield Observation(KUBE_APIS, Apis((), tuple(sim.unavailable.items())))
        yield Observation(KUBE_BACKUP_JOBS, (sim.job,) if sim.job else ())

    def _leases(self, nodes: list[SimNode], at: float) -> Leases:
        found = [
            NodeLease(
                n.name,
                self._begun + n.renewed,
                DURATION,
                self._begun + n.renewed if n.renewed > 0 else 0.0,
                n.ready,
            )
            for n in nodes
        ]
        stale = sorted((x for x in found if x.age(at) > DURATION), key=lambda x: -x.age(at))
        newest = max((x.renewed for x in found), default=0.0)
        return Leases(len(found), len(stale), newest, self._watched or at, tuple(stale))

    # --- an API server -------------------------------------------------------------------------

    def _of_server(self, server: SimServer, endpoint: str, now: float) -> Reading:
        at = self._begun + now
        if not server.running:
            why = f"https://{server.node}:6443 refuses connections."
            return Reading.failed("apiserver", endpoint, at, Failure.REFUSED, why, 0.01)
        seen = tuple(self._told(server))
        own = tuple(Observation(s, v, key) for (s, key), v in server.overrides.items())
        kept = tuple(o for o in seen if (o.signal, o.key) not in server.overrides)
        return Reading("apiserver", endpoint, at, 0.2, observations=(*kept, *own))

    def _told(self, server: SimServer) -> Iterator[Observation]:
        sim = self._kubernetes
        failing = () if sim.reads_through(server) else ("etcd", "etcd-readiness")
        yield Observation(
            APISERVER_HEALTH, Health(not failing, live=True, failing=failing, checks=50)
        )
        if not sim.managed:
            yield Observation(APISERVER_NODE, server.node)
        yield Observation(APISERVER_START, self._begun + server.began)
        yield Observation(APISERVER_OBJECTS, 3000.0, "pods")
        yield Observation(
            APISERVER_CACHE_REVISION, float(int(server.cached + server.ahead)), "/pods"
        )
        for fallback, times in server.reads.items():
            yield Observation(APISERVER_CACHE_READS, float(int(times)), fallback)
        if size := sim.database(server):
            yield Observation(APISERVER_DB_BYTES, size, "etcd-0")
        for operation, verb in OPERATIONS.items():
            asked, refused = server.asked.get(operation, 0.0), server.refused.get(operation, 0.0)
            yield Observation(APISERVER_ETCD_REQUESTS, float(int(asked)), operation)
            yield Observation(APISERVER_ETCD_ERRORS, float(int(refused)), operation)
            yield Observation(APISERVER_REQUESTS, float(int(asked - refused)), f"{verb}/200")
            yield Observation(APISERVER_REQUESTS, float(int(refused)), f"{verb}/500")
            if operation in server.took:
                took = server.took[operation].shown()
                yield Observation(APISERVER_ETCD_SECONDS, took, operation)
        yield Observation(APISERVER_EVENTS_SECONDS, server.events.shown())
        yield Observation(APISERVER_OTHERS_SECONDS, server.others.shown())
