"""Data that is not the same everywhere, lost, or of an older day, on a real cluster."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from tests.live.watched import Watched, watching

from etcdscope import app
from etcdscope.etcd.settings import Access
from etcdscope.lab.cluster import Lab, LabSpec, LoadSpec

pytestmark = [pytest.mark.etcd, pytest.mark.asyncio(loop_scope="module")]


@dataclass(frozen=True)
class Case:
    """A fault, the cause that is right, and whether its member is named; seconds."""

    fault: str
    cause: str
    within: float
    named: bool = True


CASES = [
    Case("wipe", "data-dir-empty", 8.0),
    Case("corrupt", "alarm-corrupt", 8.0, named=False),
    Case("diverge", "data-diverged", 30.0),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def watched(data_dir: Path) -> AsyncIterator[Watched]:
    spec = LabSpec(version="3.5", load=LoadSpec(rate=50), network="loopback")
    async with watching(spec, data_dir) as one:
        yield one


@pytest.mark.parametrize("case", [pytest.param(c, id=c.fault) for c in CASES])
async def test_data_that_is_wrong_is_told_with_its_member(watched: Watched, case: Case) -> None:
    await watched.lab.ready()
    assert await watched.quiet(), [i.summary for i in watched.serious]
    mark = len(watched.effects)
    fault = await watched.lab.fault(case.fault)
    names = {watched.lab.member(name).member_id for name in fault.members}

    def right() -> bool:
        told = [i for i in watched.told(mark) if i.cause == case.cause]
        return any(not case.named or i.subject.name in names for i in told)

    try:
        took = await watched.until(right, case.within)
    finally:
        await watched.lab.heal(fault)

    assert took is not None, [(i.cause, i.summary) for i in watched.told(mark)]
    assert {i.cause for i in watched.told(mark)} == {case.cause}
    assert await watched.quiet(90), [i.summary for i in watched.serious]


@asynccontextmanager
async def watching_again(lab: Lab, data_dir: Path) -> AsyncIterator[Watched]:
    """Watch with what an earlier life has left in its data directory."""
    watched = Watched(lab)
    settings = app.Settings(access=Access((lab.endpoints[0],)), data_dir=data_dir)
    task = asyncio.create_task(app.watch(settings, watched.tell))
    try:
        yield watched
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def revision(watched: Watched) -> float:
    return watched.state.window.memory.revision.value if watched.state else 0.0


async def test_restore_is_told_by_who_was_away_meanwhile(tmp_path: Path) -> None:
    async with Lab.start(LabSpec(version="3.5", network="loopback")) as lab:
        async with watching_again(lab, tmp_path) as first:
            await first.until(lambda: revision(first) > 0, 10)
            before = revision(first)
            restoring = asyncio.create_task(lab.fault("restore", writes=300))
            await first.until(lambda: revision(first) > before + 100, 10)
            assert first.told() == []
        await restoring
        async with watching_again(lab, tmp_path) as second:
            took = await second.until(lambda: bool(second.told()), 15)
            told = {i.cause for i in second.told()}

    assert took is not None
    assert told == {"revision-rewound"}
