"""History: old revisions, and who compacts them."""

from collections.abc import Iterator
from itertools import pairwise
from statistics import median

from etcdscope.detect.detector import detector
from etcdscope.model.finding import CLUSTER, Finding, Limits, RuledOut, Severity
from etcdscope.model.incident import Step
from etcdscope.model.signal import (
    COMPACT_REVISION,
    COMPACT_REVISION_LONG,
    CURRENT_REVISION,
    CURRENT_REVISION_LONG,
    DB_IN_USE_BYTES,
    KEYS,
)
from etcdscope.model.window import Window

# Three compactions make two equal intervals: a rhythm.
RHYTHM = 3
# The rhythm has stopped when the next compaction is late by two more intervals.
LATE_BY = 3.0
# A compactor waits for a fixed time or a fixed number of revisions; past twice the most that it
# ever left standing neither explains its silence.
TIMES_USUAL = 2.0
# Where none was ever seen: history that outweighs the live keys, after half an hour of looking.
WATCHED = 1800.0
REVISIONS_PER_KEY = 10.0


@detector(
    "compaction-stalled",
    needs=(COMPACT_REVISION, CURRENT_REVISION),
    limits={
        "late_by": LATE_BY,
        "times_usual": TIMES_USUAL,
        "least": 1000.0,
        "never": 100_000.0,
    },
    opens_after=5.0,
    closes_after=5.0,
    impact="Old revisions pile up, so the database grows although the number of keys does not; the"
    " quota follows. Watchers and reads are not affected yet.",
    runbook=(
        Step(
            "Under Kubernetes: look for the compactor's complaints in the API servers' logs.",
            "kubectl -n kube-system logs -l component=kube-apiserver | grep compact",
        ),
        Step("Else: see etcd's flags --auto-compaction-mode and --auto-compaction-retention."),
        Step(
            "Compact by hand, up to the revision of ten minutes ago: watchers and lists under way"
            " need what came since. Where it is not known, note the revision now, and wait.",
            "etcdctl --endpoints {leader_url} compact {old_revision}",
        ),
    ),
)
def compaction_stalled(window: Window, limits: Limits) -> Iterator[Finding]:
    """Nobody compacts any more, or nobody ever did, while history grows.

    Signal:  the rhythm in which the compact revision used to rise, and revisions since then, twice
             as many as were ever left standing; or, where no compaction was seen in half an hour,
             many revisions for each live key: told as info, since some never compact by design.
    Source:  etcd_debugging_mvcc_{current_revision,compact_revision,keys_total}.
    Means:   the API server's compactor fails, or automatic compaction is off.
    Alike:   an idle cluster (no revisions either), a long retention (its rhythm is its own).
    """
    if not window.judgeable:
        return
    member = max(window.judgeable, key=lambda m: window.number(m, COMPACT_REVISION) or 0.0)
    revision = window.number(member, CURRENT_REVISION)
    compacted = window.number(member, COMPACT_REVISION)
    if revision is None or compacted is None:
        return
    kept = revision - max(compacted, 0.0)
    steps = _steps(window, member)
    gaps = [b[0] - a[0] for a, b in pairwise(steps)]
    if len(steps) >= RHYTHM:
        usual = max(most for _, most in steps)
        late = window.now - steps[-1][0]
        rhythm = max(median(gaps), max(gaps) / 2)
        if late > limits["late_by"] * rhythm and kept > max(
            limits["times_usual"] * usual, limits["least"]
        ):
            yield _stopped(window, member, (late, rhythm), (kept, usual))
        return
    keys = window.number(member, KEYS)
    first = window.points(member, CURRENT_REVISION_LONG)[:1]
    watched = window.now - (first[0].at if first else window.now)
    if steps or watched < WATCHED or keys is None or kept < limits["never"]:
        return
    if kept > REVISIONS_PER_KEY * max(keys, 1.0):
        yield _never(window, member, kept, keys, watched)


def _steps(window: Window, member: str) -> list[tuple[float, float]]:
    """Return when the compact revision rose, and how many revisions stood before; oldest first."""
    current = dict(window.points(member, CURRENT_REVISION_LONG))
    steps = []
    for older, newer in pairwise(window.points(member, COMPACT_REVISION_LONG)):
        a, b = older.value, newer.value
        if isinstance(a, (int, float)) and isinstance(b, (int, float)) and b > a:
            stood = current.get(newer.at)
            most = stood - max(a, 0.0) if isinstance(stood, (int, float)) else b - a
            steps.append((newer.at, most))
    return steps


def _stopped(
    window: Window, member: str, times: tuple[float, float], revisions: tuple[float, float]
) -> Finding:
    (late, rhythm), (kept, usual) = times, revisions
    return Finding(
        CLUSTER,
        Severity.WARNING,
        f"No compaction for {late / 60:.0f} min, where one came every {rhythm / 60:.0f} min:"
        f" {kept:.0f} revisions of history stand, {usual:.0f} at most before",
        (
            window.evidence(
                member,
                COMPACT_REVISION,
                round(late),
                limit=round(LATE_BY * rhythm),
                name="seconds_since_compaction",
            ),
            window.evidence(
                member, CURRENT_REVISION, kept, limit=TIMES_USUAL * usual, name="revisions_kept"
            ),
        ),
        ruled_out=(RuledOut("write-hotspot", "what grows is history that used to be compacted"),),
        confidence=0.9,
    )


def _never(window: Window, member: str, kept: float, keys: float, watched: float) -> Finding:
    used = window.number(member, DB_IN_USE_BYTES)
    return Finding(
        CLUSTER,
        Severity.INFO,
        f"No compaction in {watched / 3600:.1f} h of watching: {kept:.0f} revisions of history for"
        f" {keys:.0f} keys; if that is not meant, the database is mostly history",
        (
            window.evidence(member, CURRENT_REVISION, kept, name="revisions_kept"),
            window.evidence(member, KEYS, keys),
            *((window.evidence(member, DB_IN_USE_BYTES, used),) if used is not None else ()),
        ),
        confidence=0.7,
        next_test="Look at --auto-compaction-retention, and whether an API server uses this etcd.",
    )
