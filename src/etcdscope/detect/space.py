"""Space: the quota, and what fills the database file."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from etcdscope.detect.detector import detector
from etcdscope.model.cluster import Alarm
from etcdscope.model.finding import CLUSTER, Finding, Limits, Severity, Subject
from etcdscope.model.incident import Step
from etcdscope.model.signal import (
    ALARMS,
    DB_BYTES,
    DB_IN_USE_BYTES,
    DEFRAG_INFLIGHT,
    QUOTA_BYTES,
    STATUS_ERRORS,
)
from etcdscope.model.window import Window

_DEFRAGMENT = (
    Step(
        "Compact the history up to now; check that no watcher needs it.",
        "etcdctl --endpoints {leader_url} compact $(etcdctl --endpoints {leader_url}"
        " endpoint status -w json | grep -o '\"revision\":[0-9]*' | head -1 | cut -d: -f2)",
    ),
    Step(
        "Defragment one member at a time, the leader last.",
        "for e in {followers_first}; do etcdctl --endpoints $e defrag; sleep 10; done",
    ),
)


def mib(size: float) -> str:
    """Return a size as people read it."""
    if size >= 10 * 2**30:
        return f"{size / 2**30:.0f} GiB"
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"


@detector(
    "quota-exhausted",
    needs=(STATUS_ERRORS,),
    closes_after=1.0,
    impact="Every write is refused, in the whole cluster: only reads and deletes work. In"
    " Kubernetes nothing can be deployed and node leases expire.",
    runbook=(
        *_DEFRAGMENT,
        Step(
            "Clear the alarm; it does not clear itself.",
            "etcdctl --endpoints {endpoints} alarm disarm",
        ),
        Step(
            "Delete what filled it, through its own API, or raise the quota (at most 8 GiB) on"
            " all members."
        ),
    ),
)
def quota_exhausted(window: Window, limits: Limits) -> Iterator[Finding]:
    """A member's database reached its quota: the cluster refuses writes (alarm NOSPACE).

    Signal:  the NOSPACE alarm; size in use against physical size tells data from free pages.
    Source:  Status.errors, Maintenance.Alarm.
    Means:   read-only until compaction, defragmentation and disarm.
    Alike:   disk-full (the filesystem, not the quota; that member dies).
    """
    raised = [m for m in window.judgeable if _nospace(window, m)]
    if not raised:
        return
    named = {
        a.member for m in raised for a in _alarms(window, m) if a.kind == "NOSPACE" and a.member
    }
    fullest = max(window.judgeable, key=lambda m: window.number(m, DB_BYTES) or 0.0)
    culprit = next(iter(sorted(named)), fullest)
    size = window.number(culprit, DB_BYTES, within=960.0)
    used = window.number(culprit, DB_IN_USE_BYTES, within=960.0)
    why = ""
    if size and used is not None:
        share = used / size
        why = (
            f": {mib(size - used)} of its {mib(size)} are free pages, so a defragmentation helps"
            if share < 0.5
            else f": {share:.0%} of its {mib(size)} is live data and history"
        )
    yield Finding(
        Subject.member(culprit) if named else CLUSTER,
        Severity.CRITICAL,
        f"The cluster refuses writes: the database of {window.label(culprit)} is over its quota"
        f"{why}",
        (
            window.evidence(raised[0], STATUS_ERRORS, "NOSPACE", says="alarm raised"),
            *(
                (
                    window.evidence(
                        culprit,
                        DB_BYTES,
                        size,
                        limit=window.number(culprit, QUOTA_BYTES, within=960.0),
                    ),
                )
                if size
                else ()
            ),
            *((window.evidence(culprit, DB_IN_USE_BYTES, used),) if used is not None else ()),
        ),
        confidence=0.98,
    )


def _nospace(window: Window, member: str) -> bool:
    errors = window.last(member, STATUS_ERRORS)
    texts = errors.value if errors and isinstance(errors.value, tuple) else ()
    return any("NOSPACE" in str(text) for text in texts)


def _alarms(window: Window, member: str) -> tuple[Alarm, ...]:
    point = window.last(member, ALARMS)
    seen = point.value if point and isinstance(point.value, tuple) else ()
    from_errors = _alarms_in_errors(window, member)
    return (*(a for a in seen if isinstance(a, Alarm)), *from_errors)


def _alarms_in_errors(window: Window, member: str) -> tuple[Alarm, ...]:
    """Read the member out of Status.errors: ``memberID:4029825426299138825 alarm:NOSPACE``."""
    errors = window.last(member, STATUS_ERRORS)
    alarms = []
    for text in errors.value if errors and isinstance(errors.value, tuple) else ():
        words = dict(w.split(":", 1) for w in str(text).split() if ":" in w)
        if words.get("alarm") and words.get("memberID", "").isdigit():
            alarms.append(Alarm(words["alarm"], f"{int(words['memberID']):x}"))
    return tuple(alarms)


@detector(
    "quota-near",
    needs=(DB_BYTES, QUOTA_BYTES),
    # At 80 % there is time to act by day, at 95 % there is not.
    limits={"warning": 0.80, "critical": 0.95},
    opens_after=1.0,
    closes_after=5.0,
    impact="None yet; at the quota every write is refused.",
    runbook=_DEFRAGMENT,
)
def quota_near(window: Window, limits: Limits) -> Iterator[Finding]:
    """A member's database file comes near its quota.

    Signal:  physical size / quota; etcd judges the quota by the physical size, member by member.
    Source:  Maintenance.Status, etcd_server_quota_backend_bytes.
    Means:   at 100 % the whole cluster becomes read-only.
    Next:    size in use tells whether a defragmentation helps.
    """
    yield from _together(window, list(_near(window, limits)))


def _together(window: Window, found: Sequence[Finding]) -> Iterator[Finding]:
    """Yield one finding: that several members are alike is one matter, not one a member."""
    if len(found) < 2:
        yield from found
        return
    worst = max(found, key=lambda f: f.severity)
    others = [f.subject.name for f in found if f is not worst]
    alike = ", ".join(window.label(m) for m in others)
    evidence = tuple(e for f in (worst, *(f for f in found if f is not worst)) for e in f.evidence)
    yield replace(
        worst, subject=CLUSTER, evidence=evidence, summary=f"{worst.summary}; alike: {alike}"
    )


def _near(window: Window, limits: Limits) -> Iterator[Finding]:
    for member in window.judgeable:
        size, quota = window.number(member, DB_BYTES), window.number(member, QUOTA_BYTES)
        used = window.number(member, DB_IN_USE_BYTES)
        if not size or not quota or not (severity := limits.graded(size / quota)):
            continue
        help_ = ""
        if used is not None:
            help_ = (
                f"; {mib(size - used)} of it are free pages"
                if used < size / 2
                else "; nearly all of it is in use"
                if used > 0.8 * size
                else ""
            )
        yield Finding(
            Subject.member(member),
            severity,
            f"The database of {window.label(member)} is at {size / quota:.0%} of its quota"
            f" ({mib(size)} of {mib(quota)}){help_}",
            (
                window.evidence(member, DB_BYTES, size, limit=limits["warning"] * quota),
                window.evidence(member, QUOTA_BYTES, quota),
            ),
            confidence=0.98,
        )


@detector(
    "db-fragmented",
    needs=(DB_BYTES, DB_IN_USE_BYTES, QUOTA_BYTES),
    # Less than half in use, and the free pages are worth a twentieth of the quota: for the default
    # quota that is the 100 MB which the mixin asks for, for a small one it is less.
    limits={"in_use": 0.5, "of_quota": 0.05},
    opens_after=3.0,
    closes_after=3.0,
    impact="None yet; free pages count against the quota and are not given back by themselves.",
    runbook=_DEFRAGMENT[1:],
)
def db_fragmented(window: Window, limits: Limits) -> Iterator[Finding]:
    """Most of a member's database file is free pages.

    Signal:  size in use / physical size, and the free bytes as a share of the quota.
    Source:  Maintenance.Status, etcd_server_quota_backend_bytes.
    Means:   history was compacted or keys were deleted, and the file was never defragmented.
    Alike:   real growth (size in use is near the physical size).
    """
    yield from _together(window, list(_fragmented(window, limits)))


def _fragmented(window: Window, limits: Limits) -> Iterator[Finding]:
    for member in window.judgeable:
        size, used = window.number(member, DB_BYTES), window.number(member, DB_IN_USE_BYTES)
        quota = window.number(member, QUOTA_BYTES)
        if not size or used is None or not quota or window.number(member, DEFRAG_INFLIGHT):
            continue
        if used / size >= limits["in_use"] or size - used < limits["of_quota"] * quota:
            continue
        yield Finding(
            Subject.member(member),
            Severity.WARNING,
            f"The database of {window.label(member)} is fragmented: only {mib(used)} of its"
            f" {mib(size)} are in use",
            (
                window.evidence(member, DB_IN_USE_BYTES, used, limit=limits["in_use"] * size),
                window.evidence(member, DB_BYTES, size),
            ),
            confidence=0.97,
        )
