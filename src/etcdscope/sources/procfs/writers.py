"""Who else writes to a disk: named only while the disk has much to do."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Lock

from etcdscope.model.reading import Observation
from etcdscope.model.signal import WRITER, WRITER_RATE
from etcdscope.sources.procfs.files import Files
from etcdscope.sources.procfs.machine import Disk
from etcdscope.sources.procfs.process import bytes_written, stat
from etcdscope.sources.procfs.storage import disk_of

# From here on somebody else may be felt: a tenth of a second's work of a good disk, or the bytes
# of a few thousand puts.
BUSY_SHARE = 0.2
BUSY_BYTES = 4 << 20
# Two readings so far apart make a rate.
APART = 0.25
# Processes looked at in one look, 15 µs each and twice; the heaviest of before always.
BUDGET = 48
TOP = 3
# Descriptors that are looked at to see which disk a writer writes to.
_DESCRIPTORS = 64
_WRITES = 512.0  # bytes a second; less is nobody


@dataclass(frozen=True, slots=True)
class Writer:
    """A process that writes: bytes a second."""

    pid: int
    name: str
    rate: float


class Writers:
    """Looks for them in rounds, when a disk is busy; members of etcd do not count."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._before: dict[str, tuple[Disk, float]] = {}
        self._told: dict[str, tuple[float, tuple[Writer, ...]]] = {}
        self._heavy: tuple[int, ...] = ()
        self._kernel: set[int] = set()
        self._next = 0

    def look(
        self, files: Files, name: str, disk: Disk, members: frozenset[int], now: float
    ) -> Iterator[Observation]:
        """Yield the heaviest other writers of that disk, if it has much to do."""
        with self._lock:
            at, told = self._told.get(name, (0.0, ()))
            if now - at > 2 * APART:
                busy = self._busy(name, disk, now)
                told = self._found(files, name, members) if busy else ()
                self._told[name] = (now, told)
        for rank, writer in enumerate(told, 1):
            yield Observation(WRITER, f"{writer.name}/{writer.pid}", str(rank))
            yield Observation(WRITER_RATE, writer.rate, str(rank))

    def _busy(self, name: str, disk: Disk, now: float) -> bool:
        before, at = self._before.get(name, (disk, now))
        self._before[name] = (disk, now)
        seconds = now - at
        return seconds > 0 and (
            disk.busy_seconds - before.busy_seconds > BUSY_SHARE * seconds
            or disk.written - before.written > BUSY_BYTES * seconds
        )

    def _found(self, files: Files, name: str, members: frozenset[int]) -> tuple[Writer, ...]:
        pids = self._round(files, members)
        first = {pid: n for pid in pids if (n := bytes_written(files, pid)) is not None}
        began = time.monotonic()
        time.sleep(APART)
        rates = []
        for pid, before in first.items():
            after = bytes_written(files, pid)
            rate = ((after or before) - before) / (time.monotonic() - began)
            if rate > _WRITES:
                rates.append((rate, pid))
        heaviest = sorted(rates, reverse=True)[: 2 * TOP]
        self._heavy = tuple(pid for _, pid in heaviest)
        return tuple(_named(files, heaviest, name))[:TOP]

    def _round(self, files: Files, members: frozenset[int]) -> list[int]:
        there = sorted(files.pids(), reverse=True)  # what was started last comes first
        self._kernel &= set(there)
        mine = [p for p in there if p not in members and p not in self._kernel]
        if len(mine) <= BUDGET:
            chosen = mine
        else:
            self._next %= len(mine)
            chosen = (mine[self._next :] + mine)[:BUDGET]
            self._next += BUDGET
        for pid in chosen:
            seen = stat(files, f"{files.proc}/{pid}") if pid not in self._heavy else None
            if seen and seen.kernel:
                self._kernel.add(pid)
        heavy = [pid for pid in self._heavy if pid in mine and pid not in chosen]
        return [*heavy, *(pid for pid in chosen if pid not in self._kernel)]


def _named(files: Files, heaviest: list[tuple[float, int]], disk: str) -> Iterator[Writer]:
    for rate, pid in heaviest:
        if _on(files, pid, disk) is not False:
            name = files.of(pid, "comm").strip().decode(errors="replace") or "a process"
            yield Writer(pid, name, rate)


def _on(files: Files, pid: int, disk: str) -> bool | None:
    """Return whether one of its open files is on that disk; None where none is on any."""
    folder = f"{files.proc}/{pid}/fd"
    devices = {
        seen.st_dev
        for name in files.names(folder, most=_DESCRIPTORS)
        if (seen := files.stat(f"{folder}/{name}")) and (seen.st_mode & 0o170000) == 0o100000
    }
    known = {found for device in devices if (found := disk_of(files, device))}
    return disk in known if known else None
