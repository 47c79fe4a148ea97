"""Who leads, whether anybody does, and how often that changes."""

from collections.abc import Iterator
from itertools import pairwise

from etcdscope.detect.detector import detector
from etcdscope.detect.planned import left_in_order
from etcdscope.detect.testimony import last_leader
from etcdscope.model.finding import CLUSTER, Evidence, Finding, Limits, Severity
from etcdscope.model.incident import Step
from etcdscope.model.signal import (
    FAREWELL,
    LEAD_TRANSFEREE,
    PRESENCE,
    RAFT_LEAD,
    RAFT_STATE,
    RAFT_TERM,
)
from etcdscope.model.window import Window

# For how long a leader change is worth a line.
TOLD_FOR = 20.0
# Faults that follow each other by minutes are told one by one; flapping is quicker than that.
FLAP_SPAN = 120.0
FLAPS_STILL = 12.0


@detector(
    "leader-missing",
    needs=(RAFT_LEAD,),
    opens_after=2.5,  # an election takes 1 to 2 s and is raft's ordinary answer to a lost leader
    closes_after=1.0,
    impact="Every write and every linearizable read waits or fails.",
    runbook=(
        Step(
            "See which members answer and what they say.",
            "etcdctl --endpoints {endpoints} endpoint status -w table",
        ),
        Step("Test the peer ports between the members.", "nc -vz {peer_host} {peer_port}"),
    ),
)
def leader_missing(window: Window, limits: Limits) -> Iterator[Finding]:
    """No member leads, although enough of them are there.

    Signal:  every reachable voter's raft knows no leader.
    Source:  raft.status at /debug/vars.
    Means:   elections fail or have not ended: cut links, or members that stall in turn.
    Alike:   quorum-lost (too few voters), an ordinary election (over within two seconds).
    """
    asked = [m for m in window.voters if m.id in window.judgeable and window.reachable(m.id)]
    if not asked or any(window.word(m.id, RAFT_LEAD) for m in asked):
        return
    last = last_leader(window, 600.0)
    # With fewer witnesses than a quorum the others may follow one.
    sure = len(asked) >= window.quorum
    yield Finding(
        CLUSTER,
        Severity.CRITICAL if sure else Severity.WARNING,
        f"No leader: none of the {len(asked)} members that answer knows one"
        + (f"; {window.label(last)} led last" if last else ""),
        tuple(
            window.evidence(
                m.id, RAFT_STATE, window.word(m.id, RAFT_STATE) or "unknown", says="knows no leader"
            )
            for m in asked
        ),
        confidence=0.95 if sure else 0.6,
    )


def changes(window: Window, over: float) -> list[tuple[float, str, str]]:
    """Return the changes of leader of the last seconds: when, from whom, to whom; oldest first."""
    seen: dict[float, tuple[float, str]] = {}  # one leader a term: raft's election safety
    for member in window.members:
        terms = {p.at: p.value for p in window.points(member.id, RAFT_TERM, over=over)}
        for point in window.points(member.id, RAFT_LEAD, over=over):
            term = terms.get(point.at)
            if point.value != "" and isinstance(term, (int, float)):
                known = seen.get(term)
                if known is None or point.at < known[0]:
                    seen[term] = (point.at, str(point.value))
    led = [seen[term] for term in sorted(seen)]
    return [(b[0], a[1], b[1]) for a, b in pairwise(led)]


def _new_terms(window: Window, over: float) -> float:
    """Return by how much the term has grown at most on any member."""
    series = [window.points(m.id, RAFT_TERM, over=over) for m in window.members]
    ends = [(p[0].value, p[-1].value) for p in series if p]
    return max(
        (b - a for a, b in ends if isinstance(a, (int, float)) and isinstance(b, (int, float))),
        default=0.0,
    )


def planned(window: Window, at: float, old: str) -> bool:
    """Return whether the change was asked for: a transfer, or the old leader's orderly stop."""
    transferred = any(
        p.value != "" and abs(p.at - at) < 5.0
        for p in window.points(old, LEAD_TRANSFEREE, over=FLAP_SPAN)
    )
    stopped = any(
        p.value == 1 and -3.0 < p.at - at < 6.0
        for p in window.points(old, FAREWELL, over=FLAP_SPAN)
    )
    return transferred or stopped


def died(window: Window, at: float, old: str) -> bool:
    """Return whether the old leader's process ended then; that is told by member-down."""
    return any(p.value == "gone" and abs(p.at - at) < 5.0 for p in window.points(old, PRESENCE))


@detector(
    "leader-changed",
    momentary=True,
    opens_after=3.0,  # what took the old leader away is named by then
    closes_after=1.0,
    impact="Writes waited for the length of the election.",
)
def leader_changed(window: Window, limits: Limits) -> Iterator[Finding]:
    """Another member leads than before.

    Signal:  a new leader in a new term.
    Source:  raft.status at /debug/vars.
    Means:   the old leader was lost, stalled, cut off, or moved on purpose.
    Next:    look at the old leader first.
    """
    recent = changes(window, TOLD_FOR)
    if not recent:
        return
    at, old, new = recent[-1]
    why = ", as asked for" if planned(window, at, old) else ""
    if left_in_order(window, old) is not None:
        why = ", because it was stopped in order"
    to = window.label(new) if new != old else f"{window.label(new)} again"
    yield Finding(
        CLUSTER,
        Severity.INFO,
        f"Leadership went from {window.label(old)} to {to}{why}",
        (window.evidence(old, RAFT_LEAD, window.label(new), says="leads now in its place"),),
        confidence=0.95,
    )


@detector(
    "leader-flapping",
    limits={"warning": 2, "critical": 12},
    closes_after=5.0,
    impact="Each election stops writes for a second or more; controllers lose their leases.",
    runbook=(
        Step("Look at the member that keeps losing leadership, not at the winners."),
        Step(
            "Move leadership to a quiet member.",
            "etcdctl --endpoints {leader_url} move-leader {best_follower_id}",
        ),
    ),
)
def leader_flapping(window: Window, limits: Limits) -> Iterator[Finding]:
    """Leadership changes again and again without anybody asking for it.

    Signal:  unplanned changes of leader within two minutes, of leaders that lived on; three or
             more are flapping.
    Source:  raft.status at /debug/vars (term and leader of every member).
    Means:   a symptom: the leader stalls (disk, CPU, pause) or its links do.
    Alike:   a rolling restart or upgrade (every change follows a farewell or a transfer).
    """
    if _new_terms(window, FLAP_SPAN) <= limits["warning"]:
        return  # each change of leader takes a term
    unplanned = [
        c
        for c in changes(window, FLAP_SPAN)
        if not planned(window, c[0], c[1]) and not died(window, c[0], c[1])
    ]
    severity = limits.graded(len(unplanned))
    if severity is None or unplanned[-1][0] < window.now - FLAPS_STILL:
        return
    lost: dict[str, int] = {}
    for _, old, _ in unplanned:
        lost[old] = lost.get(old, 0) + 1
    worst = max(lost, key=lambda m: (lost[m], m))
    yield Finding(
        CLUSTER,
        severity,
        f"Leadership changed {len(unplanned)} times in 2 minutes;"
        f" {window.label(worst)} lost it {_times(lost[worst])}",
        (
            Evidence(
                "leader_changes",
                float(len(unplanned)),
                "count",
                limits["warning"],
                RAFT_LEAD.source,
                worst,
                says="unplanned changes in 2 minutes",
            ),
        ),
        confidence=0.8,
    )


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")
