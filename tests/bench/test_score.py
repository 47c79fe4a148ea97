"""What pages are worth: named, exact, unrelated, closed; for us and for the peer alike."""

from collections.abc import Sequence

import pytest
from bench.faults.facts import Notice, Seen, Sighting, Trial
from bench.faults.rows import About, Haste, Row, Truth, harm, row
from bench.faults.score import all_named, false_incidents, left_over, score

DOWN = Truth(("member-down",), ("etcdMembersDown",), frozenset({"leader-changed"}))
SLOW = Truth(("wal-fsync-slow",), ("etcdHighFsyncDurations",))
LOST = Truth(("quorum-lost",), (), frozenset(), About.CLUSTER)
ALONE = Truth(("member-isolated",), (), frozenset(), About.OTHERS)

KILLED = row("killed", Haste.HARD, harm("kill", "leader", DOWN))
BOTH = row("both", Haste.HARD, harm("kill", "", DOWN), harm("slow-disk", "", SLOW))

PREPARED, BEGAN, HEALED = 99.0, 100.0, 130.0
IDENTITIES: dict[str, tuple[str, ...]] = {
    "m1": ("a1", "10.0.0.1"),
    "m2": ("b2", "10.0.0.2"),
    "m3": ("c3", "10.0.0.3"),
}


def page(at: float, name: str, *about: str, key: str = "k1", severity: str = "critical") -> Notice:
    return Notice(at, "opened", key, name, severity, about)


def end(at: float, key: str = "k1") -> Notice:
    return Notice(at, "closed", key, "member-down", "critical")


def trial(
    notices: Sequence[Notice],
    *,
    began: tuple[float, ...] = (BEGAN,),
    hit: tuple[tuple[str, ...], ...] = (("m1",),),
    sightings: Sequence[Sighting] = (),
) -> Trial:
    seen = Seen("1", tuple(notices), tuple(sightings))
    return Trial(
        id="x",
        kind="fault",
        number=1,
        spec="three",
        etcd="3.5",
        started=PREPARED,
        ended=200.0,
        began=began,
        healed=HEALED,
        hit=hit,
        identities=IDENTITIES,
        observers={"one": seen},
    )


@pytest.mark.parametrize(
    ("notices", "told", "cause", "named"),
    [
        pytest.param([], None, False, None, id="silence"),
        pytest.param([page(101, "member-down", "m1")], 1.0, True, 1.0, id="by name"),
        pytest.param([page(101, "member-down", "a1")], 1.0, True, 1.0, id="by id"),
        pytest.param([page(160, "etcdMembersDown")], None, False, None, id="after the healing"),
        pytest.param([page(120, "etcdMembersDown")], 20.0, True, None, id="without a member"),
        pytest.param(
            [page(120, "etcdMembersDown", "10.0.0.1")], 20.0, True, 20.0, id="by instance"
        ),
        pytest.param([page(101, "member-down", "m2")], 1.0, True, None, id="the wrong member"),
        pytest.param([page(101, "member-frozen", "m1")], 1.0, False, None, id="the wrong cause"),
        pytest.param(
            [page(101, "member-down", "m1", severity="info")], None, False, None, id="only a note"
        ),
        pytest.param(
            [page(101, "member-frozen", "m1"), page(103, "member-down", "m1")],
            1.0, True, 3.0, id="corrected later",
        ),
        pytest.param(
            [page(50, "member-down", "m1"), page(101, "member-down", "m1")],
            None, False, None, id="told before: not of this fault",
        ),
        pytest.param(
            [page(99.5, "member-frozen", "m1"), page(101, "member-down", "m1")],
            1.0, True, 1.0, id="opened while the fault was prepared",
        ),
    ],
)  # fmt: skip
def test_a_page_is_worth_what_it_says(
    notices: list[Notice], told: float | None, cause: bool, named: float | None
) -> None:
    one = score(KILLED, trial(notices), "one")

    assert (one.told_s, one.cause, one.named_s) == (told, cause, named)
    assert one.exact is (named is not None)


def test_of_two_faults_both_must_be_named_each_from_its_own_beginning() -> None:
    first = page(102, "member-down", "m1")
    second = page(109, "wal-fsync-slow", "m2", key="k2")
    began, hit = (100.0, 105.0), (("m1",), ("m2",))

    half = trial([first], began=began, hit=hit)
    whole = trial([first, second], began=began, hit=hit)

    assert score(BOTH, half, "one").named_s is None
    assert not all_named(BOTH, half, "one")
    assert score(BOTH, whole, "one").named_s == 4.0
    assert all_named(BOTH, whole, "one")
    assert score(BOTH, whole, "one").unrelated == ()


def test_one_incident_about_the_wrong_one_of_two_faults_is_not_exact() -> None:
    swapped = [page(102, "member-down", "m2"), page(103, "wal-fsync-slow", "m1", key="k2")]

    one = score(BOTH, trial(swapped, began=(100.0, 100.0), hit=(("m1",), ("m2",))), "one")

    assert one.cause
    assert not one.exact
    assert one.unrelated == ("member-down", "wal-fsync-slow")


@pytest.mark.parametrize(
    ("notice", "unrelated"),
    [
        pytest.param(page(101, "member-down", "m1"), (), id="the cause"),
        pytest.param(page(101, "leader-changed", "m2"), (), id="an effect"),
        pytest.param(page(101, "etcdMembersDown"), (), id="the cause, about nobody"),
        pytest.param(page(101, "member-down", "m2"), ("member-down",), id="about another"),
        pytest.param(page(101, "db-fragmented"), ("db-fragmented",), id="something else"),
        pytest.param(page(150, "db-fragmented"), ("db-fragmented",), id="after the healing"),
    ],
)
def test_unrelated_is_what_is_neither_cause_nor_effect(
    notice: Notice, unrelated: tuple[str, ...]
) -> None:
    assert score(KILLED, trial([notice]), "one").unrelated == unrelated


def test_an_incident_that_ends_as_the_cause_was_not_unrelated() -> None:
    changed = [page(101, "disk-full", "m1"), page(104, "member-down", "m1")]

    one = score(KILLED, trial(changed), "one")

    assert one.first == "disk-full"
    assert one.unrelated == ()
    assert one.pages == 1


@pytest.mark.parametrize(
    ("truth", "about", "exact"),
    [
        pytest.param(LOST, (), True, id="the cluster needs no member"),
        pytest.param(ALONE, ("m3",), True, id="the one that was not hit"),
        pytest.param(ALONE, ("m1",), False, id="one of those that were hit"),
    ],
)
def test_whom_a_page_must_be_about(truth: Truth, about: tuple[str, ...], exact: bool) -> None:
    one: Row = row("x", Haste.HARD, harm("partition", "m1,m2", truth))
    told = page(101, truth.causes[0], *about)

    assert score(one, trial([told], hit=(("m1", "m2"),)), "one").exact is exact


@pytest.mark.parametrize(
    ("ends", "closed"),
    [
        pytest.param([end(133.0)], 3.0, id="after the healing"),
        pytest.param([end(120.0)], 0.0, id="before the healing counts as at once"),
        pytest.param([], None, id="still open at the end"),
        pytest.param([end(133.0, key="other")], None, id="another one closed"),
    ],
)
def test_closing_counts_from_the_healing(ends: list[Notice], closed: float | None) -> None:
    told = [page(101, "member-down", "m1"), *ends]

    assert score(KILLED, trial(told), "one").closed_s == closed


def test_a_true_expression_is_known_apart_from_its_hold_time() -> None:
    pending = [
        Sighting(95.0, "pending", "etcdMembersDown", 90.0),
        Sighting(104.0, "pending", "etcdNoLeader", 102.0),
        Sighting(106.0, "pending", "etcdMembersDown", 105.0),
    ]

    one = score(KILLED, trial([], sightings=pending), "one")

    assert not one.detected
    assert one.true_s == 5.0


def test_every_page_is_false_where_nothing_is_wrong() -> None:
    told = [
        page(50, "quota-near", key="before"),
        page(120, "member-down", "m1"),
        page(121, "wal-fsync-slow", "m1"),
        page(122, "etcdNoLeader", key="k2"),
        page(123, "leader-changed", key="k3", severity="info"),
    ]

    assert false_incidents(trial(told), "one") == ("etcdNoLeader", "member-down")
    assert left_over(trial(told), "one") == ("quota-near",)
