"""Slow ways, wrong addresses, and two faults at once, on a real cluster."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.live.test_faults import Case, breaks_and_heals
from tests.live.watched import Watched, watching

from etcdscope.lab.cluster import LabSpec, LoadSpec

pytestmark = [pytest.mark.etcd, pytest.mark.asyncio(loop_scope="module")]

CASES = [
    Case("latency", "follower", "link-slow", 15.0, {"delay_s": 0.1}),
    Case("advertise", "follower", "advertised-url-unreachable", 20.0),
    Case("forced-alone", "follower", "split-brain", 15.0),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def watched() -> AsyncIterator[Watched]:
    async with watching(LabSpec(version="3.5", load=LoadSpec(rate=50, reads=0.2))) as one:
        yield one


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_a_fault_is_told_with_its_cause(watched: Watched, case: Case) -> None:
    await breaks_and_heals(watched, case)


async def test_two_faults_at_once_are_two_incidents(watched: Watched) -> None:
    """A slow disk of the leader, and a dead follower, to which the smaller margin belongs."""
    await watched.lab.ready()
    assert await watched.quiet(), [i.summary for i in watched.serious]
    await watched.lab.fault("slow-disk", "leader")
    (dead,) = (await watched.lab.fault("kill", "follower")).members
    missing = watched.lab.member(dead).member_id

    def both() -> bool:
        open_now = {i.cause: i for i in watched.serious}
        return (
            {"wal-fsync-slow", "member-down"} <= open_now.keys()
            and open_now["member-down"].subject.name == missing
            and "quorum-margin-zero" in open_now["member-down"].effects
        )

    took = await watched.until(both, 25.0)
    told = [(i.cause, i.summary, i.effects) for i in watched.serious]
    await watched.lab.heal()
    assert took is not None, told
    assert await watched.quiet(), [i.summary for i in watched.serious]
