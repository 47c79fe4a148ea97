"""The table says what the lab can do, and the plan runs what was asked for."""

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from bench.faults.plan import Job, Wanted, jobs, known
from bench.faults.rows import About, Row
from bench.faults.specs import SPECS
from bench.faults.table import FAULTS
from bench.faults.trial import ALONE, Company
from bench.faults.works import WORKS

from etcdscope.lab.faults import FAULTS as KINDS


@pytest.mark.parametrize("row", FAULTS, ids=lambda row: row.id)
def test_a_row_is_something_that_the_lab_can_do(row: Row) -> None:
    assert row.spec in SPECS
    assert row.harms
    for harm in row.harms:
        assert harm.truth.causes
        assert not set(harm.truth.causes) & harm.truth.effects
        if harm.fault:
            KINDS[harm.fault].read(harm.options)  # refuses what it does not know
            assert harm.target or not KINDS[harm.fault].target or harm.fault == "flap"
        else:
            assert harm.truth.about is About.CLUSTER


def test_the_table_is_large_and_every_look_alike_has_another() -> None:
    ids = Counter([row.id for row in FAULTS] + [work.id for work in WORKS])
    pairs = Counter(row.pair for row in FAULTS if row.pair)

    assert max(ids.values()) == 1
    assert min(pairs.values()) > 1
    assert len(FAULTS) >= 45
    assert sum(row.double for row in FAULTS) >= 5
    assert len(WORKS) == 8
    assert {work.spec for work in WORKS} <= set(SPECS)


def planned(wanted: Wanted, done: Counter[str] | None = None) -> list[Job]:
    return jobs(wanted, done or Counter(), Company(Path("nowhere")), ALONE)


def test_everything_comes_once_before_anything_comes_twice() -> None:
    numbers = [job.number for job in planned(Wanted(repeats=2)) if job.kind != "healthy"]

    assert numbers == sorted(numbers)
    assert len(numbers) == 2 * (len(FAULTS) + len(WORKS))


def test_rows_of_one_cluster_follow_each_other() -> None:
    specs = [job.spec for job in planned(Wanted(only=("faults",)))]

    assert sum(a != b for a, b in pairwise(specs)) == len(set(specs)) - 1


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        pytest.param(Wanted(only=("two-*",)), {"two-killed", "two-frozen", "two-voters"}, id="*"),
        pytest.param(
            Wanted(only=("two-*",), skip=("two-f*",)), {"two-killed", "two-voters"}, id="skip"
        ),
        pytest.param(Wanted(only=("works",)), {work.id for work in WORKS}, id="a kind"),
        pytest.param(Wanted(only=("healthy",)), {"healthy"}, id="healthy"),
        pytest.param(Wanted(only=("healthy",), soak_minutes=0), set(), id="no soak"),
    ],
)
def test_only_what_was_asked_for_is_run(wanted: Wanted, ids: set[str]) -> None:
    assert {job.id for job in planned(wanted)} == ids


def test_what_was_run_before_is_not_run_again() -> None:
    done = Counter({"leader-killed": 2, "follower-killed": 1})
    wanted = Wanted(only=("leader-killed", "follower-killed"), repeats=3)

    left = [(job.id, job.number) for job in planned(wanted, done)]

    assert left == [("follower-killed", 2), ("leader-killed", 3), ("follower-killed", 3)]


@pytest.mark.parametrize(
    ("pattern", "there"),
    [("leader-killed", True), ("leader-*", True), ("works", True), ("leader-kiled", False)],
)
def test_a_mistyped_id_is_known_as_such(pattern: str, there: bool) -> None:
    assert known(pattern) is there
