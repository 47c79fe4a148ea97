"""The tour: what it waits for, and the table at its end."""

from dataclasses import replace
from datetime import UTC

from tests.surfaces import states
from tests.surfaces.conftest import Shows

from etcdscope.lab.faults import FAULTS
from etcdscope.lab.tour import STOPS, Outcome, Witness
from etcdscope.model.finding import Severity
from etcdscope.model.incident import EffectKind
from etcdscope.surfaces.explain import explain
from etcdscope.surfaces.tour import caption, summary

OUTCOMES = (
    Outcome("kill", "kill", ("m1",), "member-down", 0.243, "member-down", "m1", 0.3, 1.64),
    Outcome("slow", "slow-disk", ("m3",), "wal-fsync-slow", 4.6, "cpu-starved", "m3", 20.0, None),
    Outcome("quorum", "kill", ("m2", "m3"), "quorum-lost", None),
)


def test_the_table_tells_what_was_told_and_whether_rightly(shows: Shows) -> None:
    shows("tour-summary", summary(OUTCOMES))


def test_a_caption_stands_between_the_lines_of_the_watch() -> None:
    (line,) = caption(states.AT, "Healing m1 …", "", None, UTC)

    assert line.plain == "06:49:29  ▸ Healing m1 …"


def test_every_stop_is_a_fault_that_is_and_a_cause_that_is() -> None:
    for stop in STOPS:
        for harm in filter(None, (stop.harm, stop.instead)):
            assert harm.fault in FAULTS
            assert explain(harm.expected) is not None


def test_whoever_is_not_root_can_take_the_whole_tour() -> None:
    for stop in STOPS:
        harms = [harm for harm in (stop.harm, stop.instead) if harm]

        assert FAULTS[harms[-1].fault].needs == "nothing"


def test_an_incident_that_turns_out_to_be_planned_work_is_over() -> None:
    witness, at = Witness(), states.AT
    planned = replace(states.SLOW_DISK, cause="membership-changing", severity=Severity.INFO)

    witness.tell([states.effect(EffectKind.OPENED, at, incident=states.SLOW_DISK)])
    witness.tell([states.effect(EffectKind.CHANGED, at + 3, incident=planned)])

    assert witness.ended == {"wal-fsync-slow": at + 3}


def test_a_note_that_turns_out_to_be_serious_is_told_then() -> None:
    witness, at = Witness(), states.AT
    note = replace(states.SLOW_DISK, cause="voters-even", severity=Severity.INFO)

    witness.tell([states.effect(EffectKind.OPENED, at, incident=note)])
    witness.tell([states.effect(EffectKind.CHANGED, at + 3, incident=states.SLOW_DISK)])

    assert witness.first == at + 3


async def test_a_witness_notes_when_a_cause_was_first_told_and_when_it_was_over() -> None:
    witness, kinds = Witness(), EffectKind
    slow, at = states.SLOW_DISK, states.AT
    unsure = replace(slow, cause="cpu-starved")

    witness.tell([states.effect(kinds.OPENED, at, incident=states.LEADER_CHANGED)])
    assert not witness.open  # a note is no incident
    witness.tell([states.effect(kinds.OPENED, at + 1, incident=unsure)])
    witness.tell([states.effect(kinds.CHANGED, at + 2, incident=slow)])
    assert witness.named("wal-fsync-slow") == slow
    witness.tell([states.effect(kinds.CLOSED, at + 9, incident=replace(slow, closed_at=at + 9))])

    assert witness.first == at + 1
    assert witness.ended == {"cpu-starved": at + 2, "wal-fsync-slow": at + 9}
    assert not witness.open
    assert await witness.until(lambda: not witness.open, 1.0)
    assert not await witness.until(lambda: False, 0.01)
