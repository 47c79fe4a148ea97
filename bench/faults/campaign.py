"""Runs the trials one after another, writes each down, and says how far it is."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bench.faults.book import Book
from bench.faults.facts import Trial
from bench.faults.plan import Job
from bench.faults.report import OURS
from bench.faults.rows import Row
from bench.faults.score import Score, false_incidents, score
from bench.faults.specs import SPECS
from bench.faults.table import FAULTS
from etcdscope.lab.cluster import Lab
from etcdscope.lab.spec import LabError

Say = Callable[[str], None]


@dataclass
class Campaign:
    """``budget``: no trial is begun that would not end within so many seconds."""

    jobs: Sequence[Job]
    book: Book
    say: Say
    budget: float = float("inf")
    done: int = 0
    began: float = field(default_factory=time.monotonic)
    _expected: float = 0.0  # of what is done
    _spent: float = 0.0

    async def run(self) -> bool:
        """Run until all is done (True), or the budget is used up."""
        while self.done < len(self.jobs):
            if self._out_of_time():
                return False
            async with Lab.start(SPECS[self.jobs[self.done].spec]) as lab:
                await self._in(lab)
        return True

    async def _in(self, lab: Lab) -> None:
        """Run what comes next and wants such a lab; leave it when a trial failed in it."""
        first = self.jobs[self.done]
        while self.done < len(self.jobs) and not self._out_of_time():
            job = self.jobs[self.done]
            if job.spec != first.spec or (job.alone and job is not first):
                return
            began = time.monotonic()
            trial = await attempt(job, lab)
            self.book.add(trial)
            self.done += 1
            self._expected += job.seconds
            self._spent += time.monotonic() - began
            self.say(f"[{self.done}/{len(self.jobs)}] {brief(trial)}{self._left()}")
            if trial.error or job.alone:
                return

    def _out_of_time(self) -> bool:
        next_one = self.jobs[self.done].seconds * self._pace
        return time.monotonic() - self.began + next_one > self.budget

    @property
    def _pace(self) -> float:
        """How long trials take, measured against what was expected."""
        return self._spent / self._expected if self._expected else 1.0

    def _left(self) -> str:
        seconds = sum(job.seconds for job in self.jobs[self.done :]) * self._pace
        return f"; {seconds / 60:.0f} min left" if seconds else ""


async def attempt(job: Job, lab: Lab) -> Trial:
    """Take one trial; what the lab cannot do becomes a trial without a result."""
    began = time.time()
    try:
        return await job.take(lab)
    except LabError as error:
        said = str(error)
        ended = time.time()
        return Trial(job.id, job.kind, job.number, job.spec, lab.version, began, ended, error=said)


def brief(trial: Trial) -> str:
    """Return one line on a trial."""
    if trial.error:
        return f"{trial.id}: no result: {trial.error}"
    row = next((row for row in FAULTS if row.id == trial.id), None)
    parts = [_brief(row, trial, name) for name in trial.observers]
    if trial.replay is not None:
        parts.append("replay agrees" if trial.replay else "REPLAY DIFFERS")
    return f"{trial.id}: {'; '.join(parts)}"


def _brief(row: Row | None, trial: Trial, name: str) -> str:
    if trial.observers[name].died:
        return f"{name} DIED"
    if row is None or trial.kind != "fault":
        told = ", ".join(false_incidents(trial, name))
        return f"{name} {f'told falsely: {told}' if told else 'silent'}"
    return _words(score(row, trial, name), name)


def _words(one: Score, name: str) -> str:
    who = "" if name == OURS else f"{name} "
    words = [f"{who}told {one.told_s:.1f} s" if one.told_s is not None else f"{who}silent"]
    if one.named_s is not None:
        words.append(f"named {one.named_s:.1f} s")
    elif one.first:
        words.append(f"not named ({one.first})")
    if one.true_s is not None:
        words.append(f"true after {one.true_s:.1f} s")
    if one.unrelated:
        words.append(f"unrelated {', '.join(one.unrelated)}")
    if one.closed_s is not None:
        words.append(f"closed {one.closed_s:.1f} s")
    return ", ".join(words)
