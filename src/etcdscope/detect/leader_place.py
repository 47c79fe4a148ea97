"""Where leadership sits, against where it would serve better."""

from collections.abc import Iterator

from etcdscope.detect.detector import detector
from etcdscope.detect.seats import nodes, said, seats
from etcdscope.detect.testimony import leader
from etcdscope.model.finding import Evidence, Finding, Limits, Severity, Subject
from etcdscope.model.incident import Step
from etcdscope.model.signal import LEADER, WAL_FSYNC
from etcdscope.model.signal_kubernetes import KUBE_NODES
from etcdscope.model.window import Quantile, Window

# Leadership moves by itself now and then; what is told of it should outlast a glance.
LED_FOR = 60.0
OVER = 110.0  # fsyncs are kept for two minutes
COVERED = 60.0
LEAST = 100.0


@detector(
    "leader-misplaced",
    # Four times as slow, and by more than jitter, is a choice worth making. Past 100 ms
    # the disk itself is the news.
    limits={"times": 4.0, "seconds": 0.01, "slow": 0.1},
    opens_after=120.0,
    closes_after=30.0,
    impact="Every write takes longer than it would under another leader.",
    runbook=(
        Step(
            "Move leadership to the best member, and look again after some minutes.",
            "etcdctl --endpoints {leader_url} move-leader {best_follower_id}",
        ),
    ),
)
def leader_misplaced(window: Window, limits: Limits) -> Iterator[Finding]:
    """Leadership sits on the member that serves worst.

    Signal:  p90 of the leader's WAL fsync over two minutes against the best voter's; its zone
             against the zone where a quorum of the others is.
    Source:  /metrics; zones of the nodes in the Kubernetes API.
    Means:   chance: leadership is not placed. The leader's disk, and its way to a quorum, are in
             the path of every write.
    Alike:   a disk that is really slow (past 100 ms wal-fsync-slow tells that, and this is silent).
    """
    lead = leader(window)
    if not lead or window.held(lead, LEADER, lead) < LED_FOR:
        return
    found = _by_disk(window, lead, limits) or _by_zone(window, lead)
    if found:
        yield found


def _by_disk(window: Window, lead: str, limits: Limits) -> Finding | None:
    seen: dict[str, Quantile] = {}
    for voter in window.voters:
        fsync = window.quantile(voter.id, WAL_FSYNC, 0.9, over=OVER)
        if fsync and fsync.count >= LEAST and fsync.span >= COVERED and window.reachable(voter.id):
            seen[voter.id] = fsync
    own = seen.pop(lead, None)
    if own is None or not seen:
        return None
    best = min(seen, key=lambda m: seen[m].value)
    saved = own.value - seen[best].value
    if own.value < limits["times"] * seen[best].value or saved < limits["seconds"]:
        return None
    if own.value > limits["slow"]:
        return None  # wal-fsync-slow speaks, or has just spoken
    return Finding(
        Subject.member(lead),
        Severity.INFO,
        f"{window.label(lead)} leads with the slower disk: fsync p90 {own.value * 1000:.0f} ms,"
        f" {window.label(best)} {seen[best].value * 1000:.1f} ms; under it a write would take about"
        f" {saved * 1000:.0f} ms less",
        (
            window.evidence(lead, WAL_FSYNC, round(own.value, 4), name="wal_fsync_p90"),
            window.evidence(best, WAL_FSYNC, round(seen[best].value, 4), name="wal_fsync_p90"),
        ),
        confidence=0.85,
        next_test=f"etcdctl move-leader {best}, then compare the same figures",
    )


def _by_zone(window: Window, lead: str) -> Finding | None:
    """Return a finding where a quorum of voters is in one zone, and the leader in another."""
    known = nodes(window)
    zones = {s.member.id: s.node.zone for s in seats(window) if s.node and s.node.zone}
    if known is None or lead not in zones or len(window.voters) < 3:
        return None
    others = [zones.get(v.id, "") for v in window.voters if v.id != lead]
    most = max(set(others), key=others.count)
    if not most or most == zones[lead] or others.count(most) < window.quorum:
        return None
    there = next(v.id for v in window.voters if zones.get(v.id) == most)
    return Finding(
        Subject.member(lead),
        Severity.INFO,
        f"{window.label(lead)} leads from zone {zones[lead]}, while a quorum of voters is in"
        f" {most}: every write crosses zones, under {window.label(there)} none would",
        (
            said(KUBE_NODES, zones[lead], f"zone of the leader {window.label(lead)}", lead),
            Evidence(
                "voters_in_zone", float(others.count(most)), "count", float(window.quorum),
                KUBE_NODES.source, there, says=most,
            ),
        ),
        confidence=0.8,
    )  # fmt: skip
