"""How counters have grown."""

import pytest
from tests.detect.scrapes import scraped, seen
from tests.detect.windows import Ago, ago, window

from etcdscope.detect.pace import mean, recent, steady, usual
from etcdscope.model.signal import (
    GRPC_ERRORS,
    METRICS_SECONDS,
    PUTS,
)


@pytest.mark.parametrize(
    ("times", "covers"),
    [
        pytest.param((11, 6, 1), 10, id="two intervals of five seconds"),
        pytest.param((6, 1), 0, id="one alone is too little"),
        pytest.param((4, 3, 2, 1), 0, id="zoomed, too short yet"),
        pytest.param((12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1), 8, id="zoomed"),
        pytest.param((21, 16, 11, 6, 5, 1), 10, id="a zoomed one between"),
        pytest.param((28, 23, 18), 0, id="nothing of late"),
    ],
)
def test_growth_is_told_where_scrapes_cover_enough(times: tuple[int, ...], covers: int) -> None:
    told = window(
        {"m1": {METRICS_SECONDS: ago(*((t, 0.01) for t in times)),
                PUTS: ago(*((t, -100.0 * t) for t in times))}}
    )  # fmt: skip

    assert sum(g.seconds for g in recent(told, "m1", PUTS)) == covers
    assert steady(told, "m1", PUTS) == (100.0 if covers else 0.0)


def test_a_burst_is_not_steady() -> None:
    told = seen({PUTS: scraped(0.0, 0.0, 0.0, 0.0, 5_000.0)})

    assert steady(told, "m1", PUTS) == 0.0
    assert mean(told, "m1", PUTS) == 500.0


def test_a_restart_counts_what_came_since() -> None:
    assert steady(seen({PUTS: scraped(9_000.0, 9_100.0, 50.0)}), "m1", PUTS) == 10.0


def test_a_series_that_appears_only_when_it_grows_stood_at_zero() -> None:
    key = "etcdserverpb.KV/Put/Unavailable"

    assert steady(seen({GRPC_ERRORS: {key: scraped(20.0, 50.0)}}), "m1", GRPC_ERRORS, key) == 4.0
    assert steady(seen({PUTS: scraped(20.0, 50.0)}), "m1", PUTS) == 0.0


@pytest.mark.parametrize(
    ("points", "began", "rate"),
    [
        pytest.param(ago((598, 100.0), (20, 386.0), (1, 900.0)), 600, 286 / 586, id="all along"),
        pytest.param(ago((100, 50.0), (20, 300.0), (1, 900.0)), 600, 300 / 586, id="came later"),
        pytest.param(ago((10, 50.0), (1, 900.0)), 600, 0.0, id="just now"),
        pytest.param(ago((10, 50.0), (1, 900.0)), 15, None, id="we are too new to know"),
    ],
)
def test_what_is_usual(points: Ago, began: float, rate: float | None) -> None:
    told = window({"m1": {GRPC_ERRORS: {"x": points}}}, began=began)

    assert usual(told, "m1", GRPC_ERRORS, "x") == (pytest.approx(rate) if rate else rate)
