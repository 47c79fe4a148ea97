"""What the sources would bring of a simulated cluster, each at its own cadence."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tests.scenarios.cluster import Counted, SimCluster, SimMember
from tests.scenarios.kubernetes import SimKubernetes
from tests.scenarios.kubernetes_looking import LookingAtKubernetes

from etcdscope.detect.runner import source_of
from etcdscope.model.census import REGISTRY_AT
from etcdscope.model.cluster import Alarm, Hashed, Role
from etcdscope.model.memory import Memory
from etcdscope.model.reading import Failure, Observation, Reading
from etcdscope.model.signal import (
    ACTIVE_PEERS,
    ALARMS,
    APPLIED_INDEX,
    APPLIED_TERM,
    BACKEND_COMMIT,
    CERTIFICATE_END,
    CLOCK_OFFSET,
    CLUSTER_ID,
    COMMITTED_INDEX,
    CONNECT_SECONDS,
    DB_BYTES,
    DB_IN_USE_BYTES,
    DISCONNECTED_PEERS,
    FAREWELL,
    FLAGS,
    HAS_LEADER,
    HASHED,
    HEARTBEAT_SEND_FAILURES,
    IS_LEARNER,
    LEAD_TRANSFEREE,
    LEADER,
    LEADER_CHANGES,
    LINEARIZABLE_OK,
    LINEARIZABLE_SECONDS,
    LOG_EVENT,
    MEMBER_LIST,
    MEMORY,
    METRICS_SECONDS,
    PEER_RECEIVED_BYTES,
    PEER_RTT,
    PEER_SENT_BYTES,
    PEER_SENT_FAILURES,
    PORT_STATE,
    PRESENCE,
    PROCESS_CPU,
    PROCESS_START,
    PROGRESS_MATCH,
    PROGRESS_STATE,
    PROPOSALS_FAILED,
    PROPOSALS_PENDING,
    QUOTA_BYTES,
    RAFT_APPLIED,
    RAFT_COMMIT,
    RAFT_LEAD,
    RAFT_STATE,
    RAFT_TERM,
    RAFTVARS_SECONDS,
    REGISTRY,
    REVISION,
    SERIALIZABLE_SECONDS,
    STATUS_ERRORS,
    STATUS_SECONDS,
    TABLE,
    VERSION,
    WAL_FSYNC,
)

T0 = 1_795_330_000.0  # when every story begins
CLUSTER = "c1a5c1a5"
GRAIN = 0.05  # the simulation's own step
PROBE_BOUND, KNOCK_BOUND = 1.4, 0.6  # how long a probe and a knock wait for what hangs
STAY, KEEPALIVE = 5.0, 11.0  # of the presence source, and of its connection
# cadence, patience and cadence while anything is suspect, of each source
PACES = {
    "status": (1.0, 1.0, 0.5),
    "raftvars": (0.5, 1.0, 0.5),
    "ports": (0.5, 1.0, 0.5),
    "probe": (1.0, 2.0, 1.0),
    "metrics": (5.0, 4.0, 1.0),
    "members": (5.0, 2.5, 5.0),
    "hashes": (5.0, 1.0, 5.0),  # really once a minute, but soon again where something differs
    "host": (5.0, 3.0, 1.0),
}


@dataclass
class Loop:
    """One source that looks at one endpoint: when it last began, and whether it still waits."""

    source: str
    member: SimMember
    began: float = float("-inf")
    waiting: bool = False

    def due(self, now: float, zoomed: bool) -> bool:
        cadence, _, quick = PACES[self.source]
        pace = quick if zoomed else cadence
        return not self.waiting and now >= self.began + pace - 1e-9


@dataclass
class Talk:
    """A held conversation, or the attempt to begin one: when last heard, and what is next when."""

    held: bool = False
    heard: float = 0.0
    next: float = 0.0


class Looking:
    """The monitor's eyes. It begins to look where ``endpoints`` say, and stops elsewhere."""

    def __init__(self, cluster: SimCluster, kubernetes: SimKubernetes | None = None) -> None:
        self._cluster = cluster
        self._kubernetes = LookingAtKubernetes(kubernetes, T0) if kubernetes else None
        self._unseen = kubernetes is not None and kubernetes.managed  # etcd itself is
        self._loops: dict[tuple[str, str], Loop] = {}
        self._talks: dict[str, Talk] = {}
        self._on_the_way: list[Reading] = []
        self._noted = 0.0
        self._counted = cluster.chronicle

    def look(self, now: float, zoomed: bool) -> None:
        """Begin the looks that are due now, and end those that have got their answer."""
        for m in self._cluster.listed:
            if not m.ever_started or self._unseen:
                continue
            for source in PACES:
                if source == "host" and not _host(m, now):
                    continue
                loop = self._loops.setdefault((source, m.url), Loop(source, m))
                if loop.due(now, zoomed):
                    loop.began, loop.waiting = now, True
                if loop.waiting and (reading := self._read(loop, now)):
                    loop.waiting = False
                    self._on_the_way.append(reading)
            self._attend(m, now)
        self._count(now)
        if self._kubernetes:
            self._on_the_way.extend(self._kubernetes.look(now, zoomed))
        self._on_the_way.extend(self._written(now))
        if now - self._noted >= 1.0:
            self._noted = now
            own = self._cluster.own.items()
            told = [Observation(signal, value, key) for (signal, key), value in own]
            told.append(_observed("loop_lag", self._cluster.lag))
            self._on_the_way.append(Reading("self", "", T0 + now, observations=tuple(told)))

    def _written(self, now: float) -> Iterator[Reading]:
        """Yield what members have written into their logs since."""
        for m in self._cluster.members.values():
            lines, m.said = m.said, []
            if lines:
                told = tuple(Observation(LOG_EVENT, line, line.kind) for line in lines)
                yield Reading("logs", f"log:{m.name}", T0 + now, 0.2, m.id, told)

    def remember(self, memory: Memory, now: float) -> None:
        """Bring what an earlier life of the monitor knew."""
        known = (Observation(MEMORY, memory),)
        self._on_the_way.append(Reading("self", "", T0 + now, observations=known))

    def arrived(self, now: float) -> list[Reading]:
        """Return, and forget, what has come in by now; in order of arrival."""
        here = [r for r in self._on_the_way if r.ended <= T0 + now + 1e-6]
        self._on_the_way = [r for r in self._on_the_way if r.ended > T0 + now + 1e-6]
        return sorted(here, key=lambda r: r.ended)

    def endpoints(self) -> frozenset[str]:
        """Return where we look."""
        return frozenset(m.url for m in self._cluster.listed if m.ever_started)

    # --- one look ------------------------------------------------------------------------------

    def _read(self, loop: Loop, now: float) -> Reading | None:
        """Return what the look gave; None while it waits."""
        m, source, at = loop.member, loop.source, T0 + loop.began
        waited, patience = now - loop.began, PACES[loop.source][1]
        if source == "ports":
            return _knocked(m, loop.began, now)
        if source == "probe":
            return _probed(self._cluster, m, loop.began, now)
        if source == "host":  # the machine answers, whatever its processes do
            return Reading(source, m.url, at, 0.001, observations=_host(m, now))
        failure = _failure(m, source, now, waited)
        if failure is Failure.TIMEOUT and waited < patience:
            return None
        if failure is not None:
            detail = f"{m.url} {_WHY.get(failure, failure.value)}"
            return Reading.failed(source, m.url, at, failure, detail, waited + 0.001)
        give = {
            "status": _status,
            "raftvars": _raftvars,
            "metrics": _metrics,
            "members": _members,
            "hashes": _hashes,
        }
        seen = _overridden(m, source, tuple(give[source](self._cluster, m)), now)
        return Reading(source, m.url, at, max(waited, m.knobs.answers), m.id, seen)

    def _count(self, now: float) -> None:
        """Bring a census that the story tells of."""
        if self._counted is not self._cluster.chronicle:
            self._counted = self._cluster.chronicle
            seen = (Observation(REGISTRY, self._counted),)
            self._on_the_way.append(Reading("registry", REGISTRY_AT, T0 + now, observations=seen))

    def _attend(self, m: SimMember, now: float) -> None:
        """Hold a conversation, and see at once when the member ends it."""
        talk = self._talks.setdefault(m.url, Talk())
        if talk.held:
            black_hole = m.door() == "silent" and now - talk.heard > KEEPALIVE
            if m.door() == "open":
                talk.heard = now
            if m.door() == "refused" or black_hole:
                talk.held, talk.next = False, now + 0.25
                self._on_the_way.append(_departure(m, now))
            elif now >= talk.next:
                talk.next = now + STAY
                stayed = (Observation(PRESENCE, "present"),)
                self._on_the_way.append(Reading("presence", m.url, T0 + now, observations=stayed))
        elif now >= talk.next:
            if m.serving(now) and m.door() == "open":
                talk.held, talk.heard, talk.next = True, now, now + STAY
                return
            refused = m.door() == "refused"
            talk.next = now + (0.25 if refused else 4.0)
            failure, took = (Failure.REFUSED, 0.001) if refused else (Failure.TIMEOUT, 2.0)
            self._on_the_way.append(Reading.failed("presence", m.url, T0 + now, failure, took=took))


def _departure(m: SimMember, now: float) -> Reading:
    seen = (
        Observation(PRESENCE, "gone"),
        Observation(FAREWELL, float(m.farewell)),
        Observation(PORT_STATE, m.door(), "client"),
        Observation(PORT_STATE, m.door("peer"), "peer"),
    )
    took = 0.2 if m.door() == "silent" else 0.002
    how = f"{m.url} closed the connection"
    failed = Reading.failed("presence", m.url, T0 + now, Failure.CLOSED, how, took)
    return replace(failed, observations=seen)


_WHY = {
    Failure.REFUSED: "refuses connections",
    Failure.TIMEOUT: "gave no answer in time",
    Failure.PERMISSION_DENIED: "denies it to us",
}


def _failure(m: SimMember, source: str, now: float, waited: float) -> Failure | None:
    if m.door() == "refused":
        return Failure.CLOSED if waited else Failure.REFUSED
    if m.door() == "silent" or not m.serving(now) or waited < m.knobs.answers - GRAIN:
        return Failure.TIMEOUT
    return Failure(m.blind[source]) if source in m.blind else None


def _observed(name: str, value: float) -> Observation:
    return Observation(TABLE[name], value)


def _overridden(
    m: SimMember, source: str, seen: tuple[Observation, ...], now: float
) -> tuple[Observation, ...]:
    told = m.overrides | {at: float(int(g.at(now))) for at, g in m.growing.items()}
    own = {at: v for at, v in told.items() if source_of(at[0]) == source}
    kept = tuple(o for o in seen if (o.signal, o.key) not in own)
    return (*kept, *(Observation(signal, v, key) for (signal, key), v in own.items()))


def _host(m: SimMember, now: float) -> tuple[Observation, ...]:
    """Return what a story says of the member's host; nothing where it is not seen."""
    return _overridden(m, "host", (), now)


def _status(cluster: SimCluster, m: SimMember) -> Iterator[Observation]:
    yield Observation(CLUSTER_ID, CLUSTER)
    yield Observation(VERSION, "3.5.30")
    yield Observation(LEADER, m.lead)
    yield Observation(APPLIED_TERM, m.term)
    yield Observation(COMMITTED_INDEX, int(m.index_committed))
    yield Observation(APPLIED_INDEX, int(m.index_committed - m.knobs.behind))
    yield Observation(REVISION, int(m.index_committed) - 10)
    yield Observation(DB_BYTES, m.knobs.db)
    yield Observation(DB_IN_USE_BYTES, m.knobs.in_use)
    yield Observation(IS_LEARNER, float(m.learner))
    errors = [f"memberID:{int(who, 16)} alarm:{kind} " for kind, who in m.alarms]
    errors += [] if m.lead else ["etcdserver: no leader"]
    yield Observation(STATUS_ERRORS, tuple(errors))
    yield Observation(ALARMS, tuple(Alarm(kind, who) for kind, who in m.alarms))
    yield Observation(STATUS_SECONDS, m.knobs.answers)


def _raftvars(cluster: SimCluster, m: SimMember) -> Iterator[Observation]:
    yield Observation(RAFT_STATE, m.role.value)
    yield Observation(RAFT_TERM, m.term)
    yield Observation(RAFT_LEAD, m.lead)
    yield Observation(RAFT_COMMIT, int(m.index_committed))
    yield Observation(RAFT_APPLIED, int(m.index_committed - m.knobs.behind))
    yield Observation(RAFTVARS_SECONDS, m.knobs.answers)
    yield Observation(FLAGS, tuple(sorted(m.flags.items())))
    if m.role is Role.LEADER:
        yield Observation(LEAD_TRANSFEREE, m.transferee)
        for peer in cluster.listed:
            yield Observation(PROGRESS_MATCH, int(m.match.get(peer.id, 0)), peer.id)
            if peer is not m:
                state = "replicate" if m.active.get(peer.id) else "probe"
                yield Observation(PROGRESS_STATE, state, peer.id)


def _metrics(cluster: SimCluster, m: SimMember) -> Iterator[Observation]:
    c = m.counters
    yield Observation(HAS_LEADER, float(bool(m.lead)))
    yield Observation(LEADER_CHANGES, float(int(c.leader_changes)))
    yield Observation(HEARTBEAT_SEND_FAILURES, float(int(c.late_heartbeats)))
    yield Observation(PROPOSALS_PENDING, 0.0 if m.lead else min(cluster.writes, 100.0))
    yield Observation(PROPOSALS_FAILED, float(int(c.failed_proposals)))
    yield Observation(QUOTA_BYTES, m.knobs.quota)
    yield Observation(WAL_FSYNC, c.fsyncs.shown())
    yield Observation(BACKEND_COMMIT, c.commits.shown())
    yield Observation(PROCESS_CPU, c.cpu)
    yield Observation(PROCESS_START, T0 + m.started_at)
    yield Observation(METRICS_SECONDS, m.knobs.answers)
    for peer in cluster.listed:
        if peer is not m:
            yield Observation(ACTIVE_PEERS, float(m.active.get(peer.id, False)), peer.id)
            yield Observation(DISCONNECTED_PEERS, c.disconnected.get(peer.id, 0.0), peer.id)
            yield Observation(PEER_SENT_FAILURES, float(int(c.unsent.get(peer.id, 0))), peer.id)
            yield Observation(PEER_SENT_BYTES, float(int(c.sent.get(peer.id, 0.0))), peer.id)
            yield Observation(PEER_RTT, c.rtts.get(peer.id, Counted()).shown(), peer.id)
            if peer.id in c.received:
                yield Observation(PEER_RECEIVED_BYTES, float(int(c.received[peer.id])), peer.id)


def _members(cluster: SimCluster, m: SimMember) -> Iterator[Observation]:
    yield Observation(MEMBER_LIST, cluster.list_of(m))


def _hashes(cluster: SimCluster, m: SimMember) -> Iterator[Observation]:
    held = min(int(x.index_committed) for x in cluster.listed if x.alive) - 10
    yield Observation(HASHED, Hashed(int(m.knobs.data) + 7, held, 1))


def _knocked(m: SimMember, began: float, now: float) -> Reading | None:
    """A kernel answers at once, whatever its process does."""
    door = m.door()
    if door == "silent" and now - began < KNOCK_BOUND:
        return None
    seen = [
        Observation(PORT_STATE, door, "client"),
        Observation(PORT_STATE, m.door("peer"), "peer"),
    ]
    if door == "open":
        seen.append(Observation(CONNECT_SECONDS, m.knobs.connect))
    told = _overridden(m, "ports", tuple(seen), now)
    return Reading("ports", m.url, T0 + began, max(now - began, 0.001), observations=told)


def _probed(cluster: SimCluster, m: SimMember, began: float, now: float) -> Reading | None:
    door, waited = m.door(), now - began
    reads = door == "open" and m.serving(now) and waited >= m.knobs.answers - GRAIN
    linear = (
        reads and cluster.agreed(m) and cluster.read_index(m) < 1.0
    )  # our client's own deadline
    if not linear and door != "refused" and waited < PROBE_BOUND:
        return None
    took = max(waited, m.knobs.answers if reads else 0.001)
    if not reads:
        failure = Failure.REFUSED if door == "refused" else Failure.TIMEOUT
        detail = f"{m.url} {_WHY[failure]}"
        return Reading.failed("probe", m.url, T0 + began, failure, detail, took)
    seen = [
        Observation(SERIALIZABLE_SECONDS, m.knobs.answers),
        Observation(LINEARIZABLE_OK, float(linear)),
        Observation(CLOCK_OFFSET, m.knobs.clock),
    ]
    if linear:
        waits = m.knobs.answers * 2 + cluster.read_index(m)
        seen.append(Observation(LINEARIZABLE_SECONDS, waits))
    if m.knobs.certificate:
        seen.append(Observation(CERTIFICATE_END, T0 + m.knobs.certificate, "client"))
    told = _overridden(m, "probe", tuple(seen), now)
    return Reading("probe", m.url, T0 + began, took, m.id, told)
