"""Sweeps as three members would give them, the same for the same seed."""

import random
from collections.abc import Sequence
from typing import Final

from etcdscope.model.cluster import Member, MemberList
from etcdscope.model.ports import Sweep
from etcdscope.model.reading import Failure, Histogram, Observation, Reading, Value
from etcdscope.model.signal import (
    APPLIED_INDEX,
    CLOCK_OFFSET,
    CLUSTER_ID,
    COMMITTED_INDEX,
    CONNECT_SECONDS,
    DB_BYTES,
    IS_LEARNER,
    LEADER,
    LINEARIZABLE_OK,
    LINEARIZABLE_SECONDS,
    MEMBER_LIST,
    METRICS_SECONDS,
    PORT_STATE,
    PRESENCE,
    PROCESS_CPU,
    PROCESS_START,
    PROGRESS_MATCH,
    PROGRESS_STATE,
    RAFT_COMMIT,
    RAFT_LEAD,
    RAFT_STATE,
    RAFT_TERM,
    RAFTVARS_SECONDS,
    RESIDENT_BYTES,
    REVISION,
    SERIALIZABLE_SECONDS,
    STATUS_ERRORS,
    STATUS_SECONDS,
    TABLE,
    VERSION,
    Kind,
    Signal,
)

START: Final = 1_795_330_000.0
TICK: Final = 0.25
BOUNDS: Final = (*(0.001 * 2**i for i in range(14)), float("inf"))
_WORDS: Final = {"Remote", "To", "From"}


class Cluster:
    """Gives sweep after sweep; every source at its real cadence."""

    def __init__(self, members: int = 3, seed: int = 1, start: float = START) -> None:
        self.random = random.Random(seed)
        self.now = start
        self.ids = [f"{self.random.getrandbits(64):x}" for _ in range(members)]
        self._ticks = 0
        self._index = 1_000
        self._counters: dict[tuple[str, Signal, str], float] = {}
        self._histograms: dict[tuple[str, Signal, str], tuple[list[float], float]] = {}

    def take(self, number: int) -> list[Sweep]:
        """Return the next sweeps."""
        return [self.sweep() for _ in range(number)]

    def sweep(self) -> Sweep:
        """Return the next sweep."""
        self.now += TICK + self.random.gauss(0, 0.0005)
        self._ticks += 1
        self._index += self.random.randint(0, 80)
        readings = []
        for number, member in enumerate(self.ids):
            look = _Look(self, member, f"https://127.0.1.{11 + number}:2379", number)
            if self._ticks % 2 == number % 2:
                readings += [look.status(), look.raftvars()]
            if self._ticks % 4 == number % 4:
                readings.append(look.probe())
            if self._ticks % 20 == number * 3 % 20:
                readings.append(look.metrics())
            if self._ticks % 20 == (number * 3 + 1) % 20:
                readings += [look.members(), look.presence()]
        return Sweep(self.now, tuple(readings))

    def took(self) -> float:
        """Return how long something took."""
        return self.random.lognormvariate(-6.2, 0.4)

    def counter(self, member: str, signal: Signal, key: str, step: float) -> float:
        """Return a counter, grown a little."""
        at = (member, signal, key)
        self._counters[at] = self._counters.get(at, 0.0) + self.random.randint(0, 3) * step
        return self._counters[at]

    def histogram(self, member: str, signal: Signal, key: str) -> Histogram:
        """Return a histogram, grown by some tens."""
        counts, total = self._histograms.get((member, signal, key), ([0.0] * len(BOUNDS), 0.0))
        for _ in range(self.random.randint(20, 60)):
            value = self.took()
            total += value
            counts = [c + (value <= bound) for c, bound in zip(counts, BOUNDS, strict=True)]
        self._histograms[member, signal, key] = counts, total
        return Histogram(BOUNDS, tuple(counts), total)

    @property
    def index(self) -> int:
        """Return the committed index."""
        return self._index


class _Look:
    def __init__(self, cluster: Cluster, member: str, endpoint: str, number: int) -> None:
        self.cluster, self.member, self.endpoint, self.number = cluster, member, endpoint, number

    def reading(
        self,
        source: str,
        took: float,
        seen: Sequence[tuple[Signal, Value] | tuple[Signal, Value, str]],
    ) -> Reading:
        at = self.cluster.now - self.cluster.random.random() * TICK
        observations = tuple(Observation(*one) for one in seen)
        return Reading(source, self.endpoint, at, took, self.member, observations)

    def status(self) -> Reading:
        if self.cluster.random.random() < 0.002:
            at = self.cluster.now - 1
            return Reading.failed("status", self.endpoint, at, Failure.TIMEOUT, "after 1 s", 1.0)
        took, index = self.cluster.took(), self.cluster.index
        return self.reading("status", took, [
            (CLUSTER_ID, "10e5e39849dab251"), (VERSION, "3.5.30"), (LEADER, self.cluster.ids[0]),
            (COMMITTED_INDEX, index), (APPLIED_INDEX, index - self.cluster.random.randint(0, 1)),
            (REVISION, index - 100), (DB_BYTES, 20_971_520 + index // 1000 * 4096),
            (IS_LEARNER, 0), (STATUS_ERRORS, ()), (STATUS_SECONDS, took),
        ])  # fmt: skip

    def raftvars(self) -> Reading:
        took, index = self.cluster.took(), self.cluster.index
        role = "follower" if self.number else "leader"
        seen: list[tuple[Signal, Value] | tuple[Signal, Value, str]] = [
            (RAFT_STATE, role), (RAFT_TERM, 4), (RAFT_LEAD, self.cluster.ids[0]),
            (RAFT_COMMIT, index), (RAFTVARS_SECONDS, took),
        ]  # fmt: skip
        if role == "leader":
            for peer in self.cluster.ids:
                match = index - self.cluster.random.randint(0, 2)
                seen += [(PROGRESS_MATCH, match, peer), (PROGRESS_STATE, "replicate", peer)]
        return self.reading("raftvars", took, seen)

    def probe(self) -> Reading:
        took = self.cluster.took
        return self.reading("probe", took() * 3, [
            (CONNECT_SECONDS, took() / 5), (PORT_STATE, "open", "2379"),
            (PORT_STATE, "open", "2380"), (SERIALIZABLE_SECONDS, took()),
            (LINEARIZABLE_SECONDS, took()), (LINEARIZABLE_OK, 1.0),
            (CLOCK_OFFSET, self.cluster.random.gauss(0, 0.001)),
        ])  # fmt: skip

    def metrics(self) -> Reading:
        peers = [peer for peer in self.cluster.ids if peer != self.member]
        seen: list[tuple[Signal, Value] | tuple[Signal, Value, str]] = []
        for signal in TABLE.values():
            if signal.metrics:
                keys = peers if signal.by in _WORDS else ["OK", "NotFound"] if signal.by else [""]
                seen += [(signal, self._metric(signal, key), key) for key in keys]
        return self.reading("metrics", self.cluster.took() * 4, [*seen, (METRICS_SECONDS, 0.003)])

    def _metric(self, signal: Signal, key: str) -> Value:
        if signal.kind is Kind.HISTOGRAM:
            return self.cluster.histogram(self.member, signal, key)
        if signal.kind is Kind.COUNTER:
            step = {PROCESS_CPU: 0.01, TABLE["peer_sent_bytes"]: 30_000.0}.get(signal, 0.0)
            return self.cluster.counter(self.member, signal, key, step)
        if signal is PROCESS_START:
            return 1_795_320_000.37
        if signal is RESIDENT_BYTES:
            return 6e7 + self.cluster.random.randint(0, 200) * 4096.0
        return float(self.cluster.index) if signal.unit.value == "entries" else 1.0

    def members(self) -> Reading:
        listed = MemberList(
            tuple(
                Member(one, f"m{n + 1}", (f"https://127.0.1.{11 + n}:2380",), (self.endpoint,))
                for n, one in enumerate(self.cluster.ids)
            ),
            linearizable=self.number == 0,
        )
        return self.reading("members", self.cluster.took(), [(MEMBER_LIST, listed)])

    def presence(self) -> Reading:
        return self.reading("presence", 5.0, [(PRESENCE, "present")])
