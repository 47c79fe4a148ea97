"""Made-up clusters in made-up trouble, for every surface."""

from dataclasses import replace

from etcdscope.model.cluster import Role, quorum
from etcdscope.model.finding import (
    CLUSTER,
    Alternative,
    BlindSpot,
    Evidence,
    NextTest,
    Outcome,
    RuledOut,
    Severity,
    Subject,
)
from etcdscope.model.incident import (
    Effect,
    EffectKind,
    Incident,
    Level,
    MemberState,
    Step,
    Verdict,
)

AT = 1795330169.25  # 2026-11-22T06:49:29Z
IDS = (
    "10e5e39849dab251",
    "2a5b7c9d11223344",
    "8e9e05c52164694d",
    "a1b2c3d4e5f60718",
    "f00dcafe01234567",
)
CLUSTER_ID = "cdf818194e3a8c32"


def members(count: int = 3, leader: int = 1) -> tuple[MemberState, ...]:
    return tuple(
        MemberState(
            id=IDS[i],
            name=f"m{i + 1}",
            endpoint=f"http://10.0.0.{i + 1}:2379",
            role=Role.LEADER if i == leader else Role.FOLLOWER,
            reachable=True,
            version="3.5.30",
            term=14,
            committed_index=88_120 - i,
            applied_index=88_120 - i,
            lag_entries=i,
            db_bytes=1_200_000_000,
            db_in_use_bytes=900_000_000,
            quota_bytes=2_000_000_000,
            answer_seconds=0.0021 + i / 1000,
            fsync_p99=0.0021,
            commit_p99=0.006,
            peer_rtt=None if i == leader else 0.0004 + i / 10_000,
        )
        for i in range(count)
    )


def names(rows: tuple[MemberState, ...]) -> dict[str, str]:
    return {row.id: row.name for row in rows}


def healthy(count: int = 3) -> Verdict:
    lost = {
        1: "It has a single member: its loss is the loss of the cluster.",
        3: "One member may be lost.",
        5: "2 members may be lost.",
    }[count]
    leader = min(1, count - 1)
    return Verdict(
        level=Level.OK,
        sentence=f"etcd is fine. {count} of {count} members, m{leader + 1} leads. {lost}",
        cluster=CLUSTER_ID,
        version="3.5.30",
        voters=count,
        quorum=quorum(count),
        margin=count - quorum(count),
        leader=IDS[leader],
        term=14,
        members=members(count, leader),
    )


def gone(row: MemberState, why: str) -> MemberState:
    return MemberState(
        id=row.id, name=row.name, endpoint=row.endpoint, role=Role.UNKNOWN, why_not=why
    )


def incident(
    cause: str, subject: Subject, severity: Severity, summary: str, **more: object
) -> Incident:
    known = names(members(5))
    one = Incident(
        id=f"{cause}/{CLUSTER_ID}/{known.get(subject.name, subject.kind)}/{round(AT * 1000) - 900}",
        cluster=CLUSTER_ID,
        cause=cause,
        subject=subject,
        severity=severity,
        summary=summary,
        confidence=0.95,
        since=AT - 2.0,
        opened_at=AT - 0.9,
        names=known,
    )
    return replace(one, **more)  # type: ignore[arg-type]


SLOW_DISK = incident(
    "wal-fsync-slow",
    Subject.member(IDS[1]),
    Severity.WARNING,
    "Writes are slow: m2 leads and waits 412 ms for its WAL disk; the others are fine",
    confidence=0.93,
    since=AT - 38.0,
    evidence=(
        Evidence("wal_fsync_p90", 0.412, "s", 0.1, "/metrics", IDS[1], says="of 312 fsyncs"),
        Evidence(
            "wal_fsync_p90_others",
            0.0021,
            "s",
            None,
            "/metrics",
            says="median of the other members",
            for_=False,
        ),
    ),
    ruled_out=(
        RuledOut("cpu-starved", "calls that touch no disk are answered quickly"),
        RuledOut("storage-stalled-together", "the other members' disks are fine"),
    ),
    effects=("leader-flapping", "proposals-failing"),
    impact="On the leader every write waits for this disk; on a follower the cluster hides it, but"
    " it is one failure away from slow writes.",
    runbook=(
        Step(
            "Move leadership to a member with a fast disk, if this one leads.",
            f"etcdctl --endpoints http://10.0.0.2:2379 move-leader {IDS[0]}",
        ),
        Step("Find what else writes to that disk.", "iotop -obn3   # on the host of m2"),
        Step("Give etcd a disk of its own."),
    ),
)
LEADER_DOWN = incident(
    "member-down",
    Subject.member(IDS[1]),
    Severity.WARNING,
    "m2 is down: its ports refuse connections and m1, m3 no longer hear it",
    evidence=(
        Evidence("port_state", "refused", source="active probe", member=IDS[1], says="client port"),
        Evidence("raft_lead", IDS[0], source="/debug/vars raft.status", member=IDS[2]),
    ),
    effects=("leader-changed", "quorum-margin-zero"),
    ruled_out=(RuledOut("member-isolated", "its host answers, the port does not"),),
    impact="None while a quorum remains.",
    runbook=(Step("Start it.", "systemctl start etcd   # on the host of m2"),),
)
QUORUM_LOST = incident(
    "quorum-lost",
    CLUSTER,
    Severity.CRITICAL,
    "The cluster has lost its quorum: 2 of 3 voters are gone (m2, m3), 2 are needed",
    evidence=(
        Evidence("voters_counting", 1.0, "count", 2.0, "all sources", says="voters that take part"),
        Evidence(
            "raft_lead",
            "none",
            source="/debug/vars raft.status",
            member=IDS[0],
            says="m1 knows no leader",
        ),
    ),
    effects=("leader-missing", "member-down"),
    impact="Every write and every linearizable read fails.",
    runbook=(
        Step(
            "Bring one of the missing members back; with its disk intact a start is enough.",
            "systemctl start etcd   # on the host of MEMBER",
        ),
    ),
)
LEADER_CHANGED = incident(
    "leader-changed",
    CLUSTER,
    Severity.INFO,
    "Leadership went from m2 to m1 12 s ago, as asked for",
    impact="Writes waited for the election.",
)
UNSURE = incident(
    "member-unreachable",
    Subject.member(IDS[2]),
    Severity.WARNING,
    "m3 does not answer us, but m1 and m2 still hear it",
    confidence=0.6,
    next_test="Ask m3 on its own host: etcdctl endpoint status.",
    alternatives=(
        Alternative("member-down", 0.3, "its host may have gone since they last heard it"),
        Alternative("member-frozen", 0.05, "it may stand still"),
    ),
    test=NextTest(
        "Ask m3 on its own host",
        "etcdctl --endpoints http://10.0.0.3:2379 endpoint status",
        (Outcome("it answers", "member-unreachable"), Outcome("nothing does", "member-down")),
    ),
)
METRICS_HIDDEN = BlindSpot(
    "metrics",
    Subject.member(IDS[2]),
    "http://10.0.0.3:2379/metrics answers 404.",
    "start etcd with --listen-metrics-urls on an address that etcdscope reaches",
    hides=(
        "wal-fsync-slow",
        "backend-commit-slow",
        "cpu-starved",
        "quota-near",
        "proposals-failing",
    ),
)


def slow_disk() -> Verdict:
    rows = members()
    slow = replace(rows[1], fsync_p99=0.512, answer_seconds=0.048)
    return replace(
        healthy(),
        level=Level.WARNING,
        sentence=f"{SLOW_DISK.summary}.",
        members=(rows[0], slow, rows[2]),
    )


def leader_killed() -> Verdict:
    rows = members(leader=0)
    down = gone(rows[1], "10.0.0.2:2379 refuses connections: is etcd running there?")
    return replace(
        healthy(),
        level=Level.WARNING,
        sentence=f"{LEADER_DOWN.summary}.",
        margin=0,
        leader=IDS[0],
        term=15,
        members=(rows[0], down, rows[2]),
    )


def quorum_lost() -> Verdict:
    rows = members()
    alone = replace(rows[0], role=Role.PRE_CANDIDATE)
    return replace(
        healthy(),
        level=Level.CRITICAL,
        sentence=f"{QUORUM_LOST.summary}.",
        margin=-1,
        leader="",
        term=None,
        members=(alone, gone(rows[1], "refuses connections"), gone(rows[2], "refuses connections")),
    )


def unknown() -> Verdict:
    return Verdict(
        level=Level.UNKNOWN,
        sentence="We cannot judge this cluster: nobody listens at 127.0.0.1:2379; does etcd run?",
    )


def with_learner() -> Verdict:
    learner = replace(members(4)[3], is_learner=True, role=Role.FOLLOWER)
    return replace(
        healthy(),
        members=(*members(), learner),
        sentence="etcd is fine. 4 of 4 members, m2 leads. One member may be lost.",
    )


def effect(kind: EffectKind, at: float, **about: object) -> Effect:
    return Effect(kind, at, CLUSTER_ID, names=names(members(5)), **about)  # type: ignore[arg-type]
