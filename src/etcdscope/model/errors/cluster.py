"""etcd's errors about members, leaders and versions, and what leaks past its catalogue."""

from etcdscope.model.errors.entry import KnownError
from etcdscope.model.incident import Step

_SOUND = Step(
    "See every member's leader, term, indexes and errors.",
    "etcdctl --endpoints ENDPOINTS endpoint status -w table",
)
_MEMBERS = Step("See the members as the cluster knows them.", "etcdctl member list -w table")
_WHY = Step("Let etcdscope name the cause.", "etcdscope check --endpoints ENDPOINTS")
_RETRY = Step("Let the client try again with back-off; the official Go client does for reads.")
_FIX_CALL = Step("Correct the call in the client; no state of the cluster will make it work.")
_DOWNGRADE = Step(
    "See the cluster version and each member's own.",
    "curl -s ENDPOINT/version; etcdctl endpoint status -w table",
)

MEMBERSHIP = (
    KnownError(
        "etcdserver: member ID already exist",
        "FAILED_PRECONDITION",
        "A member with this id is in the cluster already.",
        ("an add was repeated",),
        ("member-id-duplicate",),
        todo=(_MEMBERS,),
        calls=("MemberAdd",),
    ),
    KnownError(
        "etcdserver: Peer URLs already exists",
        "FAILED_PRECONDITION",
        "Another member has one of these peer URLs.",
        (
            "a dead member was not removed before its replacement was added",
            "an add was repeated after it had worked",
        ),
        ("member-never-started", "member-down"),
        todo=(
            _MEMBERS,
            Step("Remove the old member first, then add.", "etcdctl member remove MEMBER_ID"),
        ),
        calls=("MemberAdd", "MemberUpdate"),
    ),
    KnownError(
        "etcdserver: re-configuration failed due to not enough started members",
        "FAILED_PRECONDITION",
        "With this change a quorum of started members would be missing, so etcd refuses it"
        " (--strict-reconfig-check).",
        (
            "a member that was added before has never started",
            "a member is down, and the change would cost the quorum",
        ),
        ("reconfiguration-refused", "member-never-started", "member-down", "quorum-margin-zero"),
        "a reason to switch the check off: it has just saved the quorum",
        (
            _MEMBERS,
            Step(
                "Start the member that is listed as unstarted, or remove it.",
                "etcdctl member remove MEMBER_ID",
            ),
            Step("Bring dead members back before changing others."),
        ),
        ("MemberAdd", "MemberRemove", "MemberPromote"),
    ),
    KnownError(
        "etcdserver: given member URLs are invalid",
        "INVALID_ARGUMENT",
        "A peer URL has no scheme, no port, a path, or a name where an address is wanted.",
        todo=(
            Step(
                "Write scheme, host and port.",
                "etcdctl member add m4 --peer-urls=https://10.0.0.4:2380",
            ),
        ),
        calls=("MemberAdd", "MemberUpdate"),
    ),
    KnownError(
        "etcdserver: member not found",
        "NOT_FOUND",
        "No member has this id, or it was removed before.",
        (
            "the id is from another cluster",
            "it was removed already",
            "a decimal id was given for hex",
        ),
        ("member-removed-running",),
        todo=(_MEMBERS,),
        calls=("MemberRemove", "MemberUpdate", "MemberPromote", "MoveLeader"),
    ),
    KnownError(
        "etcdserver: can only promote a learner member",
        "FAILED_PRECONDITION",
        "The member is a voter already.",
        ("a promotion was repeated after it had worked",),
        todo=(_MEMBERS,),
        calls=("MemberPromote",),
        first=(3, 4, 0),
    ),
    KnownError(
        "etcdserver: can only promote a learner member which is in sync with leader",
        "FAILED_PRECONDITION",
        "The learner has less than 90 % of the leader's log: as a voter it would cost the quorum.",
        (
            "it is still receiving the first snapshot",
            "it is down, or cannot reach the leader",
            "writes come faster than it follows",
        ),
        ("learner-stuck", "snapshot-storm", "link-slow", "link-saturated"),
        todo=(
            Step(
                "Compare its applied index with the leader's.", "etcdctl endpoint status -w table"
            ),
            Step("Wait and promote again.", "etcdctl member promote MEMBER_ID"),
        ),
        calls=("MemberPromote",),
        first=(3, 4, 0),
    ),
    KnownError(
        "etcdserver: too many learner members in cluster",
        "FAILED_PRECONDITION",
        "As many learners as allowed (one, by default) are in the cluster.",
        ("a learner that was added earlier was never promoted or removed",),
        ("learners-at-maximum", "learner-stuck"),
        todo=(
            _MEMBERS,
            Step("Promote or remove the one that is there.", "etcdctl member promote MEMBER_ID"),
        ),
        calls=("MemberAdd",),
        first=(3, 4, 0),
    ),
    KnownError(
        "etcdserver: cluster ID mismatch",
        "FAILED_PRECONDITION",
        "The other side belongs to another cluster.",
        (
            "a member runs with another cluster's data directory or --initial-cluster-token",
            "two clusters answer behind one name",
        ),
        ("cluster-id-mixed", "data-dir-empty"),
        "a network fault, although it appears as one: the peers hear each other and hang up",
        (
            Step(
                "Compare the cluster ids of all endpoints.",
                "for e in ENDPOINTS; do etcdctl --endpoints $e endpoint status -w json; done",
            ),
            Step("Stop the stranger, remove its data directory, add it again as a new member."),
        ),
    ),
)

AVAILABILITY = (
    KnownError(
        "etcdserver: no leader",
        "UNAVAILABLE",
        "The member knows no leader: writes and linearizable reads cannot be answered.",
        (
            "an election is under way (a second or two is normal when a leader dies)",
            "a quorum is lost",
            "this member alone is cut off from the others",
            "leaders change again and again: slow disk, starved CPU, lossy network",
        ),
        ("leader-missing", "quorum-lost", "member-isolated", "leader-flapping"),
        todo=(
            _SOUND,
            _WHY,
            Step(
                "See raft's own state.", "curl -s ENDPOINT/debug/vars | grep -o '\"raft.status\".*'"
            ),
        ),
    ),
    KnownError(
        "etcdserver: not leader",
        "FAILED_PRECONDITION",
        "Only the leader can do this, and this member is not it.",
        ("move-leader was sent to a follower",),
        isnt="a fault",
        todo=(
            Step("Find the leader.", "etcdctl --endpoints ENDPOINTS endpoint status -w table"),
            Step("Ask it.", "etcdctl --endpoints LEADER_URL move-leader MEMBER_ID"),
        ),
        calls=("MoveLeader",),
    ),
    KnownError(
        "etcdserver: leader changed",
        "UNAVAILABLE",
        "The leader changed while a linearizable read waited for its turn.",
        ("the leader died, was stopped or handed over", "leaders flap"),
        ("leader-changed", "leader-flapping", "member-down"),
        "lost data: a read was given up, nothing was written",
        (
            _RETRY,
            Step(
                "If it goes on, find out why leaders change.",
                "etcdscope watch --endpoints ENDPOINTS",
            ),
        ),
        ("Range", "Txn"),
        first=(3, 4, 0),
    ),
    KnownError(
        "etcdserver: not capable",
        "FAILED_PRECONDITION",
        "The cluster as a whole is too old for this call, or it does not know its version yet.",
        ("members of several versions run together", "the cluster has just started"),
        ("version-skew",),
        todo=(_DOWNGRADE, Step("Finish the upgrade.")),
        was="UNAVAILABLE",
    ),
    KnownError(
        "etcdserver: server stopped",
        "UNAVAILABLE",
        "The member is shutting down, or was removed from the cluster.",
        ("a restart or an upgrade", "the member was removed", "it ended after a fatal error"),
        ("member-removed-running", "member-restarting", "member-down"),
        todo=(_RETRY, _MEMBERS),
    ),
    KnownError(
        "etcdserver: request timed out",
        "UNAVAILABLE",
        "The proposal or the read was not answered within 5 s plus two elections (7 s): it may"
        " still take effect.",
        (
            "no quorum, or no leader",
            "the leader's disk is slow or hangs",
            "the apply loop is blocked: a defragmentation, a huge request",
            "starved CPU, or a lossy link to the leader",
        ),
        (
            "quorum-lost",
            "leader-missing",
            "wal-fsync-slow",
            "disk-hung",
            "apply-lag",
            "cpu-starved",
            "link-lossy",
        ),
        "a proof that nothing was written: a write that timed out may be applied later",
        (_WHY, _SOUND, Step("Read the key before writing again, or make writes idempotent.")),
    ),
    KnownError(
        "etcdserver: request timed out, possibly due to previous leader failure",
        "UNAVAILABLE",
        "It timed out, and the leader changed meanwhile: the proposal went to a leader that is"
        " gone.",
        ("the leader died or was isolated", "leaders flap"),
        ("leader-flapping", "leader-changed", "member-down", "member-frozen"),
        "a proof that nothing was written",
        (_RETRY, _WHY),
    ),
    KnownError(
        "etcdserver: request timed out, possibly due to connection lost",
        "UNAVAILABLE",
        "It timed out, and this member has lost touch with a quorum or the leader.",
        ("this member is isolated", "the leader is gone", "a quorum is lost"),
        ("member-isolated", "quorum-lost", "link-one-way", "link-lossy"),
        "a broken connection of the client: the members lost each other",
        (_WHY, _SOUND),
    ),
    KnownError(
        "etcdserver: request timed out, waiting for the applied index took too long",
        "UNAVAILABLE",
        "A linearizable read was confirmed by the leader, but this member applies too slowly to"
        " serve it.",
        ("slow backend commits or a defragmentation on this member", "it is catching up"),
        ("apply-lag", "defrag-blocking", "backend-commit-slow", "read-index-slow"),
        todo=(_SOUND, Step("Ask another member meanwhile.")),
        calls=("Range", "Txn"),
    ),
    KnownError(
        "etcdserver: unhealthy cluster",
        "UNAVAILABLE",
        "A change of membership is refused because not all members are connected to this one"
        " (--strict-reconfig-check).",
        (
            "a member is down or has never started",
            "a member has been connected for less than five seconds (after a restart or election)",
        ),
        ("reconfiguration-refused", "member-down", "member-never-started", "quorum-margin-zero"),
        "a statement about reads and writes: they may be fine",
        (_SOUND, Step("Wait 5 s and try again; else bring the missing member back first.")),
        ("MemberAdd", "MemberRemove", "MemberPromote"),
    ),
    KnownError(
        "etcdserver: corrupt cluster",
        "DATA_LOSS",
        "The alarm CORRUPT is raised: members hold different data. Writes, compaction and leases"
        " are refused; reads still answer, and may be wrong.",
        (
            "a member applied something differently: a bug of 3.5.0 to 3.5.2, a disk that lied",
            "a data directory was copied, edited or rolled back",
        ),
        ("alarm-corrupt", "data-diverged", "version-known-bad", "backend-corrupt"),
        "cured by disarming: the data still differ",
        (
            Step("See who is accused.", "etcdctl alarm list"),
            Step(
                "Compare hashes at one revision.", "etcdctl --endpoints ENDPOINTS endpoint hashkv"
            ),
            Step(
                "Keep a snapshot of every member before anything else.",
                "etcdctl snapshot save m1.db",
            ),
            Step("Replace the member that differs from the majority: remove, wipe, add."),
            Step("Only then disarm.", "etcdctl alarm disarm"),
        ),
    ),
    KnownError(
        "etcdserver: rpc not supported for learner",
        "FAILED_PRECONDITION",
        "The member is a learner: it answers serializable reads and status only.",
        ("a client has a learner among its endpoints", "a promotion was forgotten"),
        ("learner-stuck",),
        todo=(
            _MEMBERS,
            Step(
                "Promote it, or take it out of the clients' endpoints.",
                "etcdctl member promote MEMBER_ID",
            ),
        ),
        was="UNAVAILABLE",
        first=(3, 4, 0),
    ),
    KnownError(
        "etcdserver: bad leader transferee",
        "FAILED_PRECONDITION",
        "Leadership cannot go to that member: unknown, a learner, or not connected.",
        todo=(_SOUND,),
        calls=("MoveLeader",),
    ),
    KnownError(
        "etcdserver: request canceled",
        "CANCELLED",
        "The client gave the request up.",
        ("the client ended, or its own time-out is shorter than etcd's answer",),
        isnt="a fault of etcd while it is rare",
        todo=(
            Step(
                "If it is frequent, see why answers take so long.",
                "etcdscope check --endpoints ENDPOINTS --for 10s",
            ),
        ),
        usual=True,
        first=(3, 5, 0),
    ),
    KnownError(
        "etcdserver: context deadline exceeded",
        "DEADLINE_EXCEEDED",
        "The client's own deadline passed before the answer was there.",
        (
            "the client's deadline is too short (etcdctl: --command-timeout, 5 s)",
            "etcd is slow: disk, CPU, a huge range",
            "no leader, so that nothing is answered at all",
        ),
        ("leader-missing", "quorum-lost", "wal-fsync-slow", "range-expensive", "cpu-starved"),
        'etcd\'s own time-out: that says "request timed out"',
        (_WHY, Step("See whether all clients have it or one.")),
        first=(3, 5, 0),
    ),
)

DOWNGRADE = (
    KnownError(
        "etcdserver: cluster version not found during downgrade",
        "FAILED_PRECONDITION",
        "The cluster does not know its version, so it cannot be lowered.",
        ("the cluster has just started",),
        ("version-skew",),
        todo=(_DOWNGRADE,),
        calls=("Downgrade",),
        was="UNAVAILABLE",
        first=(3, 5, 0),
    ),
    KnownError(
        "etcdserver: wrong downgrade target version format",
        "INVALID_ARGUMENT",
        "The target is no version; write two numbers, such as 3.5.",
        todo=(Step("Write it so.", "etcdctl downgrade validate 3.5"),),
        calls=("Downgrade",),
        first=(3, 5, 0),
    ),
    KnownError(
        "etcdserver: invalid downgrade target version",
        "INVALID_ARGUMENT",
        "Only one minor version down is possible.",
        todo=(_DOWNGRADE,),
        calls=("Downgrade",),
        first=(3, 5, 0),
    ),
    KnownError(
        "etcdserver: cluster has a downgrade job in progress",
        "FAILED_PRECONDITION",
        "A downgrade was begun and has neither ended nor been cancelled.",
        ("a downgrade was forgotten half-way",),
        ("version-skew",),
        todo=(
            _DOWNGRADE,
            Step("Finish it member by member, or cancel it.", "etcdctl downgrade cancel"),
        ),
        calls=("Downgrade",),
        first=(3, 5, 0),
    ),
    KnownError(
        "etcdserver: no inflight downgrade job",
        "FAILED_PRECONDITION",
        "There is no downgrade to cancel.",
        todo=(Step("Nothing."),),
        calls=("Downgrade",),
        first=(3, 5, 0),
    ),
)

LEAKED = (
    KnownError(
        "raft proposal dropped",
        "UNKNOWN",
        "Raft threw the proposal away: there is no leader, or leadership is being handed over.",
        ("an election, or a move-leader that hangs because its target is gone",),
        ("leader-missing", "leader-flapping"),
        todo=(_RETRY, _SOUND),
    ),
    KnownError(
        "raft: stopped",
        "UNKNOWN",
        "The member's raft loop has ended: the process is on its way out.",
        ("a shutdown, or the end after a fatal error",),
        ("member-restarting", "member-down"),
        todo=(Step("Read the last lines of its log.", "journalctl -u etcd -n 50"),),
    ),
    KnownError(
        "not a primary lessor",
        "UNKNOWN",
        "Only the leader renews leases, and this member has just lost leadership.",
        ("a leader change",),
        ("leader-changed", "leader-flapping"),
        todo=(_RETRY,),
        calls=("LeaseKeepAlive", "LeaseTimeToLive"),
    ),
    KnownError(
        "etcdserver: no space",
        "RESOURCE_EXHAUSTED",
        "The quota is reached, in the words of etcd's log; clients are told \"database space"
        ' exceeded".',
        ("the same as database space exceeded",),
        ("quota-exhausted", "quota-near", "db-fragmented"),
        todo=(Step("Read on.", "etcdscope explain 'database space exceeded'"),),
    ),
    KnownError(
        "etcdserver: request cancelled",
        "CANCELLED",
        "Whoever asked gave up before the proposal was committed; in logs and in the v2 API.",
        ("the client ended, or its time-out is shorter than etcd's answer",),
        todo=(_RETRY,),
        usual=True,
    ),
    KnownError(
        "etcdserver: unknown method",
        "UNKNOWN",
        "A v2 request with a method that does not exist.",
        todo=(_FIX_CALL,),
    ),
)
