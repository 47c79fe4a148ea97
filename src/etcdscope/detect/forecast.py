"""What will be: when the database reaches its quota."""

from collections.abc import Iterator
from datetime import UTC, datetime

from etcdscope.detect.detector import detector
from etcdscope.detect.owner import owner
from etcdscope.detect.space import DEFRAGMENT, together
from etcdscope.model.amounts import size as mib
from etcdscope.model.finding import Evidence, Finding, Limits, RuledOut, Severity, Subject
from etcdscope.model.incident import Step
from etcdscope.model.signal import (
    COMPACT_REVISION,
    CURRENT_REVISION,
    DB_BYTES,
    DB_BYTES_LONG,
    DB_IN_USE_BYTES,
    DB_IN_USE_BYTES_LONG,
    KEYS,
    QUOTA_BYTES,
    Signal,
)
from etcdscope.model.trend import AHEAD, LOOKS_BACK, Outlook, outlook
from etcdscope.model.window import Window

HOUR = 3600.0
# So many revisions a live key, and it is history that fills the file.
HISTORY_TIMES = 5.0
# Of the fine series one point in so many seconds is enough.
FINE_EVERY = 3.0


@detector(
    "quota-forecast",
    needs=(DB_BYTES, QUOTA_BYTES),
    over=60.0,
    # Four hours are what it takes to reach somebody and to act; within the hour it is an emergency.
    limits={"info_hours": 24.0, "warning_hours": 4.0, "critical_hours": 1.0},
    opens_after=5.0,
    closes_after=20.0,
    impact="None yet; when the quota is full every write of the cluster is refused.",
    runbook=(
        Step(
            "Find what grows: count the keys of a prefix, without reading them.",
            "etcdctl --endpoints {endpoint} get PREFIX --prefix --count-only",
        ),
        Step(
            "Under Kubernetes the API server counts its objects.",
            "kubectl get --raw /metrics | grep -E '^apiserver_(storage|resource)_objects' | sort"
            " -gk2 | tail",
        ),
        *DEFRAGMENT,
        Step("Raise the quota on all members, to 8 GiB at most: --quota-backend-bytes."),
    ),
)
def quota_forecast(window: Window, limits: Limits) -> Iterator[Finding]:
    """The database will reach its quota soon if it goes on growing as it does.

    Signal:  the trend of the physical size since its last fall, and of the floor of the size in
             use, whose ceiling tells when the free pages are used up; over looks back of 1 min to
             12 h, none further ahead than four times as far.
    Source:  Maintenance.Status, etcd_server_quota_backend_bytes.
    Means:   as said, with a range; it ends when growth ends.
    Alike:   a saw-tooth of compactions and defragmentations (its floor does not rise), a burst that
             is over, free pages that absorb what is written.
    """
    found = [f for m in window.judgeable if (f := _forecast(window, m, limits))]
    yield from together(window, found)


def _forecast(window: Window, member: str, limits: Limits) -> Finding | None:
    quota = window.number(member, QUOTA_BYTES)
    size = window.number(member, DB_BYTES)
    if not quota or not size or not _may_be(window, member, quota - size):
        return None
    sizes, used = track(window, member, DB_BYTES), track(window, member, DB_IN_USE_BYTES)
    seen = outlook(sizes, used, quota, window.now)
    if seen is None or seen.likely > limits["info_hours"] * HOUR:
        return None
    severity = (
        Severity.CRITICAL
        if seen.likely < limits["critical_hours"] * HOUR
        else Severity.WARNING
        if seen.likely < limits["warning_hours"] * HOUR
        else Severity.INFO
    )
    in_use = window.number(member, DB_IN_USE_BYTES)
    return Finding(
        Subject.member(member),
        severity,
        f"The database of {window.label(member)} will be full in {span(seen)},"
        f" around {clock(window.now + seen.likely)}: {mib(size)} of {mib(quota)}, growing by"
        f" {mib(seen.rate * HOUR)} an hour{_what(window, member)}",
        (
            Evidence(
                "quota_full_in",
                round(seen.likely),
                "s",
                limits["warning_hours"] * HOUR,
                DB_BYTES.source,
                member,
                says=f"{duration(seen.soonest)} at the soonest, {duration(seen.latest)} at the"
                f" latest, by the last {duration(seen.looked_back)}",
            ),
            window.evidence(member, DB_BYTES, round(seen.rate, 1), name="db_growth_per_second"),
            window.evidence(member, DB_BYTES, size, limit=quota),
            *((window.evidence(member, DB_IN_USE_BYTES, in_use),) if in_use is not None else ()),
            *owner(window),
        ),
        ruled_out=(
            RuledOut("db-fragmented", "the floor of what is in use rises, not only the file"),
        )
        if in_use is not None and in_use > 0.5 * size
        else (),
        confidence=0.85 if seen.latest < 3 * seen.soonest else 0.7,
    )


def _may_be(window: Window, member: str, headroom: float) -> bool:
    """Return whether enough was written for any look back: cheap, and nearly always it was not.

    What is full within four looks back has grown by a quarter of what was left.
    """
    least = headroom / (2 * AHEAD)
    for fine, long in ((DB_BYTES, DB_BYTES_LONG), (DB_IN_USE_BYTES, DB_IN_USE_BYTES_LONG)):
        now = window.number(member, fine)
        for back in LOOKS_BACK:
            before = window.points(member, fine if back <= 900.0 else long, over=back)[:1]
            old = before[0].value if before else None
            if now is not None and isinstance(old, (int, float)) and now - old >= least:
                return True
    return False


def track(window: Window, member: str, signal: Signal) -> list[tuple[float, float]]:
    """Return a size as far back as it is remembered: a point a minute, and finer of late."""
    long = {DB_BYTES: DB_BYTES_LONG, DB_IN_USE_BYTES: DB_IN_USE_BYTES_LONG}[signal]
    fine = window.points(member, signal)
    begin = fine[0].at if fine else window.now
    points = [p for p in window.points(member, long) if p.at < begin]
    last = 0.0
    for point in fine:
        if point.at - last >= FINE_EVERY:
            points.append(point)
            last = point.at
    return [(p.at, float(p.value)) for p in points if isinstance(p.value, (int, float))]


def _what(window: Window, member: str) -> str:
    """Return whether history or live data fills it, where that is known."""
    revision = window.number(member, CURRENT_REVISION)
    compacted = window.number(member, COMPACT_REVISION)
    keys = window.number(member, KEYS)
    if revision is None or compacted is None or not keys:
        return ""
    kept = revision - max(compacted, 0.0)
    if kept > HISTORY_TIMES * keys:
        return f"; {kept:.0f} revisions since the last compaction for {keys:.0f} keys: history"
    return ""


def duration(seconds: float) -> str:
    """Return a length of time as people say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / HOUR:.0f} h" if seconds >= 10 * HOUR else f"{seconds / HOUR:.1f} h"


def span(seen: Outlook) -> str:
    """Return the range of the forecast."""
    soonest, latest = duration(seen.soonest), duration(seen.latest)
    return f"about {soonest}" if soonest == latest else f"{soonest} to {latest}"


def clock(at: float) -> str:
    """Return a time of day, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M UTC")
