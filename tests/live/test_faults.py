"""Real faults on a real cluster: the right cause and member, in time, and then silence.

What `test_benchmark.py` injects is not injected here again.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from tests.live.watched import Watched, watching

from etcdscope.lab.cluster import LabSpec, LoadSpec
from etcdscope.lab.spec import MIB

pytestmark = [pytest.mark.etcd, pytest.mark.asyncio(loop_scope="module")]

LOAD = LoadSpec(rate=50, reads=0.2)


@dataclass(frozen=True)
class Case:
    """A fault and the cause that is right. ``within``: seconds, generous on a busy machine."""

    fault: str
    target: str | None
    cause: str
    within: float = 6.0
    options: Mapping[str, Any] = field(default_factory=dict)
    named: bool = True
    note: bool = False  # of severity info

    def __str__(self) -> str:
        return f"{self.fault}-{self.target or 'cluster'}"


NETWORK_AND_PROCESS = [
    Case("kill", "leader", "member-down"),
    Case("kill", "majority", "quorum-lost", named=False),
    Case("freeze", "leader", "member-frozen"),
    Case("freeze", "majority", "quorum-lost", named=False),
    Case("isolate", "follower", "member-isolated", 8.0),
    Case("host-cut", "follower", "member-down", 8.0),
    Case("cut-pair", None, "link-one-way", 12.0),
    Case("loss", "follower", "link-lossy", 25.0, {"p": 0.3}),
    Case("restart-loop", "follower", "member-restarting", 30.0),
    Case("flap", None, "leader-flapping", 45.0, named=False),
]
MACHINE = [
    Case("slow-disk", "follower", "wal-fsync-slow", 15.0),
    Case("cpu-quota", "leader", "cpu-starved", 20.0, {"fraction": 0.03}),
]
ON_3_4 = [
    Case("kill", "leader", "member-down"),
    Case("freeze", "follower", "member-frozen"),
    Case("isolate", "leader", "member-isolated", 8.0),
    Case("cut-pair", None, "link-one-way", 12.0),
]
MEMBERSHIP = [
    Case("unstarted", None, "member-never-started", 15.0, named=False),
    Case("learner", None, "learner-stuck", 15.0, {"running": False}, named=False, note=True),
]
SPACE = [
    Case("quota-near", None, "quota-near", 20.0, named=False),
    Case("fragment", None, "db-fragmented", 30.0, named=False),
    Case("quota", None, "quota-exhausted", 20.0, named=False),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def watched() -> AsyncIterator[Watched]:
    async with watching(LabSpec(version="3.5", load=LOAD)) as one:
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def small() -> AsyncIterator[Watched]:
    spec = LabSpec(version="3.5", quota_bytes=64 * MIB, load=LoadSpec(rate=20))
    async with watching(spec) as one:
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def old() -> AsyncIterator[Watched]:
    async with watching(LabSpec(version="3.4", load=LOAD)) as one:
        yield one


async def breaks_and_heals(watched: Watched, case: Case) -> None:
    """Inject, wait for the right cause, heal, wait for silence.

    A busy machine may spoil one trial, so a second one counts; the benchmark counts them all.
    """
    try:
        await _trial(watched, case)
    except AssertionError:
        await asyncio.sleep(15)
        await _trial(watched, case)


async def _trial(watched: Watched, case: Case) -> None:
    await watched.lab.ready()
    assert await watched.quiet(), [i.summary for i in watched.serious]
    mark = len(watched.effects)
    fault = await watched.lab.fault(case.fault, case.target, **case.options)
    ids = {m.member_id for m in watched.lab.members if m.name in fault.members}

    def right() -> bool:
        return any(
            i.cause == case.cause and (not case.named or bool({i.subject.name, i.subject.to} & ids))
            for i in watched.told(mark, notes=case.note)
        )

    try:
        took = await watched.until(right, case.within)
    finally:
        await watched.lab.heal(fault)
    told = [(i.cause, i.summary) for i in watched.told(mark)]
    assert took is not None, told
    assert await watched.quiet(), [i.summary for i in watched.serious]


@pytest.mark.parametrize("case", NETWORK_AND_PROCESS + MACHINE + MEMBERSHIP, ids=str)
async def test_a_fault_is_told_with_its_cause(watched: Watched, case: Case) -> None:
    await breaks_and_heals(watched, case)


@pytest.mark.parametrize("case", SPACE, ids=str)
async def test_space_is_told_with_its_cause(small: Watched, case: Case) -> None:
    await breaks_and_heals(small, case)


@pytest.mark.parametrize("case", ON_3_4, ids=str)
async def test_etcd_3_4_is_judged_alike(old: Watched, case: Case) -> None:
    await breaks_and_heals(old, case)
