"""What Dates with whole seconds say of a clock."""

from email.utils import formatdate

import pytest

from etcdscope.sources.clock import ClockOffset

NOW = 1_795_330_912.0


def look(offset: ClockOffset, at: float, ahead: float, rtt: float = 0.01) -> float | None:
    """Ask at a moment a member whose clock is so far ahead."""
    date = formatdate(at + rtt / 2 + ahead, usegmt=True)
    return offset.seen(date, at, at + rtt)


@pytest.mark.parametrize("at", [NOW + 0.001, NOW + 0.5, NOW + 0.98])
@pytest.mark.parametrize("ahead", [-0.01, 0.0, 0.01])
def test_clocks_that_nearly_agree_have_nearly_no_offset(at: float, ahead: float) -> None:
    told = look(ClockOffset(), at, ahead)

    assert told is not None
    assert abs(told) <= abs(ahead)


@pytest.mark.parametrize("ahead", [-90.0, -2.5, -1.2, 1.2, 2.5, 90.0])
def test_many_looks_come_close_to_the_offset_and_never_exceed_it(ahead: float) -> None:
    offset = ClockOffset()

    told = [look(offset, NOW + i * 5.083, ahead) for i in range(12)][-1]

    assert told is not None
    assert abs(told) <= abs(ahead)
    assert told == pytest.approx(ahead, abs=0.2)


def test_an_offset_below_a_second_is_found_in_time() -> None:
    offset = ClockOffset()

    told = [look(offset, NOW + i * 5.083, 0.6) for i in range(12)]

    assert told[-1] == pytest.approx(0.5, abs=0.11)


def test_a_stepped_clock_counts_at_once() -> None:
    offset = ClockOffset()
    for i in range(12):
        look(offset, NOW + i * 5.083, 0.0)

    stepped = look(offset, NOW + 100.5, 30.0)

    assert stepped == pytest.approx(29.5, abs=0.51)


def test_a_slow_answer_proves_no_offset() -> None:
    date = formatdate(NOW, usegmt=True)

    assert ClockOffset().seen(date, NOW - 0.01, NOW + 3.0) == 0.0


@pytest.mark.parametrize("date", ["", "yesterday", "Sun, 99 Nov 2026 25:00:00 GMT"])
def test_what_is_no_date_says_nothing(date: str) -> None:
    assert ClockOffset().seen(date, NOW, NOW) is None
