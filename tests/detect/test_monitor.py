"""What we cannot see, and whether we are fit to judge."""

from dataclasses import replace

import pytest
from tests.detect.windows import Away, found, look, refused, window

from etcdscope.detect.detector import Detector
from etcdscope.detect.monitor import (
    log_unreadable,
    metrics_unreachable,
    monitor_permission_denied,
    monitor_starved,
    sink_failing,
    source_blind,
    store_failing,
)
from etcdscope.detect.suspicion import signs
from etcdscope.model.finding import BlindSpot
from etcdscope.model.reading import Failure
from etcdscope.model.signal import (
    LINEARIZABLE_OK,
    LOOP_LAG,
    SINK_DROPPED,
    SINK_FAILING,
    STORE_FAILING,
)
from etcdscope.model.window import Window


def blind(detector: Detector, seen: Window) -> list[tuple[str, str]]:
    """Return which source of whom is a blind spot."""
    return [
        (spot.source, spot.subject.name)
        for spot in detector.look(seen)
        if isinstance(spot, BlindSpot)
    ]


@pytest.mark.parametrize(
    ("lags", "said"),
    [
        pytest.param([0.5] * 6, [], id="at the limit"),
        pytest.param([0.6] * 6, [("etcdscope", "info")], id="late"),
        pytest.param([2.1] * 6, [("etcdscope", "warning")], id="too late for our promise"),
        pytest.param([0.0, 0.0, 0.0, 0.0, 9.0], [], id="one hiccup"),
        pytest.param([9.0] * 4, [], id="too few to judge"),
    ],
)
def test_monitor_is_starved_when_it_runs_late_for_long(
    lags: list[float], said: list[tuple[str, str]]
) -> None:
    assert found(monitor_starved, window({"": {LOOP_LAG: lags}}, every=1.0)) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        pytest.param(30.0, [], id="at the limit"),
        pytest.param(31.0, [("pager", "warning")], id="past it"),
    ],
)
def test_sink_that_takes_nothing_fails(seconds: float, said: list[tuple[str, str]]) -> None:
    seen = window({"": {SINK_FAILING: {"pager": seconds, "mail": 0.0}}})

    assert found(sink_failing, seen) == said


def test_sink_that_has_lost_messages_says_how_many() -> None:
    (finding,) = sink_failing(
        window({"": {SINK_FAILING: {"pager": 60.0}, SINK_DROPPED: {"pager": 3.0}}})
    )

    assert finding.summary == "pager has taken nothing for 60 s, and 3 messages are lost"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        pytest.param(10.0, [], id="at the limit"),
        pytest.param(11.0, [("etcdscope", "warning")], id="past it"),
    ],
)
def test_store_that_keeps_nothing_fails(seconds: float, said: list[tuple[str, str]]) -> None:
    assert found(store_failing, window({"": {STORE_FAILING: seconds}})) == said


def failing(
    source: str,
    failure: Failure = Failure.TIMEOUT,
    *,
    failures: int = 2,
    at: float = 0.1,
    learners: str = "",
) -> Window:
    """Return a window in which one source of m1 fails while the others answer."""
    failed = look(source, "m1", failure, failures=failures, at=at, since=10)
    return window(looks=[failed], learners=learners)


@pytest.mark.parametrize(
    ("seen", "spots"),
    [
        pytest.param(failing("metrics"), [("metrics", "m1")], id="twice"),
        pytest.param(failing("metrics", failures=1), [], id="once is a hiccup"),
        pytest.param(failing("metrics", at=31.0), [], id="long ago"),
        pytest.param(failing("raftvars"), [], id="another source"),
        pytest.param(failing("metrics", Failure.PERMISSION_DENIED), [], id="denied is another"),
        pytest.param(
            window(away={"m1": refused()}), [], id="a member that is gone is no blind spot"
        ),
    ],
)
def test_metrics_that_fail_on_a_member_that_answers_are_a_blind_spot(
    seen: Window, spots: list[tuple[str, str]]
) -> None:
    assert blind(metrics_unreachable, seen) == spots


def test_what_failed_before_a_member_came_back_is_no_blind_spot() -> None:
    """Its next scrape is still to come."""
    back = [look(s, "m1", since=1.0) for s in ("status", "raftvars", "members")]
    stale = look("metrics", "m1", Failure.REFUSED, at=3.0, failures=9, since=30)

    assert blind(metrics_unreachable, window(looks=[*back, stale])) == []


@pytest.mark.parametrize(
    ("seen", "spots"),
    [
        pytest.param(failing("raftvars"), [("raftvars", "m1")], id="raft's own state"),
        pytest.param(failing("members"), [("members", "m1")], id="the member list"),
        pytest.param(failing("metrics"), [], id="metrics are told by their own"),
        pytest.param(failing("presence"), [], id="presence fails whenever a member leaves"),
        pytest.param(failing("status", Failure.UNAUTHENTICATED), [], id="denied is another"),
        pytest.param(
            failing("members", Failure.UNSUPPORTED, learners="m1"),
            [],
            id="every learner refuses its member list",
        ),
        pytest.param(
            failing("raftvars", Failure.UNSUPPORTED, learners="m1"),
            [("raftvars", "m1")],
            id="a learner shows raft's own state",
        ),
    ],
)
def test_other_source_that_fails_is_a_blind_spot(
    seen: Window, spots: list[tuple[str, str]]
) -> None:
    assert blind(source_blind, seen) == spots


@pytest.mark.parametrize(
    ("failure", "spots"),
    [
        pytest.param(Failure.PERMISSION_DENIED, [("status", "m1")], id="denied"),
        pytest.param(Failure.UNAUTHENTICATED, [("status", "m1")], id="who are you"),
        pytest.param(Failure.REFUSED, [], id="refused by the kernel is no permission"),
    ],
)
def test_denied_call_is_a_blind_spot(failure: Failure, spots: list[tuple[str, str]]) -> None:
    assert blind(monitor_permission_denied, failing("status", failure)) == spots


def test_denied_call_at_an_unknown_member_is_told_of_its_endpoint() -> None:
    unknown = replace(look("status", "m9", Failure.PERMISSION_DENIED), member="")

    assert blind(monitor_permission_denied, window(looks=[unknown])) == [
        ("status", "http://m9:2379")
    ]


@pytest.mark.parametrize("failure", [Failure.UNREACHABLE, Failure.PERMISSION_DENIED])
@pytest.mark.parametrize("away", [{}, {"m1": refused()}], ids=["it answers", "it is gone"])
def test_a_log_that_cannot_be_read_is_one_blind_spot(
    failure: Failure, away: dict[str, Away]
) -> None:
    unread = replace(look("logs", "m1", failure), endpoint="log:m1")
    seen = window(looks=[unread], away=away)

    assert blind(log_unreadable, seen) == [("logs", "m1")]
    assert blind(source_blind, seen) == []
    assert blind(monitor_permission_denied, seen) == []
    assert not list(signs(window(looks=[unread])))


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        pytest.param(window(), False, id="all is well"),
        pytest.param(failing("status"), True, id="a call fails"),
        pytest.param(failing("status", Failure.PERMISSION_DENIED), False, id="it is denied"),
        pytest.param(failing("members", Failure.UNSUPPORTED), False, id="it is not there"),
        pytest.param(window({"m1": {LINEARIZABLE_OK: 0.0}}), True, id="a read waits"),
        pytest.param(
            window({"m1": {LINEARIZABLE_OK: 0.0}}, learners="m1"), False, id="a learner refuses it"
        ),
    ],
)
def test_what_calls_for_a_closer_look(seen: Window, said: bool) -> None:
    assert bool(list(signs(seen))) is said
