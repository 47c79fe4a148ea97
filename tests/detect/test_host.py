"""What the host says for other causes, and what of hosts is not seen."""

import pytest
from tests.detect.test_process import answers, beside
from tests.detect.windows import Told, ago, look, window

from etcdscope.detect.host import cpu_evidence, disk_evidence, foreign_bytes, state_evidence
from etcdscope.detect.monitor import host_unseen
from etcdscope.detect.process import cpu_starved
from etcdscope.model.finding import BlindSpot
from etcdscope.model.signal import (
    CGROUP_PRESSURE,
    CPU_PERIODS,
    CPU_PERIODS_THROTTLED,
    CPU_STOLEN,
    CPUS,
    DISK_BUSY,
    DISK_WRITE_SECONDS,
    DISK_WRITES,
    DISK_WRITTEN,
    HOST_UNREADABLE,
    HOST_VIEW,
    PRESSURE,
    PROC_STATE,
    PROC_WRITTEN,
    THREADS_BLOCKED,
)


def grown(by: float) -> object:
    """Return a counter that grew by so much in five seconds."""
    return ago((5.1, 100.0), (0.1, 100.0 + by))


@pytest.mark.parametrize(
    ("told", "signals"),
    [
        pytest.param({}, [], id="host not seen"),
        pytest.param({CPU_PERIODS: grown(50), CPU_PERIODS_THROTTLED: grown(40)},
                     ["cpu_throttled"], id="throttled"),
        pytest.param({CPU_PERIODS: grown(50), CPU_PERIODS_THROTTLED: grown(1)}, [],
                     id="a limit that is hardly felt"),
        pytest.param({CPU_STOLEN: grown(2), CPUS: 4.0}, ["cpu_stolen"], id="stolen"),
        pytest.param({CPU_STOLEN: grown(2), CPUS: 64.0}, [], id="little of many CPUs"),
        pytest.param({PRESSURE: {"cpu": grown(3)}}, ["pressure_cpu"], id="pressure"),
        pytest.param({PRESSURE: {"cpu": grown(3)}, CGROUP_PRESSURE: {"cpu": grown(4)}},
                     ["cgroup_pressure_cpu"], id="its own cgroup first"),
        pytest.param({PRESSURE: {"io": grown(3)}}, [], id="another resource"),
    ],
)  # fmt: skip
def test_want_of_cpu_is_told_by_what_was_felt(told: Told, signals: list[str]) -> None:
    assert [e.signal for e in cpu_evidence(window({"m1": told}), "m1")] == signals


def test_cpu_starved_shows_that_it_was_throttled_and_is_surer_then() -> None:
    throttled: Told = {CPU_PERIODS: grown(50), CPU_PERIODS_THROTTLED: grown(45)}

    (plain,) = cpu_starved(beside(answers(0.4)))
    (told,) = cpu_starved(beside(answers(0.4) | throttled))

    assert "cpu_throttled" in {e.signal for e in told.evidence}
    assert told.confidence > plain.confidence


def test_disk_is_told_by_its_writes() -> None:
    told: Told = {
        DISK_WRITES: grown(100),
        DISK_WRITE_SECONDS: grown(20),
        DISK_BUSY: grown(4.5),
        DISK_WRITTEN: grown(50e6),
        PROC_WRITTEN: grown(5e6),
        PRESSURE: {"io": grown(4)},
    }
    seen = window({"m1": told})

    assert [(e.signal, e.value) for e in disk_evidence(seen, "m1")] == [
        ("disk_await", 0.2),
        ("disk_busy", 0.9),
        ("pressure_io", 0.8),
    ]
    assert foreign_bytes(seen, "m1") == pytest.approx(9e6)


@pytest.mark.parametrize(
    ("told", "says"),
    [
        pytest.param({PROC_STATE: "S", THREADS_BLOCKED: [0.0, 0.0]}, "", id="well"),
        pytest.param({PROC_STATE: "T"}, "stopped", id="stopped"),
        pytest.param({PROC_STATE: "S", THREADS_BLOCKED: [1.0, 2.0]}, "in the kernel", id="stuck"),
        pytest.param({PROC_STATE: "S", THREADS_BLOCKED: [0.0, 1.0]}, "", id="one fsync"),
    ],
)
def test_stopped_and_stuck_processes_are_evidence(told: Told, says: str) -> None:
    evidence = state_evidence(window({"m1": told}), "m1")

    assert bool(evidence) is bool(says)
    assert all(says in e.says for e in evidence)


def blind(seen: Told, *, looked: bool = True) -> list[tuple[str, str]]:
    looks = [look("host", m) for m in ("m1", "m2", "m3")] if looked else []
    told = window({"m1": seen, "m3": seen}, looks=looks)
    return [(b.source, b.why) for b in host_unseen.look(told) if isinstance(b, BlindSpot)]


def test_hosts_that_are_not_seen_are_one_blind_spot() -> None:
    assert blind({}) == [("host", "host of m1, m2, m3 not seen")]
    assert blind({HOST_VIEW: "proc"}) == [("host", "host of m2 not seen")]


def test_hosts_that_nobody_looked_at_are_none() -> None:
    assert blind({}, looked=False) == []


def test_what_may_not_be_read_is_told_once_for_all() -> None:
    told: Told = {HOST_VIEW: "proc", HOST_UNREADABLE: {"bytes written": 1.0, "pressure": 1.0}}

    assert blind(told)[1:] == [
        ("proc", "bytes written of m1, m3 not readable; pressure of m1, m3 not readable")
    ]
