"""Raft's own progress: proposals and reads that wait or fail, followers that do not catch up."""

from collections.abc import Iterator
from itertools import pairwise

from etcdscope.detect.detector import detector
from etcdscope.detect.latency import read_waits
from etcdscope.detect.testimony import leader
from etcdscope.model.finding import Evidence, Finding, Limits, RuledOut, Severity, Subject
from etcdscope.model.incident import Step
from etcdscope.model.signal import (
    APPLIED_INDEX,
    COMMITTED_INDEX,
    LINEARIZABLE_OK,
    LINEARIZABLE_SECONDS,
    PROGRESS_STATE,
    PROPOSALS_FAILED,
    PROPOSALS_PENDING,
    RAFT_STATE,
    SERIALIZABLE_SECONDS,
    SLOW_APPLIES,
    SLOW_READ_INDEXES,
    SNAPSHOT_SEND_FAILURES,
    SNAPSHOT_SENDS,
    SNAPSHOTS_SENT,
)
from etcdscope.model.window import Window

# etcd itself refuses proposals beyond this gap ("too many requests"):
# maxGapBetweenApplyAndCommitIndex in server/etcdserver/v3_server.go.
REFUSAL_GAP = 5_000
# Failures that have stopped are over: a rate over minutes would go on telling of them.
RECENT = 3.0


@detector(
    "apply-lag",
    needs=(COMMITTED_INDEX, APPLIED_INDEX),
    over=5.0,
    limits={"warning": REFUSAL_GAP // 5, "critical": REFUSAL_GAP},
    opens_after=1.0,
    impact="Linearizable reads through the member wait; past 5 000 entries it refuses writes.",
    runbook=(
        Step(
            "See whether a defragmentation or a compaction runs there.",
            "curl -s {endpoint}/metrics | grep -E 'defrag_inflight|compaction'",
        ),
        Step("Stop the load that causes it: one huge transaction, or a burst of writes."),
    ),
)
def apply_lag(window: Window, limits: Limits) -> Iterator[Finding]:
    """The member applies committed entries more slowly than they arrive.

    Signal:  committed index - applied index, in entries; the smallest gap of the last five
             seconds, so that a single burst is not a finding.
    Source:  Maintenance.Status of every member (etcd >= 3.4).
    Means:   linearizable reads wait; past 5 000 entries writes are refused.
    Next:    slow backend commits, a defragmentation, or one very large transaction.
    """
    for member in window.judgeable:
        gaps = [c - a for c, a in window.paired(member, COMMITTED_INDEX, APPLIED_INDEX, over=5.0)]
        if len(gaps) < 2 or not (severity := limits.graded(min(gaps))):
            continue
        yield Finding(
            Subject.member(member),
            severity,
            f"{window.label(member)} has {min(gaps):.0f} committed entries not yet applied",
            (
                window.evidence(
                    member,
                    APPLIED_INDEX,
                    min(gaps),
                    limit=limits["warning"],
                    name="apply_gap",
                    says="entries behind the commit index",
                ),
            ),
        )


@detector(
    "proposals-failing",
    needs=(PROPOSALS_FAILED,),
    over=5.0,
    limits={"warning": 2},
    opens_after=3.0,
    closes_after=3.0,
    momentary=True,  # what failed a moment ago must not keep open what is over
    impact="Writes through this member end in timeouts.",
    runbook=(
        Step(
            "See whether the member has a leader and reaches it.",
            "etcdctl --endpoints {endpoints} endpoint status -w table",
        ),
    ),
)
def proposals_failing(window: Window, limits: Limits) -> Iterator[Finding]:
    """Writes proposed through the member do not get committed.

    Signal:  proposals that failed between the last scrapes.
    Source:  etcd_server_proposals_failed_total; etcd_server_proposals_pending.
    Means:   on a follower: it cannot forward to the leader; on the leader: it cannot commit.
    Next:    quorum, leader, link or disk: this is a symptom.
    """
    for member in window.judgeable:
        failed = window.increase(member, PROPOSALS_FAILED, over=RECENT)
        if failed is None or not (severity := limits.graded(failed)):
            continue
        pending = window.number(member, PROPOSALS_PENDING)
        leads = window.word(member, RAFT_STATE) == "leader"
        where = "it leads, but cannot commit" if leads else "it cannot hand them to the leader"
        yield Finding(
            Subject.member(member),
            severity,
            f"{failed:.0f} writes through {window.label(member)} failed in {RECENT:.0f} s: {where}",
            (
                window.evidence(
                    member,
                    PROPOSALS_FAILED,
                    failed,
                    limit=limits["warning"],
                    says=f"in {RECENT:.0f} s",
                ),
                *((window.evidence(member, PROPOSALS_PENDING, pending),) if pending else ()),
            ),
            confidence=0.7,
        )


# etcd gives a proposal up after 5 s and two election timeouts; one that waits for a second is not
# merely one of many.
WAITS = 1.0
# Three scrapes under zoom, or two at the slow cadence.
PILES_FOR = 3.0
# The next scrape is due after five seconds.
STALE = 6.5


@detector(
    "proposals-piling",
    needs=(PROPOSALS_PENDING, COMMITTED_INDEX),
    over=5.0,
    limits={"pending": 10, "warning": WAITS, "critical": 5.0},
    opens_after=3.0,  # a symptom: what holds the proposals up is named by then
    closes_after=1.0,
    impact="Writes through this member wait for seconds; past 7 s they fail, and clients retry.",
    runbook=(
        Step(
            "Where they wait tells why: on a follower it is the way to the leader, on the leader"
            " its disk or its quorum.",
            "etcdctl --endpoints {endpoints} endpoint status -w table",
        ),
        Step("Take load off: retries of what timed out add to the pile."),
    ),
)
def proposals_piling(window: Window, limits: Limits) -> Iterator[Finding]:
    """Proposals wait on the member for longer than a second, and the pile does not get smaller.

    Signal:  the fewest pending proposals of the last scrapes, divided by the entries that the whole
             cluster commits in a second: how long each waits, at least (Little's law).
    Source:  etcd_server_proposals_pending; the commit index of Maintenance.Status.
    Means:   pending on a follower alone: it cannot hand them to the leader; on the leader: it
             cannot commit (disk, quorum); everywhere: more writes than the cluster takes.
    Alike:   a busy cluster has many pending and commits as many in milliseconds.
    """
    rate = max(_commits(window), 1e-3)
    for member in window.judgeable:
        recent = _lately(window, member)
        fewest = min(recent, default=0.0)
        if fewest < limits["pending"] or not (severity := limits.graded(fewest / rate)):
            continue
        leads = leader(window) == member
        where = "it leads, but commits too slowly" if leads else "they wait for the leader"
        yield Finding(
            Subject.member(member),
            severity,
            f"{recent[0]:.0f} writes wait on {window.label(member)}: {where}",
            (
                window.evidence(
                    member,
                    PROPOSALS_PENDING,
                    fewest,
                    limit=limits["pending"],
                    says="pending at least",
                ),
                Evidence(
                    "commits_per_second",
                    round(rate, 1),
                    "",
                    source=COMMITTED_INDEX.source,
                    says="entries that the cluster commits",
                ),
            ),
            confidence=0.6,
            next_test="writes through another member: if they are quick, the way from this member"
            " to the leader; if not, the leader or its quorum.",
        )


def _lately(window: Window, member: str) -> list[float]:
    """Return the pending proposals of the newest scrapes that span long enough, newest first."""
    points = window.points(member, PROPOSALS_PENDING, over=12.0)
    newest = points[-1].at if points else 0.0
    recent: list[float] = []
    for point in reversed(points if newest > window.now - STALE else ()):
        recent.append(float(point.value))  # type: ignore[arg-type]
        if newest - point.at >= PILES_FOR:
            return recent
    return []


def _commits(window: Window) -> float:
    """Return how many entries a second the cluster commits, as the quickest member tells it."""
    rates = []
    for member in window.members:
        points = window.points(member.id, COMMITTED_INDEX, over=5.0)
        if len(points) >= 2 and points[-1].at > points[0].at:
            grown = float(points[-1].value) - float(points[0].value)  # type: ignore[arg-type]
            rates.append(grown / (points[-1].at - points[0].at))
    return max(rates, default=0.0)


@detector(
    "read-index-slow",
    needs=(LINEARIZABLE_OK,),
    over=5.0,
    limits={"warning": 0.25},
    opens_after=3.0,  # a symptom: what the reads wait for is named by then
    closes_after=1.0,
    impact="Linearizable reads through the member wait or fail; Kubernetes' gets are linearizable.",
    runbook=(
        Step(
            "Compare the two kinds of read through this member.",
            "time etcdctl --endpoints {endpoint} get x; "
            "time etcdctl --endpoints {endpoint} get x --consistency=s",
        ),
        Step(
            "In its log, the longest step tells why: 'agreement among raft nodes' is leader or"
            " network, 'applied index is now lower' is the member's own apply.",
            "grep linearizableReadLoop /var/log/etcd.log | tail",
        ),
    ),
)
def read_index_slow(window: Window, limits: Limits) -> Iterator[Finding]:
    """Linearizable reads wait long or fail, while serializable ones are quick.

    Signal:  what a linearizable read takes longer than a serializable one, its floor over five
             seconds; or no answer to one for three seconds.
    Source:  etcdscope's reads. Two metrics mislead here: slow_read_indexes_total misses most slow
             rounds (it counts timeouts, not retries), slow_apply_total counts slow reads too.
    Means:   the leader, the way to it or its quorum is slow; or the member applies too slowly.
    Alike:   an expensive range (serializable reads are slow as well), apply-lag (its own entries
             wait), an election (over in two seconds).
    """
    voters = {m.id for m in window.voters}  # a learner refuses linearizable reads
    waits = {m: _wait(window, m, limits["warning"]) for m in window.judgeable if m in voters}
    lead = leader(window)
    for member, wait in waits.items():
        if wait is None:
            continue
        where = (
            "also on the leader: its quorum is slow"
            if waits.get(lead) is not None
            else "on the leader they are quick: its way to the leader, or its own apply"
        )
        yield Finding(
            Subject.member(member),
            Severity.WARNING,
            f"Linearizable reads through {window.label(member)} {_how(wait)}, serializable ones are"
            f" quick; {where}",
            (
                window.evidence(
                    member,
                    LINEARIZABLE_SECONDS,
                    "no answer" if wait == float("inf") else round(wait, 3),
                    limit=limits["warning"],
                    name="read_index_wait",
                    says="longer than a serializable read, at least",
                ),
                *(
                    window.evidence(member, signal, grown, for_=False, says="which misleads here")
                    for signal in (SLOW_READ_INDEXES, SLOW_APPLIES)
                    if (grown := window.increase(member, signal, over=10.0)) is not None
                    and (grown == 0) == (signal is SLOW_READ_INDEXES)
                ),
            ),
            ruled_out=(
                RuledOut("range-expensive", "a serializable read of the same key is quick"),
            ),
            confidence=0.6,
            next_test="compare its applied with its committed index: if they differ, its own apply;"
            " if not, the leader or the way to it.",
        )


def _wait(window: Window, member: str, limit: float) -> float | None:
    """Return how long its reads wait where that is too long; inf for no answer."""
    own = window.numbers(member, SERIALIZABLE_SECONDS, over=4.0)
    if not own or min(own) > limit / 2 or not window.reachable(member, within=1.5):
        return None
    if window.held(member, LINEARIZABLE_OK, 0.0) >= PILES_FOR - 0.5:
        return float("inf") if window.number(member, LINEARIZABLE_OK) == 0 else None
    wait = read_waits(window, member)
    return wait if wait is not None and wait > limit else None


def _how(wait: float) -> str:
    return "get no answer" if wait == float("inf") else f"wait {wait * 1000:.0f} ms"


# A member that was replaced, restarted late or restored takes one snapshot, two if the first was
# too old when it was there. Past that, catching up is what keeps it from catching up.
SNAPSHOTS = 3
STORM_SPAN = 300.0
# The next one follows at once, or it was the last.
STORM_STILL = 30.0


@detector(
    "snapshot-storm",
    needs=(RAFT_STATE,),
    limits={"warning": SNAPSHOTS - 1},
    opens_after=1.0,
    closes_after=10.0,
    impact="The follower does not count for the quorum; disk and network of both are busy with"
    " snapshots, and its local clients read old data.",
    runbook=(
        Step(
            "See whether one snapshot follows the other.",
            "curl -s {leader_url}/metrics | grep etcd_network_snapshot_send",
        ),
        Step("Throttle writes until it has caught up once."),
        Step(
            "Keep more entries for slow followers: --snapshot-catchup-entries (etcd >= 3.6), before"
            " that --experimental-snapshot-catchup-entries; or give it a quicker line.",
        ),
    ),
)
def snapshot_storm(window: Window, limits: Limits) -> Iterator[Finding]:
    """The leader sends one snapshot after another to the same follower, which never catches up.

    Signal:  three or more snapshots sent to it, or begun, within five minutes, and its log is still
             behind.
    Source:  etcd_network_snapshot_send_success and _failures, progress at /debug/vars.
    Means:   a transfer takes longer than the leader keeps entries (5000 by default), because of a
             slow line, a large database or many writes; when it is there, it is too old.
    Alike:   a replaced member or a late restart: one snapshot, and then it follows.
    """
    lead = leader(window)
    for member in window.members:
        if not lead or member.id == lead:
            continue
        count = max(_counted(window, lead, member.id), float(_begun(window, lead, member.id)))
        if not (severity := limits.graded(count)):
            continue
        yield Finding(
            Subject.member(member.id),
            severity,
            f"{member.label} does not catch up: {count:.0f} snapshots from {window.label(lead)}"
            f" within {STORM_SPAN / 60:.0f} minutes, and it is behind again",
            (
                window.evidence(
                    lead,
                    SNAPSHOTS_SENT,
                    count,
                    limit=limits["warning"],
                    says=f"to {member.label}",
                ),
                window.evidence(
                    lead,
                    PROGRESS_STATE,
                    window.word(lead, PROGRESS_STATE, member.id) or "unknown",
                    says="how the leader feeds it now",
                ),
            ),
            ruled_out=(RuledOut("link-lossy", "it gets snapshots in place of entries"),),
            confidence=0.9,
        )


def _counted(window: Window, lead: str, member: str) -> float:
    """Return how many snapshots the leader's counters tell of; 0 where the last is long ago."""
    signals = (SNAPSHOTS_SENT, SNAPSHOT_SEND_FAILURES)
    grown = sum(window.increase(lead, s, member, over=STORM_SPAN) or 0.0 for s in signals)
    lately = sum(window.increase(lead, s, member, over=STORM_STILL) or 0.0 for s in signals)
    under_way = bool(window.number(lead, SNAPSHOT_SENDS, member))
    return grown + under_way if lately or under_way else 0.0


def _begun(window: Window, lead: str, member: str) -> int:
    """Return how many times the leader went over to snapshots; 0 where it is long ago."""
    points = window.points(lead, PROGRESS_STATE, member, over=STORM_SPAN)
    begun = [b.at for a, b in pairwise(points) if b.value == "snapshot" and a.value != "snapshot"]
    return len(begun) if begun and begun[-1] > window.now - STORM_STILL else 0
