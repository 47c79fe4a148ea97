"""One sink's lane: messages out of its queue, in order, tried again until they are taken."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from etcdscope.model.incident import Effect, EffectKind, Incident
from etcdscope.model.ports import Clock, DeliveryError, Sink
from etcdscope.sinks.http import BusyError, RefusedError
from etcdscope.sinks.journal import Entry
from etcdscope.sinks.queue import Queue

log = logging.getLogger(__name__)

FIRST_RETRY_SECONDS: Final = 0.5
LAST_RETRY_SECONDS: Final = 60.0
INCIDENTS: Final = frozenset({EffectKind.OPENED, EffectKind.CHANGED, EffectKind.CLOSED})

_decoder: Final = msgspec.msgpack.Decoder(Effect)


async def _nothing() -> None:
    return


@dataclass(frozen=True, slots=True)
class Lane:
    """A sink and how it wants to be told.

    ``batch``: messages a delivery; a delivery is taken or not as a whole. ``patience``: seconds
    that one may take. ``again``: seconds after which it is called though nothing happened.
    ``resume``: tells it at start which incidents go on.
    """

    sink: Sink
    batch: int = 1
    patience: float = 10.0
    again: float | None = None
    wants: frozenset[EffectKind] = INCIDENTS
    resume: Callable[[Sequence[Incident]], None] | None = None
    close: Callable[[], Awaitable[None]] = _nothing


@dataclass(frozen=True, slots=True)
class SinkHealth:
    """How a sink does. ``failing_since``: unix seconds; ``dropped``: lost for good, ever."""

    name: str
    delivered: int = 0
    pending: int = 0
    failing_since: float | None = None
    last_error: str = ""
    dropped: int = 0


def encoded(effect: Effect) -> bytes:
    """Return an effect as the queue keeps it; MessagePack, since JSON has no infinity."""
    return msgspec.msgpack.encode(effect)


@dataclass(slots=True)
class Delivery:
    """Runs one lane."""

    lane: Lane
    queue: Queue
    clock: Clock
    jitter: Callable[[float, float], float] = field(default=random.uniform)
    delivered: int = 0
    failures: int = 0
    failing_since: float | None = None
    last_error: str = ""
    asked_to_wait: float = 0.0
    busy: bool = False

    @property
    def name(self) -> str:
        """Return the sink's name."""
        return self.lane.sink.name

    @property
    def idle(self) -> bool:
        """Return whether waiting longer would bring nothing: all is told, or the sink is sick."""
        pending = bool(self.queue[self.name].entries)
        return self.failures > 0 or not (pending or self.busy)

    def health(self) -> SinkHealth:
        """Return how the sink does now."""
        waiting = self.queue[self.name]
        return SinkHealth(
            self.name,
            self.delivered,
            len(waiting.entries),
            self.failing_since,
            self.last_error,
            waiting.dropped,
        )

    async def run(self) -> None:
        """Deliver until cancelled."""
        while True:
            await self.deliver_once()
            if self.failures:
                await self.clock.sleep(self.pause())
            else:
                await self._something_to_tell()

    async def deliver_once(self) -> None:
        """Try the oldest messages once; where there are none the sink may repeat itself."""
        self.queue.trim(self.name)
        entries = self.queue.first(self.name, self.lane.batch)
        if not entries and self.lane.again is None:
            self.failures = 0  # what failed has become too old
            return
        self.busy, self.asked_to_wait = True, 0.0
        try:
            await self._told(entries)
        except RefusedError as error:
            self._failed(error)
            self.failures = 0  # the next message may fare better, at once
            self.queue.remove(self.name, entries, dropped=True)
        except DeliveryError as error:
            self._failed(error)
            self.asked_to_wait = error.seconds if isinstance(error, BusyError) else 0.0
        else:
            self._succeeded(entries)
        finally:
            self.busy = False

    def pause(self) -> float:
        """Return how long to wait: twice as long each time, a minute at most, with jitter."""
        longest = min(FIRST_RETRY_SECONDS * 2 ** min(self.failures - 1, 10), LAST_RETRY_SECONDS)
        pause = max(self.jitter(longest / 2, longest), self.asked_to_wait)
        return min(pause, LAST_RETRY_SECONDS)

    async def _told(self, entries: Sequence[Entry]) -> None:
        """Call the sink; whatever goes wrong leaves as a DeliveryError."""
        try:
            effects = [_decoder.decode(entry.body) for entry in entries]
        except msgspec.MsgspecError as error:
            raise RefusedError(f"kept by another version of etcdscope: {error}; dropped") from None
        try:
            async with asyncio.timeout(self.lane.patience):
                await self.lane.sink.deliver(effects)
        except TimeoutError:
            seconds = f"{self.lane.patience:g} seconds"
            raise DeliveryError(f"{self.name} did not take it within {seconds}") from None
        except DeliveryError:
            raise
        except Exception as error:
            log.exception("%s failed", self.name)
            raise RefusedError(f"a bug in {self.name}: {type(error).__name__}; dropped") from error

    def _succeeded(self, entries: Sequence[Entry]) -> None:
        self.queue.remove(self.name, entries)
        self.delivered += len(entries)
        if self.failing_since is not None:
            log.info("%s takes messages again", self.name)
        self.failures, self.failing_since = 0, None

    def _failed(self, error: DeliveryError) -> None:
        self.failures += 1
        if self.failing_since is None:
            self.failing_since = self.clock.now()
        if str(error) != self.last_error or self.failures == 1:  # not the same line for hours
            log.warning("%s", error)
        self.last_error = str(error)

    async def _something_to_tell(self) -> None:
        arrived = self.queue[self.name].arrived
        if arrived.is_set():
            return
        if self.lane.again is None:
            await arrived.wait()
            return
        waits = [
            asyncio.ensure_future(arrived.wait()),
            asyncio.ensure_future(self.clock.sleep(self.lane.again)),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
