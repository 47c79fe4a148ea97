"""Members and the links between them, as they are shown."""

from collections.abc import Iterable, Iterator, Mapping

from etcdscope.diagnose.step import State
from etcdscope.model.cluster import Member
from etcdscope.model.incident import Incident, MemberState
from etcdscope.model.signal import (
    ACTIVE_PEERS,
    APPLIED_INDEX,
    BACKEND_COMMIT,
    CERTIFICATE_END,
    COMMITTED_INDEX,
    DB_BYTES,
    DB_IN_USE_BYTES,
    PEER_RTT,
    PEER_SENT_BYTES,
    PEER_SENT_FAILURES,
    PROGRESS_MATCH,
    PROGRESS_STATE,
    QUOTA_BYTES,
    RAFT_STATE,
    RAFT_TERM,
    STATUS_SECONDS,
    VERSION,
    WAL_FSYNC,
    Signal,
)
from etcdscope.model.window import Window
from etcdscope.surfaces.view.shapes import (
    ChipObject,
    LinkView,
    LinkWord,
    MemberView,
    MemberWord,
    ProgressWord,
    SourceObject,
)

# Which open incident makes a member what it is shown as; the first that fits.
_STATES: tuple[tuple[str, MemberWord], ...] = (
    ("member-never-started", "never-started"),
    ("member-stopped", "stopped"),
    ("member-down", "down"),
    ("member-frozen", "frozen"),
    ("member-isolated", "isolated"),
    ("member-unreachable", "unreachable"),
)
_LINKS: tuple[tuple[str, LinkWord], ...] = (
    ("link-one-way", "one-way"),
    ("link-lossy", "lossy"),
    ("link-saturated", "saturated"),
    ("link-slow", "slow"),
)
_PROGRESS: Mapping[str, ProgressWord] = {
    "replicate": "replicate",
    "probe": "probe",
    "snapshot": "snapshot",
}
# Where each field of a member is read.
_READ_FROM: Mapping[str, Signal] = {
    "role": RAFT_STATE,
    "term": RAFT_TERM,
    "index": COMMITTED_INDEX,
    "applied": APPLIED_INDEX,
    "lag": COMMITTED_INDEX,
    "writes_per_s": COMMITTED_INDEX,
    "db_size": DB_BYTES,
    "db_in_use": DB_IN_USE_BYTES,
    "quota": QUOTA_BYTES,
    "version": VERSION,
    "answers_in": STATUS_SECONDS,
    "wal_fsync_p99": WAL_FSYNC,
    "backend_commit_p99": BACKEND_COMMIT,
    "certificate_ends": CERTIFICATE_END,
}
# What etcd is doing right now, and not what it was doing a minute ago.
LATELY = 10.0
# etcd probes each peer every 30 s (rafthttp's connection monitor): two probes make a difference.
RTT_OVER = 75.0
TRAFFIC_OVER = 15.0


def marks(members: Iterable[str]) -> Mapping[str, int]:
    """Return every member's mark: its place among the sorted ids, so that it stays the same."""
    return {member: mark for mark, member in enumerate(sorted(members))}


def chips(states: Iterable[MemberState]) -> tuple[ChipObject, ...]:
    """Return the members in one glance, by name."""
    states = tuple(states)
    mark = marks(s.id for s in states)
    return tuple(
        ChipObject(
            id=s.id,
            name=s.name or s.id,
            mark=mark[s.id],
            role=s.role.value,
            learner=s.is_learner,
            reachable=s.reachable,
        )
        for s in sorted(states, key=lambda s: (s.name, s.id))
    )


def members(state: State, *, sources: bool = True) -> tuple[MemberView, ...]:
    """Return the members with all their numbers, by name; ``sources``: and where they are from."""
    states = {s.id: s for s in state.verdict.members} if state.verdict else {}
    incidents = state.incidents
    return tuple(
        _member(chip, states[chip.id], state.window, incidents, sources=sources)
        for chip in chips(states.values())
    )


def _member(
    chip: ChipObject,
    seen: MemberState,
    window: Window,
    incidents: tuple[Incident, ...],
    *,
    sources: bool,
) -> MemberView:
    ends = [
        end
        for port in window.keys(seen.id, CERTIFICATE_END)
        if (end := window.number(seen.id, CERTIFICATE_END, port)) is not None
    ]
    return MemberView(
        id=chip.id,
        name=chip.name,
        mark=chip.mark,
        role=chip.role,
        learner=chip.learner,
        reachable=chip.reachable,
        endpoint=seen.endpoint or None,
        state=_condition(seen, incidents),
        why=seen.why_not or None,
        term=seen.term,
        index=seen.committed_index,
        applied=seen.applied_index,
        lag=seen.lag_entries,
        db_size=seen.db_bytes,
        db_in_use=seen.db_in_use_bytes,
        quota=seen.quota_bytes,
        version=seen.version,
        answers_in=seen.answer_seconds,
        wal_fsync_p99=seen.fsync_p99,
        backend_commit_p99=seen.commit_p99,
        writes_per_s=window.rate(seen.id, COMMITTED_INDEX, over=LATELY) if seen.reachable else None,
        certificate_ends=min(ends, default=None),
        sources=dict(_sources(window, seen.id)) if sources else {},
    )


def _sources(window: Window, member: str) -> Iterator[tuple[str, SourceObject]]:
    for name, signal in _READ_FROM.items():
        newest = max(
            (
                points[-1].at
                for key in window.keys(member, signal)
                if (points := window.points(member, signal, key))
            ),
            default=None,
        )
        if newest is not None:
            source = signal.metrics[0] if signal.metrics else signal.source
            age = round(max(window.now - newest, 0.0), 3)
            yield name, SourceObject(source=source, age=age)


def _condition(seen: MemberState, incidents: Iterable[Incident]) -> MemberWord:
    causes = {
        i.cause for i in incidents if i.subject.kind == "member" and i.subject.name == seen.id
    }
    known = next((word for cause, word in _STATES if cause in causes), None)
    return known or ("ok" if seen.reachable else "unreachable")


# --- links -----------------------------------------------------------------------------------


def links(state: State) -> tuple[LinkView, ...]:
    """Return every direction between two members."""
    window = state.window
    leader = state.verdict.leader if state.verdict else ""
    incidents = state.incidents
    return tuple(
        _link(window, one, other, leader, incidents)
        for one in window.members
        for other in window.members
        if one is not other
    )


def _link(
    window: Window, one: Member, other: Member, leader: str, incidents: tuple[Incident, ...]
) -> LinkView:
    near, far = one.id, other.id
    rtt = window.mean(near, PEER_RTT, far, over=RTT_OVER)
    match = window.number(near, PROGRESS_MATCH, far) if near == leader else None
    own = window.number(near, PROGRESS_MATCH, near) if near == leader else None
    progress = window.word(near, PROGRESS_STATE, far) if near == leader else None
    return LinkView(
        from_=near,
        to=far,
        state=_condition_of_link(window, near, far, incidents),
        rtt=rtt.value if rtt else None,
        failures=window.rate(near, PEER_SENT_FAILURES, far, over=TRAFFIC_OVER),
        sent_per_s=window.rate(near, PEER_SENT_BYTES, far, over=TRAFFIC_OVER),
        match=None if match is None else int(match),
        behind=None if match is None or own is None else max(int(own - match), 0),
        progress=_PROGRESS.get(progress or ""),
    )


def _condition_of_link(
    window: Window, near: str, far: str, incidents: Iterable[Incident]
) -> LinkWord:
    for cause, word in _LINKS:
        for incident in incidents:
            subject = incident.subject
            ends = {near, far} == {subject.name, subject.to}
            # Of a one-way cut the direction matters; delay and loss show in both.
            if incident.cause == cause and ends and (word != "one-way" or subject.name == near):
                return word
    active = window.number(near, ACTIVE_PEERS, far)
    if active is None or not window.reachable(near):
        return "unknown"
    return "ok" if active else "cut"
