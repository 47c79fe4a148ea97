"""Who still hears whom, by what raft itself must have received; and which way of a link is cut.

What was measured on etcd 3.5.30, three members, sixty puts a second:

- Packets from a follower to the leader are lost: the follower's commit index ran seven entries past
  the leader's match index for it before it lost the leader, for what it answered did not arrive.
- Only the leader's connections to the follower's peer port are lost: the follower, which dials
  itself for what it is sent, follows on; its answers go over the connection that the leader
  dialled, so its match index at the leader stands still for ten seconds while its own commit index
  keeps up, until it answers by POSTs of its own.
- A follower without leader asks the others for pre-votes, 49 bytes about once a second; of a
  follower the others receive nothing else. A counter of theirs that moved is proof that they hear
  it, one that did not that they do not.
"""

from dataclasses import dataclass
from itertools import pairwise

from etcdscope.detect.testimony import (
    TESTIFIES_AFTER,
    Dissent,
    received_growth,
)
from etcdscope.model.signal import (
    LINEARIZABLE_OK,
    PEER_RECEIVED_BYTES,
    PROGRESS_MATCH,
    RAFT_COMMIT,
    RAFT_LEAD,
    RAFT_STATE,
)
from etcdscope.model.window import Point, Window, once

# Metrics are read every five seconds in calm.
SCRAPED = 6.5
# What was sent before a look is there a moment later.
ON_ITS_WAY = 0.05
# An entry may be committed and its answer still be on its way: one behind is no loss, two may be.
UNANSWERED = 2.0
# TCP tries again after 0.2 s, 0.4 s and so on: a link that loses a third brings something through
# within seconds. After longer silence it was cut, and what comes now is its mending.
WAS_CUT = 8.0


@once
def leads_on(window: Window, lead: str, member: str, since: float) -> bool | None:
    """Return whether the leader has heard a quorum without the member since then; None: not yet.

    An old leader that is cut off is followed for a second or two by whoever has not noticed yet.
    """
    others = [m.id for m in window.voters if m.id not in (lead, member)]
    for teller in (lead, *others):
        read = window.last(teller, LINEARIZABLE_OK)
        if read and read.at > since and read.value == 1:
            return True
    if any(_moved(window, lead, other, since) for other in others):
        return True
    if any(received_growth(window, lead, other, since) for other in others):
        return True
    read = window.last(lead, LINEARIZABLE_OK)
    return False if read and read.at > since - 0.5 and read.value == 0 else None


def _moved(window: Window, lead: str, follower: str, since: float) -> bool:
    """Return whether the follower has acknowledged an entry since then."""
    points = window.points(lead, PROGRESS_MATCH, follower)
    after = [p.value for p in points if p.at > since]
    before = [p.value for p in points if p.at <= since][-1:]
    return len({*before, *after}) > 1


@once
def hears(window: Window, witness: str, member: str, lead: str, against: Dissent) -> bool | None:
    """Return whether the witness still receives what the leaderless member sends; None: not known.

    ``against``: since when, and how, the member does not follow ``lead``.
    """
    scrapes = _scrapes(window, witness)
    before = [at for at in scrapes if against.since - SCRAPED <= at <= against.since]
    both = (witness, member)
    if witness == lead or not before or not _quiet(window, both, lead, against.since):
        grown = received_growth(window, witness, member, against.since + TESTIFIES_AFTER)
        return None if grown is None else grown > 0
    if scrapes[-1] <= against.since:
        return None
    told = window.points(witness, PEER_RECEIVED_BYTES, member)
    then, now = _at(told, before[-1]), _at(told, scrapes[-1])
    if then is None or now is None:
        return None
    if now > then:
        return True
    return False if scrapes[-1] > against.shown + ON_ITS_WAY else None


@once
def heard_again(window: Window, witness: str, member: str, since: float) -> float | None:
    """Return for how long it has been heard again after a cut; None if it was heard all along.

    ``since``: when it lost the leader.
    """
    points = window.points(witness, PEER_RECEIVED_BYTES, member, over=window.now - since)
    begins = (p.at for p in points[:1])  # what was before is forgotten, or it lost the leader then
    heard = (*begins, *(b.at for a, b in pairwise(points) if b.value != a.value))
    backs = [b for a, b in pairwise(heard) if b - a > WAS_CUT]
    return window.now - backs[-1] if backs else None


def _quiet(window: Window, members: tuple[str, ...], lead: str, until: float) -> bool:
    """Return whether all followed the leader in the seconds before: nobody asked for votes."""
    for member in members:
        points = window.points(member, RAFT_LEAD)
        before = [p.value for p in points if until - SCRAPED - 1.0 <= p.at <= until]
        if not before or set(before) != {lead}:
            return False
        states = window.points(member, RAFT_STATE)
        if any(p.value == "leader" for p in states if p.at > until - SCRAPED - 1.0):
            return False
    return True


def _scrapes(window: Window, member: str) -> tuple[float, ...]:
    """Return when the member's metrics were read; a peer that said nothing yet has no series."""
    keys = window.keys(member, PEER_RECEIVED_BYTES)
    return tuple(
        sorted({p.at for k in keys for p in window.points(member, PEER_RECEIVED_BYTES, k)})
    )


def _at(points: tuple[Point, ...], at: float) -> float | None:
    """Return the counter at a scrape; 0 before the series began, None where it is missing."""
    if not points or points[0].at > at:
        return 0.0
    value = next((p.value for p in points if p.at == at), None)
    return float(value) if isinstance(value, (int, float)) else None


# --- which way -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Through:
    """For how many seconds nothing has come through: to the leader, and to the member."""

    to_leader: float
    to_member: float


def through(window: Window, lead: str, member: str) -> Through:
    """Return for how long nothing has come through between the two; 0 where that is not known."""
    commits = window.points(member, RAFT_COMMIT)
    matches = window.points(lead, PROGRESS_MATCH, member)
    writes = window.points(lead, PROGRESS_MATCH, lead)
    here = window.points(lead, PEER_RECEIVED_BYTES, member)
    there = window.points(member, PEER_RECEIVED_BYTES, lead)
    return Through(
        _still(window.now, writes, matches, here), _still(window.now, writes, commits, there)
    )


def _still(
    now: float, writes: tuple[Point, ...], index: tuple[Point, ...], received: tuple[Point, ...]
) -> float:
    """Return since when neither the index nor the counter moved; the index only says so by writes.

    Either is enough to see a stand-still; what moved last counts.
    """
    moved = [_last_move(series) for series in (index, received)]
    known = [at for at in moved if at is not None]
    if not known:
        return 0.0
    since = max(known)
    wrote = [p for p in writes if p.at > since]
    heartbeats = [p for p in received if p.at > since]
    shown = bool(wrote) and wrote[-1].value != wrote[0].value
    return now - since if shown or len(heartbeats) > 1 else 0.0


def _last_move(points: tuple[Point, ...]) -> float | None:
    """Return when the newest value was first seen; None with fewer than two points."""
    if len(points) < 2:
        return None
    first = points[-1]
    for point in reversed(points):
        if point.value != points[-1].value:
            break
        first = point
    return first.at


def answers_lost(window: Window, lead: str, member: str) -> bool:
    """Return whether the member has what the leader does not know of: its answers are lost."""
    commit = window.number(member, RAFT_COMMIT)
    match = window.number(lead, PROGRESS_MATCH, member)
    return commit is not None and match is not None and commit - match >= UNANSWERED
