"""All sources on real clusters, well and unwell."""

import asyncio
import signal as posix
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import count

import pytest
from tests.sources.fakes import value, values

from etcdscope.etcd.client import EtcdClient
from etcdscope.etcd.http import HttpClient
from etcdscope.etcd.settings import Security
from etcdscope.lab.cluster import Lab, LabSpec
from etcdscope.model import signal as s
from etcdscope.model.cluster import MemberList
from etcdscope.model.ports import Source
from etcdscope.model.reading import Failure, Reading
from etcdscope.sources.certificates import CertificatesSource
from etcdscope.sources.discover import choose
from etcdscope.sources.members import MembersSource
from etcdscope.sources.metrics import MetricsSource
from etcdscope.sources.ports import PortsSource
from etcdscope.sources.presence import PresenceSource
from etcdscope.sources.probe import ProbeSource
from etcdscope.sources.raftvars import RaftvarsSource
from etcdscope.sources.status import StatusSource

pytestmark = pytest.mark.etcd

VERSIONS = pytest.mark.parametrize(
    "spec",
    [
        pytest.param(LabSpec(version="3.4", network="loopback"), id="3.4"),
        pytest.param(LabSpec(version="3.5", network="loopback", tls=True), id="3.5 with TLS"),
    ],
)


@dataclass
class Watched:
    """A lab and everything that looks at it."""

    lab: Lab
    sources: Mapping[str, Source]

    async def read(self, source: str, member: str) -> Reading:
        """Look once, as the engine would."""
        looks = self.sources[source]
        async with asyncio.timeout(looks.pace.patience):
            return await looks.read(self.lab.member(member).client_url, 1_000.0)

    async def until(self, source: str, member: str, holds: Callable[[Reading], bool]) -> Reading:
        """Look again and again."""
        for _ in count():
            reading = await self.read(source, member)
            if holds(reading):
                return reading
            await asyncio.sleep(0.1)
        raise AssertionError


@asynccontextmanager
async def watching(spec: LabSpec) -> AsyncIterator[Watched]:
    async with AsyncExitStack() as stack:
        lab = await stack.enter_async_context(Lab.start(spec))
        files = lab.certificates
        security = Security(files.ca, files.cert, files.key) if files else Security()
        http = await stack.enter_async_context(HttpClient(security))
        clients = {
            url: await stack.enter_async_context(EtcdClient(url, security, deadline_seconds=1.0))
            for url in lab.endpoints
        }
        peers = {member.client_url: member.peer_url for member in lab.members}
        presence = PresenceSource(security, peers.__getitem__, stay_seconds=0.5)
        stack.push_async_callback(presence.aclose)
        sources: list[Source] = [
            StatusSource(clients.__getitem__),
            RaftvarsSource(http),
            MetricsSource(http),
            MembersSource(clients.__getitem__),
            PortsSource(security, peers.__getitem__),
            ProbeSource(clients.__getitem__, http),
            CertificatesSource(security, peers.__getitem__),
            presence,
        ]
        yield Watched(lab, {source.name: source for source in sources})


async def others(lab: Lab) -> tuple[str, list[str]]:
    """Return the leader and the followers."""
    leader = await lab.leader()
    return leader, [member.name for member in lab.members if member.name != leader]


@VERSIONS
async def test_a_member_that_is_well_is_seen_by_every_source(spec: LabSpec) -> None:
    async with watching(spec) as watched:
        leader, (other, _) = await others(watched.lab)
        ids = {member.name: member.member_id for member in watched.lab.members}

        told = {name: await watched.read(name, leader) for name in watched.sources}

        if not spec.tls:
            assert told.pop("certificate").failure is Failure.UNSUPPORTED
        assert {r.source: r.detail for r in told.values() if r.failure} == {}
        for name in ("status", "raftvars", "metrics", "members", "probe"):
            assert told[name].member == ids[leader]
        assert value(told["status"], s.LEADER) == value(told["raftvars"], s.RAFT_LEAD)
        assert value(told["raftvars"], s.RAFT_STATE) == "leader"
        assert set(values(told["raftvars"], s.PROGRESS_MATCH)) == set(ids.values())
        assert value(told["metrics"], s.HAS_LEADER) == 1.0
        assert value(told["probe"], s.LINEARIZABLE_OK) == 1.0
        assert abs(float(str(value(told["probe"], s.CLOCK_OFFSET)))) > 1e6  # "now" was 1,000
        assert value(told["presence"], s.PRESENCE) == "present"
        members = value(told["members"], s.MEMBER_LIST)
        assert isinstance(members, MemberList)
        assert members.linearizable
        assert {member.id for member in members.members} == set(ids.values())
        if spec.tls:
            assert set(values(told["certificate"], s.CERTIFICATE_END)) == {"client", "peer", "ours"}
            assert value(told["ports"], s.HANDSHAKE_SECONDS) != 0.0

        found = choose([watched.lab.member(other).client_url], members.members, {}, {})
        assert set(found.endpoints) == set(watched.lab.endpoints)


async def test_probing_leaves_nothing_in_the_members_log() -> None:
    # 3.4 and the first 3.5 log each connection to a TLS port that ends without a handshake.
    async with watching(LabSpec(version="3.4", network="loopback", tls=True)) as watched:
        member = watched.lab.members[0]
        before = len(member.log_path.read_text())

        for _ in range(5):
            assert (await watched.read("probe", member.name)).failure is None

        await asyncio.sleep(0.2)
        assert "rejected connection" not in member.log_path.read_text()[before:]


@VERSIONS
async def test_without_a_quorum_each_source_says_what_it_can(spec: LabSpec) -> None:
    async with watching(spec) as watched:
        alone, gone = (await others(watched.lab))[1]
        leader = await watched.lab.leader()
        for name in (gone, leader):
            await watched.read("presence", name)
            await watched.lab.member(name).kill()
        async with asyncio.timeout(15):
            await watched.until("raftvars", alone, lambda r: value(r, s.RAFT_LEAD) == "")

            candidate = {"pre-candidate", "candidate"}
            await watched.until("raftvars", alone, lambda r: value(r, s.RAFT_STATE) in candidate)

            status = await watched.read("status", alone)
            assert value(status, s.LEADER) == ""
            assert "etcdserver: no leader" in str(value(status, s.STATUS_ERRORS))
            probe = await watched.read("probe", alone)
            assert (probe.failure, value(probe, s.LINEARIZABLE_OK)) == (None, 0.0)
            assert values(probe, s.SERIALIZABLE_SECONDS)
            own = value(await watched.read("members", alone), s.MEMBER_LIST)
            assert isinstance(own, MemberList)
            assert (own.linearizable, len(own.members)) == (False, 3)

            for source in ("status", "raftvars", "metrics", "members"):
                assert (await watched.read(source, gone)).failure is Failure.REFUSED
            assert (await watched.read("probe", gone)).failure is Failure.REFUSED
            dead = await watched.read("ports", gone)
            assert values(dead, s.PORT_STATE) == {"client": "refused", "peer": "refused"}
            left = await watched.read("presence", gone)
            assert (value(left, s.PRESENCE), value(left, s.FAREWELL)) == ("gone", 0.0)
            assert (await watched.read("presence", gone)).failure is Failure.REFUSED


@VERSIONS
async def test_a_member_that_is_stopped_takes_its_leave(spec: LabSpec) -> None:
    async with watching(spec) as watched:
        name = (await others(watched.lab))[1][0]
        await watched.read("presence", name)

        staying = asyncio.create_task(
            watched.until("presence", name, lambda r: value(r, s.PRESENCE) == "gone")
        )
        await watched.lab.stop_member(name)

        left = await staying
        assert value(left, s.FAREWELL) == 1.0


@VERSIONS
async def test_a_frozen_member_is_no_more_than_an_open_port(spec: LabSpec) -> None:
    async with watching(spec) as watched:
        name = (await others(watched.lab))[1][0]
        for source in ("status", "presence"):
            await watched.read(source, name)
        watched.lab.member(name).signal(posix.SIGSTOP)
        try:
            probe = await watched.read("probe", name)
            ports = await watched.read("ports", name)
            presence = await watched.read("presence", name)
        finally:
            watched.lab.member(name).signal(posix.SIGCONT)

        assert probe.failure is Failure.TIMEOUT
        assert values(ports, s.PORT_STATE) == {"client": "open", "peer": "open"}
        assert not values(probe, s.LINEARIZABLE_OK)
        assert value(presence, s.PRESENCE) == "present"
