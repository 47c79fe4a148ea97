"""Faults of a member's files: bytes that rot, and a disk that was put back to an older state."""

import asyncio
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from etcdscope.lab.injection import Injection, fault
from etcdscope.lab.member import Member
from etcdscope.lab.spec import MIB, LabError

_PAGE: Final = 4096
# What is left of a WAL record after this many flipped bytes cannot have its checksum.
_FLIPPED: Final = 64
# A member that gets a file it cannot use ends within a moment.
_END_S: Final = 15.0
# So many entries must be lost that the leader notices with its first message.
_FEW: Final = 20


@fault("wal-rot", target="follower")
async def wal_rot(on: Injection) -> None:
    """Flip bytes in the middle of the stopped member's newest WAL file, and start it: it dies."""
    await _rotten(on, _flip_wal)


@fault("db-rot", target="follower")
async def db_rot(on: Injection) -> None:
    """Overwrite both meta pages of the stopped member's database file, and start it: it dies."""
    await _rotten(on, _flip_db)


@fault("rollback", target="follower")
async def rollback(on: Injection) -> None:
    """Put the member's disk back to what it was some writes ago, as a VM's snapshot does.

    The leader knows that the member had more, and the member ends when it hears so. Healed by a new
    member in its place: its data cannot be trusted any more.
    """
    (member,) = on.targets
    before = await _stopped(on, member)
    await member.start()
    await on.lab.ready()
    start = await _index(on)
    while await _index(on) < start + _FEW:
        await on.lab.call("kv/put", key="bGFi", value="bGFi")
    on.undo.push_async_callback(_replaced, on, member)
    await member.stop()
    await asyncio.to_thread(_put_back, before, member.data_dir)
    on.begins()
    await member.start()


@fault("leftovers", target="follower", bytes=96 * MIB, hours=2.0)
async def leftovers(on: Injection) -> None:
    """Leave a file of an interrupted defragmentation in the snapshot directory, hours ago."""
    for member in on.targets:
        path = member.data_dir / "member" / "snap" / "db.tmp.271828182"
        on.undo.callback(path.unlink, missing_ok=True)
        path.touch(mode=0o600)
        os.truncate(path, int(on.number("bytes")))
        then = time.time() - 3600 * on.number("hours")
        os.utime(path, (then, then))
    on.begins()


async def _rotten(on: Injection, rot: Callable[[Path], None]) -> None:
    (member,) = on.targets
    whole = await _stopped(on, member)

    async def mended() -> None:
        await member.kill()
        await asyncio.to_thread(_put_back, whole, member.data_dir)
        await member.start()

    on.undo.push_async_callback(mended)
    await asyncio.to_thread(rot, member.data_dir)
    on.begins()
    await member.start()
    assert member.process is not None
    try:
        async with asyncio.timeout(_END_S):
            await member.process.wait()
    except TimeoutError:
        raise LabError(f"{member.name} runs on with damaged files") from None


async def _stopped(on: Injection, member: Member) -> Path:
    """Stop the member; return a copy of its data, which is kept until the fault is healed."""
    copy = member.data_dir.with_name(f"{member.name}.before")
    on.undo.push_async_callback(asyncio.to_thread, shutil.rmtree, copy, True)
    await member.stop()
    await asyncio.to_thread(shutil.copytree, member.data_dir, copy)
    return copy


def _put_back(copy: Path, data_dir: Path) -> None:
    shutil.rmtree(data_dir, ignore_errors=True)
    shutil.copytree(copy, data_dir)


async def _index(on: Injection) -> int:
    status = await on.lab.call("maintenance/status")
    return int(status["raftIndex"])


async def _replaced(on: Injection, member: Member) -> None:
    await on.lab.replace_member(member.name)


def _flip_wal(data_dir: Path) -> None:
    """The file is allocated in full at its begin: only what is not zero was written."""
    newest = max((data_dir / "member" / "wal").glob("*.wal"))
    content = newest.read_bytes()
    written = len(content.rstrip(b"\0"))
    middle = written // 2
    flipped = bytes(byte ^ 0xFF for byte in content[middle : middle + _FLIPPED])
    with newest.open("r+b") as file:
        file.seek(middle)
        file.write(flipped)


def _flip_db(data_dir: Path) -> None:
    with (data_dir / "member" / "snap" / "db").open("r+b") as file:
        file.write(os.urandom(2 * _PAGE))


KINDS = (wal_rot, db_rot, rollback, leftovers)
