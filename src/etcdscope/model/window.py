"""Recent observations of one cluster, aligned by member, and the arithmetic over them.

A window is a value: ``slide`` returns a new one. All times are unix seconds.
"""

from bisect import bisect_left
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import wraps
from itertools import pairwise
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar

from etcdscope.model.cluster import Member, MemberList, quorum
from etcdscope.model.finding import Evidence
from etcdscope.model.memory import Memory
from etcdscope.model.reading import Failure, Histogram, Reading, Value
from etcdscope.model.signal import CLUSTER_ID, LONG, MEMBER_LIST, Kind, Signal

P = ParamSpec("P")
R = TypeVar("R")

# A member that nothing was heard from for so many seconds does not count as reachable.
SILENT = 3.0
# A member list is as old as this at most, and so may the cluster be that its teller belongs to.
SAME_CLUSTER = 15.0
# Of a member that is in no list any more nothing is asked after this.
LEFT = 3600.0
# The sources whose success is an answer of etcd itself; a probe also succeeds in seeing nothing.
ANSWERS = frozenset({"status", "raftvars", "metrics", "members"})
# The sources that tell of a member, but whose endpoint is no address of it.
HEARSAY = frozenset({"logs"})


class Point(NamedTuple):
    """One value at one moment."""

    at: float
    value: Value


@dataclass(frozen=True, slots=True)
class Quantile:
    """A quantile over a span: its value, out of how many samples, in how many seconds."""

    value: float
    count: float
    span: float


@dataclass(frozen=True, slots=True)
class Look:
    """How the looks of one source at one endpoint have been going.

    ``since``: when the present run of successes or failures began. ``failures``: how many
    failures in a row, 0 after a success. ``last_ok``: end of the last success, None for never.
    """

    source: str
    endpoint: str
    member: str
    at: float
    since: float
    failure: Failure | None = None
    detail: str = ""
    failures: int = 0
    last_ok: float | None = None


Series = tuple[Point, ...]
_NONE: Mapping[str, Series] = {}


def once(
    function: "Callable[Concatenate[Window, P], R]",
) -> "Callable[Concatenate[Window, P], R]":
    """Remember what a function of a window gives, for as long as detectors run over that window.

    Many detectors ask the same: who leads, who answers. Arguments are hashable.
    """

    @wraps(function)
    def remembering(window: "Window", /, *args: P.args, **kwargs: P.kwargs) -> R:
        memo = window.memo
        if memo is None:
            return function(window, *args, **kwargs)
        key = (function, args, tuple(kwargs.items()))
        if key not in memo:
            memo[key] = function(window, *args, **kwargs)
        found: R = memo[key]
        return found

    return remembering


@dataclass(frozen=True, slots=True)
class Window:
    """What is known of one cluster at ``now``.

    ``series``: by (hex member id, signal), then by key. ``members``: the trusted member list.
    ``endpoints``: which member answers, or should answer, at which URL. ``began``: first look.
    ``judgeable``: ids of the members of which a detector has all that it needs (its wrapper knows).
    ``memo``: what ``once`` remembers while detectors run over it.
    ``memory``: what is known from before, over restarts.
    """

    now: float = 0.0
    began: float = 0.0
    series: Mapping[tuple[str, Signal], Mapping[str, Series]] = field(default_factory=dict)
    looks: Mapping[tuple[str, str], Look] = field(default_factory=dict)
    members: tuple[Member, ...] = ()
    members_at: float = 0.0
    endpoints: Mapping[str, str] = field(default_factory=dict)
    judgeable: tuple[str, ...] = ()
    memo: dict[Hashable, Any] | None = field(default=None, compare=False, repr=False)
    memory: Memory = field(default_factory=Memory)

    # --- membership ----------------------------------------------------------------------------

    @property
    def voters(self) -> tuple[Member, ...]:
        """Return the members that count for quorum."""
        return tuple(m for m in self.members if not m.is_learner)

    @property
    def quorum(self) -> int:
        """Return how many voters must agree."""
        return quorum(len(self.voters))

    def member(self, member_id: str) -> Member | None:
        """Return the listed member with that hex id."""
        return next((m for m in self.members if m.id == member_id), None)

    def label(self, member_id: str) -> str:
        """Return what people call the member: its name, else its id."""
        member = self.member(member_id)
        return member.label if member else member_id

    # --- values --------------------------------------------------------------------------------

    def points(
        self, member: str, signal: Signal, key: str = "", *, over: float | None = None
    ) -> Series:
        """Return the points of the last ``over`` seconds, oldest first; None for all there are."""
        series = self.series.get((member, signal), _NONE).get(key, ())
        if over is None or not series:
            return series
        return series[bisect_left(series, (self.now - over,)) :]

    def keys(self, member: str, signal: Signal) -> tuple[str, ...]:
        """Return the keys (peers, ports, codes) that the signal has had on that member."""
        return tuple(self.series.get((member, signal), _NONE))

    def last(
        self, member: str, signal: Signal, key: str = "", *, within: float | None = None
    ) -> Point | None:
        """Return the newest point if it is fresh: ``within`` seconds, else the signal's own."""
        series = self.series.get((member, signal), _NONE).get(key)
        if not series or series[-1].at < self.now - (within or signal.fresh):
            return None
        return series[-1]

    def fresh(self, member: str, signal: Signal) -> bool:
        """Return whether the signal was seen lately, under any key."""
        oldest = self.now - signal.fresh
        by_key = self.series.get((member, signal), _NONE)
        return any(series[-1].at >= oldest for series in by_key.values() if series)

    def number(
        self, member: str, signal: Signal, key: str = "", *, within: float | None = None
    ) -> float | None:
        """Return the newest number, None if it is too old or missing."""
        point = self.last(member, signal, key, within=within)
        return point.value if point and isinstance(point.value, (int, float)) else None

    def word(
        self, member: str, signal: Signal, key: str = "", *, within: float | None = None
    ) -> str | None:
        """Return the newest word (a state or an id), None if it is too old or missing."""
        point = self.last(member, signal, key, within=within)
        return point.value if point and isinstance(point.value, str) else None

    def numbers(
        self, member: str, signal: Signal, key: str = "", *, over: float
    ) -> tuple[float, ...]:
        """Return the numbers of the last ``over`` seconds, oldest first."""
        return tuple(
            p.value
            for p in self.points(member, signal, key, over=over)
            if isinstance(p.value, (int, float))
        )

    def held(
        self, member: str, signal: Signal, value: Value, key: str = "", *, over: float | None = None
    ) -> float:
        """Return for how many seconds, up to the newest point, the signal has been ``value``."""
        points = self.points(member, signal, key, over=over)
        if not points or points[-1].value != value:
            return 0.0
        since = points[-1].at
        for point in reversed(points):
            if point.value != value:
                break
            since = point.at
        return points[-1].at - since

    def increase(self, member: str, signal: Signal, key: str = "", *, over: float) -> float | None:
        """Return how much a counter grew in the last ``over`` seconds, None with under two points.

        The point just before the span counts as its start. A counter that fell was reset: what it
        shows after the fall is growth.
        """
        span = self._spanning(member, signal, key, over)
        if len(span) < 2:
            return None
        values = [p.value for p in span if isinstance(p.value, (int, float))]
        return sum(b - a if b >= a else b for a, b in pairwise(values))

    def rate(self, member: str, signal: Signal, key: str = "", *, over: float) -> float | None:
        """Return the growth of a counter per second."""
        grown = self.increase(member, signal, key, over=over)
        span = self._spanning(member, signal, key, over)
        seconds = span[-1].at - span[0].at if span else 0.0
        return grown / seconds if grown is not None and seconds > 0 else None

    def histogram(
        self, member: str, signal: Signal, key: str = "", *, over: float
    ) -> tuple[Histogram, float] | None:
        """Return what a histogram counted in the last ``over`` seconds and how long that was."""
        span = [
            p for p in self._spanning(member, signal, key, over) if isinstance(p.value, Histogram)
        ]
        counted = [p.value for p in span if isinstance(p.value, Histogram)]
        for i in range(len(span) - 1, 0, -1):  # after a restart only what came since counts
            if not counted[i].follows(counted[i - 1]):
                span, counted = span[i:], counted[i:]
                break
        if len(span) < 2:
            return None
        first, last = counted[0], counted[-1]
        counts = tuple(b - a for a, b in zip(first.counts, last.counts, strict=True))
        grown = Histogram(last.bounds, counts, last.total - first.total)
        return grown, span[-1].at - span[0].at

    def quantile(
        self, member: str, signal: Signal, q: float, key: str = "", *, over: float
    ) -> Quantile | None:
        """Return a quantile of what a histogram counted in the last ``over`` seconds.

        Linear within the bucket, as Prometheus does; values past the last finite bound count as
        that bound. None with under two scrapes or without a sample between them.
        """
        grown = self.histogram(member, signal, key, over=over)
        if grown is None or grown[0].count <= 0:
            return None
        return Quantile(quantile(grown[0], q), grown[0].count, grown[1])

    def mean(self, member: str, signal: Signal, key: str = "", *, over: float) -> Quantile | None:
        """Return the mean of what a histogram counted in the last ``over`` seconds."""
        grown = self.histogram(member, signal, key, over=over)
        if grown is None or grown[0].count <= 0:
            return None
        return Quantile(grown[0].total / grown[0].count, grown[0].count, grown[1])

    def paired(
        self, member: str, one: Signal, other: Signal, *, over: float
    ) -> Iterator[tuple[float, float]]:
        """Yield the numbers that two signals had in the same readings."""
        others = {p.at: p.value for p in self.points(member, other, over=over)}
        for point in self.points(member, one, over=over):
            value = others.get(point.at)
            if isinstance(point.value, (int, float)) and isinstance(value, (int, float)):
                yield point.value, value

    def _spanning(self, member: str, signal: Signal, key: str, over: float) -> Series:
        series = self.series.get((member, signal), _NONE).get(key, ())
        first = bisect_left(series, (self.now - over,))
        return series[max(first - 1, 0) :]

    def dialled(self, member: str) -> str:
        """Return the URL at which we look at the member, else one that it advertises."""
        looked_at = {endpoint for _, endpoint in self.looks}
        urls = [url for url, who in self.endpoints.items() if who == member]
        return next((u for u in urls if u in looked_at), urls[0] if urls else "")

    # --- looks -----------------------------------------------------------------------------------

    @once
    def looks_at(self, member: str) -> Mapping[str, Look]:
        """Return the present state of every source that looks at the member, by source."""
        return {look.source: look for look in self.looks.values() if look.member == member}

    @once
    def answered(self, member: str) -> float | None:
        """Return when the member last answered anything, None for never."""
        latest: float | None = None
        for look in self.looks.values():
            ok = look.last_ok
            later = ok and (latest is None or ok > latest)
            if later and look.member == member and look.source in ANSWERS:
                latest = ok
        return latest

    def quiet_for(self, member: str) -> float | None:
        """Return for how many seconds no look has brought an answer; None if none ever did."""
        answered = self.answered(member)
        return None if answered is None else max(self.now - answered, 0.0)

    def reachable(self, member: str, *, within: float = SILENT) -> bool:
        """Return whether any look brought an answer of late."""
        quiet = self.quiet_for(member)
        return quiet is not None and quiet <= within

    def evidence(
        self,
        member: str,
        signal: Signal,
        value: float | str,
        *,
        limit: float | None = None,
        says: str = "",
        for_: bool = True,
        name: str = "",
    ) -> Evidence:
        """Return a measured fact about a member, with unit and source taken from the signal."""
        return Evidence(
            name or signal.name, value, signal.unit.value, limit, signal.source, member, for_, says
        )


def quantile(histogram: Histogram, q: float) -> float:
    """Return the ``q`` quantile of a cumulative histogram, linear within the bucket."""
    wanted = q * histogram.count
    below_bound, below_count = 0.0, 0.0
    for bound, count in zip(histogram.bounds, histogram.counts, strict=True):
        if count >= wanted:
            if bound == float("inf"):
                return below_bound
            inside = count - below_count
            share = (wanted - below_count) / inside if inside else 1.0
            return below_bound + (bound - below_bound) * share
        below_bound, below_count = bound, count
    return below_bound


def slide(window: Window, readings: Sequence[Reading], now: float) -> Window:
    """Return the window at ``now`` with the readings in it and what is too old left out."""
    endpoints = dict(window.endpoints)
    for reading in readings:
        if reading.member and reading.endpoint and reading.source not in HEARSAY:
            endpoints[reading.endpoint] = reading.member
    readings = [
        r if r.member else replace(r, member=endpoints.get(r.endpoint, "")) for r in readings
    ]
    slid = replace(
        window,
        now=now,
        began=window.began or now,
        series=_appended(window.series, readings, now),
        looks=_looked(window.looks, readings, endpoints),
        endpoints=endpoints,
    )
    return _with_membership(slid, readings)


def _appended(
    series: Mapping[tuple[str, Signal], Mapping[str, Series]],
    readings: Iterable[Reading],
    now: float,
) -> Mapping[tuple[str, Signal], Mapping[str, Series]]:
    new = dict(series)
    opened: dict[tuple[str, Signal], dict[str, Series]] = {}  # ours, no longer the old window's
    for reading in readings:
        subject = reading.member or reading.endpoint
        for seen in reading.observations:
            at = (subject, seen.signal)
            if (by_key := opened.get(at)) is None:
                new[at] = by_key = opened[at] = dict(new.get(at, _NONE))
            old = by_key.get(seen.key, ())
            value = seen.value
            if seen.signal.kind is Kind.FACT and old and old[-1].value == value:
                value = old[-1].value  # one object for as long as nothing changes
            kept = _trimmed(old, now - seen.signal.keep)
            by_key[seen.key] = (*kept, Point(reading.ended, value))
            if long := LONG.get(seen.signal):
                _remember(new, subject, long, Point(reading.ended, value))
    return new


def _remember(
    series: dict[tuple[str, Signal], Mapping[str, Series]], subject: str, long: Signal, point: Point
) -> None:
    """Append to a signal's long memory if the last point in it is old enough."""
    old = series.get((subject, long), _NONE).get("", ())
    if not old or point.at - old[-1].at >= long.every:
        series[subject, long] = {"": (*_trimmed(old, point.at - long.keep), point)}


def _trimmed(series: Series, oldest: float) -> Series:
    # One point before the edge stays: rates over the whole span start from it.
    if len(series) < 2 or series[1].at >= oldest:
        return series
    return series[max(bisect_left(series, (oldest,)) - 1, 0) :]


def _looked(
    looks: Mapping[tuple[str, str], Look], readings: Iterable[Reading], endpoints: Mapping[str, str]
) -> Mapping[tuple[str, str], Look]:
    new = dict(looks)
    for reading in readings:
        at = (reading.source, reading.endpoint)
        before = new.get(at)
        failed = reading.failure is not None
        same = before is not None and (before.failure is not None) == failed
        new[at] = Look(
            reading.source,
            reading.endpoint,
            reading.member or endpoints.get(reading.endpoint, ""),
            at=reading.ended,
            since=before.since if same and before else reading.ended,
            failure=reading.failure,
            detail=reading.detail,
            failures=(before.failures if before else 0) + 1 if failed else 0,
            last_ok=(before.last_ok if before else None) if failed else reading.ended,
        )
    return new


def _with_membership(window: Window, readings: Iterable[Reading]) -> Window:
    """Trust the newest list that a quorum confirmed, else the one that most members hold.

    Where endpoints of two clusters were given, only lists of the one with more of them count: a
    member that lost its data confirms, as a cluster of its own, a list of itself alone. With as
    many of each it is the larger cluster's. Of equals, what shares a member with the list of
    before. etcd 3.4 answers every MemberList from the member's own view, so that there only votes
    count.
    """
    if not any(seen.signal is MEMBER_LIST for r in readings for seen in r.observations):
        return window
    tellers = {who for who, signal in window.series if signal is MEMBER_LIST}
    points = {who: p for who in tellers if (p := window.last(who, MEMBER_LIST))}
    told = [
        (p.at, p.value, window.word(who, CLUSTER_ID, within=SAME_CLUSTER) or "")
        for who, p in points.items()
        if isinstance(p.value, MemberList)
    ]
    if not told:
        return window
    clusters = [cluster for _, _, cluster in told]
    votes: dict[frozenset[str], int] = {}
    for _, listed, _ in told:
        votes[_ids(listed)] = votes.get(_ids(listed), 0) + 1
    before = {m.id for m in window.members}
    at, trusted, _ = max(
        told,
        key=lambda t: (
            clusters.count(t[2]),
            max((len(ids) for ids in votes if not ids.isdisjoint(_ids(t[1]))), default=0),
            len(set(clusters)) == 1 or not before.isdisjoint(_ids(t[1])),
            t[1].linearizable and not _leaves_a_quorum(window, t[1], points),
            votes[_ids(t[1])],
            not before.isdisjoint(_ids(t[1])),
            t[0],
        ),
    )
    advertised = {url.rstrip("/"): m.id for m in trusted.members for url in m.client_urls}
    endpoints = advertised | dict(window.endpoints)
    series = _without_the_gone(window, _ids(trusted))
    return replace(
        window, members=trusted.members, members_at=at, endpoints=endpoints, series=series
    )


def _leaves_a_quorum(window: Window, listed: MemberList, points: Mapping[str, Point]) -> bool:
    """Return whether members whom the list leaves out, and who tell another one, are a quorum."""
    ids = _ids(listed)
    left_out = [
        own
        for who, point in points.items()
        if point.at > window.now - SAME_CLUSTER
        and isinstance(point.value, MemberList)
        and who in (own := _ids(point.value)) - ids
    ]
    return any(len(left_out) >= quorum(len(own)) for own in left_out)


def _without_the_gone(
    window: Window, listed: frozenset[str]
) -> Mapping[tuple[str, Signal], Mapping[str, Series]]:
    """Return the series but for those of members that left long ago: no id ever comes back.

    ``log:NAME`` and URLs stand for who is not known yet; of those there are few.
    """
    gone = {
        (who, signal)
        for (who, signal), by_key in window.series.items()
        if who and ":" not in who and who not in listed
        and all(s[-1].at < window.now - max(signal.keep, LEFT) for s in by_key.values() if s)
    }  # fmt: skip
    if not gone:
        return window.series
    return {at: by_key for at, by_key in window.series.items() if at not in gone}


def _ids(listed: MemberList) -> frozenset[str]:
    return frozenset(m.id for m in listed.members)
