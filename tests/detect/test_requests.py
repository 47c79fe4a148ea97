"""Reads that cost too much, by client and prefix; revisions that are compacted."""

from dataclasses import replace
from typing import Any

import pytest
from tests.detect.logs import heard, said
from tests.detect.windows import ago, found, window

from etcdscope.detect.requests import range_expensive, watch_revision_compacted
from etcdscope.model.logs import APPLY_SLOW, REQUEST_SLOW, TRACE, LogEvent, TraceStep
from etcdscope.model.signal import GRPC_HANDLED

MB = 1e6


def reads(*ages: float, kind: str = REQUEST_SLOW, **fields: object) -> list[LogEvent]:
    usual: dict[str, Any] = {
        "operation": "range",
        "prefix": "/registry/pods/",
        "client": "10.0.0.7" if kind == REQUEST_SLOW else "",
        "entries": 40_000.0,
        "bytes": 80 * MB,
        "seconds": 1.9,
    }
    return [replace(said(age, kind), **(usual | fields)) for age in ages]


@pytest.mark.parametrize(
    ("events", "accused"),
    [
        pytest.param([], [], id="none"),
        pytest.param(reads(5), [], id="one list: somebody started"),
        pytest.param(reads(50, 30, 10), [("10.0.0.7", "warning")], id="every 20 s"),
        pytest.param(reads(10, count=3), [("10.0.0.7", "warning")], id="put together"),
        pytest.param(reads(50, 30, 10, seconds=0.4), [("10.0.0.7", "info")], id="quick enough"),
        pytest.param(reads(300, 200, 100), [], id="over"),
        pytest.param(reads(50, 30, 10, entries=500.0, bytes=MB), [], id="pages"),
        pytest.param(reads(50, 30, 10, operation="put"), [], id="writes"),
        pytest.param(reads(50, 30, 10, kind=APPLY_SLOW), [("m2", "warning")], id="3.4: no client"),
        pytest.param(
            reads(50, 30, 10) + reads(50, 30, 10, kind=APPLY_SLOW),
            [("10.0.0.7", "warning")],
            id="told twice, counted once",
        ),
        pytest.param(
            reads(50, 30, 10) + reads(45, 25, 5, client="10.0.0.9", seconds=0.5),
            [("10.0.0.7", "warning"), ("10.0.0.9", "info")],
            id="two clients",
        ),
    ],
)
def test_large_reads_are_told_with_their_client(
    events: list[LogEvent], accused: list[tuple[str, str]]
) -> None:
    assert found(range_expensive, heard(window(), {"m2": events})) == accused


@pytest.mark.parametrize(
    ("stage", "severity"), [("bolt", "warning"), ("reply", "warning"), ("leader", "info")]
)
def test_a_read_that_waited_for_the_leader_is_not_slow_for_its_size(
    stage: str, severity: str
) -> None:
    trace = said(
        10,
        TRACE,
        operation="range",
        prefix="/registry/pods/",
        seconds=1.8,
        steps=(TraceStep(stage, 1.5, ""), TraceStep("index", 0.2, "")),
    )
    seen = heard(window(), {"m2": [*reads(50, 30, 10), trace]})

    assert found(range_expensive, seen) == [("10.0.0.7", severity)]


def test_the_finding_names_client_prefix_and_size() -> None:
    (finding,) = range_expensive(heard(window(), {"m2": reads(50, 30, 10)}))

    assert finding.summary == (
        "Client 10.0.0.7 reads /registry/pods/ in one piece, 3 times a minute: "
        "40,000 keys, 80.0 MB, up to 1.9 s each"
    )


@pytest.mark.parametrize(
    ("counts", "said_"),
    [
        pytest.param((0.0, 0.0), [], id="none"),
        pytest.param((100.0, 108.0), [], id="a few, as lists expire"),
        pytest.param((100.0, 150.0), [("m2", "info")], id="many"),
    ],
)
def test_compacted_revisions_are_counted_within_a_minute(
    counts: tuple[float, float], said_: list[tuple[str, str]]
) -> None:
    told = {GRPC_HANDLED: {"OutOfRange": ago((50, counts[0]), (1, counts[1]))}}

    assert found(watch_revision_compacted, window({"m2": told})) == said_
