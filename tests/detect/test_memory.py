"""Short of memory, and killed for it."""

import pytest
from tests.detect.windows import Away, Told, ago, found, refused, window

from etcdscope.detect.memory import memory_exhausted
from etcdscope.model.signal import (
    FAREWELL,
    MEMORY_LIMIT,
    MEMORY_USED,
    OOM_KILLS,
    PRESENCE,
    PRESSURE,
    PROC_PID,
    PROCESS_START,
)

MIB = float(1 << 20)


def uses(first: float, last: float, of: str = "cgroup", waited: float = 0.0) -> Told:
    """Return a member with a limit of 100 MiB that has come from one use to another."""
    return {
        MEMORY_USED: {of: ago((60, first * MIB), (5.1, last * MIB), (0.1, last * MIB))},
        MEMORY_LIMIT: {of: 100 * MIB},
        PRESSURE: {"memory": ago((5.1, 1.0), (0.1, 1.0 + waited))},
    }


@pytest.mark.parametrize(
    ("m2", "said"),
    [
        pytest.param(uses(50, 89), False, id="under the share"),
        pytest.param(uses(50, 92), True, id="over it, and growing"),
        pytest.param(uses(91, 92), False, id="over it, and it stays there"),
        pytest.param(uses(97.5, 98), True, id="next to none is left"),
        pytest.param(uses(50, 96, "host"), False, id="a full host where nobody waits"),
        pytest.param(uses(50, 96, "host", waited=1.0), True, id="a full host, and tasks wait"),
        pytest.param(uses(50, 94, "host", waited=1.0), False, id="a host with a reserve"),
        pytest.param({MEMORY_USED: {"cgroup": 99 * MIB}, MEMORY_LIMIT: {"cgroup": 100 * MIB}},
                     False, id="one look"),
        pytest.param({MEMORY_USED: {"cgroup": [99 * MIB] * 3}}, False, id="no limit"),
    ],
)  # fmt: skip
def test_memory_is_short_near_the_limit(m2: Told, said: bool) -> None:
    seen = window({"m1": uses(20, 20), "m2": m2})

    assert found(memory_exhausted, seen) == ([("m2", "warning")] if said else [])


def killed(*, at: float, ended: bool = True, by: float = 1.0) -> Told:
    """Return a member whose host counted a kill; its process ended then, or lives on."""
    pid = ago((at + 5, 7.0), (at, 0.0 if ended else 7.0), (0.1, 0.0 if ended else 7.0))
    return {
        OOM_KILLS: {"host": ago((at + 5, 3.0), (at, 3.0 + by), (0.1, 3.0 + by))},
        PROC_PID: pid,
    }


@pytest.mark.parametrize(
    ("m2", "away", "said"),
    [
        pytest.param(killed(at=2), refused(2), True, id="killed, and not back"),
        pytest.param(killed(at=100), refused(100), True, id="not back for long"),
        pytest.param(killed(at=2), None, True, id="back already"),
        pytest.param(killed(at=60), None, False, id="back for a while"),
        pytest.param(killed(at=2, ended=False), None, False, id="somebody else was killed"),
        pytest.param(killed(at=2, by=0.0), refused(2), False, id="it crashed: no kill counted"),
        pytest.param(killed(at=2, by=-3.0), refused(2), False, id="the host was booted"),
        pytest.param(killed(at=2) | {FAREWELL: ago((2, 1.0))}, refused(2), False,
                     id="it was stopped in order"),
    ],
)  # fmt: skip
def test_kill_is_told_where_the_process_ended_at_that_moment(
    m2: Told, away: Away | None, said: bool
) -> None:
    seen = window({"m2": m2}, away={"m2": away} if away else {})

    assert found(memory_exhausted, seen) == ([("m2", "warning")] if said else [])


@pytest.mark.parametrize(
    ("more", "said"),
    [
        pytest.param({PRESENCE: ago((2.5, "gone"))}, True, id="its connection broke"),
        pytest.param({PROCESS_START: ago((20, 1e9), (0.1, 1_795_329_998.0))}, True,
                     id="it was started anew"),
        pytest.param({PRESENCE: ago((2.5, "present"))}, False, id="it lives on"),
    ],
)  # fmt: skip
def test_node_exporters_count_is_believed_if_the_member_ended_then(more: Told, said: bool) -> None:
    told: Told = {OOM_KILLS: {"host": ago((7, 0.0), (2, 1.0))}}

    seen = window({"m2": told | more})

    assert found(memory_exhausted, seen) == ([("m2", "warning")] if said else [])
