"""One member lives and is not heard: by its peers, or by us."""

from collections.abc import Iterator, Mapping, Sequence

from etcdscope.detect.cuts import RECONNECTS
from etcdscope.detect.detector import detector
from etcdscope.detect.hearing import heard_again, hears, leads_on
from etcdscope.detect.latency import election_timeout
from etcdscope.detect.planned import left_in_order
from etcdscope.detect.split import agreed
from etcdscope.detect.testimony import (
    SILENCE,
    TESTIFIES_AFTER,
    Dissent,
    Door,
    dissent,
    door,
    heard_evidence,
    joining,
    leader,
    port_evidence,
    silence,
    testimony,
)
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
    LINEARIZABLE_OK,
    RAFT_LEAD,
    RAFT_STATE,
)
from etcdscope.model.window import Window

# Members learn of a leader with its first message. One that has not followed for two looks, while a
# quorum does, is cut off.
LEADERLESS = 0.4
# Followers draw their election timeouts between one and two of them: of a leader that is cut off
# the last one knows a timeout after the first, and we with the next look.
LOOK = 0.6
# An old leader that is cut off steps down within two election timeouts.
LED_WITHIN = 6.0


@detector(
    "member-isolated",
    closes_after=1.5,
    impact="Clients of this member get no linearizable read and no write; the others serve on.",
    runbook=(
        Step("Test its peer port from another member.", "nc -vz {peer_host} {peer_port}"),
        Step("Look for a firewall rule or route on the peer network.", "iptables -S; ip route"),
        Step("Take it out of the clients' endpoint list meanwhile."),
    ),
)
def member_isolated(window: Window, limits: Limits) -> Iterator[Finding]:
    """The member lives but is cut off from its peers.

    Signal:  it answers us, and its raft knows no leader or still calls itself one, while the
             others agree on another leader, which has heard a quorum since; no peer hears it, or
             those that do hear it again only now, and it has no leader yet.
    Source:  raft.status at /debug/vars of every member; received bytes; linearizable reads.
    Means:   it serves stale reads only.
    Alike:   down (does not answer us), link-one-way (a peer still receives its requests for votes),
             a leader that is cut off, whom some follow for a second after the first has given up
             (no read is answered through it, and nobody acknowledges its entries).
    """
    lead = leader(window)
    for member in window.voters if lead else ():
        against = dissent(window, member.id, lead)
        if against is None or not _sure(window, member.id, against):
            continue
        patient = against.seconds < election_timeout(window, lead)[0] + LOOK
        if patient and not leads_on(window, lead, member.id, against.since):
            continue  # it may be the leader that is cut off, and the others have not noticed
        if agreed(window, member.id, against.since):
            continue  # it has a quorum of its own: a split brain
        told = {w: hears(window, w, member.id, lead, against) for w in against.agreeing}
        if any(told.values()) and not _mending(window, member.id, lead, told, against):
            continue  # somebody hears it: only a link is cut
        if patient and not _led(window, member.id) and _will_tell(told, lead):
            continue
        deaf = [w for w, heard in told.items() if heard is False]
        follow = _follow([window.label(m) for m in against.agreeing if m != lead])
        yield Finding(
            Subject.member(member.id),
            Severity.WARNING,
            f"{member.label} is cut off from its peers: it answers us but has no leader,"
            f" while {follow} {window.label(lead)}",
            (
                window.evidence(
                    member.id,
                    RAFT_STATE,
                    window.word(member.id, RAFT_STATE) or "",
                    says="it does not follow the leader",
                ),
                window.evidence(lead, RAFT_LEAD, window.label(lead), says=f"{follow} it"),
                *heard_evidence(window, member.id, tuple(deaf), hears=False),
            ),
            ruled_out=(
                RuledOut("member-down", "it answers us"),
                RuledOut("member-frozen", "it answers us"),
                *(
                    (RuledOut("link-one-way", "no other member receives anything from it"),)
                    if deaf and len(deaf) == len(told)
                    else ()
                ),
            ),
            confidence=0.95 if deaf else 0.75,
            alternatives=()
            if deaf
            else (Alternative("link-one-way", 0.2, "one of the others may still hear it"),),
            next_test=""
            if deaf
            else "Within two seconds the others' received bytes will tell"
            " whether one of them still hears it; then only a link is cut.",
        )


def _mending(
    window: Window, member: str, lead: str, told: Mapping[str, bool | None], against: Dissent
) -> bool:
    """Return whether all who hear it do so again: TCP lets some of them wait for up to minutes."""
    back = [
        heard_again(window, w, member, against.since) for w, hears_it in told.items() if hears_it
    ]
    if None in back:
        return False
    return bool(told.get(lead)) or max(b or 0.0 for b in back) < RECONNECTS


def _follow(names: Sequence[str]) -> str:
    return f"{', '.join(names)} follow{'s' if len(names) == 1 else ''}"


def _led(window: Window, member: str) -> bool:
    """Return whether it led a moment ago: whom a quorum left is cut off from more than one."""
    states = window.points(member, RAFT_STATE, over=LED_WITHIN)
    return any(p.value == "leader" for p in states)


def _will_tell(told: Mapping[str, bool | None], lead: str) -> bool:
    """Return whether a member that does not lead is about to tell if it still hears it."""
    third = [heard for witness, heard in told.items() if witness != lead]
    return bool(third) and all(heard is None for heard in third)


def _sure(window: Window, member: str, against: Dissent) -> bool:
    """Return whether it was seen for long enough, or a failed read is a second witness."""
    read = window.last(member, LINEARIZABLE_OK)
    return against.seconds >= LEADERLESS or bool(
        read and read.value == 0 and read.at > against.since - 0.5
    )


@detector(
    "member-unreachable",
    closes_after=1.5,
    opens_after=0.5,
    impact="None for the cluster; we see this member only through its peers.",
    runbook=(
        Step("Test the path from here.", "etcdctl --endpoints {endpoint} endpoint health"),
        Step("Look at firewalls between this host and {member}; its peers reach it."),
    ),
)
def member_unreachable(window: Window, limits: Limits) -> Iterator[Finding]:
    """The member does not answer us, but its peers still hear it.

    Signal:  no answer from its client port, while another member's received bytes, progress or
             active_peers show that it lives.
    Source:  TCP probe; /metrics and /debug/vars of the other members.
    Means:   our own path to it is broken, or its client port alone is closed.
    Alike:   down (peers lost it too).
    """
    for member in window.members:
        quiet = silence(window, member.id)
        if not member.started or quiet < SILENCE or left_in_order(window, member.id) is not None:
            continue
        if door(window, member.id) in (Door.OPEN, Door.UNKNOWN) or joining(window, member.id):
            continue
        since = (window.answered(member.id) or window.began) + TESTIFIES_AFTER
        peers = testimony(window, member.id, since)
        if not peers.hear or len(peers.deaf) > len(peers.hear):
            continue
        names = ", ".join(window.label(m) for m in peers.hear)
        yield Finding(
            Subject.member(member.id),
            Severity.WARNING,
            f"{member.label} does not answer us, but {names} still"
            f" hear{'s' if len(peers.hear) == 1 else ''} it: our own path to it is broken",
            (
                port_evidence(window, member.id, "no answer from here"),
                *heard_evidence(window, member.id, peers.hear, hears=True),
            ),
            ruled_out=(
                RuledOut("member-down", f"{names} hear it"),
                RuledOut("member-isolated", f"{names} hear it"),
            ),
            confidence=0.92,
        )
