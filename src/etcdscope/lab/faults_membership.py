"""Faults of the member list: learners that stay learners, voters that never come."""

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


async def _add(on: Injection, *, learner: bool, start: bool) -> None:
    member = await on.lab.add_member(learner=learner, start=start)
    on.begins()
    on.undo.push_async_callback(on.lab.remove_member, member.name)
    on.targets.append(member)


KINDS = (learner, unstarted)
