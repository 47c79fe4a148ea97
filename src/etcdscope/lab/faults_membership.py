"""Faults of the member list: learners that stay so, voters that never come, wrong settings."""

from etcdscope.lab.injection import Injection, fault


@fault("learner", target="", running=True)
async def learner(on: Injection) -> None:
    """Add a learner and never promote it; running=false: at a URL where nobody listens."""
    await _add(on, learner=True, start=bool(on.options["running"]))


@fault("unstarted", target="")
async def unstarted(on: Injection) -> None:
    """Add a voter at a URL where nobody listens: the quorum grows, the members that run do not.

    etcd refuses while the cluster is younger than 5 s; that is waited for.
    """
    await _add(on, learner=False, start=False)


@fault("advertise", target="follower", url="http://127.0.0.1:2379")
async def advertise(on: Injection) -> None:
    """Restart each target so that it advertises another client URL than the one it listens on."""
    for member in on.targets:
        member.with_advertised(on.text("url"))
        on.undo.push_async_callback(on.lab.restart_member, member.name)
        on.undo.callback(member.with_advertised, "")
        await on.lab.restart_member(member.name)
    on.begins()


@fault("flags", target="follower", say="--election-timeout=5000")
async def flags(on: Injection) -> None:
    """Restart each target with a flag that the others have otherwise, or not at all."""
    for member in on.targets:
        member.with_flags(on.text("say"))
        on.undo.push_async_callback(on.lab.restart_member, member.name)
        on.undo.callback(member.with_flags)
        await on.lab.restart_member(member.name)
    on.begins()


async def _add(on: Injection, *, learner: bool, start: bool) -> None:
    member = await on.lab.add_member(learner=learner, start=start)
    on.begins()
    on.undo.push_async_callback(on.lab.remove_member, member.name)
    on.targets.append(member)


KINDS = (learner, unstarted, advertise, flags)
