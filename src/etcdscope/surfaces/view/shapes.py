"""The shapes of what is shown; the API's OpenAPI document is made from them.

Times are unix seconds, sizes bytes, durations seconds, ratios 0 to 1. What is unknown is null.
Incidents and blind spots have the shape that ``watch --json`` gives them.
"""

from typing import Literal

import msgspec
from msgspec import Struct

from etcdscope.model.contract import (
    BlindSpotLine,
    IncidentLine,
    RoleWord,
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
