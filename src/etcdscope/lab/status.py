"""A lab in plain values, for commands and other processes."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from etcdscope.lab import questions
from etcdscope.lab.certificates import Certificates
from etcdscope.lab.cluster import Lab
from etcdscope.lab.gateway import hexadecimal
from etcdscope.lab.injection import Fault, Option
from etcdscope.lab.load import Load
from etcdscope.lab.member import Member
from etcdscope.lab.spec import LoadSpec

if TYPE_CHECKING:
    import asyncio

# What the load did lately.
LATELY_S: Final = 10


@dataclass(frozen=True, slots=True)
class MemberStatus:
    """A member, and its `role` as it says itself.

    leader, follower, learner, leaderless (it knows no leader), silent (it runs and does not
    answer), stopped, or announced (the cluster knows it, but it was never started).
    """

    name: str
    member_id: str
    role: str
    version: str
    client_url: str
    peer_url: str
    metrics_url: str
    pid: int | None
    data_dir: Path
    log: Path


@dataclass(frozen=True, slots=True)
class FaultStatus:
    number: int
    name: str
    members: tuple[str, ...]
    at: datetime
    options: dict[str, Option]


@dataclass(frozen=True, slots=True)
class LoadStatus:
    """What the load is to be, and did in the last ten seconds; latencies in seconds."""

    spec: LoadSpec
    ok: int
    failed: int
    missed: int
    p50_s: float | None
    p99_s: float | None


@dataclass(frozen=True, slots=True)
class LabStatus:
    lab_id: str
    pid: int
    network: str
    version: str
    started: datetime
    directory: Path
    endpoints: tuple[str, ...]
    members: tuple[MemberStatus, ...]
    faults: tuple[FaultStatus, ...]
    load: LoadStatus | None
    certificates: Certificates | None
    problems: tuple[str, ...] = field(default=())


async def look(lab: Lab, pid: int) -> LabStatus:
    """The lab as it is now; a silent member costs a second."""
    answers = await questions.statuses(lab.gateway, lab.members)
    problems = tuple(str(task.exception()) for task in lab.tasks if task.done() and _failed(task))
    return LabStatus(
        lab_id=lab.lab_id,
        pid=pid,
        network=lab.network.kind,
        version=lab.version,
        started=lab.started,
        directory=lab.directory,
        endpoints=tuple(lab.endpoints),
        members=tuple(_member(member, answers[member.name]) for member in lab.members),
        faults=tuple(fault_status(fault) for fault in lab.faults),
        load=_load(lab.load) if lab.load else None,
        certificates=lab.certificates,
        problems=problems,
    )


def fault_status(fault: Fault) -> FaultStatus:
    return FaultStatus(fault.number, fault.name, fault.members, fault.at, dict(fault.options))


def _failed(task: "asyncio.Task[None]") -> bool:
    return not task.cancelled() and task.exception() is not None


def _member(member: Member, answer: dict[str, object] | None) -> MemberStatus:
    return MemberStatus(
        name=member.name,
        member_id=member.member_id,
        role=_role(member, answer),
        version=member.version,
        client_url=member.client_url,
        peer_url=member.peer_url,
        metrics_url=member.metrics_url,
        pid=member.pid,
        data_dir=member.data_dir,
        log=member.log_path,
    )


def _role(member: Member, answer: dict[str, object] | None) -> str:
    if not member.program:
        return "announced"
    if not member.running:
        return "stopped"
    if answer is None:
        return "silent"
    leader = hexadecimal(str(answer.get("leader", 0)))
    if leader == member.member_id:
        return "leader"
    if leader == "0":
        return "leaderless"
    return "learner" if member.learner else "follower"


def _load(load: Load) -> LoadStatus:
    lately = [report for at, report in load.history()[-LATELY_S:] if at <= datetime.now(UTC)]
    took = sorted(latency for report in lately for latency in report.latencies)
    return LoadStatus(
        spec=load.spec,
        ok=len(took),
        failed=sum(report.failed for report in lately),
        missed=sum(report.missed for report in lately),
        p50_s=took[len(took) // 2] if took else None,
        p99_s=took[int(len(took) * 0.99)] if took else None,
    )
