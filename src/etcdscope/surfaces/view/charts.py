"""The catalogue of charts: which signals, in which unit, and where the limit is drawn.

A limit is the detector's own, so that a line beyond it is what etcdscope speaks of.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from etcdscope.detect.catalog import DETECTORS
from etcdscope.diagnose.step import State
from etcdscope.model.finding import Limits
from etcdscope.model.incident import Incident
from etcdscope.model.signal import (
    APPLIED_INDEX,
    BACKEND_COMMIT,
    CLIENT_RECEIVED_BYTES,
    CLIENT_SENT_BYTES,
    COMMITTED_INDEX,
    COMPACT_REVISION,
    CONNECT_SECONDS,
    CPU_THROTTLED,
    CURRENT_REVISION,
    DB_BYTES,
    DB_IN_USE_BYTES,
    DISK_BUSY,
    DISK_WRITTEN,
    EVENTS_PENDING,
    FDS_LIMIT,
    FDS_USED,
    FS_FREE,
    GRPC_ERRORS,
    GRPC_STARTED,
    HEARTBEAT_SEND_FAILURES,
    KEYS,
    LINEARIZABLE_SECONDS,
    OPEN_READS,
    PEER_RECEIVED_BYTES,
    PEER_RTT,
    PEER_SENT_BYTES,
    PEER_SENT_FAILURES,
    PROCESS_CPU,
    PROPOSALS_COMMITTED,
    PROPOSALS_FAILED,
    PROPOSALS_PENDING,
    PUTS,
    QUOTA_BYTES,
    RAFT_TERM,
    RESIDENT_BYTES,
    SERIALIZABLE_SECONDS,
    SLOW_APPLIES,
    SLOW_READ_INDEXES,
    SLOW_WATCHERS,
    STATUS_SECONDS,
    TCP_RETRANSMITTED,
    WAL_FSYNC,
    Signal,
)
from etcdscope.store.series import How

Family = Literal["disk", "network", "clients", "raft", "space", "process", "kubernetes"]
Unit = Literal["s", "B", "B/s", "1/s", "ratio", "count"]
_LIMITS: Mapping[str, Limits] = {d.id: d.limits for d in DETECTORS}


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart, with a line a member; ``each``: a line for each key (peer, place) of a member.

    Several keys without ``each`` are added up. ``less``, ``of``: what the signal is shown less
    than, or as a share of. ``limit``: detector and the name of its limit.
    """

    id: str
    family: Family
    title: str
    unit: Unit
    signal: Signal
    how: How
    each: bool = False
    less: Signal | None = None
    of: Signal | None = None
    limit: tuple[str, str] | None = None

    @property
    def signals(self) -> tuple[Signal, ...]:
        """Return what it is made from."""
        return tuple(s for s in (self.signal, self.less, self.of) if s)


CHARTS: tuple[Chart, ...] = (
    Chart("wal-fsync-p99", "disk", "WAL fsync, p99", "s", WAL_FSYNC, "p99",
          limit=("wal-fsync-slow", "warning")),
    Chart("backend-commit-p99", "disk", "Backend commit, p99", "s", BACKEND_COMMIT, "p99",
          limit=("backend-commit-slow", "warning")),
    Chart("wal-fsyncs", "disk", "WAL fsyncs", "1/s", WAL_FSYNC, "rate"),
    Chart("disk-busy", "disk", "WAL's device busy", "ratio", DISK_BUSY, "rate"),
    Chart("disk-written", "disk", "Written to the WAL's device", "B/s", DISK_WRITTEN, "rate"),
    Chart("disk-free", "disk", "Free where data are", "B", FS_FREE, "min", each=True),
    Chart("peer-rtt", "network", "Round trip to peers, by etcd", "s", PEER_RTT, "mean", each=True),
    Chart("peer-failures", "network", "Messages to peers that failed", "1/s", PEER_SENT_FAILURES,
          "rate", each=True),
    Chart("peer-sent", "network", "Sent to peers", "B/s", PEER_SENT_BYTES, "rate", each=True),
    Chart("peer-received", "network", "Received from peers", "B/s", PEER_RECEIVED_BYTES, "rate",
          each=True),
    Chart("connect", "network", "TCP connect from here", "s", CONNECT_SECONDS, "max"),
    Chart("retransmitted", "network", "TCP segments sent again", "1/s", TCP_RETRANSMITTED, "rate"),
    Chart("linearizable-read", "clients", "Linearizable read", "s", LINEARIZABLE_SECONDS, "max",
          limit=("read-index-slow", "warning")),
    Chart("serializable-read", "clients", "Serializable read", "s", SERIALIZABLE_SECONDS, "max"),
    Chart("answers", "clients", "Answer to Status", "s", STATUS_SECONDS, "max"),
    Chart("calls", "clients", "Calls", "1/s", GRPC_STARTED, "rate"),
    Chart("errors", "clients", "Calls that ended in error", "1/s", GRPC_ERRORS, "rate",
          limit=("errors-rising", "server_rate")),
    Chart("puts", "clients", "Puts applied", "1/s", PUTS, "rate"),
    Chart("client-received", "clients", "Requests read", "B/s", CLIENT_RECEIVED_BYTES, "rate"),
    Chart("client-sent", "clients", "Answers and events sent", "B/s", CLIENT_SENT_BYTES, "rate"),
    Chart("watchers-behind", "clients", "Watchers that are behind", "count", SLOW_WATCHERS, "max"),
    Chart("events-pending", "clients", "Events not taken", "count", EVENTS_PENDING, "max"),
    Chart("commits", "raft", "Entries committed", "1/s", PROPOSALS_COMMITTED, "rate"),
    Chart("proposals-pending", "raft", "Proposals that wait", "count", PROPOSALS_PENDING, "max",
          limit=("proposals-piling", "pending")),
    Chart("proposals-failed", "raft", "Proposals that failed", "1/s", PROPOSALS_FAILED, "rate"),
    Chart("apply-lag", "raft", "Committed, not yet applied", "count", COMMITTED_INDEX, "last",
          less=APPLIED_INDEX, limit=("apply-lag", "warning")),
    Chart("term", "raft", "Term", "count", RAFT_TERM, "last"),
    Chart("heartbeats-late", "raft", "Heartbeats sent late", "1/s", HEARTBEAT_SEND_FAILURES,
          "rate"),
    Chart("slow-applies", "raft", "Applies over 100 ms", "1/s", SLOW_APPLIES, "rate"),
    Chart("slow-reads", "raft", "Slow ReadIndex rounds", "1/s", SLOW_READ_INDEXES, "rate"),
    Chart("db-size", "space", "Database file", "B", DB_BYTES, "last"),
    Chart("db-in-use", "space", "Pages in use", "B", DB_IN_USE_BYTES, "last"),
    Chart("quota-used", "space", "Share of the quota", "ratio", DB_BYTES, "last", of=QUOTA_BYTES,
          limit=("quota-near", "warning")),
    Chart("keys", "space", "Live keys", "count", KEYS, "last"),
    Chart("revisions-kept", "space", "Revisions kept", "count", CURRENT_REVISION, "last",
          less=COMPACT_REVISION),
    Chart("open-reads", "space", "Open read transactions", "count", OPEN_READS, "max"),
    Chart("cpu", "process", "CPU cores used", "count", PROCESS_CPU, "rate"),
    Chart("memory", "process", "Resident memory", "B", RESIDENT_BYTES, "max"),
    Chart("descriptors", "process", "Share of file descriptors", "ratio", FDS_USED, "max",
          of=FDS_LIMIT, limit=("file-descriptors-exhausted", "share")),
    Chart("cpu-throttled", "process", "CPU throttled", "ratio", CPU_THROTTLED, "rate"),
)  # fmt: skip
BY_ID: Mapping[str, Chart] = {chart.id: chart for chart in CHARTS}
# What an incident is shown with where nothing in its evidence is on a chart.
_OTHERWISE = ("linearizable-read", "commits", "wal-fsync-p99")
MOST_OF_AN_INCIDENT = 6


def limit(chart: Chart, state: State) -> tuple[float, str] | None:
    """Return where the limit stands now, and what it is; a user's own wins."""
    if chart.id == "db-size":
        return _quota(state)
    if chart.limit is None:
        return None
    cause, name = chart.limit
    value = (state.limits.get(cause) or _LIMITS[cause]).values.get(name)
    return None if value is None else (float(value), f"{cause} speaks beyond this")


def _quota(state: State) -> tuple[float, str] | None:
    quotas = [m.quota_bytes for m in (state.verdict.members if state.verdict else ())]
    known = [q for q in quotas if q]
    return (float(min(known)), "the quota: beyond it etcd refuses writes") if known else None


def of_incident(incident: Incident) -> tuple[str, ...]:
    """Return which charts show an incident: those of its limit, then those of its evidence."""
    own = [chart.id for chart in CHARTS if chart.limit and chart.limit[0] == incident.cause]
    seen = [e.signal for e in incident.evidence if e.for_]
    found = dict.fromkeys([*own, *(c for signal in seen for c in _of_signal(signal))])
    return tuple(found or dict.fromkeys(_OTHERWISE))[:MOST_OF_AN_INCIDENT]


def _of_signal(name: str) -> Iterator[str]:
    """Yield the charts of a signal; evidence names are longer: ``wal_fsync_p90``."""
    fitting = {s.name for s in _charted() if name == s.name or name.startswith(f"{s.name}_")}
    best = max(fitting, key=len, default="")
    return (chart.id for chart in CHARTS if best and chart.signal.name == best)


def _charted() -> Iterable[Signal]:
    return (chart.signal for chart in CHARTS)
