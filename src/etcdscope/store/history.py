"""The embedded history: what was judged and what was told, in one SQLite file."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Lock as Mutex
from typing import Any

from etcdscope.model.incident import Effect
from etcdscope.model.ports import StoreHealth, Sweep
from etcdscope.store import ledger
from etcdscope.store.archive import Archive
from etcdscope.store.database import FILE, Lock
from etcdscope.store.facts import Made
from etcdscope.store.settings import Settings
from etcdscope.store.worker import Worker
from etcdscope.store.writer import Batch, Writer

log = logging.getLogger(__name__)


class History:
    """Keeps what it is given, about once a second, in a thread of its own; the loop never waits.

    ``archive`` reads it. One process at a time may write into a data directory.
    """

    def __init__(
        self, writer: Writer, archive: Archive, worker: Worker, settings: Settings
    ) -> None:
        self.archive = archive
        self._writer = writer
        self._worker = worker
        self._settings = settings
        self._mutex = Mutex()  # between the loop, which fills, and the thread, which empties
        self._sweeps: deque[tuple[str, Sweep, int]] = deque()
        self._batches: dict[str, Batch] = {}
        self._values = 0
        self._memory: dict[tuple[str, str], Any] = {}
        self._writing: Future[None] | None = None
        self._since: float | None = None  # ``now`` of the oldest sweep not yet taken up
        self._now = 0.0
        self._dropped = 0
        self._bytes = writer.bytes
        self._writing_since = 0.0
        self._bug = ""

    @classmethod
    @asynccontextmanager
    async def open(
        cls, directory: Path, settings: Settings | None = None
    ) -> AsyncIterator["History"]:
        """Open the history in a data directory, made if need be.

        Errors: ``StoreError`` where it cannot be used. A damaged file is moved aside and the
        history begins anew (``health().notice``): watching matters more.
        """
        settings = settings or Settings()
        async with Worker("history-writer") as worker, Worker("history-reader") as reader:
            lock = await worker.do(Lock, directory)
            try:
                writer = await worker.do(Writer, directory / FILE, settings)
                history = cls(writer, Archive(directory / FILE, reader), worker, settings)
                try:
                    yield history
                finally:
                    await history._close()
            finally:
                lock.release()

    async def _close(self) -> None:
        try:
            async with asyncio.timeout(self._settings.stop_seconds):
                await self.flush()
                await self._worker.do(self._writer.close)
        except TimeoutError:
            log.error(  # noqa: TRY400 - what happened is clear
                "the history could not be written to its end: the disk does not answer"
            )

    # --- giving ----------------------------------------------------------------------------------

    def append(self, cluster: str, sweep: Sweep, effects: Sequence[Effect] = ()) -> None:
        """Keep one sweep and its effects. Never waits; incidents are written at once."""
        weight = 1 + sum(len(reading.observations) + 1 for reading in sweep.readings)
        with self._mutex:
            self._sweeps.append((cluster, sweep, weight))
            self._values += weight
            if effects:
                self._batch(cluster).effects.extend(effects)
            while self._values > self._settings.waiting_values:
                self._drop()
            if self._since is None:
                self._since = sweep.now
            since = self._since
        self._now = sweep.now
        if effects or not 0 <= sweep.now - since < self._settings.flush_seconds:
            self._write_soon()

    def remember(self, cluster: str, key: str, value: object) -> None:
        """Keep one value of the model's types over restarts."""
        data = ledger.packed(value)
        self._memory[cluster, key] = value
        with self._mutex:
            self._batch(cluster).memory[key] = data

    async def recall(self, cluster: str, key: str) -> Made:
        """Return what was remembered last, None for nothing."""
        if (cluster, key) in self._memory:
            return self._memory[cluster, key]
        return await self.archive.recall(cluster, key)

    async def flush(self) -> None:
        """Write what came in so far; return when it was tried."""
        await self._worker.do(self._write)

    def _batch(self, cluster: str) -> Batch:
        return self._batches.setdefault(cluster, Batch())

    def _drop(self) -> None:
        cluster, sweep, weight = self._sweeps.popleft()
        self._values -= weight
        self._miss(cluster, sweep, f"writing took more than {self._now - sweep.now:.0f} s")

    def _miss(self, cluster: str, sweep: Sweep, why: str) -> None:
        self._dropped += 1
        batch = self._batch(cluster)
        batch.gap = ledger.joined(batch.gap, ledger.Gap(sweep.now, sweep.now, 1, why))

    # --- in the thread ---------------------------------------------------------------------------

    def _write_soon(self) -> None:
        if self._writing is None or self._writing.done():
            self._writing_since = self._now
            self._writing = self._worker.submit(self._write)
            self._writing.add_done_callback(self._written)

    def _write(self) -> None:
        with self._mutex:
            batches, self._batches = self._batches, {}
            waiting, self._sweeps = self._sweeps, deque()
            self._values, self._since = 0, None
        for cluster, sweep, _ in waiting:
            batches.setdefault(cluster, Batch()).sweeps.append(sweep)
        try:
            self._writer.write(batches)
        except BaseException as error:
            self._bug = f"an error of ours: {error!r}"
            with self._mutex:
                for cluster, sweep, _ in waiting:
                    self._miss(cluster, sweep, self._bug)
            raise
        self._bug = ""
        self._bytes = self._writer.bytes

    def _written(self, future: Future[None]) -> None:
        if not future.cancelled() and (error := future.exception()):
            log.error("the history could not be written", exc_info=error)
        elif any(batch.effects for batch in self._batches.values()):
            self._write_soon()  # an incident that came in meanwhile does not wait for more

    # --- asking ----------------------------------------------------------------------------------

    def health(self) -> StoreHealth:
        """Return how it fares."""
        writer = self._writer
        failing_since, error = writer.failing_since, self._bug or writer.error
        if self._bug:
            failing_since = failing_since or self._writing_since
        busy = self._writing is not None and not self._writing.done()
        if busy and self._now - self._writing_since > self._settings.hung_seconds:
            error = f"a write has not come back since {self._now - self._writing_since:.0f} s"
            failing_since = failing_since or self._writing_since
        lost = writer.lost_sweeps + self._dropped
        return StoreHealth(failing_since, error, lost, self._bytes, writer.notice)

    def sweeps(self, cluster: str, begin: float, end: float) -> AsyncIterator[Sweep]:
        """Give the sweeps of a span back, in the order in which they were judged."""
        return self.archive.sweeps(cluster, begin, end)
