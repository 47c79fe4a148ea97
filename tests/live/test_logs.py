"""What only the members' logs tell, on a real cluster: the right cause and member, then silence."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio
from tests.live.watched import WARM_SECONDS, Watched

from etcdscope import app
from etcdscope.etcd.settings import Access
from etcdscope.lab.cluster import Lab, LabSpec, LoadSpec
from etcdscope.lab.gateway import after, encoded
from etcdscope.model.incident import Incident
from etcdscope.sources.logs.opened import LogSettings

pytestmark = [pytest.mark.etcd, pytest.mark.asyncio(loop_scope="module")]

# etcd says after 100 ms what was asked, and after 300 ms who did; this machine may be quicker.
QUICK = ("--experimental-warning-apply-duration=20ms",)
KEYS = 40_000


@asynccontextmanager
async def watching(spec: LabSpec) -> AsyncIterator[Watched]:
    """Bring a lab up, and watch it and the logs of its members."""
    async with Lab.start(spec) as lab:
        watched = Watched(lab)
        logs = tuple(LogSettings(m.name, str(m.log_path)) for m in lab.members)
        settings = app.Settings(access=Access((lab.endpoints[0],)), logs=logs)
        task = asyncio.create_task(app.watch(settings, watched.tell))
        try:
            await asyncio.sleep(WARM_SECONDS)
            yield watched
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def watched() -> AsyncIterator[Watched]:
    spec = LabSpec(version="3.5", load=LoadSpec(rate=50, reads=0.2), extra_flags=QUICK)
    async with watching(spec) as one:
        yield one


async def told(watched: Watched, cause: str, within: float) -> Incident | None:
    """Wait until a cause is told, of any severity; return its incident."""
    mark = len(watched.effects)

    def right() -> list[Incident]:
        seen = [e.incident for e in watched.effects[mark:] if e.incident]
        return [i for i in seen if i.cause == cause]

    await watched.until(lambda: bool(right()), within)
    return right()[0] if right() else None


@pytest.mark.parametrize(
    ("fault", "cause", "within"),
    [
        ("wal-rot", "wal-corrupt", 8.0),
        ("db-rot", "backend-corrupt", 8.0),
    ],
)
async def test_a_logged_fault_is_told_with_its_cause(
    watched: Watched, fault: str, cause: str, within: float
) -> None:
    await watched.lab.ready()
    assert await watched.quiet(), [i.summary for i in watched.serious]
    ids = {m.name: m.member_id for m in watched.lab.members}
    waiting = asyncio.create_task(told(watched, cause, 60.0))
    harm = await watched.lab.fault(fault)
    (name,) = harm.members
    try:
        async with asyncio.timeout(within):
            incident = await waiting
    finally:
        await watched.lab.heal(harm)

    assert incident is not None
    assert incident.subject.name == ids[name]
    assert await watched.quiet(), [i.summary for i in watched.serious]


async def test_a_client_that_reads_everything_is_named(watched: Watched) -> None:
    lab, key = watched.lab, b"/registry/pods/"
    value = encoded(b"x" * 1024)
    for start in range(0, KEYS, 100):
        puts = [
            {"requestPut": {"key": encoded(key + b"ns/%05d" % n), "value": value}}
            for n in range(start, start + 100)
        ]
        await lab.call("kv/txn", success=puts)

    waiting = asyncio.create_task(told(watched, "range-expensive", 30.0))
    for _ in range(4):
        await lab.call("kv/range", key=encoded(key), range_end=encoded(after(key)))
    incident = await waiting

    assert incident is not None
    # The client is the member's own JSON gateway; it is not named where etcd was quick enough.
    assert incident.subject.kind in ("client", "member")
    assert "/registry/pods/" in incident.summary
    assert "ns/" not in incident.summary
