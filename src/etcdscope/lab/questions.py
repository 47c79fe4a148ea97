"""What a lab must know of its members: who leads, are they well, who is meant by a role."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from etcdscope.lab.gateway import Gateway, encoded, hexadecimal
from etcdscope.lab.member import Member
from etcdscope.lab.spec import LabError

# A frozen member never answers; a starved one takes its time.
ANSWER_S: Final = 1.0
WORK_S: Final = 30.0
LEADER_S: Final = 20.0
PAUSE_S: Final = 0.05


async def ask(gateway: Gateway, member: Member, method: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
    """One call to one member, given up after 30 s (compaction and defragmentation take long)."""
    try:
        async with asyncio.timeout(WORK_S):
            return await gateway.call(member.client_url, method, **fields)
    except TimeoutError:
        raise LabError(f"{member.name} did not answer {method} within {WORK_S:.0f} s") from None


async def status(gateway: Gateway, member: Member) -> dict[str, Any] | None:
    """Maintenance.Status; None if it does not answer within a second."""
    try:
        async with asyncio.timeout(ANSWER_S):
            return await gateway.call(member.client_url, "maintenance/status")
    except (LabError, TimeoutError):
        return None


async def statuses(gateway: Gateway, members: Sequence[Member]) -> dict[str, dict[str, Any] | None]:
    """By name; None also for members that do not run."""

    async def one(member: Member) -> dict[str, Any] | None:
        return await status(gateway, member) if member.running else None

    answers = await asyncio.gather(*(one(member) for member in members))
    return {member.name: answer for member, answer in zip(members, answers, strict=True)}


async def leader(gateway: Gateway, members: Sequence[Member]) -> Member:
    """The member that more than half of the running ones call leader; waits up to 20 s for one."""
    try:
        async with asyncio.timeout(LEADER_S):
            while (found := await _leader(gateway, members)) is None:  # noqa: ASYNC110
                await asyncio.sleep(PAUSE_S)
            return found
    except TimeoutError:
        raise LabError(f"no leader for {LEADER_S:.0f} s: is a quorum of members well?") from None


async def _leader(gateway: Gateway, members: Sequence[Member]) -> Member | None:
    answers = [answer for answer in (await statuses(gateway, members)).values() if answer]
    claims = Counter(hexadecimal(answer.get("leader", 0)) for answer in answers)
    running = sum(member.running for member in members)
    for member in members:
        if member.running and claims[member.member_id] > running / 2:
            return member
    return None


async def ready(gateway: Gateway, members: Sequence[Member], patience_s: float) -> None:
    """Wait until every running member knows a leader and has caught up, and a quorum read works.

    After lost packets this may take as long as TCP waits between two attempts: ten seconds.
    """
    try:
        async with asyncio.timeout(patience_s):
            indexes = await asyncio.gather(*(_index(gateway, member, 0) for member in members))
            goal = max(indexes)
            await asyncio.gather(*(_index(gateway, member, goal) for member in members))
            await _reads(gateway, [member for member in members if member.running])
    except TimeoutError:
        raise LabError(f"the cluster was not well within {patience_s:.0f} s") from None


async def _index(gateway: Gateway, member: Member, goal: int) -> int:
    """The index that the member has applied, once it has a leader and is at the goal."""
    while member.process is not None:
        answer = await status(gateway, member) if member.running else None
        if answer and int(answer.get("leader", 0)):
            applied = int(answer.get("raftAppliedIndex", 0))
            if applied >= goal:
                return applied
        if not member.running:
            if (member.process.returncode or 0) > 0:  # below 0: a signal, of ours
                raise LabError(f"etcd {member.name} ended: {member.last_words()}")
            return 0
        await asyncio.sleep(PAUSE_S)
    return 0


async def _reads(gateway: Gateway, members: Sequence[Member]) -> None:
    voter = next((member for member in members if not member.learner), None)
    while voter:
        try:
            async with asyncio.timeout(ANSWER_S):
                await gateway.call(voter.client_url, "kv/range", key=encoded(b"/lab/ready"))
        except (LabError, TimeoutError):
            await asyncio.sleep(PAUSE_S)
        else:
            return


async def ids(gateway: Gateway, members: Sequence[Member]) -> dict[str, str]:
    """Member id by peer URL's owner, from the cluster's own list."""
    running = next(member for member in members if member.running)
    listed = (await ask(gateway, running, "cluster/member/list"))["members"]
    by_url = {url: hexadecimal(row["ID"]) for row in listed for url in row["peerURLs"]}
    return {member.name: by_url[member.peer_url] for member in members}


async def targets(gateway: Gateway, members: Sequence[Member], asked: str) -> list[Member]:
    """Who is meant: names and roles, with commas between them.

    Roles: `leader`; `follower` (the first voter that is not the leader), `followers` (all of them);
    `majority` (the smallest, the leader among them); `all`; "" for the cluster as a whole.
    """
    found: list[Member] = []
    for word in filter(None, (part.strip() for part in asked.split(","))):
        for member in await _meant(gateway, members, word):
            if member not in found:
                found.append(member)
    return found


async def _meant(gateway: Gateway, members: Sequence[Member], word: str) -> list[Member]:
    for member in members:
        if member.name == word:
            return [member]
    ours = [member for member in members if member.program]
    if word == "all":
        return ours
    if word not in {"leader", "follower", "followers", "majority"}:
        names = ", ".join(member.name for member in members)
        raise LabError(f"no member {word!r}: write {names}, leader, follower(s), majority or all")
    first = await leader(gateway, members)
    followers = [member for member in ours if member is not first and not member.learner]
    voters = 1 + len(followers)
    return {
        "leader": [first],
        "follower": followers[:1],
        "followers": followers,
        "majority": [first, *followers][: voters // 2 + 1],
    }[word]
