"""One process: is it there, what does it do, what may it."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from etcdscope.model.reading import Observation
from etcdscope.model.signal import (
    PROC_FDS,
    PROC_FDS_LIMIT,
    PROC_PID,
    PROC_STATE,
    PROC_WRITTEN,
    THREADS_BLOCKED,
)
from etcdscope.sources.procfs.files import Files, counts

OPEN_FILES = "open files"
WRITTEN = "bytes written"
# A Go program has a thread a core and some more.
_MOST_THREADS = 64
_KERNEL_THREAD = 0x00200000  # PF_KTHREAD in include/linux/sched.h


@dataclass(frozen=True, slots=True)
class Stat:
    """Of /proc/PID/stat: the state's letter, the start in clock ticks since boot."""

    state: str
    started: int
    kernel: bool


def stat(files: Files, path: str) -> Stat | None:
    """Return what the kernel says of a process or thread; None for one that is gone."""
    words = files.read(f"{path}/stat").rpartition(b")")[2].split()
    if len(words) < 20 or words[0] in (b"Z", b"X"):
        return None
    return Stat(words[0].decode(), int(words[19]), bool(int(words[6]) & _KERNEL_THREAD))


def process(files: Files, pid: int, state: str) -> Iterator[Observation]:
    """Yield what a process does and may; its state is known already."""
    yield Observation(PROC_PID, float(pid))
    yield Observation(PROC_STATE, state)
    yield Observation(THREADS_BLOCKED, float(_blocked(files, pid)))
    if (opened := descriptors(files, pid)) is not None:
        yield Observation(PROC_FDS, float(opened))
    if limit := _limit(files.of(pid, "limits", OPEN_FILES)):
        yield Observation(PROC_FDS_LIMIT, limit)
    if (written := bytes_written(files, pid, WRITTEN)) is not None:
        yield Observation(PROC_WRITTEN, float(written))


def _blocked(files: Files, pid: int) -> int:
    folder = f"{files.proc}/{pid}/task"
    threads = files.names(folder, most=_MOST_THREADS)
    seen = (stat(files, f"{folder}/{name}") for name in threads)
    return sum(1 for one in seen if one and one.state == "D")


def descriptors(files: Files, pid: int) -> int | None:
    """Return how many descriptors are open; Linux 6.2 and later say it without a list of them."""
    folder = files.stat(f"{files.proc}/{pid}/fd", OPEN_FILES)
    return folder.st_size or None if folder else None


def _limit(limits: bytes) -> float:
    for line in limits.splitlines():
        if line.startswith(b"Max open files"):
            soft = line.split()[3]
            return float(soft) if soft.isdigit() else 0.0
    return 0.0


def bytes_written(files: Files, pid: int, what: str = "") -> int | None:
    """Return how many bytes it has caused to be written to disks; None where we may not know."""
    return dict(counts(files.of(pid, "io", what), colon=True)).get("write_bytes")


@cache
def ticks_per_second() -> int:
    """Return the kernel's unit of process times."""
    return os.sysconf("SC_CLK_TCK")
