"""One member is down or frozen.

The look-alikes are told apart by three facts: what its client port does when knocked on, whether
it says anything itself, and whether the other members still hear it.
"""

from collections.abc import Iterator

from etcdscope.detect.detector import detector
from etcdscope.detect.host import state_evidence
from etcdscope.detect.planned import left_in_order
from etcdscope.detect.testimony import (
    SILENCE,
    TESTIFIES_AFTER,
    Door,
    accepts,
    door,
    heard_evidence,
    joining,
    leader,
    others_answer,
    port_evidence,
    refused_since,
    silence,
    starting,
    still_listed,
    testimony,
)
from etcdscope.model.finding import (
    Evidence,
    Finding,
    Limits,
    RuledOut,
    Severity,
    Subject,
)
from etcdscope.model.incident import Step
from etcdscope.model.reading import Failure
from etcdscope.model.signal import (
    MEMBER_LIST,
    PORT_STATE,
    PROGRESS_MATCH,
    STATUS_SECONDS,
)
from etcdscope.model.window import Window

# Failures that say "the path to it is broken or it is gone"; a certificate or a password that is
# refused is neither.
NO_ANSWER = frozenset({Failure.REFUSED, Failure.TIMEOUT, Failure.UNREACHABLE, Failure.CLOSED})
# The leader's raft.status is looked at twice a second.
LEADER_TELLS = 0.8
# Both ports are knocked on twice a second.
PORTS_TELL = 0.8
# Member lists are read at once when something is suspect, at most once a second.
MEMBERS_TELL = 0.8


@detector(
    "member-down",
    closes_after=1.0,
    impact="Clients that know only this member fail; the others serve while a quorum remains.",
    runbook=(
        Step("See why it ended.", "journalctl -u etcd -n 50   # on the host of {member}"),
        Step("Start it again with its data directory as it is.", "systemctl start etcd"),
        Step(
            "Only if its disk is lost: remove it and add it anew, one member at a time.",
            "etcdctl --endpoints {endpoints} member remove {member_id}",
        ),
    ),
)
def member_down(window: Window, limits: Limits) -> Iterator[Finding]:
    """The member's process is gone, or its whole host is.

    Signal:  its client port refuses (the host lives, the process does not), or nothing on it
             answers and its peers lost it too.
    Source:  presence and TCP probes; peers' received bytes, progress and active_peers.
    Means:   one more voter is missing; the margin shrinks.
    Alike:   frozen (port accepts), isolated (answers us), unreachable (peers hear it), stopped in
             order (it took its leave first, and is expected back within a minute).
    """
    for member in window.members:
        if not member.started or left_in_order(window, member.id) is not None:
            continue
        if joining(window, member.id):
            continue
        state = door(window, member.id)
        looks = window.looks_at(member.id)
        closed = refused_since(window, member.id)
        if closed is None and any(
            look.failure is None
            for s, look in looks.items()
            if s in ("status", "raftvars") and look.at > window.now - 1.0
        ):
            continue
        if state is Door.REFUSED:
            yield from _refused(window, member.id)
        elif state is Door.SILENT and silence(window, member.id) > SILENCE:
            yield from _host_gone(window, member.id)
        elif starting(window, member.id):
            yield _starting(window, member.id)


def _starting(window: Window, member: str) -> Finding:
    quiet = window.quiet_for(member)
    for_ = f" for {quiet:.0f} s" if quiet is not None else " yet"
    return Finding(
        Subject.member(member),
        _gravity(window),
        f"{window.label(member)} is starting: its port is open again, but it has not answered"
        f"{for_}",
        (port_evidence(window, member, "etcd listens before it has read its log and joined"),),
        ruled_out=(RuledOut("member-frozen", "its port was closed since its last answer"),),
        confidence=0.9,
        next_test="If it stays so, its log tells whether it replays its WAL or finds no leader.",
    )


def _refused(window: Window, member: str) -> Iterator[Finding]:
    peer = door(window, member, "peer")
    failed = [s for s, look in window.looks_at(member).items() if look.failure is Failure.REFUSED]
    if peer is not Door.REFUSED and len(failed) < 2:
        return  # one witness alone: wait for a second look
    since = refused_since(window, member) or window.answered(member) or window.began
    if _keeps_its_peerport_evidence(window, member, since):
        return
    listed = still_listed(window, member, since)
    if listed is False or (listed is None and _others_will_tell(window, member, since)):
        return  # it was removed, and rightly left; or we are about to hear whether it was
    peers = testimony(window, member, since)
    if peers.hear and not peers.deaf:
        return  # its client port is closed but it lives: it is stopping, or starting
    returned = left_in_order(window, member, within=900.0)
    away = f", {returned:.0f} s after it was stopped in order, and is not back" if returned else ""
    yield Finding(
        Subject.member(member),
        _gravity(window),
        f"{window.label(member)} is down{away}: its host refuses connections to etcd",
        (
            port_evidence(window, member, "the host is up and nobody listens"),
            *(
                [port_evidence(window, member, "nor for its peers", "peer")]
                if peer is Door.REFUSED
                else []
            ),
            *heard_evidence(window, member, peers.deaf, hears=False),
        ),
        ruled_out=(
            RuledOut("member-frozen", "a frozen process still accepts connections"),
            RuledOut("member-isolated", "a cut network does not refuse, it stays silent"),
            RuledOut("member-unreachable", "the refusal came from its own host"),
        ),
        confidence=0.97,
    )


def _gravity(window: Window) -> Severity:
    """A cluster of one has lost all with its member; in others quorum-lost says so."""
    return Severity.CRITICAL if len(window.members) == 1 else Severity.WARNING


def _keeps_its_peerport_evidence(window: Window, member: str, since: float) -> bool:
    """Return whether only its client port refuses, or that cannot be told yet.

    A process that is gone has no port left; one that stops, or whose clients a firewall rejects,
    still has this one.
    """
    knocked = window.last(member, PORT_STATE, "peer")
    if knocked is None or knocked.value != Door.OPEN.value:
        return False
    return knocked.at > since or window.now - since < PORTS_TELL


def _others_will_tell(window: Window, member: str, since: float) -> bool:
    lead = leader(window)
    if lead in ("", member):
        tellers = [m for m in window.members if m.id != member and window.reachable(m.id)]
        listed = any(window.last(m.id, MEMBER_LIST) for m in tellers)
        return listed and window.now - since < MEMBERS_TELL
    seen = bool(window.points(lead, PROGRESS_MATCH, lead, over=5.0))
    return seen and window.now - since < LEADER_TELLS


def _host_gone(window: Window, member: str) -> Iterator[Finding]:
    since = (window.answered(member) or window.began) + TESTIFIES_AFTER
    peers = testimony(window, member, since)
    if peers.hear or not peers.deaf:
        return
    yield Finding(
        Subject.member(member),
        _gravity(window),
        f"{window.label(member)} is gone: neither we nor its peers hear anything from its host",
        (
            port_evidence(window, member, "no answer to a connection attempt"),
            *heard_evidence(window, member, peers.deaf, hears=False),
        ),
        ruled_out=(
            RuledOut("member-unreachable", "its peers lost it too"),
            RuledOut("member-frozen", "a frozen process still accepts connections"),
        ),
        confidence=0.75,
        next_test="Log in to its host: if that works, the network of etcd is cut; else the host is"
        " down.",
    )


@detector(
    "member-frozen",
    closes_after=1.0,
    impact="Requests through it hang; if it leads, writes wait until the others elect a leader.",
    runbook=(
        Step(
            "See whether the process is stopped (state T) or stuck (state D).",
            "ps -o pid,stat,wchan:20,etime,cmd -C etcd   # on the host of {member}",
        ),
        Step("Continue it, or end it so that its clients move on.", "kill -CONT $(pidof etcd)"),
        Step("On a virtual machine: exclude it from live migration and snapshots."),
    ),
)
def member_frozen(window: Window, limits: Limits) -> Iterator[Finding]:
    """The process exists but does nothing: stopped, paused with its machine, or stuck.

    Signal:  its port accepts connections (the kernel does that) but nothing has answered for over
             a second, all of a sudden, while other members answered us.
    Source:  every source's last answer; TCP probe.
    Means:   it neither votes nor acknowledges; peers notice after 1 s (leader) to 5 s.
    Alike:   down (refuses), host gone (silent port), CPU-starved (answers were late before).
    """
    for member in window.members:
        quiet = silence(window, member.id)
        if quiet < SILENCE or not accepts(window, member.id):
            continue
        if left_in_order(window, member.id) is not None:
            continue
        if starting(window, member.id) or joining(window, member.id):
            continue
        witnesses = others_answer(window, member.id)
        alone = len(window.members) == 1
        if not witnesses and not (alone and quiet > 2 * SILENCE):
            continue
        if not _failed_lately(window, member.id):
            continue
        slow = _late_before(window, member.id)
        seen = state_evidence(window, member.id)
        names = ", ".join(window.label(w) for w in witnesses)
        yield Finding(
            Subject.member(member.id),
            _gravity(window),
            f"{member.label} is frozen: it accepts connections but has answered nothing for"
            f" {quiet:.1f} s",
            (
                Evidence("silence", round(quiet, 2), "s", SILENCE, "all sources", member.id),
                port_evidence(window, member.id, "the kernel accepts, the process does not answer"),
                *(
                    (
                        Evidence(
                            "others",
                            float(len(witnesses)),
                            source="Maintenance.Status",
                            says=f"{names} answer",
                        ),
                    )
                    if names
                    else ()
                ),
                *seen,
            ),
            ruled_out=(
                RuledOut("member-down", "its port accepts connections"),
                RuledOut("member-unreachable", "the network lets connections through"),
            )
            + (() if slow else (RuledOut("cpu-starved", "its last answers were quick"),)),
            confidence=0.98 if seen else 0.7 if slow else 0.92,
        )


def _failed_lately(window: Window, member: str) -> bool:
    """Return whether a look timed out, or has been pending for longer than looks take."""
    looks = [look for s, look in window.looks_at(member).items() if s in ("status", "raftvars")]
    if window.answered(member) is None:  # never known otherwise: both must have waited in vain
        return len(looks) > 1 and all(look.failure is Failure.TIMEOUT for look in looks)
    return any(look.failure in NO_ANSWER for look in looks) or all(
        look.at < window.now - SILENCE for look in looks
    )


def _late_before(window: Window, member: str) -> bool:
    times = sorted(window.numbers(member, STATUS_SECONDS, over=12.0))
    return bool(times) and times[len(times) // 2] > 0.15
