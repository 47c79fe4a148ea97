"""Signals of Kubernetes: its API, and each of its API servers.

Names were read in Kubernetes' sources and checked against a recorded scrape of 1.36; older names
stand behind newer ones. What an API server calls etcd's is what it sees as etcd's client.
"""

from etcdscope.model.signal import Kind, Signal, Unit, declare

_S, _B, _N, _W = Unit.SECONDS, Unit.BYTES, Unit.COUNT, Unit.NONE
_G, _C, _H, _F = Kind.GAUGE, Kind.COUNTER, Kind.HISTOGRAM, Kind.FACT
_KEEP = 960.0

# Where readings of the Kubernetes API belong in a window, and those of an API server.
KUBERNETES = "kubernetes:api"
APISERVER_PREFIX = "apiserver:"
BACKUPS = "backup:files"

# --- the Kubernetes API --------------------------------------------------------------------------
_KA = "Kubernetes API"
KUBE_NODES = declare("kube_nodes", _W, _F, _KA, "The nodes: servers one by one, others counted.")
KUBE_LEASES = declare("kube_leases", _W, _F, _KA, "The leases by which kubelets say they live.")
KUBE_PODS = declare(
    "kube_pods", _W, _F, _KA, "The static pods of etcd and the API servers.", keep=_KEEP
)
KUBE_NAMESPACES = declare("kube_namespaces", _W, _F, _KA, "Namespaces, those in deletion by name.")
KUBE_APIS = declare("kube_apis", _W, _F, _KA, "CRDs, and APIServices that are not available.")
KUBE_BACKUP_JOBS = declare("kube_backup_jobs", _W, _F, _KA, "CronJobs that save etcd.")
KUBE_RENEWALS = declare(
    "kube_renewals", _N, _C, _KA, "Renewals of node leases that we were told of.", keep=_KEEP
)
KUBE_UNSEEN = declare(
    "kube_unseen", _W, _F, _KA, "Why a kind of object is not seen; empty where it is.", by="kind"
)
KUBE_DENIED = declare(
    "kube_denied", _W, _G, _KA, "1 where the API does not let us see that kind.", by="kind"
)
KUBE_ASKED = declare(
    "kube_asked",
    _W,
    Kind.STATE,
    _KA,
    "What reading one lease gave while no renewal was seen: same, newer, or the error.",
)

# --- an API server's /readyz and /livez ---------------------------------------------------------
_AH = "API server /readyz"
APISERVER_HEALTH = declare(
    "apiserver_health", _W, _F, _AH, "Whether it is ready, and which of its checks fail."
)
APISERVER_NODE = declare("apiserver_node", _W, Kind.STATE, _AH, "The node that it runs on.")

# --- an API server's /metrics --------------------------------------------------------------------
_AM = "API server /metrics"
BY_METRIC: dict[str, Signal] = {}


def _metric(
    name: str,
    unit: Unit,
    kind: Kind,
    means: str,
    *metrics: str,
    by: str | None = None,
    where: tuple[tuple[str, str], ...] = (),
    unless: tuple[tuple[str, str], ...] = (),
    keep: float = 320.0,
    sparse: bool = False,
) -> Signal:
    signal = declare(
        name, unit, kind, _AM, means, *metrics, by=by, where=where, unless=unless, keep=keep,
        sparse=sparse,
    )  # fmt: skip
    for text in metrics:
        BY_METRIC.setdefault(text, signal)
    return signal


APISERVER_ETCD_SECONDS = _metric(
    "apiserver_etcd_seconds",
    _S,
    _H,
    "How long etcd took to answer it, network and its own waiting included, by operation.",
    "etcd_request_duration_seconds",
    by="operation",
)
_EVENTS = (("resource", "events"),)
APISERVER_EVENTS_SECONDS = _metric(
    "apiserver_events_seconds",
    _S,
    _H,
    "The same, of events alone: they may have an etcd of their own.",
    "etcd_request_duration_seconds",
    where=_EVENTS,
)
APISERVER_OTHERS_SECONDS = _metric(
    "apiserver_others_seconds",
    _S,
    _H,
    "The same, of all but events.",
    "etcd_request_duration_seconds",
    unless=_EVENTS,
)
APISERVER_ETCD_REQUESTS = _metric(
    "apiserver_etcd_requests",
    _N,
    _C,
    "What it has asked of etcd, by operation.",
    "etcd_requests_total",
    by="operation",
)
APISERVER_ETCD_ERRORS = _metric(
    "apiserver_etcd_errors",
    _N,
    _C,
    "What of that etcd did not do, by operation; conflicts are no errors.",
    "etcd_request_errors_total",
    by="operation",
)
APISERVER_EVENTS_REQUESTS = _metric(
    "apiserver_events_requests", _N, _C, "Requests about events.", "etcd_requests_total",
    where=_EVENTS,
)  # fmt: skip
APISERVER_EVENTS_ERRORS = _metric(
    "apiserver_events_errors", _N, _C, "Of these, what failed.", "etcd_request_errors_total",
    where=_EVENTS,
)  # fmt: skip
APISERVER_REQUESTS = _metric(
    "apiserver_requests",
    _N,
    _C,
    "What clients asked of it, by verb and HTTP status.",
    "apiserver_request_total",
    by="verb code",
)
APISERVER_SECONDS = _metric(
    "apiserver_seconds",
    _S,
    _H,
    "How long its clients waited, by verb.",
    "apiserver_request_duration_seconds",
    by="verb",
)
APISERVER_DB_BYTES = _metric(
    "apiserver_db_bytes",
    _B,
    _G,
    "Size of the database as one endpoint told it, by the number of the etcd in its flags.",
    "apiserver_storage_size_bytes",
    by="storage_cluster_id",
)
APISERVER_DB_BYTES_OLD = _metric(
    "apiserver_db_bytes_by_endpoint",
    _B,
    _G,
    "The same before Kubernetes 1.28, by endpoint.",
    "apiserver_storage_db_total_size_in_bytes",
    "etcd_db_total_size_in_bytes",
    by="endpoint",
)
APISERVER_OBJECTS = _metric(
    "apiserver_objects",
    _N,
    _G,
    "Objects by resource; -1 where the last count failed.",
    "apiserver_storage_objects",
    "etcd_object_counts",
    by="resource",
    keep=120.0,
)
APISERVER_CACHE_REVISION = _metric(
    "apiserver_cache_revision",
    _N,
    _G,
    "The revision that its watch cache has come to, by resource.",
    "apiserver_watch_cache_resource_version",
    by="group resource",
    keep=120.0,
)
APISERVER_CACHE_WAIT = _metric(
    "apiserver_cache_wait",
    _S,
    _H,
    "How long reads waited for the watch cache to be fresh enough.",
    "apiserver_watch_cache_read_wait_seconds",
)
APISERVER_CACHE_READS = _metric(
    "apiserver_cache_reads",
    _N,
    _C,
    "Consistent reads of the watch cache, by whether etcd had to be asked after all.",
    "apiserver_watch_cache_consistent_read_total",
    by="fallback",
)
APISERVER_CACHE_CHECKS = _metric(
    "apiserver_cache_checks",
    _N,
    _C,
    "Comparisons of the watch cache with etcd, by what they gave.",
    "apiserver_storage_consistency_checks_total",
    by="status",
)
APISERVER_LISTED = _metric(
    "apiserver_listed", _N, _C, "Objects fetched from etcd for lists.",
    "apiserver_storage_list_fetched_objects_total",
)  # fmt: skip
APISERVER_INFLIGHT = _metric(
    "apiserver_inflight", _N, _G, "Requests that it is at, by kind.",
    "apiserver_current_inflight_requests", by="request_kind",
)  # fmt: skip
APISERVER_CPU = _metric(
    "apiserver_cpu", _S, _C, "CPU time that it has used.", "process_cpu_seconds_total"
)
APISERVER_START = _metric(
    "apiserver_start", Unit.UNIX, _G, "When its process began.", "process_start_time_seconds"
)
APISERVER_SCRAPE = declare(
    "apiserver_scrape", _S, _G, _AM, "How long its metrics took to be read.", keep=320.0
)
BESIDE: tuple[Signal, ...] = (
    APISERVER_EVENTS_SECONDS,
    APISERVER_OTHERS_SECONDS,
    APISERVER_EVENTS_REQUESTS,
    APISERVER_EVENTS_ERRORS,
)

# --- backups -------------------------------------------------------------------------------------
BACKUP = declare(
    "backup", _W, _F, "backup files", "The newest backup file, and whether it is whole."
)
