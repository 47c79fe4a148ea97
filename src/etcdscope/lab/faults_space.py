"""Faults of a database's size: quota full or nearly so, pages that are free but not given back."""

import asyncio
import os
from typing import Final

from etcdscope.lab import questions
from etcdscope.lab.gateway import after, encoded, open_stream
from etcdscope.lab.injection import Injection, fault
from etcdscope.lab.spec import MIB, LabError

FILLER: Final = b"/lab/filler/"
VALUE_BYTES: Final = MIB // 2
# The quota is judged on the size at the last commit; so much cannot be on its way since.
TOO_MUCH: Final = 128 * MIB
SNAPSHOT_REQUEST: Final = (
    b"POST /v3/maintenance/snapshot HTTP/1.1\r\nHost: etcd\r\n"
    b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
)
NO_SPACE: Final = "database space exceeded"


# An alarm that a slow member still has to raise comes within a second.
QUIET_LOOKS, LOOK_S = 3, 0.3


@fault("quota", target="", bytes=16 * MIB)
async def quota(on: Injection) -> None:
    """Fill the database until etcd raises NOSPACE; healed by delete, compact, defrag and disarm.

    Members with another quota are restarted with this one first, followers before the leader; a lab
    that was started with `quota_bytes` needs no restart and keeps its own.
    """
    limit = await _small_quota(on)
    on.undo.push_async_callback(_give_back, on)
    filling = _Filling(on)
    while not await filling.put():
        on.begins()  # the last put that was taken: the next one raises the alarm
        if await filling.size() > limit + TOO_MUCH:
            raise LabError("quota: etcd takes far more than its quota and raises no alarm")


@fault("quota-near", target="", bytes=16 * MIB, share=0.85)
async def quota_near(on: Injection) -> None:
    """Fill the database to a share of its quota, then stop; restarts and healing as for quota."""
    if not 0 < on.number("share") < 1:
        raise LabError("quota-near: share is above 0 and below 1")
    limit = await _small_quota(on)
    on.undo.push_async_callback(_give_back, on)
    filling = _Filling(on)
    while await filling.size() < on.number("share") * limit:
        if await filling.put():
            raise LabError("quota-near: the quota is full already; choose a smaller share")
    on.begins()


@fault("fragment", target="", bytes=32 * MIB)
async def fragment(on: Injection) -> None:
    """Write so many bytes, delete and compact them: a large file, mostly free; healed by defrag."""
    on.undo.push_async_callback(_give_back, on)
    filling = _Filling(on)
    goal = await filling.size() + on.number("bytes")
    while await filling.size() < goal:
        if await filling.put():
            raise LabError("fragment: the quota was full first; write fewer bytes")
    await _delete_and_compact(on)
    on.begins()


@fault("fill", target="", bytes_per_s=MIB // 4)
async def fill(on: Injection) -> None:
    """Go on writing so many bytes a second, distinct keys, until healed or until the quota is full.

    The quota is the lab's own; healing deletes, compacts, defragments and disarms.
    """
    if on.number("bytes_per_s") <= 0:
        raise LabError("fill: bytes_per_s is above 0")
    on.undo.push_async_callback(_give_back, on)
    on.background(_go_on_filling(_Filling(on, VALUE_BYTES // 8), on.number("bytes_per_s")))
    on.begins()


async def _go_on_filling(filling: "_Filling", bytes_per_s: float) -> None:
    due = asyncio.get_running_loop().time()
    while not await filling.put():
        due += filling.value_bytes / bytes_per_s
        await asyncio.sleep(max(due - asyncio.get_running_loop().time(), 0.0))


@fault("uneven", target="follower", bytes=32 * MIB)
async def uneven(on: Injection) -> None:
    """Fragment all databases, then defragment all but the target's; healed by defragmenting it."""
    on.undo.push_async_callback(_give_back, on)
    filling = _Filling(on)
    goal = await filling.size() + on.number("bytes")
    while await filling.size() < goal:
        if await filling.put():
            raise LabError("uneven: the quota was full first; write fewer bytes")
    await _delete_and_compact(on)
    for member in on.others:
        if member.running:
            await questions.ask(on.lab.gateway, member, "maintenance/defragment")
    on.begins()


@fault("slow-snapshot", target="follower")
async def slow_snapshot(on: Injection) -> None:
    """Ask the target for a snapshot and do not read it: a read transaction stays open until healed.

    The database must be larger than what the sockets hold on the way, about 10 MB.
    """
    for member in on.targets:
        reader, writer = await open_stream(member.client_url, on.lab.certificates)
        on.undo.callback(writer.close)
        writer.write(SNAPSHOT_REQUEST)
        await writer.drain()
        async with asyncio.timeout(10.0):
            if b" 200 " not in await reader.readline():
                raise LabError(f"{member.name} gives no snapshot")
    on.begins()


class _Filling:
    """Large distinct values, one after another, through the leader as it was at the start."""

    def __init__(self, on: Injection, value_bytes: int = VALUE_BYTES) -> None:
        self._lab = on.lab
        self.value_bytes = value_bytes
        self._leader: str | None = None
        self._count = 0

    async def put(self) -> bool:
        """Write one value; True when the quota is full."""
        leader = await self._who()
        key = encoded(FILLER + f"{self._count:06}".encode())
        self._count += 1
        try:
            await self._lab.call(
                "kv/put", member=leader, key=key, value=encoded(os.urandom(self.value_bytes))
            )
        except LabError as error:
            if NO_SPACE not in str(error):
                raise
            return True
        return False

    async def size(self) -> int:
        status = await self._lab.call("maintenance/status", member=await self._who())
        return int(status.get("dbSize", 0))

    async def _who(self) -> str:
        if self._leader is None:
            self._leader = await self._lab.leader()
        return self._leader


async def _small_quota(on: Injection) -> int:
    """The quota in bytes, after members that have another one were restarted."""
    lab = on.lab
    if lab.spec.quota_bytes:
        return lab.spec.quota_bytes
    wanted = int(on.number("bytes"))
    on.undo.push_async_callback(_restart_with, on, None)
    await _restart_with(on, wanted)
    return wanted


async def _restart_with(on: Injection, quota_bytes: int | None) -> None:
    lab = on.lab
    last = await lab.leader()
    running = [member for member in lab.members if member.running]
    for member in sorted(running, key=lambda member: member.name == last):
        member.with_quota(quota_bytes)
        await lab.restart_member(member.name)


async def _delete_and_compact(on: Injection) -> None:
    lab = on.lab
    leader = await lab.leader()
    deleted = await lab.call(
        "kv/deleterange", member=leader, key=encoded(FILLER), range_end=encoded(after(FILLER))
    )
    revision = deleted["header"]["revision"]
    try:
        await lab.call("kv/compaction", member=leader, revision=revision, physical=True)
    except LabError as error:
        if "has been compacted" not in str(error):  # nothing was written since
            raise
    await asyncio.sleep(0.3)  # pages are free after the next commits, 100 ms apart


async def _give_back(on: Injection) -> None:
    lab = on.lab
    await _delete_and_compact(on)
    for member in lab.members:
        if member.running:
            await questions.ask(lab.gateway, member, "maintenance/defragment")
    # Each member that applied a put too many has an alarm of its own, some only in a moment.
    quiet = 0
    while quiet < QUIET_LOOKS:
        alarms = (await lab.call("maintenance/alarm", action="GET")).get("alarms", [])
        for alarm in alarms:
            await lab.call("maintenance/alarm", action="DEACTIVATE", **alarm)
        quiet = 0 if alarms else quiet + 1
        await asyncio.sleep(LOOK_S)


KINDS = (quota, quota_near, fragment, fill, uneven, slow_snapshot)
