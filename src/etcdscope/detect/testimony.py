"""What is known of a member from outside it: its ports, its silence, and what its peers hear.

Shared by the families that tell down, frozen, isolated and unreachable apart. Raft's leader and
each follower exchange heartbeats ten times a second, so bytes received from a living peer grow in
any second; ``etcd_network_active_peers`` follows a black hole only after rafthttp's 5 s read
timeout, but a closed socket at once.
"""

from dataclasses import dataclass
from enum import Enum

from etcdscope.model.cluster import MemberList
from etcdscope.model.finding import Evidence
from etcdscope.model.reading import Failure
from etcdscope.model.signal import (
    ACTIVE_PEERS,
    LOOP_LAG,
    MEMBER_LIST,
    PEER_RECEIVED_BYTES,
    PORT_STATE,
    PROGRESS_MATCH,
    RAFT_LEAD,
    RAFT_STATE,
)
from etcdscope.model.window import Window, once

# Answers come every ~150 ms from three sources; election timeouts start at 1 s. A member that has
# been silent for this long while others answered is not just busy.
SILENCE = 1.2
# Ports are knocked on twice a second, for at most 0.6 s; what is older says nothing about now.
KNOCKED = 1.6
# What a new member may take from its first appearance to its first answer.
JOINS_WITHIN = 60.0
# A peer that was looked at just before the silence may show what it heard before: looks are half a
# second apart.
TESTIFIES_AFTER = 0.55
# Two scrapes closer together than this cannot show that heartbeats stopped.
HEARTBEATS_SHOW = 0.8


class Door(Enum):
    """What the member's client port does when knocked on."""

    OPEN = "open"
    REFUSED = "refused"
    SILENT = "silent"
    UNRESOLVED = "unresolved"
    UNKNOWN = "unknown"


def door(window: Window, member: str, port: str = "client") -> Door:
    """Return the newest state of one of the member's ports, by any source."""
    known = window.word(member, PORT_STATE, port, within=KNOCKED)
    if known in {d.value for d in Door}:
        return Door(known)
    looks = window.looks_at(member)
    failures = [look.failure for look in looks.values() if look.at > window.now - 3.0]
    if Failure.REFUSED in failures:
        return Door.REFUSED
    return Door.UNKNOWN


def refused_since(window: Window, member: str) -> float | None:
    """Return when its client port was first found closed after its last answer, None if open."""
    answered = window.answered(member) or window.began
    for point in window.points(member, PORT_STATE, "client", over=window.now - answered):
        if point.value == Door.REFUSED.value and point.at > answered:
            return point.at
    return None


@once
def answers(window: Window, member: str) -> bool:
    """Return whether the member answers us: it did of late, and no port was found closed since."""
    return window.reachable(member) and refused_since(window, member) is None


def still_listed(window: Window, member: str, since: float) -> bool | None:
    """Return whether the others still count the member in, by what they said after ``since``.

    A removed member exits by itself, before the member list that we have tells of it. The leader's
    progress lacks it at once; where it was the leader itself, the others' own lists do. None: they
    were not looked at since.
    """
    lead = leader(window)
    if lead in ("", member):
        lists = [
            p.value
            for m in window.members
            if m.id != member
            and (p := window.last(m.id, MEMBER_LIST))
            and p.at > since
            and isinstance(p.value, MemberList)
        ]
        return all(any(m.id == member for m in one.members) for one in lists) if lists else None
    own = window.last(lead, PROGRESS_MATCH, lead)
    if own is None or own.at <= since:
        return None
    its = window.last(lead, PROGRESS_MATCH, member, within=60.0)
    return its is not None and its.at == own.at


def starting(window: Window, member: str) -> bool:
    """Return whether its port is open again after having been closed, and nothing answers yet.

    etcd listens before it reads its WAL and joins: that is neither frozen nor back.
    """
    return door(window, member) is Door.OPEN and refused_since(window, member) is not None


def accepts(window: Window, member: str) -> bool:
    """Return whether its kernel has accepted a connection since the member fell silent."""
    knocked = window.last(member, PORT_STATE, "client")
    answered = window.answered(member) or 0.0
    return knocked is not None and knocked.value == Door.OPEN.value and knocked.at > answered + 0.1


def joining(window: Window, member: str) -> bool:
    """Return whether it came to the cluster after us, lately, and has not answered yet.

    A new member takes the leader's snapshot before it serves; its port is open meanwhile.
    """
    began = [look.since for look in window.looks_at(member).values()]
    new = bool(began) and window.began + 5.0 < min(began) and min(began) > window.now - JOINS_WITHIN
    return new and window.answered(member) is None


def silence(window: Window, member: str) -> float:
    """Return for how long the member has been silent, our own stalls taken off; seconds."""
    quiet = window.quiet_for(member)
    if quiet is None:
        quiet = window.now - window.began
    return max(quiet - own_stall(window), 0.0)


@once
def own_stall(window: Window) -> float:
    """Return how late etcdscope itself ran at worst in the last seconds."""
    lags = window.numbers("", LOOP_LAG, over=5.0)
    return max(lags, default=0.0)


@once
def others_answer(window: Window, member: str) -> tuple[str, ...]:
    """Return the other members that have answered within the last second or so."""
    return tuple(
        m.id
        for m in window.members
        if m.id != member and window.reachable(m.id, within=1.0 + own_stall(window))
    )


@dataclass(frozen=True, slots=True)
class Testimony:
    """Who among the other members still hears the member, and who does not any more."""

    hear: tuple[str, ...] = ()
    deaf: tuple[str, ...] = ()


@once
def testimony(window: Window, member: str, since: float) -> Testimony:
    """Return what the peers say of the member, from what they told after ``since``."""
    hear, deaf = [], []
    for witness in others_answer(window, member):
        says = _witness(window, witness, member, since)
        if says is True:
            hear.append(witness)
        elif says is False:
            deaf.append(witness)
    return Testimony(tuple(hear), tuple(deaf))


def _witness(window: Window, witness: str, member: str, since: float) -> bool | None:
    active = window.last(witness, ACTIVE_PEERS, member)
    if active and active.at > since and active.value == 0:
        return False
    match = window.points(witness, PROGRESS_MATCH, member, over=window.now - since)
    if len({p.value for p in match}) > 1:
        return True
    received = window.points(witness, PEER_RECEIVED_BYTES, member, over=window.now - since)
    if len(received) >= 2:
        if received[-1].value != received[0].value:
            return True
        heartbeats = member in _leaders(window, since) or witness in _leaders(window, since)
        if heartbeats and received[-1].at - received[0].at >= HEARTBEATS_SHOW:
            return False
    return None


def _leaders(window: Window, since: float) -> set[str]:
    """Return who led, in anybody's eyes, since shortly before ``since``."""
    return {
        str(p.value)
        for m in window.members
        for p in window.points(m.id, RAFT_LEAD, over=window.now - since + 2.0)
        if p.value != ""
    }


@once
def leader(window: Window) -> str:
    """Return whom most reachable members call leader now, by raft itself; empty for none."""
    votes: dict[str, int] = {}
    for m in window.members:
        lead = window.word(m.id, RAFT_LEAD)
        if lead and window.reachable(m.id):
            votes[lead] = votes.get(lead, 0) + 1
    if not votes:
        return ""
    best = max(votes, key=lambda lead: (votes[lead], lead))
    # An ex-leader that is cut off still votes for itself: only who also says so leads, unless
    # the leader itself cannot be read.
    claims = [m for m in votes if window.word(m, RAFT_STATE) == "leader"]
    return best if best in claims or not claims else max(claims, key=lambda c: (votes[c], c))


def last_leader(window: Window, over: float) -> str:
    """Return who led last, within the last seconds, while anybody led."""
    points = [
        p
        for m in window.members
        for p in window.points(m.id, RAFT_LEAD, over=over)
        if p.value != ""
    ]
    return str(max(points, key=lambda p: p.at).value) if points else ""


@dataclass(frozen=True, slots=True)
class Dissent:
    """A member that does not follow the leader whom a quorum follows: since when, against whom.

    ``since``: when it last followed, at the latest. ``shown``: the first look that showed it.
    """

    since: float
    seconds: float
    looks: int
    agreeing: tuple[str, ...]
    shown: float = 0.0


@once
def dissent(window: Window, member: str, lead: str) -> Dissent | None:
    """Return for how long a reachable member has not followed ``lead`` while a quorum does.

    ``looks``: how many looks have shown it; one alone may have crossed a message on its way. A
    member that calls itself leader in an older term does not follow either.
    """
    fresh = 1.0 + own_stall(window)
    if member == lead or not window.reachable(member, within=fresh):
        return None
    agreeing = tuple(
        m.id
        for m in window.voters
        if m.id != member and window.word(m.id, RAFT_LEAD, within=fresh) == lead
    )
    if len(agreeing) < window.quorum:
        return None
    points = window.points(member, RAFT_LEAD)
    if not points or points[-1].value == lead or points[-1].at < window.now - 2.0:
        return None
    followed = [p.at for p in points if p.value == lead]
    settled = min(_led_since(window, m, lead) for m in agreeing)
    since = max([settled, *followed[-1:]])
    shown = [p for p in points if p.at > since]
    if not shown:
        return None
    return Dissent(since, shown[-1].at - shown[0].at, len(shown), agreeing, shown[0].at)


def _led_since(window: Window, member: str, lead: str) -> float:
    """Return since when the member has followed ``lead`` without a break."""
    since = window.now
    for point in reversed(window.points(member, RAFT_LEAD)):
        if point.value != lead:
            break
        since = point.at
    return since


def received_growth(
    window: Window, witness: str, member: str, since: float, *, least: float = 0.0
) -> float | None:
    """Return how many bytes the witness received from the member after ``since``.

    None with under two scrapes, or if they span less than ``least`` seconds.
    """
    points = window.points(witness, PEER_RECEIVED_BYTES, member, over=window.now - since)
    numbers = [p.value for p in points if isinstance(p.value, (int, float))]
    if len(numbers) < 2 or points[-1].at - points[0].at < least:
        return None
    return numbers[-1] - numbers[0]


def port_evidence(window: Window, member: str, says: str, port: str = "client") -> Evidence:
    """Return what one of its ports does, as evidence."""
    return Evidence(
        f"{port}_port",
        door(window, member, port).value,
        source=PORT_STATE.source,
        member=member,
        says=says,
    )


def heard_evidence(
    window: Window, member: str, by: tuple[str, ...], hears: bool
) -> tuple[Evidence, ...]:
    """Return who still hears a member, or who lost it, as evidence; nothing of nobody."""
    if not by:
        return ()
    names = ", ".join(window.label(m) for m in by)
    still = "still hears it" if len(by) == 1 else "still hear it"
    return (
        Evidence(
            "peers_that_hear_it" if hears else "peers_that_lost_it",
            float(len(by)),
            source="/metrics, /debug/vars",
            member=member,
            says=f"{names} {still}" if hears else f"{names} lost it too",
        ),
    )
