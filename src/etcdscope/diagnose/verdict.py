"""The state of the whole cluster in one sentence, and of every member in one row."""

from collections.abc import Sequence
from functools import partial
from math import isfinite

from etcdscope.detect.quorum import voters
from etcdscope.detect.testimony import leader, silence
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
from etcdscope.model.window import SILENT, Window

_LEVELS = {
    Severity.INFO: Level.OK,
    Severity.WARNING: Level.WARNING,
    Severity.CRITICAL: Level.CRITICAL,
}
_ROLES = frozenset(role.value for role in Role)


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
    lead = leader(window)
    worst = max((i.severity for i in incidents), default=Severity.INFO)
    level = _LEVELS[worst]
    judged = any(s.reachable for s in states)
    managed = by_api_servers(window, incidents)
    if not judged and not managed and level is not Level.CRITICAL:
        level = Level.UNKNOWN
    worth = voters(window)
    margin = len(worth.counting) - window.quorum if window.members and judged else None
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


def _sentence(
    window: Window, level: Level, incidents: Sequence[Incident], lead: str, margin: int | None
) -> str:
    serious = [i for i in incidents if i.severity > Severity.INFO]
    if level is Level.UNKNOWN:
        return _nothing_seen(window)
    if serious:
        first = max(serious, key=lambda i: (i.severity, i.confidence, -i.opened_at))
        more = f" (and {len(serious) - 1} more)" if len(serious) > 1 else ""
        return f"{first.summary}{more}."
    total = len(window.members)
    answering = sum(1 for m in window.members if window.reachable(m.id))
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


def _nothing_seen(window: Window) -> str:
    details = [
        look.detail or str(look.failure)
        for look in window.looks.values()
        if look.failure is not None and look.source == "status"
    ]
    if details:
        return f"We cannot judge this cluster: {details[0]}"
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
    reachable = window.reachable(member.id) and silence(window, member.id) < SILENT
    term = number(RAFT_TERM)
    return MemberState(
        id=member.id,
        name=member.label,
        endpoint=window.dialled(member.id),
        role=role(window, member.id),
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
