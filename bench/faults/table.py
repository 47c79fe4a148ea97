"""The faults, one row each: add a fault of the lab as one line.

A row is for what the lab can do today. Where etcdscope does not know the cause yet, the row counts
against it.
"""

from typing import Final

from bench.faults.rows import SPARE, TWO_FOLLOWERS, About, Haste, Row, Truth, harm, row

HARD, SOFT, PATIENT = Haste

# --- what follows from what -------------------------------------------------------------------

# Whenever writes stall for a while, whatever the cause.
STALLED: Final = frozenset(
    {
        "apply-lag",
        "commit-stalled",
        "errors-rising",
        "leader-changed",
        "leader-flapping",
        "leader-missing",
        "proposals-failing",
        "proposals-piling",
        "quorum-margin-zero",
        "read-index-slow",
        "etcdGRPCRequestsSlow",
        "etcdHighNumberOfFailedGRPCRequests",
        "etcdHighNumberOfFailedProposals",
        "etcdHighNumberOfLeaderChanges",
        "etcdNoLeader",
    }
)
# Whenever a member is not heard, and when it catches up again.
MISSED: Final = STALLED | {
    "pre-vote-off",  # etcd 3.4: its return forces an election
    "snapshot-storm",
    "etcdMemberCommunicationSlow",
    "etcdMembersDown",
}

# --- what is right, and by which name of the mixin it would be ---------------------------------
# Every benefit of the doubt: the mixin's "members are down" counts for whatever takes a member
# away, its "no leader" for a member that is cut off, its commit durations for a slow WAL.

DOWN: Final = Truth(("member-down",), ("etcdMembersDown",), MISSED)
FROZEN: Final = Truth(("member-frozen",), ("etcdMembersDown",), MISSED)
# Mended after minutes, it may be heard and hear nothing, or the other way round, until TCP retries.
ISOLATED: Final = Truth(
    ("member-isolated",), ("etcdMembersDown", "etcdNoLeader"), MISSED | {"link-one-way"}
)
LEFT_ALONE: Final = Truth(ISOLATED.causes, ISOLATED.alerts, ISOLATED.effects, About.OTHERS)
SPLIT: Final = Truth(
    ("split-brain",), (), MISSED | {"data-diverged", "link-one-way", "member-isolated"}
)
HOST_GONE: Final = Truth(("member-down", "member-isolated"), ("etcdMembersDown",), MISSED)
UNREACHABLE: Final = Truth(("member-unreachable",), ("etcdMembersDown",), MISSED)
RESTARTING: Final = Truth(
    ("member-restarting",), ("etcdMembersDown",), MISSED | {"member-down", "member-frozen"}
)
FLAPPING: Final = Truth(
    ("leader-flapping", "member-frozen"),
    ("etcdHighNumberOfLeaderChanges", "etcdNoLeader"),
    MISSED - {"leader-flapping"},
    About.CLUSTER,
)
QUORUM: Final = Truth(
    ("quorum-lost",), ("etcdInsufficientMembers", "etcdNoLeader"), MISSED, About.CLUSTER
)
LINK: Final = Truth(
    ("link-one-way",),
    ("etcdMemberCommunicationSlow", "etcdMembersDown", "etcdNoLeader"),
    MISSED,
)
LOSSY: Final = Truth(("link-lossy",), ("etcdMemberCommunicationSlow",), MISSED)
WAL: Final = Truth(
    ("wal-fsync-slow",),
    ("etcdHighFsyncDurations", "etcdHighCommitDurations"),
    MISSED | {"backend-commit-slow"},
)
BACKEND: Final = Truth(("backend-commit-slow",), ("etcdHighCommitDurations",), STALLED)
TOGETHER: Final = Truth(
    ("storage-stalled-together",),
    WAL.alerts,
    MISSED | {"wal-fsync-slow", "backend-commit-slow"},
    About.CLUSTER,
)
HUNG: Final = Truth(("disk-hung",), WAL.alerts, MISSED)
STARVED: Final = Truth(("cpu-starved",), (), MISSED)
UNSTARTED: Final = Truth(
    ("member-never-started",), ("etcdMembersDown", "etcdInsufficientMembers"), MISSED
)
LEARNER: Final = Truth(("learner-stuck",), ("etcdMembersDown",), MISSED)
QUOTA_NEAR: Final = Truth(
    ("quota-near",),
    ("etcdDatabaseQuotaLowSpace", "etcdExcessiveDatabaseGrowth"),
    STALLED | {"quota-forecast"},
    About.CLUSTER,
)
QUOTA: Final = Truth(
    ("quota-exhausted",),
    QUOTA_NEAR.alerts,
    STALLED | {"quota-near", "quota-forecast"},
    About.CLUSTER,
)
FRAGMENTED: Final = Truth(
    ("db-fragmented",),
    ("etcdDatabaseHighFragmentationRatio",),
    QUOTA_NEAR.effects | {"quota-near", *QUOTA_NEAR.alerts},
    About.CLUSTER,
)
SLOW_LINK: Final = Truth(("link-slow",), ("etcdMemberCommunicationSlow",), MISSED)
DAMAGED: Final = MISSED | {"member-down", "member-restarting", "member-isolated"}
WAL_ROT: Final = Truth(("wal-corrupt",), ("etcdMembersDown",), DAMAGED)
DB_ROT: Final = Truth(("backend-corrupt",), ("etcdMembersDown",), DAMAGED)
ROLLED_BACK: Final = Truth(("raft-state-rolled-back",), ("etcdMembersDown",), DAMAGED)
DIVERGED: Final = Truth(("data-diverged",), (), DAMAGED | {"alarm-corrupt"})
CORRUPT: Final = Truth(
    ("alarm-corrupt", "data-diverged"), (), STALLED | {"request-too-large"}, About.CLUSTER
)
WIPED: Final = Truth(
    ("data-dir-empty",), ("etcdMembersDown",), DAMAGED | {"cluster-id-mixed", "identity-changed"}
)
REWOUND: Final = Truth(
    ("revision-rewound",),
    (),
    DAMAGED | {"quorum-lost", "identity-changed", "etcdInsufficientMembers"},
    About.CLUSTER,
)
NO_DESCRIPTORS: Final = Truth(("file-descriptors-exhausted",), (), DAMAGED)
NO_MEMORY: Final = Truth(("memory-exhausted",), ("etcdMembersDown",), DAMAGED | {"cpu-starved"})
NO_ROOM: Final = Truth(("disk-full",), ("etcdMembersDown",), DAMAGED)
FILLING: Final = Truth(
    ("quota-forecast",),
    QUOTA_NEAR.alerts,
    STALLED | {"quota-near", "quota-exhausted"},
    About.CLUSTER,
)
OVERSIZED: Final = Truth(
    ("request-too-large",), ("etcdHighNumberOfFailedGRPCRequests",), STALLED, About.CLUSTER
)
WATCHERS: Final = Truth(("watchers-slow",), (), STALLED)
REMOVED: Final = Truth(("member-removed-running",), ("etcdMembersDown",), DAMAGED | {"voters-even"})
NAMELESS: Final = Truth(("peer-name-unresolvable",), (), MISSED)
FULL_LINE: Final = Truth(
    ("link-saturated",), ("etcdMemberCommunicationSlow",), MISSED | {"link-slow", "link-lossy"}
)
STRANGER: Final = Truth(("certificate-mismatched",), ("etcdMembersDown",), DAMAGED)
CERTIFICATES: Final = Truth(("certificate-expiring",), (), frozenset(), About.CLUSTER)
TWO_VOTERS: Final = Truth(("voters-even", "quorum-margin-zero"), (), frozenset(), About.CLUSTER)

# --- the faults -------------------------------------------------------------------------------

FAULTS: Final[tuple[Row, ...]] = (
    # a process goes, stops, or comes and goes
    row("leader-killed", HARD, harm("kill", "leader", DOWN), pair="gone"),
    row("follower-killed", HARD, harm("kill", "follower", DOWN), pair="gone"),
    row("leader-frozen", HARD, harm("freeze", "leader", FROZEN), pair="gone"),
    row("follower-frozen", HARD, harm("freeze", "follower", FROZEN), pair="gone"),
    row("two-killed", HARD, harm("kill", "majority", QUORUM), pair="quorum or not"),
    row("two-frozen", HARD, harm("freeze", "majority", QUORUM), pair="quorum or not"),
    row("stopped-for-good", PATIENT, harm("terminate", "follower", DOWN), window=90),
    row("follower-restart-loop", SOFT, harm("restart-loop", "follower", RESTARTING), window=60),
    row("leader-restart-loop", SOFT, harm("restart-loop", "leader", RESTARTING), window=60),
    row("leader-flapping", SOFT, harm("flap", "", FLAPPING), window=60),
    # the network
    row("leader-isolated", HARD, harm("isolate", "leader", ISOLATED), pair="gone"),
    row("follower-isolated", HARD, harm("isolate", "follower", ISOLATED), pair="gone"),
    row("partition-2-to-1", HARD, harm("partition", "majority", LEFT_ALONE),
        pair="quorum or not"),
    row("split-brain", SOFT, harm("forced-alone", "follower", SPLIT), pair="gone"),
    row("leader-host-cut", HARD, harm("host-cut", "leader", HOST_GONE), pair="gone"),
    row("follower-host-cut", HARD, harm("host-cut", "follower", HOST_GONE), pair="gone"),
    row("follower-unseen", SOFT, harm("client-cut", "follower", UNREACHABLE), pair="gone"),
    row("follower-refuses-us", SOFT, harm("client-cut", "follower", UNREACHABLE, how="reject"),
        pair="gone"),
    row("leader-unseen", SOFT, harm("client-cut", "leader", UNREACHABLE), pair="gone"),
    row("leader-link-cut", SOFT, harm("cut-pair", "leader,follower", LINK), pair="link"),
    row("followers-link-cut", SOFT, harm("cut-pair", "followers", LINK), pair="link"),
    row("one-way-from-leader", SOFT, harm("one-way", "leader,follower", LINK), pair="link"),
    row("one-way-to-leader", SOFT, harm("one-way", "follower,leader", LINK), pair="link"),
    row("one-way-dialled", SOFT, harm("one-way", "leader,follower", LINK, what="dialled"),
        pair="link"),
    row("one-way-new", SOFT, harm("one-way", "leader,follower", LINK, what="new"), pair="link"),
    row("follower-loss-30", SOFT, harm("loss", "follower", LOSSY, p=0.3), pair="link"),
    row("leader-loss-30", SOFT, harm("loss", "leader", LOSSY, p=0.3), pair="link"),
    row("follower-loss-15", SOFT, harm("loss", "follower", LOSSY, p=0.15)),
    row("follower-loss-out", SOFT, harm("loss", "follower", LOSSY, p=0.3, direction="out")),
    row("follower-loss-in", SOFT, harm("loss", "follower", LOSSY, p=0.3, direction="in")),
    row("follower-far", SOFT, harm("latency", "follower", SLOW_LINK), pair="link"),
    row("leader-far", SOFT, harm("latency", "leader", SLOW_LINK, delay_s=0.075), pair="link"),
    row("follower-line-thin", SOFT, harm("bandwidth", "follower", FULL_LINE, bytes_per_s=150_000),
        spec="bulky", pair="link"),
    # disk and CPU
    row("leader-disk-slow", SOFT, harm("slow-disk", "leader", WAL), pair="disk or CPU"),
    row("follower-disk-slow", SOFT, harm("slow-disk", "follower", WAL), pair="disk or CPU"),
    row("leader-disk-mild", SOFT, harm("slow-disk", "leader", WAL, delay_s=0.12)),
    row("leader-wal-slow", SOFT, harm("slow-disk", "leader", WAL, files="wal"), pair="which file"),
    row("leader-backend-slow", SOFT, harm("slow-disk", "leader", BACKEND, files="db"),
        pair="which file"),
    row("all-disks-slow", SOFT, harm("slow-disk", "all", TOGETHER), pair="disk or CPU"),
    row("majority-disks-slow", SOFT, harm("slow-disk", "majority", TOGETHER), pair="disk or CPU"),
    row("leader-disk-hung", HARD, harm("disk-hang", "leader", HUNG), pair="hung or frozen"),
    row("follower-disk-hung", HARD, harm("disk-hang", "follower", HUNG), pair="hung or frozen"),
    row("leader-cpu-starved", SOFT, harm("cpu-quota", "leader", STARVED, fraction=0.03),
        pair="disk or CPU"),
    row("follower-cpu-starved", SOFT, harm("cpu-quota", "follower", STARVED, fraction=0.03),
        pair="disk or CPU"),
    # what the process needs of its host
    row("descriptors-used-up", SOFT, harm("descriptors", "follower", NO_DESCRIPTORS)),
    row("killed-for-memory", SOFT, harm("memory-limit", "follower", NO_MEMORY), pair="gone"),
    row("file-system-full", SOFT, harm("disk-full", "follower", NO_ROOM)),
    # files and data
    row("wal-rot", SOFT, harm("wal-rot", "follower", WAL_ROT), pair="gone"),
    row("db-rot", SOFT, harm("db-rot", "follower", DB_ROT), pair="gone"),
    row("disk-rolled-back", SOFT, harm("rollback", "follower", ROLLED_BACK), pair="gone"),
    row("data-diverged", SOFT, harm("diverge", "follower", DIVERGED), pair="data"),
    row("corrupt-alarm", HARD, harm("corrupt", "", CORRUPT), pair="data"),
    row("data-directory-empty", SOFT, harm("wipe", "follower", WIPED), pair="data"),
    row("restored", SOFT, harm("restore", "all", REWOUND), pair="data"),
    # clients
    row("requests-too-large", SOFT, harm("requests-too-large", "all", OVERSIZED)),
    row("watchers-slow", SOFT, harm("watchers-slow", "follower", WATCHERS)),
    # members and space
    row("removed-and-running", PATIENT, harm("removed-running", "follower", REMOVED), window=120,
        pair="newcomer"),
    row("peer-name-gone", SOFT, harm("peer-name", "follower", NAMELESS), window=120),
    row("quota-soon", PATIENT, harm("fill", "", FILLING), spec="small-quota", window=120,
        pair="space"),
    row("voter-never-started", SOFT, harm("unstarted", "", UNSTARTED), pair="newcomer"),
    row("learner-never-started", PATIENT, harm("learner", "", LEARNER, running=False),
        window=90, pair="newcomer"),
    row("quota-near", SOFT, harm("quota-near", "", QUOTA_NEAR), spec="small-quota", pair="space"),
    row("quota-exhausted", HARD, harm("quota", "", QUOTA), spec="small-quota", pair="space"),
    row("db-fragmented", SOFT, harm("fragment", "", FRAGMENTED), spec="small-quota", pair="space"),
    row("certificate-of-a-stranger", SOFT, harm("other-authority", "follower", STRANGER),
        spec="tls", pair="gone"),
    # so from the start
    row("certificates-end", SOFT, harm("", "", CERTIFICATES), spec="certificates-end"),
    row("two-voters", SOFT, harm("", "", TWO_VOTERS), spec="two"),
    # five members
    row("five-leader-killed", HARD, harm("kill", "leader", DOWN), spec="five"),
    row("five-leader-isolated", HARD, harm("isolate", "leader", ISOLATED), spec="five"),
    row("five-three-killed", HARD, harm("kill", "majority", QUORUM), spec="five"),
    row("five-leader-disk-slow", SOFT, harm("slow-disk", "leader", WAL), spec="five"),
    row("five-partition-3-to-2", HARD, harm("partition", TWO_FOLLOWERS, ISOLATED), spec="five"),
    # etcd 3.4
    row("old-leader-killed", HARD, harm("kill", "leader", DOWN), spec="three-3.4"),
    row("old-follower-frozen", HARD, harm("freeze", "follower", FROZEN), spec="three-3.4"),
    row("old-leader-isolated", HARD, harm("isolate", "leader", ISOLATED), spec="three-3.4"),
    row("old-link-cut", SOFT, harm("cut-pair", "leader,follower", LINK), spec="three-3.4"),
    row("old-leader-disk-slow", SOFT, harm("slow-disk", "leader", WAL), spec="three-3.4"),
    # two at once: two incidents are wanted
    row("kill-and-slow-disk", SOFT, harm("kill", "follower", DOWN),
        harm("slow-disk", "leader", WAL), spec="five"),
    row("kill-and-freeze", HARD, harm("kill", "follower", DOWN), harm("freeze", SPARE, FROZEN),
        spec="five"),
    row("isolate-and-starve", SOFT, harm("isolate", "follower", ISOLATED),
        harm("cpu-quota", SPARE, STARVED, fraction=0.03), spec="five"),
    row("slow-disk-and-starve", SOFT, harm("slow-disk", "follower", WAL),
        harm("cpu-quota", SPARE, STARVED, fraction=0.03), spec="five"),
    row("loss-and-starve", SOFT, harm("loss", "follower", LOSSY, p=0.3),
        harm("cpu-quota", SPARE, STARVED, fraction=0.03), spec="five"),
    row("kill-and-learner", PATIENT, harm("learner", "", LEARNER, running=False),
        harm("kill", "follower", DOWN), spec="five", window=90),
    row("unseen-and-kill", SOFT, harm("client-cut", "follower", UNREACHABLE),
        harm("kill", SPARE, DOWN), spec="five"),
    row("quota-and-kill", HARD, harm("quota", "", QUOTA), harm("kill", "follower", DOWN),
        spec="small-quota"),
)  # fmt: skip
