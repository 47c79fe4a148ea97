"""The JSON, the table and the tree of a census."""

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from tests.sources.registry.recorded import expected, snapshot
from tests.surfaces.registry.states import COUNTED, EMPTY, FILE, LATER, LIVE, PARTIAL, cell

from etcdscope.model.census import Cell, Census
from etcdscope.model.census_change import difference
from etcdscope.sources.registry.offline import census
from etcdscope.surfaces.registry.objects import (
    census_of,
    diff_object,
    encoded,
    registry_object,
    schema,
)
from etcdscope.surfaces.registry.table import COLUMNS, table
from etcdscope.surfaces.registry.treemap import MOST_NAMESPACES, MOST_RESOURCES, Tile, treemap

ONE = Draft202012Validator(schema()["registry.schema.json"])
TWO = Draft202012Validator(schema()["registry-diff.schema.json"])


@pytest.mark.parametrize("one", [LIVE, FILE, PARTIAL, COUNTED, EMPTY])
def test_a_census_is_an_object_by_the_schema(one: Census) -> None:
    told = json.loads(encoded(registry_object(one)))

    ONE.validate(told)
    assert told["keys"] == one.total.keys
    assert told["bytes"] == told["key_bytes"] + told["value_bytes"]
    assert "null" not in json.dumps(told)


def test_the_recorded_snapshot_is_told_with_its_own_numbers(tmp_path: Path) -> None:
    told = json.loads(encoded(registry_object(census(snapshot(tmp_path)))))

    ONE.validate(told)
    assert told["revision"] == expected()["revision"]
    assert told["keys"] == expected()["keys_total"]
    assert told["bytes"] == expected()["key_bytes_total"] + expected()["value_bytes_total"]
    rows = {row["prefix"]: row for row in told["resource"]}
    for prefix, numbers in expected()["prefixes"].items():
        assert rows[prefix].items() >= numbers.items()
    names = [row["key"] for row in told["largest"]]
    assert names == [row["key"] for row in expected()["largest_keys_top20"]]


def test_what_was_printed_can_be_compared_later() -> None:
    before = census_of(encoded(registry_object(LIVE)))

    found = difference(before, LATER)

    assert [(c.name, c.keys, c.bytes) for c in found.resources] == [
        (c.name, c.keys, c.bytes) for c in difference(LIVE, LATER).resources
    ]


def test_a_comparison_is_an_object_by_the_schema() -> None:
    told = json.loads(encoded(diff_object(difference(LIVE, LATER))))

    TWO.validate(told)
    assert told["resource"][0]["name"] == "events"
    assert told["resource"][0]["keys"] == 9_000
    assert {row["name"] for row in told["resource"]} == {
        "events",
        "pods",
        "secrets",
        "db.example.org/databases",
    }


# --- the table -----------------------------------------------------------------------------------


def test_the_table_has_a_row_a_cell() -> None:
    rows = [*csv.DictReader(io.StringIO(table(FILE)))]

    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == len(FILE.cells)
    assert sum(int(row["keys"]) for row in rows) == FILE.total.keys
    assert rows[0]["revisions"] == "900"


def test_no_key_becomes_a_formula_of_a_spreadsheet() -> None:
    evil = Census(1.0, "x", 1, cells=(Cell('=cmd|"/c calc"', '=cmd|"/c calc"', keys=1),))
    assert [row[0] for row in csv.reader(io.StringIO(table(evil)))][1].startswith("'=")


# --- the tree ------------------------------------------------------------------------------------

cells = st.builds(
    cell,
    st.sampled_from([f"r{n}" for n in range(60)]),
    st.sampled_from(["", *(f"ns{n}" for n in range(40))]),
    st.integers(0, 50),
    st.integers(0, 10**6),
)


def leaves(tile: Tile) -> list[Tile]:
    return [leaf for child in tile["children"] for leaf in leaves(child)] or [tile]


@given(st.lists(cells, max_size=400))
def test_the_tree_is_bounded_and_nothing_is_lost(found: list[Cell]) -> None:
    one = Census(1.0, "x", 1, cells=tuple(found))
    tree = treemap(one)

    total = one.total
    assert (tree["keys"], tree["bytes"], tree["churn"]) == (total.keys, total.bytes, total.writes)
    assert len(tree["children"]) <= MOST_RESOURCES + 1
    for child in tree["children"]:
        assert len(child["children"]) <= MOST_NAMESPACES + 1
        if child["children"]:
            assert child["bytes"] == sum(one["bytes"] for one in child["children"])
    assert sum(leaf["bytes"] for leaf in leaves(tree)) == total.bytes


def test_the_tree_goes_from_resources_to_namespaces() -> None:
    tree = treemap(LIVE)

    pods = tree["children"][0]
    assert pods["name"] == "pods"
    assert [child["name"] for child in pods["children"]] == ["shop", "kube-system"]
    namespaces = next(t for t in tree["children"] if t["name"] == "namespaces")
    assert namespaces["children"] == []
