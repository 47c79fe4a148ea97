"""The outbox: what the engine puts effects into, and what the app runs beside it."""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from etcdscope.model.incident import Effect, Incident
from etcdscope.model.ports import Clock
from etcdscope.sinks.deliver import Delivery, Lane, SinkHealth, encoded
from etcdscope.sinks.journal import Journal
from etcdscope.sinks.queue import Bounds, Queue

log = logging.getLogger(__name__)

# How long a clean stop waits for receivers.
FLUSH_SECONDS: Final = 2.0
_LOOK_SECONDS: Final = 0.02


class Outbox:
    """Brings effects to every sink, through a queue for each.

    ``path``: the queue's file (``queue.db`` of the data directory); None keeps it in memory.
    Errors: JournalError where the file cannot be opened, ValueError for two sinks of one name.
    """

    def __init__(
        self,
        lanes: Iterable[Lane],
        clock: Clock,
        path: Path | None = None,
        bounds: Bounds | None = None,
    ) -> None:
        self.queue = Queue(clock, bounds, Journal(path) if path else None)
        self.durable = path is not None
        self.deliveries = tuple(Delivery(lane, self.queue, clock) for lane in lanes)
        names = [delivery.name for delivery in self.deliveries]
        if twice := next((n for n in names if names.count(n) > 1), None):
            raise ValueError(f"two sinks are called {twice!r}: give one of them another name")

    def resume(self, incidents: Sequence[Incident]) -> None:
        """Tell, once and before ``run``, which incidents go on from an earlier life (maybe none).

        What an earlier life told and did not end is ended by the sinks that repeat themselves.
        """
        for delivery in self.deliveries:
            if delivery.lane.resume:
                delivery.lane.resume(incidents)

    def put(self, effects: Iterable[Effect]) -> None:
        """Take effects; never waits."""
        for effect in effects:
            body: bytes | None = None
            for delivery in self.deliveries:
                if effect.kind in delivery.lane.wants:
                    body = body or encoded(effect)
                    self.queue.put(delivery.name, body)

    async def run(self) -> None:
        """Deliver until cancelled; what was put is on disk when this has ended."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.queue.keep())
                for delivery in self.deliveries:
                    group.create_task(delivery.run())
        finally:
            for delivery in self.deliveries:
                await delivery.lane.close()

    async def flush(self, seconds: float = FLUSH_SECONDS) -> bool:
        """Wait, while ``run`` still runs, until all is told; return whether it was.

        No longer than ``seconds``, and not for a sink that is failing: its messages stay in the
        queue, which without a data directory means that they are lost, and said to be.
        """
        try:
            async with asyncio.timeout(seconds):
                while not all(delivery.idle for delivery in self.deliveries):  # noqa: ASYNC110  # once, at the end
                    await asyncio.sleep(_LOOK_SECONDS)
                await self.queue.saved()
        except TimeoutError:
            pass
        left = [health for health in self.health() if health.pending]
        for health in left:
            fate = "wait on disk" if self.durable else "are lost: there is no data directory"
            log.warning(
                "%s: %d messages were not delivered and %s", health.name, health.pending, fate
            )
        return not left

    def health(self) -> tuple[SinkHealth, ...]:
        """Return how every sink does."""
        return tuple(delivery.health() for delivery in self.deliveries)

    @property
    def disk_error(self) -> str:
        """Return why the queue is not on disk at the moment, or what it lost there; else empty."""
        return self.queue.disk_error
