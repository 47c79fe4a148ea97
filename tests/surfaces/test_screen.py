"""The live screen, at the sizes that terminals have."""

import io
import logging
from dataclasses import replace
from datetime import UTC

import pytest
from rich.cells import cell_len
from rich.console import Console
from tests.surfaces import states
from tests.surfaces.conftest import Shows

from etcdscope.diagnose.incidents import Followed, Tracking
from etcdscope.diagnose.step import State
from etcdscope.model.incident import EffectKind, Incident, Verdict
from etcdscope.model.signal import RAFT_STATE, STATUS_SECONDS
from etcdscope.model.window import Point, Window
from etcdscope.surfaces.live import View, open_live
from etcdscope.surfaces.screen import Caption, Shown, screen

PAST = replace(
    states.LEADER_DOWN, closed_at=states.AT - 60, opened_at=states.AT - 90, since=states.AT - 91
)
CAPTION = Caption("1/5  Killing the leader m2, as a crash does.", "Told after 0.3 s: member-down.")


def window(verdict: Verdict) -> Window:
    series = {}
    for row, member in enumerate(verdict.members):
        times = [states.AT - 50 + i for i in range(50)]
        answers = tuple(Point(t, 0.002 if t < states.AT - 20 or row != 1 else 0.05) for t in times)
        roles = tuple(
            Point(t, "leader" if (t < states.AT - 20) == (row == 1) and row < 2 else "follower")
            for t in times
        )
        series[member.id, STATUS_SECONDS] = {"": answers}
        series[member.id, RAFT_STATE] = {"": roles}
    return Window(now=states.AT, began=states.AT - 50, series=series)


def state(verdict: Verdict, *incidents: Incident) -> State:
    tracking = Tracking(open=tuple(Followed(i, frozenset()) for i in incidents))
    return State((), window=window(verdict), tracking=tracking, verdict=verdict)


CASES = {
    "healthy": Shown(state(states.healthy()), states.AT, zone=UTC),
    "slow-disk": Shown(
        state(states.slow_disk(), states.SLOW_DISK), states.AT, (PAST,), CAPTION, "demo", UTC
    ),
    "quorum-lost": Shown(
        state(states.quorum_lost(), states.QUORUM_LOST), states.AT, (PAST,) * 40, zone=UTC
    ),
    "five-members": Shown(state(states.healthy(5)), states.AT, (PAST,) * 3, CAPTION, zone=UTC),
    "nothing-yet": Shown(None, states.AT, caption=CAPTION, zone=UTC),
    "unknown": Shown(state(states.unknown()), states.AT, zone=UTC),
}


@pytest.mark.parametrize("case", CASES)
def test_screen_of_80_by_24(case: str, shows: Shows) -> None:
    shows(f"screen-{case}", screen(CASES[case], 80, 24))


def test_screen_of_160_by_50(shows: Shows) -> None:
    shows("screen-slow-disk-wide", screen(CASES["slow-disk"], 160, 50))


@pytest.mark.parametrize("size", [(80, 24), (160, 50), (60, 12), (40, 8), (200, 10)])
@pytest.mark.parametrize("case", CASES)
def test_a_screen_is_filled_exactly(case: str, size: tuple[int, int]) -> None:
    lines = screen(CASES[case], *size)

    assert len(lines) == size[1]
    assert max(cell_len(line.plain) for line in lines) <= size[0]


def test_a_member_that_is_known_to_be_down_is_no_leader_although_its_numbers_are_fresh() -> None:
    shown = Shown(state(states.healthy(), states.LEADER_DOWN), states.AT, zone=UTC)
    rows = [line.plain for line in screen(shown, 80, 24)]

    row = next(row for row in rows if row.startswith(" ■ m2"))
    assert row.startswith(" ■ m2      down ")
    assert "leader" not in row


def test_what_is_over_is_listed_latest_first() -> None:
    view = View()
    for cause in ("member-down", "member-frozen"):
        over = replace(PAST, cause=cause)
        view.tell(
            [states.effect(EffectKind.CLOSED, states.AT, incident=over)], state(states.healthy())
        )
    console = Console(file=io.StringIO(), width=80, height=24)
    with console.capture() as captured:
        console.print(view.frame(console))

    assert captured.get().index("member-frozen") < captured.get().index("member-down")


async def test_the_terminal_is_given_back_whatever_happens() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=80, height=24)

    with pytest.raises(RuntimeError, match="boom"):
        async with open_live(console, View()):
            raise RuntimeError("boom")

    printed = out.getvalue()
    assert printed.index("\x1b[?1049h") < printed.index("\x1b[?1049l")  # the other screen, and back
    assert printed.rindex("\x1b[?25h") > printed.rindex("\x1b[?25l")  # the cursor is there again


async def test_the_log_waits_until_the_screen_is_free(caplog: pytest.LogCaptureFixture) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=80, height=24)
    log = logging.getLogger("etcdscope.test")

    async with open_live(console, View()):
        log.warning("a sink does not answer")
        assert not caplog.messages

    assert caplog.messages == ["a sink does not answer"]
