"""One trial: all is well, harm is done, it is healed, and all is well again."""

import asyncio
import json
import os
import random
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from bench.faults.facts import Seen, Trial, still_open
from bench.faults.observer import Etcdscope, Meter, Observer, etcdscope_beside, incident_lines
from bench.faults.peer import FAST, STOCK, Programs, Tempo, peer_beside
from bench.faults.rows import SPARE, TWO_FOLLOWERS, Harm, Row
from bench.faults.score import all_named
from bench.faults.works import Work
from etcdscope.lab.children import leash, run
from etcdscope.lab.cluster import Fault, Lab
from etcdscope.lab.spec import LabError

LOOK_S: Final = 0.2
# After planned work: what is wrong by then will be told by then.
AFTERWARDS_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds. ``warm``: before anything is done. ``settle``: after everything was named, when
    nobody else is waited for; and after all was over, for what is told too much. ``close``: at
    most, until all is told to be over.
    """

    warm: float = 7.0
    settle: float = 3.0
    close: float = 60.0
    window: float | None = None  # in place of the row's own
    at_least: float = 0.0  # the row's own window, if it is shorter
    whole: bool = False  # the fault lasts its whole window, although all was named

    def lasts(self, row: Row) -> float:
        """Return for how long a fault is there, at the most."""
        return self.window or max(row.window, self.at_least)


# Prometheus needs a past: at 15 s, two scrapes of every member for a rate. And it needs time: the
# mixin's shortest hold (a minute, no leader) is a page after up to 30 + 60 + 30 s at 15 s.
WITH_PEER: Final = Pace(warm=35.0, at_least=150.0, whole=True)
ALONE: Final = Pace()


@dataclass(frozen=True, slots=True)
class Company:
    """Who looks on besides etcdscope: the peer, each tempo with a data directory in ``folder``.

    ``recordings``: where `watch --record` writes.
    """

    folder: Path
    peer: Programs | None = None
    tempos: tuple[Tempo, ...] = (FAST, STOCK)
    recordings: Path | None = None


@dataclass
class Stand:
    """A lab, and the observers beside it with their meters."""

    lab: Lab
    observers: list[Observer]
    recording: Path | None = None
    meters: list[Meter] = field(default_factory=list)

    def seen(self) -> dict[str, Seen]:
        """Return what all have told so far."""
        return {meter.observer.name: meter.seen() for meter in self.meters}

    @property
    def quiet(self) -> bool:
        return not any(still_open(one.notices()) for one in self.observers)


@asynccontextmanager
async def beside(lab: Lab, company: Company) -> AsyncIterator[Stand]:
    """Put observers beside a lab that is well.

    They are new for every trial: what was done to the lab before is not their past.
    """
    await lab.ready()
    async with AsyncExitStack() as stack:
        recording = company.recordings
        if recording:
            recording /= f"{lab.lab_id}-{time.time_ns()}.recording"
        observers: list[Observer] = [
            await stack.enter_async_context(etcdscope_beside(lab, recording))
        ]
        if company.peer:
            for tempo in company.tempos:
                peer = peer_beside(lab, company.peer, tempo, company.folder)
                observers.append(await stack.enter_async_context(peer))
        stand = Stand(lab, observers, recording)
        yield stand


async def warm_up(stand: Stand, pace: Pace) -> None:
    """Let them look for a while, and until nothing from before is open."""
    # At no fixed moment of any cadence.
    await asyncio.sleep(pace.warm + random.uniform(0.0, 3.0))
    await _until(lambda: stand.quiet, pace.close)
    stand.meters = [Meter(one) for one in stand.observers]


async def take_fault(row: Row, number: int, lab: Lab, company: Company, pace: Pace) -> Trial:
    """Do what a row says, and note what is told of it."""
    started = time.time()
    async with beside(lab, company) as stand:
        if any(harm.fault for harm in row.harms):
            await warm_up(stand, pace)
            started = time.time()
        else:  # the cluster is so from its start: they are told as soon as they look
            stand.meters = [Meter(one) for one in stand.observers]
        trial = await take_before(stand, row, number, pace, started)
    return await _replayed(trial, stand)


async def take_before(
    stand: Stand, row: Row, number: int, pace: Pace, started: float | None = None
) -> Trial:
    """The same before observers that are warm already; what they told before is not counted."""
    trial = _blank(row.id, "fault", number, row.spec, stand.lab)
    trial = replace(trial, started=started or trial.started)
    return _finished(await harmed(row, trial, stand, pace), stand)


async def harmed(row: Row, trial: Trial, stand: Stand, pace: Pace) -> Trial:
    """Inject, wait, heal, wait; return the trial with what was told so far."""
    lab = stand.lab
    trial = replace(trial, identities=_identities(lab))
    try:
        for harm in row.harms:
            hit = frozenset[str]().union(*trial.hit)
            fault = await _inject(lab, harm, hit)
            trial = replace(
                trial,
                began=(*trial.began, fault.at.timestamp() if fault else trial.started),
                hit=(*trial.hit, fault.members if fault else tuple(trial.identities)),
                identities=trial.identities | _identities(lab),
            )
        await _endure(row, trial, stand, pace)
    finally:
        healed = time.time()
        await lab.heal()
    if any(harm.fault for harm in row.harms):
        await _until(lambda: stand.quiet, pace.close)
        await asyncio.sleep(pace.settle)
    return replace(trial, healed=healed)


async def _inject(lab: Lab, harm: Harm, hit: frozenset[str]) -> Fault | None:
    if not harm.fault:
        return None
    target = await _whom(lab, harm.target, hit)
    return await lab.fault(harm.fault, target or None, **harm.options)


async def _whom(lab: Lab, target: str, hit: frozenset[str]) -> str:
    if target not in {SPARE, TWO_FOLLOWERS}:
        return target
    leader = await lab.leader()
    others = [m.name for m in lab.members if m.running and m.name not in {leader, *hit}]
    wanted = 1 if target == SPARE else 2
    if len(others) < wanted:
        raise LabError(f"{target}: this cluster has no {wanted} followers left to harm")
    return ",".join(others[:wanted])


async def _endure(row: Row, trial: Trial, stand: Stand, pace: Pace) -> None:
    """Wait for the window to end; or, if nobody else is waited for, until all was named."""
    left = trial.began[-1] + pace.lasts(row) - time.time()

    def named() -> bool:
        told = {one.name: Seen(one.version, tuple(one.notices())) for one in stand.observers[:1]}
        now = replace(trial, observers=told)
        return all(all_named(row, now, name) for name in told)

    if pace.whole:
        await asyncio.sleep(max(left, 0.0))
    elif await _until(named, left):
        await asyncio.sleep(pace.settle)


async def take_work(work: Work, number: int, lab: Lab, company: Company, pace: Pace) -> Trial:
    """Do planned work, and note what is told of it."""
    trial = _blank(work.id, "work", number, work.spec, lab)
    async with beside(lab, company) as stand:
        await warm_up(stand, pace)
        trial = replace(trial, started=time.time())
        await work.do(lab)
        await lab.ready()
        await asyncio.sleep(AFTERWARDS_S)
        trial = _finished(trial, stand)
    return await _replayed(trial, stand)


async def take_soak(
    number: int, spec: str, seconds: float, lab: Lab, company: Company, pace: Pace
) -> Trial:
    """Let a healthy cluster run beside a neighbour that comes and goes."""
    trial = _blank("healthy", "healthy", number, spec, lab)
    async with beside(lab, company) as stand, _neighbour(seconds + pace.warm):
        await warm_up(stand, pace)
        trial = replace(trial, started=time.time())
        await asyncio.sleep(seconds)
        trial = _finished(trial, stand)
    return await _replayed(trial, stand)


@asynccontextmanager
async def _neighbour(seconds: float) -> AsyncIterator[None]:
    """Bursts of arithmetic on one core, 4 s in every 10."""
    burner = await asyncio.create_subprocess_exec(
        *leash(), sys.executable, "-c", _BURN.format(seconds=seconds)
    )
    try:
        yield
    finally:
        if burner.returncode is None:
            burner.kill()
        await burner.wait()


_BURN = """
import time
end = time.time() + {seconds}
while time.time() < end:
    if time.time() % 10 < 4:
        sum(range(10000))
    else:
        time.sleep(0.05)
"""


# --- parts ------------------------------------------------------------------------------------


def _blank(name: str, kind: str, number: int, spec: str, lab: Lab) -> Trial:
    return Trial(name, kind, number, spec, lab.version, time.time(), 0.0)


def _finished(trial: Trial, stand: Stand) -> Trial:
    return replace(
        trial,
        ended=time.time(),
        identities=trial.identities | _identities(stand.lab),
        observers=stand.seen(),
        load=os.getloadavg()[0],
    )


def _identities(lab: Lab) -> dict[str, tuple[str, ...]]:
    return {member.name: (member.member_id, member.address) for member in lab.members}


async def _until(holds: Callable[[], bool], seconds: float) -> bool:
    """Wait until something holds; False if it did not in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(LOOK_S)
    return True


async def _replayed(trial: Trial, stand: Stand) -> Trial:
    """Judge the recording again: does the same come out?"""
    if not stand.recording:
        return trial
    live = next(one for one in stand.observers if isinstance(one, Etcdscope))
    told = incident_lines(line.body for line in live.watcher.lines)
    program = str(Path(sys.executable).with_name("etcdscope"))
    again = await run((program, "replay", str(stand.recording), "--json"))
    return replace(trial, replay=incident_lines(map(json.loads, again.splitlines())) == told)
