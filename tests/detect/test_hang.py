"""A disk that does not answer."""

import pytest
from tests.detect.windows import Told, ago, counted, found, window

from etcdscope.detect.hang import disk_hung
from etcdscope.model.signal import (
    LEADER,
    LOOP_LAG,
    RAFT_APPLIED,
    RAFT_COMMIT,
    RAFT_LEAD,
    RAFT_STATE,
    RAFTVARS_SECONDS,
    STATUS_SECONDS,
    WAL_FSYNC,
)


def raft(applied: list[int], commit: list[int], **more: object) -> Told:
    """Return what raft said of itself every half second up to now."""
    told: Told = {RAFT_APPLIED: applied, RAFT_COMMIT: commit}
    return told | ({LEADER: more["leader"], RAFT_LEAD: more["lead"]} if more else {})


MOVES = raft([*range(10, 20)], [*range(10, 20)])
STANDS = raft([10, 11, *[12] * 6], [10, 11, 13, 15, 17, 19, 21, 23])


@pytest.mark.parametrize(
    ("m2", "said"),
    [
        pytest.param(MOVES, [], id="healthy"),
        pytest.param(raft([12] * 10, [12] * 10), [], id="idle: nothing to save"),
        pytest.param(STANDS, [("m2", "warning")], id="entries come, none is saved"),
        pytest.param(
            raft([10, 11, 12, 12, 13, 13, 14, 14], [*range(14, 22)]),
            [],
            id="a slow disk: it moves on, late",
        ),
        pytest.param(raft([11, 12, 12, 12], [11, 14, 16, 18]), [], id="not for long enough"),
        pytest.param(
            raft([10, *[12] * 7], [10, *[12] * 7], leader=["m2"] * 8, lead=["m2"] * 4 + ["m1"] * 4),
            [("m2", "warning")],
            id="an ex-leader: raft follows another one than Status names",
        ),
        pytest.param(
            STANDS | {WAL_FSYNC: ago((2.0, counted(ms2=5)), (0.5, counted(ms2=6)))},
            [],
            id="an fsync came back meanwhile",
        ),
        pytest.param(
            STANDS | {WAL_FSYNC: ago((2.0, counted(ms2=5)), (0.5, counted(ms2=5)))},
            [("m2", "warning")],
            id="no fsync came back",
        ),
    ],
)
def test_disk_hangs_when_raft_stands_still(m2: Told, said: list[tuple[str, str]]) -> None:
    assert found(disk_hung, window({"m1": MOVES, "m2": m2, "m3": MOVES})) == said


def test_hung_quorum_is_critical() -> None:
    seen = window({"m1": STANDS, "m2": STANDS, "m3": MOVES})

    assert found(disk_hung, seen) == [("m1", "critical"), ("m2", "critical")]


@pytest.mark.parametrize(
    ("looks", "severity"),
    [
        pytest.param(6, "warning", id="the others will elect another"),
        pytest.param(12, "critical", id="they cannot: all writes stop"),
    ],
)
def test_hung_leader_that_nobody_deposes_is_critical(looks: int, severity: str) -> None:
    stands = raft([11, *[12] * looks], [11, *[13] * looks])
    leads: Told = {RAFT_LEAD: ["m1"] * 12}
    m1 = stands | leads | {RAFT_STATE: ["leader"] * 12}

    seen = window({"m1": m1, "m2": MOVES | leads, "m3": MOVES})

    assert found(disk_hung, seen) == [("m1", severity)]


def test_hung_ex_leader_is_told_with_its_contradiction() -> None:
    told = raft([10, *[12] * 7], [10, *[12] * 7], leader=["m2"] * 8, lead=["m1"] * 8)

    (finding,) = disk_hung(window({"m1": MOVES, "m2": told, "m3": MOVES}))

    assert "still calls itself leader, but raft follows m1" in finding.summary


def test_disk_is_not_blamed_while_our_own_looks_are_late() -> None:
    told: dict[str, Told] = {"m1": MOVES, "m2": STANDS, "m3": MOVES, "": {LOOP_LAG: 3.0}}

    assert found(disk_hung, window(told)) == []


def test_disk_is_not_blamed_while_the_process_gets_no_cpu() -> None:
    starved: Told = {STATUS_SECONDS: [0.4] * 8, RAFTVARS_SECONDS: [0.4] * 8}
    quick: Told = {STATUS_SECONDS: [0.002] * 8, RAFTVARS_SECONDS: [0.002] * 8}

    seen = window({"m1": MOVES | quick, "m2": STANDS | starved, "m3": MOVES | quick})

    assert found(disk_hung, seen) == []
