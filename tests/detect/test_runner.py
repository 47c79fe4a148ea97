"""The runner: only who can be judged is judged, and a bug is told as what it is."""

from collections.abc import Iterator

import pytest
from tests.detect.windows import ago, window

from etcdscope.detect.catalog import DETECTORS
from etcdscope.detect.detector import Detector, detector
from etcdscope.detect.runner import DETECTOR_FAILED, judge, source_of
from etcdscope.model.finding import CLUSTER, BlindSpot, Finding, Limits, Severity, Subject
from etcdscope.model.signal import ACTIVE_PEERS, DB_BYTES, PORT_STATE, RAFT_TERM
from etcdscope.model.window import Window


@detector("each", needs=(DB_BYTES, ACTIVE_PEERS), limits={"warning": 5})
def each(window: Window, limits: Limits) -> Iterator[Finding]:
    """Accuse all that can be judged, of the limit."""
    for member in window.judgeable:
        yield Finding(Subject.member(member), Severity.INFO, f"{limits['warning']}")


@detector("broken")
def broken(window: Window, limits: Limits) -> Iterator[Finding]:
    """Fail half-way."""
    yield Finding(CLUSTER, Severity.INFO, "before")
    raise ZeroDivisionError


@detector("dark")
def dark(window: Window, limits: Limits) -> Iterator[BlindSpot]:
    """See nothing of the metrics."""
    yield BlindSpot("metrics", CLUSTER, "no answer")


def accused(found: tuple[Finding, ...]) -> list[tuple[str, str, str]]:
    return [(f.detector, f.subject.name, f.summary) for f in found]


def test_member_is_judged_only_if_all_that_is_needed_was_seen_lately() -> None:
    seen = window(
        {
            "m1": {DB_BYTES: 1.0, ACTIVE_PEERS: {"m2": 1.0}},
            "m2": {DB_BYTES: 1.0},
            "m3": {DB_BYTES: ago((60, 1.0)), ACTIVE_PEERS: {"m2": 1.0}},
        }
    )

    assert accused(judge([each], seen).findings) == [("each", "m1", "5")]


def test_limits_can_be_overridden() -> None:
    seen = window({"m1": {DB_BYTES: 1.0, ACTIVE_PEERS: {"m2": 1.0}}})
    limits = {"each": Limits({"warning": 7})}

    assert accused(judge([each], seen, limits).findings) == [("each", "m1", "7")]


@detector("edgy", needs=(DB_BYTES,), limits={"warning": 100}, eases={"warning": 0.9})
def edgy(window: Window, limits: Limits) -> Iterator[Finding]:
    """Accuse whoever has more than the limit."""
    for member in window.judgeable:
        if window.number(member, DB_BYTES, within=60) > limits["warning"]:  # type: ignore[operator]
            yield Finding(Subject.member(member), Severity.WARNING, "too much")


@pytest.mark.parametrize(
    ("amount", "stands", "said"),
    [
        pytest.param(95.0, False, [], id="between, and nothing was said before"),
        pytest.param(101.0, False, ["m1"], id="past the limit it opens"),
        pytest.param(95.0, True, ["m1"], id="between, it stays"),
        pytest.param(90.0, True, [], id="with a margin it is over"),
    ],
)
def test_what_stands_is_over_only_with_a_margin(
    amount: float, stands: bool, said: list[str]
) -> None:
    seen = window({"m1": {DB_BYTES: amount}, "m2": {DB_BYTES: 95.0}})
    standing = {("edgy", Subject.member("m1"))} if stands else set()

    judged = judge([edgy], seen, standing=standing)

    assert [f.subject.name for f in judged.findings] == said
    assert all(f.detector == "edgy" for f in judged.findings)


def test_limits_that_a_user_set_are_eased_as_well() -> None:
    seen = window({"m1": {DB_BYTES: 46.0}})
    judged = judge(
        [edgy], seen, {"edgy": Limits({"warning": 50})}, {("edgy", Subject.member("m1"))}
    )

    assert len(judged.findings) == 1


def test_no_detector_eases_a_limit_that_it_does_not_have() -> None:
    for known in DETECTORS:
        assert set(known.eases) <= set(known.limits.values), known.id


def test_bug_in_a_detector_is_a_finding_about_ourselves_and_stops_no_other() -> None:
    seen = window({"m1": {DB_BYTES: 1.0, ACTIVE_PEERS: {"m2": 1.0}}})

    judged = judge([broken, each], seen)

    assert [f.detector for f in judged.findings] == ["broken", DETECTOR_FAILED, "each"]
    assert judged.findings[1].subject.kind == "self"
    assert "ZeroDivisionError" in judged.findings[1].traceback


def test_blind_spot_says_which_detectors_it_hides() -> None:
    needs_metrics: Detector = each

    (spot,) = judge([dark, needs_metrics, broken], window()).blind_spots

    assert spot.hides == ("each",)
    assert spot.detector == "dark"


def test_every_signal_comes_from_a_source() -> None:
    sources = [source_of(s) for s in (DB_BYTES, RAFT_TERM, ACTIVE_PEERS, PORT_STATE)]

    assert sources == ["status", "raftvars", "metrics", "ports"]
