"""Room on the file systems of data and WAL, and what takes it up for nothing."""

from collections.abc import Iterator
from dataclasses import dataclass

from etcdscope.detect.detector import detector
from etcdscope.detect.files import full_by_log
from etcdscope.model.amounts import size as mib
from etcdscope.model.finding import Evidence, Finding, Limits, RuledOut, Severity, Subject
from etcdscope.model.incident import Step
from etcdscope.model.signal import (
    DB_IN_USE_BYTES,
    DEFRAG_INFLIGHT,
    FS_BYTES,
    FS_FREE,
    FS_INODES,
    FS_INODES_FREE,
    LEFTOVER_BYTES,
    LEFTOVER_FILES,
)
from etcdscope.model.window import Window

MIB = 1 << 20
GIB = 1 << 30
# Over so long the rate of filling is measured, in two halves that must agree.
FILLING_OVER = 60.0


@dataclass(frozen=True, slots=True)
class Room:
    """What is wrong with the room on one file system."""

    severity: Severity
    summary: str
    evidence: tuple[Evidence, ...]


@detector(
    "disk-full",
    needs=(FS_FREE,),
    limits={
        # etcd allocates each WAL segment of 64 MiB as a whole (SegmentSizeBytes in
        # server/storage/wal/wal.go), and ends where it cannot.
        "critical_bytes": 80.0 * MIB,
        "share": 0.1,
        # A tenth of a large disk is plenty.
        "warning_bytes": 5.0 * GIB,
        "inodes": 100.0,
        # Five times as long as was looked at, at the most: bulk writes end.
        "lasts": 5 * FILLING_OVER,
    },
    # Whoever cleans up frees more than that; logs that come and go do not.
    eases={"critical_bytes": 1.25, "share": 1.2, "warning_bytes": 1.2, "inodes": 1.5, "lasts": 1.5},
    opens_after=1.0,
    closes_after=3.0,
    impact="etcd ends when it can write no more, and cannot start again; the cluster loses this"
    " member. This is not the quota: NOSPACE is not raised.",
    runbook=(
        Step("See what fills it.", "df -h; df -i; du -xsh /var/lib/etcd/* | sort -h"),
        Step("Make room outside etcd's `member` directory: logs, snapshots, images."),
        Step("Never delete WAL files. Start the member again once there is room."),
    ),
)
def disk_full(window: Window, limits: Limits) -> Iterator[Finding]:
    """The file system of a member's data or WAL has no room left.

    Signal:  free bytes and inodes against what the next WAL segment needs; how soon they are gone
             at the rate of the last minute; or etcd's log, "no space left on device".
    Source:  statvfs of the data directory; node_filesystem_*; the member's log.
    Means:   logs, images, snapshots or another tenant fill it; or the database does.
    Alike:   quota-exhausted (etcd's own limit, with an alarm; the member lives on).
    """
    seen: set[Subject] = set()
    for member in window.members:
        rooms = [r for of in ("wal", "data") if (r := room(window, member.id, of, limits))]
        if not rooms:
            continue
        worst = max(rooms, key=lambda r: r.severity)
        seen.add(Subject.member(member.id))
        yield Finding(
            Subject.member(member.id),
            worst.severity,
            worst.summary,
            worst.evidence,
            ruled_out=(RuledOut("quota-exhausted", "it is the file system, not etcd's quota"),),
            confidence=0.95,
        )
    # Where the host is not seen, or the room was used up and freed within a look.
    yield from (found for found in full_by_log(window) if found.subject not in seen)


def room(window: Window, member: str, of: str, limits: Limits) -> Room | None:
    """Return what is wrong with the room on one of a member's file systems."""
    free, size = window.number(member, FS_FREE, of), window.number(member, FS_BYTES, of)
    if free is None or not size:
        return None
    where = f"the file system of {window.label(member)}'s {'WAL' if of == 'wal' else 'data'}"
    evidence = (
        window.evidence(
            member, FS_FREE, free, limit=limits["critical_bytes"], says=f"of {mib(size)}"
        ),
    )
    inodes, most = window.number(member, FS_INODES_FREE, of), window.number(member, FS_INODES, of)
    if inodes is not None and most and inodes < limits["inodes"]:
        told = window.evidence(member, FS_INODES_FREE, inodes, limit=limits["inodes"])
        return Room(Severity.CRITICAL, f"{_first(where)} has no inodes left", (told,))
    if free < limits["critical_bytes"]:
        says = f"{_first(where)} is full: {mib(free)} are left, the next WAL segment needs 64 MiB"
        return Room(Severity.CRITICAL, says, evidence)
    if free < limits["share"] * size and free < limits["warning_bytes"]:
        says = f"{_first(where)} fills up: {mib(free)} of {mib(size)} are left"
        return Room(Severity.WARNING, says, evidence)
    lasts = None if _copy_fits(window, member, free) else _lasts(window, member, of, free)
    if lasts is not None and lasts < limits["lasts"] and free < 0.5 * size:
        says = f"{_first(where)} is full in {max(lasts / 60, 1):.0f} min at this rate"
        return Room(Severity.WARNING, f"{says}: {mib(free)} are left", evidence)
    return None


def _copy_fits(window: Window, member: str, free: float) -> bool:
    """Return whether a defragmentation fills it, which ends with a copy of what is in use."""
    used = window.number(member, DB_IN_USE_BYTES, within=60.0)
    return window.number(member, DEFRAG_INFLIGHT) == 1 and used is not None and used < free


def _lasts(window: Window, member: str, of: str, free: float) -> float | None:
    """Return in how many seconds nothing is left, if it has been filling steadily."""
    points = window.points(member, FS_FREE, of, over=FILLING_OVER)
    numbers = [(p.at, p.value) for p in points if isinstance(p.value, float)]
    if len(numbers) < 4 or numbers[-1][0] - numbers[0][0] < 0.8 * FILLING_OVER:
        return None
    middle = numbers[len(numbers) // 2]
    rates = [
        (a[1] - b[1]) / (b[0] - a[0]) for a, b in ((numbers[0], middle), (middle, numbers[-1]))
    ]
    slowest = min(rates)
    return free / slowest if slowest > 0 and max(rates) < 4 * slowest else None


def _first(text: str) -> str:
    return text[0].upper() + text[1:]


@detector(
    "snapshot-files-orphaned",
    needs=(LEFTOVER_BYTES,),
    limits={"bytes": 64.0 * MIB},
    opens_after=2.0,
    closes_after=70.0,  # it is looked at once a minute
    impact="They take up room on the disk and serve nobody.",
    runbook=(
        Step("See them.", "ls -la /var/lib/etcd/member/snap   # on the host of {member}"),
        Step(
            "Restart the member when convenient: etcd deletes them at its start. Never delete"
            " them by hand while it runs."
        ),
    ),
)
def snapshot_files_orphaned(window: Window, limits: Limits) -> Iterator[Finding]:
    """Files of failed transfers or defragmentations lie in the snapshot directory.

    Signal:  bytes in db.tmp.*, *.snap.db, tmp* and *.broken that nobody has touched for ten
             minutes.
    Source:  the data directory, once a minute, where we may read it.
    Means:   a transfer or a defragmentation was interrupted; a damaged snapshot was set aside.
    Alike:   defrag-blocking (one that runs has such a file too, but writes to it).
    """
    for member in window.judgeable:
        kinds = window.keys(member, LEFTOVER_BYTES)
        sizes = {k: window.number(member, LEFTOVER_BYTES, k) or 0.0 for k in kinds}
        total = sum(sizes.values())
        if total < limits["bytes"] or window.number(member, DEFRAG_INFLIGHT):
            continue
        count = sum(window.number(member, LEFTOVER_FILES, k) or 0.0 for k in kinds)
        yield Finding(
            Subject.member(member),
            Severity.INFO,
            f"{window.label(member)} keeps {mib(total)} of snapshot files that nobody uses",
            (
                window.evidence(member, LEFTOVER_FILES, count, says="files older than ten minutes"),
                *(
                    window.evidence(member, LEFTOVER_BYTES, size, name=f"leftover_{kind}")
                    for kind, size in sizes.items()
                    if size
                ),
            ),
            confidence=0.9,
        )
