"""The probe on fake members."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from email.utils import formatdate

import pytest
from tests.sources.fakes import HEADER, FakeClient, FakePages, value, values

from etcdscope.etcd.errors import EtcdError
from etcdscope.model import signal as s
from etcdscope.model.reading import Failure
from etcdscope.sources import probe
from etcdscope.sources.probe import ProbeSource

REFUSED = EtcdError(Failure.REFUSED, "nobody listens")
DENIED = EtcdError(Failure.PERMISSION_DENIED, "may not", "etcdserver: permission denied")
NO_LEADER = EtcdError(Failure.REJECTED, "no leader", "etcdserver: no leader")


@contextlib.asynccontextmanager
async def listening() -> AsyncIterator[str]:
    """Accept connections, and say nothing."""
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def probing(client: FakeClient, pages: FakePages | None = None) -> ProbeSource:
    return ProbeSource(lambda _: client, pages or FakePages())


async def hang() -> None:
    await asyncio.Event().wait()


async def test_a_member_that_works_is_seen_whole() -> None:
    pages = FakePages(headers={"date": formatdate(100.0, usegmt=True)})
    async with listening() as url:
        reading = await probing(FakeClient(), pages).read(url, 100.0)

    assert (reading.source, reading.member, reading.failure) == ("probe", HEADER.member_id, None)
    assert value(reading, s.LINEARIZABLE_OK) == 1.0
    assert value(reading, s.CLOCK_OFFSET) == 0.0
    assert pages.asked == [f"{url}/version"]
    for signal in (s.SERIALIZABLE_SECONDS, s.LINEARIZABLE_SECONDS):
        took = value(reading, signal)
        assert isinstance(took, float)
        assert 0 < took < 1


async def test_a_read_that_hangs_does_not_take_the_others_along(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(probe, "BOUND", 0.05)
    async with listening() as url:
        reading = await probing(FakeClient(reads={False: hang})).read(url, 100.0)

    assert reading.failure is None
    assert values(reading, s.SERIALIZABLE_SECONDS)
    assert not values(reading, s.LINEARIZABLE_SECONDS)
    assert value(reading, s.LINEARIZABLE_OK) == 0.0


async def test_a_frozen_member_is_a_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(probe, "BOUND", 0.05)
    async with listening() as url:
        reading = await probing(FakeClient(reads={True: hang, False: hang})).read(url, 1.0)

    assert reading.failure is Failure.TIMEOUT
    assert not values(reading, s.LINEARIZABLE_OK)


@pytest.mark.parametrize(("error", "works"), [(DENIED, 1.0), (NO_LEADER, 0.0), (REFUSED, 0.0)])
async def test_a_refusal_by_rights_means_that_the_path_works(
    error: EtcdError, works: float
) -> None:
    async with listening() as url:
        reading = await probing(FakeClient(reads={False: error})).read(url, 100.0)

    assert value(reading, s.LINEARIZABLE_OK) == works


async def test_denied_both_ways_is_still_an_answer() -> None:
    async with listening() as url:
        client = FakeClient(reads={True: DENIED, False: DENIED})
        reading = await probing(client).read(url, 100.0)

    assert reading.failure is None
    assert value(reading, s.LINEARIZABLE_OK) == 1.0


async def test_the_clock_is_looked_at_every_five_seconds() -> None:
    pages = FakePages(headers={"date": formatdate(190.0, usegmt=True)})
    async with listening() as url:
        source = probing(FakeClient(), pages=pages)
        offsets = [values(await source.read(url, 100.0 + i), s.CLOCK_OFFSET) for i in range(6)]

    assert [bool(offset) for offset in offsets] == [True, False, False, False, False, True]
    assert offsets[0][""] == pytest.approx(90.0, abs=0.1)
    assert len(pages.asked) == 2


async def test_a_clock_that_is_not_told_is_not_seen() -> None:
    async with listening() as url:
        source = probing(FakeClient(), pages=FakePages(error=REFUSED))
        reading = await source.read(url, 100.0)

    assert reading.failure is None
    assert not values(reading, s.CLOCK_OFFSET)
