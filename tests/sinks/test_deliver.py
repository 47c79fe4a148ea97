import asyncio
from typing import Any

import pytest
from tests.sinks.fakes import AT, FakeClock, FakeSink, incident, opened, until

from etcdscope.model.incident import Effect, EffectKind
from etcdscope.model.ports import DeliveryError
from etcdscope.sinks.deliver import Delivery, Lane, SinkHealth, encoded
from etcdscope.sinks.http import BusyError, RefusedError
from etcdscope.sinks.queue import Queue


def delivery(sink: FakeSink, waiting: int = 0, **lane: Any) -> Delivery:  # noqa: ANN401
    clock = FakeClock()
    queue = Queue(clock)
    for number in range(waiting):
        queue.put(sink.name, encoded(opened(incident(number))))
    return Delivery(Lane(sink, **lane), queue, clock, jitter=lambda _, longest: longest)


def test_an_effect_comes_back_from_the_queue_as_it_was() -> None:
    sink = FakeSink()
    asyncio.run(delivery(sink, 1).deliver_once())

    assert sink.told == [(opened(incident()),)]


async def test_messages_are_told_in_order_a_batch_at_a_time() -> None:
    sink = FakeSink()
    lane = delivery(sink, 5, batch=2)

    for _ in range(3):
        await lane.deliver_once()

    assert [len(batch) for batch in sink.told] == [2, 2, 1]
    assert sink.ids == [incident(n).id for n in range(5)]
    assert lane.health() == SinkHealth("fake", delivered=5)


async def test_what_was_not_taken_stays_first() -> None:
    sink = FakeSink(failures=[DeliveryError("down"), DeliveryError("still down")])
    lane = delivery(sink, 2)

    await lane.deliver_once()
    await lane.deliver_once()

    assert lane.health() == SinkHealth("fake", 0, 2, AT, "still down")
    assert not sink.told
    await lane.deliver_once()
    assert lane.health() == SinkHealth("fake", 1, 1, None, "still down")


async def test_a_message_that_is_refused_does_not_hold_up_the_others() -> None:
    sink = FakeSink(failures=[RefusedError("400: no")])
    lane = delivery(sink, 2)

    await lane.deliver_once()
    assert (lane.failures, lane.health().dropped, lane.health().failing_since) == (0, 1, AT)

    await lane.deliver_once()
    assert sink.ids == [incident(1).id]
    assert lane.health() == SinkHealth("fake", 1, 0, None, "400: no", dropped=1)


async def test_a_bug_in_a_sink_is_loud_and_drops_one_message(
    caplog: pytest.LogCaptureFixture,
) -> None:
    lane = delivery(FakeSink(failures=[KeyError("oops")]), 2)

    await lane.deliver_once()

    assert lane.health().dropped == 1
    assert lane.health().last_error == "a bug in fake: KeyError; dropped"
    assert "Traceback" in caplog.text


async def test_a_sink_that_hangs_has_failed() -> None:
    lane = delivery(FakeSink(hangs=True), 1, patience=0.01)

    await lane.deliver_once()

    assert lane.last_error == "fake did not take it within 0.01 seconds"
    assert lane.health().pending == 1


async def test_a_message_of_another_version_is_dropped_and_said_to_be() -> None:
    lane = delivery(FakeSink())
    lane.queue.put("fake", b"\x01")

    await lane.deliver_once()

    assert lane.health().dropped == 1
    assert "another version of etcdscope" in lane.last_error


@pytest.mark.parametrize(
    ("failures", "asked", "seconds"),
    [(1, 0, 0.5), (2, 0, 1), (5, 0, 8), (8, 0, 60), (900, 0, 60), (1, 7, 7), (1, 3600, 60)],
)
def test_the_pause_doubles_up_to_a_minute(failures: int, asked: float, seconds: float) -> None:
    lane = delivery(FakeSink())
    lane.failures, lane.asked_to_wait = failures, asked

    assert lane.pause() == seconds


def test_the_pause_has_jitter() -> None:
    lane = Delivery(Lane(FakeSink()), Queue(FakeClock()), FakeClock())
    lane.failures = 4

    pauses = {lane.pause() for _ in range(50)}

    assert len(pauses) > 10
    assert 2 <= min(pauses) <= max(pauses) <= 4


async def test_it_goes_on_by_itself_after_a_failure() -> None:
    sink = FakeSink(failures=[DeliveryError("down"), BusyError("busy", 5), DeliveryError("down")])
    lane = delivery(sink, 1)
    clock = lane.clock
    assert isinstance(clock, FakeClock)
    running = asyncio.create_task(lane.run())

    for pause in (0.5, 5, 2):
        await until(lambda: clock.sleepers)
        assert clock.slept.pop() == pause
        clock.advance(pause)
    await until(lambda: sink.told)

    running.cancel()
    assert lane.health() == SinkHealth("fake", 1, 0, None, "down")


async def test_a_sink_that_repeats_itself_is_called_though_nothing_happened() -> None:
    sink = FakeSink()
    lane = delivery(sink, 1, again=60)
    clock = lane.clock
    assert isinstance(clock, FakeClock)
    running = asyncio.create_task(lane.run())

    await until(lambda: clock.sleepers)
    clock.advance(60)
    await until(lambda: clock.sleepers)
    lane.queue.put("fake", encoded(opened(incident(2))))
    await until(lambda: len(sink.told) == 3)

    running.cancel()
    assert [len(batch) for batch in sink.told] == [1, 0, 1]
    assert lane.health().delivered == 2


def test_every_kind_of_effect_can_be_kept() -> None:
    lane = delivery(FakeSink(), batch=9)
    effects = [Effect(kind, AT, "c1") for kind in EffectKind]
    for effect in effects:
        lane.queue.put("fake", encoded(effect))

    asyncio.run(lane.deliver_once())

    assert isinstance(lane.lane.sink, FakeSink)
    assert lane.lane.sink.told == [tuple(effects)]
