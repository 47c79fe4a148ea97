"""Who else keeps etcd's disk busy."""

import pytest
from tests.detect.test_disk import FINE, fsyncs
from tests.detect.windows import Told, ago, found, window

from etcdscope.detect.disk_sharing import disk_shared
from etcdscope.model.signal import (
    DISK_BUSY,
    DISK_NAME,
    DISK_WRITES,
    DISK_WRITTEN,
    HOST_VIEW,
    PROC_WRITTEN,
    RAFTVARS_SECONDS,
    STATUS_SECONDS,
    WRITER,
    WRITER_RATE,
)

SLOW = fsyncs(ms120=20)


def disk(*, others: float = 50e6, own: float = 1e6, busy: float = 0.9) -> Told:
    """Return a disk to which others and etcd write so many bytes a second."""

    def grown(by: float) -> object:
        return ago((5.1, 0.0), (0.1, 5.0 * by))

    return {
        DISK_NAME: "sda",
        DISK_WRITES: grown(100.0),
        DISK_WRITTEN: grown(others + own),
        PROC_WRITTEN: grown(own),
        DISK_BUSY: grown(busy),
        WRITER: {"1": "dd/4711"},
        WRITER_RATE: {"1": 0.9 * others},
    }


@pytest.mark.parametrize(
    ("m2", "said"),
    [
        pytest.param(SLOW | disk(), True, id="a neighbour"),
        pytest.param(FINE | disk(), False, id="a neighbour that is not felt"),
        pytest.param(SLOW, False, id="host not seen"),
        pytest.param(SLOW | disk(others=1e6), False, id="slow by itself"),
        pytest.param(SLOW | disk(others=50e6, own=40e6), False, id="etcd itself writes as much"),
        pytest.param(SLOW | disk(busy=0.3), False, id="the device has time"),
        pytest.param({k: v for k, v in (SLOW | disk()).items() if k is not WRITER}, False,
                     id="nobody is named"),
        pytest.param(SLOW | disk() | {STATUS_SECONDS: [0.4] * 6, RAFTVARS_SECONDS: [0.4] * 6},
                     False, id="it is short of CPU"),
    ],
)  # fmt: skip
def test_disk_is_shared_when_others_write_and_etcd_waits(m2: Told, said: bool) -> None:
    seen = window({"m1": FINE, "m2": m2, "m3": FINE})

    assert found(disk_shared, seen) == ([("m2", "warning")] if said else [])


def test_neighbour_that_is_hardly_felt_is_worth_knowing() -> None:
    seen = window({"m1": FINE, "m2": fsyncs(ms30=20) | disk(), "m3": FINE})

    assert found(disk_shared, seen) == [("m2", "info")]


def test_neighbour_is_named_with_what_it_writes() -> None:
    (finding,) = disk_shared(window({"m1": FINE, "m2": SLOW | disk(), "m3": FINE}))

    assert finding.summary == "m2 waits 96 ms for sda, to which dd (pid 4711) writes 45.0 MB/s"


def test_one_neighbour_of_several_members_is_told_once() -> None:
    """Whichever of its processes was seen to write most when each of them was looked at."""
    here = SLOW | disk() | {HOST_VIEW: "proc"}
    other = here | {WRITER: {"1": "dd/4712"}}

    assert found(disk_shared, window({"m1": here, "m2": other, "m3": here})) == [
        ("cluster", "warning")
    ]


def test_disks_of_the_same_name_on_other_machines_are_several() -> None:
    there = SLOW | disk() | {HOST_VIEW: "node_exporter"}

    assert found(disk_shared, window({"m1": there, "m2": there, "m3": FINE})) == [
        ("m1", "warning"),
        ("m2", "warning"),
    ]
