"""What fills the database, by its keys."""

from dataclasses import replace

import pytest
from tests.detect.windows import NOW, ago, window
from tests.surfaces.registry.states import cell, key

from etcdscope.detect.monitor import registry_uncounted
from etcdscope.detect.owner import owner
from etcdscope.detect.registry import (
    events_flood,
    keys_orphaned,
    objects_giant,
    registry_growing,
)
from etcdscope.detect.space import quota_near
from etcdscope.model.census import REGISTRY_AT, REQUEST_LIMIT, Cell, Census, Chronicle, Key, Orphan
from etcdscope.model.finding import BlindSpot, Finding, Severity, Subject
from etcdscope.model.reading import Failure
from etcdscope.model.signal import DB_BYTES, QUOTA_BYTES, REGISTRY
from etcdscope.model.window import Look, Window

HOUR, MIB = 3600.0, 2**20
NAMESPACES = cell("namespaces", "", 30, 12_000)
PODS = cell("pods", "shop", 3000, 20 * MIB)
INFO, WARNING = Severity.INFO, Severity.WARNING


def census(*cells: Cell, age: float = 0.0, **more: object) -> Census:
    found = Census(NOW - 60.0 - age, "m2", 1000, cells=(NAMESPACES, *cells), orphans=())
    return replace(found, **more)  # type: ignore[arg-type]


def counted(*censuses: Census, quota: float = 2048 * MIB, size: float = 100 * MIB) -> Window:
    """Return a window in which these censuses were made; the newest a minute ago."""
    seen = {REGISTRY_AT: {REGISTRY: ago((60.0, Chronicle(censuses)))}}
    members = {m: {QUOTA_BYTES: quota, DB_BYTES: size} for m in ("m1", "m2", "m3")}
    return window({**seen, **members})


def severities(found: list[Finding]) -> list[Severity]:
    return [finding.severity for finding in found]


# --- events --------------------------------------------------------------------------------------


def events(keys: int, size: int, namespace: str = "ci") -> Cell:
    return cell("events", namespace, keys, size)


def hours(*numbers: int) -> list[Census]:
    """Return censuses with so many events, an hour apart; events are a third of the bytes."""
    return [
        census(PODS, events(n, 10 * MIB), age=(len(numbers) - i) * HOUR)
        for i, n in enumerate(numbers)
    ]


@pytest.mark.parametrize(
    ("censuses", "told"),
    [
        pytest.param([census(PODS, events(30_000, 30 * MIB))], [WARNING], id="half of everything"),
        pytest.param(
            [*hours(900, 1_100, 1_000), census(PODS, events(30_000, 10 * MIB))],
            [INFO],
            id="thirty times as many as usual",
        ),
        pytest.param([census(PODS, events(8_206, 5_525_623))], [], id="the recorded cluster"),
        pytest.param([census(PODS, events(30_000, 10 * MIB))], [], id="what is usual is not known"),
        pytest.param(
            [*hours(28_000, 33_000, 30_000), census(PODS, events(31_000, 10 * MIB))],
            [],
            id="a CI cluster that always has so many",
        ),
        pytest.param([census(events(19_999, 30 * MIB))], [], id="few, in an empty cluster"),
        pytest.param([], [], id="nothing was counted"),
    ],
)
def test_events_flood_is_told_by_share_and_by_what_is_usual(
    censuses: list[Census], told: list[Severity]
) -> None:
    found = events_flood(counted(*censuses))
    assert severities(found) == told
    assert all(finding.subject == Subject("resource", "events") for finding in found)


def test_a_flood_names_its_namespace() -> None:
    one = census(PODS, events(30_000, 30 * MIB), events(100, 90_000, "shop"))
    (found,) = events_flood(counted(*hours(900, 1000, 1100), one))
    assert found.summary == (
        "30100 events take 61% of the live data (31 MiB), 30 times as many as usual, 100% of them"
        " in namespace ci"
    )


def test_events_of_no_kubernetes_are_nobodys_flood() -> None:
    one = replace(census(), cells=(events(90_000, 90 * MIB),))
    assert events_flood(counted(one)) == []


# --- orphans -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("orphans", "told"),
    [
        pytest.param((Orphan("acme.io/widgets", 41_000, 1200 * MIB),), [WARNING], id="many"),
        pytest.param((Orphan("acme.io/widgets", 10, 200 * MIB),), [WARNING], id="large ones"),
        pytest.param((Orphan("acme.io/widgets", 9_999, MIB),), [INFO], id="some"),
        pytest.param(
            (Orphan("a.io/xs", 1, 9), Orphan("b.io/ys", 1, 9)), [INFO, INFO], id="of two kinds"
        ),
        pytest.param((), [], id="none"),
        pytest.param(None, [], id="could not be told"),
    ],
)
def test_orphans_are_graded_by_what_they_take(
    orphans: tuple[Orphan, ...] | None, told: list[Severity]
) -> None:
    assert severities(keys_orphaned(counted(census(PODS, orphans=orphans)))) == told


# --- giants --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("largest", "told"),
    [
        pytest.param([key("/registry/configmaps/a/b", 1_500_000)], [WARNING], id="near 1.5 MiB"),
        pytest.param([key("/registry/configmaps/a/b", 1_048_577)], [INFO], id="over 1 MiB"),
        pytest.param([key("/registry/configmaps/a/b", 1_048_576)], [], id="at 1 MiB"),
        pytest.param([key("/registry/configmaps/a/b", 1_020_220)], [], id="the recorded cluster"),
        pytest.param([], [], id="not looked at"),
    ],
)
def test_giants_are_graded_by_what_etcd_takes(largest: list[Key], told: list[Severity]) -> None:
    assert severities(objects_giant(counted(census(PODS, largest=tuple(largest))))) == told


@pytest.mark.parametrize(
    ("pods", "told"),
    [
        pytest.param(20 * MIB, [], id="a small database"),
        pytest.param(100 * MIB, [], id="a tenth of a large one"),
        pytest.param(4 * MIB, [], id="most of a small one"),
    ],
)
def test_a_few_objects_matter_where_they_are_most_of_a_large_database(
    pods: int, told: list[Severity]
) -> None:
    twenty = tuple(key(f"/registry/configmaps/a/{n}", 600_000) for n in range(20))
    rest = cell("configmaps", "a", 20, 12_000_000)
    one = census(cell("pods", "a", 10, pods), rest, largest=twenty)
    assert severities(objects_giant(counted(one))) == told


def test_twenty_that_are_most_of_a_large_database_are_told() -> None:
    twenty = tuple(key(f"/registry/configmaps/a/{n}", 1_000_000) for n in range(20))
    heavy = cell("configmaps", "a", 120, 106 * MIB)
    one = census(heavy, largest=tuple(replace(k, value_bytes=4 * MIB) for k in twenty))
    assert severities(objects_giant(counted(one))) == [WARNING]
    assert REQUEST_LIMIT < 4 * MIB


# --- growth --------------------------------------------------------------------------------------


def growing(*sizes: int, every: float = HOUR) -> list[Census]:
    return [
        census(cell("configmaps", "shop", size // 1000, size), age=(len(sizes) - 1 - i) * every)
        for i, size in enumerate(sizes)
    ]


STEADY = [(100 + 20 * n) * MIB for n in range(9)]


@pytest.mark.parametrize(
    ("censuses", "size", "told"),
    [
        pytest.param(growing(*STEADY), 300 * MIB, [INFO], id="the quota is far away"),
        pytest.param(growing(*STEADY), 1400 * MIB, [WARNING], id="full within three days"),
        pytest.param(growing(*STEADY[:5]), 1400 * MIB, [], id="four hours are a roll-out"),
        pytest.param(
            growing(*STEADY[:4], STEADY[2], *STEADY[4:8]), 1400 * MIB, [], id="it also shrinks"
        ),
        pytest.param(growing(*[200 * MIB] * 9), 1400 * MIB, [], id="nothing grows"),
        pytest.param(
            growing(*[(1000 + 5 * n) * MIB for n in range(9)]), 1400 * MIB, [], id="a few per cent"
        ),
        pytest.param(growing(*[(1 + n) * MIB for n in range(9)]), 50 * MIB, [], id="a few MiB"),
        pytest.param([], 100 * MIB, [], id="nothing was counted"),
    ],
)
def test_growth_is_told_where_it_is_steady_and_large(
    censuses: list[Census], size: float, told: list[Severity]
) -> None:
    found = registry_growing(counted(*censuses, size=size))
    assert severities(found) == told


def test_growth_names_who_grows_and_when_the_quota_is_full() -> None:
    (found,) = registry_growing(counted(*growing(*STEADY), size=1400 * MIB))
    assert found.subject == Subject("resource", "configmaps")
    assert found.summary.startswith("configmaps grew by 125 MiB and")
    assert "at this pace the quota is full in 1.3 days" in found.summary
    assert found.summary.endswith("100% of them in namespace shop")


# --- what others say of it -----------------------------------------------------------------------


def test_an_owner_is_named_with_his_share_and_growth() -> None:
    told = {e.signal: (e.value, e.says) for e in owner(counted(*growing(*STEADY)))}
    assert told["registry_owner"] == ("configmaps", "100% of 270 MiB of live data")
    assert told["registry_grew"] == ("configmaps", "by 124.8 MiB in 6 h")


def test_a_quota_incident_names_the_owner_once() -> None:
    (found,) = quota_near(counted(*growing(*STEADY), size=1900 * MIB))
    assert [e.value for e in found.evidence if e.signal == "registry_owner"] == ["configmaps"]


def test_nobody_is_named_where_nothing_was_counted() -> None:
    assert owner(window()) == ()
    stale = {REGISTRY_AT: {REGISTRY: ago((9000.0, Chronicle((census(PODS),))))}}
    assert owner(window(stale)) == ()


@pytest.mark.parametrize("failure", [Failure.PERMISSION_DENIED, Failure.TIMEOUT, None])
def test_a_census_that_failed_is_a_blind_spot(failure: Failure | None) -> None:
    look = Look("registry", REGISTRY_AT, "", NOW, NOW, failure, "no", 1)
    found = [*registry_uncounted.look(window(looks=[look]))]
    assert [spot.why for spot in found if isinstance(spot, BlindSpot)] == (
        ["no"] if failure else []
    )
