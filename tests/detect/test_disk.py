"""How long a write waits until it is safe."""

import pytest
from tests.detect.windows import Told, ago, counted, found, window

from etcdscope.detect.disk import storage_stalled_together, wal_fsync_slow
from etcdscope.model.reading import Histogram
from etcdscope.model.signal import (
    CONNECT_SECONDS,
    LOOP_LAG,
    RAFT_LEAD,
    RAFT_STATE,
    RAFTVARS_SECONDS,
    STATUS_SECONDS,
    WAL_FSYNC,
)


def fsyncs(**seconds: float) -> Told:
    """Return a member whose fsyncs of the last five seconds took these: ``fsyncs(ms300=20)``."""
    empty = counted()
    return {WAL_FSYNC: ago((5.1, empty), (0.1, counted(**seconds)))}


FINE = fsyncs(ms2=100)


def healed(*, then: int = 20, **slow: float) -> Told:
    """Return a disk that was slow up to the scrape before last, and quick since."""
    return {
        WAL_FSYNC: ago((5.1, counted()), (1.1, counted(**slow)), (0.1, counted(**slow, ms2=then)))
    }


@pytest.mark.parametrize(
    ("m2", "said"),
    [
        pytest.param(FINE, [], id="quick"),
        pytest.param(fsyncs(ms60=100), [], id="under the limit"),
        pytest.param(fsyncs(ms300=20), [("m2", "warning")], id="a slow disk"),
        pytest.param(fsyncs(ms4000=5), [("m2", "critical")], id="seconds"),
        pytest.param(fsyncs(ms2=100, ms300=5), [], id="hiccups: nine of ten are quick"),
        pytest.param(fsyncs(ms300=2), [], id="too few to say"),
        pytest.param(healed(ms300=20), [], id="the newest are quick: it is over"),
        pytest.param(
            healed(ms300=20, then=2), [("m2", "warning")], id="two quick ones say nothing"
        ),
    ],
)
def test_fsync_is_slow_by_its_ninth_of_ten(m2: Told, said: list[tuple[str, str]]) -> None:
    assert found(wal_fsync_slow, window({"m1": FINE, "m2": m2, "m3": FINE})) == said


def test_disks_that_are_slow_alike_are_not_one_members_disk() -> None:
    slow = fsyncs(ms300=20)

    assert found(wal_fsync_slow, window({"m1": slow, "m2": slow, "m3": slow})) == []


def test_single_member_is_judged_without_others() -> None:
    seen = window({"m1": fsyncs(ms300=20)}, members="m1")

    assert found(wal_fsync_slow, seen) == [("m1", "warning")]


@pytest.mark.parametrize(
    ("m2", "said"),
    [
        pytest.param(fsyncs(ms200=20), [], id="it waits for its turn, as in all it does"),
        pytest.param(fsyncs(ms900=20), [("m2", "warning")], id="its disk is slow as well"),
    ],
)
def test_disk_is_not_blamed_for_what_a_busy_machine_does(
    m2: Told, said: list[tuple[str, str]]
) -> None:
    """Seen with packet loss beside a CPU quota: others were late too, so nobody was starved."""
    late: Told = {STATUS_SECONDS: [0.05] * 8, RAFTVARS_SECONDS: [0.05] * 8}
    seen = window({"m1": FINE | late, "m2": m2 | late, "m3": FINE})

    assert found(wal_fsync_slow, seen) == said


def test_member_whose_answers_from_memory_are_slow_as_well_is_starved_instead() -> None:
    starved: Told = {STATUS_SECONDS: [0.4] * 6, RAFTVARS_SECONDS: [0.4] * 6}
    seen = window({"m1": FINE, "m2": fsyncs(ms300=20) | starved, "m3": FINE})

    assert found(wal_fsync_slow, seen) == []


def test_member_that_is_merely_far_away_may_have_a_slow_disk() -> None:
    far: Told = {STATUS_SECONDS: [0.05] * 6, RAFTVARS_SECONDS: [0.05] * 6}
    away = {CONNECT_SECONDS: [0.045] * 8}

    seen = window({"m1": FINE, "m2": fsyncs(ms300=20) | far | away, "m3": FINE})

    assert found(wal_fsync_slow, seen) == [("m2", "warning")]


def test_leader_with_a_slow_disk_slows_writes() -> None:
    leads: Told = {RAFT_LEAD: "m2", RAFT_STATE: "leader"}

    (finding,) = wal_fsync_slow(window({"m1": FINE, "m2": fsyncs(ms300=20) | leads, "m3": FINE}))

    assert finding.summary.startswith("Writes are slow: m2 leads")


def test_one_scrape_says_nothing() -> None:
    told: Told = {WAL_FSYNC: counted(ms300=20)}

    assert isinstance(told[WAL_FSYNC], Histogram)
    assert found(wal_fsync_slow, window({"m2": told})) == []


# --- all at once ---------------------------------------------------------------------------------

SLOW = fsyncs(ms300=20)
LATE_ANSWERS: Told = {RAFTVARS_SECONDS: [0.05] * 10}
FAR: Told = {CONNECT_SECONDS: [0.045] * 8}


@pytest.mark.parametrize(
    ("m1", "m2", "m3", "said"),
    [
        pytest.param(FINE, FINE, FINE, [], id="healthy"),
        pytest.param(SLOW, FINE, FINE, [], id="one disk is not together"),
        pytest.param(SLOW, SLOW, FINE, [("cluster", "warning")], id="a quorum"),
        pytest.param(SLOW, SLOW, SLOW, [("cluster", "warning")], id="all"),
        pytest.param(
            fsyncs(ms4000=5), fsyncs(ms4000=5), FINE, [("cluster", "critical")], id="seconds"
        ),
        pytest.param(
            fsyncs(ms4000=5),
            SLOW,
            FINE,
            [("cluster", "warning")],
            id="writes wait for the quicker of the two",
        ),
        pytest.param(
            fsyncs(ms2=50, ms300=20), SLOW, FINE, [], id="half of them quick: hiccups, not a stall"
        ),
        pytest.param(healed(ms300=20), SLOW, FINE, [], id="one of them is well again"),
        pytest.param(SLOW | LATE_ANSWERS, SLOW, FINE, [], id="a busy machine"),
        pytest.param(
            SLOW | LATE_ANSWERS | FAR, SLOW, FINE, [("cluster", "warning")], id="a far machine"
        ),
        pytest.param(
            SLOW | LATE_ANSWERS | {CONNECT_SECONDS: [*[0.045] * 7, 0.001]},
            SLOW,
            FINE,
            [],
            id="a busy machine, where one connection was quick",
        ),
        pytest.param(fsyncs(ms300=2), SLOW, FINE, [], id="too few to say"),
    ],
)
def test_storage_stalls_when_a_quorum_of_disks_is_slow(
    m1: Told, m2: Told, m3: Told, said: list[tuple[str, str]]
) -> None:
    seen = window({"m1": m1, "m2": m2, "m3": m3})

    assert found(storage_stalled_together, seen) == said


def test_storage_is_not_blamed_while_we_stall_ourselves() -> None:
    told: dict[str, Told] = {"m1": SLOW, "m2": SLOW, "m3": SLOW, "": {LOOP_LAG: 0.6}}

    assert found(storage_stalled_together, window(told)) == []


def test_disks_that_became_slow_minutes_apart_may_have_nothing_in_common() -> None:
    early: Told = {
        WAL_FSYNC: ago((65.0, counted()), (60.1, counted(ms300=20)), (0.1, counted(ms300=300)))
    }

    (finding,) = storage_stalled_together(window({"m1": early, "m2": SLOW, "m3": FINE}))

    assert "together" not in finding.summary
    assert finding.next_test
