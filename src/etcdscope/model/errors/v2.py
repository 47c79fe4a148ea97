"""The v2 API's error codes, and what they say to those who meet them today.

From server/etcdserver/api/v2error/error.go. etcd 3.6 has no v2 API any more; 3.4 and 3.5 have it
with --enable-v2. Old clients (flannel, confd, registrators, Patroni before 2.0) still print them.
"""

from etcdscope.model.errors.entry import KnownError
from etcdscope.model.incident import Step

_RETIRE = Step(
    "Move the client to the v3 API: etcd 3.6 does not have v2. See whether anything uses it.",
    "curl -s ENDPOINT/metrics | grep etcd_debugging_store_",
)
_FORM = Step("Correct the request's form fields.")
_HEALTH = Step("See leader and members.", "etcdctl --endpoints ENDPOINTS endpoint status -w table")
_CHECK = Step("Let etcdscope name the cause.", "etcdscope check --endpoints ENDPOINTS")


def _v2(
    number: int,
    text: str,
    means: str,
    because: tuple[str, ...] = (),
    causes: tuple[str, ...] = (),
    isnt: str = "",
    todo: tuple[Step, ...] = (_RETIRE,),
    *,
    http: int = 400,
    usual: bool = False,
) -> KnownError:
    return KnownError(
        text, "v2", means, because, causes, isnt, todo, usual=usual, number=number, http=http
    )


_OLD = "Only etcd before 2.0 gives it, which had standbys."

V2: tuple[KnownError, ...] = (
    _v2(
        100, "Key not found", "There is no such key.",
        ("it was never written, was deleted or its TTL ended", ("the data is in v3, and the client"
         " looks into v2: the two do not see each other")),
        isnt="an error of the cluster", http=404, usual=True,
        todo=(Step("See whether v3 has it.", "ETCDCTL_API=3 etcdctl get KEY"), _RETIRE),
    ),
    _v2(101, "Compare failed", "A compare-and-swap or -delete found another value or index.",
        ("another client was first; that is what it is for",), ("txn-conflicts",), http=412,
        usual=True),
    _v2(102, "Not a file", "The key is a directory.", http=403),
    _v2(
        103, "Reached the max number of peers in the cluster",
        "The cluster takes no more members.",
        ("the active size of a cluster before 2.0 was reached",),
        ("voters-too-many",),
        "a limit of v3: there only learners are limited, to one",
        (Step("See who is a member; remove the dead before adding.", "etcdctl member list"),),
    ),
    _v2(104, "Not a directory", "A part of the path is a key with a value."),
    _v2(105, "Key already exists", "A create found the key there already.",
        ("another client was first",), http=412, usual=True),
    _v2(106, "The prefix of given key is a keyword in etcd", "Keys below /_etcd are etcd's own."),
    _v2(107, "Root is read only", "The root itself cannot be written or deleted.", http=400),
    _v2(108, "Directory not empty", "A directory with keys in it needs recursive=true.", http=403),
    _v2(
        109, "Peer address has existed", "Another member has this peer URL.",
        ("a dead member was not removed before its replacement came",),
        ("member-never-started",),
        todo=(Step("Remove the old one first.", "etcdctl member remove MEMBER_ID"),),
    ),
    _v2(110, "The request requires user authentication", "v2 authentication is on.",
        ("no user was given, or a wrong password",), http=401),
    _v2(200, "Value is Required in POST form", "The value is missing.", todo=(_FORM,)),
    _v2(201, "PrevValue is Required in POST form", "prevValue is empty.", todo=(_FORM,)),
    _v2(202, "The given TTL in POST form is not a number", "ttl is no number of seconds.",
        todo=(_FORM,)),
    _v2(203, "The given index in POST form is not a number", "An index is no number.",
        todo=(_FORM,)),
    _v2(204, "Value or TTL is required in POST form", "Neither value nor ttl was given.",
        todo=(_FORM,)),
    _v2(205, "The given timeout in POST form is not a number", "timeout is no number.",
        todo=(_FORM,)),
    _v2(206, "Name is required in POST form", "A member's name is missing.", todo=(_FORM,)),
    _v2(207, "Index or value is required", "A compare needs prevIndex or prevValue.",
        todo=(_FORM,)),
    _v2(208, "Index and value cannot both be specified", "Only one of them can be compared.",
        todo=(_FORM,)),
    _v2(209, "Invalid field", "A field has a value that cannot be.", todo=(_FORM,)),
    _v2(210, "Invalid POST form", "The body is no form.", todo=(_FORM,)),
    _v2(211, "Value provided on refresh", "A refresh renews the TTL alone; leave the value out.",
        todo=(_FORM,)),
    _v2(212, "A TTL must be provided on refresh", "A refresh needs a ttl.", todo=(_FORM,)),
    _v2(
        300, "Raft Internal Error",
        "The request went through raft and did not come back in time, or raft failed it: the"
        " member could not get a quorum to agree. It may still take effect.",
        (
            "no leader or no quorum: members down, frozen or cut off",
            "the leader's disk is slow, so that proposals time out",
            "this member cannot reach the leader",
            "the member was stopping",
        ),
        ("quorum-lost", "leader-missing", "wal-fsync-slow", "member-isolated", "apply-lag"),
        "a bug or corrupt data, although it sounds so: it is v2's word for v3's \"request timed"
        " out\" and \"no leader\"",
        (
            _HEALTH,
            _CHECK,
            Step("See whether proposals fail, and where.",
                 "curl -s ENDPOINT/metrics | grep -E 'has_leader|proposals_|wal_fsync'"),
            Step("Repeat the write only if doing it twice is harmless: it may have been applied."),
            _RETIRE,
        ),
        http=500,
    ),
    _v2(
        301, "During Leader Election",
        "There was no leader when the request came.",
        ("an election is under way: a second or two is normal", "a quorum is lost",
         "leaders change again and again: slow disk, starved CPU, lossy network"),
        ("leader-missing", "leader-flapping", "quorum-lost", "member-isolated"),
        "a lasting state, while it is rare: try again after a second",
        (_HEALTH, _CHECK, _RETIRE),
        http=500,
    ),
    _v2(
        400, "watcher is cleared due to etcd recovery",
        "The watch was dropped because the member loaded a snapshot: events were skipped.",
        ("the member fell behind and was sent a snapshot", "it was restored or restarted"),
        ("snapshot-storm", "member-restarting", "apply-lag"),
        todo=(Step("Read the state anew, then watch from its index."), _RETIRE),
    ),
    _v2(
        401, "The event in requested index is outdated and cleared",
        "v2 keeps the last 1 000 events; the one that was asked for is gone.",
        ("the watcher was away or slow for more than 1 000 events of the whole cluster",),
        ("watchers-slow", "watch-revision-compacted"),
        "data loss: only history is gone; in v3 it is \"required revision has been compacted\"",
        (
            Step("Read the state anew, then watch from X-Etcd-Index + 1 of that answer.",
                 "curl -si ENDPOINT/v2/keys/DIR?recursive=true | grep -i x-etcd-index"),
            _RETIRE,
        ),
        usual=True,
    ),
    _v2(402, "Standby Internal Error", _OLD),
    _v2(403, "Invalid active size", _OLD),
    _v2(404, "Standby remove delay", _OLD),
    _v2(500, "Client Internal Error", "The v2 client failed before it asked.",
        ("no endpoint answers",), ("member-unreachable", "quorum-lost"), todo=(_CHECK, _RETIRE)),
)  # fmt: skip
