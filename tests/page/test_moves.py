"""Getting about: keys, the search, time travel, and addresses that can be passed on."""

import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.page import stories, told
from tests.page.conftest import Look, Looks
from tests.page.fake_agent import FakeAgent, fleet

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def agent() -> AsyncIterator[str]:
    made_up = fleet(8)
    sick = made_up["sick"] = told.Cluster("sick", time.time(), "critical")
    sick.incidents = [stories.slow_disk(sick, time.time() - 200)]
    async with FakeAgent(made_up).open() as url:
        yield url


@pytest_asyncio.fixture(loop_scope="session")
async def look(looks: Looks, agent: str) -> AsyncIterator[Look]:
    async with looks.at(agent, "#/fleet") as opened:
        await opened.sees("9 clusters")
        yield opened


async def test_keys_go_through_the_rows_and_open_one(look: Look) -> None:
    keyboard = look.page.keyboard
    for key in ("j", "j", "k", "Enter"):
        await keyboard.press(key)

    await look.sees("almost certain")
    assert "#/c/" in look.page.url
    await keyboard.press("Escape")
    await look.sees("9 clusters")


async def test_the_search_finds_and_goes_there(look: Look) -> None:
    await look.page.keyboard.press("/")
    await look.page.keyboard.type("apply-lag")
    await look.page.get_by_role("option", name="apply-lag").first.wait_for()
    await look.page.keyboard.press("Enter")

    await look.sees("The member applies")
    assert look.page.url.endswith("#/catalogue/apply-lag")


async def test_the_theme_is_the_systems_until_one_chooses(look: Look) -> None:
    theme = "document.documentElement.dataset.theme"
    assert await look.page.evaluate(theme) == "light"
    await look.page.keyboard.press("t")
    assert await look.page.evaluate(theme) == "dark"
    await look.page.reload()
    await look.sees("9 clusters")
    assert await look.page.evaluate(theme) == "dark"


async def test_typing_filters_and_the_address_keeps_it(look: Look) -> None:
    await look.page.get_by_placeholder("Filter by").fill("us-2")
    await look.sees("3 of 9")
    assert await look.page.locator("[data-cluster]").count() == 3

    await look.page.reload()
    await look.sees("3 of 9")


async def test_one_scrubs_into_the_past_and_comes_back(look: Look) -> None:
    await look.go("#/c/sick")
    await look.sees("Writes are slow: m1 waits 412 ms for its WAL disk.")
    track = look.page.locator(".track")
    box = await track.bounding_box()
    assert box
    await look.page.mouse.click(box["x"] + box["width"] * 0.3, box["y"] + box["height"] / 2)
    await look.sees("You are looking at", "etcd is fine.", "m2 leads")
    assert await look.page.evaluate("document.documentElement.dataset.past") == "true"

    address = look.page.url
    assert "at=" in address
    other = await look.page.context.new_page()
    await other.goto(address)  # whoever gets the address sees the same moment
    await other.get_by_text("You are looking at").first.wait_for(timeout=5_000)
    await other.close()

    await look.page.keyboard.press("n")
    await look.sees("Writes are slow: m1 waits 412 ms for its WAL disk.")


async def test_a_drag_over_a_chart_zooms_all_and_a_double_click_goes_back(look: Look) -> None:
    await look.go("#/c/sick")
    chart = look.page.locator("[data-chart=wal-fsync-p99] .u-over")
    await chart.scroll_into_view_if_needed()
    box = await chart.bounding_box()
    assert box
    mouse, y = look.page.mouse, box["y"] + box["height"] / 2
    await mouse.move(box["x"] + box["width"] * 0.3, y)
    await mouse.down()
    await mouse.move(box["x"] + box["width"] * 0.7, y, steps=6)
    await mouse.up()
    await look.page.wait_for_url("**from=*")
    await chart.dblclick()
    await look.page.wait_for_url(lambda url: "from=" not in url)


async def test_a_crosshair_is_shared(look: Look) -> None:
    await look.go("#/c/sick")
    first = look.page.locator("[data-chart=wal-fsync-p99]")
    await first.locator(".u-over").hover()

    for name in ("wal-fsync-p99", "backend-commit-p99"):
        read = look.page.locator(f"[data-chart={name}] .chart-read")
        await read.filter(has_text="m1").wait_for(timeout=3_000)


async def test_a_number_tells_its_source_by_keyboard_alone(look: Look) -> None:
    await look.go("#/c/sick")
    number = look.page.locator("[data-head='fsync p99'] button").first
    await number.focus()
    tip = look.page.get_by_role("tooltip")
    await tip.filter(has_text="etcd_disk_wal_fsync_duration_seconds").wait_for(timeout=3_000)
    shown = await tip.inner_text()

    assert "WAL fsync" in shown
    assert "412" in shown
    assert "ago" in shown
    assert await number.get_attribute("aria-describedby") == "tip"


async def test_with_reduced_motion_nothing_moves(looks: Looks, agent: str) -> None:
    async with looks.at(agent, "#/c/sick", reduced_motion="reduce") as look:
        await look.sees("almost certain")
        moving = await look.page.evaluate(
            """() => [...document.querySelectorAll("*")].filter(one => {
                const style = getComputedStyle(one);
                const lasts = parseFloat(style.transitionDuration) > 0;
                return lasts || style.animationName !== "none";
            }).length"""
        )

    assert moving == 0
