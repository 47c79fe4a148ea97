"""The state of the whole cluster in one sentence, and of every member in one row."""

from collections.abc import Sequence
from functools import partial
from math import isfinite

from etcdscope.detect.quorum import voters
from etcdscope.detect.testimony import answers, leader
from etcdscope.diagnose.managed import by_api_servers
from etcdscope.model.cluster import Member, Role
from etcdscope.model.finding import Severity
from etcdscope.model.incident import Incident, Level, MemberState, Verdict
from etcdscope.model.signal import (
    APPLIED_INDEX,
    APPLIED_TERM,
    BACKEND_COMMIT,
    CLUSTER_ID,
    COMMITTED_INDEX,
    DB_BYTES,
    DB_IN_USE_BYTES,
    LEADER,
    PEER_RTT,
    QUOTA_BYTES,
    RAFT_STATE,
    RAFT_TERM,
    RAFTVARS_SECONDS,
    SERIALIZABLE_SECONDS,
    STATUS_SECONDS,
    VERSION,
    WAL_FSYNC,
    Signal,
)
from etcdscope.model.window import Window

_LEVELS = {
    Severity.INFO: Level.OK,
    Severity.WARNING: Level.WARNING,
    Severity.CRITICAL: Level.CRITICAL,
}
_ROLES = frozenset(role.value for role in Role)
# After a start etcd is not known before each member was asked both. A list of the members may take
# 2.5 s, and a first look at one of them 1.25: who was not looked at by then never will be, as one
# that advertises nothing but a unix socket. Notices tell that.
FIRST = ("status", "raftvars")
FIRST_LOOKS = 4.0
# The causes that say of a member that it serves nobody.
_SERVES_NOBODY = frozenset({"member-down", "member-frozen"})


def cluster_id(window: Window) -> str:
    """Return the cluster id that most endpoints give, empty while none did."""
    votes: dict[str, int] = {}
    for member in window.endpoints.values():
        known = window.word(member, CLUSTER_ID, within=900.0)
        if known:
            votes[known] = votes.get(known, 0) + 1
    return max(votes, key=lambda c: (votes[c], c)) if votes else ""


def verdict(window: Window, incidents: Sequence[Incident]) -> Verdict:
    """Return the verdict at the window's moment."""
    states = tuple(state(window, m) for m in window.members)
    answered = any(s.reachable for s in states)
    lead = leader(window) if answered else ""
    worst = max((i.severity for i in incidents), default=Severity.INFO)
    level = _LEVELS[worst]
    managed = by_api_servers(window, incidents)
    lost = not answered and _lost(window, incidents)
    looking = level is Level.OK and bool(unmet(window))
    if lost:
        level = Level.CRITICAL
    elif looking or not (answered or managed or level is Level.CRITICAL):
        level = Level.UNKNOWN
    judged = lost or (answered and not looking)
    margin = len(voters(window).counting) - window.quorum if judged else None
    versions = sorted({s.version for s in states if s.version})
    return Verdict(
        level=level,
        sentence=managed or _sentence(window, level, incidents, lead, margin),
        cluster=cluster_id(window),
        version=versions[0] if versions else "",
        voters=len(window.voters),
        quorum=window.quorum if window.members else 0,
        margin=margin,
        leader=lead,
        term=next((s.term for s in states if s.id == lead), None),
        members=states,
    )


def unmet(window: Window) -> tuple[str, ...]:
    """Return the members of which we do not know yet, shortly after a start, how they are."""
    if window.now - window.began > FIRST_LOOKS:
        return ()
    return tuple(
        m.id
        for m in window.members
        if m.started and not all(source in window.looks_at(m.id) for source in FIRST)
    )


def _lost(window: Window, incidents: Sequence[Incident]) -> bool:
    """Return whether every voter is known to serve nobody: then so does the cluster."""
    dead = {i.subject.name for i in incidents if i.cause in _SERVES_NOBODY}
    return bool(window.voters) and dead.issuperset(m.id for m in window.voters)


def _sentence(
    window: Window, level: Level, incidents: Sequence[Incident], lead: str, margin: int | None
) -> str:
    serious = [i for i in incidents if i.severity > Severity.INFO]
    if level is Level.UNKNOWN:
        return _not_seen(window, incidents)
    if serious:
        first = max(serious, key=lambda i: (i.severity, i.confidence, -i.opened_at))
        more = f" (and {len(serious) - 1} more)" if len(serious) > 1 else ""
        return f"{first.summary}{more}."
    total, answering = len(window.members), _answering(window)
    leads = f"{window.label(lead)} leads" if lead else "an election is under way"
    return f"etcd is fine. {answering} of {total} members, {leads}. {_may_be_lost(window, margin)}"


def _may_be_lost(window: Window, margin: int | None) -> str:
    if len(window.voters) == 1:
        return "It has a single member: its loss is the loss of the cluster."
    if margin is None:
        return "How many members may be lost could not be judged."
    if margin < 0:
        return "Too few members take part to tell how many may be lost."
    words = {0: "No member may be lost.", 1: "One member may be lost."}
    return words.get(margin, f"{margin} members may be lost.")


def _answering(window: Window) -> int:
    return sum(1 for m in window.members if answers(window, m.id))


def _these(some: int, total: int) -> str:
    return f"{some} of {total} members {'has' if some == 1 else 'have'}"


def _not_seen(window: Window, incidents: Sequence[Incident]) -> str:
    if answering := _answering(window):
        return f"Looking: {_these(answering, len(window.members))} answered so far."
    stopped = [f"{i.summary}." for i in incidents if i.cause == "member-stopped"]
    details = [
        look.detail or str(look.failure)
        for look in window.looks.values()
        if look.failure is not None and look.source == "status"
    ]
    if why := (*stopped, *details):
        return f"We cannot judge this cluster: {why[0]}"
    return "We cannot judge this cluster: nothing has answered yet."


def state(window: Window, member: Member) -> MemberState:
    """Return what is known of one member now."""
    number = partial(_whole, window, member.id)
    committed, applied = number(COMMITTED_INDEX), number(APPLIED_INDEX)
    highest = max(
        (c for m in window.members if (c := _whole(window, m.id, COMMITTED_INDEX)) is not None),
        default=None,
    )
    fsync = window.quantile(member.id, WAL_FSYNC, 0.99, over=15.0)
    commit = window.quantile(member.id, BACKEND_COMMIT, 0.99, over=15.0)
    reachable = answers(window, member.id)
    term = number(RAFT_TERM)
    return MemberState(
        id=member.id,
        name=member.label,
        endpoint=window.dialled(member.id),
        role=role(window, member.id) if reachable else Role.UNKNOWN,
        is_learner=member.is_learner,
        reachable=reachable,
        version=window.word(member.id, VERSION, within=900.0),
        term=term if term is not None else number(APPLIED_TERM),
        committed_index=committed,
        applied_index=applied,
        lag_entries=highest - committed if highest is not None and committed is not None else None,
        db_bytes=number(DB_BYTES),
        db_in_use_bytes=number(DB_IN_USE_BYTES),
        quota_bytes=number(QUOTA_BYTES),
        answer_seconds=_quickest(window, member.id),
        fsync_p99=fsync.value if fsync else None,
        commit_p99=commit.value if commit else None,
        peer_rtt=_from_leader(window, member.id),
        why_not="" if reachable else _why_not(window, member),
    )


def role(window: Window, member: str) -> Role:
    """Return raft's role of the member; by Status where /debug/vars is out of reach."""
    known = window.word(member, RAFT_STATE)
    if known:
        return Role(known) if known in _ROLES else Role.UNKNOWN
    leads = window.word(member, LEADER)
    if leads is None:
        return Role.UNKNOWN
    return Role.LEADER if leads == member else Role.FOLLOWER


def _quickest(window: Window, member: str) -> float | None:
    """Return how soon it answers: the quickest of late, since a first call also connects."""
    return min(
        (
            t
            for s in (STATUS_SECONDS, RAFTVARS_SECONDS, SERIALIZABLE_SECONDS)
            for t in window.numbers(member, s, over=3.0)
        ),
        default=None,
    )


def _from_leader(window: Window, member: str) -> float | None:
    """Return the round trip between the leader and this member, as the leader measures it."""
    # A metric that the leader moves every 30 s: two of them, and a scrape at each end.
    mean = window.mean(leader(window), PEER_RTT, member, over=70.0)
    return mean.value if mean else None


def _whole(window: Window, member: str, signal: Signal) -> int | None:
    value = window.number(member, signal)
    return int(value) if value is not None and isfinite(value) else None


def _why_not(window: Window, member: Member) -> str:
    if not member.started:
        return "has never started"
    looks = window.looks_at(member.id)
    for source in ("status", "raftvars", "probe"):
        if (look := looks.get(source)) and look.failure:
            return look.detail or str(look.failure)
    return "no answer"
