"""When will the quota be full?"""

from collections.abc import Callable

import pytest

from etcdscope.model.trend import Outlook, floors, outlook, theil_sen

MIB = 2.0**20
HOUR = 3600.0
QUOTA = 1000 * MIB


def track(seconds: float, value: Callable[[float], float]) -> list[tuple[float, float]]:
    """Return MiB every 10 s up to now, which is 0; ``value`` gets the seconds since the begin."""
    steps = int(seconds / 10)
    return [(10.0 * (i - steps), value(10.0 * i) * MIB) for i in range(steps + 1)]


def asked(
    size: Callable[[float], float], in_use: Callable[[float], float], seconds: float
) -> Outlook | None:
    """Return the outlook after so many seconds."""
    return outlook(track(seconds, size), track(seconds, in_use), QUOTA, 0.0)


def test_theil_sen_is_not_moved_by_a_few_wrong_points() -> None:
    points = [(float(i), 2.0 * i) for i in range(20)]
    points[3] = (3.0, 900.0)
    points[17] = (17.0, -900.0)

    assert theil_sen(points) == pytest.approx(2.0)


def test_floor_of_a_saw_tooth_is_the_lowest_of_each_tooth() -> None:
    teeth = [(float(t), 100.0 + t % 10) for t in range(100)]

    assert {value for _, value in floors(teeth, 10.0)} == {100.0}


@pytest.mark.parametrize(
    ("seconds", "rate", "left"),
    [
        pytest.param(200, 2.0, 300.0, id="minutes left, after three minutes"),
        pytest.param(1800, 0.2, 3200.0, id="an hour left, after half an hour"),
        pytest.param(4 * HOUR, 0.025, 25_600.0, id="seven hours left, after four"),
    ],
)
def test_steady_growth_is_foreseen(seconds: float, rate: float, left: float) -> None:
    seen = asked(lambda t: rate * t, lambda t: rate * t, seconds)

    assert seen
    assert seen.likely == pytest.approx(left, rel=0.03)
    assert seen.soonest <= seen.likely <= seen.latest
    assert seen.rate == pytest.approx(rate * MIB, rel=0.03)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        pytest.param(1000, False, id="two hours left, seen for a quarter of an hour"),
        pytest.param(2000, True, id="two hours left, seen for half an hour"),
    ],
)
def test_nothing_is_foreseen_further_ahead_than_four_looks_back(seconds: float, told: bool) -> None:
    def size(t: float) -> float:
        return 250 + 0.1 * t + (0 if told else 100)

    assert (asked(size, size, seconds) is not None) is told


def test_saw_tooth_with_a_flat_floor_is_no_growth() -> None:
    def teeth(t: float) -> float:
        return 300 + 200 * (t % 300) / 300

    assert asked(lambda t: 500.0, teeth, 2 * HOUR) is None


def test_free_pages_are_used_up_before_the_file_grows() -> None:
    """The file stands at 600 MiB; what is in it rises by 240 MiB an hour, in saw-teeth of 20."""
    seen = asked(lambda _: 600.0, lambda t: 100 + t * 240 / HOUR + 20 * (t % 300) / 300, 1.5 * HOUR)

    assert seen
    assert seen.likely == pytest.approx((1000 - 480) * HOUR / 240, rel=0.1)


def test_file_that_refills_after_a_defragmentation_does_not_grow() -> None:
    def size(t: float) -> float:
        return 800.0 if t < 3000 else min(300 + (t - 3000) * 1.0, 800)

    def in_use(t: float) -> float:
        return 300 + 500 * (t % 500) / 500

    assert outlook(track(3300, size), track(3300, in_use), QUOTA, 0.0) is None


@pytest.mark.parametrize(
    ("over_for", "told"),
    [
        pytest.param(0, True, id="while it goes on"),
        pytest.param(60, False, id="a minute after its end"),
        pytest.param(600, False, id="long after"),
    ],
)
def test_forecast_ends_when_growth_ends(over_for: float, told: bool) -> None:
    lasts = 240.0

    def size(t: float) -> float:
        return 100 + 2.0 * min(t, lasts)

    assert (asked(size, size, lasts + over_for) is not None) is told


def test_full_quota_has_no_future() -> None:
    assert outlook([(0.0, QUOTA)], [(0.0, QUOTA)], QUOTA, 0.0) is None


def test_nothing_is_known_of_a_database_that_was_not_seen() -> None:
    assert outlook([], [], QUOTA, 0.0) is None
