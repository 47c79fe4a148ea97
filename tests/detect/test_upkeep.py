"""Work on the backend that holds it up."""

import pytest
from tests.detect.windows import BOUNDS, Told, ago, found, window

from etcdscope.detect.upkeep import compaction_pauses, defrag_blocking, read_transaction_long
from etcdscope.model.reading import Histogram
from etcdscope.model.signal import (
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
)

MIB = 2.0**20

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
    sizes = ((60.0, 100 * MIB), (20.0, 100 * MIB), (0.1, (100 + grows) * MIB))
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
            reading(*[2.0] * 6, grows=150), [("m1", "warning")], id="it costs much in half a minute"
        ),
        pytest.param(reading(*[2.0] * 3, grows=150), [], id="ten seconds are no long read"),
        pytest.param(
            reading(*[2.0] * 15, grows=150), [("m1", "warning")], id="it costs a tenth of the quota"
        ),
    ],
)
def test_read_transaction_is_long_when_it_never_ends(
    told: Told, said: list[tuple[str, str]]
) -> None:
    assert found(read_transaction_long, window({"m1": told})) == said


@pytest.mark.parametrize(
    ("others", "said"),
    [
        pytest.param(85.0, [("m1", "info")], id="hardly more in use than elsewhere"),
        pytest.param(5.0, [("m1", "warning")], id="a tenth of the quota is pinned"),
    ],
)
def test_what_a_read_transaction_pins_shows_beside_the_others(
    others: float, said: list[tuple[str, str]]
) -> None:
    held = reading(*[2.0] * 15, grows=150)
    free = reading(*[1.0] * 15) | {DB_IN_USE_BYTES: others * MIB, QUOTA_BYTES: 800 * MIB}

    seen = window({"m1": held | {QUOTA_BYTES: 800 * MIB}, "m2": free, "m3": free})

    assert found(read_transaction_long, seen) == said
