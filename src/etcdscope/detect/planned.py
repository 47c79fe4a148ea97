"""Work that somebody does on purpose: what it explains is told as info and never paged."""

from collections.abc import Iterator

from etcdscope.detect.detector import detector
from etcdscope.model.cluster import MemberList
from etcdscope.model.finding import CLUSTER, Finding, Limits, Severity, Subject
from etcdscope.model.signal import (
    FAREWELL,
    LEAD_TRANSFEREE,
    MEMBER_LIST,
    PORT_STATE,
    PROCESS_START,
)
from etcdscope.model.window import Window, once

# A member that took its leave in order is expected back within this time: a host's reboot takes
# longer and should be told; a package upgrade or a static pod's restart takes less.
EXPECTED_BACK = 60.0
# Between its farewell and the end of its peer port a member takes 0.1 to 1 s.
STOPS_WITHIN = 2.0
# After a return, replaying the WAL and catching up may take this long.
SETTLING = 15.0
# Replacing a member: remove, prepare the host, add, start, catch up.
REPLACEMENT = 600.0


@once
def left_in_order(window: Window, member: str, within: float = EXPECTED_BACK) -> float | None:
    """Return for how many seconds the member has been gone in order; None if it was not so."""
    point = window.last(member, FAREWELL, within=within)
    if point is None or point.value != 1 or _lives_on(window, member, point.at):
        return None
    return window.now - point.at


def _lives_on(window: Window, member: str, farewell: float) -> bool:
    """Return whether only its client port refuses: its peer port has answered ever since.

    A stop closes the peer port within a second; a firewall that rejects clients never does.
    """
    later = window.now - farewell - STOPS_WITHIN
    if later <= 0:
        return False
    peer = [p.value for p in window.points(member, PORT_STATE, "peer", over=later)]
    client = [p.value for p in window.points(member, PORT_STATE, "client", over=later)]
    return len(peer) > 1 and set(peer) == {"open"} and set(client) == {"refused"}


@detector(
    "member-stopped",
    planned=True,
    closes_after=1.0,
    impact="None while a quorum remains: clients move to the other members.",
)
def member_stopped(window: Window, limits: Limits) -> Iterator[Finding]:
    """A member was stopped in order, as a restart or an upgrade does.

    Signal:  the member ended a held HTTP/2 conversation with GOAWAY, or closed its client port
             while its peer port still answered; a crash or kill closes both at once.
    Source:  etcdscope's presence probe (measured on etcd 3.4.23, 3.5.1 and 3.5.30).
    Means:   somebody, or a supervisor, restarts it; it is expected back within a minute.
    Next:    if it stays away longer, member-down says so.
    """
    for member in window.members:
        gone = left_in_order(window, member.id)
        if gone is None:
            continue
        answered = window.answered(member.id) or 0.0
        farewell = window.now - gone
        back = answered > farewell + 0.5
        if (
            back
            and window.now > max(answered, farewell)
            and _returned_for(window, member.id, farewell) > SETTLING
        ):
            continue
        yield Finding(
            Subject.member(member.id),
            Severity.INFO,
            f"{member.label} was stopped in order {gone:.0f} s ago"
            + (" and is back" if back else ", as a restart does"),
            (window.evidence(member.id, FAREWELL, 1.0, says="it took its leave before it closed"),),
            confidence=0.95,
        )


def _returned_for(window: Window, member: str, farewell: float) -> float:
    """Return for how many seconds the member has been answering again since its farewell."""
    since = [
        look.since
        for look in window.looks_at(member).values()
        if look.source == "status" and look.failure is None and look.since > farewell
    ]
    return window.now - min(since) if since else 0.0


@detector(
    "membership-changing",
    planned=True,
    closes_after=1.0,
    impact="The margin may be smaller until the change is complete.",
)
def membership_changing(window: Window, limits: Limits) -> Iterator[Finding]:
    """A member was removed lately, as a replacement does.

    Signal:  an id that was in a member list of the last ten minutes is no longer in it.
    Source:  Cluster.MemberList.
    Means:   a replacement is under way: an even count, a smaller margin and a member that has not
             started yet belong to it.
    Next:    after ten minutes what is still missing is told as what it is.
    """
    present = {m.id for m in window.members}
    gone: dict[str, tuple[str, float]] = {}
    for member in window.members:
        for point in window.points(member.id, MEMBER_LIST, over=REPLACEMENT):
            if isinstance(point.value, MemberList):
                for listed in point.value.members:
                    if listed.id not in present:
                        gone[listed.id] = (listed.label, point.at)
    for label, at in gone.values():
        yield Finding(
            CLUSTER,
            Severity.INFO,
            f"{label} was removed from the membership {window.now - at:.0f} s ago:"
            " a replacement seems to be under way",
            (window.evidence("", MEMBER_LIST, label, says="no longer listed"),),
        )
        return


@detector(
    "leader-transferred",
    planned=True,
    momentary=True,
    closes_after=1.0,
    impact="None: a handover takes milliseconds.",
)
def leader_transferred(window: Window, limits: Limits) -> Iterator[Finding]:
    """The leader handed its leadership over, on request or before an orderly stop.

    Signal:  the leader's raft names a transferee.
    Source:  raft.status at /debug/vars; a handover is short, so often only the orderly stop shows.
    Means:   the leader change that follows is planned.
    Next:    nothing.
    """
    for member in window.members:
        for point in window.points(member.id, LEAD_TRANSFEREE, over=20.0):
            if point.value != "":
                yield Finding(
                    CLUSTER,
                    Severity.INFO,
                    f"{member.label} hands leadership to {window.label(str(point.value))}",
                    (window.evidence(member.id, LEAD_TRANSFEREE, str(point.value)),),
                )
                return


def started_again(window: Window, member: str, over: float) -> int:
    """Return how many times the member's process was seen to start anew in the last seconds."""
    starts = window.numbers(member, PROCESS_START, over=over)
    return len(set(starts)) - 1 if starts else 0
