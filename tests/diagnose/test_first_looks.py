"""What is said of a cluster of which not every member was reached yet."""

import pytest

from etcdscope.detect.catalog import DETECTORS
from etcdscope.diagnose.step import State, step
from etcdscope.diagnose.verdict import FIRST_LOOKS
from etcdscope.model.cluster import Member, MemberList
from etcdscope.model.incident import Level
from etcdscope.model.reading import Failure, Observation, Reading
from etcdscope.model.signal import LEADER, MEMBER_LIST, RAFT_LEAD, RAFT_STATE

T0 = 1_795_330_000.0
NAMES = {"a1": "m1", "a2": "m2", "a3": "m3"}
LISTED = MemberList(
    tuple(Member(i, n, (f"http://{n}:2380",), (f"http://{n}:2379",)) for i, n in NAMES.items())
)


def url(member: str) -> str:
    return f"http://{NAMES[member]}:2379"


def status(member: str, at: float = 0.0) -> Reading:
    seen = (Observation(LEADER, "a1"),)
    return Reading("status", url(member), T0 + at, 0.0, member, seen)


def raftvars(member: str, at: float = 0.0) -> Reading:
    role = "leader" if member == "a1" else "follower"
    seen = (Observation(RAFT_LEAD, "a1"), Observation(RAFT_STATE, role))
    return Reading("raftvars", url(member), T0 + at, 0.0, member, seen)


def members(member: str) -> Reading:
    return Reading("members", url(member), T0, 0.0, member, (Observation(MEMBER_LIST, LISTED),))


def failed(source: str, member: str, failure: Failure, at: float = 0.0) -> Reading:
    return Reading.failed(source, url(member), T0 + at, failure)


def after(*sweeps: tuple[float, list[Reading]]) -> tuple[State, list[str]]:
    """Return the state after these sweeps, and the verdicts that were told."""
    state, told = State(DETECTORS), []
    for at, readings in sweeps:
        state, effects = step(state, readings, T0 + at)
        told += [f"{e.verdict.level}: {e.verdict.sentence}" for e in effects if e.verdict]
    return state, told


FIRST = [status("a1"), raftvars("a1"), members("a1")]
OTHERS = [status("a2"), raftvars("a2"), status("a3"), raftvars("a3")]


def test_a_member_that_was_not_reached_yet_is_not_said_to_be_fine() -> None:
    state, told = after((0.0, FIRST))

    assert state.verdict
    assert state.verdict.level is Level.UNKNOWN
    assert state.verdict.sentence == "Looking: 1 of 3 members has answered so far."
    assert state.verdict.margin is None
    assert told == []


def test_once_every_member_was_reached_it_is() -> None:
    state, told = after((0.0, FIRST), (0.25, OTHERS))

    assert told == ["ok: etcd is fine. 3 of 3 members, m1 leads. One member may be lost."]
    assert state.verdict
    assert state.verdict.margin == 1


@pytest.mark.parametrize("source", ["status", "raftvars", "ports"])
def test_one_look_of_several_is_not_enough(source: str) -> None:
    some = [r for r in OTHERS if r.member == "a2" or r.source == source]

    state, _ = after((0.0, FIRST), (0.25, some))

    assert state.verdict
    assert state.verdict.level is Level.UNKNOWN


def test_a_member_that_failed_once_is_not_waited_for() -> None:
    late = [failed(s, "a3", Failure.TIMEOUT, 1.0) for s in ("status", "raftvars")]

    fresh = [one(m, 1.0) for m in ("a1", "a2") for one in (status, raftvars)]

    state, told = after((0.0, FIRST), (0.25, OTHERS[:2]), (1.25, [*late, *fresh]))

    assert state.verdict
    assert state.verdict.sentence.startswith("etcd is fine. 2 of 3 members")
    assert state.verdict.margin == 0
    assert told == [], "a smaller margin is about to be told as what it is"


def test_what_is_known_is_said_after_two_seconds() -> None:
    _, told = after((0.0, FIRST), (1.0, []), (2.5, [status("a1", 2.5), raftvars("a1", 2.5)]))

    assert told == ["unknown: Looking: 1 of 3 members has answered so far."]


def test_a_member_that_nothing_can_look_at_is_not_waited_for_for_ever() -> None:
    late = FIRST_LOOKS + 0.5
    fresh = [status(m, late) for m in ("a1", "a2")] + [raftvars(m, late) for m in ("a1", "a2")]

    state, _ = after((0.0, FIRST), (0.25, OTHERS[:2]), (late, fresh))

    assert state.verdict
    assert state.verdict.sentence.startswith("etcd is fine. 2 of 3 members")
