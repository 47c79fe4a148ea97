"""Space: the quota, and what fills the database file."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from etcdscope.detect.detector import detector
from etcdscope.detect.owner import owner
from etcdscope.model.amounts import size as mib
from etcdscope.model.cluster import Alarm
from etcdscope.model.finding import CLUSTER, Finding, Limits, RuledOut, Severity, Subject
from etcdscope.model.incident import Step
from etcdscope.model.signal import (
    ALARMS,
    DB_BYTES,
    DB_IN_USE_BYTES,
    DEFRAG_INFLIGHT,
    OPEN_READS,
    PROCESS_START,
    QUOTA_BYTES,
    STATUS_ERRORS,
)
from etcdscope.model.window import Window

DEFRAGMENT = (
    Step(
        "Compact the history up to the revision of ten minutes ago: watchers and lists under way"
        " need what came since. Where it is not known, note the revision now, and wait.",
        "etcdctl --endpoints {leader_url} compact {old_revision}",
    ),
    Step(
        "Defragment one member at a time, the leader last.",
        "for e in {followers_first}; do etcdctl --endpoints $e defrag; sleep 10; done",
    ),
)


@detector(
    "quota-exhausted",
    needs=(STATUS_ERRORS,),
    closes_after=1.0,
    impact="Every write is refused, in the whole cluster: only reads and deletes work. In"
    " Kubernetes nothing can be deployed and node leases expire.",
    runbook=(
        *DEFRAGMENT,
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
    Alike:   disk-full (the file system, not the quota; that member dies).
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
        why = _pins(window, culprit, used) or why
        why += _alone(window, culprit)
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
            *owner(window),
        ),
        confidence=0.98,
    )


def _pins(window: Window, member: str, used: float) -> str:
    """Return what tells that an open read transaction, such as a snapshot's, holds old pages."""
    others = [
        u for m in window.judgeable if m != member and (u := window.number(m, DB_IN_USE_BYTES))
    ]
    if (window.number(member, OPEN_READS) or 0.0) <= 1 or not others or used < 1.5 * max(others):
        return ""
    return f": {mib(used - max(others))} of it are old pages that an open read transaction pins"


def _alone(window: Window, member: str) -> str:
    """Return what tells that it is this member alone: the others are far from their quota."""
    shares = {m: s for m in window.judgeable if (s := _share(window, m)) is not None}
    own = shares.pop(member, None)
    if own is None or not shares or max(shares.values()) > own / 2:
        return ""
    quota = window.number(member, QUOTA_BYTES, within=960.0) or 0.0
    most = max(window.number(m, QUOTA_BYTES, within=960.0) or 0.0 for m in shares)
    smaller = f"; its quota is only {mib(quota)}, theirs {mib(most)}" if quota < 0.9 * most else ""
    return f"; it alone, the others are at {max(shares.values()):.0%} of theirs{smaller}"


def _share(window: Window, member: str) -> float | None:
    size = window.number(member, DB_BYTES, within=960.0)
    quota = window.number(member, QUOTA_BYTES, within=960.0)
    return size / quota if size and quota else None


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
    eases={"warning": 0.97, "critical": 0.98},
    opens_after=1.0,
    closes_after=5.0,
    impact="None yet; at the quota every write is refused.",
    runbook=DEFRAGMENT,
)
def quota_near(window: Window, limits: Limits) -> Iterator[Finding]:
    """A member's database file comes near its quota.

    Signal:  physical size / quota; etcd judges the quota by the physical size, member by member.
    Source:  Maintenance.Status, etcd_server_quota_backend_bytes.
    Means:   at 100 % the whole cluster becomes read-only.
    Next:    size in use tells whether a defragmentation helps.
    """
    yield from together(window, list(_near(window, limits)))


def together(window: Window, found: Sequence[Finding]) -> Iterator[Finding]:
    """Yield one finding: that several members are alike is one matter, not one a member."""
    if len(found) < 2:
        yield from found
        return
    worst = max(found, key=lambda f: f.severity)
    others = [f.subject.name for f in found if f is not worst]
    alike = ", ".join(window.label(m) for m in others)
    each = (e for f in (worst, *(f for f in found if f is not worst)) for e in f.evidence)
    evidence = tuple(dict.fromkeys(each))
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
                *owner(window),
            ),
            confidence=0.98,
        )


# Who compacts or deletes on purpose defragments within this time.
FREED_LATELY = 600.0


@detector(
    "db-fragmented",
    needs=(DB_BYTES, DB_IN_USE_BYTES, QUOTA_BYTES),
    # Less than half in use, and the free pages are worth a twentieth of the quota: for the default
    # quota that is the 100 MB which the mixin asks for, for a small one it is less.
    # Free pages are used again, so a file that is far from its quota is a note only; near a half of
    # it they decide whether writes are refused. Between, it is a warning unless the pages became
    # free of late: then somebody compacts, and will defragment next.
    limits={"in_use": 0.5, "of_quota": 0.05, "harmless": 0.25, "harmful": 0.5},
    opens_after=3.0,
    closes_after=3.0,
    impact="None yet; free pages count against the quota and are not given back by themselves.",
    runbook=DEFRAGMENT[1:],
)
def db_fragmented(window: Window, limits: Limits) -> Iterator[Finding]:
    """Most of a member's database file is free pages.

    Signal:  size in use / physical size, and the free bytes as a share of the quota.
    Source:  Maintenance.Status, etcd_server_quota_backend_bytes.
    Means:   history was compacted or keys were deleted, and the file was never defragmented.
    Alike:   real growth (size in use is near the physical size), a compaction a moment ago.
    """
    yield from together(window, list(_fragmented(window, limits)))


def _fragmented(window: Window, limits: Limits) -> Iterator[Finding]:
    for member in window.judgeable:
        size, used = window.number(member, DB_BYTES), window.number(member, DB_IN_USE_BYTES)
        quota = window.number(member, QUOTA_BYTES)
        if not size or used is None or not quota or window.number(member, DEFRAG_INFLIGHT):
            continue
        if used / size >= limits["in_use"] or size - used < limits["of_quota"] * quota:
            continue
        share = size / quota
        fresh = used < 0.8 * max(window.numbers(member, DB_IN_USE_BYTES, over=FREED_LATELY))
        note = share < limits["harmless"] or (fresh and share < limits["harmful"])
        yield Finding(
            Subject.member(member),
            Severity.INFO if note else Severity.WARNING,
            f"The database of {window.label(member)} is fragmented: only {mib(used)} of its"
            f" {mib(size)} are in use",
            (
                window.evidence(member, DB_IN_USE_BYTES, used, limit=limits["in_use"] * size),
                window.evidence(member, DB_BYTES, size),
            ),
            confidence=0.97,
        )


# A round of defragmentations, or of restarts with another quota, is over after this.
ROUND = 600.0
# Sizes differ by a few pages always; twice the size is another history.
TIMES_SMALLEST = 2.0


@detector(
    "db-size-uneven",
    needs=(DB_BYTES, DB_IN_USE_BYTES, QUOTA_BYTES),
    # etcd refuses writes in the whole cluster for one member's sake, so from the half of its quota
    # on the largest file is a danger that the others' sizes hide.
    limits={"times": TIMES_SMALLEST, "of_quota": 0.05, "warning": 0.5, "round": ROUND},
    opens_after=5.0,
    closes_after=5.0,
    impact="One member alone makes the whole cluster read-only when its quota is full, while the"
    " others look half empty.",
    runbook=(
        Step("Defragment the large one.", "etcdctl --endpoints {endpoint} defrag"),
        Step("Give all members the same --quota-backend-bytes."),
    ),
)
def db_size_uneven(window: Window, limits: Limits) -> Iterator[Finding]:
    """One member's database file is much larger than the others', or its quota is another one.

    Signal:  physical sizes that differ twofold at equal sizes in use; quotas that differ.
    Source:  Maintenance.Status, etcd_server_quota_backend_bytes.
    Means:   a defragmentation of some members only, or a flag that was changed by hand.
    Alike:   a round of defragmentations or restarts that still goes on (ten minutes are given),
             a member that is catching up (its size in use differs as well).
    """
    if len(window.judgeable) < 2 or _in_a_round(window, limits["round"]):
        return
    yield from _quotas_differ(window)
    sizes = {m: window.number(m, DB_BYTES) or 0.0 for m in window.judgeable}
    used = [window.number(m, DB_IN_USE_BYTES) or 0.0 for m in window.judgeable]
    large = max(sizes, key=lambda m: sizes[m])
    small = min(sizes.values())
    quota = window.number(large, QUOTA_BYTES)
    if not quota or not small or min(used) < 0.7 * max(used):
        return
    if sizes[large] <= limits["times"] * small or sizes[large] - small < limits["of_quota"] * quota:
        return
    share = sizes[large] / quota
    yield Finding(
        Subject.member(large),
        Severity.WARNING if share > limits["warning"] else Severity.INFO,
        f"The database of {window.label(large)} has {mib(sizes[large])}, {share:.0%} of its quota,"
        f" while another member holds the same data in {mib(small)}: it was not defragmented",
        tuple(
            window.evidence(
                m, DB_BYTES, size, limit=limits["times"] * small if m == large else None
            )
            for m, size in sizes.items()
        ),
        ruled_out=(RuledOut("quota-forecast", "all hold the same data, only the files differ"),),
        confidence=0.95,
    )


def _quotas_differ(window: Window) -> Iterator[Finding]:
    quotas = {m: q for m in window.judgeable if (q := window.number(m, QUOTA_BYTES))}
    if len(set(quotas.values())) < 2:
        return
    least = min(quotas, key=lambda m: quotas[m])
    yield Finding(
        CLUSTER,
        Severity.WARNING,
        f"The quota of {window.label(least)} is {mib(quotas[least])}, that of others up to"
        f" {mib(max(quotas.values()))}: the smallest one stops the whole cluster",
        tuple(window.evidence(m, QUOTA_BYTES, quota) for m, quota in quotas.items()),
        confidence=0.98,
    )


def _in_a_round(window: Window, lasts: float) -> bool:
    """Return whether a member was defragmented or started in the last minutes."""
    for member in window.members:
        start = window.number(member.id, PROCESS_START)
        sizes = window.numbers(member.id, DB_BYTES, over=lasts)
        if start is not None and window.now - start < lasts:
            return True
        if any(b < 0.7 * a for a, b in pairwise(sizes)):
            return True
        if 1.0 in window.numbers(member.id, DEFRAG_INFLIGHT, over=lasts):
            return True
    return False
