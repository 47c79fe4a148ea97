"""Room on file systems."""

import pytest
from tests.detect.windows import Told, ago, found, window

from etcdscope.detect.disk_space import disk_full, snapshot_files_orphaned
from etcdscope.model.signal import (
    DB_IN_USE_BYTES,
    DEFRAG_INFLIGHT,
    FS_BYTES,
    FS_FREE,
    FS_INODES,
    FS_INODES_FREE,
    LEFTOVER_BYTES,
    LEFTOVER_FILES,
)

MIB = float(1 << 20)
GIB = 1024 * MIB


def free(left: float, size: float = 100 * GIB, of: str = "data") -> Told:
    return {FS_FREE: {of: left}, FS_BYTES: {of: size}}


def filling(*lefts: float, size: float = 20 * GIB) -> Told:
    """Return a file system with so much left, every ten seconds up to now."""
    count = len(lefts)
    points = ((0.1 + 10.0 * (count - 1 - i), left) for i, left in enumerate(lefts))
    return {FS_FREE: {"data": ago(*points)}, FS_BYTES: {"data": size}}


STEADY = [GIB * (9 - i / 3) for i in range(7)]


@pytest.mark.parametrize(
    ("m2", "said"),
    [
        pytest.param(free(60 * GIB), "", id="room"),
        pytest.param(free(100 * GIB, size=2000 * GIB), "", id="a twentieth of a large disk"),
        pytest.param(free(4 * GIB), "warning", id="under a tenth, and few"),
        pytest.param(free(4 * GIB, size=8 * GIB), "", id="half of a small disk"),
        pytest.param(free(79 * MIB), "critical", id="no room for a WAL segment"),
        pytest.param(free(81 * MIB, size=300 * MIB), "", id="a small one with room for it"),
        pytest.param(free(0.0, of="wal") | {}, "critical", id="the WAL's own"),
        pytest.param(free(60 * GIB) | {FS_INODES: {"data": 1e6}, FS_INODES_FREE: {"data": 9.0}},
                     "critical", id="no inodes"),
        pytest.param(free(60 * GIB) | {FS_INODES: {"data": 0.0}, FS_INODES_FREE: {"data": 0.0}},
                     "", id="a file system without a number of inodes"),
        pytest.param(filling(*STEADY), "warning", id="full in minutes"),
        pytest.param(filling(*STEADY) | {DEFRAG_INFLIGHT: 1.0, DB_IN_USE_BYTES: 4 * GIB}, "",
                     id="a defragmentation, whose copy fits"),
        pytest.param(filling(*STEADY) | {DEFRAG_INFLIGHT: 1.0, DB_IN_USE_BYTES: 8 * GIB},
                     "warning", id="a defragmentation, whose copy may not fit"),
        pytest.param(filling(*STEADY, size=100 * GIB) , "warning", id="also of a large one"),
        pytest.param(filling(*[GIB * (9 - i / 8) for i in range(7)]), "", id="full in ten minutes"),
        pytest.param(filling(*[GIB * 9] * 7), "", id="it stays"),
        pytest.param(filling(*[GIB * 9] * 6, GIB * 8), "", id="one file, then no more"),
        pytest.param(filling(*STEADY[:3]), "", id="seen for too short a time"),
        pytest.param(filling(*[18 * GIB - 100 * MIB * i for i in range(7)]), "",
                     id="most of it is free"),
    ],
)  # fmt: skip
def test_room_is_graded_by_what_etcd_needs(m2: Told, said: str) -> None:
    seen = window({"m1": free(60 * GIB), "m2": m2})

    assert found(disk_full, seen) == ([("m2", said)] if said else [])


@pytest.mark.parametrize(
    ("m2", "said"),
    [
        pytest.param({LEFTOVER_BYTES: {"db.tmp": 0.0, "tmp": 0.0}}, False, id="none"),
        pytest.param({LEFTOVER_BYTES: {"db.tmp": 10 * MIB}}, False, id="not worth a word"),
        pytest.param({LEFTOVER_BYTES: {"db.tmp": 40 * MIB, "snap.db": 40 * MIB}}, True, id="some"),
        pytest.param({LEFTOVER_BYTES: {"db.tmp": 90 * MIB}, DEFRAG_INFLIGHT: 1.0}, False,
                     id="a defragmentation runs"),
    ],
)  # fmt: skip
def test_leftovers_are_worth_knowing_when_they_are_large(m2: Told, said: bool) -> None:
    seen = window({"m2": {LEFTOVER_FILES: {"db.tmp": 1.0}} | m2})

    assert found(snapshot_files_orphaned, seen) == ([("m2", "info")] if said else [])
