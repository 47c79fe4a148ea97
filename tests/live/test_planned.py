"""Planned work on a real cluster: told as notes, never paged."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.live.watched import Watched, watching

from etcdscope.lab.cluster import LabSpec, LoadSpec
from etcdscope.model.incident import Level

pytestmark = [pytest.mark.etcd, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def watched() -> AsyncIterator[Watched]:
    async with watching(LabSpec(version="3.5", load=LoadSpec(rate=50))) as one:
        yield one


async def test_a_healthy_cluster_under_changing_load_is_quiet(watched: Watched) -> None:
    for rate in (150.0, 10.0, 100.0):
        assert watched.lab.load is not None
        watched.lab.load.change(rate=rate)
        await asyncio.sleep(4)

    assert not watched.told()
    assert watched.state
    assert watched.state.verdict
    assert watched.state.verdict.level is Level.OK
    assert watched.state.verdict.margin == 1


async def test_a_rolling_restart_is_no_incident(watched: Watched) -> None:
    mark = len(watched.effects)
    for name in [m.name for m in watched.lab.members]:
        await watched.lab.restart_member(name)
        await watched.lab.ready()
        await asyncio.sleep(3)

    assert [i.summary for i in watched.told(mark)] == []


async def test_moving_the_leader_is_no_incident(watched: Watched) -> None:
    mark = len(watched.effects)
    leader = await watched.lab.leader()
    other = next(m for m in watched.lab.members if m.name != leader)
    await watched.lab.call(
        "maintenance/transfer-leadership", member=leader, targetID=str(int(other.member_id, 16))
    )
    await asyncio.sleep(4)

    assert [i.summary for i in watched.told(mark)] == []
    assert await watched.lab.leader() == other.name


async def test_replacing_a_member_is_no_incident(watched: Watched) -> None:
    mark = len(watched.effects)
    await watched.lab.replace_member(await watched.lab.leader())
    await watched.lab.ready()
    await asyncio.sleep(10)

    assert [i.summary for i in watched.told(mark)] == []
