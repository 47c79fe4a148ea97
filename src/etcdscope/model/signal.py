"""Signals: every measurable that etcdscope knows, declared once.

Nothing else in the code knows a metric's text name. A signal's kind is what etcd really does
with it, whatever its name says (``proposals_committed_total`` is a gauge). Versions and aliases
were read from etcd's sources and checked against recorded scrapes of 3.4.23 to 3.6.14.
"""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """How a signal behaves over time."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"
    STATE = "state"  # a word or a hex id, compared only for equality
    FACT = "fact"  # a structured value, such as a member list


class Unit(StrEnum):
    """The unit of a signal's numbers."""

    NONE = ""
    SECONDS = "s"
    BYTES = "B"
    ENTRIES = "entries"
    COUNT = "count"
    RATIO = "ratio"
    UNIX = "unix s"


@dataclass(frozen=True, slots=True, eq=False)
class Signal:
    """One named measurable.

    ``metrics``: the series' names in ``/metrics``, oldest alias last; empty where the signal comes
    from elsewhere. ``by``: the label whose value keys the signal's series (``To`` of a peer).
    ``by`` may name several labels, with spaces between: then the key is their values with
    slashes between.
    ``where``: label values that a series must carry to count; ``unless``: that it must not carry.
    ``sparse``: series that say 0 are left out until they grow; there are hundreds. ``keep``:
    seconds of history that judgement needs; ``every``: seconds between the points that are kept,
    0 for all. ``first``/``last``: versions of etcd that have it; None is "all we know".
    """

    name: str
    unit: Unit
    kind: Kind
    source: str
    means: str
    metrics: tuple[str, ...] = ()
    by: str | None = None
    where: tuple[tuple[str, str], ...] = ()
    keep: float = 120.0
    first: tuple[int, int, int] | None = None
    last: tuple[int, int, int] | None = None
    unless: tuple[tuple[str, str], ...] = ()
    sparse: bool = False

    every: float = 0.0

    @property
    def fresh(self) -> float:
        """Return for how many seconds a value says something about now."""
        return FRESH.get(self.source, 3.0)

    def __str__(self) -> str:
        return self.name


# A value older than this says nothing about now: six looks of a fast source, a little more than
# two looks of a slow one.
FRESH = {
    "/metrics": 12.0,
    "Cluster.MemberList": 15.0,
    "Maintenance.Alarm": 15.0,
    "certificate": 7200.0,
    "Maintenance.HashKV": 7200.0,
    "host": 12.0,
    "Kubernetes API": 20.0,
    "API server /readyz": 20.0,
    "API server /metrics": 40.0,
    "backup files": 7200.0,
    "registry": 8100.0,
}


TABLE: dict[str, Signal] = {}


def _declare(
    name: str,
    unit: Unit,
    kind: Kind,
    source: str,
    means: str,
    *metrics: str,
    by: str | None = None,
    where: tuple[tuple[str, str], ...] = (),
    keep: float = 120.0,
    first: tuple[int, int, int] | None = None,
    last: tuple[int, int, int] | None = None,
    unless: tuple[tuple[str, str], ...] = (),
    sparse: bool = False,
) -> Signal:
    signal = Signal(
        name, unit, kind, source, means, metrics, by, where, keep, first, last, unless, sparse
    )
    TABLE[name] = signal
    return signal


declare = _declare  # for the tables beside this one

_S, _B, _E, _N, _W = Unit.SECONDS, Unit.BYTES, Unit.ENTRIES, Unit.COUNT, Unit.NONE
_G, _C, _H, _T, _F = Kind.GAUGE, Kind.COUNTER, Kind.HISTOGRAM, Kind.STATE, Kind.FACT
_METRICS_KEEP = 960.0  # 15 minutes at the slow cadence and a little

# --- status: Maintenance.Status ------------------------------------------------------------------
_ST = "Maintenance.Status"
CLUSTER_ID = _declare("cluster_id", _W, _T, _ST, "Cluster id in the answer's header, hex.")
VERSION = _declare("version", _W, _T, _ST, "Version of the member's etcd.")
LEADER = _declare("leader", _W, _T, _ST, "Whom the member calls leader, hex; empty for none.")
APPLIED_TERM = _declare("applied_term", _N, _G, _ST, "Term of the last applied entry.")
COMMITTED_INDEX = _declare("committed_index", _E, _G, _ST, "Last committed raft index.")
APPLIED_INDEX = _declare("applied_index", _E, _G, _ST, "Last applied raft index.", first=(3, 4, 0))
REVISION = _declare("revision", _N, _G, _ST, "Key-value store revision.")
DB_BYTES = _declare(
    "db_bytes", _B, _G, _ST, "Physical size of the database file.", keep=_METRICS_KEEP
)
DB_IN_USE_BYTES = _declare(
    "db_in_use_bytes", _B, _G, _ST, "Size of the pages in use.", keep=_METRICS_KEEP, first=(3, 4, 0)
)
IS_LEARNER = _declare(
    "is_learner", _W, _G, _ST, "1 while the member is a learner.", first=(3, 4, 0)
)
STATUS_ERRORS = _declare("status_errors", _W, _F, _ST, "Texts of Status.errors, a tuple.")
STATUS_SECONDS = _declare("status_seconds", _S, _G, _ST, "How long the Status call took.")

# --- raftvars: /debug/vars -------------------------------------------------------------------
_RV = "/debug/vars raft.status"
RAFT_STATE = _declare(
    "raft_state", _W, _T, _RV, "leader, follower, candidate or pre-candidate, by raft itself."
)
RAFT_TERM = _declare(
    "raft_term", _N, _G, _RV, "Raft's current term, failed elections included.", keep=620.0
)
RAFT_LEAD = _declare(
    "raft_lead", _W, _T, _RV, "Raft's own view of the leader, hex; empty for none.", keep=620.0
)
RAFT_COMMIT = _declare("raft_commit", _E, _G, _RV, "Raft's commit index.")
RAFT_APPLIED = _declare("raft_applied", _E, _G, _RV, "Raft's applied index.")
PROGRESS_MATCH = _declare(
    "progress_match",
    _E,
    _G,
    _RV,
    "On the leader: highest index known to be on that member, itself included.",
    by="peer",
)
PROGRESS_STATE = _declare(
    "progress_state", _W, _T, _RV, "On the leader: probe, replicate or snapshot.", by="peer"
)
LEAD_TRANSFEREE = _declare(
    "lead_transferee",
    _W,
    _T,
    _RV,
    "On the leader: to whom leadership is being handed; empty for none.",
    keep=620.0,
)
RAFTVARS_SECONDS = _declare("raftvars_seconds", _S, _G, _RV, "How long /debug/vars took.")

# --- members, alarms -------------------------------------------------------------------------
MEMBER_LIST = _declare(
    "member_list",
    _W,
    _F,
    "Cluster.MemberList",
    "The membership as this member sees it.",
    keep=_METRICS_KEEP,
)
ALARMS = _declare("alarms", _W, _F, _ST, "Raised NOSPACE and CORRUPT alarms, from Status.errors.")

# --- probe and presence --------------------------------------------------------------------------
_PR = "active probe"
_TCP = "TCP probe"
CONNECT_SECONDS = _declare("connect_seconds", _S, _G, _TCP, "TCP connect to the client port.")
PORT_STATE = _declare(
    "port_state",
    _W,
    _T,
    _TCP,
    "open, refused, silent or unresolved, per port.",
    by="port",
    keep=620.0,
)
HANDSHAKE_SECONDS = _declare("handshake_seconds", _S, _G, _TCP, "TLS handshake on the client port.")
SERIALIZABLE_SECONDS = _declare("serializable_seconds", _S, _G, _PR, "A serializable read.")
LINEARIZABLE_SECONDS = _declare("linearizable_seconds", _S, _G, _PR, "A linearizable read.")
LINEARIZABLE_OK = _declare("linearizable_ok", _W, _G, _PR, "1 if a linearizable read was answered.")
CLOCK_OFFSET = _declare(
    "clock_offset", _S, _G, _PR, "By how much the member's clock is ahead, at least; by its Dates."
)
CERTIFICATE_END = _declare(
    "certificate_end",
    Unit.UNIX,
    _G,
    "certificate",
    "NotAfter of the presented certificate.",
    by="port",
    keep=7200.0,
)
FAREWELL = _declare(
    "farewell",
    _W,
    _G,
    _PR,
    "1 when the member took its leave in order (GOAWAY, or client port closed "
    "while the peer port still answered).",
    keep=_METRICS_KEEP,
)
PRESENCE = _declare(
    "presence",
    _W,
    _T,
    _PR,
    "present, or gone when the held connection was closed by the member.",
    keep=_METRICS_KEEP,
)

# --- metrics: /metrics ---------------------------------------------------------------------------
_M = "/metrics"
HAS_LEADER = _declare(
    "has_leader", _W, _G, _M, "1 if the member knows a leader.", "etcd_server_has_leader"
)
LEADER_CHANGES = _declare(
    "leader_changes",
    _N,
    _C,
    _M,
    "Leader changes seen.",
    "etcd_server_leader_changes_seen_total",
    keep=_METRICS_KEEP,
)
HEARTBEAT_SEND_FAILURES = _declare(
    "heartbeat_send_failures",
    _N,
    _C,
    _M,
    "Leader's own raft loop ran late: a local stall, not the network.",
    "etcd_server_heartbeat_send_failures_total",
    keep=_METRICS_KEEP,
)
SLOW_APPLIES = _declare(
    "slow_applies", _N, _C, _M, "Applies, and reads, over 100 ms.", "etcd_server_slow_apply_total"
)
SLOW_READ_INDEXES = _declare(
    "slow_read_indexes", _N, _C, _M, "Slow ReadIndex rounds.", "etcd_server_slow_read_indexes_total"
)
READ_INDEXES_FAILED = _declare(
    "read_indexes_failed",
    _N,
    _C,
    _M,
    "Failed ReadIndex rounds.",
    "etcd_server_read_indexes_failed_total",
)
PROPOSALS_COMMITTED = _declare(
    "proposals_committed",
    _E,
    _G,
    _M,
    "Commit index after the WAL save; a gauge despite its name.",
    "etcd_server_proposals_committed_total",
)
PROPOSALS_APPLIED = _declare(
    "proposals_applied",
    _E,
    _G,
    _M,
    "Applied index; a gauge despite its name.",
    "etcd_server_proposals_applied_total",
)
PROPOSALS_PENDING = _declare(
    "proposals_pending", _N, _G, _M, "Proposals waiting here.", "etcd_server_proposals_pending"
)
PROPOSALS_FAILED = _declare(
    "proposals_failed", _N, _C, _M, "Proposals failed here.", "etcd_server_proposals_failed_total"
)
QUOTA_BYTES = _declare(
    "quota_bytes",
    _B,
    _G,
    _M,
    "Backend quota.",
    "etcd_server_quota_backend_bytes",
)
WAL_FSYNC = _declare(
    "wal_fsync", _S, _H, _M, "WAL fsync durations.", "etcd_disk_wal_fsync_duration_seconds"
)
BACKEND_COMMIT = _declare(
    "backend_commit",
    _S,
    _H,
    _M,
    "Backend commit durations.",
    "etcd_disk_backend_commit_duration_seconds",
)
DEFRAG_INFLIGHT = _declare(
    "defrag_inflight",
    _W,
    _G,
    _M,
    "1 while a defragmentation runs.",
    "etcd_disk_defrag_inflight",
    keep=_METRICS_KEEP,
)
ACTIVE_PEERS = _declare(
    "active_peers",
    _W,
    _G,
    _M,
    "1 while a stream to that peer is alive.",
    "etcd_network_active_peers",
    by="Remote",
    keep=_METRICS_KEEP,
)
DISCONNECTED_PEERS = _declare(
    "disconnected_peers",
    _N,
    _C,
    _M,
    "Lost peer connections.",
    "etcd_network_disconnected_peers_total",
    by="Remote",
    keep=_METRICS_KEEP,
)
PEER_SENT_BYTES = _declare(
    "peer_sent_bytes",
    _B,
    _C,
    _M,
    "Bytes sent to that peer.",
    "etcd_network_peer_sent_bytes_total",
    by="To",
)
PEER_RECEIVED_BYTES = _declare(
    "peer_received_bytes",
    _B,
    _C,
    _M,
    "Bytes received from that peer.",
    "etcd_network_peer_received_bytes_total",
    by="From",
)
PEER_SENT_FAILURES = _declare(
    "peer_sent_failures",
    _N,
    _C,
    _M,
    "Messages to that peer that could not be sent.",
    "etcd_network_peer_sent_failures_total",
    by="To",
    keep=_METRICS_KEEP,
)
PEER_RTT = _declare(
    "peer_rtt",
    _S,
    _H,
    _M,
    "Smoothed RTT, every 30 s; mixes two probers.",
    "etcd_network_peer_round_trip_time_seconds",
    by="To",
)
SNAPSHOT_SENDS = _declare(
    "snapshot_sends_inflight",
    _N,
    _G,
    _M,
    "Snapshots being sent to that peer.",
    "etcd_network_snapshot_send_inflights_total",
    by="To",
)
CURRENT_REVISION = _declare(
    "current_revision", _N, _G, _M, "Current revision.", "etcd_debugging_mvcc_current_revision"
)
COMPACT_REVISION = _declare(
    "compact_revision", _N, _G, _M, "Compact revision.", "etcd_debugging_mvcc_compact_revision"
)
KEYS = _declare("keys", _N, _G, _M, "Live keys.", "etcd_debugging_mvcc_keys_total")
METRICS_DB_BYTES = _declare(
    "metrics_db_bytes",
    _B,
    _G,
    _M,
    "Physical size of the database file.",
    "etcd_mvcc_db_total_size_in_bytes",
    "etcd_debugging_mvcc_db_total_size_in_bytes",
)
METRICS_DB_IN_USE = _declare(
    "metrics_db_in_use",
    _B,
    _G,
    _M,
    "Size of the pages in use.",
    "etcd_mvcc_db_total_size_in_use_in_bytes",
)
PROCESS_CPU = _declare(
    "process_cpu_seconds",
    _S,
    _C,
    _M,
    "CPU time of the etcd process.",
    "process_cpu_seconds_total",
    keep=_METRICS_KEEP,
)
PROCESS_START = _declare(
    "process_start",
    Unit.UNIX,
    _G,
    _M,
    "When the process started.",
    "process_start_time_seconds",
    keep=_METRICS_KEEP,
)
RESIDENT_BYTES = _declare(
    "resident_bytes", _B, _G, _M, "Resident memory.", "process_resident_memory_bytes"
)
# etcd counts os_fd_used only every ten minutes (server/etcdserver/metrics.go).
FDS_USED = _declare(
    "fds_used", _N, _G, _M, "Open file descriptors.", "process_open_fds", "os_fd_used"
)
FDS_LIMIT = _declare("fds_limit", _N, _G, _M, "Descriptor limit.", "process_max_fds", "os_fd_limit")
GRPC_HANDLED = _declare(
    "grpc_handled",
    _N,
    _C,
    _M,
    "gRPC calls ended, by code.",
    "grpc_server_handled_total",
    by="grpc_code",
)
LEARNER_METRIC = _declare(
    "metrics_is_learner",
    _W,
    _G,
    _M,
    "1 while a learner.",
    "etcd_server_is_learner",
    first=(3, 4, 0),
)
METRICS_SECONDS = _declare("metrics_seconds", _S, _G, _M, "How long the scrape took.")

# --- logs ----------------------------------------------------------------------------------------
# Each value is a LogEvent (model/logs.py), keyed by its kind. It carries its own time: a point's
# time only says when it was read. What was older than ``keep`` when it was read is not among them,
# but for the last words of a process that ended.
LOG_EVENT = _declare(
    "log_event",
    _W,
    _F,
    "etcd's log",
    "What a line of the member's log said, by kind.",
    by="kind",
    keep=620.0,
)

# --- clients, as /metrics shows them ---------------------------------------------------------
GRPC_ERRORS = _declare(
    "grpc_errors",
    _N,
    _C,
    _M,
    "Single calls that ended with an error, by service, method and code.",
    "grpc_server_handled_total",
    by="grpc_service grpc_method grpc_code",
    where=(("grpc_type", "unary"),),
    unless=(("grpc_code", "OK"),),
    sparse=True,
    keep=_METRICS_KEEP,
)
GRPC_STARTED = _declare(
    "grpc_started",
    _N,
    _C,
    _M,
    "Single calls that began, by service and method.",
    "grpc_server_started_total",
    by="grpc_service grpc_method",
    where=(("grpc_type", "unary"),),
    sparse=True,
)
SNAPSHOT_MESSAGES = _declare(
    "snapshot_messages",
    _N,
    _C,
    _M,
    "Messages of 32 KiB of snapshots that clients took.",
    "grpc_server_msg_sent_total",
    where=(("grpc_method", "Snapshot"),),
)
CLIENT_RECEIVED_BYTES = _declare(
    "client_received_bytes",
    _B,
    _C,
    _M,
    "Bytes of requests that were read.",
    "etcd_network_client_grpc_received_bytes_total",
)
CLIENT_SENT_BYTES = _declare(
    "client_sent_bytes",
    _B,
    _C,
    _M,
    "Bytes of answers, events and snapshots.",
    "etcd_network_client_grpc_sent_bytes_total",
)
PUTS = _declare(
    "puts",
    _N,
    _C,
    _M,
    "Puts applied, of the whole cluster, each of a transaction by itself.",
    "etcd_mvcc_put_total",
    "etcd_debugging_mvcc_put_total",
)
PUT_BYTES = _declare(
    "put_bytes",
    _B,
    _G,
    _M,
    "Bytes of all keys and values put since the start.",
    "etcd_debugging_mvcc_total_put_size_in_bytes",
)
EVENTS_SENT = _declare(
    "events_sent", _N, _C, _M, "Events sent to watchers.", "etcd_debugging_mvcc_events_total"
)
EVENTS_PENDING = _declare(
    "events_pending",
    _N,
    _G,
    _M,
    "Events that watchers have not taken; a gauge despite its name.",
    "etcd_debugging_mvcc_pending_events_total",
)
SLOW_WATCHERS = _declare(
    "slow_watchers",
    _N,
    _G,
    _M,
    "Watchers that are behind; a gauge despite its name.",
    "etcd_debugging_mvcc_slow_watcher_total",
)
LEASES_GRANTED = _declare(
    "leases_granted",
    _N,
    _C,
    _M,
    "Leases granted since the start.",
    "etcd_debugging_lease_granted_total",
)
LEASES_REVOKED = _declare(
    "leases_revoked",
    _N,
    _C,
    _M,
    "Leases revoked since the start, expired ones included.",
    "etcd_debugging_lease_revoked_total",
)
LEASES_EXPIRED = _declare(
    "leases_expired",
    _N,
    _C,
    _M,
    "Leases that ran out while this member led.",
    "etcd_debugging_server_lease_expired_total",
)
TXN_APPLIES = _declare(
    "txn_applies",
    _S,
    _H,
    _M,
    "How long transactions took to apply.",
    "etcd_server_apply_duration_seconds",
    where=(("op", "Txn"),),
    first=(3, 5, 0),
)


# --- hashes and certificates: what is the same on all members ------------------------------------
_HK = "Maintenance.HashKV"
HASHED = _declare(
    "hashed",
    _W,
    _F,
    _HK,
    "Hash of all keys up to one revision, with that and the compact revision.",
    keep=7200.0,
)
HASH_SECONDS = _declare("hash_seconds", _S, _G, _HK, "How long the member took to hash.")
AUTH_ON = _declare(
    "auth_on", _W, _G, _HK, "1 if HashKV was refused to us, 0 if nobody was asked who asks."
)
AUTH_REVISION = _declare(
    "auth_revision",
    _N,
    _G,
    _M,
    "Revision of users and roles.",
    "etcd_debugging_auth_revision",
    keep=_METRICS_KEEP,
)
CERTIFICATE = _declare(
    "certificate",
    _W,
    _F,
    "certificate",
    "The presented certificate: fingerprint, issuer, names, end.",
    by="port",
    keep=7200.0,
)
PROCESS_AT = _declare(
    "process_at",
    Unit.UNIX,
    _G,
    "/metrics",
    "When the process that answers at that endpoint started.",
    by="endpoint",
    keep=_METRICS_KEEP,
)

# --- space and its long memory -------------------------------------------------------------------
COMMIT_REBALANCE = _declare(
    "commit_rebalance",
    _S,
    _H,
    _M,
    "Part of a backend commit: joining pages that deletes have emptied.",
    "etcd_debugging_disk_backend_commit_rebalance_duration_seconds",
)
COMMIT_SPILL = _declare(
    "commit_spill",
    _S,
    _H,
    _M,
    "Part of a backend commit: finding free pages and copying to them.",
    "etcd_debugging_disk_backend_commit_spill_duration_seconds",
)
COMMIT_WRITE = _declare(
    "commit_write",
    _S,
    _H,
    _M,
    "Part of a backend commit: writing the pages and waiting for the disk.",
    "etcd_debugging_disk_backend_commit_write_duration_seconds",
)
OPEN_READS = _declare(
    "open_read_transactions",
    _N,
    _G,
    _M,
    "Open read transactions of the backend; etcd itself always holds one.",
    "etcd_mvcc_db_open_read_transactions",
    keep=_METRICS_KEEP,
)
COMPACTION_MS = _declare(
    "compaction_ms",
    _W,
    _H,
    _M,
    "Durations of compactions, in milliseconds.",
    "etcd_debugging_mvcc_db_compaction_total_duration_milliseconds",
    keep=_METRICS_KEEP,
)
# What a forecast looks back on: half a day, a point a minute, 90 kB a member and signal.
_LONG_KEEP, _LONG_EVERY = 12 * 3600.0, 60.0
LONG: dict[Signal, Signal] = {}


def _remembered(signal: Signal) -> Signal:
    """Declare a signal's long memory; the window fills it from the signal itself."""
    long = Signal(
        f"{signal.name}_long",
        signal.unit,
        signal.kind,
        signal.source,
        f"{signal.means} A point a minute.",
        keep=_LONG_KEEP,
        every=_LONG_EVERY,
    )
    TABLE[long.name] = LONG[signal] = long
    return long


DB_BYTES_LONG = _remembered(DB_BYTES)
DB_IN_USE_BYTES_LONG = _remembered(DB_IN_USE_BYTES)
COMPACT_REVISION_LONG = _remembered(COMPACT_REVISION)
CURRENT_REVISION_LONG = _remembered(CURRENT_REVISION)


# --- network and raft: flags, snapshots, advertised URLs ---------------------------------------
FLAGS = _declare(
    "flags",
    _W,
    _F,
    _RV,
    "Raft's settings on the member's command line, a tuple of (flag, value).",
)
SNAPSHOTS_SENT = _declare(
    "snapshots_sent",
    _N,
    _C,
    _M,
    "Snapshots that were sent to that peer.",
    "etcd_network_snapshot_send_success",
    by="To",
    keep=_METRICS_KEEP,
)
SNAPSHOT_SEND_FAILURES = _declare(
    "snapshot_send_failures",
    _N,
    _C,
    _M,
    "Snapshots that could not be sent to that peer.",
    "etcd_network_snapshot_send_failures",
    by="To",
    keep=_METRICS_KEEP,
)
ADVERTISED_STATE = _declare(
    "advertised_state",
    _W,
    _T,
    _TCP,
    "open, refused, silent or unresolved, per client URL that is advertised and not looked at.",
    by="url",
    keep=620.0,
)

# --- host: /proc of this machine, or a node_exporter ---------------------------------------------
_HO = "host"
HOST_VIEW = _declare(
    "host_view", _W, _T, _HO, "How the member's host is seen: proc or node_exporter."
)
HOST_UNREADABLE = _declare(
    "host_unreadable", _W, _G, _HO, "1 for each thing that we may not read there.", by="what"
)
PROC_PID = _declare("proc_pid", _W, _G, _HO, "The etcd process; 0 while there is none.")
PROC_STATE = _declare(
    "proc_state", _W, _T, _HO, "Its state: R, S, D (in the kernel), T (stopped), gone."
)
THREADS_BLOCKED = _declare(
    "threads_blocked", _N, _G, _HO, "Threads of etcd that wait in the kernel (state D)."
)
PROC_FDS = _declare("proc_fds", _N, _G, _HO, "Open file descriptors, as the kernel counts them.")
PROC_FDS_LIMIT = _declare("proc_fds_limit", _N, _G, _HO, "Its soft limit of descriptors.")
PROC_WRITTEN = _declare("proc_written", _B, _C, _HO, "Bytes that etcd caused to be written.")
PRESSURE = _declare(
    "pressure", _S, _C, _HO, "For how long some task of the host waited (PSI).", by="resource"
)
CGROUP_PRESSURE = _declare(
    "cgroup_pressure", _S, _C, _HO, "For how long some task of etcd's cgroup waited.", by="resource"
)
CPU_THROTTLED = _declare(
    "cpu_throttled", _S, _C, _HO, "For how long etcd's cgroup was throttled, all CPUs together."
)
CPU_PERIODS = _declare("cpu_periods", _N, _C, _HO, "Periods of the cgroup's CPU limit.")
CPU_PERIODS_THROTTLED = _declare(
    "cpu_periods_throttled", _N, _C, _HO, "Periods in which the limit was reached."
)
CPU_LIMIT = _declare("cpu_limit", _N, _G, _HO, "Cores that the cgroup may use.")
CPU_STOLEN = _declare("cpu_stolen", _S, _C, _HO, "CPU time that the hypervisor gave to others.")
CPU_IOWAIT = _declare("cpu_iowait", _S, _C, _HO, "CPU time that was idle for want of I/O.")
CPUS = _declare("cpus", _N, _G, _HO, "CPUs of the host.")
MEMORY_USED = _declare(
    "memory_used", _B, _G, _HO, "Memory that cannot be taken back: cgroup's, host's.", by="of"
)
MEMORY_LIMIT = _declare("memory_limit", _B, _G, _HO, "What there is of it at most.", by="of")
OOM_KILLS = _declare(
    "oom_kills", _N, _C, _HO, "Kills for want of memory: cgroup's, host's.", by="of", keep=320.0
)
FS_FREE = _declare(
    "fs_free", _B, _G, _HO, "Free bytes where data and WAL are.", by="of", keep=_METRICS_KEEP
)
FS_BYTES = _declare("fs_bytes", _B, _G, _HO, "Size of that file system.", by="of")
FS_INODES_FREE = _declare("fs_inodes_free", _N, _G, _HO, "Free inodes there.", by="of")
FS_INODES = _declare("fs_inodes", _N, _G, _HO, "Inodes there.", by="of")
FS_READ_ONLY = _declare("fs_read_only", _W, _G, _HO, "1 if it is mounted read-only.", by="of")
DISK_NAME = _declare("disk_name", _W, _T, _HO, "The block device of the WAL.")
DISK_WRITTEN = _declare("disk_written", _B, _C, _HO, "Bytes written to that device.")
DISK_WRITES = _declare("disk_writes", _N, _C, _HO, "Writes that it has ended.")
DISK_WRITE_SECONDS = _declare("disk_write_seconds", _S, _C, _HO, "What these took together.")
DISK_BUSY = _declare("disk_busy", _S, _C, _HO, "For how long it had something to do.")
WRITER = _declare(
    "writer", _W, _T, _HO, "Who else writes to that device: name/pid, heaviest first.", by="rank"
)
WRITER_RATE = _declare("writer_rate", _B, _G, _HO, "How much that one writes a second.", by="rank")
CLOCK_SYNCED = _declare(
    "clock_synced", _W, _G, _HO, "1 if the kernel says that its clock is synchronised."
)
CLOCK_ERROR = _declare("clock_error", _S, _G, _HO, "By how much it may be off, the kernel says.")
TCP_SENT = _declare("tcp_sent", _N, _C, _HO, "TCP segments sent, in etcd's network.")
TCP_RETRANSMITTED = _declare("tcp_retransmitted", _N, _C, _HO, "TCP segments sent again.")
NET_ERRORS = _declare("net_errors", _N, _C, _HO, "Packets with errors, on all interfaces.")
NET_DROPS = _declare("net_drops", _N, _C, _HO, "Packets dropped, on all interfaces.")
LEFTOVER_BYTES = _declare(
    "leftover_bytes", _B, _G, _HO, "Files in the snapshot directory that nobody uses.", by="kind"
)
LEFTOVER_FILES = _declare("leftover_files", _N, _G, _HO, "How many of them.", by="kind")

# --- registry: a census of the key space ---------------------------------------------------------
_RG = "registry"
REGISTRY = _declare("registry", _W, _F, _RG, "Censuses of all keys, the newest last.", keep=8100.0)
REGISTRY_KEYS = _declare(
    "registry_keys", _N, _G, _RG, "Keys of a resource, of the largest.", by="resource", keep=8100.0
)
REGISTRY_BYTES = _declare(
    "registry_bytes", _B, _G, _RG, "Their keys and values.", by="resource", keep=8100.0
)

# --- ourselves -----------------------------------------------------------------------------------
LOOP_LAG = _declare(
    "loop_lag", _S, _G, "etcdscope", "How late our own event loop woke: our own stall, not etcd's."
)
SINK_FAILING = _declare(
    "sink_failing",
    _S,
    _G,
    "etcdscope",
    "For how long a sink has not taken anything; 0 is fine.",
    by="sink",
)
SINK_DROPPED = _declare(
    "sink_dropped", _N, _G, "etcdscope", "Messages that a sink will never get.", by="sink"
)
MEMORY = _declare(
    "memory", _W, _F, "etcdscope", "What an earlier life of ours remembered of the cluster."
)
STORE_FAILING = _declare(
    "store_failing", _S, _G, "etcdscope", "For how long history has not been kept; 0 is fine."
)

# Of several signals from one metric the first declared stands here, the others stand beside.
BY_METRIC: dict[str, Signal] = {}
for _signal in TABLE.values():
    for _text in _signal.metrics:
        BY_METRIC.setdefault(_text, _signal)
BESIDE: tuple[Signal, ...] = tuple(
    s for s in TABLE.values() if any(BY_METRIC[text] is not s for text in s.metrics)
)
