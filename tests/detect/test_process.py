"""Whether etcd gets the CPU that it needs."""

import pytest
from tests.detect.windows import Told, ago, found, window

from etcdscope.detect.process import cpu_starved
from etcdscope.model.signal import (
    CONNECT_SECONDS,
    CPU_PERIODS,
    CPU_PERIODS_THROTTLED,
    LOOP_LAG,
    PEER_SENT_FAILURES,
    PORT_STATE,
    PROCESS_CPU,
    RAFTVARS_SECONDS,
    STATUS_SECONDS,
)
from etcdscope.model.window import Window


def answers(seconds: float, count: int = 6) -> Told:
    """Return a member whose answers from memory take so long."""
    return {
        STATUS_SECONDS: [seconds] * count,
        RAFTVARS_SECONDS: [seconds] * count,
        PROCESS_CPU: ago((5.1, 1.0), (0.1, 1.1)),
        CONNECT_SECONDS: [0.001] * 4,
        PORT_STATE: {"client": "open"},
    }


def since(seconds: float) -> Told:
    """Return late answers for so long, and one from before half a minute of silence."""
    ages = [seconds - i / 2 for i in range(int(2 * seconds))]
    return {RAFTVARS_SECONDS: ago((seconds + 30.0, 0.4), *((age, 0.4) for age in ages))}


def beside(m2: Told, rest: float = 0.002, own: Told | None = None) -> Window:
    return window({"m1": answers(rest), "m2": m2, "m3": answers(rest), "": own or {}})


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        pytest.param(beside(answers(0.015)), False, id="at the limit"),
        pytest.param(beside(answers(0.016)), True, id="just past it"),
        pytest.param(beside(answers(0.016), rest=0.006), False, id="not three times the others"),
        pytest.param(
            beside(answers(0.4) | {RAFTVARS_SECONDS: [0.002] * 6}), False, id="its disk is slow"
        ),
        pytest.param(beside(answers(0.4), rest=0.1), False, id="all are slow: a busy machine"),
        pytest.param(beside(answers(0.4, count=1)), False, id="too few looks"),
        pytest.param(beside(answers(0.4), own={LOOP_LAG: [0.3]}), False, id="it may be we"),
        pytest.param(
            beside(answers(0.4) | {CONNECT_SECONDS: [0.3] * 4}), False, id="the way there is slow"
        ),
        pytest.param(
            beside(answers(0.4) | {PORT_STATE: {"client": "refused"}}), False, id="it is gone"
        ),
        pytest.param(beside(answers(0.4) | since(7.0)), False, id="it was frozen: it catches up"),
        pytest.param(beside(answers(0.4) | since(9.0)), True, id="it had the time to"),
    ],
)
def test_member_is_starved_when_only_its_answers_from_memory_are_slow(
    seen: Window, said: bool
) -> None:
    assert found(cpu_starved, seen) == ([("m2", "warning")] if said else [])


LATE = {STATUS_SECONDS: [0.05, 0.002] * 3, RAFTVARS_SECONDS: [0.002] * 6}


@pytest.mark.parametrize(
    ("periods", "said"),
    [
        pytest.param((50, 40), True, id="throttled most of the time"),
        pytest.param((50, 20), False, id="less"),
        pytest.param((0, 0), False, id="not limited"),
    ],
)
def test_throttled_member_is_starved_by_fewer_late_answers(
    periods: tuple[int, int], said: bool
) -> None:
    limited: Told = {
        CPU_PERIODS: ago((5.1, 0.0), (0.1, float(periods[0]))),
        CPU_PERIODS_THROTTLED: ago((5.1, 0.0), (0.1, float(periods[1]))),
    }

    seen = beside(answers(0.002) | LATE | limited, rest=0.03)

    assert found(cpu_starved, seen) == ([("m2", "warning")] if said else [])


def test_single_member_is_judged_by_the_limit_alone() -> None:
    assert found(cpu_starved, window({"m1": answers(0.4)}, members="m1")) == [("m1", "warning")]


@pytest.mark.parametrize(
    ("unsent", "ruled_out"),
    [
        pytest.param({}, True, id="no message failed"),
        pytest.param({PEER_SENT_FAILURES: {"m1": ago((9, 0.0), (1, 5.0))}}, False, id="some did"),
    ],
)
def test_lossy_link_is_ruled_out_by_what_could_be_sent(unsent: Told, ruled_out: bool) -> None:
    (finding,) = cpu_starved(beside(answers(0.4) | unsent))

    assert ("link-lossy" in {r.cause for r in finding.ruled_out}) is ruled_out
