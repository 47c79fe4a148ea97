"""The shapes of what is shown; the API's OpenAPI document is made from them.

Times are unix seconds, sizes bytes, durations seconds, ratios 0 to 1. What is unknown is null.
Incidents and blind spots have the shape that ``watch --json`` gives them.
"""

from typing import Literal

import msgspec
from msgspec import Struct

from etcdscope.model.contract import (
    BlindSpotLine,
    EvidenceObject,
    IncidentLine,
    RoleWord,
    SeverityWord,
    SubjectObject,
    VerdictWord,
)

MemberWord = Literal["ok", "frozen", "down", "isolated", "unreachable", "stopped", "never-started"]
LinkWord = Literal["ok", "slow", "lossy", "saturated", "one-way", "cut", "unknown"]
# What a moment of the past was put together from: the very looks, or a value each five seconds.
Rebuilt = Literal["sweeps", "samples"]
ProgressWord = Literal["replicate", "probe", "snapshot"]


class CountsObject(Struct, frozen=True, kw_only=True):
    """How many incidents are open, by severity."""

    critical: int
    warning: int
    info: int


class QuotaFullObject(Struct, frozen=True, kw_only=True):
    """Between which moments the quota will be full, if growth goes on."""

    early: float
    late: float


class ChipObject(Struct, frozen=True, kw_only=True):
    """A member in one glance. ``mark``: its place among the sorted ids, which gives its sign."""

    id: str
    name: str
    mark: int
    role: RoleWord
    learner: bool
    reachable: bool


class Standing(Struct, frozen=True, kw_only=True):
    """How one cluster stands.

    ``key`` names it in URLs and never changes while the agent runs. ``leader``: a member's id.
    ``leader_since``: since then at the latest. ``latency``: of linearizable reads, the slowest
    member's in each of sixty slots of two seconds, oldest first. ``db_size``, ``db_in_use``: of
    the member with the largest database.
    """

    key: str
    name: str
    labels: dict[str, str]
    cluster_id: str | None
    level: VerdictWord
    headline: str
    margin: int | None
    voters: int
    quorum: int
    leader: str | None
    leader_since: float | None
    term: int | None
    version: str | None
    db_size: int | None
    db_in_use: int | None
    quota: int | None
    quota_full: QuotaFullObject | None
    latency: tuple[float | None, ...]
    judged_at: float | None


class SummaryObject(Standing, frozen=True, kw_only=True):
    """One cluster in one row. ``blind_spots``: how many."""

    members: tuple[ChipObject, ...]
    incidents: CountsObject
    blind_spots: int


class SourceObject(Struct, frozen=True, kw_only=True):
    """Where a number was read, and how many seconds ago."""

    source: str
    age: float


class MemberView(ChipObject, frozen=True, kw_only=True):
    """One member. ``index``: committed; ``lag``: entries behind the highest index of any member.

    ``writes_per_s``: raft entries committed. ``sources``: by the name of the field.
    """

    endpoint: str | None
    state: MemberWord
    why: str | None
    term: int | None
    index: int | None
    applied: int | None
    lag: int | None
    db_size: int | None
    db_in_use: int | None
    quota: int | None
    version: str | None
    answers_in: float | None
    wal_fsync_p99: float | None
    backend_commit_p99: float | None
    writes_per_s: float | None
    certificate_ends: float | None
    sources: dict[str, SourceObject]


class LinkView(Struct, frozen=True, kw_only=True):
    """One direction between two members, by their ids.

    ``rtt``: etcd's own smoothed metric. ``failures``: messages a second that could not be sent;
    packets that were lost show in no metric of etcd. What the leader says of a follower:
    ``match``, ``behind`` (entries) and ``progress``.
    """

    from_: str = msgspec.field(name="from")
    to: str
    state: LinkWord
    rtt: float | None
    failures: float | None
    sent_per_s: float | None
    match: int | None
    behind: int | None
    progress: ProgressWord | None


class PromiseObject(Struct, frozen=True, kw_only=True):
    """One of etcd's promises, and whether it is kept here."""

    id: Literal["simple", "secure", "fast", "reliable"]
    kept: Literal["yes", "no", "unknown"]
    say: str


class ForecastObject(Struct, frozen=True, kw_only=True):
    """When a member's database reaches its quota if it goes on growing as it does.

    ``rate``: bytes a second. ``looked_back``: seconds that it was judged from.
    """

    member: str
    at: float
    size: int
    quota: int
    early: float
    likely: float
    late: float
    rate: float
    looked_back: float


class LiveObject(Standing, frozen=True, kw_only=True):
    """What a view of one cluster gets with every change."""

    members: tuple[MemberView, ...]
    links: tuple[LinkView, ...]
    incidents: CountsObject
    blind_spots: int


class ClusterView(Standing, frozen=True, kw_only=True):
    """One cluster whole. ``as_of`` and ``rebuilt_from`` are set where it is one of the past."""

    members: tuple[MemberView, ...]
    links: tuple[LinkView, ...]
    counts: CountsObject
    incidents: tuple[IncidentLine, ...]
    planned: tuple[IncidentLine, ...]
    blind_spots: tuple[BlindSpotLine, ...]
    promises: tuple[PromiseObject, ...]
    forecast: ForecastObject | None
    quorum_say: str
    as_of: float | None = None
    rebuilt_from: Rebuilt | None = None


class ClustersObject(Struct, frozen=True, kw_only=True):
    """All clusters that this agent watches, the worst first."""

    at: float
    clusters: tuple[SummaryObject, ...]


class HelloObject(Struct, frozen=True, kw_only=True):
    """What a listener hears first. ``started_at``: of the agent; another one is another life."""

    version: str
    started_at: float
    at: float


class ResetObject(Struct, frozen=True, kw_only=True):
    """What happened since is not known; ask for the incidents again."""

    why: str


# --- over time -------------------------------------------------------------------------------


class LimitObject(Struct, frozen=True, kw_only=True):
    """Where a chart's limit stands, and what lies beyond."""

    value: float
    say: str


class ChartObject(Struct, frozen=True, kw_only=True):
    """One chart of the catalogue."""

    id: str
    family: Literal["disk", "network", "clients", "raft", "space", "process", "kubernetes"]
    title: str
    unit: Literal["s", "B", "B/s", "1/s", "ratio", "count"]
    limit: LimitObject | None
    kind: Literal["line"] = "line"


class ChartsObject(Struct, frozen=True, kw_only=True):
    """The catalogue of charts."""

    charts: tuple[ChartObject, ...]


class LineObject(Struct, frozen=True, kw_only=True):
    """One line: a member's, or that of a member and a ``key`` (a peer, a place)."""

    member: str
    name: str
    mark: int
    key: str | None
    values: tuple[float | None, ...]


class RangeObject(Struct, frozen=True, kw_only=True):
    """One chart over a span. ``at``: the ends of the steps; null: nothing was seen.

    ``source``: ``memory`` where no history is kept, which holds the last minutes.
    """

    id: str
    unit: Literal["s", "B", "B/s", "1/s", "ratio", "count"]
    limit: LimitObject | None
    at: tuple[float, ...]
    lines: tuple[LineObject, ...]
    source: Literal["history", "memory"]


class RangesObject(Struct, frozen=True, kw_only=True):
    """Several charts over the same span."""

    ranges: tuple[RangeObject, ...]


class RunObject(Struct, frozen=True, kw_only=True):
    """A span in which a member had one role."""

    begin: float
    end: float
    role: str


class LaneObject(Struct, frozen=True, kw_only=True):
    """The roles of one member over time."""

    member: str
    name: str
    mark: int
    runs: tuple[RunObject, ...]


class MarkObject(Struct, frozen=True, kw_only=True):
    """Something that happened; ``end`` is null for what goes on.

    ``id``: of the incident; null for an election, which is told by the verdicts.
    """

    at: float
    end: float | None
    kind: Literal["election", "incident", "planned"]
    id: str | None
    say: str
    severity: SeverityWord


class LanesObject(Struct, frozen=True, kw_only=True):
    """Roles over time, and what happened on them."""

    lanes: tuple[LaneObject, ...]
    marks: tuple[MarkObject, ...]


# --- incidents -------------------------------------------------------------------------------


class IncidentsObject(Struct, frozen=True, kw_only=True):
    """Incidents, the newest first."""

    incidents: tuple[IncidentLine, ...]


class MomentObject(Struct, frozen=True, kw_only=True):
    """One moment of an incident's story."""

    at: float
    event: Literal["first-sign", "opened", "changed", "effect", "verdict", "closed"]
    say: str
    evidence: tuple[EvidenceObject, ...]


class CropObject(Struct, frozen=True, kw_only=True):
    """A chart, and which part of it shows the incident."""

    chart: str
    from_: float = msgspec.field(name="from")
    to: float


class LogObject(Struct, frozen=True, kw_only=True):
    """One line of a member's log, or ``count`` alike ones."""

    at: float
    member: str
    name: str
    level: str
    kind: str
    message: str
    count: int


class SimilarObject(Struct, frozen=True, kw_only=True):
    """An earlier incident with the same cause."""

    id: str
    opened_at: float
    closed_at: float | None
    severity: SeverityWord
    subject: SubjectObject
    summary: str


class StoryObject(Struct, frozen=True, kw_only=True):
    """An incident as a story."""

    incident: IncidentLine
    story: tuple[MomentObject, ...]
    charts: tuple[CropObject, ...]
    logs: tuple[LogObject, ...]
    logs_read: bool
    similar: tuple[SimilarObject, ...]


class FindingObject(Struct, frozen=True, kw_only=True):
    """What one detector says of one subject at this moment."""

    detector: str
    severity: SeverityWord
    subject: SubjectObject
    summary: str
    confidence: float
    evidence: tuple[EvidenceObject, ...]


class FindingsObject(Struct, frozen=True, kw_only=True):
    """All findings of the last judgement, those that explain others and those explained."""

    at: float
    findings: tuple[FindingObject, ...]
