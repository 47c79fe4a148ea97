"""Disks: how long a write waits until it is safe."""

from collections.abc import Iterator
from statistics import median

from etcdscope.detect.detector import detector
from etcdscope.detect.process import starved
from etcdscope.detect.testimony import leader
from etcdscope.model.finding import Evidence, Finding, Limits, RuledOut, Subject
from etcdscope.model.incident import Step
from etcdscope.model.signal import WAL_FSYNC
from etcdscope.model.window import Window

# Fewer fsyncs than this say nothing about a disk.
ENOUGH = 3
# Seconds of scrapes that are judged: two at the slow cadence.
SPAN = 6.0


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

    Signal:  the p90 of the WAL fsyncs of the last seconds; compared with the other members.
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
