"""What `etcdscope registry` prints."""

from dataclasses import replace
from datetime import UTC

import pytest
from rich.cells import cell_len
from tests.surfaces.conftest import Shows
from tests.surfaces.registry.states import (
    COUNTED,
    EMPTY,
    FILE,
    LATER,
    LIVE,
    PARTIAL,
    cell,
)

from etcdscope.model.census import Census
from etcdscope.model.census_change import difference
from etcdscope.surfaces.registry.sentences import growth, headline
from etcdscope.surfaces.registry.text import diff, registry

CASES = {"live": LIVE, "file": FILE, "partial": PARTIAL, "counted": COUNTED, "empty": EMPTY}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("width", [None, 80])
def test_a_census_as_text(case: str, width: int | None, shows: Shows) -> None:
    shows(f"registry-{case}-{width or 'pipe'}", registry(CASES[case], width=width, zone=UTC))


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("case", CASES)
def test_nothing_is_wider_than_the_terminal(case: str, width: int) -> None:
    lines = registry(CASES[case], width=width, zone=UTC)
    assert [line.plain for line in lines if cell_len(line.plain) > width] == []


def test_what_changed_as_text(shows: Shows) -> None:
    shows("registry-diff", diff(difference(LIVE, LATER), width=80, zone=UTC))


def test_rows_that_are_left_out_are_counted() -> None:
    printed = "\n".join(line.plain for line in registry(LIVE, rows=2, zone=UTC))
    assert "… and 2 more" in printed
    assert "namespaces" not in printed


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        pytest.param((), "There are no keys.", id="none"),
        pytest.param(
            (cell("pods", "a", 10, 9_000), cell("events", "a", 2, 600)),
            "pods hold 93 % of 10 kB in 12 keys.",
            id="one",
        ),
        pytest.param(
            (cell("pods", "a", 10, 9_000), cell("events", "a", 20, 8_600)),
            "pods and events hold 100 % of 19 kB in 30 keys.",
            id="two alike",
        ),
        pytest.param(
            (replace(cell("pods", "a", 1, 960), revisions=9, tombstones=0, kept_bytes=9_960),),
            "pods hold 100 % of 1.0 kB in 1 key; 9.0 kB more are history, 100 % of it of pods.",
            id="history",
        ),
    ],
)
def test_the_headline_names_the_owner(cells: tuple[object, ...], says: str) -> None:
    assert headline(replace(EMPTY, cells=cells)) == says  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        pytest.param(
            LIVE,
            LATER,
            "+6.7 MB, +8 994 keys in 2.0 h: events grew most, by 6.4 MB and +9 000 keys; of 11 789"
            " writes most were of events (18 000) and pods (25).",
            id="grew",
        ),
        pytest.param(LIVE, LIVE, "It did not grow.", id="the same"),
        pytest.param(
            LATER, replace(LIVE, at=LATER.at),
            "−6.7 MB, −8 994 keys, most of it events.", id="shrank",
        ),
    ],
)  # fmt: skip
def test_the_headline_of_a_comparison_names_what_grew(
    before: Census, after: Census, says: str
) -> None:
    assert growth(difference(before, after)) == says
