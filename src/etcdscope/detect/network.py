"""Links between members that lose packets.

What was measured on etcd 3.4 and 3.5 under load, and tells the look-alikes apart: over a lossy link
the leader's match index for the follower trails by seconds but still moves; over a cut one it
stands still. A slow disk trails as well, but its fsyncs show it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from etcdscope.detect.detector import detector
from etcdscope.detect.hearing import WAS_CUT, answers_lost
from etcdscope.detect.planned import left_in_order
from etcdscope.detect.process import starved
from etcdscope.detect.testimony import dissent, leader
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
    PEER_RECEIVED_BYTES,
    PRESENCE,
    PROGRESS_MATCH,
    RAFT_LEAD,
    TCP_RETRANSMITTED,
    TCP_SENT,
    WAL_FSYNC,
)
from etcdscope.model.window import Window, once

# Heartbeats come ten times a second; over a link that merely loses packets TCP brings some through
# in any three seconds.
FLAT_FOR = 2.4
RUNBOOK = (
    Step("Try the peer port in both directions.", "nc -vz {peer_host} {peer_port}"),
    Step("Look at retransmits on the peer sockets.", "ss -ti '( dport = :2380 or sport = :2380 )'"),
    Step(
        "Look at errors of the interface, and for firewall rules between the two.",
        "ip -s link; iptables -S",
    ),
)


@dataclass(frozen=True, slots=True)
class Trail:
    """How a follower's log trails the leader's: seconds now, and since when; entries."""

    seconds: float
    entries: float
    since: float
    moved: tuple[float, ...]
    shrinks: bool


_ITSELF_FINE = (
    RuledOut("wal-fsync-slow", "its fsyncs are quick"),
    RuledOut("cpu-starved", "its answers from memory are quick"),
    RuledOut("link-one-way", "something still comes through"),
)

_ALSO_LOSES = (
    Alternative("link-saturated", 0.12, "a line that is too thin loses what does not fit, too"),
)

# What comes through twice, this many seconds apart, comes through a lossy link, not a mended one.
AGAIN = 0.9
# And for so long after it a follower may fall behind once more: seen nine seconds after a mending.
SETTLES = 12.0
# It may have thousands of entries to take in: seen for 30 s after 150 s without the leader.
TAKES_IN = 40.0
# Over a lossy link a follower falls behind and catches up, again and again.
FALLS_OVER = 20.0
FALLS_STILL = 6.0
# And may keep still for so long in between, thirty percent lost one way.
FELL_OVER = 60.0
# Where the hosts are seen: TCP sends again what was lost. Measured with 30 % lost of what one
# follower is sent: 3 to 4 % of the leader's segments, most of which go to others; 0 before.
SENT_AGAIN = 0.02
RESENT = 10.0
# Over a link that is cut TCP tries ever more seldom: for each peer of a member without leader 10 to
# 20 times in each of the first four times six seconds, then 1 to 5 times. With 30 % lost both ways:
# 10 to 17 times, for as long as it lasts. So it is told after half a minute.
RESENDS_ON = 10.0
RESENT_BEFORE = 5.0
# And the first of it comes soon; after longer nothing the link was cut, and is being mended.
SOON = 3.0
# Two looks at the leader are half a second apart: one look behind is no delay, two are; whatever
# time they took on a machine that is busy.
TRAILS = 0.9
LOOKS_BEHIND = 2


@once
def trail(window: Window, lead: str, member: str, over: float = 12.0) -> Trail | None:
    """Return how far the follower's log is behind the leader's own, None where it is not.

    The leader's progress names its own last index as well; the time at which that was where the
    follower is now tells how many seconds the follower is behind.
    """
    own = dict(window.points(lead, PROGRESS_MATCH, lead, over=over))
    its = [(p.at, p.value) for p in window.points(lead, PROGRESS_MATCH, member, over=over)]
    rows = [
        (at, float(own[at]), float(match))  # type: ignore[arg-type]
        for at, match in its
        if isinstance(own.get(at), (int, float)) and isinstance(match, (int, float))
    ]
    if not rows or _behind(rows, rows[-1][2]) < TRAILS:
        return None
    delays = [(at, _behind(rows[: i + 1], match)) for i, (at, _, match) in enumerate(rows)]
    first = len(delays)
    while first and delays[first - 1][1] >= TRAILS:
        first -= 1
    run = rows[first:]
    lags = [own_ - match for _, own_, match in run]
    return Trail(
        seconds=delays[-1][1],
        entries=lags[-1],
        since=run[0][0],
        moved=tuple(b[0] for a, b in pairwise(run) if b[2] > a[2]),
        shrinks=len(lags) > 2 and lags[-1] < 0.8 * lags[-3],
    )


def _behind(rows: list[tuple[float, float, float]], match: float) -> float:
    there = max((i for i, (_, own, _) in enumerate(rows) if own <= match), default=0)
    return rows[-1][0] - rows[there][0] if len(rows) - there > LOOKS_BEHIND else 0.0


@detector(
    "link-lossy",
    needs=(RAFT_LEAD,),
    limits={"flips": 2, "falls": 3},
    opens_after=0.5,
    closes_after=6.0,
    impact="Writes jitter; the follower falls behind and may lose sight of the leader.",
    runbook=RUNBOOK,
)
def link_lossy(window: Window, limits: Limits) -> Iterator[Finding]:
    """The link between the leader and a follower loses packets.

    Signal:  the follower's match index trails the leader's last index by over a second and moves
             in bursts, falls behind again and again, or the follower loses sight of the leader
             again and again; its own disk and CPU are fine and its answers to us quick. Or it has
             no leader, and its host has been sending again what is lost for half a minute.
    Source:  progress at /debug/vars of the leader; WAL fsync of the follower; what TCP sent again,
             where the hosts are seen.
    Means:   a bad cable or port, an overloaded switch, a wrong MTU. etcd's log may speak of
             "clock drift" here, which is wrong.
    Alike:   link-one-way (nothing comes through), link-slow (it trails by as much all the time, and
             moves at every look), wal-fsync-slow and cpu-starved (the follower itself is slow), a
             follower that is catching up after a restart (its lag shrinks).
    """
    lead = leader(window)
    if not lead:
        return
    followers = [m.id for m in window.voters if m.id != lead and window.reachable(m.id)]
    lossy = {m: why for m in followers if (why := _lossy(window, lead, m, limits))}
    if len(lossy) > 1 and len(lossy) == len(followers):
        yield Finding(
            Subject.member(lead),
            Severity.WARNING,
            f"The network of the leader {window.label(lead)} loses packets: all its followers"
            " trail behind it",
            tuple(lossy.values()),
            ruled_out=_ITSELF_FINE,
            confidence=0.8,
            alternatives=_ALSO_LOSES,
        )
        return
    for member, evidence in lossy.items():
        yield Finding(
            Subject.link(lead, member),
            Severity.WARNING,
            f"The link between {window.label(lead)} and {window.label(member)} loses packets:"
            f" {evidence.says}",
            (evidence,),
            ruled_out=_ITSELF_FINE,
            confidence=0.8,
            alternatives=_ALSO_LOSES,
        )


def _lossy(window: Window, lead: str, member: str, limits: Limits) -> Evidence | None:
    if left_in_order(window, member) is not None or starved(window, member):
        return None
    if (resends := _resends(window, lead, member)) is not None:
        return resends
    if was_away(window, member, over=TAKES_IN):
        return None
    behind = trail(window, lead, member)
    if behind and not behind.moved and answers_lost(window, lead, member):
        return None  # it has what the leader sent; its answers alone do not arrive
    if behind and not behind.shrinks and _trickles(window, lead, member, behind):
        return _trails(window, lead, member, behind)
    return _falls(window, lead, member, limits) or _flips(window, lead, member, limits)


def _resends(window: Window, lead: str, member: str) -> Evidence | None:
    """Return that its host goes on sending again what is lost, while it is without the leader."""
    against = dissent(window, member, lead)
    if against is None:
        return None
    again, since, ever = (
        window.increase(member, TCP_RETRANSMITTED, over=over) or 0.0 for over in (6.0, 24.0, 30.0)
    )
    peers = len(window.voters) - 1
    sent = window.increase(member, TCP_SENT, over=6.0)
    if again < RESENDS_ON * peers or ever - since < RESENT_BEFORE * peers:
        return None
    if not sent or again / sent < SENT_AGAIN:
        return None
    return window.evidence(
        member,
        TCP_RETRANSMITTED,
        round(again / sent, 3),
        limit=SENT_AGAIN,
        name="sent_again",
        says=f"its host sends {again / sent:.0%} of its TCP segments again, and it has no leader",
    )


@once
def was_away(window: Window, member: str, over: float) -> bool:
    """Return whether it followed nobody, or was silent, for longer than loss explains."""
    points = window.points(member, RAFT_LEAD, over=over + WAS_CUT)
    follows = (p.at for p in points if p.value not in ("", member))
    times = (*(p.at for p in points[:1]), *follows, window.now)
    return any(b - a > WAS_CUT for a, b in pairwise(times))


def _trails(window: Window, lead: str, member: str, behind: Trail) -> Evidence | None:
    told = window.now - behind.since >= 1.0 and _in_bursts(window, behind)
    if not told or not _disk_is_fine(window, member, behind.since):
        return None
    return window.evidence(
        lead,
        PROGRESS_MATCH,
        round(behind.seconds, 1),
        limit=TRAILS,
        name="replication_delay",
        says=f"its log trails by {behind.seconds:.1f} s ({behind.entries:.0f} entries) and"
        " moves in bursts",
    )


def _falls(window: Window, lead: str, member: str, limits: Limits) -> Evidence | None:
    falls = falls_behind(window, lead, member)
    again = _sent_again(window, (lead, member))
    enough = limits["falls"] - (again >= SENT_AGAIN)
    if falls < enough or not _disk_is_fine(window, member, window.now - 10.0):
        return None
    resent = f"; {again:.0%} of the TCP segments are sent again" if again >= SENT_AGAIN else ""
    return window.evidence(
        lead,
        PROGRESS_MATCH,
        float(falls),
        limit=enough,
        name="fell_behind",
        says=f"its log fell a second behind {falls} times in {FALLS_OVER:.0f} s{resent}",
    )


def _flips(window: Window, lead: str, member: str, limits: Limits) -> Evidence | None:
    flips = _lost_sight(window, member, lead)
    if flips < limits["flips"] or not _disk_is_fine(window, member, window.now - 10.0):
        return None
    return window.evidence(
        member,
        RAFT_LEAD,
        float(flips),
        limit=limits["flips"],
        name="lost_sight_of_leader",
        says=f"it lost sight of the leader {flips} times in 15 s",
    )


@once
def loses(window: Window, lead: str, member: str) -> bool:
    """Return whether packets between the two were lost of late, so that silence is no cut yet."""
    fell = falls_behind(window, lead, member, over=FELL_OVER)
    return fell > 0 or _sent_again(window, (lead, member)) >= SENT_AGAIN


@once
def falls_behind(window: Window, lead: str, member: str, over: float = FALLS_OVER) -> int:
    """Return how often the follower's log fell a second behind the leader's and came back.

    0 if it has not done so lately.
    """
    own = dict(window.points(lead, PROGRESS_MATCH, lead, over=over))
    rows = [
        (p.at, float(last), float(p.value))
        for p in window.points(lead, PROGRESS_MATCH, member, over=over)
        if isinstance(last := own.get(p.at), (int, float)) and isinstance(p.value, (int, float))
    ]
    times, before, i, last_late = 0, False, 0, 0.0
    for now, (at, _, match) in enumerate(rows):
        while i < now and rows[i + 1][1] <= match:
            i += 1  # the newest look at which the leader itself was where the follower is now
        late = at - rows[i][0] >= TRAILS and now - i >= LOOKS_BEHIND
        times += late and not before
        before, last_late = late, at if late else last_late
    return times - before if last_late > window.now - FALLS_STILL else 0


def _sent_again(window: Window, members: tuple[str, ...]) -> float:
    """Return the share of TCP segments that a host had to send again, in its worst of late."""
    shares = []
    for member in members:
        sent = window.increase(member, TCP_SENT, over=6.0)
        again = window.increase(member, TCP_RETRANSMITTED, over=6.0)
        if sent and again and again >= RESENT:
            shares.append(again / sent)
    return max(shares, default=0.0)


def idle(window: Window, behind: Trail) -> float:
    """Return for how long at most nothing moved, once something had begun to; inf if it has not."""
    times = (*behind.moved, window.now)
    return max((b - a for a, b in pairwise(times)), default=float("inf"))


def _in_bursts(window: Window, behind: Trail) -> bool:
    """Return whether it moves now and then; over a link that is merely slow it moves all the time.

    Such a link keeps still once, for a round trip.
    """
    if not behind.moved and behind.seconds < FLAT_FOR:
        return False
    return idle(window, behind) >= TRAILS


def _trickles(window: Window, lead: str, member: str, behind: Trail) -> bool:
    """Return whether something has come through again and again since it fell behind.

    Once is not enough: so it looks when a cut link is mended. Nor is it around a long silence of
    one of the two, even one that began before what we remember of the trail: when a cut is mended,
    one way comes back seconds before the other.
    """
    settled = behind.since - SETTLES
    over = window.now - settled + 4 * WAS_CUT
    received = (
        window.points(lead, PEER_RECEIVED_BYTES, member, over=over),
        window.points(member, PEER_RECEIVED_BYTES, lead, over=over),
    )
    ways = [[(a, b) for a, b in pairwise(p) if b.value != a.value] for p in received if len(p) > 1]
    seen = [b.at for moves in ways for a, b in moves if a.at >= behind.since]
    through = sorted((*behind.moved, *seen))
    if not through or through[0] - behind.since > SOON or through[-1] - through[0] < AGAIN:
        return False
    times = [[b.at for _, b in moves] for moves in ways] or [through]
    return all(_longest(own, window.now, settled) < WAS_CUT for own in times)


def _longest(times: list[float], now: float, since: float) -> float:
    """Return the longest silence between the times, up to now, that did not end before since."""
    return max((b - a for a, b in pairwise((*times, now)) if b >= since), default=0.0)


def _disk_is_fine(window: Window, member: str, since: float) -> bool:
    """Return whether the follower's fsyncs since then were quick; False while it is not known."""
    if len(window.points(member, WAL_FSYNC, over=window.now - since)) < 1:
        return False
    p90 = window.quantile(member, WAL_FSYNC, 0.9, over=6.0)
    return p90 is None or p90.value < 0.1


def _lost_sight(window: Window, member: str, lead: str) -> int:
    """Return how often the member lost and found again one and the same leader in 15 s.

    Of late, that is, and not for good now; a member whose process ended meanwhile has its reasons.
    """
    points = window.points(member, RAFT_LEAD, over=15.0)
    found = [b.at for a, b in pairwise(points) if a.value == "" and b.value == lead]
    if not found or found[-1] < window.now - 6.0 or {p.value for p in points} - {"", lead}:
        return 0
    if window.held(member, RAFT_LEAD, "") > FLAT_FOR:
        return 0
    if any(p.value == "gone" for p in window.points(member, PRESENCE, over=30.0)):
        return 0
    return len(found)
