"""Raft's own progress: proposals that fail, entries that wait to be applied."""

from collections.abc import Iterator

from etcdscope.detect.detector import detector
from etcdscope.model.finding import Finding, Limits, Subject
from etcdscope.model.incident import Step
from etcdscope.model.signal import (
    APPLIED_INDEX,
    COMMITTED_INDEX,
    PROPOSALS_FAILED,
    PROPOSALS_PENDING,
    RAFT_STATE,
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
    impact="Writes through this member end in time-outs.",
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
