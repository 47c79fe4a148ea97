"""The process: how it begins, serves and ends."""

from etcdscope.etcd.logs.known.row import ID, ME, Row
from etcdscope.model import logs

ROWS: dict[str, Row] = {
    logs.SERVER_STARTING: Row(
        "an etcd process began",
        (
            "starting an etcd server",
            "starting etcd server",
            r"~^starting server\.\.\. \[version:",
            r"~^etcd Version: ",
        ),
        ("member-restarting",),
        True,
    ),
    logs.SERVER_READY: Row(
        "the member serves clients",
        (
            "ready to serve client requests",
            "published local member to cluster through raft",
            r"~^published \{Name:\S+ ClientURLs:",
        ),
        (),
        True,
    ),
    "member-local": Row(
        "which member this is, and up to which entry its disk goes",
        (
            "starting local member",
            "restarting local member",
            (
                rf"~^(?:re)?starting member {ME} in cluster (?P<cluster>{ID})"
                r"(?: at commit index (?P<index>\d+))?"
            ),
            r"~^name = \S+",
        ),
    ),
    "server-stopping": Row(
        "the process was told to stop",
        ("received signal; shutting down", r"~^received \w+ signal, shutting down"),
        ("member-stopped",),
        True,
    ),
    "server-stopped": Row(
        "the process took its parts down in order",
        (
            "closing etcd server",
            "closed etcd server",
            "stopping serving peer traffic",
            "stopped serving peer traffic",
            "stopping insecure grpc server due to error",
            "stopped insecure grpc server due to error",
            "stopping secure grpc server due to error",
            "stopped secure grpc server due to error",
            "cmux::serve",
            "setting up serving from embedded etcd failed.",
            "server has stopped; stopping cluster version's monitor",
            "server has stopped; stopping kv hash's monitor",
            "server has stopped; stopping storage version's monitor",
            "stopped serving client traffic",
            "stopping serving client traffic",
        ),
    ),
    "publish-failed": Row(
        "the member could not tell the cluster its name: there is no leader it hears",
        (
            "failed to publish local member to cluster through raft",
            r"~^publish error: (?P<error>.*)",
        ),
        ("quorum-lost", "leader-missing"),
        True,
    ),
    "start-failed": Row(
        "the process could not start",
        (
            "discovery failed",
            "failed to start etcd",
            "failed to verify flags",
            "failed to purge snap db file",
            "failed to list data directory",
            "error validating peerURLs",
            "error setting up initial cluster",
            r"~has already been bootstrapped",
            r"~member count is unequal",
            r"~(?:bind: address already in use)",
            r"~failed to find local ID in cluster",
            r"~^(?:unsupported|couldn't find local name|conflicting environment)",
            "Failed to start the etcd server",
            r"~^error verifying flags",
        ),
        ("member-restarting", "data-dir-empty"),
        True,
    ),
    "health-changed": Row(
        "the gRPC health service says something else",
        (
            "grpc service status changed",
            r"~^serving /health false",
            "serving /health false; no leader",
            "serving /health false due to an alarm",
        ),
    ),
    "server-error": Row(
        "the server ends with an error", ("server error", r"~^etcdserver: server error"), (), True
    ),
    "panic": Row("the process died of a panic", (r"~^panic: (?P<error>.*)",), (), True),
    "stack": Row(
        "a line of a panic's stack, which tells developers where it happened",
        (
            r"~^goroutine \d+ ",
            r"~^\t\S",
            r"~^created by ",
            r"~^\[signal \w+",
            r"~^\.\.\.additional",
            r"~^(?:[\w./*()\-]+)\((?:0x|\.\.\.|\{|\))",
            r"~^(?:go\.)?(?:etcd|uber)\S*\.\S+\(",
            r"~^runtime\.",
            r"~^main\.",
            r"~^exit status \d",
            r"~^\s*$",
            r"~^\s+/\S+\.go:\d+",
        ),
    ),
    "set-up": Row(
        "how the process is set up",
        (
            "Initialize and start etcd server",
            r"~^Running: ?",
            "configuring peer listeners",
            "configuring client listeners",
            "starting with peer TLS",
            "starting with client TLS",
            "serving peer traffic",
            "serving metrics",
            "serving client traffic securely",
            "serving client traffic insecurely; this is strongly discouraged!",
            "now serving peer/client/metrics",
            "simple token is not cryptographically signed",
            "notifying init daemon",
            "successfully notified init daemon",
            "Running http and grpc server on single port. This is not recommended for production.",
            r"~^--?[\w-]+ is deprecated",
            r"~^Deprecated '--logger=capnslog'",
            r"~^(?:Git SHA|Go Version|Go OS/Arch): ",
            r"~^setting maximum number of CPUs",
            (
                r"~^(?:data dir|member dir|heartbeat|election|snapshot count"
                r"|advertise client URLs|initial advertise peer URLs|initial cluster) ="
            ),
            r"~^(?:peerTLS|ClientTLS): ",
            r"~^listening for (?:peers|metrics|client requests) on",
            r"~^(?:ready to serve client requests|serving (?:insecure )?client requests on)",
            r"~^simple token is not cryptographically signed",
            r"~^force new cluster",
            r"~^recognized (?:and used )?environment variable",
            r"~^unrecognized environment variable",
            r"~^ignoring (?:peer|client) auto TLS",
        ),
    ),
    "version-set": Row(
        "the cluster's version, and what it allows",
        (
            "set initial cluster version",
            "enabled capabilities for version",
            "setting up initial cluster version",
            "setting up initial cluster version using v2 API",
            "setting up initial cluster version using v3 API",
            "cluster version is updated",
            "updated cluster version",
            "updated storage version",
            "failed to update storage version",
            "cluster version differs from storage version.",
            "updating cluster version",
            "updating cluster version using v2 API",
            "updating cluster version using v3 API",
            "checking downgrade enabled",
            r"~^set the initial cluster version to",
            r"~^enabled capabilities for version",
            r"~^setting up the initial cluster version",
            r"~^updat(?:ed|ing) the cluster version from",
        ),
    ),
    "grpc": Row(
        "the gRPC library speaks of a connection; usual when clients or members come and go",
        (r"~^\[(?:core|transport|balancer|roundrobin)\] ", r"~^grpc: "),
    ),
}
