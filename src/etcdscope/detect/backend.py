"""The backend (bbolt): its commits."""

from collections.abc import Iterator

from etcdscope.detect.detector import detector
from etcdscope.detect.disk import ENOUGH, SPAN, busy, eased
from etcdscope.detect.process import starved
from etcdscope.model.finding import Finding, Limits, RuledOut, Severity, Subject
from etcdscope.model.incident import Step
from etcdscope.model.signal import (
    BACKEND_COMMIT,
    COMMIT_REBALANCE,
    COMMIT_SPILL,
    COMMIT_WRITE,
    COMPACT_REVISION,
    DEFRAG_INFLIGHT,
    WAL_FSYNC,
    Signal,
)
from etcdscope.model.window import Window

# Commits wait for the same kind of disk as fsyncs; this many times slower is the backend's own.
TIMES_WAL = 3.0
# A compaction deletes in batches between commits; a slow commit right after one belongs to it.
AFTER_COMPACTION = 30.0
_PARTS: tuple[tuple[Signal, str, str], ...] = (
    (COMMIT_SPILL, "spill", "looking for free pages: a large, fragmented file"),
    (COMMIT_WRITE, "write", "the disk of the database file"),
    (COMMIT_REBALANCE, "rebalance", "joining pages after many deletes"),
)


def compacted(window: Window, member: str, over: float) -> bool:
    """Return whether a compaction was seen on the member in the last seconds."""
    seen = window.numbers(member, COMPACT_REVISION, over=over)
    return len(set(seen)) > 1


@detector(
    "backend-commit-slow",
    needs=(BACKEND_COMMIT, WAL_FSYNC),
    over=5.0,
    # etcd's documentation: p99 under 25 ms; ten times that is the mixin's limit. Commits are due
    # every 100 ms, so that those of 250 ms hold up all that is written.
    limits={"warning": 0.25, "critical": 2.0},
    opens_after=1.0,
    closes_after=4.0,
    impact="Writes wait for the batch lock, and so do reads that come between; the WAL is fine, so"
    " fio and the usual disk alerts show nothing.",
    runbook=(
        Step(
            "If most of it is spill: defragment this member.",
            "etcdctl --endpoints {endpoint} defrag",
        ),
        Step(
            "If most of it is write: measure the disk that holds the database.",
            "iostat -xd 1 5   # on the host of {member}",
        ),
        Step("If most of it is rebalance: wait for the compaction, or delete in smaller steps."),
    ),
)
def backend_commit_slow(window: Window, limits: Limits) -> Iterator[Finding]:
    """The commit of the database is slow while the WAL is fast.

    Signal:  the p90 of backend commits against the p90 of WAL fsyncs of the same member, and which
             part of the commit it is: spill, write or rebalance.
    Source:  etcd_disk_backend_commit_duration_seconds, etcd_disk_wal_fsync_duration_seconds,
             etcd_debugging_disk_backend_commit_{spill,write,rebalance}_duration_seconds.
    Means:   spill: a large free-list; write: the device of the file db; rebalance: deletes.
    Alike:   wal-fsync-slow (the WAL waits as well), cpu-starved, a compaction (told as info).
    """
    for member in window.judgeable:
        commit = window.quantile(member, BACKEND_COMMIT, 0.9, over=SPAN)
        wal = window.quantile(member, WAL_FSYNC, 0.9, over=SPAN)
        if commit is None or commit.count < ENOUGH or wal is None or wal.count < ENOUGH:
            continue
        severity = limits.graded(commit.value)
        if severity is None or commit.value < TIMES_WAL * wal.value:
            continue
        if starved(window, member) or busy(window, member):
            continue
        if eased(window, member, BACKEND_COMMIT, limits["warning"]):
            continue
        if window.number(member, DEFRAG_INFLIGHT):
            continue
        compacting = compacted(window, member, AFTER_COMPACTION)
        part, meaning, share = _largest_part(window, member)
        yield Finding(
            Subject.member(member),
            Severity.INFO if compacting else severity,
            f"The database commit of {window.label(member)}, not its WAL, is slow: nine of ten take"
            f" up to {1000 * commit.value:.0f} ms"
            + (f", {share:.0%} of it in {part}: {meaning}" if part else "")
            + (" (a compaction runs)" if compacting else ""),
            (
                window.evidence(
                    member,
                    BACKEND_COMMIT,
                    round(commit.value, 4),
                    limit=limits["warning"],
                    name="backend_commit_p90",
                    says=f"of {commit.count:.0f} commits",
                ),
                window.evidence(
                    member, WAL_FSYNC, round(wal.value, 4), name="wal_fsync_p90", says="the WAL"
                ),
                *(
                    (
                        window.evidence(
                            member,
                            next(s for s, name, _ in _PARTS if name == part),
                            round(share, 2),
                            name=f"commit_{part}_share",
                            says=f"of the time of a commit is {part}",
                        ),
                    )
                    if part
                    else ()
                ),
            ),
            ruled_out=(
                RuledOut("wal-fsync-slow", f"its WAL fsyncs take {1000 * wal.value:.0f} ms"),
                RuledOut("cpu-starved", "answers from memory are quick"),
            ),
            confidence=0.9,
        )


def _largest_part(window: Window, member: str) -> tuple[str, str, float]:
    """Return the part of the commits that took longest, what it means, and its share."""
    totals = {}
    for signal, name, meaning in _PARTS:
        grown = window.histogram(member, signal, over=SPAN)
        if grown is not None:
            totals[name, meaning] = grown[0].total
    whole = sum(totals.values())
    if whole <= 0:
        return "", "", 0.0
    part, meaning = max(totals, key=lambda p: totals[p])
    return part, meaning, totals[part, meaning] / whole
