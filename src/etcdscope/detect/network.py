"""Links between members: one that is cut, one that loses packets.

What was measured on etcd 3.4 and 3.5 under load, and tells the look-alikes apart: a follower that
cannot hear the leader asks the others for pre-votes, about once a second; on a third member the
bytes received from it go on growing, while an isolated member's do not. Over a lossy link the
leader's match index for the follower trails by seconds but still moves; over a cut one it stands
still. A slow disk trails as well, but its fsyncs show it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from etcdscope.detect.detector import detector
from etcdscope.detect.planned import left_in_order
from etcdscope.detect.process import starved
from etcdscope.detect.streams import BEFORE, judged_over, peers_lost
from etcdscope.detect.testimony import dissent, leader, received_growth
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
    ACTIVE_PEERS,
    PEER_RECEIVED_BYTES,
    PRESENCE,
    PROGRESS_MATCH,
    RAFT_LEAD,
    WAL_FSYNC,
)
from etcdscope.model.window import Window, once

# Heartbeats come ten times a second; over a link that merely loses packets TCP brings some through
# in any three seconds.
FLAT_FOR = 2.4
# rafthttp counts a peer as inactive 5 s after the last message; a restart reconnects at once.
INACTIVE_FOR = 5.0
# When a cut is mended, one end may find the other at once, and the other only when TCP tries again:
# seen for 8 s on etcd 3.5. Who has not followed the leader for longer than that has no say.
RECONNECTS = 12.0
_RUNBOOK = (
    Step("Try the peer port in both directions.", "nc -vz {peer_host} {peer_port}"),
    Step("Look at retransmits on the peer sockets.", "ss -ti '( dport = :2380 or sport = :2380 )'"),
    Step(
        "Look at errors of the interface, and for firewall rules between the two.",
        "ip -s link; iptables -S",
    ),
)


@detector(
    "link-one-way",
    closes_after=2.0,
    impact="The member behind the cut link has no leader, or depends on a fallback path; elections"
    " and membership changes may fail.",
    runbook=_RUNBOOK,
)
def link_one_way(window: Window, limits: Limits) -> Iterator[Finding]:
    """The link between two members is cut, in one direction or both, while a third reaches both.

    Signal:  a member without leader whose pre-vote requests still reach a third member, while the
             leader receives nothing from it; a peer that is inactive for one side only; or two
             followers that hear the stream heartbeats of one peer less, while all others hear all.
    Source:  etcd_network_peer_received_bytes_total, etcd_network_active_peers, raft.status.
    Means:   a firewall rule or a route between exactly these two. Raft does not mend it: the third
             member hears the leader and ignores the other's votes (etcd issue 8129).
    Alike:   member-isolated (nobody receives anything from it), link-lossy (something gets
             through).
    """
    lead = leader(window)
    told: set[frozenset[str]] = set()
    for member in window.voters:
        if lead and (found := _without_leader(window, member.id, lead)):
            told.add(frozenset((member.id, lead)))
            yield found
    for near in window.voters:
        for far in window.keys(near.id, ACTIVE_PEERS):
            ends = frozenset((near.id, far))
            if ends in told or not _inactive(window, near.id, far):
                continue
            back = window.number(far, ACTIVE_PEERS, near.id)
            if back == 1:
                yield _fallback(window, near.id, far)
    pair = _deaf_to_each_other(window, lead)
    if pair and frozenset(pair) not in told:
        yield _between_followers(window, *pair)


def _without_leader(window: Window, member: str, lead: str) -> Finding | None:
    against = dissent(window, member, lead)
    if against is None or against.seconds < FLAT_FOR:
        return None
    since = against.since
    if received_growth(window, lead, member, since, least=FLAT_FOR - 0.6) != 0:
        return None
    third = [
        w
        for w in against.agreeing
        if w not in (member, lead) and (received_growth(window, w, member, since) or 0) > 0
    ]
    if not third:
        return None
    names = ", ".join(window.label(w) for w in third)
    return Finding(
        Subject.link(member, lead),
        Severity.WARNING,
        f"The link between {window.label(member)} and the leader {window.label(lead)} is cut:"
        f" {window.label(member)} has no leader, while {names} reaches both",
        (
            Evidence(
                "received_from",
                0.0,
                "B",
                source=PEER_RECEIVED_BYTES.source,
                member=lead,
                says=f"{window.label(lead)} receives nothing from {window.label(member)}",
            ),
            Evidence(
                "received_from",
                "growing",
                source=PEER_RECEIVED_BYTES.source,
                member=third[0],
                says=f"{names} receives its requests for votes",
            ),
            window.evidence(member, RAFT_LEAD, "none", says="it knows no leader"),
        ),
        ruled_out=(
            RuledOut("member-isolated", f"{names} hears it"),
            RuledOut("member-down", "it answers us"),
            RuledOut("link-lossy", f"nothing at all has come through for {against.seconds:.0f} s"),
        ),
        confidence=0.93,
    )


def _inactive(window: Window, near: str, far: str) -> bool:
    """Return whether one has lost the other for good, while both follow the leader."""
    if not (window.reachable(near) and window.reachable(far)) or window.member(far) is None:
        return False
    if any(left_in_order(window, m, within=20.0) is not None for m in (near, far)):
        return False
    lead = leader(window)
    if not lead or not all(_follows_for(window, m, lead, RECONNECTS) for m in (near, far)):
        return False
    # A member that is back from the dead was inactive because it was; peers need a moment to see it
    # (measured: 2 s after 8 s away), and what it last said of them is from before.
    answers = window.points(far, RAFT_LEAD, over=INACTIVE_FOR)
    if not answers or window.now - answers[0].at < INACTIVE_FOR - 1.5:
        return False
    inactive = window.held(near, ACTIVE_PEERS, 0.0, far)
    seen = window.last(near, ACTIVE_PEERS, far)
    return inactive >= INACTIVE_FOR and seen is not None and seen.value == 0


def _follows_for(window: Window, member: str, lead: str, seconds: float) -> bool:
    # Two looks more than the span, or the newest of them could make it seem shorter.
    return window.held(member, RAFT_LEAD, lead, over=seconds + 2.0) >= seconds


def _fallback(window: Window, near: str, far: str) -> Finding:
    a, b = window.label(near), window.label(far)
    return Finding(
        Subject.link(near, far),
        Severity.WARNING,
        f"{a} cannot open connections to {b}, though {b} reaches {a}: raft goes on over the"
        " fallback path, snapshots and membership changes fail",
        (
            window.evidence(near, ACTIVE_PEERS, 0.0, says=f"{a} counts {b} as inactive"),
            window.evidence(far, ACTIVE_PEERS, 1.0, says=f"{b} counts {a} as active"),
        ),
        ruled_out=(RuledOut("member-isolated", f"{b} has a leader"),),
        confidence=0.8,
    )


def _deaf_to_each_other(window: Window, lead: str) -> tuple[str, str] | None:
    """Return the two followers that have stopped hearing one peer each, while all others hear all.

    Everybody must have followed the leader for as long as is judged, and for the time that streams
    take to come back: whoever was away before has left gaps with everybody.
    """
    settled = judged_over(window) + BEFORE
    if len(window.members) < 3 or not all(
        window.reachable(m.id) and _follows_for(window, m.id, lead, settled) for m in window.members
    ):
        return None
    lost = {m.id: peers_lost(window, m.id) for m in window.members}
    if any(peers is None for peers in lost.values()):
        return None
    deaf = sorted(m for m, peers in lost.items() if peers is not None and 0.75 < peers < 1.3)
    hearing = [m for m, peers in lost.items() if peers is not None and peers < 0.3]
    if len(deaf) != 2 or len(hearing) != len(lost) - 2 or lead in deaf:
        return None
    return deaf[0], deaf[1]


def _between_followers(window: Window, near: str, far: str) -> Finding:
    a, b, lead = window.label(near), window.label(far), window.label(leader(window))
    return Finding(
        Subject.link(near, far),
        Severity.WARNING,
        f"The link between the followers {a} and {b} is cut: nothing suffers while {lead} leads,"
        " but without it neither hears the other's vote",
        tuple(
            window.evidence(
                member,
                PEER_RECEIVED_BYTES,
                round(peers_lost(window, member) or 0.0, 1),
                name="peers_lost",
                says=f"peers whose stream heartbeats {window.label(member)} no longer receives",
            )
            for member in (near, far)
        ),
        ruled_out=(
            RuledOut("member-isolated", f"both follow {lead}"),
            RuledOut("link-lossy", "heartbeats do not come late, they do not come"),
        ),
        confidence=0.88,
        next_test="etcd's log on either says 'prober detected unhealthy status' within half a"
        " minute.",
    )


# --- loss ----------------------------------------------------------------------------------------


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
# TCP tries again after 0.2 s, 0.4 s and so on: a link that loses a third brings something through
# within seconds. After longer silence it was cut, and what comes now is its mending.
WAS_CUT = 8.0
# And the first of it comes soon; after longer nothing the link was cut, and is being mended.
SOON = 3.0
# Two looks at the leader are half a second apart: one look behind is no delay, two are.
TRAILS = 0.9


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
    now = rows[-1][0]
    there = [at for at, own, _ in rows if own <= match]
    return now - (there[-1] if there else rows[0][0])


@detector(
    "link-lossy",
    needs=(RAFT_LEAD,),
    limits={"flips": 2},
    opens_after=0.5,
    closes_after=6.0,
    impact="Writes jitter; the follower falls behind and may lose sight of the leader.",
    runbook=_RUNBOOK,
)
def link_lossy(window: Window, limits: Limits) -> Iterator[Finding]:
    """The link between the leader and a follower loses packets.

    Signal:  the follower's match index trails the leader's last index by over a second and moves
             in bursts, or the follower loses sight of the leader again and again; its own disk and
             CPU are fine and its answers to us quick.
    Source:  progress at /debug/vars of the leader; WAL fsync of the follower.
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
    behind = trail(window, lead, member)
    if behind and not behind.shrinks and _trickles(window, lead, member, behind):
        told = window.now - behind.since >= 1.0 and _in_bursts(window, behind)
        if told and _disk_is_fine(window, member, behind.since):
            return window.evidence(
                lead,
                PROGRESS_MATCH,
                round(behind.seconds, 1),
                limit=TRAILS,
                name="replication_delay",
                says=f"its log trails by {behind.seconds:.1f} s ({behind.entries:.0f} entries) and"
                " moves in bursts",
            )
        return None
    flips = _lost_sight(window, member, lead)
    if flips >= limits["flips"] and _disk_is_fine(window, member, window.now - 10.0):
        return window.evidence(
            member,
            RAFT_LEAD,
            float(flips),
            limit=limits["flips"],
            name="lost_sight_of_leader",
            says=f"it lost sight of the leader {flips} times in 15 s",
        )
    return None


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

    Once is not enough: so it looks when a cut link is mended. Nor is it around a long silence.
    """
    through = list(behind.moved)
    for witness, far in ((lead, member), (member, lead)):
        points = window.points(witness, PEER_RECEIVED_BYTES, far, over=window.now - behind.since)
        through += [b.at for a, b in pairwise(points) if b.value != a.value]
    through.sort()
    soon = bool(through) and through[0] - behind.since <= SOON
    silent = max((b - a for a, b in pairwise(through)), default=0.0)
    return soon and through[-1] - through[0] >= AGAIN and silent < WAS_CUT


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
