"""A lab without faults: TLS, membership, load, the end of it."""

import asyncio
import os
import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.lab.looks import eventually, put_seconds, state

from etcdscope.lab.cluster import Lab, LabError, LabSpec, LoadSpec
from etcdscope.lab.questions import status
from etcdscope.lab.spec import MIB

pytestmark = pytest.mark.etcd


async def test_lab_serves_and_leaves_nothing(tmp_path: Path) -> None:
    spec = LabSpec(network="loopback", directory=tmp_path, load=LoadSpec(rate=100))
    async with Lab.start(spec) as lab:
        begin = datetime.now(UTC)
        pids = [member.pid for member in lab.members]
        assert await lab.leader() in {"m1", "m2", "m3"}
        assert len(lab.endpoints) == 3
        assert lab.load

        async def works() -> bool:
            return bool(lab.load and lab.load.report(begin).ok >= 50)

        await eventually(works)
        report = lab.load.report(begin)
        assert report.failed == 0
        assert (report.quantile(0.5) or 1) < 0.1

    assert [state(pid) for pid in pids] == ["", "", ""]
    assert content(tmp_path) == []


async def test_members_speak_tls() -> None:
    async with Lab.start(LabSpec(network="loopback", tls=True, members=1)) as lab:
        assert lab.certificates
        assert lab.endpoints[0].startswith("https://")
        assert await put_seconds(lab) < 5
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await speaks_without_certificate(lab.members[0].address, lab.certificates.ca)


async def speaks_without_certificate(address: str, ca: Path) -> None:
    context = ssl.create_default_context(cafile=ca)
    reader, writer = await asyncio.open_connection(address, 2379, ssl=context)
    try:
        writer.write(b"GET /health HTTP/1.0\r\n\r\n")
        await reader.readexactly(1)
    finally:
        writer.transport.abort()


async def test_replaced_leader_comes_back_as_a_member_with_a_new_id() -> None:
    async with Lab.start(LabSpec(network="namespaces")) as lab:
        leader = await lab.leader()
        replaced = await lab.replace_member(leader)
        names = {member.name for member in lab.members}
        assert names == {"m1", "m2", "m3", "m4"} - {leader}

        pid = replaced.pid
        await lab.restart_member("m4")
        assert replaced.pid not in {pid, None}
        said = await status(lab.gateway, replaced)
        assert said
        assert f"{int(said['header']['member_id']):x}" == replaced.member_id


async def test_quota_fault_restarts_members_that_have_another_quota() -> None:
    async with Lab.start(LabSpec(network="loopback", members=1)) as lab:
        pid = lab.members[0].pid

        await lab.fault("quota", bytes=2 * MIB)

        assert lab.members[0].pid != pid
        with pytest.raises(LabError, match="space exceeded"):
            await put_seconds(lab)
        await lab.heal()
        await put_seconds(lab)


@pytest.mark.parametrize("version", ["3.4"])
async def test_older_etcd_is_served_as_well(version: str) -> None:
    async with Lab.start(LabSpec(network="loopback", version=version)) as lab:
        assert lab.version.startswith(version)
        await lab.fault("kill")
        await lab.heal()
        await lab.ready()


async def test_etcd_that_does_not_start_says_why() -> None:
    spec = LabSpec(network="loopback", members=1, extra_flags=("--no-such-flag",))

    with pytest.raises(LabError, match=r"etcd m1 ended: .*no-such-flag"):
        async with Lab.start(spec):
            pass


async def test_cancelled_lab_cleans_up(tmp_path: Path) -> None:
    up = asyncio.Event()
    pids: list[int | None] = []

    async def hold() -> None:
        async with Lab.start(LabSpec(network="namespaces", directory=tmp_path)) as lab:
            pids.extend(member.pid for member in lab.members)
            await lab.fault("flap")
            await lab.fault("cpu-quota", "m1")
            up.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(hold())
    await up.wait()
    task.cancel()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert {state(pid) for pid in pids} == {""}
    assert content(tmp_path) == []


def test_tests_run_as_root() -> None:
    assert os.geteuid() == 0, "the lab's tests break networks, disks and cgroups: run them as root"


def content(directory: Path) -> list[Path]:
    return list(directory.iterdir())
