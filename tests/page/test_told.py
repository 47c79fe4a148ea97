"""What is made up for the page has the very shapes of the API, so that no view is fooled."""

import time
from typing import Any

import msgspec
import pytest
from tests.page import censuses, stories, told

from etcdscope.surfaces.registry.objects import DiffObject, RegistryObject
from etcdscope.surfaces.view import shapes

NOW = time.time()


@pytest.mark.parametrize("level", ["ok", "warning", "critical", "unknown"])
@pytest.mark.parametrize(
    ("shape", "what"),
    [
        (shapes.SummaryObject, "summary"),
        (shapes.LiveObject, "live"),
        (shapes.ClusterView, "whole"),
    ],
)
def test_a_cluster(level: str, shape: type[Any], what: str) -> None:
    cluster = told.Cluster("prod", NOW, level)
    cluster.incidents = [stories.slow_disk(cluster, NOW - 60)]

    said = getattr(cluster, what)()

    assert {*said} == {*shape.__struct_fields__}
    msgspec.convert(said, shape)


@pytest.mark.parametrize("until", [None, NOW - 10], ids=["open", "over"])
def test_an_incident(until: float | None) -> None:
    cluster = told.Cluster("prod", NOW, "critical")
    story = stories.followed(cluster, stories.slow_disk(cluster, NOW - 60, until))

    msgspec.convert(story, shapes.StoryObject)


def test_charts_and_lanes() -> None:
    cluster = told.Cluster("prod", NOW)
    for name, *_ in told.CHARTS:
        msgspec.convert(
            told.chart(cluster, name, (NOW - 900, NOW), 5.0), shapes.RangeObject, strict=False
        )
    msgspec.convert(cluster.lanes(NOW - 900, NOW), shapes.LanesObject)


def test_a_census_adds_up_and_so_does_what_changed() -> None:
    census = censuses.registry(NOW)

    msgspec.convert(census, RegistryObject)
    msgspec.convert(censuses.diff(NOW), DiffObject)
    assert sum(row["bytes"] for row in census["resource"]) == census["bytes"]
