"""Faults of what a member shares with others on its host: descriptors, memory, disks."""

import asyncio
import contextlib
import os
import resource
import shutil
import sys
from asyncio import StreamWriter
from pathlib import Path
from typing import Final

from etcdscope.lab.children import end, run, spawn, which
from etcdscope.lab.faults_machine import CGROUPS, cgroup_home, release
from etcdscope.lab.gateway import after, encoded
from etcdscope.lab.injection import Injection, fault
from etcdscope.lab.member import Member
from etcdscope.lab.network import CLIENT_PORT
from etcdscope.lab.spec import MIB, LabError

# ---- file descriptors

# Where the process has none left, the kernel still takes connections; it need not be many more.
BEYOND: Final = 20


@fault("descriptors", target="follower", limit=200, share=1.0)
async def descriptors(on: Injection) -> None:
    """Lower the descriptor limit of the target, then connect until that share of it is used.

    etcd looks for old files every 30 s, and ends where it can open no folder: healed by a start.
    """
    for member in on.targets:
        if not member.pid:
            raise LabError(f"{member.name} does not run: heal it first")
        await _use_up(on, member, member.pid)
    on.begins()


async def _use_up(on: Injection, member: Member, pid: int) -> None:
    limit, share = int(on.number("limit")), on.number("share")
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (limit, before[1]))
    on.undo.push_async_callback(member.start)
    on.undo.callback(_restore, pid, before)
    held: list[StreamWriter] = []
    on.undo.callback(_hang_up, held)
    wanted = int(share * limit) - _open_files(pid) + (BEYOND if share >= 1 else 0)
    for _ in range(wanted):
        _, writer = await asyncio.open_connection(member.address, CLIENT_PORT)
        held.append(writer)


def _open_files(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 (names alone are counted)


def _restore(pid: int, before: tuple[int, int]) -> None:
    with contextlib.suppress(ProcessLookupError):
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


def _hang_up(held: list[StreamWriter]) -> None:
    for writer in held:
        writer.close()


# ---- memory

LARGE: Final = b"/lab/large/"
VALUE_BYTES: Final = MIB // 2
AT_A_TIME: Final = 8
ROUNDS: Final = 40


@fault("memory-limit", target="follower", needs="cgroup", bytes=160 * MIB, values=32)
async def memory_limit(on: Injection) -> None:
    """Limit the target's memory, then read large ranges from it until the kernel kills it.

    `values` of 512 KiB each are written first, and deleted when it is healed; healed by a start.
    """
    on.undo.push_async_callback(_delete_large, on)
    for key in range(int(on.number("values"))):
        await _put_large(on, key)
    for member in on.targets:
        if member.pid:
            on.undo.push_async_callback(member.start)
            await asyncio.to_thread(_limit_memory, on, member, member.pid)
    on.begins()
    for member in on.targets:
        await _read_until_it_dies(on, member)


def _limit_memory(on: Injection, member: Member, pid: int) -> None:
    group = CGROUPS / "memory" / f"etcdscope-lab-{on.lab.lab_id}-{member.name}"
    one = (CGROUPS / "memory" / "memory.limit_in_bytes").exists()
    if not one:
        group = CGROUPS / group.name
    on.lab.journal.cgroup(group)
    try:
        home = group.parent / cgroup_home(pid, "memory" if one else "")
        if not one:
            with contextlib.suppress(OSError):
                (group.parent / "cgroup.subtree_control").write_text("+memory")
        group.mkdir()
        on.undo.callback(release, group, home)
        name = "memory.limit_in_bytes" if one else "memory.max"
        (group / name).write_text(str(int(on.number("bytes"))))
        (group / "cgroup.procs").write_text(str(pid))
    except OSError as error:
        raise LabError(
            f"memory-limit makes a cgroup, and may not ({error}): start the lab as root"
        ) from error


async def _read_until_it_dies(on: Injection, member: Member) -> None:
    for _ in range(ROUNDS):
        if not member.running:
            return
        reads = (_read_all(on, member) for _ in range(AT_A_TIME))
        await asyncio.gather(*reads)
    raise LabError(f"{member.name} lives on within its memory limit; set fewer bytes")


async def _read_all(on: Injection, member: Member) -> None:
    with contextlib.suppress(LabError):  # it may end in the midst of the answer
        await on.lab.call(
            "kv/range",
            member=member.name,
            key=encoded(LARGE),
            range_end=encoded(after(LARGE)),
            serializable=True,
        )


async def _put_large(on: Injection, key: int) -> None:
    value = encoded(os.urandom(VALUE_BYTES))
    await on.lab.call("kv/put", key=encoded(LARGE + f"{key:04}".encode()), value=value)


async def _delete_large(on: Injection) -> None:
    await on.lab.call("kv/deleterange", key=encoded(LARGE), range_end=encoded(after(LARGE)))


# ---- disks

SEGMENTS_BYTES: Final = 3 * 64 * MIB


@fault("disk-full", target="follower", needs="namespaces", bytes=320 * MIB, left=0, ends=False)
async def disk_full(on: Injection) -> None:
    """Move the target's data to a file system of so many bytes, and fill all but `left` of it.

    The target is restarted for it. With nothing left it lives on until its WAL or database needs
    more than it has allocated; `ends` writes until then. Healed by moving the data back.
    """
    for member in on.targets:
        if not member.running:
            raise LabError(f"{member.name} does not run: heal it first")
        await _onto_a_small_disk(on, member)
    await on.lab.ready()
    on.begins()
    for member in on.targets:
        await asyncio.to_thread(_fill, member.data_dir / "filler", int(on.number("left")))
    if on.options["ends"]:
        on.undo.push_async_callback(_delete_large, on)
        await _write_until_they_end(on)


async def _write_until_they_end(on: Injection) -> None:
    """A WAL segment has 64 MiB, and the next one is allocated already."""
    for key in range(SEGMENTS_BYTES // VALUE_BYTES):
        if not any(member.running for member in on.targets):
            return
        await _put_large(on, key)
    raise LabError("disk-full: etcd writes on; give it a smaller disk")


async def _onto_a_small_disk(on: Injection, member: Member) -> None:
    data, aside = member.data_dir, member.data_dir.with_suffix(".aside")
    mount, size = which("mount"), int(on.number("bytes"))
    if not mount:
        raise LabError("disk-full needs the program mount (Debian: mount)")
    await member.stop()
    on.undo.push_async_callback(member.start)
    await asyncio.to_thread(data.rename, aside)
    data.mkdir(mode=0o700)
    on.lab.journal.mount(data)
    on.undo.push_async_callback(_back, member, aside)
    await run((mount, "-t", "tmpfs", "-o", f"size={size},mode=0700", "etcdscope-lab", str(data)))
    await asyncio.to_thread(shutil.copytree, aside, data, dirs_exist_ok=True)
    await member.start()


async def _back(member: Member, aside: Path) -> None:
    """Take the data back to where they were: those of now, if all is well with them."""
    await member.stop()
    data = member.data_dir
    (data / "filler").unlink(missing_ok=True)
    if data.is_mount():
        await asyncio.to_thread(shutil.rmtree, aside)
        await asyncio.to_thread(shutil.copytree, data, aside)
        await run((which("umount") or "umount", "--lazy", str(data)))
    await asyncio.to_thread(shutil.rmtree, data)
    await asyncio.to_thread(aside.rename, data)


def _fill(filler: Path, left: int) -> None:
    room = os.statvfs(filler.parent)
    size = room.f_bavail * room.f_frsize - left
    with filler.open("wb") as file, contextlib.suppress(OSError):  # somebody else took the last
        os.posix_fallocate(file.fileno(), 0, max(size, 1))


# The neighbour: it writes a piece and makes it safe, again and again, in a file that stays small.
_WRITER: Final = """
import os, sys
path, piece, most = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
block = os.urandom(piece)
file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
at = 0
while True:
    os.pwrite(file, block, at)
    os.fsync(file)
    at = (at + piece) % most
"""


@fault("disk-neighbour", target="leader", piece=4 * MIB, file=64 * MIB, writers=4)
async def disk_neighbour(on: Injection) -> None:
    """Other processes write and fsync to the disk that the data of the members are on."""
    piece, most = int(on.number("piece")), int(on.number("file"))
    for i in range(int(on.number("writers"))):
        path = on.lab.directory / f"neighbour-{i}"
        argv = (sys.executable, "-I", "-S", "-c", _WRITER, str(path), str(piece), str(most))
        on.undo.callback(path.unlink, missing_ok=True)
        writer = await spawn(argv, lab_id=on.lab.lab_id, log=on.lab.directory / "neighbour.log")
        on.undo.push_async_callback(end, writer)
    on.begins()


KINDS = (descriptors, memory_limit, disk_full, disk_neighbour)
