"""One member is down or frozen; look-alikes told apart."""

import pytest
from tests.detect.silent import (
    CLIENTS_REFUSED,
    CLOSED,
    CLOSED_LONG,
    DARK,
    FOLLOWS,
    HEARS_M2,
    LEADS,
    LOST_M2,
    OPEN,
    ORDERLY,
    without_m2,
)
from tests.detect.windows import Told, ago, found, look, timing_out, window

from etcdscope.detect.member import member_down, member_frozen
from etcdscope.model.reading import Failure
from etcdscope.model.signal import (
    FAREWELL,
    LOOP_LAG,
    PORT_STATE,
    STATUS_SECONDS,
)
from etcdscope.model.window import Window


@pytest.mark.parametrize(
    ("seen", "down"),
    [
        pytest.param(without_m2(CLOSED), True, id="both ports refuse"),
        pytest.param(without_m2(CLIENTS_REFUSED), False, id="its peer port answers still"),
        pytest.param(without_m2(CLOSED, seconds=0.2), True, id="at once: a refusal is proof"),
        pytest.param(without_m2(CLOSED_LONG, HEARS_M2), False, id="a peer hears it: it lives"),
        pytest.param(without_m2(CLOSED | ORDERLY), False, id="it took its leave"),
        pytest.param(without_m2(OPEN), False, id="its port is open"),
        pytest.param(without_m2(DARK, LOST_M2), True, id="silent, and its peer lost it"),
        pytest.param(without_m2(DARK), False, id="silent, and nobody can tell"),
        pytest.param(without_m2(DARK, HEARS_M2), False, id="silent to us alone"),
        pytest.param(without_m2(DARK, LOST_M2, seconds=1.0), False, id="silent for a moment"),
        pytest.param(window({"m2": CLOSED}, unstarted="m2"), False, id="it never ran"),
    ],
)
def test_member_is_down_when_its_process_or_host_is_gone(seen: Window, down: bool) -> None:
    assert found(member_down, seen) == ([("m2", "warning")] if down else [])


def test_member_that_listens_again_but_does_not_answer_is_not_back() -> None:
    """etcd listens before it has read its log: that is neither frozen nor back."""
    ports: Told = {PORT_STATE: {"client": ago((8, "refused"), (1, "open"))}}
    seen = without_m2(ports, seconds=9.0)

    (finding,) = member_down(seen)

    assert finding.summary.startswith("m2 is starting: its port is open again")
    assert found(member_frozen, seen) == []


def test_member_that_is_not_back_in_time_says_how_long_ago_it_was_stopped() -> None:
    told = CLOSED | {FAREWELL: ago((75.0, 1.0))}

    (finding,) = member_down(without_m2(told, seconds=75.0))

    assert "75 s after it was stopped in order, and is not back" in finding.summary


@pytest.mark.parametrize(
    ("seen", "frozen"),
    [
        pytest.param(without_m2(OPEN), True, id="it accepts, and says nothing"),
        pytest.param(without_m2(OPEN, seconds=1.1), False, id="for a moment"),
        pytest.param(without_m2(CLOSED), False, id="its port refuses"),
        pytest.param(without_m2(DARK), False, id="its port is silent"),
        pytest.param(without_m2(OPEN | ORDERLY), False, id="it took its leave"),
        pytest.param(
            window({"m2": OPEN}, members="m1 m2", away={"m1": timing_out(), "m2": timing_out()}),
            False,
            id="nobody answers: it may be we",
        ),
        pytest.param(
            window({"m1": OPEN}, members="m1", away={"m1": timing_out(3.0)}),
            True,
            id="the only one there is",
        ),
    ],
)
def test_member_is_frozen_when_it_accepts_and_does_not_answer(seen: Window, frozen: bool) -> None:
    assert [who for who, _ in found(member_frozen, seen)] == (
        ([seen.members[0].id] if len(seen.members) == 1 else ["m2"]) if frozen else []
    )


def test_our_own_stall_is_taken_off_a_silence() -> None:
    seen = window({"m2": OPEN, "": {LOOP_LAG: [0.9, 0.0]}}, away={"m2": timing_out(2.0)}, every=1.0)

    assert found(member_frozen, seen) == []


def test_member_that_answered_late_before_may_be_starved_instead() -> None:
    quick = member_frozen(without_m2(OPEN | {STATUS_SECONDS: [0.01] * 4}))
    late = member_frozen(without_m2(OPEN | {STATUS_SECONDS: [0.4] * 4}))

    assert quick[0].confidence > 0.9
    assert "cpu-starved" in {r.cause for r in quick[0].ruled_out}
    assert late[0].confidence < 0.9
    assert "cpu-starved" not in {r.cause for r in late[0].ruled_out}


def test_certificate_that_is_refused_is_no_absence() -> None:
    """The member answers, only not us."""
    rejected = [look(s, "m2", Failure.TLS_REJECTED, ok=9.0) for s in ("status", "raftvars")]
    seen = window({"m1": LEADS, "m2": OPEN, "m3": FOLLOWS}, looks=rejected)

    assert found(member_down, seen) == []
    assert found(member_frozen, seen) == []
