"""Damaged files, removed members, names that are none: on one real cluster, and undone again."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.lab.looks import eventually

from etcdscope.lab.cluster import Lab, LabSpec, LoadSpec

pytestmark = [pytest.mark.etcd, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[Lab]:
    async with Lab.start(LabSpec(version="3.5", load=LoadSpec(rate=50))) as lab:
        yield lab


@pytest_asyncio.fixture(loop_scope="module")
async def lab(shared: Lab) -> AsyncIterator[Lab]:
    await shared.ready()
    yield shared
    await shared.heal()


@pytest.mark.parametrize(
    ("fault", "words"), [("wal-rot", "crc mismatch"), ("db-rot", "failed to open database")]
)
async def test_rotten_files_end_a_member_and_heal_gives_whole_ones_back(
    lab: Lab, fault: str, words: str
) -> None:
    harm = await lab.fault(fault)
    member = lab.member(harm.members[0])

    assert not member.running
    assert words in member.log_path.read_text()
    assert member.name != await lab.leader()
    await lab.heal(harm)
    await lab.ready()
    assert member.running


async def test_a_rolled_back_member_ends_and_heal_puts_a_new_one_in_its_place(lab: Lab) -> None:
    harm = await lab.fault("rollback")
    member = lab.member(harm.members[0])

    async with asyncio.timeout(20):
        assert member.process
        await member.process.wait()
    assert "is out of range" in member.log_path.read_text()
    await lab.heal(harm)
    await lab.ready()
    assert [m.running for m in lab.members] == [True] * 3
    assert member not in lab.members


async def test_a_removed_member_is_started_again_and_again(lab: Lab) -> None:
    harm = await lab.fault("removed-running")
    member = lab.member(harm.members[0])

    async def starts() -> bool:
        return member.log_path.read_text().count("starting an etcd server") > 2

    await eventually(starts, 30)
    listed = await lab.call("cluster/member/list")
    assert len(listed["members"]) == 2
    await lab.heal(harm)
    await lab.ready()
    assert [m.running for m in lab.members] == [True] * 3


async def test_a_peer_url_that_is_no_name(lab: Lab) -> None:
    async def urls() -> list[str]:
        listed = await lab.call("cluster/member/list")
        return [url for one in listed["members"] for url in one["peerURLs"]]

    harm = await lab.fault("peer-name")
    assert "http://nowhere.invalid:2380" in await urls()
    await lab.heal(harm)
    assert sorted(await urls()) == sorted(m.peer_url for m in lab.members)
