"""How long the way between members takes: slow links, and a metric that misleads about them.

No metric of etcd tells the round trip truly (its own is smoothed, thirty seconds old, and mixes two
probers), but its linearizable reads do. Before it answers one, the leader hears from a quorum once;
a follower asks the leader first. So what a linearizable read takes longer than a serializable one
is on the leader the round trip to its quorum, and on a follower that plus its own round trip to the
leader. Measured on etcd 3.5 with 75 ms each way at one follower: 160 to 390 ms there, 2 ms on the
others; the floor counts, since a read may also wait for the round before it. Under writes the
leader's progress says the same: the follower's log trails by round trip times writes a second.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from etcdscope.detect.arrivals import falls_short
from etcdscope.detect.detector import detector
from etcdscope.detect.network import TRAILS, falls_behind, idle, trail
from etcdscope.detect.planned import left_in_order
from etcdscope.detect.process import starved
from etcdscope.detect.testimony import leader
from etcdscope.model.finding import (
    Alternative,
    Finding,
    Limits,
    RuledOut,
    Severity,
    Subject,
)
from etcdscope.model.incident import Step
from etcdscope.model.signal import (
    APPLIED_INDEX,
    COMMITTED_INDEX,
    FLAGS,
    LINEARIZABLE_OK,
    LINEARIZABLE_SECONDS,
    PEER_RTT,
    PROGRESS_MATCH,
    RAFT_LEAD,
    SERIALIZABLE_SECONDS,
    WAL_FSYNC,
)
from etcdscope.model.window import Window, once

# Probes come once a second. The quickest of four in a row is a floor, and no hiccup.
ENOUGH = 4
SPAN = 5.5
# etcd's tuning guide: an election timeout is at least ten round trips; it is 1 s unless it is set.
ROUND_TRIPS = 10.0
ELECTION = 1.0
# Under fewer writes than this the leader's progress says nothing of the delay.
WRITES = 10.0
# Entries that are committed and not applied yet, between two messages of one look.
UNAPPLIED = 3.0
# Over a slow link a log trails by as much all the time; once it may have had another reason.
UNEVEN = 2
# So many fsyncs of the leader may be in a round trip.
DISK_TIMES = 3.0
# What is older than this was before the present trouble.
BEFORE = 15.0


@once
def read_waits(window: Window, member: str) -> float | None:
    """Return by how much a linearizable read takes longer than a serializable one; the floor."""
    pairs = window.paired(member, LINEARIZABLE_SECONDS, SERIALIZABLE_SECONDS, over=SPAN)
    waits = [quorum - own for quorum, own in pairs]
    return max(min(waits), 0.0) if len(waits) >= ENOUGH else None


@dataclass(frozen=True, slots=True)
class Ways:
    """Round trips in seconds: from the leader to its quorum, and to each follower."""

    quorum: float
    followers: dict[str, float]


@once
def ways(window: Window, lead: str) -> Ways | None:
    """Return the round trips as linearizable reads tell them, None where the leader's are not."""
    own = read_waits(window, lead)
    if own is None:
        return None
    theirs = {
        m.id: waits - own
        for m in window.voters
        if m.id != lead
        and window.word(m.id, RAFT_LEAD) == lead
        and (waits := read_waits(window, m.id)) is not None
    }
    return Ways(own, theirs)


@once
def replication_delay(window: Window, lead: str, member: str) -> float | None:
    """Return how many seconds of writes the follower's log trails; None under too few writes."""
    own = dict(window.points(lead, PROGRESS_MATCH, lead, over=SPAN))
    lags = [
        float(last) - float(p.value)
        for p in window.points(lead, PROGRESS_MATCH, member, over=SPAN)
        if isinstance(last := own.get(p.at), (int, float)) and isinstance(p.value, (int, float))
    ]
    ends = [value for value in own.values() if isinstance(value, (int, float))]
    span = max(own) - min(own) if own else 0.0
    if len(lags) < 4 or span <= 0 or (rate := (ends[-1] - ends[0]) / span) < WRITES:
        return None
    return median(lags) / rate


def flags(window: Window, member: str) -> dict[str, str] | None:
    """Return raft's settings on the member's command line, None where it is not known."""
    point = window.last(member, FLAGS)
    if point is None or not isinstance(point.value, tuple):
        return None
    pairs = [pair for pair in point.value if isinstance(pair, tuple) and len(pair) == 2]
    return {str(name): str(value) for name, value in pairs}


def election_timeout(window: Window, member: str) -> tuple[float, bool]:
    """Return the member's election timeout in seconds, and whether its command line says so."""
    given = (flags(window, member) or {}).get("election-timeout", "")
    known = given.isascii() and given.isdigit() and int(given) > 0
    return (int(given) / 1000, True) if known else (ELECTION, False)


def itself_fine(window: Window, member: str, limit: float) -> bool:
    """Return whether neither its disk nor its CPU explains what is slow."""
    if starved(window, member) or left_in_order(window, member, within=20.0) is not None:
        return False
    fsync = window.quantile(member, WAL_FSYNC, 0.9, over=8.0)
    reads = window.numbers(member, SERIALIZABLE_SECONDS, over=SPAN)
    quick = not reads or median(reads) < limit / 2
    return quick and (fsync is None or fsync.value < limit / 2)


def _waits_for_disk(window: Window, lead: str) -> float:
    """Return what the leader's own disk may add to a read through a follower, in seconds.

    Raft's messages wait for the leader's WAL, some for two fsyncs in a row: seen to take 300 ms
    where an fsync took 125.
    """
    fsync = window.quantile(lead, WAL_FSYNC, 0.9, over=8.0)
    return DISK_TIMES * fsync.value if fsync else 0.0


def _applies(window: Window, member: str) -> bool:
    """Return whether the member applies what is committed at once, as far as that is known."""
    gaps = [c - a for c, a in window.paired(member, COMMITTED_INDEX, APPLIED_INDEX, over=SPAN)]
    return not gaps or median(gaps) <= UNAPPLIED


@detector(
    "link-slow",
    needs=(RAFT_LEAD, LINEARIZABLE_OK),
    limits={"round_trips": ROUND_TRIPS},
    opens_after=0.5,
    closes_after=3.0,
    impact="Every write, and every linearizable read that goes over the link, takes at least this"
    " long; fewer than ten round trips fit into an election timeout, so leadership may be lost.",
    runbook=(
        Step("Measure the way from host to host.", "ping -c 20 {peer_host}"),
        Step(
            "If it is to stay so slow: the heartbeat interval about one round trip, the election"
            " timeout at least ten, the same on every member, then restart them one by one.",
        ),
        Step(
            "Let a member in the middle lead.",
            "etcdctl --endpoints {leader_url} move-leader {best_follower_id}",
        ),
    ),
)
def link_slow(window: Window, limits: Limits) -> Iterator[Finding]:
    """The round trip between the leader and others is long against raft's timeouts.

    Signal:  what linearizable reads take longer than serializable ones, its floor over five
             seconds, against a tenth of the election timeout (of its flag, else of the 1 s that is
             the default); under writes, the follower's log trails by as much.
    Source:  etcdscope's reads, progress at /debug/vars of the leader; never etcd's own RTT metric.
    Means:   a stretched cluster, a detour, a tunnel. Info where it was always so and the election
             timeout may have been raised out of our sight.
    Alike:   link-lossy (in bursts, no floor), link-saturated (bulk traffic fills it),
             wal-fsync-slow and cpu-starved (the member itself is slow), rtt-metric-misleading.
    """
    lead = leader(window)
    if not lead:
        return
    election, known = election_timeout(window, lead)
    limit = election / limits["round_trips"]
    seen = ways(window, lead)
    if not _applies(window, lead):
        return  # reads wait for what is not applied yet, on every member alike
    if seen and seen.quorum > limit and itself_fine(window, lead, limit):
        yield from _leaders_way(window, lead, seen, limit, known)
        return
    if starved(window, lead):
        return
    distant = {
        m.id: far
        for m in window.voters
        if (far := _far(window, lead, m.id, seen, limit)) is not None
        and far > _waits_for_disk(window, lead)
        and itself_fine(window, m.id, limit)
    }
    if len(distant) > 1 and len(distant) == len(window.voters) - 1:
        nearest = min(distant, key=lambda m: distant[m])
        yield _slow(window, Subject.member(lead), nearest, distant[nearest], limit, known)
        return
    for member, far in distant.items():
        yield _slow(window, Subject.link(lead, member), member, far, limit, known)


def _leaders_way(
    window: Window, lead: str, seen: Ways, limit: float, known: bool
) -> Iterator[Finding]:
    delays = [
        d
        for m in window.voters
        if m.id != lead and (d := replication_delay(window, lead, m.id)) is not None
    ]
    late = [d for d in delays if d > limit / 2]
    followers = [m.id for m in window.voters if window.word(m.id, RAFT_LEAD) == lead != m.id]
    if delays and len(late) <= len(delays) / 2:
        return  # the logs are in step: what waits is not the network
    if not followers or not all(itself_fine(window, m, limit) for m in followers):
        return
    # With one follower left its link is all that there is to judge.
    whole = Subject.member(lead) if len(followers) > 1 else Subject.link(lead, followers[0])
    yield _slow(window, whole, lead, seen.quorum, limit, known)


def _far(window: Window, lead: str, member: str, seen: Ways | None, limit: float) -> float | None:
    """Return the round trip between the leader and a follower where it is too long."""
    if member == lead or window.word(member, RAFT_LEAD) != lead:
        return None
    if falls_behind(window, lead, member) >= UNEVEN or falls_short(window, lead, member):
        return None  # it is not as late all the time, or not all arrives: packets are lost
    told = seen.followers.get(member) if seen else None
    delay = replication_delay(window, lead, member)
    if told is not None:
        if delay is None and not _applies(window, member):
            return None
        return told if told > limit and (delay is None or delay > limit / 2) else None
    # Longer than our reads wait: then its log trails by a second and more, and moves all the time.
    behind = trail(window, lead, member)
    if behind is None or behind.shrinks or window.number(member, LINEARIZABLE_OK) != 0:
        return None
    flows = len(behind.moved) >= 5 and idle(window, behind) < TRAILS
    return delay if flows and delay is not None and limit < delay < 5.0 else None


def _slow(
    window: Window, subject: Subject, member: str, far: float, limit: float, known: bool
) -> Finding:
    if subject.kind == "link":
        near = window.label(subject.name)
        what = f"The link between {near} and {window.label(subject.to)} is slow"
        whom = "a round trip takes"
    else:
        what = f"The network of the leader {window.label(subject.name)} is slow"
        whom = "a round trip to its quorum takes"
    lead = subject.name
    behind = [
        window.evidence(
            lead,
            PROGRESS_MATCH,
            round(delay, 3),
            name="replication_delay",
            says=f"by which the log of {window.label(m.id)} trails",
        )
        for m in window.voters
        if m.id != lead
        and (m.id == subject.to or subject.kind == "member")
        and (delay := replication_delay(window, lead, m.id)) is not None
    ]
    fits = limit * ROUND_TRIPS / far
    return Finding(
        subject,
        Severity.WARNING if known or _rose(window, member, far) else Severity.INFO,
        f"{what}: {whom} about {far * 1000:.0f} ms, only {fits:.1f} fit into the election timeout",
        (
            window.evidence(
                member,
                LINEARIZABLE_SECONDS,
                round(far, 3),
                limit=limit,
                name="round_trip",
                says="by which linearizable reads take longer than serializable ones, at least",
            ),
            *behind,
        ),
        ruled_out=(
            RuledOut("wal-fsync-slow", "fsyncs and local reads are quick"),
            RuledOut("cpu-starved", "answers from memory are quick"),
            RuledOut("link-lossy", "the delay is the same all the time"),
        ),
        confidence=0.9 if behind else 0.75,
        alternatives=()
        if behind
        else (Alternative("apply-lag", 0.15, "without writes its log cannot confirm the delay"),),
    )


def _rose(window: Window, member: str, far: float) -> bool:
    """Return whether it was quicker before, while we looked."""
    points = window.points(member, LINEARIZABLE_SECONDS)
    earlier = [p.value for p in points if p.at < window.now - BEFORE]
    return any(isinstance(value, (int, float)) and value < far / 3 for value in earlier)


# --- a metric that misleads -----------------------------------------------------------------------


@detector(
    "rtt-metric-misleading",
    needs=(RAFT_LEAD, PEER_RTT),
    over=5.0,
    limits={"says": 0.1, "times": 4.0},
    opens_after=5.0,
    closes_after=10.0,
    impact="None: only alerts and dashboards on etcd_network_peer_round_trip_time_seconds suffer.",
    runbook=(
        Step("Measure the way from host to host, and believe that.", "ping -c 20 {peer_host}"),
        Step("Take alerts off this metric; etcd issues 17837 and 11781 tell more."),
    ),
)
def rtt_metric_misleading(window: Window, limits: Limits) -> Iterator[Finding]:
    """etcd's peer round-trip metric is high, although the way is quick.

    Signal:  the mean of the metric's last observations against the round trip that linearizable
             reads and the leader's progress show.
    Source:  etcd_network_peer_round_trip_time_seconds; etcdscope's reads.
    Means:   the metric is smoothed (an eighth of each new value, from zero), told every 30 s, and
             mixes a prober on fresh TLS connections with another (etcd's probing_status.go).
    Alike:   link-slow (reads and logs are late as well).
    """
    lead = leader(window)
    seen = ways(window, lead) if lead else None
    if seen is None:
        return
    for member, far in seen.followers.items():
        delay = replication_delay(window, lead, member)
        direct = max(far, delay or 0.0)
        told = [
            (mean.value, near, to)
            for near, to in ((lead, member), (member, lead))
            if (mean := window.mean(near, PEER_RTT, to, over=70.0))
        ]
        worst = max(told, default=None)
        if worst and worst[0] > limits["says"] and direct < worst[0] / limits["times"]:
            yield _misleading(window, *worst, direct, limits["says"])


def _misleading(
    window: Window, says: float, near: str, to: str, direct: float, limit: float
) -> Finding:
    a, b = window.label(near), window.label(to)
    return Finding(
        Subject.link(near, to),
        Severity.INFO,
        f"The peer RTT metric of {a} claims {says * 1000:.0f} ms to {b}, but a round trip takes"
        f" {max(direct, 0.001) * 1000:.0f} ms",
        (
            window.evidence(near, PEER_RTT, round(says, 3), limit=limit, says=f"mean, to {b}"),
            window.evidence(
                near,
                LINEARIZABLE_SECONDS,
                round(direct, 4),
                name="round_trip",
                says="as linearizable reads and the leader's progress tell it",
            ),
        ),
        ruled_out=(RuledOut("link-slow", "reads and logs are in step"),),
        confidence=0.9,
    )
