"""Where a member's data are: file systems, their room, their device, and what lies about there."""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from etcdscope.model.reading import Observation
from etcdscope.model.signal import (
    FS_BYTES,
    FS_FREE,
    FS_INODES,
    FS_INODES_FREE,
    FS_READ_ONLY,
    LEFTOVER_BYTES,
    LEFTOVER_FILES,
)
from etcdscope.sources.procfs.command import Command
from etcdscope.sources.procfs.files import Files

DATA, WAL = "data", "wal"
DIRECTORY = "data directory"
DEVICE = "block device"  # tmpfs and overlays have none
# Transfers and defragmentations of gigabytes take minutes; what is older is nobody's.
LEFT_AFTER = 600.0
# etcd keeps five snapshots and purges the rest; a folder of thousands is counted in part.
_MOST_FILES = 2_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where data and WAL are, as we reach them; empty where we do not. ``disk``: the WAL's."""

    data: str = ""
    wal: str = ""
    disk: str = ""


def place(files: Files, pid: int, told: Command) -> Place:
    """Return where the directories of a process are to be found from here."""
    data = _reached(files, pid, told.data_dir)
    wal = _reached(files, pid, told.wal_dir) or data
    if not data:
        return Place()
    there = files.stat(wal)
    disk = disk_of(files, there.st_dev) if there else ""
    return Place(data, wal, disk)


def _reached(files: Files, pid: int, path: str) -> str:
    """Return a path that leads us there: ours if it is the same, else through /proc.

    Ours outlives the process. A process in a mount namespace of its own may mean another directory
    by the same path, so where we may not compare, the cgroup must say that it is no container's.
    """
    if not path:
        return ""
    through = f"{files.proc}/{pid}/root{path}"
    theirs, ours = files.stat(through), files.stat(path)
    if theirs is None:
        return path if ours and not _contained(files.of(pid, "cgroup")) else ""
    same = ours and (ours.st_dev, ours.st_ino) == (theirs.st_dev, theirs.st_ino)
    return path if same else through


def _contained(cgroup: bytes) -> bool:
    marks = (b"kubepods", b"docker", b"containerd", b"libpod", b"crio", b"lxc")
    return any(mark in cgroup for mark in marks)


def disk_of(files: Files, device: int) -> str:
    """Return the whole disk that a file system is on; empty for one that is on none."""
    target = files.link(f"{files.sys}/dev/block/{os.major(device)}:{os.minor(device)}")
    if not target:
        return _of_source(files, device)
    parent, _, name = target.rpartition("/")
    part = files.read(f"{files.sys}/dev/block/{os.major(device)}:{os.minor(device)}/partition")
    return parent.rpartition("/")[2] if part else name


def _of_source(files: Files, device: int) -> str:
    """Return the disk of a file system with a device number of its own, such as btrfs."""
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for line in files.read(f"{files.proc}/self/mountinfo").decode(errors="replace").splitlines():
        before, _, after = line.partition(" - ")
        words, kind = before.split(), after.split()
        if len(words) > 2 and words[2] == wanted and len(kind) > 1 and kind[1][:5] == "/dev/":
            source = files.stat(kind[1])
            if source and stat.S_ISBLK(source.st_mode) and os.major(source.st_rdev):
                return disk_of(files, source.st_rdev)
    return ""


# --- room --------------------------------------------------------------------------------------


def room(where: Place) -> Iterator[Observation]:
    """Yield how full the file systems are; the WAL's only where it is another one."""
    told = _told(where.data) if where.data else None
    if told is None:
        return
    yield from _room(told, DATA)
    other = _told(where.wal) if where.wal else None
    if other and other.f_fsid != told.f_fsid:
        yield from _room(other, WAL)


def _told(path: str) -> os.statvfs_result | None:
    with suppress(OSError):  # a failed process takes /proc/PID/root with it
        return os.statvfs(path)
    return None


def _room(told: os.statvfs_result, of: str) -> Iterator[Observation]:
    if not told.f_blocks:
        return
    yield Observation(FS_FREE, float(told.f_bavail * told.f_frsize), of)
    yield Observation(FS_BYTES, float(told.f_blocks * told.f_frsize), of)
    yield Observation(FS_READ_ONLY, float(bool(told.f_flag & os.ST_RDONLY)), of)
    if told.f_files:  # btrfs has no fixed number of them
        yield Observation(FS_INODES_FREE, float(told.f_favail), of)
        yield Observation(FS_INODES, float(told.f_files), of)


# --- what lies about ---------------------------------------------------------------------------

_KINDS = ("db.tmp", "snap.db", "broken", "tmp")


def leftovers(files: Files, data: str, now: float) -> Iterator[Observation]:
    """Yield files of the snapshot directory that a failed transfer or defragmentation left."""
    folder = f"{data}/member/snap"
    totals = {kind: [0.0, 0.0] for kind in _KINDS}
    names = files.names(folder, DIRECTORY, most=_MOST_FILES)
    if not names:
        return
    for name in names:
        kind = leftover(name)
        if kind and (seen := files.stat(f"{folder}/{name}")) and _old(seen, now):
            totals[kind][0] += seen.st_size
            totals[kind][1] += 1
    for kind, (size, count) in totals.items():
        yield Observation(LEFTOVER_BYTES, size, kind)
        yield Observation(LEFTOVER_FILES, count, kind)


def leftover(name: str) -> str:
    """Return which kind of leftover a name is; empty for what etcd uses.

    server/storage/backend (db.tmp.*), server/etcdserver/api/snap (*.snap.db, tmp*, *.broken).
    """
    if name.startswith("db.tmp."):
        return "db.tmp"
    if name.endswith(".snap.db"):
        return "snap.db"
    if name.endswith(".broken"):
        return "broken"
    return "tmp" if name.startswith("tmp") else ""


def _old(seen: os.stat_result, now: float) -> bool:
    return now - seen.st_mtime > LEFT_AFTER
