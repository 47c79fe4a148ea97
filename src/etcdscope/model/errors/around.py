"""What clients, gRPC, TLS and the API server say of etcd: met as often as its own words."""

from etcdscope.model.errors.entry import KnownError
from etcdscope.model.incident import Step

_CHECK = Step("Let etcdscope tell what it is.", "etcdscope check --endpoints ENDPOINTS")
_ADDRESS = Step("See whether it listens there.", "ss -ltnp | grep -E ':(2379|2380)'")
_CERTIFICATE = Step(
    "See what certificate it shows, its names and its end.",
    "openssl s_client -connect HOST:2379 </dev/null 2>/dev/null | openssl x509 -noout"
    " -subject -ext subjectAltName -enddate",
)

AROUND: tuple[KnownError, ...] = (
    KnownError(
        "received message larger than max",
        "RESOURCE_EXHAUSTED",
        "gRPC refused a message by its size: a request over --max-request-bytes + 512 KiB at etcd,"
        " or an answer over the client's own limit.",
        (
            "one object is far over 1.5 MiB",
            ("a list without a limit: the answer is too large for the client (4 MiB by default in"
            " many gRPC clients; etcd's Go client has no limit)"),
        ),
        ("request-too-large", "range-expensive", "list-storm", "objects-giant"),
        "a full database",
        (
            Step("Page the list.", "etcdctl get PREFIX --prefix --limit=500"),
            Step("Find the object: the log of the client that is refused names it."),
        ),
        where="gRPC",
    ),
    KnownError(
        "context deadline exceeded",
        "DEADLINE_EXCEEDED",
        "The client's own deadline passed before the answer was there: etcdctl gives up after 5 s,"
        " an API server after 10 s to 60 s.",
        (
            "no leader or no quorum: nothing is answered",
            ("nothing listens, a firewall drops, or TLS does not fit: clients wait and then say"
            " only this"),
            "a slow disk, a starved CPU, a huge range",
        ),
        ("quorum-lost", "leader-missing", "member-unreachable", "wal-fsync-slow",
         "certificate-expired", "range-expensive"),
        "etcd's word: etcd's own time-out is \"etcdserver: request timed out\"",
        (_CHECK, Step("See what the connection does.", "etcdctl --debug endpoint health")),
        where="the client",
    ),
    KnownError(
        "context canceled", "CANCELLED", "The client gave the call up itself.",
        ("its own caller went away: a closed request, a process that ends",),
        todo=(Step("Nothing, while it is rare."),), usual=True, where="the client",
    ),
    KnownError(
        "transport is closing",
        "UNAVAILABLE",
        "The connection was closed under a call.",
        ("the member was restarted", "a load balancer or firewall ended an idle connection",
         "keep-alive pings were not answered"),
        ("member-restarting", "member-down", "client-connection-half-open"),
        todo=(Step("Did the member restart?", "curl -s ENDPOINT/metrics | grep process_start_time"),
              Step("If not: make the idle limit of what lies between longer than the client's"
                   " keep-alive.")),
        where="gRPC",
    ),
    KnownError(
        "too_many_pings",
        "UNAVAILABLE",
        "etcd closed the connection since the client pings more often than every five seconds"
        " (--grpc-keepalive-min-time).",
        ("a keep-alive time below 5 s in the client",),
        ("connection-churn",),
        todo=(Step("Set the client's keep-alive to 10 s or more (etcdctl: --keepalive-time)."),),
        where="gRPC",
    ),
    KnownError(
        "connection refused", "UNAVAILABLE",
        "The machine is there, and nobody listens at the port.",
        ("etcd is not running", "it listens on another address: --listen-client-urls"),
        ("member-down", "advertised-url-unreachable"),
        todo=(_ADDRESS, Step("See why it ended.", "journalctl -u etcd -n 50")),
        where="the system",
    ),
    KnownError(
        "certificate has expired", "UNAVAILABLE", "A certificate, theirs or ours, is past its end.",
        ("nobody renewed it; kubeadm's live a year",), ("certificate-expired",
         "certificate-expiring", "clock-skewed"),
        todo=(_CERTIFICATE, Step("Renew.", "kubeadm certs renew all   # then restart etcd")),
        where="TLS",
    ),
    KnownError(
        "certificate signed by unknown authority", "UNAVAILABLE",
        "The other side's certificate is of another authority than the one given.",
        ("--cacert is of another cluster", "the authority was replaced on some members only"),
        ("certificate-mismatched",), todo=(_CERTIFICATE,), where="TLS",
    ),
    KnownError(
        "certificate is valid for", "UNAVAILABLE",
        "The certificate does not name the address that was dialled.",
        ("a member got a new address or name", "a load balancer's name is not in it"),
        ("certificate-mismatched", "advertised-url-unreachable"), todo=(_CERTIFICATE,),
        where="TLS",
    ),
    KnownError(
        "bad certificate", "UNAVAILABLE", "The other side does not accept our certificate.",
        ("--client-cert-auth wants one of its own authority", "none was given"),
        ("certificate-mismatched",),
        todo=(Step("Give one.", "etcdctl --cacert CA --cert CERT --key KEY endpoint health"),),
        where="TLS",
    ),
    KnownError(
        "first record does not look like a TLS handshake", "UNAVAILABLE",
        "We speak TLS, the port speaks plain text.",
        ("https:// was given where etcd has http://", "the port is the metrics listener"),
        todo=(Step("Use http://, or give etcd certificates."),), where="TLS",
    ),
    KnownError(
        "no such host", "UNAVAILABLE", "The name does not resolve.",
        ("a headless service without ready pods", "DNS is down, or a typing mistake"),
        ("peer-name-unresolvable",), todo=(Step("Ask for it.", "getent hosts NAME"),),
        where="the system",
    ),
    KnownError(
        "the object has been modified; please apply your changes to the latest version", "ABORTED",
        "The API server's compare-and-swap failed: another writer was first (HTTP 409).",
        ("two controllers write one object", "a controller works from a stale cache"),
        ("txn-conflicts", "watch-cache-lagging"),
        "a fault of etcd", (Step("Read anew and try again; frameworks do."),), usual=True,
        where="the API server",
    ),
    KnownError(
        "too old resource version", "OUT_OF_RANGE",
        "The API server's word for a compacted revision (HTTP 410 Gone): the client lists anew.",
        ("a watcher was away or slow for more than five minutes", "a restore"),
        ("watch-revision-compacted", "list-storm", "revision-rewound"),
        "data loss",
        (Step("Read on.", "etcdscope explain 'required revision has been compacted'"),),
        usual=True, where="the API server",
    ),
)  # fmt: skip
