"""Disks: how long a write waits until it is safe."""

from collections.abc import Iterator
from itertools import pairwise
from statistics import median

from etcdscope.detect.detector import detector
from etcdscope.detect.host import disk_evidence
from etcdscope.detect.process import LATE, from_memory, starved
from etcdscope.detect.testimony import leader, own_stall
from etcdscope.model.finding import CLUSTER, Evidence, Finding, Limits, RuledOut, Severity, Subject
from etcdscope.model.incident import Step
from etcdscope.model.reading import Histogram
from etcdscope.model.signal import WAL_FSYNC, Signal
from etcdscope.model.window import Window

# Fewer fsyncs than this say nothing about a disk.
ENOUGH = 3
# Seconds of scrapes that are judged: two at the slow cadence.
SPAN = 6.0
# A throttled process waits for its turn once in an answer from memory, and some times in an fsync:
# measured 50 ms and 100 to 300. Past this many times as much the disk is slow beside it.
TIMES_MEMORY = 8.0
# An fsync that did not wait; a quarter of what is called slow.
QUICK = 0.025


def _waits_for_all(window: Window, member: str, fsync: float) -> bool:
    """Return whether it is as slow in what touches no disk: then the disk is not to blame.

    Also where others are late as well, so that nobody can be called starved.
    """
    times = from_memory(window, member)
    return busy(window, member) and fsync < TIMES_MEMORY * median(times)


def quick_though_busy(window: Window) -> bool:
    """Return whether some busy member has quick fsyncs: then fsyncs wait for disks only."""
    return any(
        p90.count >= ENOUGH and p90.value < QUICK
        for m in window.judgeable
        if busy(window, m) and (p90 := window.quantile(m, WAL_FSYNC, 0.9, over=SPAN))
    )


def eased(window: Window, member: str, signal: Signal, limit: float, q: float = 0.9) -> bool:
    """Return whether the newest of them are quick again, so that what was slow is over."""
    for point in reversed(window.points(member, signal, over=SPAN)):
        newest = window.quantile(member, signal, q, over=window.now - point.at + 1e-3)
        if newest is not None and newest.count >= ENOUGH:
            return newest.value < limit
    return False


@detector(
    "wal-fsync-slow",
    needs=(WAL_FSYNC,),
    over=5.0,
    # etcd's documentation: p99 of a good disk is under 10 ms; over 100 ms is bad. The ninth of ten
    # must be over the limit, so that a single hiccup of a busy machine is not a slow disk.
    limits={"warning": 0.1, "critical": 2.0, "times_others": 4.0},
    opens_after=0.5,
    closes_after=4.0,
    impact="On the leader every write waits for this disk; on a follower the cluster hides it,"
    " but it is one failure away from slow writes.",
    runbook=(
        Step(
            "Move leadership to a member with a fast disk, if this one leads.",
            "etcdctl --endpoints {leader_url} move-leader {best_follower_id}",
        ),
        Step("Find what else writes to that disk.", "iotop -obn3   # on the host of {member}"),
        Step(
            "Measure the disk itself.",
            "fio --rw=write --ioengine=sync --fdatasync=1 --size=22m --bs=2300 --name=etcd"
            " --directory=/var/lib/etcd-test",
        ),
    ),
)
def wal_fsync_slow(window: Window, limits: Limits) -> Iterator[Finding]:
    """The member waits long for its WAL disk.

    Signal:  the p90 of the WAL fsyncs of the last seconds, and of the newest of them; compared with
             the other members.
    Source:  etcd_disk_wal_fsync_duration_seconds.
    Means:   a slow or shared disk; as leader it slows every write.
    Alike:   cpu-starved (calls that touch no disk are slow as well; etcd's log blames the disk
             then, wrongly), storage-stalled-together (several members at once).
    """
    p90s = {
        m: q
        for m in window.judgeable
        if (q := window.quantile(m, WAL_FSYNC, 0.9, over=SPAN)) and q.count >= ENOUGH
    }
    for member, p90 in p90s.items():
        severity = limits.graded(p90.value)
        if severity is None or starved(window, member):
            continue
        if eased(window, member, WAL_FSYNC, limits["warning"]) or _waits_for_all(
            window, member, p90.value
        ):
            continue
        others = [q.value for m, q in p90s.items() if m != member]
        rest = median(others) if others else None
        if rest is not None and p90.value < limits["times_others"] * rest:
            continue  # all alike: a busy machine or shared storage, not this disk
        p99 = window.quantile(member, WAL_FSYNC, 0.99, over=SPAN)
        mean = window.mean(member, WAL_FSYNC, over=SPAN)
        leads = leader(window) == member
        who = (
            f"Writes are slow: {window.label(member)} leads and waits"
            if leads
            else (f"{window.label(member)} waits")
        )
        fine = f"; the other{'s are' if len(others) > 1 else ' is'} fine" if others else ""
        yield Finding(
            Subject.member(member),
            severity,
            f"{who} {1000 * (mean.value if mean else p90.value):.0f} ms for its WAL disk{fine}",
            (
                window.evidence(
                    member,
                    WAL_FSYNC,
                    round(p90.value, 4),
                    limit=limits["warning"],
                    name="wal_fsync_p90",
                    says=f"of {p90.count:.0f} fsyncs",
                ),
                *(
                    (window.evidence(member, WAL_FSYNC, round(p99.value, 4), name="wal_fsync_p99"),)
                    if p99
                    else ()
                ),
                *(
                    (
                        Evidence(
                            "wal_fsync_p90_others",
                            round(rest, 4),
                            "s",
                            source=WAL_FSYNC.source,
                            says="median of the other members",
                        ),
                    )
                    if rest is not None
                    else ()
                ),
                *disk_evidence(window, member),
            ),
            ruled_out=(
                RuledOut("cpu-starved", "calls that touch no disk are answered quickly"),
                *(
                    (RuledOut("storage-stalled-together", "the other members' disks are fine"),)
                    if others
                    else ()
                ),
            ),
            confidence=0.93,
        )


# --- all at once ---------------------------------------------------------------------------------

# In-memory answers of a machine that merely is busy are late as well; a larger share of late ones,
# and the disks are not to blame.
BUSY_SHARE = 0.4
# Metrics are read every 5 s, by members in turn: what began within two reads of each other began
# together.
TOGETHER = 10.0


@detector(
    "storage-stalled-together",
    needs=(WAL_FSYNC,),
    over=5.0,
    # As for one disk, but of the median: when all are slow alike nothing else tells a stall from
    # the hiccups of a machine that is busy.
    limits={"warning": 0.1, "critical": 2.0},
    opens_after=1.0,
    closes_after=4.0,
    impact="Every write waits: a quorum has to save it first. Moving the leader does not help.",
    runbook=(
        Step("Look at what these disks share: datastore, SAN, volume quota, hypervisor."),
        Step("Stop a backup, snapshot or scrub that runs on that storage now."),
        Step("See the same stall on the hosts.", "iostat -xd 1 5   # on each host"),
    ),
)
def storage_stalled_together(window: Window, limits: Limits) -> Iterator[Finding]:
    """The WAL disks of a quorum are slow at the same time.

    Signal:  the median WAL fsync of at least a quorum is over the limit, while their answers from
             memory are quick.
    Source:  etcd_disk_wal_fsync_duration_seconds; times of Maintenance.Status and /debug/vars.
    Means:   the storage that they share has stalled, or is throttled.
    Alike:   wal-fsync-slow (one disk), cpu-starved and a busy machine (answers from memory are
             late as well), disk-hung (no fsync comes back at all).
    """
    voters = [m.id for m in window.voters]
    slow = {
        m: q.value
        for m in voters
        if m in window.judgeable
        and (q := window.quantile(m, WAL_FSYNC, 0.5, over=SPAN))
        and q.count >= ENOUGH
        and q.value > limits["warning"]
        and not eased(window, m, WAL_FSYNC, limits["warning"], 0.5)
    }
    if len(voters) < 2 or len(slow) < max(window.quorum, 2):
        return
    control = quick_though_busy(window)
    if not control and (own_stall(window) > BUSY_STALL or any(busy(window, m) for m in slow)):
        return
    begins = [_slow_since(window, m, limits["warning"]) for m in slow]
    together = max(begins) - min(begins) <= TOGETHER
    names = ", ".join(window.label(m) for m in slow)
    worst = max(slow.values())
    yield Finding(
        CLUSTER,
        # Writes wait for the quickest quorum, not for the slowest disk.
        limits.graded(sorted(slow.values())[window.quorum - 1 - (len(voters) - len(slow))])
        or Severity.WARNING,
        f"The disks of {names} stall{' together' if together else ''}: half of their fsyncs take"
        f" over {1000 * min(slow.values()):.0f} ms, so every write waits",
        tuple(
            window.evidence(
                m,
                WAL_FSYNC,
                round(value, 4),
                limit=limits["warning"],
                name="wal_fsync_p50",
                says="the slowest" if value == worst else "",
            )
            for m, value in slow.items()
        ),
        ruled_out=(
            RuledOut("cpu-starved", "answers that touch no disk are quick on all of them"),
            RuledOut("wal-fsync-slow", f"{len(slow)} of {len(voters)} disks are slow, not one"),
        ),
        confidence=0.9 if together else 0.75,
        next_test="" if together else "iostat on each host: do they share a device or a datastore?",
    )


# We run on a machine of our own, or on one of theirs: if we stall as well, it is the machine.
BUSY_STALL = 0.25


def busy(window: Window, member: str) -> bool:
    """Return whether answers that never touch a disk are late: then it is not the disk alone.

    /debug/vars only: half of the Status calls wait for the backend where the disk is slow.
    """
    times = from_memory(window, member)
    return bool(times) and sum(1 for t in times if t > LATE) > BUSY_SHARE * len(times)


def _slow_since(window: Window, member: str, limit: float) -> float:
    """Return since when the mean fsync between two scrapes has been over the limit."""
    points = window.points(member, WAL_FSYNC)
    since = window.now
    for older, newer in reversed(list(pairwise(points))):
        a, b = older.value, newer.value
        if not isinstance(a, Histogram) or not isinstance(b, Histogram):
            break
        count = b.count - a.count
        if count > 0 and (b.total - a.total) / count <= limit / 2:
            break
        since = older.at
    return since
