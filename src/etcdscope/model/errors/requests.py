"""etcd's errors about single requests: keys, leases, size and load.

Texts and codes of this file and of ``cluster`` and ``users`` are all of etcd's
api/v3rpc/rpctypes/error.go (3.4 to main of 2026); a test compares them with the strings in the
programs. ``first`` is told where a release without the text was seen.
"""

from etcdscope.model.errors.entry import KnownError
from etcdscope.model.incident import Step

_FIX_CALL = Step("Correct the call in the client; no state of the cluster will make it work.")
_WRITES = ("Put", "Txn", "LeaseGrant")

KEYS = (
    KnownError(
        "etcdserver: key is not provided",
        "INVALID_ARGUMENT",
        "The request has an empty key.",
        ("the client built a request without a key", "a script's variable was empty"),
        todo=(_FIX_CALL,),
        calls=("Range", "Put", "DeleteRange", "Txn"),
    ),
    KnownError(
        "etcdserver: key not found",
        "INVALID_ARGUMENT",
        "A put asked to keep the key's value or lease (ignore_value, ignore_lease), but there is"
        " no such key.",
        ("the key was deleted, or its lease ended, in between",),
        isnt="what a read of a missing key gives: that is an empty answer, not an error",
        todo=(Step("Look for the key.", "etcdctl get KEY -w json"), _FIX_CALL),
        calls=("Put", "Txn"),
    ),
    KnownError(
        "etcdserver: value is provided",
        "INVALID_ARGUMENT",
        "A put said ignore_value and gave a value as well.",
        todo=(_FIX_CALL,),
        calls=("Put", "Txn"),
    ),
    KnownError(
        "etcdserver: lease is provided",
        "INVALID_ARGUMENT",
        "A put said ignore_lease and gave a lease as well.",
        todo=(_FIX_CALL,),
        calls=("Put", "Txn"),
    ),
    KnownError(
        "etcdserver: too many operations in txn request",
        "INVALID_ARGUMENT",
        "A transaction has more operations in a branch than --max-txn-ops allows (128).",
        ("a bulk loader or a migration packs too much into one transaction",),
        ("transaction-huge",),
        "a sign of load: the same request is refused on an idle cluster",
        (
            Step("Split the transaction; 100 operations a piece is plenty."),
            Step(
                "Only if it cannot be split, raise the limit on every member alike: large"
                " transactions block all other writes while they are applied.",
                "etcd --max-txn-ops=512 …",
            ),
        ),
        ("Txn",),
    ),
    KnownError(
        "etcdserver: duplicate key given in txn request",
        "INVALID_ARGUMENT",
        "One transaction puts the same key twice, or puts a key in a range that it deletes.",
        ("a batch was built from a list with repeated keys",),
        todo=(Step("Merge the repeated writes: the last one wins."), _FIX_CALL),
        calls=("Txn",),
    ),
    KnownError(
        "etcdserver: invalid client api version",
        "INVALID_ARGUMENT",
        "The client names an API version of its own that is no version.",
        ("a client library was built by hand", "a proxy rewrites the metadata"),
        todo=(_FIX_CALL,),
        first=(3, 6, 0),
    ),
    KnownError(
        "etcdserver: invalid sort option",
        "INVALID_ARGUMENT",
        "A range asks for an order or a sort target that does not exist.",
        todo=(_FIX_CALL,),
        calls=("Range", "Txn"),
        first=(3, 6, 0),
    ),
    KnownError(
        "etcdserver: mvcc: required revision has been compacted",
        "OUT_OF_RANGE",
        "The revision that was asked for is older than the last compaction: its history is gone.",
        (
            (
                "a watcher was away or too slow for longer than the compaction interval (5 minutes"
                " under Kubernetes)"
            ),
            "a paged list took longer than the compaction interval",
            "the cluster was restored from a snapshot, or a client kept a revision of another one",
        ),
        ("watch-revision-compacted", "watchers-slow", "revision-rewound"),
        "data loss: the present values are all there, only history is gone. In Kubernetes it"
        ' appears as "410 Gone" or "too old resource version", and clients list anew',
        (
            Step("List anew, then watch from the revision of that list; informers do so."),
            Step(
                "See how far compaction has come and who is behind.",
                "curl -s ENDPOINT/metrics | grep -E '(compact|current)_revision|slow_watcher'",
            ),
            Step(
                "If it comes in waves, find the slow watcher; keeping more history only hides it."
            ),
        ),
        ("Range", "Txn", "Watch", "Compact", "HashKV"),
        usual=True,
    ),
    KnownError(
        "etcdserver: mvcc: required revision is a future revision",
        "OUT_OF_RANGE",
        "The revision that was asked for does not exist yet on this member.",
        (
            "the cluster was restored from a snapshot and the client remembers a later revision",
            "the client talks to two different clusters behind one name",
            "a serializable read reached a member that lags",
        ),
        ("revision-rewound", "apply-lag", "cluster-id-mixed"),
        "something that waiting cures after a restore: the client must forget its revision",
        (
            Step("Compare the revisions of all members.", "etcdctl endpoint status -w json"),
            Step(
                "After a restore, restart what caches revisions (API servers, controllers); next"
                " time restore with a revision bump.",
                "etcdutl snapshot restore … --bump-revision 1000000000 --mark-compacted",
            ),
        ),
        ("Range", "Txn", "Watch", "Compact", "HashKV"),
    ),
    KnownError(
        "etcdserver: mvcc: database space exceeded",
        "RESOURCE_EXHAUSTED",
        "The database of at least one member has reached its quota. The alarm NOSPACE is raised,"
        " and the whole cluster refuses every write until the alarm is disarmed; reads and deletes"
        " go on.",
        (
            "history was never compacted, or compaction stopped",
            (
                "space was freed by compaction but never given back: the quota counts the file,"
                " free pages included"
            ),
            "something writes too much: events, custom resources, orphaned objects",
            "one member alone was never defragmented, or has a smaller quota",
        ),
        ("quota-exhausted", "quota-near", "db-fragmented", "compaction-stalled", "events-flood"),
        "a full disk: etcd with a full disk does not answer at all, it ends. And freeing space is"
        " not enough: the alarm stays until it is disarmed",
        (
            Step(
                "See who raised the alarm, how large the files are and how much is in use.",
                "etcdctl alarm list; etcdctl --endpoints ENDPOINTS endpoint status -w table",
            ),
            Step(
                (
                    "Compact the history up to the revision of ten minutes ago, which watchers and"
                    " lists under way do not need (under Kubernetes only if the API server does"
                    " not)."
                ),
                "r=$(etcdctl endpoint status -w json | grep -o '\"revision\":[0-9]*' | head -1"
                " | cut -d: -f2); sleep 600; etcdctl compact $r",
            ),
            Step(
                "Defragment one member at a time, the leader last: each one stalls meanwhile.",
                "etcdctl --endpoints ENDPOINT defrag --command-timeout=60s",
            ),
            Step("Disarm; nothing does it by itself.", "etcdctl alarm disarm"),
            Step(
                "Find and delete what filled it through its own API; raise"
                " --quota-backend-bytes (at most 8 GiB, all members alike) only to gain time."
            ),
        ),
        _WRITES,
    ),
)

LEASES = (
    KnownError(
        "etcdserver: requested lease not found",
        "NOT_FOUND",
        "The lease has ended, was revoked, or never was.",
        (
            "the client was away for longer than the lease's time to live",
            "keep-alives came late: the client stalled, or the cluster had no leader for a while",
            "the lease was revoked by someone else",
        ),
        ("leader-missing", "leader-flapping", "lease-expiry-storm"),
        "in itself a fault: a client that comes back after a pause gets it once",
        (
            Step("Grant a new lease and write the keys again; sessions and locks are lost."),
            Step("See what leases there are.", "etcdctl lease list"),
            Step("If it comes to many clients at once, look for a leader change at that time."),
        ),
        ("LeaseRevoke", "LeaseTimeToLive", "LeaseKeepAlive", "Put", "Txn"),
        usual=True,
    ),
    KnownError(
        "etcdserver: lease already exists",
        "FAILED_PRECONDITION",
        "A lease with the id that the client chose exists already.",
        ("two clients derive ids in the same way", "a grant was repeated after a time-out"),
        todo=(Step("Let etcd choose the id (ID 0)."),),
        calls=("LeaseGrant",),
    ),
    KnownError(
        "etcdserver: too large lease TTL",
        "OUT_OF_RANGE",
        "A lease is longer than 9 000 000 000 seconds.",
        ("a duration was given in milliseconds or nanoseconds",),
        todo=(Step("Give the time to live in seconds."), _FIX_CALL),
        calls=("LeaseGrant",),
    ),
    KnownError(
        "etcdserver: watch canceled",
        "CANCELLED",
        "The watch stream was ended by its client.",
        ("the client stopped watching, or its process ended",),
        isnt="a fault; mixins that count Watch among failed calls accuse healthy clusters",
        todo=(Step("Nothing."),),
        calls=("Watch",),
        usual=True,
    ),
)

LOAD = (
    KnownError(
        "etcdserver: request is too large",
        "INVALID_ARGUMENT",
        "One request is larger than --max-request-bytes (1.5 MiB).",
        (
            (
                "one object has grown too large: a Helm release, a ConfigMap, the status of a"
                " custom resource"
            ),
            "a transaction packs many large values",
        ),
        ("request-too-large", "objects-giant"),
        "a full database: only this one request is refused, every time",
        (
            Step("Find the object: the log of the client that is refused names it."),
            Step("Split or shrink the object; compress Helm releases, prune their history."),
            Step(
                "Raise --max-request-bytes on all members only as a stop-gap: large entries slow"
                " every other write, and the API server has a limit of its own."
            ),
        ),
        ("Put", "Txn"),
    ),
    KnownError(
        "etcdserver: too many requests",
        "RESOURCE_EXHAUSTED",
        "More than 5 000 committed entries wait to be applied on this member, so it takes no more"
        " proposals.",
        (
            (
                "the member applies too slowly: slow backend commits, a defragmentation, a huge"
                " transaction or range that holds the apply loop"
            ),
            "a burst of writes beyond what the machine can apply",
            "compaction of a long history",
        ),
        ("apply-lag", "backend-commit-slow", "transaction-huge", "defrag-blocking", "disk-hung"),
        "a rate limit: there is none. It says that applying has fallen behind",
        (
            Step(
                "See the gap between committed and applied index, member by member.",
                "etcdctl --endpoints ENDPOINTS endpoint status -w table",
            ),
            Step(
                "See what holds the apply loop.",
                "curl -s ENDPOINT/metrics | grep -E 'backend_commit|defrag_inflight|slow_apply'",
            ),
            Step("Slow the writers down; retries at once make it worse."),
        ),
        ("Put", "Txn", "DeleteRange", "LeaseGrant", "LeaseRevoke", "Compact"),
    ),
)
