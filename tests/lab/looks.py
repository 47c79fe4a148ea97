"""How tests of the lab look at a real cluster: past the lab, at etcd and at the kernel."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from etcdscope.lab.cluster import Lab, LabError, Member
from etcdscope.lab.questions import status

WITHIN_S = 15.0


async def eventually(look: Callable[[], Awaitable[object]], within_s: float = WITHIN_S) -> None:
    """Wait until `look` sees something true."""
    try:
        async with asyncio.timeout(within_s):
            while not await look():  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"not within {within_s} s: {look.__qualname__}") from None


async def raft(lab: Lab, name: str) -> dict[str, Any]:
    """raft.status of one member, {} when it does not answer within a second."""
    try:
        async with asyncio.timeout(1):
            page = await lab.gateway.get(f"{lab.member(name).client_url}/debug/vars")
    except (LabError, TimeoutError):
        return {}
    found: dict[str, Any] = json.loads(page)["raft.status"]
    return found


async def knows_leader(lab: Lab, name: str) -> str | None:
    """The leader's name as that member says it, "" for none, None when it is silent."""
    said = await raft(lab, name)
    if not said:
        return None
    names = {member.member_id: member.name for member in lab.members}
    return names.get(said["lead"], "")


async def metric(lab: Lab, name: str, series: str) -> float:
    page = await lab.gateway.get(lab.member(name).metrics_url)
    found = re.search(rf"^{re.escape(series)} (\S+)$", page, re.MULTILINE)
    return float(found[1]) if found else 0.0


async def active(lab: Lab, name: str, peer: str) -> float:
    """What a member's active_peers says of a peer."""
    local, remote = lab.member(name).member_id, lab.member(peer).member_id
    series = f'etcd_network_active_peers{{Local="{local}",Remote="{remote}"}}'
    return await metric(lab, name, series)


async def replicates(lab: Lab, leader: str, follower: str) -> bool:
    """Whether the leader's progress says that the follower keeps up."""
    said = (await raft(lab, leader)).get("progress", {})
    theirs = said.get(lab.member(follower).member_id, {})
    return bool(theirs) and theirs["match"] >= said[lab.member(leader).member_id]["match"] - 50


async def answers(lab: Lab, member: Member) -> bool:
    return await status(lab.gateway, member) is not None


async def connects(member: Member) -> bool:
    """Whether its client port accepts us within half a second; refusal is an OSError."""
    try:
        async with asyncio.timeout(0.5):
            _, writer = await asyncio.open_connection(member.address, 2379)
    except TimeoutError:
        return False
    writer.close()
    return True


async def put_seconds(lab: Lab, name: str | None = None) -> float:
    begin = asyncio.get_running_loop().time()
    await lab.call("kv/put", member=name, key="YQ==", value="YQ==")
    return asyncio.get_running_loop().time() - begin


def state(pid: int | None) -> str:
    """R, S, T (stopped), …; "" for a process that is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return ""
    return stat.rpartition(")")[2].split()[0]
