"""Look-alikes are told apart, or they are not."""

from dataclasses import replace

import pytest
from bench.faults.facts import Notice, Trial
from bench.faults.report import pairs, results
from bench.faults.rows import Row
from bench.faults.table import FAULTS
from tests.bench.test_book import OURS, TRIAL

# Two of one group: the same facts are right for the first, and lack a page for the second.
KILLED = replace(TRIAL, id="leader-killed")
ALSO = replace(TRIAL, id="follower-killed")
ROWS: dict[str, Row] = {row.id: row for row in FAULTS}


def told(trial: Trial, *more: Notice) -> Trial:
    seen = replace(OURS, notices=(*OURS.notices, *more))
    return replace(trial, observers={"etcdscope": seen})


@pytest.mark.parametrize(
    ("trials", "apart"),
    [
        pytest.param([KILLED, ALSO], "1/1", id="both named"),
        pytest.param([KILLED], "0/0", id="one alone proves nothing"),
        pytest.param(
            [KILLED, ALSO, replace(told(ALSO), hit=(("m2",),))], "0/1", id="once the wrong member"
        ),
        pytest.param(
            [KILLED, told(ALSO, Notice(103.0, "opened", "k2", "member-frozen", "critical"))],
            "0/1",
            id="named, and its look-alike as well",
        ),
    ],
)
def test_look_alikes_are_told_apart_only_if_each_is_named_alone(
    trials: list[Trial], apart: str
) -> None:
    assert ROWS["leader-killed"].pair == ROWS["follower-killed"].pair

    assert pairs(results(FAULTS, trials), "etcdscope") == apart
