"""Censuses: how they add up, what of them is kept, and what changed between two."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from tests.surfaces.registry.states import FILE, LATER, LIVE, cell

from etcdscope.model.census import NEWEST_CELLS, OTHER, SLIM_ROWS, Cell, Census, Chronicle
from etcdscope.model.census_change import difference

HOUR, DAY = 3600.0, 86400.0
AT = 1_795_330_000.0

cells = st.builds(
    cell,
    st.sampled_from([f"r{n}" for n in range(8)]),
    st.sampled_from(["", "a", "b", "c"]),
    st.integers(0, 50),
    st.integers(0, 10**6),
)


@given(st.lists(cells, max_size=40))
def test_rows_by_resource_add_up_to_the_total(found: list[Cell]) -> None:
    one = Census(AT, "x", 1, cells=tuple(found))

    for attribute in ("keys", "bytes", "writes"):
        by_resource = sum(getattr(row, attribute) for row in one.by_resource())
        assert by_resource == sum(getattr(c, attribute) for c in found)
    named = sum(c.bytes for c in found if c.namespace)
    assert sum(row.bytes for row in one.by_namespace()) == named


@given(st.lists(cells, max_size=40), st.integers(0, 6))
def test_a_smaller_census_has_the_same_sums(found: list[Cell], most: int) -> None:
    one = Census(AT, "x", 1, cells=tuple(found))
    resources = {c.resource for c in found}

    bounded, slim = one.bounded(most), one.slim(most)

    assert len(bounded.cells) <= most + len(resources)
    assert len(slim.cells) <= most + 1
    for smaller in (bounded, slim):
        assert smaller.total.bytes == one.total.bytes
        assert smaller.total.keys == one.total.keys
    assert {r.resource: r.bytes for r in bounded.by_resource()} == {
        r.resource: r.bytes for r in one.by_resource()
    }


def test_what_is_not_known_of_one_is_not_known_of_the_sum() -> None:
    known, unknown = FILE.cells[0], replace(LIVE.cells[1])
    assert (known + unknown).revisions is None
    assert (known + known).revisions == 2 * (known.revisions or 0)


def test_a_chronicle_keeps_each_hour_of_a_day_and_a_day_of_a_fortnight() -> None:
    chronicle = Chronicle()
    for hour in range(24 * 40):
        chronicle = chronicle.extended(replace(LIVE, at=AT + hour * HOUR, revision=hour))

    last = chronicle.last
    assert last
    ages = [(last.at - census.at) / HOUR for census in chronicle.censuses]
    assert ages == sorted(ages, reverse=True)
    assert [age for age in ages if age <= 24] == [float(h) for h in range(24, -1, -1)]
    assert len(ages) <= 27 + 15
    assert 13 * 24 < ages[0] <= 15 * 24
    assert last.largest
    assert not chronicle.censuses[0].largest


def test_a_chronicle_finds_the_census_of_a_time_before() -> None:
    chronicle = Chronicle()
    for hour in range(10):
        chronicle = chronicle.extended(replace(LIVE, at=AT + hour * HOUR))

    before = chronicle.before(6 * HOUR)
    assert before
    assert before.at == AT + 3 * HOUR
    assert chronicle.before(20 * HOUR) is None
    assert Chronicle().before(1.0) is None


def test_a_chronicle_of_a_huge_cluster_stays_small() -> None:
    many = tuple(cell(f"r{n % 400}", f"ns{n}", 1, n) for n in range(20_000))
    chronicle = Chronicle()
    for hour in range(3):
        chronicle = chronicle.extended(replace(LIVE, at=AT + hour * HOUR, cells=many))

    old, _, new = chronicle.censuses
    assert len(new.cells) <= NEWEST_CELLS + 400
    assert len(old.cells) == SLIM_ROWS + 1
    assert OTHER in {c.resource for c in old.cells}
    assert old.total.bytes == new.total.bytes == Census(AT, "x", 1, cells=many).total.bytes


def test_a_clock_that_was_set_back_loses_the_future_and_no_more() -> None:
    chronicle = Chronicle().extended(replace(LIVE, at=AT + DAY)).extended(replace(LIVE, at=AT))
    assert [census.at for census in chronicle.censuses] == [AT]


@given(st.lists(cells, max_size=20), st.lists(cells, max_size=20))
def test_a_difference_is_what_is_there_less_what_was(before: list[Cell], after: list[Cell]) -> None:
    one = Census(AT, "x", 1, cells=tuple(before))
    other = Census(AT + 60, "x", 9, cells=tuple(after))

    found = difference(one, other)

    assert sum(c.bytes for c in found.resources) == other.total.bytes - one.total.bytes
    assert sum(c.keys for c in found.resources) == other.total.keys - one.total.keys
    assert difference(one, one).resources == ()


def test_the_largest_change_comes_first() -> None:
    found = difference(LIVE, LATER)
    assert [c.name for c in found.resources[:2]] == ["events", "secrets"]
    assert found.revisions == 60_000 - 48_211


def test_keys_that_were_replaced_count_as_written_where_that_can_be_told() -> None:
    before = Census(AT, "x", 10, cells=(cell("events", "a", 100, 1000),))
    after = Census(AT + 60, "x", 30, cells=(cell("events", "a", 101, 1000, changed=40),))

    assert difference(before, replace(after, since=10)).resources[0].writes == 40
    assert difference(before, replace(after, since=5)).resources[0].writes == 2
    assert difference(before, after).resources[0].writes == 2
