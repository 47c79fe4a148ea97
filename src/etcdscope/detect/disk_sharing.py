"""Disks that etcd does not have to itself."""

from collections.abc import Iterator
from dataclasses import dataclass

from etcdscope.detect.detector import detector
from etcdscope.detect.host import SPAN, disk_evidence, foreign_bytes, share
from etcdscope.detect.process import starved
from etcdscope.model.finding import CLUSTER, Evidence, Finding, Limits, RuledOut, Severity, Subject
from etcdscope.model.incident import Step
from etcdscope.model.signal import (
    DISK_BUSY,
    DISK_NAME,
    DISK_WRITES,
    HOST_VIEW,
    PROC_WRITTEN,
    WAL_FSYNC,
    WRITER,
    WRITER_RATE,
)
from etcdscope.model.window import Window

MB = 1e6
# Fewer fsyncs than this say nothing about a disk.
ENOUGH = 3


@dataclass(frozen=True, slots=True)
class Shared:
    """A member's disk and who else writes to it: bytes a second, seconds."""

    member: str
    disk: str
    writer: str
    rate: float
    fsync: float


@detector(
    "disk-shared",
    needs=(WAL_FSYNC, DISK_WRITES),
    over=5.0,
    limits={
        # etcd's documentation wants 10 ms at the 99th percentile; this is the median. Five times
        # as much is felt by clients.
        "info": 0.01,
        "warning": 0.05,
        # What others write: more than a log, and more than etcd itself.
        "bytes": 2.0 * MB,
        "times_own": 3.0,
        "busy": 0.5,
    },
    opens_after=1.0,
    closes_after=5.0,
    impact="Every write that etcd must make safe waits behind somebody else's.",
    runbook=(
        Step("See who writes.", "iotop -obn3   # on the host of {member}"),
        Step("Move it to another disk, or limit it (systemd: IOWriteBandwidthMax=)."),
        Step("Give etcd's WAL a disk of its own (--wal-dir)."),
    ),
)
def disk_shared(window: Window, limits: Limits) -> Iterator[Finding]:
    """Another process keeps the member's WAL disk busy.

    Signal:  the median fsync is slow, the device is busy, and most of what is written to it is
             not etcd's; the heaviest other writer to that device is named.
    Source:  etcd_disk_wal_fsync_duration_seconds; /proc/diskstats, /proc/PID/io.
    Means:   logs, backups, image pulls or a database share the disk with etcd.
    Alike:   wal-fsync-slow (the disk itself is slow: nobody else writes much).
    """
    found = [s for m in window.judgeable if (s := _shared(window, m, limits))]
    for disk in dict.fromkeys(s.disk for s in found):
        yield _told(window, [s for s in found if s.disk == disk], limits)


def _shared(window: Window, member: str, limits: Limits) -> Shared | None:
    fsync = window.quantile(member, WAL_FSYNC, 0.5, over=SPAN)
    if fsync is None or fsync.count < ENOUGH or fsync.value < limits["info"]:
        return None
    if (share(window, member, DISK_BUSY) or 0.0) < limits["busy"] or starved(window, member):
        return None
    writer, rate = window.word(member, WRITER, "1"), window.number(member, WRITER_RATE, "1")
    if writer is None or rate is None:
        return None
    own = window.rate(member, PROC_WRITTEN, over=SPAN) or 0.0
    others = max(foreign_bytes(window, member) or 0.0, rate)
    if others < limits["bytes"] or others < limits["times_own"] * own:
        return None
    return Shared(member, _disk(window, member), writer, rate, fsync.value)


def _disk(window: Window, member: str) -> str:
    """Return what tells disks apart: those of this machine by name, others by their member."""
    here = window.word(member, HOST_VIEW) == "proc"
    return (window.word(member, DISK_NAME) or "") if here else f"of {member}"


def _told(window: Window, shared: list[Shared], limits: Limits) -> Finding:
    """Tell it once, also where several members have the same disk and the same neighbour."""
    worst = max(shared, key=lambda s: s.fsync)
    name, _, pid = worst.writer.rpartition("/")
    disk = window.word(worst.member, DISK_NAME) or "the disk"
    who = ", ".join(window.label(s.member) for s in shared)
    own = window.rate(worst.member, PROC_WRITTEN, over=SPAN)
    return Finding(
        Subject.member(worst.member) if len(shared) == 1 else CLUSTER,
        limits.graded(worst.fsync) or Severity.INFO,
        f"{who} wait{'s' if len(shared) == 1 else ''} {worst.fsync * 1000:.0f} ms for {disk}, to"
        f" which {name} (pid {pid}) writes {worst.rate / MB:.1f} MB/s",
        (
            window.evidence(worst.member, WRITER, worst.writer, says=f"writes to {disk} as well"),
            window.evidence(worst.member, WRITER_RATE, round(worst.rate), limit=limits["bytes"]),
            *(
                window.evidence(s.member, WAL_FSYNC, round(s.fsync, 4), limit=limits["info"],
                                name="wal_fsync_p50")
                for s in shared
            ),
            *((Evidence("etcd_writes", round(own), "B", source="host", member=worst.member,
                        says="what etcd itself writes a second"),) if own is not None else ()),
            *disk_evidence(window, worst.member),
        ),
        ruled_out=(
            RuledOut("wal-fsync-slow", "the device is kept busy by another process"),
            RuledOut("cpu-starved", "answers from memory are not late on this member alone"),
        ),
        confidence=0.92,
    )  # fmt: skip
