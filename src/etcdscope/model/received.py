"""What another etcdscope said in the public JSON, as values again.

All that is in the contract comes back; what is not in it (a finding's own next test, who else was
judged) stays with whoever judged.
"""

from etcdscope.model import contract
from etcdscope.model.cluster import Role
from etcdscope.model.contract import BlindSpotLine, CheckObject, IncidentLine, MemberObject
from etcdscope.model.finding import (
    Alternative,
    BlindSpot,
    Evidence,
    NextTest,
    Outcome,
    RuledOut,
    Severity,
    Subject,
)
from etcdscope.model.incident import Incident, Level, MemberState, Step, Verdict


def verdict(said: CheckObject) -> Verdict:
    """Return the verdict of a ``check`` object."""
    cluster = said.cluster
    return Verdict(
        level=Level(said.verdict),
        sentence=said.summary,
        cluster=cluster.id or "",
        version=cluster.version or "",
        voters=cluster.voters,
        quorum=cluster.quorum,
        margin=cluster.margin,
        leader=cluster.leader_id or "",
        term=cluster.term,
        members=tuple(map(_member, said.members)),
    )


def incidents(said: CheckObject) -> tuple[Incident, ...]:
    """Return the open incidents of a ``check`` object."""
    names = {m.id: m.name for m in said.members}
    return tuple(_incident(one, names) for one in said.incidents)


def blind_spots(said: CheckObject) -> tuple[BlindSpot, ...]:
    """Return what a ``check`` object says could not be judged."""
    return tuple(_blind_spot(one) for one in said.blind_spots)


def _member(said: MemberObject) -> MemberState:
    return MemberState(
        id=said.id,
        name=said.name,
        endpoint=said.endpoint or "",
        role=Role(said.role),
        is_learner=said.is_learner,
        reachable=said.reachable,
        version=said.version,
        term=said.term,
        committed_index=said.committed_index,
        applied_index=said.applied_index,
        lag_entries=said.lag_entries,
        db_bytes=said.db_bytes,
        db_in_use_bytes=said.db_in_use_bytes,
        quota_bytes=said.quota_bytes,
        answer_seconds=said.answer_seconds,
        fsync_p99=said.fsync_p99_seconds,
        commit_p99=said.commit_p99_seconds,
        peer_rtt=said.peer_rtt_seconds,
        why_not=said.why_not or "",
    )


def _incident(said: IncidentLine, names: dict[str, str]) -> Incident:
    ids = {name: ident for ident, name in names.items()}
    return Incident(
        id=said.incident,
        cluster=said.cluster,
        cause=said.cause,
        subject=_subject(said.subject),
        severity=Severity[said.severity.upper()],
        summary=said.summary,
        confidence=said.confidence,
        since=contract.unix(said.since),
        opened_at=_opened(said),
        evidence=tuple(
            Evidence(
                signal=e.signal,
                value=e.value,
                unit=e.unit or "",
                limit=e.limit,
                source=e.source or "",
                member=ids.get(e.member or "", e.member or ""),
                for_=e.for_,
                says=e.says or "",
            )
            for e in said.evidence
        ),
        effects=said.effects,
        ruled_out=tuple(RuledOut(r.cause, r.by) for r in said.ruled_out),
        impact=said.impact or "",
        runbook=tuple(Step(s.say, s.run or "") for s in said.runbook),
        next_test=said.next_test or "",
        closed_at=None if said.until is None else contract.unix(said.until),
        note=said.note or "",
        names=names,
        alternatives=tuple(Alternative(a.cause, a.confidence, a.why) for a in said.alternatives),
        test=_test(said),
    )


def _opened(said: IncidentLine) -> float:
    """Return when it was told first: its id ends with that, in milliseconds."""
    at = said.incident.rpartition("/")[2]
    return int(at) / 1000 if at.isascii() and at.isdecimal() else contract.unix(said.since)


def _test(said: IncidentLine) -> NextTest | None:
    if said.test is None:
        return None
    then = tuple(Outcome(o.sees, o.cause) for o in said.test.then)
    return NextTest(said.test.say, said.test.run or "", then)


def _blind_spot(said: BlindSpotLine) -> BlindSpot:
    return BlindSpot(said.source, _subject(said.subject), said.why, said.remedy or "", said.hides)


def _subject(said: contract.SubjectObject) -> Subject:
    if said.kind == "member":
        return Subject.member(said.member_id or "")
    if said.kind == "link":
        return Subject.link(said.from_id or "", said.to_id or "")
    if said.kind == "self":
        return Subject("self", "etcdscope")
    return Subject(said.kind, getattr(said, said.kind, None) or "")
