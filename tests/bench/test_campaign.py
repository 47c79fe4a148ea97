"""One trial after another: what fails is written down, and what is left is said."""

import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from bench.faults.book import Book
from bench.faults.campaign import Campaign, attempt, brief
from bench.faults.facts import Trial
from bench.faults.plan import Job
from tests.bench.test_book import TRIAL

from etcdscope.lab.cluster import Lab
from etcdscope.lab.spec import LabError

LAB = cast("Lab", SimpleNamespace(version="3.5.30"))


async def fails(_: Lab) -> Trial:
    raise LabError("no leader for 20 s")


async def works(_: Lab) -> Trial:
    return TRIAL


def job(take: Any = works, seconds: float = 10.0) -> Job:  # noqa: ANN401
    return Job("leader-killed", "fault", 1, "three", seconds, take)


async def test_what_the_lab_cannot_do_is_a_trial_without_a_result() -> None:
    trial = await attempt(job(fails), LAB)

    assert trial.error == "no leader for 20 s"
    assert trial.id == "leader-killed"
    assert brief(trial) == "leader-killed: no result: no leader for 20 s"


async def test_a_budget_that_does_not_hold_the_next_trial_begins_none(tmp_path: Path) -> None:
    said: list[str] = []
    campaign = Campaign([job(seconds=30.0)], Book(tmp_path), said.append, budget=20.0)

    assert not await campaign.run()
    assert said == []


def test_a_line_says_who_told_what() -> None:
    assert brief(TRIAL) == (
        "leader-killed: told 0.5 s, named 0.5 s, closed 1.0 s; stock silent, true after 12.0 s;"
        " replay agrees"
    )


def test_a_line_says_what_a_healthy_run_told() -> None:
    healthy = replace(TRIAL, id="healthy", kind="healthy", replay=False, started=time.time())

    assert brief(healthy) == "healthy: etcdscope silent; stock silent; REPLAY DIFFERS"
