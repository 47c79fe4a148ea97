"""A simulated cluster: enough of raft, processes and links that every fault has its real signature.

What stands here was measured on real clusters, or read in etcd's source: election timeouts from
1 s, a leader that hears no quorum steps down after 1 s, streams to a dead process close at once,
those into a black hole after rafthttp's 5 s, a client port that listens before etcd can answer.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from itertools import accumulate

from etcdscope.model.census import Chronicle
from etcdscope.model.cluster import Member, MemberList, Role, quorum
from etcdscope.model.logs import LogEvent
from etcdscope.model.reading import Histogram, Value
from etcdscope.model.signal import Signal

BOUNDS = (*(0.001 * 2**i for i in range(14)), float("inf"))
MIB = 2.0**20


class Process(Enum):
    """What the etcd process does."""

    DEAD = "dead"
    RUNNING = "running"
    FROZEN = "frozen"


@dataclass
class Counted:
    """A histogram that grows."""

    counts: list[float] = field(default_factory=lambda: [0.0] * len(BOUNDS))
    total: float = 0.0

    def add(self, value: float, times: float) -> None:
        self.counts[bisect_left(BOUNDS, value)] += times
        self.total += value * times

    def shown(self) -> Histogram:
        counts = tuple(float(int(c + 1e-6)) for c in accumulate(self.counts))
        return Histogram(BOUNDS, counts, self.total)


@dataclass
class Counters:
    """What a process counts from its start on."""

    fsyncs: Counted = field(default_factory=Counted)
    commits: Counted = field(default_factory=Counted)
    cpu: float = 0.0
    late_heartbeats: float = 0.0
    failed_proposals: float = 0.0
    leader_changes: float = 0.0
    received: dict[str, float] = field(default_factory=dict)
    unsent: dict[str, float] = field(default_factory=dict)
    disconnected: dict[str, float] = field(default_factory=dict)
    sent: dict[str, float] = field(default_factory=dict)
    rtts: dict[str, Counted] = field(default_factory=dict)


@dataclass
class Knobs:
    """What a story may turn on a member; seconds, bytes, shares."""

    fsync: float = 0.002
    commit: float = 0.004
    answers: float = 0.002
    connect: float = 0.0003
    cpu: float = 0.06
    behind: float = 0.0
    db: float = 30 * MIB
    in_use: float = 24 * MIB
    quota: float = 2048 * MIB
    certificate: float = 0.0
    clock: float = 0.0
    bursts: float = 0.0
    data: float = 0.0
    rtt: float = 0.0
    bulk: float = 0.0  # bytes a second that the leader sends it beside entries
    claims: float = 0.001  # what etcd's RTT metric says of the way to it


@dataclass(frozen=True)
class Growing:
    """A counter that a story lets grow by so much a second."""

    start: float
    rate: float
    since: float

    def at(self, now: float) -> float:
        return self.start + self.rate * (now - self.since)


@dataclass(frozen=True)
class Run:
    """A run of a process that is over, and how it ended."""

    began: float
    ended: float
    code: int


@dataclass
class SimMember:
    """One member: its process, its place in the network, its raft, its counters."""

    name: str
    id: str
    index: int
    listed: bool = True
    learner: bool = False
    ever_started: bool = True
    process: Process = Process.RUNNING
    started_at: float = 0.0
    ready_at: float = 0.0
    closes_at: float | None = None  # told to stop: until then its peer port still answers
    farewell: bool = False
    isolated: bool = False
    hidden: bool = False
    host_lost: bool = False
    role: Role = Role.FOLLOWER
    term: int = 0
    lead: str = ""
    transferee: str = ""
    index_committed: float = 0.0
    match: dict[str, float] = field(default_factory=dict)  # of a leader: peer → what it has
    last_index: float = 0.0
    heard_leader: float = 0.0
    heard_quorum: float = 0.0
    alarms: tuple[tuple[str, str], ...] = ()
    blind: dict[str, str] = field(default_factory=dict)
    knobs: Knobs = field(default_factory=Knobs)
    counters: Counters = field(default_factory=Counters)
    overrides: dict[tuple[Signal, str], Value] = field(default_factory=dict)
    growing: dict[tuple[Signal, str], Growing] = field(default_factory=dict)
    said: list[LogEvent] = field(default_factory=list)  # lines of its log that nobody read yet
    flags: dict[str, str] = field(default_factory=dict)
    lists: tuple[str, ...] = ()  # the members whom it lists, if not all
    advertised: str = ""
    host: str = ""  # where it runs, if that is not called as it is
    ended: tuple[float, int] | None = None  # when its last run ended, and its exit code
    runs: tuple[Run, ...] = ()  # those that are over
    active: dict[str, bool] = field(default_factory=dict)

    @property
    def alive(self) -> bool:
        """Return whether its raft runs."""
        return self.process is Process.RUNNING and not self.host_lost

    @property
    def alone(self) -> bool:
        """Return whether it was made a cluster of its own."""
        return self.lists == (self.name,)

    def shown(self, signal: Signal, key: str, now: float) -> float:
        """Return what a counter of the story's own stands at; 0 where it has none."""
        if (growing := self.growing.get((signal, key))) is not None:
            return growing.at(now)
        value = self.overrides.get((signal, key), 0.0)
        return value if isinstance(value, float) else 0.0

    @property
    def url(self) -> str:
        return f"http://{self.host or self.name}:2379"

    @property
    def peer_url(self) -> str:
        return f"http://{self.host or self.name}:2380"

    def door(self, port: str = "client") -> str:
        """Return what we meet when we knock on one of its ports."""
        if self.hidden or self.host_lost:
            return "silent"
        closed = self.process is Process.DEAD or (port == "client" and self.closes_at is not None)
        return "refused" if closed else "open"

    def serving(self, now: float) -> bool:
        """Return whether it answers who reaches it."""
        return self.alive and self.closes_at is None and now >= self.ready_at

    @property
    def election_timeout(self) -> float:
        """Return the timeout that raft drew, between 1 and 2 s; fixed here."""
        return 1.2 + 0.15 * (self.index % 6)


def comes_through(every: float, now: float, passed: float) -> float:
    """Return which share of what is missing comes through: if lossy, a third now and then."""
    if every == 0:
        return 1.0
    return 0.3 if int(now / every) != int((now - passed) / every) else 0.0


class SimCluster:
    """The members and what time does to them. ``now`` is in seconds from the story's begin."""

    def __init__(self, names: tuple[str, ...], leader: str, term: int, writes: float) -> None:
        self.now = 0.0
        self.writes = writes
        self.members: dict[str, SimMember] = {}
        self.cut: set[frozenset[str]] = set()
        self._apart: dict[tuple[str, str], float] = {}
        self._stalled = 0.0
        self.lag = 0.0
        self.own: dict[tuple[Signal, str], float] = {}  # what the monitor tells of itself
        self.chronicle = Chronicle()
        for name in names:
            self.join(name).term = term
        if leader:
            self.follow(self.members[leader])

    def join(self, name: str) -> SimMember:
        """Return a new member of that name."""
        index = len(self.members)
        member = SimMember(name, f"{0xA1 + index:x}", index, index_committed=1000.0)
        member.started_at = member.ready_at = -3600.0
        self.members[name] = member
        return member

    def follow(self, leader: SimMember) -> None:
        """Make all whom it reaches follow a leader in its term."""
        for m in self.members.values():
            if m is leader or (m.alive and self.connected(m, leader)):
                m.role = Role.LEADER if m is leader else Role.FOLLOWER
                m.counters.leader_changes += m.lead != leader.id
                m.term, m.lead, m.heard_leader = leader.term, leader.id, self.now
        leader.heard_quorum = self.now
        leader.last_index = leader.index_committed
        leader.match = {m.id: 0.0 for m in self.listed}
        leader.match |= {m.id: m.index_committed for m in self.listed if self.connected(m, leader)}

    # --- who is there --------------------------------------------------------------------------

    @property
    def listed(self) -> tuple[SimMember, ...]:
        return tuple(m for m in self.members.values() if m.listed)

    @property
    def voters(self) -> tuple[SimMember, ...]:
        return tuple(m for m in self.listed if not m.learner)

    @property
    def leader(self) -> SimMember | None:
        """Return the leader of the highest term that still runs, of all but a member of its own."""
        leading = [m for m in self.listed if m.role is Role.LEADER and m.alive and not m.alone]
        return max(leading, key=lambda m: m.term, default=None)

    def member_list(self) -> MemberList:
        """Return the membership as etcd gives it: no name, no client URL before the first start."""
        return self._listing(self.listed)

    def list_of(self, m: SimMember) -> MemberList:
        """Return the membership as one member has it."""
        return (
            self._listing([self.members[name] for name in m.lists])
            if m.lists
            else self.member_list()
        )

    def _listing(self, members: Iterable[SimMember]) -> MemberList:
        return MemberList(
            tuple(
                Member(
                    m.id,
                    m.name if m.ever_started else "",
                    (m.peer_url,),
                    (m.advertised or m.url,) if m.ever_started else (),
                    m.learner,
                )
                for m in members
            )
        )

    def connected(self, a: SimMember, b: SimMember) -> bool:
        """Return whether raft messages pass between the two."""
        if a is b:
            return a.alive
        there = a.alive and b.alive and a.listed and b.listed
        return there and not (a.isolated or b.isolated) and frozenset((a.id, b.id)) not in self.cut

    def rtt(self, a: SimMember, b: SimMember) -> float:
        """Return the round trip between two members: each one's own way to the others counts."""
        return 0.0 if a is b else max(a.knobs.rtt, b.knobs.rtt)

    def read_index(self, m: SimMember) -> float:
        """Return what a linearizable read waits for: the leader's quorum, and the way to it."""
        leader = self.leader
        if leader is None:
            return 0.0
        ways = sorted(self.rtt(leader, v) for v in self.voters if self.connected(leader, v))
        needed = quorum(len(self.voters))
        return self.rtt(m, leader) + (ways[needed - 1] if len(ways) >= needed else 0.0)

    def agreed(self, m: SimMember) -> bool:
        """Return whether a linearizable read through the member is answered."""
        leader = self.leader
        if m.alone:
            return m.role is Role.LEADER
        there = leader is not None and leader.heard_quorum == self.now
        return there and leader is not None and self.connected(m, leader)

    # --- what time does ------------------------------------------------------------------------

    def advance(self, now: float) -> None:
        """Let time pass up to ``now``."""
        passed, self.now = now - self.now, now
        for m in self.listed:
            if m.closes_at is not None and now >= m.closes_at:
                m.process, m.closes_at = Process.DEAD, None
        for m in self.listed:
            if m.alive:
                self._tick(m)
        self._replicate(passed)
        for a in self.listed:
            for b in self.listed:
                if a is not b:
                    self._stream(a, b, passed)

    def _tick(self, m: SimMember) -> None:
        if m.alone:
            if m.role is not Role.LEADER:
                m.role, m.lead, m.term = Role.LEADER, m.id, m.term + 1
            return
        rival = next(iter(sorted(self._leaders_for(m), key=lambda x: -x.term)), None)
        if rival is not None and (m.role is not Role.LEADER or rival.term > m.term):
            if m.lead != rival.id:
                m.counters.leader_changes += 1
            m.role, m.lead, m.term = Role.FOLLOWER, rival.id, rival.term
            m.heard_leader = self.now
        elif m.role is Role.LEADER:
            if sum(self.connected(m, v) for v in self.voters) >= quorum(len(self.voters)):
                m.heard_quorum = self.now
            elif self.now - m.heard_quorum >= 1.0:  # CheckQuorum
                m.role, m.lead, m.heard_leader = Role.FOLLOWER, "", self.now
        elif self.now - m.heard_leader >= m.election_timeout:
            m.role, m.lead = Role.PRE_CANDIDATE, ""
            if self._wins(m):
                m.term += 1
                self.follow(m)

    def _leaders_for(self, m: SimMember) -> Iterator[SimMember]:
        for other in self.listed:
            leads = other.role is Role.LEADER and other is not m and other.term >= m.term
            if leads and self.connected(m, other):
                yield other

    def _wins(self, m: SimMember) -> bool:
        granted = [
            v
            for v in self.voters
            if v is m
            or (
                self.connected(m, v)
                and (
                    not v.lead or self.now - v.heard_leader >= 1.0
                )  # in its lease it ignores votes
                and v.role is not Role.LEADER
                and v.index_committed <= m.index_committed
            )
        ]
        return m in self.voters and len(granted) >= quorum(len(self.voters))

    def _replicate(self, passed: float) -> None:
        leader = self.leader
        commits = leader is not None and leader.heard_quorum == self.now
        self._stalled = 0.0 if commits else self._stalled + passed
        if leader is not None:
            leader.last_index += self.writes * passed  # entries that wait for a quorum count, too
            leader.match[leader.id] = leader.last_index
        if leader is not None and commits:
            leader.index_committed = leader.last_index
        for m in self.listed:
            if not m.alive:
                continue
            fed = leader is not None and commits and self.connected(m, leader)
            if fed and leader is not None:
                missing = leader.index_committed - m.index_committed
                m.index_committed += missing * comes_through(m.knobs.bursts, self.now, passed)
                on_the_way = self.writes * self.rtt(m, leader)
                leader.match[m.id] = m.index_committed - on_the_way
                fsyncs = min(self.writes, 1 / m.knobs.fsync) * passed
                m.counters.fsyncs.add(m.knobs.fsync, fsyncs)
                m.counters.commits.add(m.knobs.commit, min(self.writes, 10) * passed)
            elif self._stalled > 7.0:  # etcd's request timeout
                m.counters.failed_proposals += self.writes * passed / len(self.listed)
            m.counters.cpu += m.knobs.cpu * passed
            if m is leader and (m.knobs.answers >= 0.2 or m.knobs.fsync >= 0.25):
                m.counters.late_heartbeats += 3 * passed

    def _stream(self, a: SimMember, b: SimMember, passed: float) -> None:
        """Keep what ``a`` knows of its streams to ``b``."""
        if not a.alive:
            return
        if self.connected(a, b):
            self._apart.pop((a.id, b.id), None)
            a.active[b.id] = True
            # Followers have nothing to say to each other, but who campaigns asks for votes.
            if a.role is Role.LEADER:
                bulk = 800 + 100 * self.writes + b.knobs.bulk
                a.counters.sent[b.id] = a.counters.sent.get(b.id, 0.0) + bulk * passed
            if int(self.now / 30) != int((self.now - passed) / 30):  # etcd's prober
                a.counters.rtts.setdefault(b.id, Counted()).add(b.knobs.claims, 1.0)
            if Role.LEADER in (a.role, b.role) or b.role is Role.PRE_CANDIDATE:
                received = a.counters.received
                received[b.id] = received.get(b.id, 0.0) + (800 + 100 * self.writes) * passed
            return
        since = self._apart.setdefault((a.id, b.id), self.now)
        closed = b.process is Process.DEAD and not (b.host_lost or a.isolated or b.isolated)
        if a.active.get(b.id, b.ever_started) and (closed or self.now - since >= 5.0):
            a.active[b.id] = False
            a.counters.disconnected[b.id] = a.counters.disconnected.get(b.id, 0.0) + 1
        if not a.active.get(b.id, False) and a.role is not Role.FOLLOWER:
            a.counters.unsent[b.id] = a.counters.unsent.get(b.id, 0.0) + 10 * passed
