"""Faults of what a member is started with, and of what it is taken for: each on a small cluster."""

import asyncio
import json
import re
import time

import pytest
from tests.lab.looks import eventually

from etcdscope.lab.cluster import Lab, LabError, LabSpec, Member
from etcdscope.lab.questions import status

pytestmark = pytest.mark.etcd


async def cmdline(lab: Lab, member: Member) -> list[str]:
    found: list[str] = json.loads(await lab.gateway.get(f"{member.client_url}/debug/vars"))[
        "cmdline"
    ]
    return found


@pytest.mark.asyncio
async def test_flag_of_one_member_alone_stands_last_until_it_is_healed() -> None:
    async with Lab.start(LabSpec(members=1, network="loopback")) as lab:
        (member,) = lab.members

        await lab.fault("flags", "all", say="--election-timeout=3000")

        assert (await cmdline(lab, member))[-1] == "--election-timeout=3000"
        await lab.heal()
        await lab.ready()
        assert "--election-timeout=3000" not in await cmdline(lab, member)


@pytest.mark.asyncio
async def test_leftover_file_is_large_and_old_until_it_is_healed_away() -> None:
    async with Lab.start(LabSpec(members=1, network="loopback")) as lab:
        folder = lab.members[0].data_dir / "member" / "snap"

        await lab.fault("leftovers", "all", bytes=1_000_000, hours=1.0)

        (left,) = folder.glob("db.tmp.*")
        assert left.stat().st_size == 1_000_000
        assert left.stat().st_mtime < time.time() - 3_000
        await lab.heal()
        assert not list(folder.glob("db.tmp.*"))


@pytest.mark.asyncio
async def test_reads_of_compacted_revisions_are_refused_as_out_of_range() -> None:
    async with Lab.start(LabSpec(members=1, network="loopback")) as lab:
        (member,) = lab.members
        await lab.fault("reads-compacted", "all", rate=40.0)

        async def refused() -> bool:
            page = await lab.gateway.get(member.metrics_url)
            code = r'grpc_code="OutOfRange",grpc_method="Range".* (\d+)$'
            counted = re.search(code, page, re.MULTILINE)
            return counted is not None and int(counted[1]) > 5

        await eventually(refused)


@pytest.mark.asyncio
async def test_certificate_of_another_authority_is_trusted_by_nobody_until_it_is_healed() -> None:
    async with Lab.start(LabSpec(members=1, network="loopback", tls=True)) as lab:
        await lab.fault("other-authority", "all")

        assert await status(lab.gateway, lab.members[0]) is None
        await lab.heal()
        await lab.ready()


@pytest.mark.asyncio
async def test_other_authority_wants_tls() -> None:
    async with Lab.start(LabSpec(members=1, network="loopback")) as lab:
        with pytest.raises(LabError, match="without TLS"):
            await lab.fault("other-authority", "all")


@pytest.mark.asyncio
async def test_clone_answers_as_the_member_that_it_was_copied_from_until_it_is_healed() -> None:
    async with Lab.start(LabSpec(members=1, network="namespaces")) as lab:
        (member,) = lab.members
        known = (await lab.call("maintenance/status"))["header"]["member_id"]

        await lab.fault("clone", "all")

        place = lab.network.address(2)
        url = member.client_url.replace(member.address, place)

        async def same() -> bool:
            try:
                page = json.loads(await lab.gateway.get(f"{url}/debug/vars"))
            except LabError:
                return False
            return int(str(page["raft.status"]["id"]), 16) == int(known)

        await eventually(same)
        await lab.heal()
        with pytest.raises(LabError):
            async with asyncio.timeout(3):
                await lab.gateway.get(f"{url}/debug/vars")


@pytest.mark.asyncio
async def test_member_that_is_forced_alone_takes_writes_beside_the_others_until_it_is_healed() -> (
    None
):
    async with Lab.start(LabSpec(members=3, network="namespaces")) as lab:
        (name,) = (await lab.fault("forced-alone")).members
        other = next(m.name for m in lab.members if m.name != name)

        async def members(asked: str) -> int:
            try:
                return len((await lab.call("cluster/member/list", member=asked))["members"])
            except LabError:
                return 0

        async def alone() -> bool:
            return await members(name) == 1

        await eventually(alone)
        await lab.call("kv/put", member=name, key="YQ==", value="MQ==")
        await lab.call("kv/put", member=other, key="YQ==", value="Mg==")
        assert await members(other) == 3
        await lab.heal()
        await lab.ready()
        assert [await members(m.name) for m in lab.members] == [3, 3, 3]
