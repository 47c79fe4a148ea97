"""Links between members that are cut: both ways, one way, or only for new connections.

In rafthttp who receives dials: what the follower answers travels on a connection that the leader
dialled, and the other way round. What ``hearing`` knows of what came through tells the ways apart.
"""

from collections.abc import Iterator

from etcdscope.detect.detector import detector
from etcdscope.detect.network import FLAT_FOR, RUNBOOK
from etcdscope.detect.planned import left_in_order
from etcdscope.detect.streams import BEFORE, judged_over, peers_lost
from etcdscope.detect.testimony import dissent, leader, received_growth
from etcdscope.model.finding import Evidence, Finding, Limits, RuledOut, Severity, Subject
from etcdscope.model.signal import ACTIVE_PEERS, PEER_RECEIVED_BYTES, RAFT_LEAD
from etcdscope.model.window import Window

# rafthttp counts a peer as inactive 5 s after the last message; a restart reconnects at once.
INACTIVE_FOR = 5.0
# When a cut is mended, one end may find the other at once, and the other only when TCP tries again:
# seen for 8 s on etcd 3.5. Who has not followed the leader for longer than that has no say.
RECONNECTS = 12.0


@detector(
    "link-one-way",
    closes_after=2.0,
    impact="The member behind the cut link has no leader, or depends on a fallback path; elections"
    " and membership changes may fail.",
    runbook=RUNBOOK,
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
