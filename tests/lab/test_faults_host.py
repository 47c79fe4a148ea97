"""Faults of a member's host, on a real cluster: did they happen, and are they undone?"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.lab.looks import answers, eventually, state

from etcdscope.lab.cluster import Lab, LabError, LabSpec, LoadSpec, Member

pytestmark = [pytest.mark.etcd, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[Lab]:
    async with Lab.start(LabSpec(network="namespaces", load=LoadSpec(rate=50))) as lab:
        yield lab


@pytest_asyncio.fixture(loop_scope="module")
async def lab(shared: Lab) -> AsyncIterator[Lab]:
    await shared.ready()
    yield shared
    await shared.heal()


def opened(member: Member) -> int:
    return len(list(Path(f"/proc/{member.pid}/fd").iterdir()))


def cgroups(lab: Lab) -> list[Path]:
    return list(Path("/sys/fs/cgroup").glob(f"**/etcdscope-lab-{lab.lab_id}-*"))


async def test_descriptors_are_used_up_and_given_back(lab: Lab) -> None:
    fault = await lab.fault("descriptors", limit=150)
    member = lab.member(fault.members[0])

    async def used_up() -> bool:
        return opened(member) >= 149

    async def given_back() -> bool:
        return opened(member) < 100

    await eventually(used_up)
    await lab.heal(fault)
    await eventually(given_back)
    assert await answers(lab, member)


async def test_kernel_kills_what_reads_past_its_memory_limit(lab: Lab) -> None:
    pid = lab.member(await _follower(lab)).pid

    fault = await lab.fault("memory-limit", await _follower(lab))

    assert state(pid) == ""
    await lab.heal(fault)
    await lab.ready()
    assert not cgroups(lab)


async def test_member_on_a_full_disk_ends_and_comes_back_with_its_data(lab: Lab) -> None:
    fault = await lab.fault("disk-full", ends=True)
    member = lab.member(fault.members[0])

    assert not member.running
    assert "no space left" in member.log_path.read_text()
    await lab.heal(fault)
    await lab.ready()
    assert not member.data_dir.is_mount()
    assert not (member.data_dir / "filler").exists()


async def test_neighbours_write_and_leave_nothing(lab: Lab) -> None:
    fault = await lab.fault("disk-neighbour", writers=2)
    files = [lab.directory / "neighbour-0", lab.directory / "neighbour-1"]

    async def write() -> bool:
        return all(file.exists() and file.stat().st_size for file in files)

    await eventually(write)
    await lab.heal(fault)
    assert not any(file.exists() for file in files)


async def test_member_that_is_gone_has_no_descriptors_to_use_up(lab: Lab) -> None:
    await lab.fault("kill", "follower")
    gone = next(member.name for member in lab.members if not member.running)

    with pytest.raises(LabError, match="does not run"):
        await lab.fault("descriptors", gone)


async def _follower(lab: Lab) -> str:
    leader = await lab.leader()
    return next(member.name for member in lab.members if member.name != leader)
