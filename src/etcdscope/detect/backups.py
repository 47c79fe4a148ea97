"""Backups: whether there is one that is young, whole, and of this cluster's size."""

from collections.abc import Iterator

from etcdscope.detect.detector import detector
from etcdscope.detect.seats import fact
from etcdscope.model.finding import CLUSTER, Evidence, Finding, Limits, Severity
from etcdscope.model.incident import Step
from etcdscope.model.kubernetes import BackupJob, Snapshot
from etcdscope.model.signal import DB_IN_USE_BYTES
from etcdscope.model.signal_kubernetes import BACKUP, BACKUPS, KUBE_BACKUP_JOBS
from etcdscope.model.window import Window

HOUR, DAY = 3600.0, 86_400.0
# A file that holds a tenth of what is in use is of another cluster, or was cut off.
SMALL = 0.1
# A small database is its empty pages.
LEAST_BYTES = 4 * 2.0**20


@detector(
    "backup-stale",
    # A daily backup, and two hours for it to run late.
    limits={"hours": 26.0},
    closes_after=30.0,
    impact="None until it is needed: what was written since the last good backup would be lost with"
    " the quorum.",
    runbook=(
        Step(
            "Take a snapshot now.",
            "etcdctl --endpoints {endpoint} snapshot save backup.db",
        ),
        Step("See that it is whole.", "etcdutl snapshot status backup.db -w table"),
        Step("See why the job fails.", "kubectl get jobs -A | grep -i etcd"),
    ),
)
def backup_stale(window: Window, limits: Limits) -> Iterator[Finding]:
    """There is no backup of late that could be restored.

    Signal:  age, size and own hash of the newest backup file; last success of a CronJob that saves
             etcd, against its schedule.
    Source:  the files of --backup; cronjobs of the Kubernetes API.
    Means:   a job that fails, a full disk at the target, an expired certificate of the job.
    Alike:   a job that is suspended on purpose (told as such); a schedule that is longer than a day
             (twice its period is given). Where neither files nor jobs are seen nothing is judged.
    """
    newest = _newest(window)
    if newest:
        if why := _unusable(window, newest, limits["hours"] * HOUR):
            yield Finding(CLUSTER, Severity.WARNING, why[0], why[1], confidence=0.9)
        return  # a good file outweighs whatever its job says
    jobs = [j for j in fact(window, KUBE_BACKUP_JOBS, tuple) or () if isinstance(j, BackupJob)]
    late = [j for j in jobs if _late(window, j, limits["hours"] * HOUR)]
    if not jobs or len(late) < len(jobs):
        return  # one that succeeds is a backup
    job = max(late, key=lambda j: j.last)
    last = f"succeeded {_ago(window.now - job.last)} ago" if job.last else "never succeeded"
    yield Finding(
        CLUSTER,
        Severity.WARNING,
        f"The last backup of etcd by the CronJob {job.namespace}/{job.name} {last}"
        + (": it is suspended" if job.suspended else ""),
        (
            Evidence(
                "backup_age", round(window.now - (job.last or job.created)), "s",
                _patience(job.schedule, limits["hours"] * HOUR), KUBE_BACKUP_JOBS.source,
                says=f"schedule {job.schedule}",
            ),
        ),
        confidence=0.85,
    )  # fmt: skip


def _newest(window: Window) -> Snapshot | None:
    point = window.last(BACKUPS, BACKUP)
    return point.value if point and isinstance(point.value, Snapshot) else None


def _unusable(
    window: Window, newest: Snapshot, patience: float
) -> tuple[str, tuple[Evidence, ...]] | None:
    age = window.now - newest.at
    source = BACKUP.source
    if not newest.path:
        return f"There is no backup: {newest.why}", (Evidence("backup", "none", source=source),)
    if not newest.whole:
        return (
            f"The newest backup cannot be restored: {newest.path} {newest.why}",
            (Evidence("backup", newest.why, source=source, says=newest.path),),
        )
    if age > patience:
        return (
            f"The last backup is {_ago(age)} old: {newest.path}",
            (Evidence("backup_age", round(age), "s", patience, source, says=newest.path),),
        )
    used = [window.number(m.id, DB_IN_USE_BYTES) or 0.0 for m in window.members]
    least = SMALL * min((u for u in used if u), default=0.0)
    if least > LEAST_BYTES and newest.bytes < least:
        return (
            f"The newest backup is smaller than a tenth of the database: {newest.path}",
            (Evidence("backup_bytes", float(newest.bytes), "B", least, source, says=newest.path),),
        )
    return None


def _late(window: Window, job: BackupJob, patience: float) -> bool:
    since = job.last or job.created
    return window.now - since > _patience(job.schedule, patience)


def _patience(schedule: str, usual: float) -> float:
    """Return how old a job's success may be: twice its period and an hour, at most what is usual.

    A schedule that is rarer than daily gets twice its period.
    """
    period = period_of(schedule)
    return 2 * period + HOUR if period > DAY else min(2 * period + HOUR, usual)


_NAMED = {
    "@hourly": HOUR,
    "@daily": DAY,
    "@midnight": DAY,
    "@weekly": 7 * DAY,
    "@monthly": 31 * DAY,
}


def period_of(schedule: str) -> float:
    """Return the longest time between two runs of a cron schedule, roughly; a day if it is odd."""
    if schedule in _NAMED:
        return _NAMED[schedule]
    parts = schedule.split()
    if len(parts) != 5:
        return DAY
    minute, hour, day, month, weekday = parts
    coarse = (
        (month, 366 * DAY, 12),
        (day, 31 * DAY, 31),
        (weekday, 7 * DAY, 7),
        (hour, DAY, 24),
        (minute, HOUR, 60),
    )
    field, span, most = next(
        c for c in (*coarse, coarse[-1]) if c[0] not in {"*", "?"} or c[2] == 60
    )
    return span / _times(field, most)


def _times(field: str, most: int) -> float:
    """Return how often a field of a schedule falls into its span."""
    if field.startswith("*/") and field[2:].isdigit() and int(field[2:]):
        return max(most / int(field[2:]), 1.0)
    return float(most if field == "*" else len(field.split(",")))


def _ago(seconds: float) -> str:
    return f"{seconds / HOUR:.0f} h" if seconds < 3 * DAY else f"{seconds / DAY:.0f} days"
