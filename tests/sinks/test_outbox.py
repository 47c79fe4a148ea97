import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.sinks.fakes import AT, FakeClock, FakeSink, incident, opened, until

from etcdscope.model.incident import Effect, EffectKind
from etcdscope.model.ports import DeliveryError
from etcdscope.sinks.deliver import Lane
from etcdscope.sinks.outbox import Outbox
from etcdscope.sinks.queue import Bounds


@asynccontextmanager
async def running(outbox: Outbox) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(outbox.run())
        await asyncio.sleep(0)
        yield
        task.cancel()


async def test_every_sink_is_told_what_it_wants() -> None:
    one, two = FakeSink("one"), FakeSink("two")
    verdicts = frozenset({EffectKind.VERDICT})
    outbox = Outbox([Lane(one), Lane(two, wants=verdicts)], FakeClock())
    verdict = Effect(EffectKind.VERDICT, AT, "c1")

    async with running(outbox):
        outbox.put([opened(incident()), verdict])
        assert await outbox.flush()

    assert one.told == [(opened(incident()),)]
    assert two.told == [(verdict,)]


async def test_a_sink_that_hangs_delays_no_other() -> None:
    sick, well = FakeSink("sick", hangs=True), FakeSink("well")
    outbox = Outbox([Lane(sick), Lane(well)], FakeClock())

    async with running(outbox):
        outbox.put([opened(incident())])
        await until(lambda: well.told)

    assert [health.pending for health in outbox.health()] == [1, 0]


async def test_an_outage_of_the_receiver_and_a_restart_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "queue.db"
    down = FakeSink(failures=[DeliveryError("down")] * 9)
    before = Outbox([Lane(down)], FakeClock(), path)
    async with running(before):
        before.put(opened(incident(n)) for n in range(5))
        await before.flush()
    assert not down.told

    up = FakeSink()
    after = Outbox([Lane(up)], FakeClock(), path)
    async with running(after):
        assert await after.flush()

    assert up.ids == [incident(n).id for n in range(5)]
    again = Outbox([Lane(FakeSink())], FakeClock(), path)
    assert again.health()[0].pending == 0


async def test_what_is_put_is_on_disk_even_if_the_stop_is_not_clean(tmp_path: Path) -> None:
    path = tmp_path / "queue.db"
    outbox = Outbox([Lane(FakeSink(hangs=True))], FakeClock(), path)
    async with running(outbox):
        await asyncio.sleep(0)
        outbox.put([opened(incident())])

    assert Outbox([Lane(FakeSink())], FakeClock(), path).health()[0].pending == 1


async def test_a_flush_is_bounded_and_says_what_is_lost(caplog: pytest.LogCaptureFixture) -> None:
    outbox = Outbox([Lane(FakeSink(hangs=True))], FakeClock())

    async with running(outbox):
        outbox.put([opened(incident())])
        assert not await outbox.flush(seconds=0.05)

    assert "1 messages were not delivered and are lost: there is no data directory" in caplog.text


async def test_a_flush_does_not_wait_for_a_sink_that_is_failing() -> None:
    outbox = Outbox([Lane(FakeSink(failures=[DeliveryError("down")]))], FakeClock())

    async with running(outbox), asyncio.timeout(1):
        outbox.put([opened(incident())])
        assert not await outbox.flush(seconds=30)


def test_putting_never_waits_and_is_bounded() -> None:
    outbox = Outbox([Lane(FakeSink())], FakeClock(), bounds=Bounds(bytes=10_000))

    outbox.put(opened(incident(n)) for n in range(1_000))

    health = outbox.health()[0]
    assert health.pending + health.dropped == 1_000
    assert 0 < health.pending < 100


def test_two_sinks_of_one_name_are_a_wrong_configuration() -> None:
    with pytest.raises(ValueError, match="two sinks are called 'fake'"):
        Outbox([Lane(FakeSink()), Lane(FakeSink())], FakeClock())


async def test_sinks_are_told_at_start_what_goes_on_and_closed_at_the_end() -> None:
    resumed: list[object] = []
    closed: list[bool] = []

    async def close() -> None:
        closed.append(True)

    outbox = Outbox([Lane(FakeSink(), resume=resumed.append, close=close)], FakeClock())
    outbox.resume([incident()])
    async with running(outbox):
        pass

    assert (resumed, closed) == ([[incident()]], [True])
