"""The side of the history that writes; all of it in one thread."""

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Final

import apsw

from etcdscope.model.incident import Effect
from etcdscope.model.ports import StoreError, Sweep
from etcdscope.store import flight, ledger, samples
from etcdscope.store.codec import FrameError, Tally, decode, frames
from etcdscope.store.database import (
    DamagedError,
    file_bytes,
    open_for_writing,
    rows,
    set_aside,
    transaction,
    translated,
)
from etcdscope.store.facts import UnknownFact
from etcdscope.store.sampler import SLOT, Sampler, Slot
from etcdscope.store.settings import Settings

log = logging.getLogger(__name__)

# Sweeps that wait to be put into longer rows are held in memory meanwhile, a few MB of them: that
# halves the cost of recording. Of very large clusters, or many, they are read again instead.
_HELD: Final = 400
_HELD_BYTES: Final = 8_000
_TIDY: Final = 60.0  # seconds between two looks for what is too old
# A clock that jumped by more than a minute is not trusted with removing old rows for ten minutes.
_JUMP: Final = 60.0
_STEADY: Final = 600.0


_LAST_SLOT: Final = "SELECT slot FROM sample_fresh WHERE cluster = ? ORDER BY id DESC LIMIT 1"
_LAST_FRAMES: Final = "SELECT data FROM flight_fresh WHERE cluster = ? ORDER BY id DESC LIMIT 8"


@dataclass(slots=True)
class Batch:
    """What came in since the last write, for one cluster."""

    sweeps: list[Sweep] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    memory: dict[str, bytes] = field(default_factory=dict)
    gap: ledger.Gap | None = None


@dataclass(slots=True)
class _Parcel:
    """What is to be written for one cluster; ``judged``: what is in the frame."""

    cluster: str
    batch: Batch
    frame: flight.Frame | None = None
    judged: list[Sweep] = field(default_factory=list)
    slots: list[Slot] = field(default_factory=list)


class Writer:
    """Writes what came in, keeps it while the disk does not take it, and tidies up in slices."""

    def __init__(self, path: Path, settings: Settings) -> None:
        self._path = path
        self._settings = settings
        self._pending: deque[_Parcel] = deque()
        self._names = samples.Names()
        self._samplers: dict[str, Sampler] = {}
        self._slices: Iterator[None] = iter(())
        self._held: dict[int, Sequence[Sweep]] = {}
        self._now = self._steady_since = self._tidied = 0.0
        self.error = ""
        self.failing_since: float | None = None
        self.lost_sweeps = 0
        self.notice = ""
        self._connection = self._opened()

    @property
    def bytes(self) -> int:
        """Return how much of the disk the history takes."""
        return file_bytes(self._path)

    def write(self, batches: dict[str, Batch]) -> None:
        """Write this and whatever could not be written before. No error leaves, but of our own."""
        before = self._waiting
        try:
            for cluster, batch in batches.items():
                self._pending.extend(self._parcels(cluster, batch))
            self._deliver()
            self._tidy()
        except DamagedError:
            self._start_afresh()
        except StoreError as error:
            self._fail(error)
        except BaseException:  # what cannot be written must not stand in the way of what comes
            self.lost_sweeps += before
            self._pending.clear()
            self._forget_rows()
            raise

    def close(self) -> None:
        """Write the slots that have begun, and close the file."""
        for cluster, sampler in self._samplers.items():
            if slot := sampler.rest():
                self._pending.append(_Parcel(cluster, Batch(), slots=[slot]))
        self.write({})
        if self._pending:
            log.error("%s: %d sweeps could not be kept: %s", self._path, self._waiting, self.error)
        self._connection.close()

    # --- what came in ----------------------------------------------------------------------------

    def _parcels(self, cluster: str, batch: Batch) -> Iterator[_Parcel]:
        sampler = self._samplers.setdefault(cluster, Sampler())
        for sweeps in frames(batch.sweeps):
            slots = [slot for sweep in sweeps if (slot := sampler.add(sweep))]
            self._note(sweeps[-1].now)
            yield _Parcel(cluster, Batch(), flight.framed(sweeps), sweeps, slots)
        batch.sweeps = []
        yield _Parcel(cluster, batch)

    def _note(self, now: float) -> None:
        if not 0 <= now - self._now < _JUMP:
            self._steady_since = now
        self._now = now

    @property
    def _waiting(self) -> int:
        return sum(parcel.frame.sweeps for parcel in self._pending if parcel.frame)

    # --- writing ---------------------------------------------------------------------------------

    def _opened(self) -> apsw.Connection:
        try:
            connection = open_for_writing(self._path, self._settings.max_pages)
            try:
                self._resume(connection)
            except BaseException:
                connection.close()
                raise
        except DamagedError as error:
            self._set_aside(error)
            connection = open_for_writing(self._path, self._settings.max_pages)
        return connection

    def _set_aside(self, error: StoreError) -> None:
        aside = set_aside(self._path)
        self.notice = f"{error}: it was moved to {aside}, and the history begins anew"
        log.error("%s", self.notice)

    def _resume(self, connection: apsw.Connection) -> None:
        """Go on where the process before has ended, in order or not."""
        with translated(self._path):
            clusters = rows(connection, "SELECT id, name FROM cluster")
            for cluster, name in clusters:
                self._resume_sampler(connection, cluster, name)
        try:
            with translated(self._path):
                for cluster, _ in clusters:
                    for _ in samples.compact(connection, cluster, least=1):
                        pass
                samples.forget_series(connection)
        except DamagedError:
            raise
        except StoreError as error:  # no space: tidying can wait
            log.warning("%s", error)

    def _resume_sampler(self, connection: apsw.Connection, cluster: int, name: str) -> None:
        """Give the sampler what was judged after the last slot that was written."""
        sampler = self._samplers.setdefault(name, Sampler())
        slot = rows(connection, _LAST_SLOT, (cluster,))
        after = (slot[0][0] + 1) * SLOT if slot else -inf
        for (data,) in reversed(rows(connection, _LAST_FRAMES, (cluster,))):
            for sweep in _decoded(data):
                done = sampler.add(sweep) if sweep.now >= after else None
                if done:
                    self._pending.append(_Parcel(name, Batch(), slots=[done]))

    def _deliver(self) -> None:
        with translated(self._path), transaction(self._connection):
            for parcel in self._pending:
                self._put(parcel)
        self._pending.clear()
        self.failing_since = None

    def _put(self, parcel: _Parcel) -> None:
        connection, batch = self._connection, parcel.batch
        cluster = ledger.cluster_id(connection, parcel.cluster)
        if parcel.frame:
            row = flight.keep(connection, cluster, parcel.frame)
            if parcel.judged and len(self._held) < _HELD and len(parcel.frame.data) < _HELD_BYTES:
                self._held[row] = parcel.judged
        for slot in parcel.slots:
            samples.keep(connection, self._names, cluster, slot)
        for effect in batch.effects:
            try:
                ledger.keep_effect(connection, cluster, effect)
            except UnknownFact as error:
                log.error("an effect cannot be kept: %s", error)  # noqa: TRY400 - no traceback needed
        for key, data in batch.memory.items():
            ledger.remember(connection, cluster, key, data)
        if batch.gap:
            ledger.keep_gap(connection, cluster, batch.gap)

    def _fail(self, error: StoreError) -> None:
        self._forget_rows()
        if self.failing_since is None:
            log.error("%s", error)
            waiting = [parcel.frame.begin for parcel in self._pending if parcel.frame]
            self.failing_since = min(waiting, default=self._now)
        self.error = str(error)
        kept = sum(len(parcel.frame.data) for parcel in self._pending if parcel.frame)
        for parcel in self._pending:  # the oldest go first; what was told of them stays
            if kept <= self._settings.pending_bytes:
                break
            kept -= self._lost(parcel)
        self._join_emptied()

    def _forget_rows(self) -> None:
        """Forget what was said of rows that the file may not have."""
        self._names.forget()
        self._slices = iter(())
        self._held.clear()
        for parcel in self._pending:
            parcel.judged = []  # the frame says it in far fewer bytes

    def _lost(self, parcel: _Parcel) -> int:
        """Give a parcel's sweeps up, not what was told of them; return how many bytes that is."""
        frame, parcel.frame, parcel.slots = parcel.frame, None, []
        if frame is None:
            return 0
        self.lost_sweeps += frame.sweeps
        gap = ledger.Gap(frame.begin, frame.end, frame.sweeps, self.error)
        parcel.batch.gap = ledger.joined(parcel.batch.gap, gap)
        return len(frame.data)

    def _join_emptied(self) -> None:
        """Make one parcel a cluster of those without a frame, so that they do not pile up."""
        kept: deque[_Parcel] = deque()
        joined: dict[str, _Parcel] = {}
        for parcel in self._pending:
            if parcel.frame or parcel.slots:
                kept.append(parcel)
                continue
            into = joined.setdefault(parcel.cluster, _Parcel(parcel.cluster, Batch()))
            into.batch.effects += parcel.batch.effects
            into.batch.memory |= parcel.batch.memory
            into.batch.gap = ledger.joined(into.batch.gap, parcel.batch.gap)
        for parcel in joined.values():
            del parcel.batch.effects[: -self._settings.pending_effects]
        self._pending = deque([*joined.values(), *kept])

    def _start_afresh(self) -> None:
        error = DamagedError(f"{self._path} is damaged")
        try:
            self._connection.close()
            self._set_aside(error)
            self._connection = open_for_writing(self._path, self._settings.max_pages)
            self._forget_rows()
            self._deliver()
        except (StoreError, OSError) as again:
            self._fail(StoreError(f"{self._path} is damaged and cannot be moved aside: {again}"))

    # --- tidying ---------------------------------------------------------------------------------

    def _tidy(self) -> None:
        """Do a slice or so of what makes the file small, and return soon."""
        if next(self._slices, self) is self and not 0 <= self._now - self._tidied < _TIDY:
            self._tidied = self._now
            self._slices = self._round()

    def _round(self) -> Iterator[None]:
        with translated(self._path):
            clusters = [row for (row,) in self._connection.execute("SELECT id FROM cluster")]
            for turn, cluster in enumerate(clusters):
                while flight.compact(self._connection, cluster, self._held):
                    yield
                for _ in samples.compact(self._connection, cluster):
                    yield
                if turn % 8 == 7:
                    yield
            while self._forget():
                yield

    def _forget(self) -> bool:
        """Remove a slice of what is too old or too much; say whether more may be left."""
        settings, connection = self._settings, self._connection
        trusted = self._now - self._steady_since >= _STEADY
        now = self._now if trusted else -inf
        more = flight.forget(connection, now - settings.flight_seconds, settings.flight_bytes)
        if trusted:
            oldest_slot = int((now - settings.samples_seconds) // SLOT)
            more = samples.forget(connection, oldest_slot) or more
            ledger.forget(connection, now - settings.events_seconds)
        connection.execute("PRAGMA incremental_vacuum(256)").fetchall()
        return more


def _decoded(data: bytes) -> list[Sweep]:
    try:
        return decode(data, Tally())
    except FrameError:
        return []
