"""The versions: whether the members run the same, and what is known to be wrong with it."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from etcdscope.detect.detector import detector
from etcdscope.model.finding import CLUSTER, Evidence, Finding, Limits, Severity, Subject
from etcdscope.model.incident import Step
from etcdscope.model.signal import AUTH_ON, VERSION
from etcdscope.model.window import Window

Version = tuple[int, int, int]
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")
# An upgrade goes from member to member in minutes; one that has not moved for a day was forgotten.
FORGOTTEN = 86_400.0


def version_of(text: str | None) -> Version | None:
    """Return the three numbers of a version, None where it is none."""
    found = _VERSION.match(text or "")
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def _versions(window: Window) -> dict[str, Version]:
    seen = {m.id: version_of(window.word(m.id, VERSION, within=60.0)) for m in window.members}
    return {m: version for m, version in seen.items() if version}


def _dotted(version: Version) -> str:
    return ".".join(map(str, version))


@detector(
    "version-skew",
    closes_after=5.0,
    impact="Features of the newer version stay off until the last member has it; a mixed cluster"
    " is meant for the time of an upgrade only.",
    runbook=(
        Step("Upgrade the members that are left, one at a time, one minor version at a time."),
        Step(
            "See which version each runs.",
            "etcdctl --endpoints {endpoints} endpoint status -w table",
        ),
    ),
)
def version_skew(window: Window, limits: Limits) -> Iterator[Finding]:
    """The members run different versions of etcd.

    Signal:  version of every member; since when, by what is remembered.
    Source:  Maintenance.Status; etcdscope's memory.
    Means:   an upgrade is under way; after a day without a step it was forgotten. The cluster
             behaves as its oldest member.
    Alike:   a rolling upgrade (a note, as long as it moves).
    """
    seen = _versions(window)
    if len(set(seen.values())) < 2:
        return
    oldest, newest = min(seen.values()), max(seen.values())
    holders = ", ".join(sorted(window.label(m) for m, v in seen.items() if v == oldest))
    moved = max((m.version_at for m in window.memory.members), default=window.now)
    far = newest[:2] != oldest[:2] and newest[1] - oldest[1] > 1
    stuck = newest[:2] != oldest[:2] and window.now - moved > FORGOTTEN
    held = f"the cluster is held at {oldest[0]}.{oldest[1]}" if newest[:2] != oldest[:2] else ""
    yield Finding(
        CLUSTER,
        Severity.WARNING if stuck or far else Severity.INFO,
        f"The members run etcd {_dotted(oldest)} to {_dotted(newest)}"
        + (f", and {held} by {holders}" if held else f": {holders} is the oldest"),
        tuple(window.evidence(m, VERSION, _dotted(v)) for m, v in seen.items()),
        confidence=1.0,
    )


@dataclass(frozen=True, slots=True)
class Defect:
    """A published defect: in ``first`` up to, but without, ``fixed``.

    ``met``: whether the cluster can meet it, by what is seen of it.
    """

    first: Version
    fixed: Version
    issue: str
    says: str
    severity: Severity = Severity.INFO
    met: Callable[[Window], bool] = lambda _: True


def _learners(window: Window) -> bool:
    return any(m.is_learner for m in window.members)


def _auth(window: Window) -> bool:
    return any(window.number(m.id, AUTH_ON) == 1 for m in window.members)


def _many(window: Window) -> bool:
    return len(window.members) > 1


# By etcd's changelogs and the issues that they name, the gravest first. What the cluster cannot
# meet, as far as it is seen, is left out: a table that always speaks is not read.
DEFECTS = (
    Defect(
        (3, 5, 0),
        (3, 5, 3),
        "etcd-io/etcd#13766",
        "a crash under load can leave a member with other data than the rest",
        Severity.WARNING,
    ),
    Defect(
        (3, 5, 0),
        (3, 5, 5),
        "etcd-io/etcd#14370",
        "a single member can lose an acknowledged write when it crashes",
        Severity.WARNING,
        met=lambda w: len(w.members) == 1,
    ),
    Defect(
        (3, 5, 0),
        (3, 5, 6),
        "etcd-io/etcd#14733",
        "a crash during a defragmentation can leave a member at another revision",
        Severity.WARNING,
        met=_many,
    ),
    Defect(
        (3, 5, 0),
        (3, 5, 6),
        "etcd-io/etcd#14571",
        "with auth on, a member that recovers from a snapshot can hold other data",
        Severity.WARNING,
        met=_auth,
    ),
    Defect(
        (3, 5, 0),
        (3, 5, 13),
        "etcd-io/etcd#15247",
        "a leader that was stalled can revoke leases that are being renewed",
    ),
    Defect(
        (3, 5, 0), (3, 5, 13), "etcd-io/etcd#17529", "a watch can miss events after a compaction"
    ),
    Defect(
        (3, 5, 1),
        (3, 5, 20),
        "etcd-io/etcd#19557",
        "a promotion of a learner may not be written down, and is lost at a restart",
        met=_learners,
    ),
    Defect(
        (3, 5, 0),
        (3, 5, 26),
        "etcd-io/etcd#20967",
        "members that were removed can come back with an upgrade to 3.6: upgrade to 3.5.26 first",
        met=_many,
    ),
    Defect(
        (3, 6, 0),
        (3, 6, 5),
        "etcd-io/etcd#15247",
        "a leader that was stalled can revoke leases that are being renewed",
    ),
)


@detector(
    "version-known-bad",
    opens_after=1.0,
    closes_after=5.0,
    impact="None until the defect is met; then what it says.",
    runbook=(
        Step("Upgrade to the newest patch of this minor version, one member at a time."),
        Step("Save a snapshot first.", "etcdctl --endpoints {leader_url} snapshot save backup.db"),
    ),
)
def version_known_bad(window: Window, limits: Limits) -> Iterator[Finding]:
    """The cluster runs a version with a published defect that it can meet.

    Signal:  version of every member against a table of defects, and whether learners, users or
             further members are there to meet them.
    Source:  Maintenance.Status; etcd's changelogs.
    Means:   how bad it is depends on the defect; it is told once, with the gravest first.
    Next:    data-diverged, where the defect is one that loses data.
    """
    seen = _versions(window)
    met: dict[Defect, list[str]] = {}
    for defect in DEFECTS:
        hit = [m for m, v in seen.items() if defect.first <= v < defect.fixed]
        if hit and defect.met(window):
            met[defect] = hit
    if not met:
        return
    worst = max(met, key=lambda d: d.severity)  # of equals the first
    members = met[worst]
    versions = ", ".join(sorted({_dotted(seen[m]) for m in members}))
    more = f" ({len(met) - 1} more are known)" if len(met) > 1 else ""
    yield Finding(
        Subject.member(members[0]) if len(members) == 1 and len(seen) > 1 else CLUSTER,
        worst.severity,
        f"etcd {versions} has a known defect: {worst.says}; fixed in {_dotted(worst.fixed)}"
        f" ({worst.issue}){more}",
        tuple(
            Evidence(
                "defect",
                d.issue,
                source=VERSION.source,
                says=f"{d.says}; before {_dotted(d.fixed)}",
            )
            for d in met
        ),
        confidence=1.0,
    )
