"""Incidents, the verdict on a cluster, and the effects that one step of judgement has."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from etcdscope.model.cluster import Role
from etcdscope.model.finding import (
    Alternative,
    BlindSpot,
    Evidence,
    Finding,
    NextTest,
    RuledOut,
    Severity,
    Subject,
)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a runbook: what to do, and the command that does it, if one does."""

    say: str
    run: str = ""


@dataclass(frozen=True, slots=True)
class Incident:
    """Findings with one cause, with a beginning and an end.

    ``id`` never changes, its ``cause`` may. ``since``: first sign; ``opened_at``: when it was
    told; both unix seconds. ``names``: hex member id → name when last judged. ``note``: how it
    ended. ``alternatives``: what it may be instead, the likeliest first; ``test``: what would tell
    the first of them from the cause. ``cluster_name``: what the user calls the cluster, where an
    agent watches several.
    """

    id: str
    cluster: str
    cause: str
    subject: Subject
    severity: Severity
    summary: str
    confidence: float
    since: float
    opened_at: float
    evidence: tuple[Evidence, ...] = ()
    effects: tuple[str, ...] = ()
    ruled_out: tuple[RuledOut, ...] = ()
    impact: str = ""
    runbook: tuple[Step, ...] = ()
    next_test: str = ""
    closed_at: float | None = None
    note: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    alternatives: tuple[Alternative, ...] = ()
    test: NextTest | None = None
    cluster_name: str = ""

    @property
    def open(self) -> bool:
        """Return whether it goes on."""
        return self.closed_at is None


class Level(StrEnum):
    """The verdict in a word; also ``check``'s exit code."""

    OK = "ok"
    WARNING = "warning"
    CRITICAL = "critical"
    UNKNOWN = "unknown"

    @property
    def exit_code(self) -> int:
        """Return 0, 1, 2, or 3 for unknown."""
        return {"ok": 0, "warning": 1, "critical": 2, "unknown": 3}[self.value]


@dataclass(frozen=True, slots=True)
class MemberState:
    """What is known of one member now. None is "not seen"; ages and indexes as etcd gives them."""

    id: str
    name: str
    endpoint: str
    role: Role
    is_learner: bool = False
    reachable: bool = False
    version: str | None = None
    term: int | None = None
    committed_index: int | None = None
    applied_index: int | None = None
    lag_entries: int | None = None
    db_bytes: int | None = None
    db_in_use_bytes: int | None = None
    quota_bytes: int | None = None
    answer_seconds: float | None = None
    fsync_p99: float | None = None
    commit_p99: float | None = None
    peer_rtt: float | None = None
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The state of the whole cluster at a moment.

    ``margin``: voters that are reachable and caught up, less the quorum; None if it could not be
    judged, negative without quorum.
    """

    level: Level
    sentence: str
    cluster: str = ""
    version: str = ""
    voters: int = 0
    quorum: int = 0
    margin: int | None = None
    leader: str = ""
    term: int | None = None
    members: tuple[MemberState, ...] = ()


class EffectKind(StrEnum):
    """What happened; the ``event`` of ``watch --json``."""

    OPENED = "opened"
    CHANGED = "changed"
    CLOSED = "closed"
    BLIND_SPOT = "blind-spot"
    SIGHTED = "sighted"
    VERDICT = "verdict"


@dataclass(frozen=True, slots=True)
class Effect:
    """Something that the outside should be told; ``cluster_name``: as of an incident."""

    kind: EffectKind
    at: float
    cluster: str
    incident: Incident | None = None
    blind_spot: BlindSpot | None = None
    verdict: Verdict | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    cluster_name: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """Findings and blind spots of one look over a window."""

    findings: tuple[Finding, ...] = ()
    blind_spots: tuple[BlindSpot, ...] = ()
