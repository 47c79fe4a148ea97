import numpy as np
import pytest

from etcdscope.model.reading import Histogram
from etcdscope.model.window import quantile
from etcdscope.store.chunks import Floats
from etcdscope.store.series import How, Run, of_histogram, reduced, runs

N = float("nan")


@pytest.mark.parametrize(
    ("how", "samples", "points"),
    [
        pytest.param("mean", [1, 3, N, 5, N, N], [2, 5, N], id="mean of what is there"),
        pytest.param("max", [1, 3, N, 5, N, N], [3, 5, N], id="largest"),
        pytest.param("min", [1, 3, N, 5, N, N], [1, 5, N], id="smallest"),
        pytest.param("last", [1, 3, 4, N, N, N], [3, 4, N], id="last"),
        pytest.param("rate", [10, 20, 30, 50, 50, 50], [1, 3, 0], id="growth a second"),
        pytest.param("rate", [90, 100, 20, 30, N, N], [1, 3, N], id="a reset begins at nought"),
        pytest.param("rate", [10, N, N, 40, N, N], [N, 3, N], id="growth over a hole"),
    ],
)
def test_samples_become_points(how: How, samples: list[float], points: list[float]) -> None:
    np.testing.assert_array_equal(reduced(np.array(samples, float), 2, how, 10.0), points)


BOUNDS = (0.1, 0.2, 0.4, float("inf"))


def _scrapes(*rows: tuple[float, ...]) -> Floats:
    return np.array([[*row, row[-1] * 0.15] for row in rows], float)


def test_a_quantile_is_that_of_what_was_counted_within_the_step() -> None:
    samples = _scrapes((9, 9, 9, 9), (9, 9, 9, 9), (10, 14, 18, 19), (19, 33, 39, 41))

    got = of_histogram(samples, 2, "p90", 10.0, BOUNDS)

    counted = Histogram(BOUNDS, (10.0, 24.0, 30.0, 32.0), 0.0)
    assert np.isnan(got[0])
    assert got[1] == pytest.approx(quantile(counted, 0.9))


def test_a_quantile_past_the_last_bound_is_that_bound() -> None:
    samples = _scrapes((0, 0, 0, 0), (0, 0, 0, 10))

    assert of_histogram(samples, 2, "p99", 10.0, BOUNDS).tolist() == [0.4]


def test_rate_and_mean_of_a_histogram() -> None:
    samples = _scrapes((0, 0, 0, 0), (1, 5, 9, 10))

    assert of_histogram(samples, 2, "rate", 10.0, BOUNDS).tolist() == [1.0]
    assert of_histogram(samples, 2, "mean", 10.0, BOUNDS).tolist() == pytest.approx([0.15])


def test_a_restarted_member_begins_to_count_anew() -> None:
    samples = _scrapes((100, 100, 100, 100), (5, 5, 5, 5))

    assert of_histogram(samples, 2, "rate", 10.0, BOUNDS).tolist() == [0.5]


def test_words_become_runs_and_a_long_silence_ends_one() -> None:
    codes = np.array([1, 1, N, 1, 2, 2, *[N] * 20, 2])

    assert runs(codes, 100, 5.0, {1: "follower", 2: "leader"}) == [
        Run(500.0, 520.0, "follower"),
        Run(520.0, 530.0, "leader"),
        Run(630.0, 635.0, "leader"),
    ]
