"""One member is not what it should be: down, frozen, isolated, unreachable from here, restarting.

The look-alikes are told apart by three facts: what its client port does when knocked on, whether
it says anything itself, and whether the other members still hear it.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from etcdscope.detect.detector import detector
from etcdscope.detect.hearing import hears, leads_on
from etcdscope.detect.host import state_evidence
from etcdscope.detect.latency import election_timeout
from etcdscope.detect.planned import left_in_order, started_again
from etcdscope.detect.split import agreed
from etcdscope.detect.testimony import (
    SILENCE,
    TESTIFIES_AFTER,
    Dissent,
    Door,
    accepts,
    dissent,
    door,
    joining,
    leader,
    others_answer,
    refused_since,
    silence,
    starting,
    still_listed,
    testimony,
)
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
from etcdscope.model.reading import Failure
from etcdscope.model.signal import (
    FAREWELL,
    LINEARIZABLE_OK,
    MEMBER_LIST,
    PORT_STATE,
    PRESENCE,
    PROCESS_START,
    PROGRESS_MATCH,
    RAFT_LEAD,
    RAFT_STATE,
    STATUS_SECONDS,
)
from etcdscope.model.window import Window

# Failures that say "the path to it is broken or it is gone"; a certificate or a password that is
# refused is neither.
NO_ANSWER = frozenset({Failure.REFUSED, Failure.TIMEOUT, Failure.UNREACHABLE, Failure.CLOSED})
# A supervisor restarts within seconds; Kubernetes backs off to minutes: two spans to count in.
QUICK_LOOP = 30.0
# A member that has been away for this long is not in a loop, it is down.
AWAY = 10.0
# The leader's raft.status is looked at twice a second.
LEADER_TELLS = 0.8
# Both ports are knocked on twice a second.
PORTS_TELL = 0.8
# Member lists are read at once when something is suspect, at most once a second.
MEMBERS_TELL = 0.8
# Members learn of a leader with its first message. One that has not followed for two looks, while a
# quorum does, is cut off.
LEADERLESS = 0.4
# Followers draw their election timeouts between one and two of them: of a leader that is cut off
# the last one knows a timeout after the first, and we with the next look.
LOOK = 0.6
# An old leader that is cut off steps down within two election timeouts.
LED_WITHIN = 6.0


def _port(window: Window, member: str, says: str, port: str = "client") -> Evidence:
    return Evidence(
        f"{port}_port",
        door(window, member, port).value,
        source=PORT_STATE.source,
        member=member,
        says=says,
    )


def _heard(window: Window, member: str, by: tuple[str, ...], hears: bool) -> tuple[Evidence, ...]:
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
        (_port(window, member, "etcd listens before it has read its log and joined"),),
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
    if _keeps_its_peer_port(window, member, since):
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
            _port(window, member, "the host is up and nobody listens"),
            *([_port(window, member, "nor for its peers", "peer")] if peer is Door.REFUSED else []),
            *_heard(window, member, peers.deaf, hears=False),
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


def _keeps_its_peer_port(window: Window, member: str, since: float) -> bool:
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
            _port(window, member, "no answer to a connection attempt"),
            *_heard(window, member, peers.deaf, hears=False),
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
                _port(window, member.id, "the kernel accepts, the process does not answer"),
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
             others agree on another leader, which has heard a quorum since; no peer hears it.
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
        if any(told.values()):
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
                *_heard(window, member.id, tuple(deaf), hears=False),
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
                _port(window, member.id, "no answer from here"),
                *_heard(window, member.id, peers.hear, hears=True),
            ),
            ruled_out=(
                RuledOut("member-down", f"{names} hear it"),
                RuledOut("member-isolated", f"{names} hear it"),
            ),
            confidence=0.92,
        )


@detector(
    "member-restarting",
    limits={"quick": 3, "warning": 6},
    closes_after=5.0,
    impact="Each restart drops its clients and costs the cluster its margin for seconds.",
    runbook=(
        Step(
            "Read why it ended each time.", "journalctl -u etcd -n 100   # on the host of {member}"
        ),
        Step("Look for the out-of-memory killer and for liveness probes.", "dmesg | grep -i oom"),
    ),
)
def member_restarting(window: Window, limits: Limits) -> Iterator[Finding]:
    """The member's process ended without taking leave and was started again.

    Signal:  presence lost without farewell, or a new process start time, three times within
             30 s or six times within ten minutes; a single one is told by member-down.
    Source:  presence probe; process_start_time_seconds.
    Means:   crashes, the out-of-memory killer, or a liveness probe that kills.
    Alike:   a rolling restart (each stop is announced by a farewell, once a member).
    """
    for member in window.members:
        restarts = _crashes(window, member.id, 600.0)
        quick = _crashes(window, member.id, QUICK_LOOP)
        if quick < limits["quick"] and restarts < limits["warning"]:
            continue
        if _last_crash(window, member.id) > 120.0 or silence(window, member.id) > AWAY:
            continue
        yield Finding(
            Subject.member(member.id),
            Severity.WARNING,
            f"{member.label} ended without taking leave and was restarted {restarts} times"
            " within 10 minutes",
            (
                window.evidence(
                    member.id,
                    PROCESS_START,
                    float(restarts),
                    limit=limits["warning"],
                    name="unannounced_restarts",
                ),
            ),
            confidence=0.9,
        )


def _gone(window: Window, member: str, over: float) -> list[float]:
    """Return when the member's held connection ended without a farewell."""
    orderly = {p.at for p in window.points(member, FAREWELL, over=over) if p.value == 1}
    return [
        p.at
        for p in window.points(member, PRESENCE, over=over)
        if p.value == "gone" and p.at not in orderly
    ]


def _crashes(window: Window, member: str, over: float) -> int:
    """Return the restarts that no farewell announced; a lost connection alone is none."""
    orderly = sum(1 for p in window.points(member, FAREWELL, over=over) if p.value == 1)
    by_start = max(started_again(window, member, over) - orderly, 0)
    refused = [
        at
        for at in _gone(window, member, over)
        if any(
            p.value == "refused" and abs(p.at - at) < 1.0
            for p in window.points(member, PORT_STATE, "client", over=over)
        )
    ]
    return max(by_start, len(refused))


def _last_crash(window: Window, member: str) -> float:
    moments = _gone(window, member, 600.0)
    starts = window.points(member, PROCESS_START, over=600.0)
    moments += [b.at for a, b in pairwise(starts) if a.value != b.value]
    return window.now - max(moments, default=0.0)
