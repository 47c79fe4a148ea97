"""gRPC's own codes: what each means when etcd gives it."""

from dataclasses import dataclass

from etcdscope.model.incident import Step


@dataclass(frozen=True, slots=True)
class Code:
    """One gRPC code. ``metric``: as ``grpc_code`` spells it. ``whose``: etcd's fault or a client's.

    ``whose`` is server, client, or usual for what normal traffic brings.
    """

    number: int
    name: str
    metric: str
    whose: str
    means: str
    because: tuple[str, ...] = ()
    isnt: str = ""
    todo: tuple[Step, ...] = ()


_BY_CODE = Step(
    "See which method gives it.",
    "curl -s ENDPOINT/metrics | grep 'grpc_server_handled_total' | grep -v ' 0$'",
)
_CHECK = Step("Let etcdscope name the cause.", "etcdscope check --endpoints ENDPOINTS --for 10s")

CODES: tuple[Code, ...] = (
    Code(0, "OK", "OK", "usual", "The call was answered.", ("nothing is wrong",)),
    Code(
        1, "CANCELLED", "Canceled", "usual",
        "The client gave the call up, or ended its watch.",
        ("a watch or a lease stream was closed: every client does so at its end",
         "a client's time-out is shorter than etcd's answer"),
        "a fault of etcd; on Watch it is how streams end",
        (_BY_CODE,),
    ),
    Code(
        2, "UNKNOWN", "Unknown", "server",
        "An error that etcd has no code for was passed on as it was.",
        ("raft dropped a proposal while there was no leader", "the member is shutting down",
         "releases before 3.5 give it for cancelled requests"),
        todo=(_BY_CODE, Step("The error's text says more: see the client's log."), _CHECK),
    ),
    Code(
        3, "INVALID_ARGUMENT", "InvalidArgument", "client",
        "The request itself is wrong, and will be refused every time.",
        ("a request over 1.5 MiB (Put, Txn)", "more than 128 operations (Txn)",
         "no user although authentication is on, or a wrong password (Authenticate)",
         "an empty key, a lease or a value that contradicts an option"),
        "a sign of load or of a sick cluster",
        (_BY_CODE, Step("Find the client by its own log; etcd's log names the peer address.")),
    ),
    Code(
        4, "DEADLINE_EXCEEDED", "DeadlineExceeded", "server",
        "The client's own deadline passed first.",
        ("no leader: nothing is answered", "a slow disk or a starved CPU",
         "a list that is too large for the client's patience",
         "a client with a deadline too short"),
        "etcd's own time-out, which is UNAVAILABLE with \"request timed out\"",
        (_CHECK, _BY_CODE),
    ),
    Code(
        5, "NOT_FOUND", "NotFound", "usual",
        "A lease or a member that was named does not exist. Keys are never \"not found\".",
        ("a client came back after its lease had ended", "a member was removed already"),
        "a missing key: that is an empty answer with OK",
        (_BY_CODE,),
    ),
    Code(
        6, "ALREADY_EXISTS", "AlreadyExists", "usual",
        "etcd itself does not use this code; a proxy may.", ("a proxy or a gateway in between",),
        todo=(_BY_CODE,),
    ),
    Code(
        7, "PERMISSION_DENIED", "PermissionDenied", "client",
        "The user is known and may not do this.",
        ("a role lacks the key, the range or root",),
        "a wrong password, and no sign of a sick cluster",
        (_BY_CODE, Step("See the user's roles.", "etcdctl user get USER --detail")),
    ),
    Code(
        8, "RESOURCE_EXHAUSTED", "ResourceExhausted", "server",
        "A limit is reached: the database's quota, the apply backlog, or a message's size.",
        ("database space exceeded: alarm NOSPACE, every write is refused",
         "too many requests: more than 5 000 entries wait to be applied",
         ("received message larger than max: one request is over 2 MiB, or an answer over the"
         " client's limit")),
        "a rate limit: etcd has none",
        (
            Step("Is the quota full?", "etcdctl alarm list"),
            Step("Does applying lag? Compare RAFT INDEX and RAFT APPLIED INDEX.",
                 "etcdctl --endpoints ENDPOINTS endpoint status -w table"),
            Step("If neither: one client sends or asks for too much; its log has the size."),
        ),
    ),
    Code(
        9, "FAILED_PRECONDITION", "FailedPrecondition", "client",
        "The call is right, the state of the cluster does not allow it.",
        ("a change of membership that would cost the quorum", ("a call for the leader sent to a"
         " follower"), "user or role management in the wrong order", "a learner was asked"),
        todo=(_BY_CODE,),
    ),
    Code(
        10, "ABORTED", "Aborted", "server", "etcd itself does not use this code; a proxy may.",
        ("a proxy or a load balancer in between",), todo=(_BY_CODE,),
    ),
    Code(
        11, "OUT_OF_RANGE", "OutOfRange", "usual",
        "A revision was compacted, or does not exist yet.",
        ("a watcher or a paged list was slower than compaction: it lists anew",
         "after a restore, clients remember revisions that are gone"),
        "data loss", (_BY_CODE,),
    ),
    Code(
        12, "UNIMPLEMENTED", "Unimplemented", "client",
        "This release does not have the method, or it is switched off.",
        ("a newer client than server", "v2 calls, or a gateway of the wrong path"),
        todo=(Step("See the version.", "curl -s ENDPOINT/version"),),
    ),
    Code(
        13, "INTERNAL", "Internal", "server",
        "gRPC itself failed: a broken stream, a message that cannot be read.",
        ("a proxy that does not speak HTTP/2", "a member that ended in the middle of an answer"),
        todo=(_BY_CODE, _CHECK),
    ),
    Code(
        14, "UNAVAILABLE", "Unavailable", "server",
        "etcd cannot answer now: no leader, a time-out, or it is stopping. On the client's side"
        " also: no connection at all.",
        ("no leader or no quorum", "a leader change, which is over in a second",
         "a slow disk: request timed out", "a restart of the member",
         "the client cannot connect: wrong address, TLS, a firewall"),
        "worth a page on Watch or LeaseKeepAlive: 3.4 and 3.5 count streams so that merely ended",
        (_CHECK, Step("See the leader.", "etcdctl --endpoints ENDPOINTS endpoint status -w table")),
    ),
    Code(
        15, "DATA_LOSS", "DataLoss", "server",
        "The alarm CORRUPT is raised: members hold different data.",
        ("a member applied something differently, or its disk lied",),
        todo=(Step("Read on.", "etcdscope explain 'corrupt cluster'"),
              Step("See who is accused.", "etcdctl alarm list")),
    ),
    Code(
        16, "UNAUTHENTICATED", "Unauthenticated", "client",
        "The token is unknown or has ended.",
        ("the member was restarted, or the token is older than five minutes",
         "clients that log in once and never again"),
        "a wrong password: that is INVALID_ARGUMENT on Authenticate",
        (_BY_CODE, Step("Log in again; official clients do.")),
    ),
)  # fmt: skip

BY_NAME = {code.name: code for code in CODES}
BY_METRIC_NAME = {code.metric: code for code in CODES}
