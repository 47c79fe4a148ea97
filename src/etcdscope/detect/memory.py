"""Memory: what is left of it, and whom the kernel has killed for it."""

from collections.abc import Iterator
from itertools import pairwise

from etcdscope.detect.detector import detector
from etcdscope.detect.host import share
from etcdscope.model.amounts import size as mib
from etcdscope.model.finding import Evidence, Finding, Limits, RuledOut, Severity, Subject
from etcdscope.model.incident import Step
from etcdscope.model.signal import (
    CGROUP_PRESSURE,
    FAREWELL,
    MEMORY_LIMIT,
    MEMORY_USED,
    OOM_KILLS,
    PRESENCE,
    PRESSURE,
    PROC_PID,
    PROCESS_START,
    RESIDENT_BYTES,
)
from etcdscope.model.window import Window

CGROUP, HOST = "cgroup", "host"
# An end is told for so long after the member is back, and for so long while it is not.
TOLD_AFTER, TOLD_AWAY = 20.0, 300.0
# A kill is counted at once; we look every five seconds, and at a member that fell silent every one.
NEAR = 8.0


@detector(
    "memory-exhausted",
    needs=(MEMORY_USED,),
    limits={
        # What is counted cannot be taken back, so the last tenth goes with one large range.
        "cgroup_share": 0.9,
        # A share of the limit that must have been gained in two minutes, unless next to none is
        # left: a process that stands still close to its limit has chosen to.
        "growth": 0.02,
        "none_left": 0.97,
        # A host keeps a reserve of its own, and tasks must already wait for memory.
        "host_share": 0.95,
        "pressure": 0.05,
    },
    eases={"cgroup_share": 0.95, "growth": 0.5, "host_share": 0.97, "pressure": 0.5},
    opens_after=1.0,
    closes_after=4.0,
    impact="The kernel kills etcd when nothing is left: its clients reconnect all at once, and the"
    " cluster is one member short until it is back.",
    runbook=(
        Step("See who was killed.", "dmesg -T | grep -i 'killed process'"),
        Step("Find the client that reads large ranges: etcd's log names it in `request stats`."),
        Step("Raise the memory limit of etcd, or paginate that client's lists (--limit)."),
    ),
)
def memory_exhausted(window: Window, limits: Limits) -> Iterator[Finding]:
    """The member is short of memory, or was killed for want of it.

    Signal:  memory that cannot be taken back against the limit of etcd's cgroup, while it grows;
             of the host, while tasks wait for memory; a kill counted as the process ended.
    Source:  memory.stat, memory.max and memory.events of the cgroup, /proc/meminfo, /proc/vmstat;
             node_memory_*, node_vmstat_oom_kill.
    Means:   large unpaginated ranges, many of them at once, or a limit that is too small.
    Alike:   member-down (a crash: no kill was counted), quota-near (the database, not memory).
    """
    for member in window.members:
        killed = _killed(window, member.id)
        if killed is not None:
            yield _was_killed(window, member.id, killed)
        else:
            yield from _fills(window, member.id, limits)


# --- killed ------------------------------------------------------------------------------------


def _killed(window: Window, member: str) -> float | None:
    """Return when the kernel killed this etcd for want of memory, if it was of late."""
    points = window.points(member, OOM_KILLS, HOST, over=TOLD_AWAY)
    counted = [(p.at, p.value) for p in points if isinstance(p.value, (int, float))]
    for (begin, before), (end, after) in reversed(tuple(pairwise(counted))):
        if after > before:
            lately = window.now - end < TOLD_AFTER or not window.reachable(member)
            ended = _ended(window, member, begin - NEAR, end + NEAR)
            return end if lately and ended else None
    return None


def _ended(window: Window, member: str, begin: float, end: float) -> bool:
    """Return whether the process ended in that time, and not in order."""
    if any(p.value == 1 and begin <= p.at <= end for p in window.points(member, FAREWELL)):
        return False
    pids = window.points(member, PROC_PID, over=TOLD_AWAY + NEAR)
    if pids:
        changes = (b.at for a, b in pairwise(pids) if a.value not in (0, b.value))
        return any(begin <= at <= end for at in changes)
    gone = (p.at for p in window.points(member, PRESENCE) if p.value == "gone")
    starts = window.points(member, PROCESS_START)
    again = (b.value for a, b in pairwise(starts) if a.value != b.value)
    moments = [*gone, *(at for at in again if isinstance(at, float))]
    return any(begin <= at <= end for at in moments)


def _was_killed(window: Window, member: str, at: float) -> Finding:
    away = not window.reachable(member)
    used = [p.value for p in window.points(member, RESIDENT_BYTES, over=TOLD_AWAY) if p.at <= at]
    evidence = [
        Evidence("oom_kills", round(window.now - at, 1), "s", source="host", member=member,
                 says="since the kernel counted a kill for want of memory, as this etcd ended")
    ]  # fmt: skip
    if own := window.increase(member, OOM_KILLS, CGROUP, over=TOLD_AWAY):
        limit = window.number(member, MEMORY_LIMIT, CGROUP, within=TOLD_AWAY)
        says = "kills in its own cgroup" + (f", limited to {mib(limit)}" if limit else "")
        evidence.append(window.evidence(member, OOM_KILLS, own, name="cgroup_oom_kills", says=says))
    if used and isinstance(used[-1], float):
        evidence.append(
            window.evidence(member, RESIDENT_BYTES, used[-1], says="at the last look before")
        )
    return Finding(
        Subject.member(member),
        Severity.WARNING,
        f"{window.label(member)} was killed by the OOM killer: its memory was exhausted"
        + ("; it is not back" if away else ""),
        tuple(evidence),
        ruled_out=(RuledOut("member-restarting", "the kernel counted a kill at that moment"),),
        confidence=0.95,
    )


# --- filling -----------------------------------------------------------------------------------


def _fills(window: Window, member: str, limits: Limits) -> Iterator[Finding]:
    for of, signal in ((CGROUP, CGROUP_PRESSURE), (HOST, PRESSURE)):
        used = window.numbers(member, MEMORY_USED, of, over=120.0)
        limit = window.number(member, MEMORY_LIMIT, of)
        if len(used) < 2 or not limit or min(used[-2:]) / limit < limits[f"{of}_share"]:
            continue
        waited = share(window, member, signal, "memory") or 0.0
        grown = (used[-1] - min(used)) / limit
        full = used[-1] / limit
        if of == CGROUP:
            tight = grown > limits["growth"] or full > limits["none_left"]
        else:
            tight = waited > limits["pressure"]
        if not tight:
            continue
        whose = "its cgroup's limit" if of == CGROUP else "the memory of its host"
        evidence = [
            window.evidence(
                member, MEMORY_USED, used[-1], limit=limit, says=f"{full:.0%} of {whose}"
            )
        ]
        if waited:
            says = "of the time some task waited for memory"
            evidence.append(
                Evidence(
                    f"{signal.name}_memory",
                    round(waited, 2),
                    "ratio",
                    None,
                    "host",
                    member,
                    True,
                    says,
                )
            )
        yield Finding(
            Subject.member(member),
            Severity.WARNING,
            f"{window.label(member)} is close to being killed: {mib(used[-1])} of"
            f" {mib(limit)} ({full:.0%} of {whose}) are in use and cannot be taken back",
            tuple(evidence),
            ruled_out=(RuledOut("quota-near", "it is memory, not the database"),),
            confidence=0.9,
        )
        return
