"""Which finding explains which: the causal table; ``explanation.py`` says how a row is read.

The table has no cycles (a test walks it), so every chain ends at one cause.
"""

from etcdscope.diagnose.explanation import FAULTS, Explanation, Where

_EVER = float("inf")
# Where the effect is a state, or was going on while its cause could not yet be named, its age says
# nothing: a member that was stopped in order is called down only when it fails to come back.
_BEFORE = {
    ("member-down", "quorum-margin-zero"): _EVER,
    ("member-never-started", "quorum-margin-zero"): _EVER,
    ("member-never-started", "voters-even"): _EVER,
    ("quorum-lost", "quorum-margin-zero"): _EVER,
    ("quota-exhausted", "quota-near"): _EVER,
    ("quota-exhausted", "db-fragmented"): _EVER,
    ("db-fragmented", "quota-near"): _EVER,
    ("db-size-uneven", "db-fragmented"): _EVER,
    ("db-size-uneven", "quota-near"): _EVER,
    ("quota-exhausted", "quota-forecast"): _EVER,
    ("events-flood", "registry-growing"): _EVER,
    ("quota-exhausted", "db-size-uneven"): _EVER,
    ("compaction-stalled", "quota-near"): _EVER,
    ("compaction-stalled", "quota-forecast"): _EVER,
    ("read-transaction-long", "quota-near"): _EVER,
    ("read-transaction-long", "quota-forecast"): _EVER,
    ("certificate-expired", "certificate-expiring"): _EVER,
    ("leader-flapping", "leader-changed"): _EVER,
    # A log is read late where it was named late, and says for how long it has been so.
    **{
        (cause, effect): _EVER
        for cause in ("wal-corrupt", "backend-corrupt", "raft-state-rolled-back", "disk-full")
        for effect in ("member-down", "quorum-margin-zero", "quorum-lost", "member-restarting")
    },
    ("data-diverged", "alarm-corrupt"): _EVER,
    ("split-brain", "data-diverged"): _EVER,
    ("learner-stuck", "learners-at-maximum"): _EVER,
    ("data-dir-empty", "cluster-id-mixed"): _EVER,
    ("data-dir-empty", "member-unreachable"): _EVER,
    ("data-dir-empty", "member-down"): _EVER,
    ("data-dir-empty", "quorum-margin-zero"): _EVER,
    ("snapshot-storm", "quorum-margin-zero"): _EVER,
    # Nodes and pods are looked at every five seconds, and say for how long it has been so.
    ("member-without-node", "member-down"): _EVER,
    ("member-without-node", "member-unreachable"): _EVER,
    **{
        ("liveness-kill-loop", effect): _EVER
        for effect in ("member-down", "member-restarting", "quorum-margin-zero", "quorum-lost")
    },
    **{
        ("liveness-kill-loop", effect): _EVER
        for effect in ("apiserver-writes-failing", "apiserver-unready", "watch-cache-lagging")
    },
}


def _explains(
    cause: str,
    *,
    anywhere: tuple[str, ...] = (),
    same: tuple[str, ...] = (),
    inside: tuple[str, ...] = (),
    touching: tuple[str, ...] = (),
    within: float = 10.0,
    lasting: float = float("inf"),
) -> tuple[Explanation, ...]:
    return tuple(
        Explanation(
            cause,
            effect,
            where,
            _BEFORE.get((cause, effect), 15.0),
            within,
            lasting,
            afterwards=effect not in FAULTS,
        )
        for where, effects in (
            (Where.ANYWHERE, anywhere),
            (Where.SAME, same),
            (Where.WITHIN, inside),
            (Where.TOUCHING, touching),
        )
        for effect in effects
    )


# What follows whenever a member or its leadership is lost.
_LOSS = ("quorum-margin-zero", "leader-changed", "leader-missing", "leader-flapping")
_WRITES = ("proposals-failing", "apply-lag")
_LINKS = ("link-lossy", "link-one-way")
_WAITS = ("proposals-piling", "read-index-slow")

TABLE: tuple[Explanation, ...] = (
    *_explains(
        "quorum-lost",
        anywhere=(
            *_LOSS,
            *_WRITES,
            *_LINKS,
            "member-down",
            "member-frozen",
            "member-isolated",
            "member-unreachable",
            "voters-even",
        ),
        within=3.0,  # once a quorum is back, what is still missing is told as what it is
    ),
    *_explains("member-never-started", anywhere=("voters-even", "quorum-margin-zero")),
    *_explains(
        "member-restarting", same=("member-down",), touching=_LINKS, anywhere=_LOSS, within=30.0
    ),
    *_explains(
        "member-down",
        anywhere=(*_LOSS, "proposals-failing"),
        same=("apply-lag", "wal-fsync-slow", "member-frozen", "member-unreachable"),
        touching=_LINKS,
        within=15.0,
    ),
    *_explains(
        "member-frozen",
        anywhere=(*_LOSS, "proposals-failing"),
        same=("apply-lag", "wal-fsync-slow", "member-isolated"),
        touching=_LINKS,
        within=15.0,
    ),
    *_explains(
        "split-brain",
        anywhere=(*_LOSS, "alarm-corrupt", "proposals-failing"),
        same=("data-diverged", "membership-diverged", "member-list-stale", "member-isolated"),
        touching=_LINKS,
    ),
    *_explains("member-unreachable", same=("member-frozen",)),  # silence, before a port was tried
    *_explains(  # then it takes in what it missed
        "member-isolated",
        anywhere=(*_LOSS, *_WAITS, "proposals-failing"),
        same=("apply-lag",),
        within=30.0,
    ),
    *_explains(
        "link-one-way",
        anywhere=(*_LOSS, "proposals-failing"),
        touching=("member-isolated", "apply-lag"),
    ),
    *_explains(
        "link-lossy",
        anywhere=(*_LOSS, "proposals-failing"),
        touching=("member-isolated", "link-one-way", "apply-lag"),
        within=15.0,
    ),
    *_explains(
        "wal-fsync-slow",
        anywhere=(*_LOSS, *_WRITES),
        touching=_LINKS,
        within=15.0,
    ),
    *_explains(
        "disk-hung",
        anywhere=(*_LOSS, *_WRITES, "member-isolated"),  # a hung leader leaves the others alone
        same=("member-frozen", "cpu-starved"),
        touching=_LINKS,
        within=15.0,
    ),
    # The fsync that comes back in the end is counted with all the time that it hung.
    Explanation("disk-hung", "wal-fsync-slow", Where.SAME, within=15.0),
    Explanation("disk-hung", "backend-commit-slow", Where.SAME, within=15.0),
    *_explains(
        "storage-stalled-together",
        anywhere=(*_LOSS, *_WRITES, *_LINKS, "wal-fsync-slow", "member-isolated"),
        within=15.0,
    ),
    *_explains(
        "cpu-starved",
        anywhere=(*_LOSS, *_WRITES),
        same=("wal-fsync-slow", "member-frozen", "member-isolated"),
        touching=_LINKS,
        within=15.0,
    ),
    # What a member's own log says of its files is why it is gone, and why it ends again and again.
    *(
        row
        for cause in ("wal-corrupt", "backend-corrupt", "raft-state-rolled-back")
        for row in _explains(
            cause,
            anywhere=(*_LOSS, "proposals-failing"),
            same=("member-down", "member-restarting", "member-unreachable", "member-isolated"),
            touching=_LINKS,
            within=15.0,
        )
    ),
    *_explains("member-down", touching=("peer-name-unresolvable",), within=60.0),
    *_explains("member-stopped", touching=("peer-name-unresolvable",), lasting=60.0),
    *_explains(
        "memory-exhausted",
        anywhere=(*_LOSS, "proposals-failing"),
        same=("member-down", "member-restarting", "cpu-starved", "wal-fsync-slow", "apply-lag"),
        touching=_LINKS,
        within=30.0,
    ),
    *_explains(
        "disk-full",
        anywhere=(*_LOSS, *_WRITES),
        same=(
            "member-down",
            "member-restarting",
            "member-unreachable",
            "member-isolated",
            "wal-fsync-slow",
        ),
        touching=_LINKS,
        within=30.0,
    ),
    *_explains(
        "file-descriptors-exhausted",
        anywhere=_LOSS,
        same=("member-down", "member-frozen", "member-unreachable"),
        within=15.0,
    ),
    *_explains(
        "disk-shared",
        anywhere=(*_LOSS, *_WRITES, "storage-stalled-together"),
        touching=(*_LINKS, "wal-fsync-slow", "backend-commit-slow"),
        within=15.0,
    ),
    *_explains("apply-lag", same=("proposals-failing",)),
    *_explains(
        "leader-missing", anywhere=("proposals-failing", "quorum-margin-zero", "leader-changed")
    ),
    *_explains(
        "leader-flapping", anywhere=("leader-changed", "leader-missing", "proposals-failing")
    ),
    *_explains("leader-changed", anywhere=("proposals-failing",), lasting=15.0),
    *_explains("quota-exhausted", anywhere=("quota-near", "db-fragmented", "proposals-failing")),
    *_explains("events-flood", same=("registry-growing",)),
    *_explains("db-fragmented", same=("quota-near",)),
    *_explains("db-size-uneven", anywhere=("db-fragmented",), same=("quota-near",)),
    *_explains("quota-exhausted", anywhere=("quota-forecast", "db-size-uneven")),
    *_explains("compaction-stalled", anywhere=("quota-near", "quota-forecast")),
    *_explains("read-transaction-long", same=("quota-near", "quota-forecast")),
    *_explains("backend-commit-slow", anywhere=_WRITES, same=("link-lossy",), within=15.0),
    *_explains(
        "storage-stalled-together", anywhere=("backend-commit-slow", "disk-hung"), within=15.0
    ),
    *_explains("certificate-expired", same=("certificate-expiring",)),
    *_explains("data-diverged", anywhere=("alarm-corrupt", "proposals-failing")),
    *_explains("alarm-corrupt", anywhere=("proposals-failing",)),
    *_explains(
        "data-dir-empty",
        anywhere=("cluster-id-mixed", "quorum-margin-zero", "leader-changed"),
        same=("member-down", "member-unreachable", "member-isolated", "identity-changed"),
        touching=_LINKS,
    ),
    *_explains("revision-rewound", anywhere=("identity-changed", "leader-changed")),
    *_explains(
        "certificate-mismatched",
        anywhere=("quorum-margin-zero",),
        same=("member-unreachable", "member-isolated", "member-frozen", "member-down"),
        touching=_LINKS,
    ),
    *_explains("certificate-expired", same=("certificate-mismatched",)),
    # What a missing member means for the membership is no news of its own.
    *_explains("member-never-started", anywhere=("reconfiguration-refused",)),
    *(
        row
        for cause in ("member-isolated", "link-one-way", "link-lossy", "member-stopped")
        for row in _explains(
            cause, anywhere=("reconfiguration-refused",), touching=("member-list-stale",)
        )
    ),
    *_explains("apply-lag", same=("member-list-stale",)),
    *_explains("member-frozen", same=("member-list-stale",)),
    *_explains("learner-stuck", same=("learners-at-maximum",)),
    *_explains("membership-diverged", same=("member-list-stale",)),
    *_explains("membership-changing", anywhere=("reconfiguration-refused", "member-list-stale")),
    # Network and raft. What waits is a symptom of whatever holds raft up.
    *(
        row
        for cause in (
            "quorum-lost",
            "leader-missing",
            "leader-changed",
            "leader-flapping",
            "member-down",
            "member-frozen",
            "member-restarting",
            "link-one-way",
            "link-lossy",
            "link-slow",
            "link-saturated",
            "snapshot-storm",
            "wal-fsync-slow",
            "cpu-starved",
            "apply-lag",
            "backend-commit-slow",
            "compaction-pauses",
            "defrag-blocking",
            "disk-full",
            "disk-hung",
            "disk-shared",
            "memory-exhausted",
            "storage-stalled-together",
            "transaction-huge",
            "quota-exhausted",
            "member-stopped",
            "leader-transferred",
        )
        for row in _explains(cause, anywhere=_WAITS, within=15.0)
    ),
    *_explains(
        "link-slow",
        anywhere=("leader-changed", "leader-flapping", "leader-missing", "proposals-failing"),
        touching=("link-lossy", "apply-lag"),
        within=15.0,
    ),
    *_explains(
        "link-saturated",
        anywhere=(*_LOSS, "proposals-failing"),
        touching=("link-slow", "link-lossy", "apply-lag"),
        within=15.0,
    ),
    *_explains(
        "snapshot-storm",
        anywhere=("quorum-margin-zero",),
        touching=("link-saturated", "link-slow", "link-lossy", "apply-lag"),
        within=30.0,
    ),
    *_explains("timeouts-differ", anywhere=("leader-changed", "leader-flapping")),
    *_explains("pre-vote-off", anywhere=("leader-changed", "leader-flapping")),
    # Database and WAL share a disk: a commit that began while it was slow ends last.
    Explanation("wal-fsync-slow", "backend-commit-slow", Where.SAME, within=15.0),
    *_explains("wal-fsync-slow", touching=("link-slow",), within=15.0),
    *_explains("cpu-starved", touching=("link-slow",), within=15.0),
    *_explains("membership-changing", touching=("link-saturated",), within=15.0),
    *_explains("transaction-huge", anywhere=("write-hotspot", "apply-lag"), within=15.0),
    # Planned work. It never explains a lost quorum, and a stalled cluster only for moments.
    *_explains(
        "member-stopped",
        anywhere=("quorum-margin-zero", "leader-changed"),
        same=("member-restarting", "apply-lag", "cpu-starved", "wal-fsync-slow"),
        touching=_LINKS,
        within=15.0,
    ),
    *_explains(  # if it is not expected back any more, these speak for themselves
        "member-stopped",
        same=("member-down", "member-unreachable", "member-isolated", "member-frozen"),
        within=2.0,
    ),
    *_explains("member-stopped", anywhere=("leader-missing", "proposals-failing"), lasting=12.0),
    *_explains(
        "membership-changing",
        anywhere=(
            "voters-even",
            "quorum-margin-zero",
            "leader-changed",
            "member-never-started",
            "apply-lag",
        ),
        within=5.0,
        lasting=600.0,
    ),
    *_explains("leader-transferred", anywhere=("leader-changed",), within=20.0),
    # What clients are told follows from nearly every fault.
    *(
        row
        for cause in (
            "quorum-lost",
            "leader-missing",
            "leader-flapping",
            "member-down",
            "member-frozen",
            "member-restarting",
            "link-one-way",
            "link-lossy",
            "wal-fsync-slow",
            "cpu-starved",
            "apply-lag",
            "proposals-failing",
            "quota-exhausted",
            "request-too-large",
        )
        for row in _explains(cause, anywhere=("errors-rising",), within=20.0)
    ),
    *_explains("leader-changed", anywhere=("errors-rising",), lasting=15.0, within=20.0),
    *_explains("member-stopped", anywhere=("errors-rising",), lasting=15.0),
    *_explains(  # it holds the backend's lock: the member serves nothing until it is done
        "defrag-blocking",
        anywhere=("proposals-failing", "leader-changed"),
        same=("apply-lag", "backend-commit-slow", "member-frozen", "wal-fsync-slow", "cpu-starved"),
        touching=_LINKS,
        within=15.0,
    ),
)

_KUBERNETES = (
    "node-leases-stale",
    "apiserver-writes-failing",
    "apiserver-etcd-slow",
    "apiserver-unready",
    "watch-cache-lagging",
    "node-not-ready",
)
_NODES = ("node-leases-stale", "node-not-ready")
TABLE = (
    *TABLE,
    # What Kubernetes shows of etcd's trouble. Leases run out 40 s after their last renewal, and API
    # servers are read every 15 s: their effects outlast the cause, and are seen later.
    *(
        row
        for cause in (
            "quorum-lost",
            "leader-missing",
            "leader-flapping",
            "quota-exhausted",
            "alarm-corrupt",
            "proposals-failing",
            "proposals-piling",
            "member-down",
            "member-frozen",
            "member-isolated",
            "member-restarting",
            "member-stopped",
            "defrag-blocking",
            "wal-fsync-slow",
            "storage-stalled-together",
            "backend-commit-slow",
            "disk-hung",
            "disk-full",
            "cpu-starved",
            "link-slow",
            "link-saturated",
            "certificate-expired",
            "certificate-mismatched",
            "revision-rewound",
            "liveness-kill-loop",
        )
        for row in _explains(cause, anywhere=_KUBERNETES, within=60.0)
    ),
    *_explains("apiserver-unready", anywhere=_NODES, within=60.0),
    *_explains("apiserver-writes-failing", anywhere=_NODES, within=60.0),
    *_explains("watchers-slow", anywhere=("watch-cache-lagging",), within=60.0),
    *_explains(
        "apiserver-unready", same=("apiserver-writes-failing", "watch-cache-lagging"), within=60.0
    ),
    *_explains("node-leases-stale", inside=("node-not-ready",), within=60.0),
    *_explains("flags-drift", same=("db-size-uneven",)),  # that of the quotas: the cluster's
    *_explains("revision-rewound", anywhere=("apiserver-view-differs",), within=60.0),
    *_explains("cluster-id-mixed", anywhere=("apiserver-view-differs",), within=60.0),
    *_explains("member-without-node", same=("member-down", "member-unreachable")),
    *_explains("liveness-kill-loop", same=("member-down", "member-restarting"), within=60.0),
    *_explains("liveness-kill-loop", anywhere=(*_LOSS, "quorum-lost"), within=60.0),
    *(
        row
        for cause in ("wal-fsync-slow", "backend-commit-slow", "cpu-starved", "disk-shared")
        for row in _explains(cause, same=("leader-misplaced",))
    ),
)

_BY_PAIR: dict[tuple[str, str], tuple[Explanation, ...]] = {}
for _row in TABLE:
    _pair = (_row.cause, _row.effect)
    _BY_PAIR[_pair] = (*_BY_PAIR.get(_pair, ()), _row)


def rows(cause: str, effect: str) -> tuple[Explanation, ...]:
    """Return the rows by which the one detector's finding may explain the other's."""
    return _BY_PAIR.get((cause, effect), ())
