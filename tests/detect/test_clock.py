"""Whose clock is off."""

import pytest
from tests.detect.windows import ago, found, window

from etcdscope.detect.clock import clock_skewed, majority
from etcdscope.model.signal import CLOCK_OFFSET, CLOCK_SYNCED, HOST_VIEW


@pytest.mark.parametrize(
    ("offsets", "said"),
    [
        pytest.param((0.0, 0.0, 0.0), [], id="all agree"),
        pytest.param((0.0, 0.9, 0.0), [], id="less than Date can tell"),
        pytest.param((0.0, 1.4, 0.0), [("m2", "info")], id="more than a second"),
        pytest.param((0.0, 5.0, 0.0), [("m2", "warning")], id="ahead"),
        pytest.param((0.0, -5.0, 0.0), [("m2", "warning")], id="behind"),
        pytest.param((-5.0, -5.0, -5.0), [("etcdscope", "info")], id="ours is wrong"),
        pytest.param((-60.0, -5.0, -5.0, -5.0), [("m1", "warning"), ("etcdscope", "info")],
                     id="ours is wrong, and another"),
        pytest.param((5.0, 60.0, -30.0), [("cluster", "warning")], id="no two agree"),
        pytest.param((5.0,), [("m1", "warning")], id="one against ours"),
        pytest.param((0.5,), [], id="one, agreeing"),
        pytest.param((0.0, 7.0), [("m2", "warning")], id="one of two, by ours"),
        pytest.param((7.0, 7.0), [("etcdscope", "info")], id="two against ours"),
        pytest.param((7.0, -7.0), [("cluster", "warning")], id="three clocks, three times"),
    ],
)  # fmt: skip
def test_clock_is_wrong_against_the_majority(
    offsets: tuple[float, ...], said: list[tuple[str, str]]
) -> None:
    names = [f"m{i + 1}" for i in range(len(offsets))]
    told = {m: {CLOCK_OFFSET: o} for m, o in zip(names, offsets, strict=True)}
    accused = found(clock_skewed, window(told, members=" ".join(names)))

    assert sorted(accused) == sorted(said)


def test_clock_stands_from_one_look_to_the_next() -> None:
    """Dates are looked at every five seconds, reads every second."""
    told = {m: {CLOCK_OFFSET: ago((4.9, o))} for m, o in (("m1", 0.0), ("m2", 9.0), ("m3", 0.0))}

    assert found(clock_skewed, window(told)) == [("m2", "warning")]


def test_majority_wants_more_than_half() -> None:
    assert majority({"": 0.0, "m1": 9.0}) is None
    assert majority({"": 0.0, "m1": 9.0, "m2": 0.5}) == frozenset({"", "m2"})


def test_member_of_this_machine_has_this_machines_clock() -> None:
    """Our own count of time rides out a step back of the wall clock; the member does not."""
    told = {"m1": {CLOCK_OFFSET: -5.0, HOST_VIEW: "proc"}}

    assert found(clock_skewed, window(told, members="m1")) == [("etcdscope", "info")]


def test_kernels_own_word_is_evidence() -> None:
    told = {"m1": {CLOCK_OFFSET: 0.0}, "m3": {CLOCK_OFFSET: 0.0}}
    wrong = {CLOCK_OFFSET: 9.0, CLOCK_SYNCED: 0.0}

    (finding,) = clock_skewed(window(told | {"m2": wrong}))

    assert finding.summary == "The clock of m2 is at least 9.0 s ahead: m1, m3 and ours agree"
    assert "clock_synced" in {e.signal for e in finding.evidence}
