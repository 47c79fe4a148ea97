"""What the API is given."""

import json
from dataclasses import replace

import pytest
from jsonschema import Draft202012Validator
from tests.detect.windows import NOW, ago, window
from tests.surfaces.registry.states import LIVE

from etcdscope.model.census import REGISTRY_AT, Chronicle
from etcdscope.model.reading import Failure
from etcdscope.model.signal import REGISTRY
from etcdscope.model.window import Look, Window
from etcdscope.surfaces.registry.objects import encoded, schema
from etcdscope.surfaces.registry.view import NotCounted, compared, latest, moments, tree

HOUR = 3600.0


def counted(hours: int) -> Window:
    chronicle = Chronicle()
    for hour in range(hours):
        at = NOW - 60 - (hours - 1 - hour) * HOUR
        chronicle = chronicle.extended(replace(LIVE, at=at, revision=1000 + hour))
    return window({REGISTRY_AT: {REGISTRY: ago((60.0, chronicle))}})


def test_the_last_census_is_told_by_the_schema() -> None:
    told = json.loads(encoded(latest(counted(3))))
    Draft202012Validator(schema()["registry.schema.json"]).validate(told)
    assert told["revision"] == 1002


def test_the_tree_is_that_of_the_last_census() -> None:
    assert tree(counted(3))["keys"] == LIVE.total.keys


@pytest.mark.parametrize(
    ("before", "after", "revisions"),
    [
        pytest.param(None, None, 24, id="a day"),
        pytest.param(NOW - 2 * HOUR, None, 2, id="two hours"),
        pytest.param(NOW - 3 * HOUR, NOW - HOUR, 2, id="between two moments"),
    ],
)
def test_two_censuses_are_compared(
    before: float | None, after: float | None, revisions: int
) -> None:
    assert compared(counted(26), before, after).revisions == revisions


def test_moments_are_those_of_the_censuses() -> None:
    assert [round((NOW - at) / HOUR) for at in moments(counted(3))] == [2, 1, 0]
    assert moments(window()) == ()


@pytest.mark.parametrize(
    ("looked", "says"),
    [
        (window(), "not been counted yet"),
        (
            window(looks=[Look("registry", REGISTRY_AT, "", NOW, NOW, Failure.TIMEOUT, "m2 hung")]),
            "could not be counted: m2 hung",
        ),
        (window(looks=[Look("registry", REGISTRY_AT, "", NOW, NOW)]), "No API server keeps"),
    ],
)
def test_what_is_not_there_is_explained(looked: Window, says: str) -> None:
    for ask in (latest, tree, compared):
        with pytest.raises(NotCounted, match=says):
            ask(looked)


def test_what_is_too_long_ago_is_explained() -> None:
    with pytest.raises(NotCounted, match="Nothing was counted so long ago"):
        compared(counted(3), NOW - 99 * HOUR)
    with pytest.raises(NotCounted, match="only one census"):
        compared(counted(1))
