"""What waits for each sink, in order, in memory and on disk.

Memory is what is delivered from and the disk what outlives us: a full or hung disk, which is just
what we may have to tell, delays no message. Putting never waits; the disk follows within
milliseconds, and ``saved`` says when it has.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice

from etcdscope.model.ports import Clock
from etcdscope.sinks.journal import Entry, Journal, JournalError
from etcdscope.threads import in_thread

log = logging.getLogger(__name__)

# How long the disk is left alone after it failed.
RETRY_DISK_SECONDS = 1.0
# How long the end waits for the last write; a hung disk would hold it for good.
LAST_WRITE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much may wait for one sink; what is older, or too much, is dropped and counted."""

    bytes: int = 16 * 1024 * 1024  # some 10,000 incidents, in memory as well as on disk
    seconds: float = 7 * 24 * 3600.0


@dataclass(slots=True)
class Waiting:
    """What waits for one sink."""

    entries: deque[Entry] = field(default_factory=deque)
    bytes: int = 0
    dropped: int = 0
    dropped_told: int = 0
    next_seq: int = 1
    arrived: asyncio.Event = field(default_factory=asyncio.Event)


class Queue:
    """A line of messages for each sink. Belongs to one event loop; only ``keep`` waits."""

    def __init__(
        self, clock: Clock, bounds: Bounds | None = None, journal: Journal | None = None
    ) -> None:
        self.clock = clock
        self.bounds = bounds or Bounds()
        self.journal = journal
        self.disk_error = journal.damage if journal else ""
        self._waiting: dict[str, Waiting] = {}
        self._added: dict[tuple[str, int], Entry] = {}
        self._removed: set[tuple[str, int]] = set()
        self._dropped: set[str] = set()
        self._dirty = asyncio.Event()
        self._writing: asyncio.Future[None] | None = None
        self._saved = asyncio.Event()
        self._saved.set()
        if journal:
            self._load(journal)

    def __getitem__(self, sink: str) -> Waiting:
        """Return what waits for a sink."""
        return self._waiting.setdefault(sink, Waiting())

    def put(self, sink: str, body: bytes) -> None:
        """Add a message at the end; never waits. Past the bounds the oldest goes, counted."""
        waiting = self[sink]
        entry = Entry(sink, waiting.next_seq, self.clock.now(), body)
        waiting.next_seq += 1
        waiting.entries.append(entry)
        waiting.bytes += len(body)
        waiting.arrived.set()
        self._added[sink, entry.seq] = entry
        self.trim(sink)
        self._touch()

    def first(self, sink: str, count: int) -> list[Entry]:
        """Return the oldest messages; they stay until ``remove``."""
        return list(islice(self[sink].entries, count))

    def remove(self, sink: str, entries: Iterable[Entry], *, dropped: bool = False) -> None:
        """Forget messages that were delivered, or (counted as dropped) that never will be."""
        waiting = self[sink]
        for entry in entries:
            # Some may be gone: more came than the bounds allow while they were on their way.
            if waiting.entries and waiting.entries[0].seq == entry.seq:
                self._forget_first(waiting, dropped=dropped)
        self._touch()

    def trim(self, sink: str) -> None:
        """Drop what is past the bounds."""
        waiting, oldest = self[sink], self.clock.now() - self.bounds.seconds
        while waiting.entries and (
            waiting.bytes > self.bounds.bytes or waiting.entries[0].at < oldest
        ):
            self._forget_first(waiting, dropped=True)
            self._touch()
        if waiting.dropped > 2 * waiting.dropped_told:  # told at once, then at every doubling
            log.warning("%s: %d messages dropped, they waited too long", sink, waiting.dropped)
            waiting.dropped_told = waiting.dropped

    async def saved(self) -> None:
        """Wait until all that was put so far is on disk; without a disk there is no wait."""
        await self._saved.wait()

    async def keep(self) -> None:
        """Write to disk whatever changes, until cancelled; the last changes are written then."""
        if self.journal is None:
            return
        try:
            while True:
                await self._dirty.wait()
                if not await self._write(self.journal):
                    await self.clock.sleep(RETRY_DISK_SECONDS)
        finally:
            await self._finish(self.journal)

    async def _write(self, journal: Journal) -> bool:
        added, removed, dropped = self._added, self._removed, self._dropped
        self._added, self._removed, self._dropped = {}, set(), set()
        self._dirty.clear()
        counts = [(sink, self[sink].dropped) for sink in dropped]
        rows = list(added.values()), list(removed), counts
        self._writing = in_thread(lambda: journal.write(*rows))
        try:
            await asyncio.shield(self._writing)
        except JournalError as error:
            if str(error) != self.disk_error:  # not the same line every second
                log.warning("%s; messages are kept in memory only", error)
            self.disk_error = str(error)
            # What was delivered meanwhile need not be written any more.
            self._added = {k: e for k, e in added.items() if k not in self._removed} | self._added
            self._removed |= removed
            self._dropped |= dropped
            self._dirty.set()
            return False
        self.disk_error = journal.damage
        if not self._dirty.is_set():
            self._saved.set()
        return True

    async def _finish(self, journal: Journal) -> None:
        """Write what is left; a write that is under way must end first."""
        if self._writing:
            await asyncio.wait({self._writing}, timeout=LAST_WRITE_SECONDS)
        if self._writing and not self._writing.done():
            log.warning("%s does not take the last write; it may be incomplete", journal.path)
            return
        if self._writing and (error := self._writing.exception()):
            log.warning("%s; what was being written may be lost", error)
        if self._dirty.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(LAST_WRITE_SECONDS):
                    await self._write(journal)
        if self._writing is None or self._writing.done():
            journal.close()

    def _touch(self) -> None:
        if self.journal is not None:
            self._dirty.set()
            self._saved.clear()

    def _forget_first(self, waiting: Waiting, *, dropped: bool) -> None:
        entry = waiting.entries.popleft()
        waiting.bytes -= len(entry.body)
        if not waiting.entries:
            waiting.arrived.clear()
        at = (entry.sink, entry.seq)
        if self._added.pop(at, None) is None:
            self._removed.add(at)
        if dropped:
            waiting.dropped += 1
            self._dropped.add(entry.sink)

    def _load(self, journal: Journal) -> None:
        for entry in journal.entries():
            waiting = self[entry.sink]
            waiting.entries.append(entry)
            waiting.bytes += len(entry.body)
            waiting.next_seq = entry.seq + 1
            waiting.arrived.set()
        for sink, count in journal.dropped().items():
            self[sink].dropped = count
        for sink in self._waiting:
            self.trim(sink)
