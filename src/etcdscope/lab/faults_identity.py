"""Faults of who a member is: removed but still started, or known under a name that is none."""

import asyncio
import shutil

from etcdscope.lab.injection import Injection, fault
from etcdscope.lab.member import Member
from etcdscope.lab.spec import LabError

# As a supervisor does, which knows nothing of the member list.
_AGAIN_S = 1.0
_ATTEMPTS = 15


@fault("removed-running", target="follower")
async def removed_running(on: Injection) -> None:
    """Remove a member from the list, and go on starting its process; healed by a new member."""
    (member,) = on.targets
    await _removed(on, member)
    on.undo.push_async_callback(_anew, on, member)
    on.begins()
    on.background(_supervise(member))


@fault("peer-name", target="follower", host="nowhere.invalid")
async def peer_name(on: Injection) -> None:
    """Change a member's peer URL to a name that does not resolve; streams that stand live on."""
    (member,) = on.targets
    ident = str(int(member.member_id, 16))

    async def known_as(url: str) -> None:
        await on.lab.call("cluster/member/update", ID=ident, peerURLs=[url])

    on.undo.push_async_callback(known_as, member.peer_url)
    on.begins()
    await known_as(member.peer_url.replace(member.address, on.text("host")))


async def _removed(on: Injection, member: Member) -> None:
    """Remove it; etcd refuses for some seconds after its own start, and after each change."""
    for attempt in range(_ATTEMPTS):
        try:
            await on.lab.call("cluster/member/remove", ID=str(int(member.member_id, 16)))
        except LabError as error:
            if "unhealthy cluster" not in str(error) or attempt == _ATTEMPTS - 1:
                raise
            await asyncio.sleep(_AGAIN_S)
        else:
            return


async def _supervise(member: Member) -> None:
    while True:
        await asyncio.sleep(_AGAIN_S)
        await member.start()


async def _anew(on: Injection, member: Member) -> None:
    await member.kill()
    await asyncio.to_thread(shutil.rmtree, member.data_dir, ignore_errors=True)
    on.lab.members.remove(member)
    await on.lab.add_member()


KINDS = (removed_running, peer_name)
