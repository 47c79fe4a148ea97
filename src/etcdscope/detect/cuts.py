"""Links between members that are cut: both ways, one way, or only for new connections.

In rafthttp who receives dials: what the follower answers travels on a connection that the leader
dialled, and the other way round. What ``hearing`` knows of what came through tells the ways apart.
"""

from collections.abc import Iterator
from itertools import pairwise

from etcdscope.detect.detector import detector
from etcdscope.detect.hearing import WAS_CUT, answers_lost, heard_again, hears, through
from etcdscope.detect.network import FLAT_FOR, RUNBOOK, loses, trail, was_away
from etcdscope.detect.planned import left_in_order
from etcdscope.detect.process import starved
from etcdscope.detect.streams import judged_over, peers_lost
from etcdscope.detect.testimony import Dissent, dissent, leader
from etcdscope.model.finding import Evidence, Finding, Limits, RuledOut, Severity, Subject
from etcdscope.model.incident import Step
from etcdscope.model.signal import (
    ACTIVE_PEERS,
    PEER_RECEIVED_BYTES,
    PROGRESS_MATCH,
    RAFT_COMMIT,
    RAFT_LEAD,
    WAL_FSYNC,
)
from etcdscope.model.window import Window

# rafthttp counts a peer as inactive 5 s after the last message; a restart reconnects at once.
INACTIVE_FOR = 5.0
# When a cut is mended, one end may find the other at once, and the other only when TCP tries again:
# seen for 14 s on etcd 3.5. Who has not followed the leader for longer than that has no say.
RECONNECTS = 20.0
# etcd may go on counting a peer as inactive for ever, although all streams are back: its own that
# broke five seconds after the mending made it so, and only a dial makes it active again. Past what
# is remembered of what was before, it is no more than a note.
REMEMBERED = 590.0
# And TCP doubles its waits up to two minutes: a follower was without leader for 65 s after a cut of
# 150 s was mended, another was not heard for as long.
TCP_WAITS = 120.0
# A new leader knows nothing of how far the others are until they have answered it.
LED_FOR = 5.0
# TCP tries a lost packet again after 0.2, 0.4, 0.8 and 1.6 s: over a link that loses a third, four
# in a row are lost once in a hundred times.
CUT_FOR = 3.0
# So many different commit indexes, and fsyncs, within the time in which no answer arrives.
ADVANCES = 3
QUICK = 0.1


@detector(
    "link-one-way",
    closes_after=2.0,
    impact="The member behind the cut link has no leader, or depends on a fallback path; elections"
    " and membership changes may fail.",
    runbook=(
        *RUNBOOK,
        # Seen on etcd 3.5.30 after 150 s: the follower was without leader for 65 s more.
        Step(
            "Once it is mended, an old connection may wait up to two minutes. On the leader this"
            " ends it, and etcd dials anew.",
            "ss -K dst {peer_host} sport = :2380",
        ),
    ),
)
def link_one_way(window: Window, limits: Limits) -> Iterator[Finding]:
    """The link between two members is cut, in one direction or both, while a third reaches both.

    Signal:  a member without leader whose pre-vote requests still reach a third member, while
             nothing has come through between it and the leader for three seconds; a follower that
             goes on committing while none of its answers reach the leader; a peer that is inactive
             for one side only; or two followers that hear the stream heartbeats of one peer less,
             while all others hear all.
    Source:  etcd_network_peer_received_bytes_total, etcd_network_active_peers, raft.status.
    Means:   a firewall rule or a route between exactly these two. Raft does not mend it: the third
             member hears the leader and ignores the other's votes (etcd issue 8129). Named is the
             way that packets do not take, where the members' indexes tell: a follower that has more
             than the leader knows of cannot reach the leader.
    Alike:   member-isolated (nobody receives anything from it), link-lossy (something gets
             through), disk-hung (its answers stop as well, and so do its fsyncs).
             Between two followers it takes ten seconds and a scrape: their heartbeats come each
             1.7 s, and two or three of them are no proof.
    Next:    a rule that stops only what the leader dials may be seen for ten seconds: then etcd may
             answer by another way, all is well for raft, and only its log tells of failing probes.
             A link that is mended is over when raft hears both ways again: TCP may let one of them
             wait for up to two minutes.
    """
    lead = leader(window)
    told: set[frozenset[str]] = set()
    for member in window.voters:
        if lead and (found := _to_the_leader(window, member.id, lead)):
            told.add(frozenset((member.id, lead)))
            yield found
    for near in window.voters:
        for far in window.keys(near.id, ACTIVE_PEERS):
            ends = frozenset((near.id, far))
            if ends in told or not (severity := _inactive(window, near.id, far)):
                continue
            back = window.number(far, ACTIVE_PEERS, near.id)
            if back == 1:
                yield _fallback(window, near.id, far, severity)
    pair = _deaf_to_each_other(window, lead)
    if pair and frozenset(pair) not in told:
        yield _between_followers(window, *pair)


def _to_the_leader(window: Window, member: str, lead: str) -> Finding | None:
    """Return that the link to the leader is cut: the member has lost it, or is not heard by it."""
    if member == lead:
        return None
    against = dissent(window, member, lead)
    if against is None:
        return _not_heard(window, member, lead)
    third = [
        w
        for w in against.agreeing
        if w not in (member, lead)
        and hears(window, w, member, lead, against)
        and (heard_again(window, w, member, against.since) or RECONNECTS) >= RECONNECTS
    ]
    still = through(window, lead, member)
    if hears(window, lead, member, lead, against):
        return _half(window, member, lead, third, against) if still.to_member >= CUT_FOR else None
    flat = min(still.to_leader, still.to_member)
    sudden = flat >= CUT_FOR and _was_well(window, member, lead, against.since, window.now - flat)
    if not third or not (sudden or against.seconds >= FLAT_FOR):
        return None
    return _lost(window, member, lead, third, max(flat, against.seconds))


def _not_heard(window: Window, member: str, lead: str) -> Finding | None:
    """Return that a follower's answers do not reach the leader: still, or after a mending."""
    if unanswered(window, lead, member):
        return _unanswered(window, member, lead)
    flat = through(window, lead, member).to_leader
    stuck = (
        window.word(member, RAFT_LEAD) == lead
        and _follows_for(window, lead, lead, LED_FOR)
        and answers_lost(window, lead, member)
        and flat >= WAS_CUT
        and left_in_order(window, member, within=TCP_WAITS) is None
        and not loses(window, lead, member)
    )
    if not stuck:
        return None
    if was_away(window, member, over=TCP_WAITS):
        return _waiting(window, member, lead, heard=False)
    return _unanswered(window, member, lead) if _wrote_on(window, member, flat) else None


def _wrote_on(window: Window, member: str, flat: float) -> bool:
    """Return whether it saved what it was sent since nothing of it arrives any more.

    Of 512 messages without an answer the leader waits, and the follower stands still as well; it
    looks like a disk that hangs, but for the fsyncs before.
    """
    fsyncs = window.histogram(member, WAL_FSYNC, over=flat)
    forgotten = flat > TCP_WAITS - FLAT_FOR
    return forgotten or (fsyncs is not None and fsyncs[0].count >= ADVANCES)


def _half(
    window: Window, member: str, lead: str, third: list[str], against: Dissent
) -> Finding | None:
    """Return that the leader hears the member, which hears nothing: still, or after a mending."""
    if _heard_all_along(window, member, lead, against):
        return _unsent(window, member, lead)
    linked = any(heard_again(window, w, member, against.since) is None for w in third)
    waits = linked and against.seconds > WAS_CUT
    return _waiting(window, member, lead, heard=True) if waits else None


def _heard_all_along(window: Window, member: str, lead: str, against: Dissent) -> bool:
    """Return whether the leader has received its requests ever since it has been without leader.

    When a cut is mended one end finds the other seconds before the other way works again.
    """
    points = window.points(lead, PEER_RECEIVED_BYTES, member, over=window.now - against.since)
    grown = [b.at for a, b in pairwise(points) if b.value != a.value]
    times = [against.shown, *grown, window.now]
    return len(grown) > 1 and all(b - a < CUT_FOR for a, b in pairwise(times))


def _was_well(window: Window, member: str, lead: str, since: float, stopped: float) -> bool:
    """Return whether it followed in step until nothing came through any more; else it may be loss.

    Over a lossy link nothing may come through for three seconds, too, but it trails before.
    """
    before = [p.value for p in window.points(member, RAFT_LEAD) if since - 15.0 < p.at <= since]
    behind = trail(window, lead, member)
    return set(before) == {lead} and (behind is None or behind.since >= stopped)


def _lost(window: Window, member: str, lead: str, third: list[str], seconds: float) -> Finding:
    one_way = answers_lost(window, lead, member)
    a, b, names = window.label(member), window.label(lead), ", ".join(map(window.label, third))
    way = f", from {a} to {b} at least" if one_way else ""
    return Finding(
        Subject.link(member, lead),
        Severity.WARNING,
        f"The link between {a} and the leader {b} is cut{way}: {a} has no leader, while {names}"
        f" reach{'es' if len(third) == 1 else ''} both",
        (
            window.evidence(
                lead,
                PEER_RECEIVED_BYTES,
                0.0,
                name="received_from",
                says=f"{b} receives nothing from {a}",
            ),
            window.evidence(
                third[0],
                PEER_RECEIVED_BYTES,
                "growing",
                name="received_from",
                says=f"{names} receive{'s' if len(third) == 1 else ''} its requests for votes",
            ),
            window.evidence(member, RAFT_LEAD, "none", says="it knows no leader"),
            *(_unknown_to(window, member, lead) if one_way else ()),
        ),
        ruled_out=(
            RuledOut("member-isolated", f"{names} hear{'s' if len(third) == 1 else ''} it"),
            RuledOut("member-down", "it answers us"),
            RuledOut("link-lossy", f"nothing at all has come through for {seconds:.0f} s"),
        ),
        confidence=0.95 if one_way else 0.93,
        next_test=""
        if one_way
        else "nc -vz to the peer port, from both sides: which way it fails is the way that is cut.",
    )


def _unknown_to(window: Window, member: str, lead: str) -> Iterator[Evidence]:
    """Yield that the member has entries of which the leader does not know that it has them."""
    ahead = (window.number(member, RAFT_COMMIT) or 0.0) - (
        window.number(lead, PROGRESS_MATCH, member) or 0.0
    )
    yield window.evidence(
        member,
        RAFT_COMMIT,
        ahead,
        name="answers_lost",
        says=f"entries that it has, and {window.label(lead)} never heard so",
    )


def unanswered(window: Window, lead: str, member: str) -> bool:
    """Return whether a follower goes on as it should, and none of its answers reach the leader.

    A disk that hangs looks the same to raft, but then no fsync ends.
    """
    if not all(_follows_for(window, m, lead, LED_FOR) for m in (lead, member)):
        return False
    commits = window.numbers(member, RAFT_COMMIT, over=FLAT_FOR)
    if not answers_lost(window, lead, member) or len(set(commits)) < ADVANCES:
        return False
    still = through(window, lead, member)
    if loses(window, lead, member):
        return False  # TCP may keep still for as long as etcd does not try another way
    fsyncs = window.histogram(member, WAL_FSYNC, over=FLAT_FOR)
    quick = window.quantile(member, WAL_FSYNC, 0.9, over=FLAT_FOR)
    return (
        still.to_leader >= FLAT_FOR > still.to_member
        and fsyncs is not None
        and fsyncs[0].count >= ADVANCES
        and (quick is None or quick.value < QUICK)
        and not starved(window, member)
        and left_in_order(window, member, within=20.0) is None
    )


def _unanswered(window: Window, member: str, lead: str) -> Finding:
    a, b = window.label(lead), window.label(member)
    return Finding(
        Subject.link(lead, member),
        Severity.WARNING,
        f"Packets from the leader {a} to the peer port of {b} are lost: {b} follows on, but its"
        f" answers, which go over the connection that {a} dialled, do not reach {a}",
        (
            window.evidence(
                lead,
                PEER_RECEIVED_BYTES,
                0.0,
                name="received_from",
                says=f"{a} receives nothing from {b}",
            ),
            *_unknown_to(window, member, lead),
        ),
        ruled_out=(
            RuledOut("member-isolated", f"{b} follows {a}"),
            RuledOut("link-lossy", f"all of {a}'s entries come through, and none of {b}'s answers"),
            RuledOut("wal-fsync-slow", "its fsyncs are quick"),
            RuledOut("disk-hung", "its fsyncs end"),
        ),
        confidence=0.93,
        next_test=f"nc -vz from {a} to the peer port of {b}; the other way it works.",
    )


def _unsent(window: Window, member: str, lead: str) -> Finding:
    a, b = window.label(member), window.label(lead)
    return Finding(
        Subject.link(member, lead),
        Severity.WARNING,
        f"Packets from {a} to the peer port of the leader {b} are lost: {b} still hears {a}, but"
        f" what {b} sends goes over the connection that {a} dialled, and does not reach {a}",
        (
            window.evidence(member, RAFT_LEAD, "none", says="it knows no leader"),
            window.evidence(
                lead,
                PEER_RECEIVED_BYTES,
                "growing",
                name="received_from",
                says=f"{b} receives its requests for votes",
            ),
        ),
        ruled_out=(
            RuledOut("member-isolated", f"{b} hears it"),
            RuledOut("link-lossy", "one way all comes through, the other way nothing"),
        ),
        confidence=0.9,
        next_test=f"nc -vz from {a} to the peer port of {b}; the other way it works.",
    )


def _waiting(window: Window, member: str, lead: str, *, heard: bool) -> Finding:
    """``heard``: by the leader, which it does not hear; or the other way round."""
    a, b = window.label(member), window.label(lead)
    near, far = (b, a) if heard else (a, b)
    return Finding(
        Subject.link(member, lead),
        Severity.WARNING,
        f"The link between {a} and the leader {b} is back one way: what {near} sends {far} waits"
        " for TCP, which tries again after up to two minutes",
        (
            window.evidence(
                member, RAFT_LEAD, "none" if heard else b, says="whom it knows as leader"
            ),
            window.evidence(
                lead,
                PEER_RECEIVED_BYTES,
                "growing" if heard else 0.0,
                name="received_from",
                says=f"what {b} receives from {a}",
            ),
        ),
        ruled_out=(RuledOut("member-isolated", "one of the two hears the other"),),
        confidence=0.9,
    )


def _inactive(window: Window, near: str, far: str) -> Severity | None:
    """Return how bad it is that one has lost the other for good; both have followed all along."""
    if not (window.reachable(near) and window.reachable(far)) or window.member(far) is None:
        return None
    if any(left_in_order(window, m, within=20.0) is not None for m in (near, far)):
        return None
    inactive = window.held(near, ACTIVE_PEERS, 0.0, far)
    seen = window.last(near, ACTIVE_PEERS, far)
    if inactive < INACTIVE_FOR or seen is None or seen.value != 0:
        return None
    lead = leader(window)
    settled = min(inactive, REMEMBERED) + RECONNECTS
    if not lead or not all(_follows_for(window, m, lead, settled) for m in (near, far)):
        return None
    # A member that is back from the dead was inactive because it was; peers need a moment to see it
    # (measured: 2 s after 8 s away), and what it last said of them is from before.
    answers = window.points(far, RAFT_LEAD, over=INACTIVE_FOR)
    if not answers or window.now - answers[0].at < INACTIVE_FOR - 1.5:
        return None
    return Severity.WARNING if inactive < REMEMBERED else Severity.INFO


def _follows_for(window: Window, member: str, lead: str, seconds: float) -> bool:
    # Two looks more than the span, or the newest of them could make it seem shorter.
    return window.held(member, RAFT_LEAD, lead, over=seconds + 2.0) >= seconds


def _fallback(window: Window, near: str, far: str, severity: Severity) -> Finding:
    a, b = window.label(near), window.label(far)
    return Finding(
        Subject.link(near, far),
        severity,
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
    settled = judged_over(window) + RECONNECTS
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
