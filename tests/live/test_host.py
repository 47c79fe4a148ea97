"""Real faults of hosts: the right cause and member, in time, and then silence."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from email.utils import formatdate, parsedate_to_datetime

import pytest
import pytest_asyncio
from tests.live.test_faults import LOAD, Case, breaks_and_heals
from tests.live.watched import Watched, watching

from etcdscope import app
from etcdscope.detect.disk_sharing import disk_shared
from etcdscope.etcd.settings import Access
from etcdscope.lab.cluster import LabSpec
from etcdscope.lab.spec import MIB
from etcdscope.model.finding import Limits, Severity

pytestmark = [pytest.mark.etcd, pytest.mark.asyncio(loop_scope="module")]

HOST = [
    Case("descriptors", "follower", "file-descriptors-exhausted", 10.0),
    Case("memory-limit", "follower", "memory-exhausted", 10.0),
    Case("disk-full", "follower", "disk-full", 15.0),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def watched() -> AsyncIterator[Watched]:
    async with watching(LabSpec(version="3.5", load=LOAD)) as one:
        yield one


async def test_hosts_of_a_healthy_cluster_are_seen_and_well(watched: Watched) -> None:
    await asyncio.sleep(6)

    assert watched.state
    assert not [b for b in watched.state.judged.blind_spots if b.source == "host"]
    assert not watched.serious


@pytest.mark.parametrize("case", HOST, ids=str)
async def test_a_hosts_fault_is_told_with_its_cause(watched: Watched, case: Case) -> None:
    await breaks_and_heals(watched, case)


async def test_neighbour_on_the_disk_is_named(watched: Watched) -> None:
    """A fast disk takes 2 GB/s and lets etcd wait for 10 ms: here 2 ms are worth a warning."""
    lab = watched.lab
    limits = {**disk_shared.limits.values, "info": 0.002, "warning": 0.002}
    fault = await lab.fault("disk-neighbour", writers=8, piece=16 * MIB)
    try:
        checked = await app.check(
            app.Settings(
                access=Access(tuple(lab.endpoints)), limits={"disk-shared": Limits(limits)}
            ),
            observe=15.0,
        )
    finally:
        await lab.heal(fault)

    (shared,) = [i for i in checked.incidents if i.cause == "disk-shared"]
    assert "python" in shared.summary
    assert "MB/s" in shared.summary


async def test_clock_that_is_off_is_told(watched: Watched) -> None:
    """etcd takes its clock from the kernel, past every library: what is off is its Date."""
    first, *others = watched.lab.endpoints
    async with _other_clock(first, 90.0) as endpoint:
        checked = await app.check(app.Settings(access=Access((endpoint, *others))), observe=8.0)

    (skewed,) = [i for i in checked.incidents if i.cause == "clock-skewed"]
    assert skewed.subject.name == watched.lab.members[0].member_id
    assert skewed.severity is Severity.WARNING


@asynccontextmanager
async def _other_clock(endpoint: str, ahead: float) -> AsyncIterator[str]:
    """Relay to a member, and set the Date of what it answers ahead."""
    host, _, port = endpoint.removeprefix("http://").partition(":")

    def shifted(found: re.Match[bytes]) -> bytes:
        moment = parsedate_to_datetime(found[1].decode()).timestamp() + ahead
        return b"Date: " + formatdate(moment, usegmt=True).encode()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await reader.read(65_536):
                writer.write(re.sub(rb"Date: ([^\r]+)", shifted, piece))
                await writer.drain()
        writer.close()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        await asyncio.gather(pass_on(reader, far_writer), pass_on(far_reader, writer))

    async with await asyncio.start_server(relay, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
