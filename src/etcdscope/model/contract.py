"""The JSON that others rely on: ``watch`` lines and the ``check`` object.

Stable: fields may be added, never renamed or taken away. What is unknown or does not apply is left
out, never null and never empty text; lists and true/false are always there, but ``alternatives``
only where there are any, and ``cluster_name`` only where several clusters are watched. Times are
ISO-8601 in UTC with milliseconds and a Z. Members appear by name, with their hex id beside it. An
incident or a blind spot in the ``check`` object is the very line that ``watch`` would print for it.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from math import isfinite
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from etcdscope.model.finding import BlindSpot, Evidence, NextTest, Subject
from etcdscope.model.incident import Effect, EffectKind, Incident, MemberState, Verdict

Moment = Annotated[
    str,
    Meta(
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$",
        extra_json_schema={"format": "date-time"},
    ),
]
Share = Annotated[float, Meta(ge=0, le=1)]
SeverityWord = Literal["info", "warning", "critical"]
VerdictWord = Literal["ok", "warning", "critical", "unknown"]
RoleWord = Literal["leader", "follower", "candidate", "pre-candidate", "unknown"]
SubjectKind = Literal[
    "cluster",
    "member",
    "link",
    "endpoint",
    "node",
    "apiserver",
    "namespace",
    "resource",
    "client",
    "self",
]
_NAMED_BY_KIND: Final = frozenset(
    {"endpoint", "node", "apiserver", "namespace", "resource", "client"}
)
# JSON numbers past this lose digits in readers that keep them as doubles.
_EXACT: Final = 2**53


class SubjectObject(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What it is about; which of the other fields is there follows from ``kind``."""

    kind: SubjectKind
    member: str | None = None
    member_id: str | None = None
    from_: str | None = msgspec.field(default=None, name="from")
    to: str | None = None
    from_id: str | None = None
    to_id: str | None = None
    endpoint: str | None = None
    node: str | None = None
    apiserver: str | None = None
    namespace: str | None = None
    resource: str | None = None
    client: str | None = None


class EvidenceObject(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One measured fact; ``for`` is false where it speaks against, or for a look-alike."""

    signal: str
    member: str | None = None
    value: int | float | str
    unit: str | None = None
    limit: int | float | None = None
    source: str | None = None
    for_: bool = msgspec.field(name="for")
    says: str | None = None


class RuledOutObject(Struct, frozen=True, kw_only=True):
    """A look-alike that it is not, and by what."""

    cause: str
    by: str


class StepObject(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One step of a runbook; ``run`` is the command that does it, if one does."""

    say: str
    run: str | None = None


class AlternativeObject(Struct, frozen=True, kw_only=True):
    """What it may be instead, and how sure that would be."""

    cause: str
    confidence: Share
    why: str


class OutcomeObject(Struct, frozen=True, kw_only=True):
    """What a test may show, and which cause it then is."""

    sees: str
    cause: str


class TestObject(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What would tell the cause from the likeliest of its alternatives."""

    __test__ = False  # not one of pytest's

    say: str
    run: str | None = None
    then: tuple[OutcomeObject, ...]


class IncidentLine(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An incident as it opened, changed or closed. Only closed ones have ``until``."""

    at: Moment
    event: Literal["opened", "changed", "closed"]
    incident: str
    cluster: str
    cluster_name: str | None = None
    cause: str
    severity: SeverityWord
    subject: SubjectObject
    summary: str
    confidence: Share
    since: Moment
    until: Moment | None = None
    seconds: float | None = None
    note: str | None = None
    evidence: tuple[EvidenceObject, ...]
    effects: tuple[str, ...]
    ruled_out: tuple[RuledOutObject, ...]
    impact: str | None = None
    runbook: tuple[StepObject, ...]
    next_test: str | None = None
    alternatives: tuple[AlternativeObject, ...] = ()
    test: TestObject | None = None


class BlindSpotLine(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What cannot be seen, or (``sighted``) can be seen again; ``hides`` are causes."""

    at: Moment
    event: Literal["blind-spot", "sighted"]
    cluster: str
    cluster_name: str | None = None
    source: str
    subject: SubjectObject
    why: str
    remedy: str | None = None
    hides: tuple[str, ...]


class MemberObject(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One member as it was last seen; ``why_not`` says why it could not be."""

    name: str
    id: str
    endpoint: str | None = None
    role: RoleWord
    is_learner: bool
    reachable: bool
    version: str | None = None
    term: int | None = None
    committed_index: int | None = None
    applied_index: int | None = None
    lag_entries: int | None = None
    db_bytes: int | None = None
    db_in_use_bytes: int | None = None
    quota_bytes: int | None = None
    answer_seconds: float | None = None
    fsync_p99_seconds: float | None = None
    commit_p99_seconds: float | None = None
    peer_rtt_seconds: float | None = None
    why_not: str | None = None


class VerdictLine(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The state of the whole cluster. No ``leader``: none, or none known."""

    at: Moment
    event: Literal["verdict"]
    cluster: str
    cluster_name: str | None = None
    verdict: VerdictWord
    summary: str
    quorum: int
    voters: int
    margin: int | None = None
    leader: str | None = None
    leader_id: str | None = None
    term: int | None = None
    version: str | None = None
    members: tuple[MemberObject, ...]


class ClusterObject(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The cluster; ``margin``: voters that may still be lost, below 0 without quorum."""

    id: str | None = None
    version: str | None = None
    quorum: int
    voters: int
    margin: int | None = None
    leader: str | None = None
    leader_id: str | None = None
    term: int | None = None


class CheckObject(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What ``etcdscope check --json`` prints."""

    at: Moment
    verdict: VerdictWord
    summary: str
    cluster: ClusterObject
    members: tuple[MemberObject, ...]
    incidents: tuple[IncidentLine, ...]
    blind_spots: tuple[BlindSpotLine, ...]


Line = IncidentLine | BlindSpotLine | VerdictLine


class _Event(Struct):
    event: str


_encoder: Final = msgspec.json.Encoder()
_peek: Final = msgspec.json.Decoder(_Event)
_incident: Final = msgspec.json.Decoder(IncidentLine)
_blind_spot: Final = msgspec.json.Decoder(BlindSpotLine)
_verdict: Final = msgspec.json.Decoder(VerdictLine)
_check: Final = msgspec.json.Decoder(CheckObject)


# --- out -------------------------------------------------------------------------------------


def line(effect: Effect, cluster_name: str = "") -> bytes:
    """Return the effect as one JSON object, without the newline.

    ``cluster_name``: what the user calls the cluster, where several are watched.
    """
    told = line_of(effect)
    if cluster_name:
        told = msgspec.structs.replace(told, cluster_name=cluster_name)
    return _encoder.encode(told)


def line_of(effect: Effect) -> Line:
    """Return the effect as what ``line`` encodes."""
    if effect.incident is not None:
        return _incident_line(effect.incident, effect.kind, effect.at, effect.names)
    if effect.blind_spot is not None:
        return _blind_spot_line(
            effect.blind_spot, effect.kind, effect.at, effect.cluster, effect.names
        )
    assert effect.verdict is not None, f"an effect ({effect.kind}) about nothing"
    return _verdict_line(effect.verdict, effect.at, effect.cluster)


def check_object(
    verdict: Verdict, incidents: Sequence[Incident], blind_spots: Sequence[BlindSpot], at: float
) -> bytes:
    """Return what ``check --json`` prints, as one JSON object."""
    names = {member.id: member.name for member in verdict.members}
    return _encoder.encode(
        CheckObject(
            at=moment(at),
            verdict=verdict.level.value,
            summary=verdict.sentence,
            cluster=ClusterObject(
                id=verdict.cluster or None,
                version=verdict.version or None,
                quorum=verdict.quorum,
                voters=verdict.voters,
                margin=verdict.margin,
                leader=_label(verdict.leader, names),
                leader_id=verdict.leader or None,
                term=verdict.term,
            ),
            members=tuple(map(_member, verdict.members)),
            incidents=tuple(_incident_line(i, EffectKind.OPENED, at, names) for i in incidents),
            blind_spots=tuple(
                _blind_spot_line(b, EffectKind.BLIND_SPOT, at, verdict.cluster, names)
                for b in blind_spots
            ),
        )
    )


def moment(at: float) -> str:
    """Return unix seconds as ISO-8601 in UTC, to the millisecond."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def _incident_line(
    incident: Incident, kind: EffectKind, at: float, names: Mapping[str, str]
) -> IncidentLine:
    names = {**names, **incident.names}
    until = incident.closed_at
    return IncidentLine(
        at=moment(at),
        event=kind.value,  # type: ignore[arg-type]  # no other kind has an incident
        incident=incident.id,
        cluster=incident.cluster,
        cause=incident.cause,
        severity=str(incident.severity),  # type: ignore[arg-type]
        subject=subject_object(incident.subject, names),
        summary=incident.summary,
        confidence=round(min(max(incident.confidence, 0.0), 1.0), 3),
        since=moment(incident.since),
        until=None if until is None else moment(until),
        seconds=None if until is None else round(max(until - incident.since, 0.0), 3),
        note=incident.note or None,
        evidence=tuple(evidence_object(e, names) for e in incident.evidence),
        effects=incident.effects,
        ruled_out=tuple(RuledOutObject(cause=r.cause, by=r.by) for r in incident.ruled_out),
        impact=incident.impact or None,
        runbook=tuple(StepObject(say=s.say, run=s.run or None) for s in incident.runbook),
        next_test=incident.next_test or None,
        alternatives=tuple(
            AlternativeObject(cause=a.cause, confidence=round(a.confidence, 3), why=a.why)
            for a in incident.alternatives
        ),
        test=_test(incident.test),
    )


def _test(test: NextTest | None) -> TestObject | None:
    if test is None:
        return None
    then = tuple(OutcomeObject(sees=o.sees, cause=o.cause) for o in test.then)
    return TestObject(say=test.say, run=test.run or None, then=then)


def _blind_spot_line(
    blind_spot: BlindSpot, kind: EffectKind, at: float, cluster: str, names: Mapping[str, str]
) -> BlindSpotLine:
    return BlindSpotLine(
        at=moment(at),
        event=kind.value,  # type: ignore[arg-type]  # step gives no other kind a blind spot
        cluster=cluster,
        source=blind_spot.source,
        subject=subject_object(blind_spot.subject, names),
        why=blind_spot.why,
        remedy=blind_spot.remedy or None,
        hides=blind_spot.hides,
    )


def _verdict_line(verdict: Verdict, at: float, cluster: str) -> VerdictLine:
    return VerdictLine(
        at=moment(at),
        event="verdict",
        cluster=verdict.cluster or cluster,
        verdict=verdict.level.value,
        summary=verdict.sentence,
        quorum=verdict.quorum,
        voters=verdict.voters,
        margin=verdict.margin,
        leader=_label(verdict.leader, {m.id: m.name for m in verdict.members}),
        leader_id=verdict.leader or None,
        term=verdict.term,
        version=verdict.version or None,
        members=tuple(map(_member, verdict.members)),
    )


def _member(member: MemberState) -> MemberObject:
    return MemberObject(
        name=member.name or member.id,
        id=member.id,
        endpoint=member.endpoint or None,
        role=member.role.value,
        is_learner=member.is_learner,
        reachable=member.reachable,
        version=member.version or None,
        term=member.term,
        committed_index=member.committed_index,
        applied_index=member.applied_index,
        lag_entries=member.lag_entries,
        db_bytes=member.db_bytes,
        db_in_use_bytes=member.db_in_use_bytes,
        quota_bytes=member.quota_bytes,
        answer_seconds=_finite(member.answer_seconds),
        fsync_p99_seconds=_finite(member.fsync_p99),
        commit_p99_seconds=_finite(member.commit_p99),
        peer_rtt_seconds=_finite(member.peer_rtt),
        why_not=member.why_not or None,
    )


def subject_object(subject: Subject, names: Mapping[str, str]) -> SubjectObject:
    """Return a subject with its members' names beside their ids."""
    kind: Any = subject.kind  # a detector that invents a kind fails against the schema
    if kind == "member":
        return SubjectObject(kind=kind, member=_label(subject.name, names), member_id=subject.name)
    if kind == "link":
        return SubjectObject(
            kind=kind,
            from_=_label(subject.name, names),
            to=_label(subject.to, names),
            from_id=subject.name,
            to_id=subject.to,
        )
    if kind in _NAMED_BY_KIND:
        return SubjectObject(kind=kind, **{kind: subject.name or None})
    return SubjectObject(kind=kind)


def evidence_object(evidence: Evidence, names: Mapping[str, str]) -> EvidenceObject:
    """Return a measured fact with its member's name."""
    limit = evidence.limit
    return EvidenceObject(
        signal=evidence.signal,
        member=_label(evidence.member, names),
        value=_number(evidence.value),
        unit=evidence.unit or None,
        limit=None if limit is None or not isfinite(limit) else _plain(limit),
        source=evidence.source or None,
        for_=evidence.for_,
        says=evidence.says or None,
    )


def _label(member_id: str, names: Mapping[str, str]) -> str | None:
    return names.get(member_id) or member_id or None


def _number(value: float | str) -> int | float | str:
    """Return a number without a needless ".0"; JSON has no infinity, so that is a word."""
    if isinstance(value, str):
        return value
    return _plain(value) if isfinite(value) else str(value)


def _plain(value: float) -> int | float:
    return int(value) if value == int(value) and abs(value) < _EXACT else value


def _finite(value: float | None) -> float | None:
    return value if value is not None and isfinite(value) else None


# --- back --------------------------------------------------------------------------------------


def parse_line(text: bytes | str) -> Line:
    """Return a line that ``watch --json`` printed; ValueError says what is wrong with another."""
    event = _peek.decode(text).event
    if event in {"opened", "changed", "closed"}:
        return _incident.decode(text)
    if event in {"blind-spot", "sighted"}:
        return _blind_spot.decode(text)
    return _verdict.decode(text)


def parse_check(text: bytes | str) -> CheckObject:
    """Return an object that ``check --json`` printed; ValueError as above."""
    return _check.decode(text)


def unix(text: str) -> float:
    """Return a time of the contract as unix seconds."""
    return datetime.fromisoformat(text).timestamp()


# --- schema ------------------------------------------------------------------------------------


def schema() -> dict[str, dict[str, Any]]:
    """Return the JSON schemas (draft 2020-12) of what is printed, by file name."""
    return {
        "watch-line.schema.json": schema_of(
            "watch-line",
            "One line of etcdscope watch --json",
            IncidentLine,
            BlindSpotLine,
            VerdictLine,
        ),
        "check.schema.json": schema_of("check", "What etcdscope check --json prints", CheckObject),
    }


def schema_of(name: str, title: str, *shapes: type[Struct]) -> dict[str, Any]:
    """Return one schema for any of these shapes."""
    refs, parts = msgspec.json.schema_components(shapes, ref_template="#/$defs/{name}")
    top = refs[0] if len(refs) == 1 else {"oneOf": list(refs)}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:etcdscope:{name}",
        "title": title,
        **top,
        "$defs": {part: _never_null(parts[part]) for part in sorted(parts)},
    }


def _never_null(part: Any) -> Any:  # noqa: ANN401  # any piece of a JSON schema
    """Return the schema without the nulls: what would be null is left out of the JSON."""
    if isinstance(part, list):
        return [_never_null(p) for p in part if p != {"type": "null"}]
    if not isinstance(part, dict):
        return part
    clean = {k: _never_null(v) for k, v in part.items() if not (k == "default" and v is None)}
    if len(clean.get("anyOf", ())) == 1:
        clean |= clean.pop("anyOf")[0]
    return clean
