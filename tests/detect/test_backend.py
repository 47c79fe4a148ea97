"""The backend: its commits."""

import pytest
from tests.detect.windows import Told, ago, counted, found, window

from etcdscope.detect.backend import backend_commit_slow
from etcdscope.model.signal import (
    BACKEND_COMMIT,
    COMMIT_SPILL,
    COMMIT_WRITE,
    COMPACT_REVISION,
    DEFRAG_INFLIGHT,
    RAFTVARS_SECONDS,
    STATUS_SECONDS,
    WAL_FSYNC,
)


def grown(**seconds: float) -> object:
    """Return a histogram that was empty five seconds ago."""
    return ago((5.1, counted()), (0.1, counted(**seconds)))


def disk(commit: dict[str, float], wal: dict[str, float]) -> Told:
    """Return how commits and WAL fsyncs of the last five seconds took."""
    return {BACKEND_COMMIT: grown(**commit), WAL_FSYNC: grown(**wal)}


FAST = disk({"ms4": 50}, {"ms2": 100})
SLOW = disk({"ms300": 15}, {"ms2": 100})


HEALED: Told = {
    BACKEND_COMMIT: ago(
        (5.1, counted()), (1.1, counted(ms300=15)), (0.1, counted(ms300=15, ms4=10))
    )
}


@pytest.mark.parametrize(
    ("m2", "said"),
    [
        pytest.param(FAST, [], id="healthy"),
        pytest.param(SLOW, [("m2", "warning")], id="slow commits, fast WAL"),
        pytest.param(disk({"ms4000": 5}, {"ms2": 50}), [("m2", "critical")], id="seconds"),
        pytest.param(disk({"ms300": 15}, {"ms300": 15}), [], id="the whole disk: not the backend"),
        pytest.param(disk({"ms4": 50, "ms300": 3}, {"ms2": 100}), [], id="nine of ten are quick"),
        pytest.param(disk({"ms300": 2}, {"ms2": 100}), [], id="too few to say"),
        pytest.param(FAST | HEALED, [], id="the newest are quick: it is over"),
        pytest.param(SLOW | {DEFRAG_INFLIGHT: 1.0}, [], id="a defragmentation holds the lock"),
        pytest.param(
            SLOW | {COMPACT_REVISION: ago((12.0, 5.0), (2.0, 900.0))},
            [("m2", "info")],
            id="a compaction runs: a note",
        ),
        pytest.param(
            SLOW | {STATUS_SECONDS: [0.4] * 8, RAFTVARS_SECONDS: [0.4] * 8}, [], id="no CPU"
        ),
    ],
)
def test_commit_is_slow_while_the_wal_is_fast(m2: Told, said: list[tuple[str, str]]) -> None:
    assert found(backend_commit_slow, window({"m1": FAST, "m2": m2, "m3": FAST})) == said


@pytest.mark.parametrize(
    ("spill", "write", "part"),
    [
        pytest.param("ms250", "ms2", "in spill: looking for free pages", id="free-list"),
        pytest.param("ms2", "ms250", "in write: the disk of the database", id="its device"),
    ],
)
def test_slow_commit_says_which_part_of_it_is_slow(spill: str, write: str, part: str) -> None:
    parts: Told = {COMMIT_SPILL: grown(**{spill: 15}), COMMIT_WRITE: grown(**{write: 15})}

    (finding,) = backend_commit_slow(window({"m1": SLOW | parts, "m2": FAST, "m3": FAST}))

    assert part in finding.summary
