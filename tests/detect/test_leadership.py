"""Who leads, and how often that changes."""

import pytest
from tests.detect.windows import NOW, Told, ago, found, refused, window

from etcdscope.detect.leadership import changes, leader_changed, leader_flapping, leader_missing
from etcdscope.model.finding import Severity
from etcdscope.model.signal import FAREWELL, LEAD_TRANSFEREE, RAFT_LEAD, RAFT_STATE, RAFT_TERM


def following(*turns: tuple[float, str, int]) -> Told:
    """Return what a member saw: so many seconds ago this leader in that term."""
    return {
        RAFT_LEAD: ago(*((age, lead) for age, lead, _ in turns)),
        RAFT_TERM: ago(*((age, term) for age, _, term in turns)),
    }


def flaps(count: int, *, every: float = 10.0, latest: float = 5.0) -> Told:
    """Return so many changes of leader, between m1 and m2, the last ``latest`` seconds ago."""
    ages = [latest + (count - i) * every for i in range(count + 1)]
    return following(*((age, ("m1", "m2")[i % 2], 2 + i) for i, age in enumerate(ages)))


@pytest.mark.parametrize(
    ("leads", "said"),
    [
        pytest.param(("m1", "m1", "m1"), False, id="all follow"),
        pytest.param(("", "", ""), True, id="nobody leads"),
        pytest.param(("", "", "m1"), False, id="one of them still knows a leader"),
    ],
)
def test_leader_is_missing_when_no_voter_knows_one(leads: tuple[str, ...], said: bool) -> None:
    seen = window(
        {
            f"m{i}": {RAFT_LEAD: lead, RAFT_STATE: "pre-candidate"}
            for i, lead in enumerate(leads, start=1)
        }
    )

    assert found(leader_missing, seen) == ([("cluster", "critical")] if said else [])


def test_one_witness_of_three_is_no_proof_that_nobody_leads() -> None:
    seen = window({"m1": {RAFT_LEAD: "", RAFT_STATE: "pre-candidate"}})

    (finding,) = leader_missing(seen)

    assert finding.severity is Severity.WARNING
    assert finding.confidence < 0.7


def test_what_a_member_that_is_gone_said_last_is_no_leader() -> None:
    """A dead leader's last word is still fresh; it does not count."""
    seen = window(
        {"m1": {RAFT_LEAD: ago((2.0, "m1"))}, "m2": {RAFT_LEAD: ""}, "m3": {RAFT_LEAD: ""}},
        away={"m1": refused(4.0)},
    )

    assert found(leader_missing, seen) == [("cluster", "critical")]


def test_leader_of_whom_nothing_was_seen_is_not_called_missing() -> None:
    assert found(leader_missing, window()) == []


def test_change_is_dated_by_who_saw_it_first() -> None:
    seen = window(
        {
            "m1": following((30, "m1", 2), (4, "m3", 3)),
            "m2": following((30, "m1", 2), (5, "m3", 3)),
        }
    )

    assert changes(seen, 60.0) == [(NOW - 5, "m1", "m3")]


@pytest.mark.parametrize(
    ("turns", "said"),
    [
        pytest.param([(30, "m1", 2), (1, "m1", 2)], [], id="nothing changed"),
        pytest.param([(19, "m1", 2), (1, "m2", 3)], [("cluster", "info")], id="m2 leads now"),
        pytest.param([(19, "m1", 2), (1, "m1", 3)], [("cluster", "info")], id="m1 leads again"),
        pytest.param([(60, "m1", 2), (30, "m2", 3)], [], id="half a minute ago is past"),
        pytest.param([(19, "m1", 2), (5, "", 3), (1, "m2", 4)], [("cluster", "info")], id="a gap"),
    ],
)
def test_leader_change_is_a_note(
    turns: list[tuple[float, str, int]], said: list[tuple[str, str]]
) -> None:
    assert found(leader_changed, window({"m1": following(*turns)})) == said


@pytest.mark.parametrize(
    ("told", "said"),
    [
        pytest.param(flaps(2), [], id="twice is at the limit"),
        pytest.param(flaps(3), [("cluster", "warning")], id="three times is past it"),
        pytest.param(flaps(3, every=35.0), [("cluster", "warning")], id="within two minutes"),
        pytest.param(flaps(3, latest=61.0), [], id="quiet for a minute"),
        pytest.param(flaps(3, every=60.0), [], id="in more than two minutes"),
        pytest.param(flaps(12, every=8.0), [("cluster", "warning")], id="at the second limit"),
        pytest.param(flaps(13, every=8.0), [("cluster", "critical")], id="past that"),
    ],
)
def test_leader_flaps_when_it_changes_again_and_again(
    told: Told, said: list[tuple[str, str]]
) -> None:
    assert found(leader_flapping, window({"m3": told})) == said


@pytest.mark.parametrize(
    ("planned", "said"),
    [
        pytest.param({}, [("cluster", "warning")], id="for no known reason"),
        pytest.param(
            {LEAD_TRANSFEREE: ago((25, "m2"), (5, "m2"))}, [], id="m1 handed it over both times"
        ),
        pytest.param({FAREWELL: ago((5, 1.0))}, [], id="m1 was stopped the last time"),
    ],
)
def test_planned_changes_are_no_flapping(planned: Told, said: list[tuple[str, str]]) -> None:
    seen = window({"m1": planned, "m3": flaps(3)})

    assert found(leader_flapping, seen) == said


def test_flapping_names_who_loses_leadership_most() -> None:
    (finding,) = leader_flapping(window({"m3": flaps(3)}))

    assert "m1 lost it twice" in finding.summary
