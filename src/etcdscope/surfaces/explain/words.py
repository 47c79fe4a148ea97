"""Words of etcd and ours, as a senior operator explains them."""

from dataclasses import dataclass

from etcdscope.model.incident import Step
from etcdscope.surfaces.explain.causes import known as existing
from etcdscope.surfaces.explain.page import Page

_STATUS = Step("See it.", "etcdctl --endpoints ENDPOINTS endpoint status -w table")
_MEMBERS = Step("See them.", "etcdctl member list -w table")


@dataclass(frozen=True, slots=True)
class Word:
    """A word, what it means, and what is often thought of it. ``see``: words and causes beside."""

    means: str
    isnt: str = ""
    causes: tuple[str, ...] = ()
    todo: tuple[Step, ...] = ()
    see: tuple[str, ...] = ()


WORDS: dict[str, Word] = {
    "alarm": Word(
        "etcd has two alarms: NOSPACE (a database over its quota: the cluster refuses writes) and"
        " CORRUPT (members hold different data). Each stays until it is disarmed, though its"
        " reason is gone.",
        "what a monitoring system sends",
        ("quota-exhausted", "alarm-corrupt"),
        (Step("See them.", "etcdctl alarm list"),),
        ("database space exceeded", "corrupt cluster"),
    ),
    "applied index": Word(
        "The last raft entry that a member has carried out in its store. The gap to the committed"
        " index is work that waits; past 5 000 entries etcd refuses writes.",
        causes=("apply-lag",), todo=(_STATUS,), see=("committed index", "too many requests"),
    ),
    "backend commit": Word(
        "Every 100 ms, or 10 000 operations, etcd writes all changes since into its database file"
        " (bbolt). Clients wait for the WAL, not for this; applying waits for it.",
        "the commit of raft", ("backend-commit-slow",),
        (Step("See it.", "curl -s ENDPOINT/metrics | grep backend_commit_duration"),),
        ("wal fsync",),
    ),
    "blind spot": Word(
        "Something that etcdscope could not look at, and why. What was not seen is never called"
        " healthy.", causes=("metrics-unreachable", "monitor-permission-denied"),
    ),
    "candidate": Word(
        "A member that asks the others for their votes. With pre-vote it first asks whether it"
        " would get them (pre-candidate), so that a member that was cut off does not disturb the"
        " leader when it comes back.",
        causes=("leader-missing", "pre-vote-off"), see=("election", "term"),
    ),
    "committed index": Word(
        "The last raft entry that a quorum holds: it can no longer be lost. Alike on all members"
        " but for the moment that news takes.",
        causes=("apply-lag", "link-lossy"), todo=(_STATUS,), see=("applied index",),
    ),
    "compaction": Word(
        "Throwing history away up to a revision. Under Kubernetes the API server does it every"
        " five minutes; elsewhere --auto-compaction-retention, which is off by default. It frees"
        " pages inside the file and does not make the file smaller.",
        "defragmentation, which gives free pages back", ("compaction-stalled", "compaction-pauses"),
        see=("defragmentation", "revision", "required revision has been compacted"),
    ),
    "defragmentation": Word(
        "Writing the database file anew without its free pages. The member answers nothing"
        " meanwhile: one member at a time, the leader last, and only where less than half is in"
        " use.",
        "compaction, which only frees pages inside the file",
        ("db-fragmented", "defrag-blocking", "quota-near"),
        (Step("Do it.", "etcdctl --endpoints ENDPOINT defrag --command-timeout=60s"),),
        ("compaction", "quota"),
    ),
    "election": Word(
        "How members agree on a leader. A follower that has heard no leader for an election"
        " timeout (1 s by default, and a random part on top) stands for it; writes wait one to two"
        " seconds. One after a planned restart is normal, one after another is not.",
        causes=("leader-changed", "leader-flapping", "leader-missing"),
        see=("term", "candidate", "leader"),
    ),
    "evidence": Word("A measured fact with its unit, its limit and where it was read; for the"
                     " finding, or against a look-alike.", see=("incident", "witness")),
    "heartbeat": Word(
        "The leader's message to every follower, each 100 ms by default. An election timeout"
        " should be ten of them, and the heartbeat itself about one round trip between members.",
        causes=("timeouts-differ", "link-slow"), see=("etcd_server_heartbeat_send_failures_total",),
    ),
    "incident": Word("Findings with one cause, with a beginning and an end. Its id never changes;"
                     " its cause may become clearer.", see=("evidence", "blind spot")),
    "leader": Word(
        "The one member through which every write goes. It stays leader while a quorum hears it."
        " Reads go through it too, unless they are serializable.",
        "a single point of failure: a quorum elects another within about a second",
        ("leader-missing", "leader-changed", "leader-flapping", "leader-misplaced"),
        (_STATUS, Step("Move it.", "etcdctl --endpoints LEADER_URL move-leader MEMBER_ID")),
        ("election", "quorum", "term"),
    ),
    "learner": Word(
        "A member that receives everything and counts for nothing: no vote, no quorum. Add new"
        " members as learners, promote them when they have caught up (90 % of the leader's log),"
        " so that a slow start cannot cost the quorum.",
        "a read replica: it answers only serializable reads and status",
        ("learner-stuck", "learners-at-maximum"),
        (_MEMBERS, Step("Promote it.", "etcdctl member promote MEMBER_ID")),
        ("voter", "quorum"),
    ),
    "lease": Word(
        "A time to live that keys can be bound to: when it ends, or is revoked, they are deleted."
        " The leader keeps the time; after an election all leases are extended, so that nobody"
        " loses one to it. One lease can hold many keys.",
        causes=("leases-piling", "lease-expiry-storm"),
        todo=(Step("See them.", "etcdctl lease list"),), see=("requested lease not found",),
    ),
    "linearizable": Word(
        "A read that is as new as the last write: the member asks the leader for its index, the"
        " leader asks a quorum whether it still leads, and the member waits until it has applied"
        " that index. It is the default.",
        causes=("read-index-slow", "leader-missing"), see=("serializable",),
    ),
    "margin": Word(
        "How many more voters may be lost before writes stop: the voters that are reachable and"
        " caught up, less the quorum. 0 means that the next failure stops the cluster; negative,"
        " that it has stopped. A voter that runs but is far behind does not count.",
        "the number of members that are down", ("quorum-margin-zero", "quorum-lost"),
        (Step("See it.", "etcdscope check --endpoints ENDPOINTS"),), ("quorum", "voter"),
    ),
    "member": Word(
        "One etcd process of a cluster, with an id of its own. Its id stays with its data"
        " directory; a new directory is a new member.",
        causes=("member-down", "member-never-started", "data-dir-empty"), todo=(_MEMBERS,),
        see=("voter", "learner"),
    ),
    "pre-vote": Word(
        "Before it stands for election a member asks whether it would win; only then does it raise"
        " the term. Without it (off by default in 3.4) a member that was cut off deposes the"
        " leader when it comes back.",
        causes=("pre-vote-off", "leader-flapping"), see=("candidate", "term"),
    ),
    "proposal": Word(
        "A write on its way through raft: proposed, saved by a quorum, committed, applied. One"
        " that timed out may still be applied.",
        causes=("proposals-failing", "proposals-piling"), see=("committed index", "applied index"),
    ),
    "quorum": Word(
        "More than half of all voters in the member list, running or not: 2 of 3, 3 of 4, 3 of 5."
        " Without it nothing is written and no linearizable read is answered. An even number of"
        " voters tolerates no more failures than one less.",
        "more than half of the members that are up: the dead count until they are removed",
        ("quorum-lost", "quorum-margin-zero", "voters-even"),
        (_MEMBERS, Step("See how many may still go.", "etcdscope check --endpoints ENDPOINTS")),
        ("margin", "voter", "learner"),
    ),
    "quota": Word(
        "How large a member's database file may become (--quota-backend-bytes, 2 GiB by default,"
        " 8 GiB at most advised). Free pages count. The first member that reaches it makes the"
        " whole cluster read-only (alarm NOSPACE).",
        "the size of the disk, or of the live data",
        ("quota-near", "quota-exhausted", "quota-forecast"), (_STATUS,),
        ("defragmentation", "compaction", "database space exceeded"),
    ),
    "raft": Word(
        "The protocol by which the members agree on one order of writes: a leader, a log that a"
        " quorum holds, and terms. etcd shows its state at /debug/vars (raft.status).",
        todo=(Step("See it.", "curl -s ENDPOINT/debug/vars | grep -o '\"raft.status\".*'"),),
        see=("leader", "term", "quorum", "committed index"),
    ),
    "revision": Word(
        "The store's counter: each write transaction raises it by one, over all keys. Watches and"
        " Kubernetes' resourceVersion are revisions.",
        "the raft index, which counts entries and is higher",
        ("revision-rewound", "watch-revision-compacted"), (_STATUS,), ("compaction",),
    ),
    "serializable": Word(
        "A read that a member answers from its own store without asking anyone: it works without"
        " a leader, and may be old.",
        causes=("apply-lag",), see=("linearizable",),
    ),
    "snapshot": Word(
        "Three things: a backup (etcdctl snapshot save), raft's own file after every 100 000"
        " entries (10 000 since 3.6), and the whole database that a leader sends to a follower"
        " that is too far behind.",
        causes=("snapshot-storm", "backup-stale"),
        todo=(Step("Make a backup.", "etcdctl --endpoints ENDPOINT snapshot save etcd.db"),),
    ),
    "term": Word(
        "Raft's count of elections: each attempt to elect a leader raises it. A term that grows"
        " without a new leader is an election without a result. Status shows the term of the last"
        " applied entry; the living one is in /debug/vars.",
        "an error in itself: it only ever grows",
        ("leader-flapping", "leader-missing", "pre-vote-off"),
        (Step("See the living one.", "curl -s ENDPOINT/debug/vars | grep -o '\"term\":[0-9]*'"),),
        ("election", "leader"),
    ),
    "voter": Word(
        "A member that counts for the quorum: every member that is no learner, running or not.",
        causes=("voters-even", "voters-too-many", "member-never-started"), todo=(_MEMBERS,),
        see=("quorum", "learner"),
    ),
    "wal": Word(
        "The write-ahead log: what raft has agreed on, in files of 64 MB. Nothing is answered"
        " before it is safe there (fsync). It wants a fast disk of its own.",
        causes=("wal-fsync-slow", "disk-full", "wal-corrupt"), see=("wal fsync",),
    ),
    "wal fsync": Word(
        "Making the log safe on disk. Every write waits for the leader's; p99 under 10 ms is good,"
        " over 100 ms is bad. A slow follower is hidden by the others.",
        causes=("wal-fsync-slow", "storage-stalled-together", "disk-hung"),
        see=("etcd_disk_wal_fsync_duration_seconds", "backend commit"),
    ),
    "watch": Word(
        "A stream of all changes to a range of keys, from a revision on. One stream carries many"
        " watchers.",
        causes=("watchers-slow", "watch-revision-compacted"),
        see=("etcd_debugging_mvcc_slow_watcher_total", "compaction"),
    ),
    "witness": Word("Who saw it: we, or another member. \"I cannot reach m2\" is not \"m2 is"
                    " down\"; the others say whether they still hear it.", see=("evidence",)),
    "zoom": Word("Reading metrics every second instead of every five while anything is suspect."),
}  # fmt: skip

_SAME = {
    "nospace": "alarm", "corrupt": "alarm", "alarms": "alarm", "defrag": "defragmentation",
    "compact": "compaction", "follower": "leader", "watcher": "watch", "fsync": "wal fsync",
    "prevote": "pre-vote", "pre-candidate": "candidate", "resourceversion": "revision",
    "read index": "linearizable", "readindex": "linearizable", "raft term": "term",
    "raft index": "committed index", "write-ahead log": "wal", "database quota": "quota",
}  # fmt: skip


def word_page(said: str) -> Page | None:
    """Return the page of a word; its plural will do."""
    name = said.lower()
    spellings = (name, name.removesuffix("s"))
    known = next((w for s in spellings if (w := _SAME.get(s, s)) in WORDS), None)
    if known is None:
        return None
    word = WORDS[known]
    return Page(
        known,
        "word",
        "etcd",
        word.means,
        runbook=word.todo,
        isnt=word.isnt,
        causes=existing(word.causes),
        see=word.see,
    )
