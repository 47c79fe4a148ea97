"""When the database reaches its quota."""

import pytest
from tests.detect.windows import Told, ago, found, window

from etcdscope.detect.forecast import quota_forecast
from etcdscope.model.signal import (
    COMPACT_REVISION,
    CURRENT_REVISION,
    DB_BYTES,
    DB_BYTES_LONG,
    DB_IN_USE_BYTES,
    DB_IN_USE_BYTES_LONG,
    KEYS,
    QUOTA_BYTES,
)

MIB = 2.0**20
HOUR = 3600.0


def growing(hours_left: float, looked_back: float, *, quota: float = 2000) -> Told:
    """Return a database of 1000 MiB that is full in so many hours, known for so many seconds."""
    rate = (quota - 1000) / (hours_left * HOUR)

    def at(age: float) -> tuple[float, float]:
        return age, (1000 - rate * age) * MIB

    fine = ago(*(at(a / 2) for a in range(int(2 * min(looked_back, 900)), -1, -1)))
    long = ago(*(at(60.0 * m) for m in range(int(looked_back / 60), -1, -1)))
    return {
        DB_BYTES: fine,
        DB_BYTES_LONG: long,
        DB_IN_USE_BYTES: fine,
        DB_IN_USE_BYTES_LONG: long,
        QUOTA_BYTES: quota * MIB,
    }


@pytest.mark.parametrize(
    ("told", "said"),
    [
        pytest.param(growing(0.1, 200), [("m1", "critical")], id="minutes left"),
        pytest.param(growing(0.9, 1000), [("m1", "critical")], id="under an hour"),
        pytest.param(growing(3.0, HOUR), [("m1", "warning")], id="under four hours"),
        pytest.param(growing(12.0, 4 * HOUR), [("m1", "info")], id="today"),
        pytest.param(growing(40.0, 12 * HOUR), [], id="not today"),
        pytest.param(growing(3.0, 900), [], id="hours ahead, seen for minutes only"),
        pytest.param(growing(-3.0, HOUR), [], id="shrinking"),
    ],
)
def test_forecast_is_graded_by_the_time_that_is_left(
    told: Told, said: list[tuple[str, str]]
) -> None:
    assert found(quota_forecast, window({"m1": told}, began=13 * HOUR)) == said


def test_forecast_says_when_with_a_range_and_what_fills_it() -> None:
    told = growing(3.0, HOUR) | {
        CURRENT_REVISION: 90_000.0,
        COMPACT_REVISION: 10_000.0,
        KEYS: 2_000.0,
    }

    (finding,) = quota_forecast(window({"m1": told}))

    assert "will be full in 2." in finding.summary
    assert "UTC" in finding.summary
    assert finding.summary.endswith(
        "80000 revisions since the last compaction for 2000 keys: history"
    )


def test_members_that_grow_alike_are_one_matter() -> None:
    told = growing(3.0, HOUR)

    (finding,) = quota_forecast(window({"m1": told, "m2": told, "m3": told}))

    assert finding.subject.kind == "cluster"
