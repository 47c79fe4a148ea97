"""Faults of the data itself: changed behind etcd's back, lost, or of an older day."""

import asyncio
import os
import re
import shutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

from etcdscope.lab import programs, questions
from etcdscope.lab.children import run
from etcdscope.lab.gateway import encoded
from etcdscope.lab.injection import Injection, fault
from etcdscope.lab.member import Member, Settings
from etcdscope.lab.spec import LabError

KEY: Final = b"/lab/marked"
MARK_BYTES: Final = 48
SETTLE_S: Final = 0.5  # the backend commits every 100 ms


@fault("diverge", target="follower")
async def diverge(on: Injection) -> None:
    """Stop a member, change one byte of one value in its database, start it again.

    bbolt has no checksum on its data pages, so that nothing notices; healed by changing it back.
    """
    mark = b"etcdscope-lab-" + os.urandom(MARK_BYTES // 2).hex().encode()
    wrong = mark[:-1] + (b"0" if mark[-1:] != b"0" else b"1")
    await on.lab.call("kv/put", key=encoded(KEY), value=encoded(mark))
    await asyncio.sleep(SETTLE_S)
    for member in on.targets:
        on.undo.push_async_callback(_edit, on, member, _replaced(wrong, mark))
        await _edit(on, member, _replaced(mark, wrong))
    on.begins()


@fault("auth-diverge", target="follower")
async def auth_diverge(on: Injection) -> None:
    """Stop a member, raise the revision of its users and roles by two, start it again.

    It is there whether auth is on or off; healed by lowering it.
    """
    for member in on.targets:
        on.undo.push_async_callback(_edit, on, member, _counted_up(-2))
        await _edit(on, member, _counted_up(2))
    on.begins()


Change = Callable[[bytes], bytes]


async def _edit(on: Injection, member: Member, change: Change) -> None:
    """Change what is in a member's database while it is down."""
    await member.stop()
    await asyncio.to_thread(_rewrite, member.data_dir / "member" / "snap" / "db", change)
    await member.start()
    await on.lab.ready()


def _rewrite(path: Path, change: Change) -> None:
    before = path.read_bytes()
    after = change(before)
    if after == before:
        raise LabError(f"what was to be changed is not in {path}")
    path.write_bytes(after)


def _replaced(old: bytes, new: bytes) -> Change:
    return lambda data: data.replace(old, new)


def _counted_up(by: int) -> Change:
    """Return a change of auth's revision: in a leaf page a value follows its key at once."""

    def changed(data: bytes) -> bytes:
        def count(found: re.Match[bytes]) -> bytes:
            return found[1] + (int.from_bytes(found[2], "big") + by).to_bytes(8, "big")

        return re.sub(rb"(authRevision)(\x00{6}..)", count, data, flags=re.DOTALL)

    return changed


@fault("corrupt", target="")
async def corrupt(on: Injection) -> None:
    """Raise etcd's CORRUPT alarm by hand, which names nobody; healed by disarming it."""
    on.undo.push_async_callback(_alarm, on, "DEACTIVATE")
    await _alarm(on, "ACTIVATE")


async def _alarm(on: Injection, action: str) -> None:
    await on.lab.call("maintenance/alarm", action=action, memberID="0", alarm="CORRUPT")


@fault("wipe", target="follower")
async def wipe(on: Injection) -> None:
    """Start a member without its data and as a new cluster, as with a volume that is not mounted.

    Healed by giving its data back.
    """
    for member in on.targets:
        await member.stop()
        aside, settings = member.data_dir.with_name(f"{member.name}.aside"), member.settings
        await asyncio.to_thread(member.data_dir.rename, aside)

        async def give_back(
            member: Member = member, aside: Path = aside, settings: Settings = settings
        ) -> None:
            await member.stop()
            await asyncio.to_thread(shutil.rmtree, member.data_dir, ignore_errors=True)
            await asyncio.to_thread(aside.rename, member.data_dir)
            member.settings = settings
            await member.start()

        on.undo.push_async_callback(give_back)
        alone = {member.name: member.peer_url}
        member.settings = replace(
            member.settings, cluster=alone, state="new", token=f"{member.settings.token}-alone"
        )
        await member.start()
    on.begins()


@fault("restore", target="all", writes=200, down_s=0.0, same_id=False)
async def restore(on: Injection) -> None:
    """Take a snapshot, write on, stop all, restore the snapshot everywhere, start.

    same_id: keep cluster and member ids, as a restore with the same token does. Not to be healed:
    what was written since the snapshot is gone.
    """
    lab = on.lab
    file = lab.directory / "restored.db"
    leader = lab.member(await lab.leader())
    program = await asyncio.to_thread(
        programs.find, "etcdctl", ".".join(leader.version.split(".")[:2])
    )
    await run(
        (
            *program.argv,
            *_credentials(leader),
            f"--endpoints={leader.client_url}",
            "snapshot",
            "save",
            str(file),
        )
    )
    for number in range(int(on.number("writes"))):
        await lab.call("kv/put", key=encoded(b"/lab/later"), value=encoded(str(number).encode()))
    load, lab.load = lab.load, None
    if load:
        await load.stop()
    await asyncio.gather(*(member.stop() for member in lab.members))
    await asyncio.sleep(on.number("down_s"))
    for member in lab.members:
        await asyncio.to_thread(shutil.rmtree, member.data_dir)
        await run(
            (
                *program.argv,
                "snapshot",
                "restore",
                str(file),
                *_as(lab.members, member, same_id=bool(on.options["same_id"])),
            )
        )
    file.unlink()
    await asyncio.gather(*(member.start() for member in lab.members))
    on.begins()
    await lab.ready()
    ids = await questions.ids(lab.gateway, lab.members)
    for member in lab.members:
        member.member_id = ids[member.name]


def _credentials(member: Member) -> Iterable[str]:
    files = member.settings.certificates
    return (f"--cacert={files.ca}", f"--cert={files.cert}", f"--key={files.key}") if files else ()


def _as(members: Iterable[Member], member: Member, *, same_id: bool) -> Iterable[str]:
    cluster = ",".join(f"{one.name}={one.peer_url}" for one in members)
    token = member.settings.token if same_id else "restored"
    return (
        f"--name={member.name}",
        f"--initial-cluster={cluster}",
        f"--initial-advertise-peer-urls={member.peer_url}",
        f"--initial-cluster-token={token}",
        f"--data-dir={member.data_dir}",
    )


KINDS = (diverge, auth_diverge, corrupt, wipe, restore)
