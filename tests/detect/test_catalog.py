"""Walks the catalog: what must be true of every detector."""

import re
from string import Formatter

import pytest

from etcdscope.detect.catalog import DETECTORS, FAMILIES
from etcdscope.detect.detector import Detector


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# The catalogue of causes; ids are permanent, and not all have a detector yet.
CAUSES = _words(
    """
    quorum-lost quorum-margin-zero voters-even voters-too-many leader-missing leader-flapping
    leader-changed leader-misplaced pre-vote-off member-down member-frozen member-isolated
    member-unreachable member-restarting liveness-kill-loop link-lossy link-slow link-one-way
    link-saturated rtt-metric-misleading peer-name-unresolvable advertised-url-unreachable
    client-connection-half-open proposals-piling proposals-failing apply-lag read-index-slow
    snapshot-storm timeouts-differ wal-fsync-slow storage-stalled-together backend-commit-slow
    disk-full disk-hung disk-shared quota-exhausted quota-near quota-forecast db-fragmented
    db-size-uneven compaction-stalled read-transaction-long defrag-blocking
    snapshot-files-orphaned compaction-pauses cpu-starved memory-exhausted
    file-descriptors-exhausted clock-skewed data-diverged alarm-corrupt backend-corrupt
    wal-corrupt raft-state-rolled-back data-dir-empty revision-rewound auth-diverged
    backup-stale member-never-started learner-stuck learners-at-maximum reconfiguration-refused
    membership-diverged member-list-stale member-removed-running cluster-id-mixed
    member-id-duplicate version-skew version-known-bad flags-drift range-expensive
    request-too-large transaction-huge write-hotspot watchers-slow watch-revision-compacted
    leases-piling lease-expiry-storm txn-conflicts list-storm connection-churn errors-rising
    certificate-expiring certificate-expired certificate-mismatched tls-off auth-off
    member-without-node node-without-member member-address-differs apiserver-pinned
    apiserver-view-differs node-leases-stale watch-cache-lagging namespace-stuck
    storage-override-sick events-flood keys-orphaned objects-giant registry-growing
    monitor-starved sink-failing store-failing monitor-permission-denied metrics-unreachable
    """
)
# Added since.
ADDED = frozenset(
    {
        "source-blind",
        "log-unreadable",
        "identity-changed",
        "host-unseen",
        "registry-uncounted",
        "split-brain",
    }
)
KUBERNETES = _words(
    """
    etcd-pod-missing node-not-ready apiserver-unready apiserver-etcd-slow apiserver-writes-failing
    kubernetes-unseen etcd-unseen
    """
)
BLANKS = _words(
    """
    endpoints leader_url best_follower_id old_revision followers_first member member_id endpoint
    client_host client_port peer_host peer_port peer_url peer_scheme
    """
)

each = pytest.mark.parametrize("detector", [pytest.param(d, id=d.id) for d in DETECTORS])


def test_ids_are_unique() -> None:
    ids = [d.id for d in DETECTORS]

    assert sorted(set(ids)) == sorted(ids)


def test_every_family_has_a_detector() -> None:
    names = {family.__name__.rsplit(".", 1)[-1] for family in FAMILIES}

    assert {d.family for d in DETECTORS} == names


@each
def test_id_is_a_known_cause(detector: Detector) -> None:
    assert detector.id in CAUSES | ADDED | KUBERNETES or detector.planned


@each
def test_manual_says_what_must_be_known(detector: Detector) -> None:
    """One sentence, then what is measured, where, what it means, and what to look at next."""
    first, _, rest = detector.manual.partition("\n\n")
    topics = re.findall(r"^ +(\w+): +\S", rest, re.MULTILINE)

    assert first.endswith((".", ")."))
    assert topics[:3] == ["Signal", "Source", "Means"]
    assert set(topics[3:]) <= {"Alike", "Next"}
    assert len(topics) > 3


@each
def test_impact_and_runbook_are_there(detector: Detector) -> None:
    tells_only = detector.planned or detector.momentary or detector.family == "monitor"
    tells_only = tells_only or detector.id in {"kubernetes-unseen", "etcd-unseen"}

    assert detector.impact
    assert detector.runbook or tells_only


@each
def test_runbook_has_only_blanks_that_can_be_filled(detector: Detector) -> None:
    texts = [text for step in detector.runbook for text in (step.say, step.run)]
    blanks = {name for text in texts for _, name, _, _ in Formatter().parse(text) if name}

    assert blanks <= BLANKS


@each
def test_times_make_sense(detector: Detector) -> None:
    assert detector.opens_after >= 0
    assert detector.closes_after >= 1
    assert all(need.keep >= detector.over for need in detector.needs)
