"""``top`` as Textual draws it, at the sizes that terminals have, with keys and the mouse."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC
from typing import Any

import pytest
from rich.text import Text
from tests.detect.windows import NOW, ago, window
from tests.surfaces import states
from tests.surfaces.conftest import Shows
from tests.surfaces.registry.states import COUNTED, EMPTY, LIVE, PARTIAL, cell
from tests.surfaces.tui.trails import AT, over, run
from textual.pilot import Pilot
from textual.strip import Strip

from etcdscope.model.census import REGISTRY_AT, Chronicle
from etcdscope.model.census_change import difference
from etcdscope.model.signal import REGISTRY
from etcdscope.surfaces.registry.objects import diff_object, registry_object
from etcdscope.surfaces.tui.app import Top, show
from etcdscope.surfaces.tui.counted import Asking, Keys, held
from etcdscope.surfaces.tui.rows import Rows
from etcdscope.surfaces.tui.trail import Trail

SMALL, LARGE = (80, 24), (200, 60)


def troubled() -> Trail:
    trail = run(states.slow_disk(), states.SLOW_DISK, spots=[states.METRICS_HIDDEN])
    over(trail, states.LEADER_DOWN, ago=60, lasted=21)
    return trail


def lines(app: Top) -> list[Text]:
    """Return what stands on the screen."""
    return [Text(strip.text) for strip in app.screen._compositor.render_strips()]


def text(app: Top) -> str:
    return "\n".join(line.plain.rstrip() for line in lines(app))


@asynccontextmanager
async def opened(
    *trails: Trail, size: tuple[int, int] = SMALL, letters: bool = False
) -> AsyncIterator[tuple[Top, Pilot[None]]]:
    app = Top(trails, zone=UTC, clock=lambda: AT, letters=letters)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        yield app, pilot


CASES = {
    "healthy": lambda: [run(states.healthy())],
    "slow-disk": lambda: [troubled()],
    "leader-killed": lambda: [run(states.leader_killed(), states.LEADER_DOWN, troubled=8)],
    "quorum-lost": lambda: [run(states.quorum_lost(), states.QUORUM_LOST, troubled=5)],
    "five": lambda: [run(states.healthy(5))],
    "unknown": lambda: [run(states.unknown(), troubled=200)],
    "nothing-yet": lambda: [Trail("prod")],
}


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "200x60"])
@pytest.mark.parametrize("case", CASES)
async def test_a_cluster(case: str, size: tuple[int, int], shows: Shows) -> None:
    async with opened(*CASES[case](), size=size) as (app, _):
        shows(f"top-{case}-{size[0]}x{size[1]}", lines(app))


# --- looking into it -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "name"),
    [
        pytest.param(["enter"], "incident", id="enter opens the incident"),
        pytest.param(["r"], "runbook", id="r opens it at what to do"),
        pytest.param(["m", "down", "enter"], "member", id="m goes to the members"),
        pytest.param(["b"], "blind", id="b shows what is not judged"),
        pytest.param(["question_mark"], "help", id="? shows the keys"),
        pytest.param(["e"], "explain", id="e explains the cause"),
        pytest.param(["t", "[", "[", "[", "[", "["], "past", id="t stops time, [ goes back ten"),
        pytest.param([*"/leader", "enter"], "filtered", id="/ filters"),
        pytest.param(["c", "plus"], "chart", id="c and + turn the charts"),
    ],
)
async def test_keys(keys: Sequence[str], name: str, shows: Shows) -> None:
    async with opened(troubled()) as (app, pilot):
        await pilot.press(*keys)
        await pilot.pause()
        shows(f"top-key-{name}", lines(app))


async def test_escape_leads_back_from_everywhere() -> None:
    async with opened(troubled()) as (app, pilot):
        before = text(app)
        for keys in (["enter"], ["enter", "e"], ["b"], ["question_mark"], ["t", "left"], ["slash"]):
            await pilot.press(*keys)
            assert text(app) != before
            await pilot.press(*["escape"] * len(keys))
            await pilot.pause()
            assert text(app) == before


async def test_a_command_is_copied_as_it_is_to_be_typed() -> None:
    async with opened(troubled()) as (app, pilot):
        await pilot.press("r", "down", "enter")
        assert app.clipboard == "iotop -obn3   # on the host of m2"
        await pilot.press("up", "c")
        assert app.clipboard == states.SLOW_DISK.runbook[0].run
        assert "Copied, if your terminal lets us" in text(app)


async def test_the_mouse_opens_goes_back_in_time_and_finds_the_keys() -> None:
    async with opened(troubled(), size=(120, 40)) as (app, pilot):
        await pilot.click("#incidents", offset=(10, 0))
        assert "what happened" in text(app)
        await pilot.click("#foot", offset=(text(app).splitlines()[-1].index("back"), 0))
        assert "MEMBER" in text(app)
        await pilot.click("#members", offset=(3, 2))
        assert "address" in text(app)
        await pilot.press("escape")
        await pilot.click("#bar", offset=(15, 0))
        assert "as of 06:48:0" in text(app)
        await pilot.click("#foot", offset=(text(app).splitlines()[-1].index("now"), 0))
        assert "live" in text(app)


async def test_the_past_shows_what_was_known_then() -> None:
    async with opened(troubled()) as (app, pilot):
        await pilot.press("p")
        assert "as of 06:48:52" in text(app)
        await pilot.press("left", "left")
        assert "etcd is fine" in text(app)
        assert "open" not in text(app).split("ROLES")[1].splitlines()[5]
        await pilot.press("n", "n")
        assert "live" in text(app)


async def test_in_the_past_an_incident_reads_as_it_did() -> None:
    async with opened(troubled()) as (app, pilot):
        await pilot.press("enter")
        assert "WAL disk" in text(app)
        await pilot.press("p", "left", "left")
        assert "had not begun by then" in text(app)


async def test_the_past_begins_with_this_run() -> None:
    async with opened(troubled()) as (app, pilot):
        await pilot.press(*["left_square_bracket"] * 20)
        assert "as of 06:47:59, 90 s ago" in text(app)
        await pilot.press("p")
        assert "Nothing happened before" in text(app)


async def test_a_filter_narrows_while_it_is_written_and_is_left_with_escape() -> None:
    async with opened(troubled()) as (app, pilot):
        await pilot.press(*"/over")
        shown = text(app)
        assert "member-down" in shown
        assert "wal-fsync-slow" not in shown
        await pilot.press(*"xyz")
        assert "Nothing matches overxyz." in text(app)
        await pilot.press("escape")
        assert "wal-fsync-slow" in text(app)


async def test_it_follows_the_size_of_the_terminal() -> None:
    async with opened(troubled()) as (app, pilot):
        small = text(app)
        await pilot.resize_terminal(*LARGE)
        await pilot.pause()
        large = text(app)
        assert "ENDPOINT" in large
        assert "what happened" in large  # the incident stands beside the list
        assert len(large.splitlines()) == LARGE[1]
        await pilot.resize_terminal(*SMALL)
        await pilot.pause()
        assert text(app) == small


@pytest.mark.parametrize("size", [(40, 10), (60, 12), (100, 30), (300, 80)])
async def test_no_line_is_wider_than_the_terminal(size: tuple[int, int]) -> None:
    async with opened(troubled(), size=size) as (app, pilot):
        for key in ("m", "enter", "escape", "m", "enter", "escape", "b", "escape", "question_mark"):
            assert all(line.cell_len == size[0] for line in lines(app))
            assert len(lines(app)) == size[1]
            await pilot.press(key)


async def test_what_stays_as_it_is_is_not_painted_again() -> None:
    async with opened(troubled()) as (app, pilot):
        painted: list[int] = []
        rows = app.screen.query_one("#members", Rows)
        draw = rows.render_line

        def noted(y: int) -> Strip:
            painted.append(y)
            return draw(y)

        rows.render_line = noted  # type: ignore[method-assign]
        app.paint()
        await pilot.pause()
        assert painted == []
        now = app.trails[""].now
        assert now is not None
        first, *others = now.verdict.members
        moved = replace(now.verdict, members=(replace(first, committed_index=99_999), *others))
        app.trails[""].take(replace(now, at=AT + 0.25, verdict=moved))
        app.paint()
        await pilot.pause()
        assert painted == [1]


# --- who fills the database ----------------------------------------------------------------------


def counted(*, grown: bool = True) -> Keys:
    newer = replace(LIVE, at=LIVE.at + 3600, cells=(*LIVE.cells, cell("leases", "", 50, 20_000)))
    return Keys(registry_object(newer), diff_object(difference(LIVE, newer)) if grown else None)


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "200x60"])
async def test_g_shows_who_fills_the_database(size: tuple[int, int], shows: Shows) -> None:
    trail = troubled()
    trail.keys = answering(counted())
    async with opened(trail, size=size) as (app, pilot):
        await pilot.press("g")
        await pilot.pause()
        shows(f"top-registry-{size[0]}x{size[1]}", lines(app))
        await pilot.press("g")
        assert "MEMBER" in text(app)


async def test_an_own_watch_says_what_counts_the_keys_and_copies_it() -> None:
    trail = Trail("prod", counts="etcdscope registry --endpoints http://10.0.0.1:2379")
    async with opened(trail) as (app, pilot):
        await pilot.press("g")
        await pilot.pause()
        assert "Nothing was counted." in text(app)
        await pilot.press("enter")
        assert app.clipboard == "etcdscope registry --endpoints http://10.0.0.1:2379"


async def test_what_the_agent_says_of_its_counting_is_shown() -> None:
    trail = troubled()
    trail.keys = answering(Keys(why="The keys have not been counted yet; that is done later."))
    async with opened(trail) as (app, pilot):
        await pilot.press("g")
        await pilot.pause()
        assert "The keys have not been counted yet" in text(app)
        assert "copy" not in text(app)


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(counted(grown=False), id="once"),
        pytest.param(Keys(registry_object(EMPTY)), id="no keys"),
        pytest.param(Keys(registry_object(COUNTED)), id="mere counts"),
        pytest.param(Keys(registry_object(PARTIAL)), id="part of them"),
    ],
)
@pytest.mark.parametrize("size", [(40, 10), SMALL, LARGE, (300, 80)])
async def test_any_count_fits_any_terminal(told: Keys, size: tuple[int, int]) -> None:
    trail = troubled()
    trail.keys = answering(told)
    async with opened(trail, size=size) as (app, pilot):
        await pilot.press("g")
        await pilot.pause()
        assert told.counted is not None
        assert told.counted.headline[:20] in text(app)
        assert all(line.cell_len == size[0] for line in lines(app))


def answering(known: Keys) -> Asking:
    async def ask() -> Keys:
        return known

    return ask


def test_an_own_watch_shows_the_count_that_its_window_holds() -> None:
    chronicle = Chronicle().extended(replace(LIVE, at=NOW - 60))
    seen = window({REGISTRY_AT: {REGISTRY: ago((60.0, chronicle))}})

    known = held(seen, "etcdscope registry")

    assert known.counted is not None
    assert known.counted.keys == LIVE.total.keys
    assert (held(window(), "x").run, held(None, "x").run) == ("x", "x")


# --- several clusters ----------------------------------------------------------------------------


def fleet() -> list[Trail]:
    return [
        run(states.healthy(), name="prod-us-1"),
        run(states.slow_disk(), states.SLOW_DISK, name="prod-eu-1"),
        run(states.healthy(5), name="staging"),
        run(states.quorum_lost(), states.QUORUM_LOST, name="test"),
        Trail("new"),
        run(states.unknown(), name="gone", troubled=200),
    ]


@pytest.mark.parametrize("size", [SMALL, (160, 40)], ids=["80x24", "160x40"])
async def test_a_fleet_shows_the_worst_first(size: tuple[int, int], shows: Shows) -> None:
    async with opened(*fleet(), size=size) as (app, _):
        shows(f"top-fleet-{size[0]}x{size[1]}", lines(app))


async def test_a_fleet_leads_into_a_cluster_and_back() -> None:
    async with opened(*fleet()) as (app, pilot):
        await pilot.press(*"/eu", "enter", "enter")
        assert "prod-eu-1" in text(app)
        assert "MEMBER" in text(app)
        await pilot.press("enter")
        assert "prod-eu-1 ▸ wal-fsync-slow" in text(app)
        await pilot.press("escape", "escape")
        assert "CLUSTER" in text(app)


# --- terminals that can do less ------------------------------------------------------------------


async def test_a_terminal_without_unicode_gets_letters() -> None:
    async with opened(troubled(), size=LARGE, letters=True) as (app, pilot):
        for key in ("enter", "escape", "question_mark"):
            assert text(app).isascii()
            await pilot.press(key)
        assert "# m2" not in text(app)


async def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with opened(troubled()) as (app, _):
        styles = {
            segment.style.color
            for strip in app.screen._compositor.render_strips()
            for segment in strip
            if segment.style
        }
        assert {c.name for c in styles if c is not None} <= {"default"}


# --- feeds ---------------------------------------------------------------------------------------


class Broken(Exception):
    pass


async def test_the_end_of_its_only_feed_is_its_own_and_says_why() -> None:
    async def feed() -> None:
        raise Broken("no route to the cluster")

    with pytest.raises(Broken, match="no route"):
        await show(Headless([Trail()]), feed())


class Headless(Top):
    """Without a terminal."""

    async def run_async(self, **_: Any) -> None:  # noqa: ANN401
        await super().run_async(headless=True, size=SMALL)
