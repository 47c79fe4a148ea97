"""Planned work, which is nobody's fault: whatever pages during it cries wolf."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from etcdscope.lab.children import run
from etcdscope.lab.cluster import Lab
from etcdscope.lab.programs import find

# An operator looks whether all is well before going on to the next member.
LOOK_S: Final = 8.0
SERIES: Final = "3.5"


@dataclass(frozen=True, slots=True)
class Work:
    """What is done, on which cluster, and for how many seconds about."""

    id: str
    do: Callable[[Lab], Awaitable[None]]
    seconds: float
    spec: str = "three"


async def rolling_restart(lab: Lab) -> None:
    """Stop and start every member in turn."""
    for name in [member.name for member in lab.members]:
        await lab.restart_member(name)
        await asyncio.sleep(LOOK_S)


async def upgrade(lab: Lab) -> None:
    """Restart every member in turn on the next release."""
    for name in [member.name for member in lab.members]:
        await lab.restart_member(name, version=SERIES)
        await asyncio.sleep(LOOK_S)


async def defragment(lab: Lab) -> None:
    """Defragment every member in turn, the leader last, as etcd's documentation advises."""
    leader = await lab.leader()
    for name in sorted((m.name for m in lab.members), key=lambda name: name == leader):
        await lab.call("maintenance/defragment", member=name)
        await asyncio.sleep(LOOK_S / 2)


async def replace_member(lab: Lab) -> None:
    """Remove a follower and let a new member with empty data take its part."""
    leader = await lab.leader()
    await lab.replace_member(next(m.name for m in lab.members if m.name != leader))
    await lab.ready()
    await asyncio.sleep(2 * LOOK_S)


async def move_leader(lab: Lab) -> None:
    """Hand leadership over, twice."""
    for _ in range(2):
        leader = await lab.leader()
        heir = next(member for member in lab.members if member.name != leader)
        target = str(int(heir.member_id, 16))
        await lab.call("maintenance/transfer-leadership", member=leader, targetID=target)
        await asyncio.sleep(LOOK_S)


async def save_snapshot(lab: Lab) -> None:
    """Save a snapshot from every member with etcdctl."""
    etcdctl = await asyncio.to_thread(find, "etcdctl", SERIES)
    for member in lab.members:
        target = lab.directory / f"{member.name}.snapshot"
        await run(
            (*etcdctl.argv, "--endpoints", member.client_url, "snapshot", "save", str(target))
        )
        await asyncio.sleep(LOOK_S / 2)


async def compact(lab: Lab) -> None:
    """Compact all history, physically, three times."""
    for _ in range(3):
        status = await lab.call("maintenance/status")
        await lab.call("kv/compaction", revision=status["header"]["revision"], physical=True)
        await asyncio.sleep(LOOK_S)


async def double_load(lab: Lab) -> None:
    """Twice the clients' load, and back."""
    assert lab.load
    rate = lab.load.spec.rate
    for factor in (2.0, 1.0):
        lab.load.change(rate=factor * rate)
        await asyncio.sleep(2 * LOOK_S)


WORKS: Final = (
    Work("rolling-restart", rolling_restart, 35),
    Work("upgrade-3.4-to-3.5", upgrade, 40, "three-3.4"),
    Work("defragmentation", defragment, 15),
    Work("member-replacement", replace_member, 25),
    Work("move-leader", move_leader, 18),
    Work("snapshot-save", save_snapshot, 15),
    Work("compaction", compact, 25),
    Work("load-doubling", double_load, 33),
)
