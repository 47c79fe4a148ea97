"""Findings become incidents: one a cause, opened, changed and closed once."""

from dataclasses import replace

import pytest
from tests.diagnose.detectors import Following, T, finding

from etcdscope.diagnose.incidents import CALMED, FORGOTTEN, Followed, Tracking
from etcdscope.model.finding import Evidence, Severity

DOWN = finding("member-down", "a2")
MARGIN = finding("quorum-margin-zero")
LOST = finding("quorum-lost", severity=Severity.CRITICAL)


def test_finding_without_a_hold_opens_at_once_and_closes_after_its_absence() -> None:
    following = Following()

    assert following.see(DOWN) == ["opened member-down m2 warning"]
    assert following.see(DOWN, seconds=9) == []
    assert following.see(seconds=1) == []
    assert following.see() == ["closed member-down m2 warning"]


def test_incident_keeps_its_identity() -> None:
    following = Following()
    following.see(DOWN)
    following.see(LOST, DOWN)
    following.see(seconds=20)

    assert {e.incident.id for e in following.told if e.incident} == {
        f"member-down/c1/m2/{round(T * 1000)}"
    }


def test_symptom_waits_for_as_long_as_its_detector_asks() -> None:
    missing = finding("leader-missing", severity=Severity.CRITICAL)
    following = Following()

    assert following.see(missing, seconds=2.5) == []
    assert following.see(missing) == ["opened leader-missing cluster critical"]


def test_finding_that_is_over_before_its_hold_is_never_told() -> None:
    """Not even while it still counts as lasting."""
    slow = finding("proposals-failing", "a2")
    following = Following()
    following.see(slow, seconds=2.9)

    assert following.see(seconds=10) == []


def test_finding_that_flickers_is_one() -> None:
    following = Following()
    following.see(DOWN)
    for _ in range(5):
        following.see(seconds=0.5)
        following.see(DOWN)

    assert len(following.told) == 1


def test_effect_does_not_open_an_incident_of_its_own() -> None:
    following = Following()

    assert following.see(DOWN, MARGIN, seconds=20) == ["opened member-down m2 warning"]
    assert following.incidents[0].effects == ("quorum-margin-zero",)


def test_cause_that_is_named_later_changes_the_incident() -> None:
    following = Following()

    assert following.see(MARGIN, seconds=1.5) == ["opened quorum-margin-zero cluster warning"]
    assert following.see(MARGIN, DOWN) == ["changed member-down m2 warning"]


def test_state_that_was_there_before_its_cause_could_be_named_belongs_to_it() -> None:
    """A member that was stopped in order is called down a minute later."""
    following = Following()
    following.see(MARGIN, seconds=60)

    assert following.see(MARGIN, DOWN) == ["changed member-down m2 warning"]
    assert len(following.incidents) == 1


def test_event_long_before_a_cause_is_not_its_effect() -> None:
    following = Following()
    following.see(finding("proposals-failing", "a3"), seconds=20)

    assert following.see(finding("proposals-failing", "a3"), DOWN) == [
        "opened member-down m2 warning"
    ]


def test_two_incidents_with_one_cause_become_one() -> None:
    other = finding("member-down", "a3")
    following = Following()
    following.see(DOWN, other)

    assert following.see(DOWN, other, LOST) == [
        "changed quorum-lost cluster critical",
        "closed member-down m3 warning",
    ]
    assert following.told[-1].incident is not None
    assert "Has the same cause as member-down/c1/m2" in following.told[-1].incident.note


def test_incident_lasts_until_what_it_caused_is_over() -> None:
    following = Following()
    following.see(DOWN, MARGIN, seconds=5)

    assert following.see(MARGIN, seconds=10) == []
    assert following.see(seconds=2) == ["closed member-down m2 warning"]


def test_effect_that_outlasts_its_cause_for_too_long_stands_for_itself() -> None:
    following = Following()
    following.see(DOWN, MARGIN, seconds=5)

    assert following.see(MARGIN, seconds=20) == [
        "closed member-down m2 warning",
        "opened quorum-margin-zero cluster warning",
    ]


def test_cause_that_is_over_is_no_news() -> None:
    """When the quorum is back, what is left must not be blamed on a member that is back, too."""
    failing = finding("proposals-failing", "a3")
    following = Following()
    following.see(LOST, DOWN, failing, seconds=10)

    told = following.see(failing, seconds=20)

    assert told == ["closed quorum-lost cluster critical", "opened proposals-failing m3 warning"]
    assert following.now > 25  # not before it is sure that both causes are over


def test_severity_does_not_fall_while_the_cause_stays() -> None:
    following = Following()
    following.see(finding("wal-fsync-slow", "a1", Severity.CRITICAL))

    assert following.see(finding("wal-fsync-slow", "a1")) == []
    assert following.incidents[0].severity is Severity.CRITICAL


def test_severity_falls_once_nothing_so_severe_was_seen_for_a_while() -> None:
    following = Following()
    following.see(finding("wal-fsync-slow", "a1", Severity.CRITICAL))

    assert following.see(finding("wal-fsync-slow", "a1"), seconds=CALMED - 2) == []
    assert following.see(finding("wal-fsync-slow", "a1"), seconds=4) == [
        "changed wal-fsync-slow m1 warning"
    ]


def test_severity_that_rises_is_a_change() -> None:
    following = Following()
    following.see(finding("wal-fsync-slow", "a1"))

    assert following.see(finding("wal-fsync-slow", "a1", Severity.CRITICAL)) == [
        "changed wal-fsync-slow m1 critical"
    ]


def test_another_cause_is_graded_anew() -> None:
    """With the quorum back, the member that is still missing is a warning again."""
    following = Following()
    following.see(LOST, DOWN, seconds=5)

    assert following.see(DOWN, seconds=5) == [
        "closed quorum-lost cluster critical",
        "opened member-down m2 warning",
    ]


def test_what_planned_work_explains_is_a_note() -> None:
    stopped = finding("member-stopped", "a2", Severity.INFO)
    following = Following()

    assert following.see(stopped, DOWN, MARGIN, seconds=30) == ["opened member-stopped m2 info"]


def test_planned_work_does_not_explain_another_member() -> None:
    stopped = finding("member-stopped", "a3", Severity.INFO)

    assert Following().see(stopped, DOWN) == [
        "opened member-stopped m3 info",
        "opened member-down m2 warning",
    ]


def test_planned_work_never_explains_a_lost_quorum() -> None:
    stopped = finding("member-stopped", "a2", Severity.INFO)

    assert "opened quorum-lost cluster critical" in Following().see(stopped, LOST)


def test_passing_event_keeps_no_incident_open_when_its_cause_is_over() -> None:
    changed = finding("leader-changed", severity=Severity.INFO)
    following = Following()
    following.see(DOWN, changed, seconds=5)

    assert following.see(changed, seconds=1.5) == ["closed member-down m2 warning"]


def test_closed_incident_says_how_long_it_lasted() -> None:
    following = Following()
    following.see(DOWN, seconds=30.25)
    following.see(seconds=5)
    (closed,) = [e.incident for e in following.told if e.incident and e.incident.closed_at]

    assert closed.note == "Over after 30 s."


def test_commands_are_filled_with_what_is_known() -> None:
    following = Following()
    following.see(DOWN)
    (step,) = following.incidents[0].runbook

    assert step.say == "Look at m2 and PEER_HOST."
    assert step.run == "etcdctl --endpoints http://all"


def taken_over(hold: float) -> Following:
    """Return the following of an incident of before a restart of ours."""
    first = Following()
    first.see(DOWN)
    (incident,) = first.incidents
    keys = frozenset({(incident.cause, incident.subject)})
    return Following(Tracking(open=(Followed(incident, keys, hold_until=T + hold),)))


def test_incident_of_before_a_restart_is_not_closed_before_we_have_looked() -> None:
    following = taken_over(10)

    assert following.see(seconds=10) == []
    assert following.see() == ["closed member-down m2 warning"]


def test_incident_of_before_a_restart_goes_on_under_its_id() -> None:
    following = taken_over(10)
    before = following.incidents[0].id

    assert following.see(seconds=3) == []
    assert following.see(DOWN, seconds=20) == []
    assert following.incidents[0].id == before


def test_what_was_not_seen_for_a_minute_is_forgotten() -> None:
    following = Following()
    following.see(DOWN)
    following.see(seconds=FORGOTTEN)
    assert following.tracking.tracks
    following.see(seconds=1)

    assert not following.tracking.tracks


@pytest.mark.parametrize("ident", ["unheard-of", "detector-failed"])
def test_finding_of_no_detector_in_the_catalog_opens_as_well(ident: str) -> None:
    assert Following().see(finding(ident, "a1")) == [f"opened {ident} m1 warning"]


def test_consequence_belongs_to_the_cause_that_its_evidence_names() -> None:
    """Two faults at once: the margin is smaller because of who is missing, not of a slow disk."""
    missing = Evidence("takes_part", "no", member="a2")
    margin = replace(MARGIN, evidence=(missing,))
    slow = finding("wal-fsync-slow", "a1", severity=Severity.CRITICAL, confidence=0.99)
    following = Following()

    following.see(slow, DOWN, margin, seconds=2)

    effects = {i.cause: i.effects for i in following.incidents}
    assert effects == {"wal-fsync-slow": (), "member-down": ("quorum-margin-zero",)}
