"""The whole machine: pressure, CPU time, memory, disks, network, clock."""

import ctypes
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from etcdscope.model.reading import Observation
from etcdscope.model.signal import (
    CLOCK_ERROR,
    CLOCK_SYNCED,
    CPU_IOWAIT,
    CPU_STOLEN,
    CPUS,
    DISK_BUSY,
    DISK_NAME,
    DISK_WRITE_SECONDS,
    DISK_WRITES,
    DISK_WRITTEN,
    MEMORY_LIMIT,
    MEMORY_USED,
    NET_DROPS,
    NET_ERRORS,
    OOM_KILLS,
    PRESSURE,
    TCP_RETRANSMITTED,
    TCP_SENT,
)
from etcdscope.sources.procfs.files import Files, counts
from etcdscope.sources.procfs.pressure import waited
from etcdscope.sources.procfs.process import ticks_per_second

HOST = "host"
NO_PRESSURE = "pressure"  # a kernel without PSI
_SECTOR = 512  # of /proc/diskstats, whatever the device's own is


def machine(files: Files) -> Iterator[Observation]:
    """Yield what is the same for every process of this machine."""
    for resource in ("cpu", "io", "memory"):
        seconds = waited(files.read(f"{files.proc}/pressure/{resource}"))
        if seconds is None:
            files.denied.add(NO_PRESSURE)
        else:
            yield Observation(PRESSURE, seconds, resource)
    yield from _cpu(files.read(f"{files.proc}/stat"))
    memory = dict(counts(files.read(f"{files.proc}/meminfo"), colon=True))
    if total := 1024.0 * memory.get("MemTotal", 0):
        yield Observation(MEMORY_USED, total - 1024.0 * memory.get("MemAvailable", 0), HOST)
        yield Observation(MEMORY_LIMIT, total, HOST)
    kills = dict(counts(files.read(f"{files.proc}/vmstat"))).get("oom_kill")
    if kills is not None:
        yield Observation(OOM_KILLS, float(kills), HOST)
    yield from clock()


def _cpu(stat: bytes) -> Iterator[Observation]:
    lines = stat.splitlines()
    words = lines[0].split() if lines else []
    if len(words) > 8:  # cpu user nice system idle iowait irq softirq steal …
        yield Observation(CPU_IOWAIT, int(words[5]) / ticks_per_second())
        yield Observation(CPU_STOLEN, int(words[8]) / ticks_per_second())
        cpus = sum(1 for line in lines[1:] if line.startswith(b"cpu"))
        yield Observation(CPUS, float(cpus))


# --- disks -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Disk:
    """A line of /proc/diskstats: what a device has done since boot."""

    written: float
    writes: float
    write_seconds: float
    busy_seconds: float


def disks(files: Files) -> Mapping[str, Disk]:
    """Return every block device by name (Documentation/admin-guide/iostats.rst)."""
    found = {}
    for line in files.read(f"{files.proc}/diskstats").splitlines():
        words = line.split()
        if len(words) > 12:
            writes, sectors, write_ms, busy_ms = (int(words[i]) for i in (7, 9, 10, 12))
            found[words[2].decode()] = Disk(
                float(sectors * _SECTOR), float(writes), write_ms / 1000, busy_ms / 1000
            )
    return found


def disk(name: str, seen: Disk) -> Iterator[Observation]:
    """Yield the observations of one device."""
    yield Observation(DISK_NAME, name)
    yield Observation(DISK_WRITTEN, seen.written)
    yield Observation(DISK_WRITES, seen.writes)
    yield Observation(DISK_WRITE_SECONDS, seen.write_seconds)
    yield Observation(DISK_BUSY, seen.busy_seconds)


# --- network -----------------------------------------------------------------------------------


def network(files: Files, pid: int | str) -> Iterator[Observation]:
    """Yield what happened in the network namespace of a process."""
    tcp = [line.split() for line in files.read(f"{files.proc}/{pid}/net/snmp").splitlines()]
    names, *values = [line[1:] for line in tcp if line[:1] == [b"Tcp:"]] or [[]]
    told = dict(zip(names, values[0] if values else [], strict=False))
    if b"RetransSegs" in told:
        yield Observation(TCP_SENT, float(told[b"OutSegs"]))
        yield Observation(TCP_RETRANSMITTED, float(told[b"RetransSegs"]))
    rows = files.read(f"{files.proc}/{pid}/net/dev").splitlines()[2:]
    cards = [words for row in rows if len(words := row.partition(b":")[2].split()) > 11]
    if cards:  # receive: bytes packets errs drop …; transmit the same, from the ninth on
        yield Observation(NET_ERRORS, float(sum(int(c[2]) + int(c[10]) for c in cards)))
        yield Observation(NET_DROPS, float(sum(int(c[3]) + int(c[11]) for c in cards)))


# --- clock -------------------------------------------------------------------------------------

_UNSYNC = 0x0040  # STA_UNSYNC in include/uapi/linux/timex.h
_ERROR_STATE = 5  # TIME_ERROR, of adjtimex(2)


class _Timex(ctypes.Structure):
    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def clock() -> Iterator[Observation]:
    """Yield what the kernel says of its clock; asking changes nothing and needs no rights."""
    told = _Timex(modes=0)
    state = _libc().adjtimex(ctypes.byref(told))
    if state >= 0:
        synced = state != _ERROR_STATE and not told.status & _UNSYNC
        yield Observation(CLOCK_SYNCED, float(synced))
        yield Observation(CLOCK_ERROR, told.maxerror / 1e6)
