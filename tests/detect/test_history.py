"""Old revisions, and who compacts them."""

import pytest
from tests.detect.windows import Told, ago, found, window

from etcdscope.detect.history import compaction_stalled
from etcdscope.model.signal import (
    COMPACT_REVISION,
    COMPACT_REVISION_LONG,
    CURRENT_REVISION,
    CURRENT_REVISION_LONG,
    KEYS,
)


def compacting(every: int, *, stopped: int = 0, rate: float = 20.0, begin: int = 60) -> Told:
    """Return revisions at ``rate`` a second, compacted so often (minutes) until a while ago."""
    ages = range(begin, -1, -1)
    current = [(60.0 * m + 0.1, rate * 60 * (begin - m) + 1) for m in ages]
    compact, newest = [], 0.0
    for (age, revision), m in zip(current, ages, strict=True):
        if every and m >= stopped and (begin - m) % every == 0:
            newest = revision
        compact.append((age, newest))
    return {
        CURRENT_REVISION_LONG: ago(*current),
        COMPACT_REVISION_LONG: ago(*compact),
        CURRENT_REVISION: current[-1][1],
        COMPACT_REVISION: newest,
        KEYS: 1000.0,
    }


@pytest.mark.parametrize(
    ("told", "said"),
    [
        pytest.param(compacting(5), [], id="every five minutes"),
        pytest.param(compacting(5, stopped=9), [], id="one was left out"),
        pytest.param(compacting(5, stopped=20), [("cluster", "warning")], id="it has stopped"),
        pytest.param(compacting(5, stopped=20, rate=0.2), [], id="idle: hardly any history"),
        pytest.param(compacting(20, stopped=30), [], id="a slow rhythm, not yet late"),
        pytest.param(compacting(0, rate=10.0), [], id="none seen, little history"),
        pytest.param(compacting(0, rate=100.0), [("cluster", "info")], id="none seen in an hour"),
        pytest.param(
            compacting(0, rate=100.0) | {KEYS: 90_000.0}, [], id="none seen, but mostly live keys"
        ),
    ],
)
def test_compaction_has_stalled_when_its_rhythm_has_stopped(
    told: Told, said: list[tuple[str, str]]
) -> None:
    seen = window({"m1": told, "m2": told, "m3": told})

    assert found(compaction_stalled, seen) == said


def test_cluster_that_was_just_met_is_not_said_never_to_compact() -> None:
    told = compacting(0, rate=400.0, begin=10)

    assert found(compaction_stalled, window({"m1": told})) == []
