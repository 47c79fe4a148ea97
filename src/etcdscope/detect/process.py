"""The etcd process itself: whether it gets the CPU that it needs."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from etcdscope.detect.detector import detector
from etcdscope.detect.host import cpu_evidence, throttled
from etcdscope.detect.testimony import Door, door, leader, own_stall
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
from etcdscope.model.signal import (
    CONNECT_SECONDS,
    HEARTBEAT_SEND_FAILURES,
    PEER_SENT_FAILURES,
    PROCESS_CPU,
    RAFTVARS_SECONDS,
    STATUS_SECONDS,
    WAL_FSYNC,
)
from etcdscope.model.window import Window, once

SPAN = 8.0
# Status and /debug/vars are answered from memory: in 1 to 3 ms, now and then in 50 ms on a busy
# machine. A throttled process answers most of them in tens of milliseconds: it runs for a few
# milliseconds in every 100 (the kernel's cfs_period).
LATE = 0.015
LATE_SPAN = 5.0
# Half of the Status calls wait for the backend where a disk is slow; those to /debug/vars never do.
LATE_SHARE = 0.4
TIMES_OTHERS = 3.0
# Back from a silence longer than that, a member has to take in all that it missed: seen to answer
# in 230 ms for two seconds after a freeze of 150 s.
CATCHES_UP = 8.0
# A port is knocked on twice a second: the quickest of so many connections is the way itself.
FLOOR_OF = 6
# Where the kernel says that most periods were cut short, half as many late answers will do, and
# those of the others do not matter: they may be late for another reason.
THROTTLED = 0.5
ALONE_SHARE = 0.8
ALONE_MEDIAN = 0.1


@dataclass(frozen=True, slots=True)
class Answers:
    """How a member's answers from memory have been, less the way: seconds, and the late share."""

    median: float
    late: float
    raftvars: float  # their mean


@once
def answers(window: Window, member: str) -> Answers | None:
    """Return how the answers of the last seconds were; None with under six of them."""
    way = way_to(window, member)
    status = [t - way for t in window.numbers(member, STATUS_SECONDS, over=LATE_SPAN)]
    raftvars = from_memory(window, member)
    times = status + raftvars
    if len(times) < 6 or not raftvars:
        return None
    late = sum(1 for t in times if t > LATE) / len(times)
    return Answers(median(times), late, sum(raftvars) / len(raftvars))


def from_memory(window: Window, member: str) -> list[float]:
    """Return what the last answers of /debug/vars took, less the way; they touch no disk."""
    way = way_to(window, member)
    return [t - way for t in window.numbers(member, RAFTVARS_SECONDS, over=LATE_SPAN)]


@once
def way_to(window: Window, member: str) -> float:
    """Return how far away the member is: the floor of what its kernel takes to accept us.

    From another region every answer is late by that, whatever the process does.
    """
    connects = window.numbers(member, CONNECT_SECONDS, over=LATE_SPAN)
    return min(connects) if len(connects) >= FLOOR_OF else 0.0


@once
def starved(window: Window, member: str) -> bool:
    """Return whether answers from memory are late on this member, and on this one alone."""
    own = answers(window, member)
    others = [a for m in window.members if m.id != member and (a := answers(window, m.id))]
    if own is None:
        return False
    if held_back(window, member) and own.late >= LATE_SHARE / 2:
        return True
    if own.late < LATE_SHARE or own.raftvars < LATE / 2:
        return False
    return all(a.late < LATE_SHARE / 2 and own.raftvars > TIMES_OTHERS * a.raftvars for a in others)


def held_back(window: Window, member: str) -> bool:
    """Return whether the kernel itself says that the member's CPU limit holds it back."""
    hit = throttled(window, member)
    return hit is not None and hit > THROTTLED


@detector(
    "cpu-starved",
    needs=(STATUS_SECONDS, PROCESS_CPU),
    over=5.0,
    limits={"late_share": LATE_SHARE},
    opens_after=1.0,
    closes_after=4.0,
    impact="All requests through it are slow; as leader its heartbeats come late and the others"
    " may depose it.",
    runbook=(
        Step(
            "See how much it is throttled.",
            "cat /sys/fs/cgroup/$(cut -d: -f3 /proc/$(pidof etcd)/cgroup | head -1)/cpu.stat",
        ),
        Step("Lift the CPU limit, or move what competes with it."),
        Step(
            "Move leadership away meanwhile.",
            "etcdctl --endpoints {leader_url} move-leader {best_follower_id}",
        ),
    ),
)
def cpu_starved(window: Window, limits: Limits) -> Iterator[Finding]:
    """The etcd process does not get enough CPU.

    Signal:  answers that touch no disk are slow on this member and quick on the others, while
             the kernel still accepts its connections quickly; late heartbeats if it leads.
    Source:  times of Maintenance.Status and /debug/vars, process_cpu_seconds_total,
             etcd_server_heartbeat_send_failures_total.
    Means:   a cgroup limit, a noisy neighbour, or stolen time. etcd's own log says "likely
             overloaded from slow disk" here, which is wrong.
    Alike:   wal-fsync-slow (in-memory answers stay quick), link trouble (connects are slow too).
    """
    for member in window.judgeable:
        own = answers(window, member)
        if own is None or not starved(window, member) or _woke(window, member):
            continue
        others = [a.median for m in window.judgeable if m != member and (a := answers(window, m))]
        if held_back(window, member):
            yield _starved(window, member, own, median(others) if others else None)
            continue
        if own.late < limits["late_share"]:
            continue
        if own_stall(window) > own.median / 2 or door(window, member) is Door.REFUSED:
            continue
        connect = window.numbers(member, CONNECT_SECONDS, over=LATE_SPAN)
        if connect and median(connect) > own.median / 2:
            continue  # the way there is slow, not the process
        yield _starved(window, member, own, median(others) if others else None)


def _woke(window: Window, member: str) -> bool:
    """Return whether it has answered again for a moment only."""
    times = [p.at for p in window.points(member, RAFTVARS_SECONDS)[-40:]]
    return any(b - a > LATE_SPAN and window.now - b < CATCHES_UP for a, b in pairwise(times))


def _starved(window: Window, member: str, own: Answers, others: float | None) -> Finding:
    cpu = window.rate(member, PROCESS_CPU, over=SPAN)
    late = window.increase(member, HEARTBEAT_SEND_FAILURES, over=30.0)
    unsent = sum(
        window.increase(member, PEER_SENT_FAILURES, key, over=30.0) or 0.0
        for key in window.keys(member, PEER_SENT_FAILURES)
    )
    fsync = window.quantile(member, WAL_FSYNC, 0.5, over=SPAN)
    evidence = [
        Evidence(
            "late_answers",
            round(own.late, 2),
            "ratio",
            LATE_SHARE,
            f"{STATUS_SECONDS.source}, {RAFTVARS_SECONDS.source}",
            member,
            says=f"of the answers that touch no disk took over {LATE * 1000:.0f} ms",
        ),
        window.evidence(
            member, STATUS_SECONDS, round(own.median, 4), name="in_memory_answer", says="median"
        ),
    ]
    if others is not None:
        evidence.append(
            Evidence(
                "in_memory_answer_others",
                round(others, 4),
                "s",
                source=STATUS_SECONDS.source,
                says="median of the other members",
            )
        )
    if cpu is not None:
        evidence.append(
            window.evidence(
                member, PROCESS_CPU, round(cpu, 3), name="cpu_cores", says="cores that it got"
            )
        )
    if late:
        evidence.append(
            window.evidence(member, HEARTBEAT_SEND_FAILURES, late, says="late heartbeats in 30 s")
        )
    told = cpu_evidence(window, member)
    evidence.extend(told)
    sure = {e.signal for e in told} & {"cpu_throttled", "cpu_stolen"}
    ruled_out = [RuledOut("member-frozen", "it answers, late")]
    if fsync is not None and fsync.value < own.median:
        ruled_out.append(
            RuledOut(
                "wal-fsync-slow",
                f"half of its fsyncs take under {max(fsync.value, 0.001) * 1000:.0f} ms",
            )
        )
    if not unsent:
        ruled_out.append(RuledOut("link-lossy", "no message to a peer failed"))
    leads = leader(window) == member
    return Finding(
        Subject.member(member),
        Severity.WARNING,
        f"{window.label(member)} is short of CPU: answers from memory take"
        f" {own.median * 1000:.0f} ms" + ("; it leads, so writes wait for it" if leads else ""),
        tuple(evidence),
        ruled_out=tuple(ruled_out),
        confidence=0.97 if sure else 0.88,
        alternatives=()
        if sure
        else (
            Alternative("wal-fsync-slow", 0.06, "a disk that stalls may make answers late as well"),
            Alternative("memory-exhausted", 0.04, "a process that swaps is short of time, too"),
        ),
    )
