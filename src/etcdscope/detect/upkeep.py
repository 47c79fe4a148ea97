"""Work that holds the backend up: defragmentation, compaction, long reads such as snapshots."""

from collections.abc import Iterator
from itertools import pairwise
from statistics import median

from etcdscope.detect.detector import detector
from etcdscope.detect.testimony import leader
from etcdscope.model.finding import CLUSTER, Finding, Limits, RuledOut, Severity, Subject
from etcdscope.model.incident import Step
from etcdscope.model.reading import Histogram
from etcdscope.model.signal import (
    COMPACT_REVISION,
    COMPACTION_MS,
    DB_BYTES,
    DB_IN_USE_BYTES,
    DEFRAG_INFLIGHT,
    LINEARIZABLE_OK,
    LINEARIZABLE_SECONDS,
    OPEN_READS,
    QUOTA_BYTES,
)
from etcdscope.model.window import Window

# A defragmentation takes some seconds a GB in use. Through a leader nothing is committed meanwhile.
LEADER_BLOCKED = 5.0


@detector(
    "defrag-blocking",
    needs=(DEFRAG_INFLIGHT,),
    planned=True,
    limits={"leader": LEADER_BLOCKED},
    closes_after=2.0,
    impact="The member serves neither reads nor writes until it is done; clients that are pinned to"
    " it wait.",
    runbook=(
        Step(
            "Move leadership first, next time; one member at a time, the leader last.",
            "etcdctl --endpoints {leader_url} move-leader {best_follower_id}",
        ),
    ),
)
def defrag_blocking(window: Window, limits: Limits) -> Iterator[Finding]:
    """A member is being defragmented: it answers nothing that touches its database.

    Signal:  etcd's own flag, and for how long linearizable reads through the member have hung.
    Source:  etcd_disk_defrag_inflight; an active probe.
    Means:   planned work, told as info; a leader that is blocked for seconds blocks all writes.
    Alike:   disk-hung (raft stands still, too), wal-fsync-slow (the WAL is fine here).
    """
    for member in window.judgeable:
        if window.number(member, DEFRAG_INFLIGHT) != 1:
            continue
        running = window.held(member, DEFRAG_INFLIGHT, 1.0)
        hung = window.held(member, LINEARIZABLE_OK, 0.0)
        leads = leader(window) == member
        blocks = leads and hung >= limits["leader"]
        used = window.number(member, DB_IN_USE_BYTES, within=60.0)
        yield Finding(
            Subject.member(member),
            Severity.WARNING if blocks else Severity.INFO,
            f"{window.label(member)} is being defragmented, for {max(running, hung):.0f} s so far"
            + ("; it leads, so every write waits for it" if blocks else ""),
            (
                window.evidence(member, DEFRAG_INFLIGHT, 1.0, says=f"for at least {running:.0f} s"),
                *(
                    (
                        window.evidence(
                            member,
                            LINEARIZABLE_OK,
                            round(hung, 1),
                            limit=limits["leader"],
                            name="reads_hang",
                            says="seconds",
                        ),
                    )
                    if hung
                    else ()
                ),
                *((window.evidence(member, DB_IN_USE_BYTES, used),) if used else ()),
            ),
            ruled_out=(RuledOut("disk-hung", "etcd itself says that a defragmentation runs"),),
            confidence=0.98,
        )


# A compaction that takes less than this is noticed by nobody.
LONG_COMPACTION_S = 1.0
# A read that waits so much longer than before waited for the compaction.
TIMES_BEFORE = 10.0
NOTICED_S = 0.1


@detector(
    "compaction-pauses",
    needs=(COMPACT_REVISION, COMPACTION_MS),
    over=5.0,
    limits={"seconds": LONG_COMPACTION_S, "times_before": TIMES_BEFORE},
    closes_after=5.0,
    impact="Latency peaks for as long as a compaction runs, in its rhythm: every five minutes under"
    " Kubernetes.",
    runbook=(
        Step("Upgrade to 3.5.19 or later, where a compaction sleeps less and in better places."),
        Step(
            "Let it delete in smaller batches: --compaction-batch-limit (3.6), or"
            " --experimental-compaction-batch-limit (3.5)."
        ),
        Step("Write less history: fewer updates, or compact more often."),
    ),
)
def compaction_pauses(window: Window, limits: Limits) -> Iterator[Finding]:
    """Requests wait while a compaction runs.

    Signal:  a compaction that took a second or more, and reads that were ten times slower in those
             seconds than in the minute before.
    Source:  etcd_debugging_mvcc_db_compaction_total_duration_milliseconds; an active probe.
    Means:   many revisions are deleted in batches, which compete for the batch lock.
    Alike:   backend-commit-slow (goes on), wal-fsync-slow (has no such rhythm).
    """
    waits = {}
    for member in window.judgeable:
        took = _compaction(window, member)
        if took is None or took[1] < limits["seconds"]:
            continue
        ended, seconds = took
        reads = window.points(member, LINEARIZABLE_SECONDS, over=120.0)
        numbers = [(p.at, p.value) for p in reads if isinstance(p.value, (int, float))]
        during = [v for at, v in numbers if ended - seconds - 6.0 <= at <= ended + 1.0]
        before = [v for at, v in numbers if at < ended - seconds - 6.0]
        if not during or len(before) < 10:
            continue
        worst, usual = max(during), median(before)
        if worst > NOTICED_S and worst > limits["times_before"] * usual:
            waits[member] = (seconds, worst, usual)
    if not waits:
        return
    member = max(waits, key=lambda m: waits[m][1])
    seconds, worst, usual = waits[member]
    yield Finding(
        CLUSTER if len(waits) > 1 else Subject.member(member),
        Severity.INFO,
        f"A compaction took {seconds:.1f} s on {window.label(member)}, and reads through it waited"
        f" up to {worst:.1f} s in place of {1000 * usual:.0f} ms",
        (
            window.evidence(
                member,
                COMPACTION_MS,
                round(seconds, 2),
                limit=limits["seconds"],
                name="compaction_seconds",
            ),
            window.evidence(
                member, LINEARIZABLE_SECONDS, round(worst, 3), says="the slowest read meanwhile"
            ),
        ),
        confidence=0.75,
    )


def _compaction(window: Window, member: str) -> tuple[float, float] | None:
    """Return when the newest compaction of the last 20 s was seen to have ended, and its length."""
    points = window.points(member, COMPACTION_MS, over=20.0)
    for older, newer in reversed(list(pairwise(points))):
        a, b = older.value, newer.value
        if isinstance(a, Histogram) and isinstance(b, Histogram) and b.count > a.count:
            return newer.at, (b.total - a.total) / (b.count - a.count) / 1000
    return None


# --- read transactions ---------------------------------------------------------------------------

# A snapshot of a few GB takes less than this over a decent network; etcd itself warns after 30 s or
# 100 MB/s, whichever is longer.
LONG_READ_S = 60.0
# What may be pinned before it matters; then it is told after this.
EARLY_S = 15.0
PINNED_OF_QUOTA = 0.1


@detector(
    "read-transaction-long",
    needs=(OPEN_READS, DB_BYTES, DB_IN_USE_BYTES),
    limits={"seconds": LONG_READ_S, "early": EARLY_S, "of_quota": PINNED_OF_QUOTA},
    closes_after=12.0,
    impact="Pages that are freed meanwhile cannot be used again, so the file grows with every"
    " write, and does not shrink afterwards.",
    runbook=(
        Step(
            "Find who holds it: a snapshot download, a backup, a huge range.",
            "ss -tnp state established '( sport = :{client_port} )'   # on the host of {member}",
        ),
        Step("Stop it or give it more bandwidth; take snapshots from a follower."),
        Step(
            "Give the pages back afterwards.",
            "etcdctl --endpoints {endpoint} defrag",
        ),
    ),
)
def read_transaction_long(window: Window, limits: Limits) -> Iterator[Finding]:
    """A read transaction of the database stays open for a minute or more.

    Signal:  open read transactions never fall back to the one that etcd always holds; what the
             member has in use beyond the others is what that costs.
    Source:  etcd_mvcc_db_open_read_transactions, Maintenance.Status.
    Means:   a snapshot that is taken slowly, a backup that is stuck, a huge range. A snapshot is
             planned work: info, until it has cost a tenth of the quota.
    Alike:   real growth (no read transaction stays open), db-fragmented (nothing grows).
    """
    for member in window.judgeable:
        held = _held_open(window, member)
        if held < limits["early"]:
            continue
        pinned = _pinned(window, member, held)
        quota = window.number(member, QUOTA_BYTES)
        costs = bool(quota) and pinned > limits["of_quota"] * (quota or 0.0)
        if held < limits["seconds"] and not costs:
            continue
        yield Finding(
            Subject.member(member),
            Severity.WARNING if costs else Severity.INFO,
            f"A read transaction on {window.label(member)} has been open for {held:.0f} s, as that"
            f" of a slow snapshot or backup; it pins {pinned / 2**20:.0f} MiB of old pages",
            (
                window.evidence(
                    member,
                    OPEN_READS,
                    round(held, 0),
                    limit=limits["seconds"],
                    name="read_transaction_open",
                    says="seconds without a moment with only etcd's own",
                ),
                window.evidence(
                    member,
                    DB_IN_USE_BYTES,
                    pinned,
                    limit=limits["of_quota"] * quota if quota else None,
                    name="pinned_bytes",
                    says="more in use than on the other members",
                ),
            ),
            ruled_out=(RuledOut("db-fragmented", "freed pages cannot be reused while it is open"),),
            confidence=0.8,
        )


def _pinned(window: Window, member: str, held: float) -> float:
    """Return what it holds in use beyond the others; alone, by how much its file has grown since.

    Pages that a transaction still needs count as in use: after a compaction under an open snapshot
    a member of etcd 3.5.30 had 60 MiB in use, the others 25.
    """
    used = window.number(member, DB_IN_USE_BYTES) or 0.0
    others = [
        u for m in window.judgeable if m != member and (u := window.number(m, DB_IN_USE_BYTES))
    ]
    if others:
        return max(used - median(others), 0.0)
    sizes = window.numbers(member, DB_BYTES, over=held)
    return sizes[-1] - sizes[0] if sizes else 0.0


def _held_open(window: Window, member: str) -> float:
    """Return for how long more read transactions than etcd's own one have been open, seconds."""
    points = window.points(member, OPEN_READS)
    if not points or points[-1].value == 1:
        return 0.0
    since = points[-1].at
    for point in reversed(points):
        if not isinstance(point.value, (int, float)) or point.value <= 1:
            break
        since = point.at
    return points[-1].at - since
