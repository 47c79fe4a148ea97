"""Faults of who a member is: removed but still started, twice there, or of another authority."""

import asyncio
import shutil
from dataclasses import replace
from datetime import timedelta

from etcdscope.lab.certificates import Authority
from etcdscope.lab.injection import Injection, fault
from etcdscope.lab.member import Member, Settings
from etcdscope.lab.spec import LabError

# As a supervisor does, which knows nothing of the member list.
_AGAIN_S = 1.0
_ATTEMPTS = 15
# Two processes that start within what clocks may differ by cannot be told from one.
_LATER_S = 3.0


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


@fault("other-authority", target="follower")
async def other_authority(on: Injection) -> None:
    """Restart each target with a certificate of an authority that nobody trusts; wants TLS."""
    if on.lab.certificates is None:
        raise LabError("other-authority: this lab speaks without TLS")
    stranger = Authority(on.lab.directory / f"stranger-{len(on.lab.faults)}", "another authority")
    for member in on.targets:
        settings = member.settings
        wrong = stranger.issue(member.name, (member.address, "127.0.0.1"), timedelta(days=365))
        assert settings.certificates is not None
        on.undo.push_async_callback(_started_as, member, settings)
        on.begins()
        own = replace(wrong, ca=settings.certificates.ca)
        await _started_as(member, replace(settings, certificates=own))


@fault("clone", target="follower", needs="namespaces")
async def clone(on: Injection) -> None:
    """Start a copy of a member's data at another address, beside the member itself."""
    (member,) = on.targets
    await member.stop()
    copy = await on.lab.double(member)
    on.undo.push_async_callback(_forgotten, on, copy)
    await member.start()
    await on.lab.ready()
    await asyncio.sleep(_LATER_S)
    on.begins()
    await copy.start()


async def _started_as(member: Member, settings: Settings) -> None:
    await member.stop()
    member.settings = settings
    await member.start()


async def _forgotten(on: Injection, copy: Member) -> None:
    """End the copy, and let the member say again where it is."""
    await copy.kill()
    await asyncio.to_thread(shutil.rmtree, copy.directory, ignore_errors=True)
    for member in on.targets:
        await on.lab.restart_member(member.name)


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


KINDS = (removed_running, peer_name, other_authority, clone)
