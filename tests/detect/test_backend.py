"""The backend: its commits, and the work that holds it up."""

import pytest
from tests.detect.windows import BOUNDS, Told, ago, counted, found, window

from etcdscope.detect.backend import (
    backend_commit_slow,
    compaction_pauses,
    defrag_blocking,
    read_transaction_long,
)
from etcdscope.model.reading import Histogram
from etcdscope.model.signal import (
    BACKEND_COMMIT,
    COMMIT_SPILL,
    COMMIT_WRITE,
    COMPACT_REVISION,
    COMPACTION_MS,
    DB_BYTES,
    DB_IN_USE_BYTES,
    DEFRAG_INFLIGHT,
    LINEARIZABLE_OK,
    LINEARIZABLE_SECONDS,
    OPEN_READS,
    QUOTA_BYTES,
    RAFT_LEAD,
    RAFT_STATE,
    RAFTVARS_SECONDS,
    STATUS_SECONDS,
    WAL_FSYNC,
)

MIB = 2.0**20


def grown(**seconds: float) -> object:
    """Return a histogram that was empty five seconds ago."""
    return ago((5.1, counted()), (0.1, counted(**seconds)))


def disk(commit: dict[str, float], wal: dict[str, float]) -> Told:
    """Return how commits and WAL fsyncs of the last five seconds took."""
    return {BACKEND_COMMIT: grown(**commit), WAL_FSYNC: grown(**wal)}


FAST = disk({"ms4": 50}, {"ms2": 100})
SLOW = disk({"ms300": 15}, {"ms2": 100})


@pytest.mark.parametrize(
    ("m2", "said"),
    [
        pytest.param(FAST, [], id="healthy"),
        pytest.param(SLOW, [("m2", "warning")], id="slow commits, fast WAL"),
        pytest.param(disk({"ms4000": 5}, {"ms2": 50}), [("m2", "critical")], id="seconds"),
        pytest.param(disk({"ms300": 15}, {"ms300": 15}), [], id="the whole disk: not the backend"),
        pytest.param(disk({"ms4": 50, "ms300": 3}, {"ms2": 100}), [], id="nine of ten are quick"),
        pytest.param(disk({"ms300": 2}, {"ms2": 100}), [], id="too few to say"),
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


# --- planned work --------------------------------------------------------------------------------

DEFRAG: Told = {DEFRAG_INFLIGHT: [0.0, *[1.0] * 4]}
LEADS: Told = {RAFT_LEAD: "m1", RAFT_STATE: "leader"}
HANGS: Told = {LINEARIZABLE_OK: ago((8.0, 1.0), (7.0, 0.0), (4.0, 0.0), (0.5, 0.0))}


@pytest.mark.parametrize(
    ("m1", "said"),
    [
        pytest.param({DEFRAG_INFLIGHT: 0.0}, [], id="none runs"),
        pytest.param(DEFRAG, [("m1", "info")], id="planned work"),
        pytest.param(DEFRAG | HANGS, [("m1", "info")], id="a follower that serves nothing"),
        pytest.param(DEFRAG | LEADS, [("m1", "info")], id="a leader, not for long"),
        pytest.param(DEFRAG | LEADS | HANGS, [("m1", "warning")], id="a leader, for seconds"),
    ],
)
def test_defragmentation_is_a_note_unless_it_stops_the_leader(
    m1: Told, said: list[tuple[str, str]]
) -> None:
    assert found(defrag_blocking, window({"m1": m1})) == said


def compactions(count: float, milliseconds: float) -> Histogram:
    """Return a histogram of compactions of so many milliseconds in all."""
    return Histogram(BOUNDS, tuple(count for _ in BOUNDS), milliseconds)


def compacting(seconds: float, slowest: float) -> Told:
    """Return a compaction of so many seconds, and how long the slowest read then took."""
    quiet = [(60.0 - i, 0.002) for i in range(45)]
    return {
        COMPACT_REVISION: 900.0,
        COMPACTION_MS: ago((6.0, compactions(3, 90)), (1.0, compactions(4, 90 + 1000 * seconds))),
        LINEARIZABLE_SECONDS: ago(*quiet, (2.0, slowest), (0.5, 0.002)),
    }


@pytest.mark.parametrize(
    ("told", "said"),
    [
        pytest.param(compacting(3.0, 0.8), [("m1", "info")], id="reads waited"),
        pytest.param(compacting(3.0, 0.01), [], id="nobody noticed"),
        pytest.param(compacting(0.3, 0.8), [], id="too short to be the reason"),
    ],
)
def test_compaction_that_reads_wait_for_is_told(told: Told, said: list[tuple[str, str]]) -> None:
    assert found(compaction_pauses, window({"m1": told})) == said


# --- read transactions ---------------------------------------------------------------------------


def reading(*open_: float, grows: float = 0.0) -> Told:
    """Return open read transactions every 5 s up to now, and a file that grew by so many MiB."""
    counts = [(5.0 * (len(open_) - 1 - i) + 0.1, n) for i, n in enumerate(open_)]
    sizes = ((90.0, 100 * MIB), (60.0, 100 * MIB), (0.1, (100 + grows) * MIB))
    return {
        OPEN_READS: ago(*counts),
        DB_BYTES: ago(*sizes),
        DB_IN_USE_BYTES: 90 * MIB,
        QUOTA_BYTES: 1000 * MIB,
    }


@pytest.mark.parametrize(
    ("told", "said"),
    [
        pytest.param(reading(*[1.0] * 20), [], id="only etcd's own"),
        pytest.param(reading(*[2.0] * 10), [], id="a snapshot of under a minute"),
        pytest.param(reading(*[2.0] * 8, 1.0, *[2.0] * 8), [], id="another one after it"),
        pytest.param(reading(*[2.0] * 15), [("m1", "info")], id="open for over a minute"),
        pytest.param(
            reading(*[2.0] * 15, grows=150), [("m1", "warning")], id="it costs a tenth of the quota"
        ),
    ],
)
def test_read_transaction_is_long_when_it_never_ends(
    told: Told, said: list[tuple[str, str]]
) -> None:
    assert found(read_transaction_long, window({"m1": told})) == said
