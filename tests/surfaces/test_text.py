"""What `check` and `watch` print."""

from dataclasses import replace
from datetime import UTC

import pytest
from rich.cells import cell_len
from rich.text import Text
from tests.surfaces import states
from tests.surfaces.conftest import Shows

from etcdscope.model.finding import BlindSpot
from etcdscope.model.incident import Effect, EffectKind, Incident, Verdict
from etcdscope.surfaces.text import Telling, check

CASES: dict[str, tuple[Verdict, tuple[Incident, ...], tuple[BlindSpot, ...], tuple[str, ...]]] = {
    "healthy": (states.healthy(), (), (), ()),
    "leader-killed": (
        states.leader_killed(), (states.LEADER_DOWN, states.LEADER_CHANGED), (), ()
    ),
    "slow-disk": (states.slow_disk(), (states.SLOW_DISK,), (), ()),
    "quorum-lost": (states.quorum_lost(), (states.QUORUM_LOST,), (), ()),
    "unknown": (
        states.unknown(), (), (), ("--endpoints is used, ETCDCTL_ENDPOINTS is not.",)
    ),
    "single-member": (states.healthy(1), (), (), ()),
    "learner": (states.with_learner(), (), (), ()),
    "blind-spot": (states.healthy(), (), (states.METRICS_HIDDEN,), ()),
    "five-members": (states.healthy(5), (), (), ()),
    "unsure": (
        replace(states.slow_disk(), sentence=f"{states.SLOW_DISK.summary} (and 1 more)."),
        (states.SLOW_DISK, states.UNSURE), (), (),
    ),
}  # fmt: skip


def shown(case: str, width: int | None) -> list[Text]:
    verdict, incidents, blind_spots, notices = CASES[case]
    return check(
        verdict, incidents, blind_spots, notices=notices, at=states.AT, width=width, zone=UTC
    )


@pytest.mark.parametrize("case", CASES)
def test_check_as_it_stands_in_a_pipe(case: str, shows: Shows) -> None:
    shows(f"check-{case}", shown(case, None))


@pytest.mark.parametrize("case", CASES)
def test_check_on_80_columns(case: str, shows: Shows) -> None:
    shows(f"check-{case}-80", shown(case, 80))


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("case", CASES)
def test_only_commands_are_wider_than_the_terminal(case: str, width: int) -> None:
    wide = [line.plain for line in shown(case, width) if cell_len(line.plain) > width]

    assert all("etcdctl" in line for line in wide)


@pytest.mark.parametrize("case", CASES)
def test_folding_loses_no_word(case: str) -> None:
    whole, folded = (
        " ".join(" ".join(line.plain for line in shown(case, width)).split())
        for width in (1_000, 60)
    )

    assert folded.replace(" of quota)", ")") == whole.replace(" of quota)", ")")


@pytest.mark.parametrize("case", CASES)
def test_the_first_line_is_the_verdict_with_its_shape(case: str) -> None:
    first = shown(case, None)[0]

    assert first.plain[0] in "✓△✖▒"
    assert first.plain[2:] == CASES[case][0].sentence
    assert all("bold" in str(span.style) for span in first.spans)


def test_a_member_keeps_its_mark_whatever_the_order() -> None:
    verdict = states.healthy(5)
    turned = replace(verdict, members=verdict.members[::-1])

    assert [line.plain for line in check(verdict, (), (), at=states.AT)] == [
        line.plain for line in check(turned, (), (), at=states.AT)
    ]


def effects() -> list[Effect]:
    at, kinds = states.AT, EffectKind
    slow = states.SLOW_DISK
    clearer = replace(slow, confidence=0.99)
    over = replace(slow, closed_at=at + 20, note="Over after 58 s.")
    verdict = states.effect(kinds.VERDICT, at + 0.25, verdict=states.slow_disk())
    return [
        states.effect(kinds.VERDICT, at - 60, verdict=states.healthy()),
        states.effect(kinds.BLIND_SPOT, at - 50, blind_spot=states.METRICS_HIDDEN),
        states.effect(kinds.OPENED, at, incident=slow),
        verdict,
        replace(verdict, at=at + 0.5),
        states.effect(kinds.CHANGED, at + 1, incident=clearer),
        states.effect(kinds.CLOSED, at + 20, incident=over),
        states.effect(kinds.VERDICT, at + 20, verdict=states.healthy()),
        states.effect(kinds.SIGHTED, at + 30, blind_spot=states.METRICS_HIDDEN),
        states.effect(kinds.OPENED, at + 40, incident=states.LEADER_CHANGED),
        states.effect(kinds.OPENED, at + 86_400, incident=states.QUORUM_LOST),
        states.effect(kinds.VERDICT, at + 86_400, verdict=states.quorum_lost()),
    ]


@pytest.mark.parametrize("width", [None, 80])
def test_watch_tells_one_thing_after_another(width: int | None, shows: Shows) -> None:
    shows(f"watch-{width or 'piped'}", Telling(UTC).lines(effects(), width))


def test_of_several_clusters_each_line_says_which_and_none_speaks_for_another() -> None:
    telling = Telling(UTC)
    well = states.effect(EffectKind.VERDICT, states.AT, verdict=states.healthy())
    trouble = states.effect(EffectKind.OPENED, states.AT, incident=states.LEADER_DOWN)

    told = [
        "\n".join(line.plain for line in telling.lines([effect], None, name))
        for effect, name in ((well, "a"), (well, "b"), (well, "a"), (trouble, "b"))
    ]

    assert "2026-11-22\n06:49:29  ✓ ok        a: etcd is fine." in told[0]
    assert told[1].startswith("06:49:29  ✓ ok        b: etcd is fine.")  # the day is told once
    assert not told[2]
    assert "△ warning   b: m2 is down" in told[3]


def test_watch_does_not_repeat_the_runbook_while_the_cause_is_the_same() -> None:
    telling = Telling(UTC)
    first = states.effect(EffectKind.OPENED, states.AT, incident=states.SLOW_DISK)
    again = replace(first, kind=EffectKind.CHANGED)
    other = replace(again, incident=replace(states.SLOW_DISK, cause="disk-shared"))

    told = [
        ["what to do" in line.plain for line in telling.lines([e])] for e in (first, again, other)
    ]

    assert [any(lines) for lines in told] == [True, False, True]
