"""Walks the table of causes."""

from graphlib import CycleError, TopologicalSorter

import pytest
from tests.detect.test_catalog import ADDED, CAUSES

from etcdscope.detect.catalog import DETECTORS
from etcdscope.diagnose.causes import TABLE, rows
from etcdscope.diagnose.explanation import Where, meet
from etcdscope.model.finding import CLUSTER, Finding, Severity, Subject

IDS = frozenset(d.id for d in DETECTORS) | CAUSES | ADDED
PLANNED = frozenset(d.id for d in DETECTORS if d.planned)


def test_every_chain_of_causes_ends() -> None:
    graph: dict[str, set[str]] = {}
    for row in TABLE:
        graph.setdefault(row.effect, set()).add(row.cause)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"these explain each other: {' ← '.join(error.args[1])}")


@pytest.mark.parametrize("row", [pytest.param(r, id=f"{r.cause}→{r.effect}") for r in TABLE])
def test_row_speaks_of_known_causes(row: object) -> None:
    assert {getattr(row, "cause"), getattr(row, "effect")} <= IDS  # noqa: B009


def test_no_row_stands_there_twice() -> None:
    pairs = [(r.cause, r.effect, r.where) for r in TABLE]

    assert sorted({str(p) for p in pairs}) == sorted(str(p) for p in pairs)


def test_planned_work_never_explains_a_lost_quorum_or_lost_data() -> None:
    never = {"quorum-lost", "quota-exhausted", "data-diverged", "alarm-corrupt", "disk-full"}

    assert not {r.effect for r in TABLE if r.cause in PLANNED} & never


def test_nothing_explains_planned_work() -> None:
    assert not {r.effect for r in TABLE} & PLANNED


def test_rows_are_found_by_cause_and_effect() -> None:
    assert [r.effect for r in rows("quota-exhausted", "quota-near")] == ["quota-near"]
    assert rows("quota-near", "quota-exhausted") == ()


def of(subject: Subject) -> Finding:
    return Finding(subject, Severity.WARNING, "")


M1, M2 = Subject.member("a1"), Subject.member("a2")


@pytest.mark.parametrize(
    ("where", "cause", "effect", "met"),
    [
        pytest.param(Where.ANYWHERE, M1, CLUSTER, True, id="anywhere"),
        pytest.param(Where.SAME, M1, M1, True, id="the same member"),
        pytest.param(Where.SAME, M1, M2, False, id="another member"),
        pytest.param(Where.WITHIN, CLUSTER, M1, True, id="the cluster's, and a part of it"),
        pytest.param(Where.WITHIN, M1, M1, True, id="a part's, and that part"),
        pytest.param(Where.WITHIN, M2, M1, False, id="a part's, and another part"),
        pytest.param(Where.TOUCHING, M1, Subject.link("a1", "a2"), True, id="a link that begins"),
        pytest.param(Where.TOUCHING, M2, Subject.link("a1", "a2"), True, id="a link that ends"),
        pytest.param(Where.TOUCHING, Subject.link("a1", "a2"), M1, True, id="the link's own end"),
        pytest.param(Where.TOUCHING, Subject.link("a1", "a2"), M2, True, id="its far end"),
        pytest.param(
            Where.TOUCHING, Subject.member("a3"), Subject.link("a1", "a2"), False, id="elsewhere"
        ),
        pytest.param(Where.TOUCHING, CLUSTER, Subject.link("a1", "a2"), False, id="the cluster"),
    ],
)
def test_cause_and_effect_meet(where: Where, cause: Subject, effect: Subject, met: bool) -> None:
    assert meet(where, of(cause), of(effect)) is met
