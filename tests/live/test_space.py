"""Disks, the backend and space on a real cluster: the right cause and member, then silence."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.live.test_faults import Case, breaks_and_heals
from tests.live.watched import Watched, watching

from etcdscope.lab.cluster import LabSpec, LoadSpec
from etcdscope.lab.spec import MIB

pytestmark = [pytest.mark.etcd, pytest.mark.asyncio(loop_scope="module")]

CASES = [
    Case("disk-hang", "leader", "disk-hung", 6.0, {"files": "wal"}),
    Case("slow-disk", "majority", "storage-stalled-together", 20.0, named=False),
    Case("slow-disk", "follower", "backend-commit-slow", 20.0, {"files": "db"}),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def watched() -> AsyncIterator[Watched]:
    spec = LabSpec(version="3.5", quota_bytes=256 * MIB, load=LoadSpec(rate=50, reads=0.2))
    async with watching(spec) as one:
        yield one


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_a_disk_is_told_with_its_cause(watched: Watched, case: Case) -> None:
    await breaks_and_heals(watched, case)


async def test_a_defragmentation_is_a_note(watched: Watched) -> None:
    """Fragmented to a sixth of its quota, compacted, then defragmented one by one."""
    mark = len(watched.effects)
    fault = await watched.lab.fault("uneven", "leader", bytes=40 * MIB)

    noted = await watched.until(
        lambda: any(
            e.incident and e.incident.cause == "db-fragmented" for e in watched.effects[mark:]
        ),
        15.0,
    )
    await watched.lab.heal(fault)

    assert noted is not None
    assert [i.summary for i in watched.told(mark)] == []


async def test_a_fill_is_foreseen(watched: Watched) -> None:
    """At 2 MiB a second the quota is full in two minutes; it is told after one."""
    mark = len(watched.effects)
    fault = await watched.lab.fault("fill", bytes_per_s=2 * MIB)

    took = await watched.until(
        lambda: any(i.cause == "quota-forecast" for i in watched.told(mark)), 90.0
    )
    await watched.lab.heal(fault)

    assert took is not None
    first = watched.told(mark)[0]
    assert first.cause == "quota-forecast"
    assert "will be full in" in first.summary
