"""What was counted is found again, by the agent and beside it."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.detect.windows import ago, window
from tests.surfaces.registry.states import LATER, LIVE

from etcdscope.model.census import REGISTRY_AT, Chronicle
from etcdscope.model.memory import Memory
from etcdscope.model.ports import StoreError
from etcdscope.model.signal import REGISTRY
from etcdscope.model.window import Window
from etcdscope.store.censuses import Censuses, nearest
from etcdscope.store.history import History

BOTH = Chronicle().extended(LIVE).extended(LATER)


def counted(chronicle: Chronicle) -> Window:
    seen = window({REGISTRY_AT: {REGISTRY: ago((1.0, chronicle))}})
    return replace(seen, memory=Memory("c1", "c1"))


async def test_a_restart_finds_what_was_counted(tmp_path: Path) -> None:
    async with History.open(tmp_path) as history:
        Censuses(history).keep(counted(BOTH))
    async with History.open(tmp_path) as history:
        assert await Censuses(history).recall("c1") == BOTH
        assert await Censuses(history).recall("another") == Chronicle()
        assert await Censuses(history).recall("") == Chronicle()


async def test_what_did_not_change_is_not_written_again(tmp_path: Path) -> None:
    async with History.open(tmp_path) as history:
        censuses = Censuses(history)
        looked = counted(BOTH)
        censuses.keep(looked)
        written: list[object] = []
        history.remember = lambda *told: written.append(told)  # type: ignore[method-assign]
        censuses.keep(looked)
        assert written == []


async def test_without_a_history_nothing_is_kept() -> None:
    censuses = Censuses(None)
    censuses.keep(counted(BOTH))
    assert await censuses.recall("c1") == Chronicle()


@pytest.mark.parametrize(
    ("after", "found"), [(7200.0, LATER), (7199.0, LIVE), (1e9, LATER), (0.0, LIVE)]
)
async def test_the_last_census_up_to_a_moment_is_found(
    tmp_path: Path, after: float, found: object
) -> None:
    async with History.open(tmp_path) as history:
        Censuses(history).keep(counted(BOTH))

    census = await nearest(tmp_path, LIVE.at + after)

    assert census.revision == found.revision  # type: ignore[attr-defined]


async def test_before_the_first_there_is_none(tmp_path: Path) -> None:
    async with History.open(tmp_path) as history:
        Censuses(history).keep(counted(BOTH))
    with pytest.raises(StoreError, match="Nothing was counted so long ago; the oldest is of 2026"):
        await nearest(tmp_path, LIVE.at - 1)


async def test_a_history_without_counts_says_so(tmp_path: Path) -> None:
    async with History.open(tmp_path):
        pass
    with pytest.raises(StoreError, match="holds no counts"):
        await nearest(tmp_path, LIVE.at)
