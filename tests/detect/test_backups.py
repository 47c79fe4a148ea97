"""Backups that are old, broken, small or not there."""

import pytest
from tests.detect.windows import NOW, Told, found, window

from etcdscope.detect.backups import backup_stale, period_of
from etcdscope.model.kubernetes import BackupJob, Snapshot
from etcdscope.model.signal import DB_IN_USE_BYTES
from etcdscope.model.signal_kubernetes import BACKUP, BACKUPS, KUBE_BACKUP_JOBS, KUBERNETES

HOUR = 3600.0
WARNS = [("cluster", "warning")]


def snapshot(hours: float = 3.0, mib: float = 80.0, whole: bool = True) -> Snapshot:
    return Snapshot("/b/1.db", NOW - hours * HOUR, int(mib * 2**20), whole, "" if whole else "cut")


def job(
    hours: float | None, schedule: str = "0 3 * * *", made: float = 900.0, suspended: bool = False
) -> BackupJob:
    last = NOW - hours * HOUR if hours is not None else 0.0
    return BackupJob("ops", "nightly", schedule, NOW - made * HOUR, last, suspended)


@pytest.mark.parametrize(
    ("file", "jobs", "finds"),
    [
        pytest.param(None, (), [], id="neither files nor jobs are seen"),
        pytest.param(snapshot(), (), [], id="a young one that is whole"),
        pytest.param(snapshot(25), (), [], id="a daily one that runs late"),
        pytest.param(snapshot(30), (), WARNS, id="older than a day"),
        pytest.param(snapshot(whole=False), (), WARNS, id="one that was cut off"),
        pytest.param(snapshot(mib=5), (), WARNS, id="of another database, by its size"),
        pytest.param(Snapshot("", 0.0, 0, False, "nothing in /b"), (), WARNS, id="no file at all"),
        pytest.param(snapshot(), (job(80),), [], id="a good file outweighs its job"),
        pytest.param(None, (job(10),), [], id="a job that succeeded"),
        pytest.param(None, (job(80),), WARNS, id="a job that fails"),
        pytest.param(None, (job(None),), WARNS, id="a job that never succeeded"),
        pytest.param(None, (job(None, made=2.0),), [], id="a job that is new"),
        pytest.param(None, (job(80, suspended=True),), WARNS, id="a job that is suspended"),
        pytest.param(None, (job(5, "0 * * * *"),), WARNS, id="an hourly job"),
        pytest.param(None, (job(100, "0 3 * * 0"),), [], id="a weekly job"),
        pytest.param(None, (job(80), job(10)), [], id="another job succeeds"),
    ],
)
def test_backups(
    file: Snapshot | None, jobs: tuple[BackupJob, ...], finds: list[tuple[str, str]]
) -> None:
    told: dict[str, Told] = {"m1": {DB_IN_USE_BYTES: 100 * 2.0**20}}
    if file:
        told[BACKUPS] = {BACKUP: file}
    told[KUBERNETES] = {KUBE_BACKUP_JOBS: jobs}

    assert found(backup_stale, window(told)) == finds


@pytest.mark.parametrize(
    ("schedule", "hours"),
    [
        ("0 3 * * *", 24),
        ("0 */6 * * *", 6),
        ("0 1,13 * * *", 12),
        ("*/15 * * * *", 0.25),
        ("30 * * * *", 1),
        ("0 3 * * 0", 168),
        ("0 3 * * 1,4", 84),
        ("0 3 1 * *", 744),
        ("@daily", 24),
        ("@hourly", 1),
        ("whenever", 24),
    ],
)
def test_a_schedule_has_a_period(schedule: str, hours: float) -> None:
    assert period_of(schedule) == hours * HOUR
