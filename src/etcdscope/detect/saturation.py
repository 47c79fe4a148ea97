"""Lines that are full: bulk traffic, a snapshot, or a line that became thin."""

from collections.abc import Iterator
from itertools import pairwise

from etcdscope.detect.arrivals import falls_short, received
from etcdscope.detect.detector import detector
from etcdscope.detect.latency import BEFORE, ROUND_TRIPS, Ways, election_timeout, itself_fine, ways
from etcdscope.detect.network import TRAILS, trail
from etcdscope.detect.testimony import leader
from etcdscope.model.finding import (
    Alternative,
    Evidence,
    Finding,
    Limits,
    RuledOut,
    Severity,
    Subject,
)
from etcdscope.model.incident import Step
from etcdscope.model.signal import (
    LINEARIZABLE_SECONDS,
    PEER_RECEIVED_BYTES,
    PEER_SENT_BYTES,
    PROGRESS_MATCH,
    PROGRESS_STATE,
    RAFT_LEAD,
    SNAPSHOT_SENDS,
)
from etcdscope.model.window import Window

# A full line carries the same in each of so many seconds, but for its measuring.
SCRAPES = 4
STEADY = 0.7


@detector(
    "link-saturated",
    needs=(RAFT_LEAD, PEER_SENT_BYTES),
    limits={"times_before": 3.0, "bytes_per_s": 100_000.0},
    opens_after=0.5,
    closes_after=5.0,
    impact="Heartbeats and entries wait behind the bulk: writes slow down, followers fall behind.",
    runbook=(
        Step("See what fills the line.", "ss -tin '( dport = :2380 or sport = :2380 )'"),
        Step("Put off the backup, or the bulk writes; replace one member at a time."),
        Step("Give peers a network of their own, or a wider one."),
    ),
)
def link_saturated(window: Window, limits: Limits) -> Iterator[Finding]:
    """Bulk traffic fills the line from the leader to a follower, and raft waits behind it.

    Signal:  a snapshot on its way, or several times the bytes of before, to that peer; or it
             receives the same number of bytes every second, and the others more; while round trips
             or logs trail.
    Source:  etcd_network_peer_sent_bytes_total, etcd_network_peer_received_bytes_total,
             etcd_network_snapshot_send_inflights_total, progress at /debug/vars, etcdscope's reads.
    Means:   a member catches up, a burst of large writes, or a line that became thin.
    Alike:   link-slow (the same delay without bulk), link-lossy (the usual bytes, in bursts),
             wal-fsync-slow (the follower's fsyncs show it).
    """
    lead = leader(window)
    if not lead:
        return
    seen = ways(window, lead)
    limit = election_timeout(window, lead)[0] / ROUND_TRIPS
    for member in window.members:
        sent = window.rate(lead, PEER_SENT_BYTES, member.id, over=5.0)
        flat = plateau(window, lead, member.id) if member.id != lead else None
        if member.id == lead or sent is None:
            continue
        if sent < limits["bytes_per_s"] and flat is None:
            continue
        snapshot = _takes_snapshot(window, lead, member.id)
        before = _sent_before(window, lead, member.id)
        bulk = before is not None and sent > limits["times_before"] * before
        since = _bulk_since(window, lead, member.id, limits["bytes_per_s"])
        if (snapshot or bulk) and (
            late := _late(window, lead, member.id, seen, limit, since, snapshot=snapshot)
        ):
            yield _full(window, lead, member.id, sent, before, late, snapshot=snapshot)
        elif flat is not None and (late := _late(window, lead, member.id, seen, limit)):
            yield _thin(window, lead, member.id, flat, late)


def _takes_snapshot(window: Window, lead: str, member: str) -> bool:
    states = {p.value for p in window.points(lead, PROGRESS_STATE, member, over=3.0)}
    return "snapshot" in states or bool(window.number(lead, SNAPSHOT_SENDS, member, within=3.0))


def _bulk_since(window: Window, lead: str, member: str, limit: float) -> float:
    """Return since when that many bytes a second have been going to the peer; scrape by scrape."""
    points = [
        p for p in window.points(lead, PEER_SENT_BYTES, member) if isinstance(p.value, (int, float))
    ]
    since = window.now
    for older, newer in reversed(list(pairwise(points))):
        grown = float(newer.value) - float(older.value)  # type: ignore[arg-type]
        if grown < limit * (newer.at - older.at):
            break
        since = older.at
    return since


def _sent_before(window: Window, lead: str, member: str) -> float | None:
    """Return the bytes a second of the time before the last fifteen seconds."""
    points = [
        p
        for p in window.points(lead, PEER_SENT_BYTES, member)
        if p.at < window.now - BEFORE and isinstance(p.value, (int, float))
    ]
    if len(points) < 2 or points[-1].at - points[0].at < 4.0:
        return None
    first, last = points[0], points[-1]
    return max(float(last.value) - float(first.value), 0.0) / (last.at - first.at)  # type: ignore[arg-type]


def _late(
    window: Window,
    lead: str,
    member: str,
    seen: Ways | None,
    limit: float,
    since: float = 0.0,
    *,
    snapshot: bool = False,
) -> Evidence | None:
    """Return what waits: behind a snapshot the others, behind bulk writes the follower itself.

    What trailed before the bulk began does not wait for it: after a cut that is mended, the bulk is
    what was missing.
    """
    whom = [m.id for m in window.voters if m.id not in (lead, member)] if snapshot else [member]
    for other in whom:
        if not itself_fine(window, other, limit):
            continue
        behind = trail(window, lead, other)
        if behind and not behind.shrinks and behind.since >= since:
            return window.evidence(
                lead,
                PROGRESS_MATCH,
                round(behind.seconds, 1),
                limit=TRAILS,
                name="replication_delay",
                says=f"by which the log of {window.label(other)} trails",
            )
        if seen and (far := max(seen.followers.get(other, 0.0), seen.quorum)) > limit / 2:
            return window.evidence(
                other,
                LINEARIZABLE_SECONDS,
                round(far, 3),
                limit=limit / 2,
                name="round_trip",
                says="as linearizable reads tell it",
            )
    return None


def plateau(window: Window, lead: str, member: str) -> float | None:
    """Return the bytes a second that the member receives where that is the line's own rate.

    A full line carries the same in every second, and less than another member receives.
    """
    rates = received(window, lead, member)[-SCRAPES:]
    if len(rates) < SCRAPES or min(rates) < STEADY * max(rates):
        return None
    return sum(rates) / len(rates) if falls_short(window, lead, member) else None


def _thin(window: Window, lead: str, member: str, carried: float, late: Evidence) -> Finding:
    a, b = window.label(lead), window.label(member)
    return Finding(
        Subject.link(lead, member),
        Severity.WARNING,
        f"The line from {a} to {b} is full: it carries {carried / 1000:.0f} kB/s, second by second,"
        " and more is wanted",
        (
            window.evidence(
                member,
                PEER_RECEIVED_BYTES,
                round(carried),
                name="received_bytes_per_s",
                says=f"from {a}, in every second; the others receive more",
            ),
            late,
        ),
        ruled_out=(RuledOut("wal-fsync-slow", "the fsyncs of who trails are quick"),),
        confidence=0.8,
        alternatives=(Alternative("link-lossy", 0.15, "lost packets keep a line below its rate"),),
    )


def _full(
    window: Window,
    lead: str,
    member: str,
    sent: float,
    before: float | None,
    late: Evidence,
    *,
    snapshot: bool,
) -> Finding:
    what = "a snapshot" if snapshot else "bulk traffic"
    return Finding(
        Subject.link(lead, member),
        Severity.WARNING,
        f"{what.capitalize()} from {window.label(lead)} to {window.label(member)} fills the line:"
        f" {sent / 1000:.0f} kB/s, and raft's messages wait behind it",
        (
            window.evidence(
                lead,
                PEER_SENT_BYTES,
                round(sent),
                name="sent_bytes_per_s",
                says=f"to {window.label(member)}"
                + ("" if before is None else f"; {before / 1000:.0f} kB/s before"),
            ),
            late,
        ),
        ruled_out=(
            RuledOut("link-slow", f"it is slow since {what} goes over it"),
            RuledOut("wal-fsync-slow", "the fsyncs of who trails are quick"),
        ),
        confidence=0.85,
        alternatives=(Alternative("link-lossy", 0.1, "lost packets make the bulk slow, too"),),
    )
