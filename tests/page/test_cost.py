"""What the page costs: bytes, the first paint, the main thread, and memory over a day.

The figures: ``pytest tests/page/test_cost.py -o log_cli=true -o log_cli_level=info``.
"""

import asyncio
import logging
import time
from dataclasses import dataclass

import pytest
from playwright.async_api import CDPSession
from tests.page import stories, told
from tests.page.conftest import Look, Looks
from tests.page.fake_agent import FakeAgent, fleet

from etcdscope.surfaces.web import assets

pytestmark = [pytest.mark.browser]
in_browser = pytest.mark.asyncio(loop_scope="session")

log = logging.getLogger(__name__)
# A tall window, so that no chart is out of sight and thereby at rest.
WALL = (1280, 4000)
WATCHED_S = 6.0
PICTURES = "[...document.querySelectorAll('.uplot canvas')].map(one => one.toDataURL())"


@dataclass(frozen=True, slots=True)
class Spent:
    """Of the main thread: CPU seconds a second; and the heap after a collection, in MB."""

    share: float
    heap: float


async def cpu(devtools: CDPSession) -> float:
    """Return the CPU seconds of the main thread so far, whatever else the machine does."""
    found = await devtools.send("Performance.getMetrics")
    values = {one["name"]: one["value"] for one in found["metrics"]}
    spent: float = values["TaskDuration"]
    return spent


async def heap(devtools: CDPSession) -> float:
    await devtools.send("HeapProfiler.collectGarbage")
    used = await devtools.send("Runtime.getHeapUsage")
    return float(used["usedSize"]) / 1e6


async def instruments(look: Look) -> CDPSession:
    devtools = await look.devtools()
    await devtools.send("Performance.enable", {"timeDomain": "threadTicks"})
    return devtools


async def spent(look: Look, devtools: CDPSession, seconds: float = WATCHED_S) -> Spent:
    before, begin = await cpu(devtools), time.monotonic()
    await asyncio.sleep(seconds)
    share = (await cpu(devtools) - before) / (time.monotonic() - begin)
    return Spent(share, await heap(devtools))


async def showing(agent: FakeAgent) -> None:
    """Tell how every cluster stands, once a second."""
    while True:
        for key, cluster in agent.clusters.items():
            cluster.now = time.time()
            agent.show(key)
        await asyncio.sleep(1)


def test_all_files_together_are_small() -> None:
    files = assets.read().values()
    packed = sum(len(one.packed or one.body) for one in files if one.type != "text/plain")

    log.info("compressed: %.0f kB", packed / 1000)
    assert packed <= 350_000


@in_browser
async def test_the_first_paint_comes_within_a_second(looks: Looks) -> None:
    agent = FakeAgent({"prod": told.Cluster("prod", time.time())})
    async with agent.open() as url, looks.at(url, "#/c/prod") as look:
        await look.sees("etcd is fine.")
        painted = await look.page.evaluate(
            "performance.getEntriesByName('first-contentful-paint')[0].startTime"
        )

    log.info("first contentful paint: %.0f ms", painted)
    assert painted <= 1000


@in_browser
async def test_sixty_live_charts_take_a_tenth_of_a_core_at_most(looks: Looks) -> None:
    agent = FakeAgent({"prod": told.Cluster("prod", time.time())})
    agent.charts = tuple((f"wal-fsync-p99-{i}", "disk", f"Chart {i}", "s", 0.1) for i in range(60))
    async with agent.open() as url, looks.at(url, "#/c/prod", size=WALL) as look:
        await look.page.get_by_role("button", name="58 more").click()
        await look.until("document.querySelectorAll('.uplot').length === 60")
        telling = asyncio.create_task(showing(agent))
        devtools = await instruments(look)
        await asyncio.sleep(1)
        before = await look.page.evaluate(PICTURES)
        found = await spent(look, devtools)
        after = await look.page.evaluate(PICTURES)
        telling.cancel()

    log.info("60 live charts: %.1f %% of a core, %.0f MB", found.share * 100, found.heap)
    assert len(before) == len(after) == 60
    assert not {*before} & {*after}, "not every chart was drawn anew"
    assert found.share <= 0.10


@in_browser
async def test_three_hundred_clusters_stay_smooth(looks: Looks) -> None:
    agent = FakeAgent(fleet(300))
    async with agent.open() as url, looks.at(url, "#/fleet") as look:
        await look.sees("300 clusters")
        telling = asyncio.create_task(showing(agent))
        devtools = await instruments(look)
        still = await spent(look, devtools)
        before = await cpu(devtools)
        await look.page.get_by_placeholder("Filter by").press_sequentially("prod eu")
        await look.sees("of 300")
        a_key = (await cpu(devtools) - before) / 7
        telling.cancel()

    log.info("300 clusters: %.1f %% of a core, %.0f ms a key", still.share * 100, a_key * 1000)
    assert still.share <= 0.25
    assert a_key <= 0.1


@in_browser
async def test_memory_stays_bounded_over_a_day(looks: Looks) -> None:
    """A day in steps of ten minutes: incidents come and go, charts move on, roles change."""
    agent = FakeAgent({"prod": told.Cluster("prod", time.time())})
    cluster = agent.clusters["prod"]
    async with agent.open() as url, looks.at(url, None) as look:
        await look.page.clock.install(time=time.time())
        await look.go("#/c/prod")
        await look.sees("etcd is fine.")
        devtools = await look.devtools()
        marks = []
        for step in range(144):
            cluster.now = time.time() + step * 600
            cluster.term += 1
            cluster.leader = step % 3
            incident = stories.slow_disk(cluster, cluster.now - 60, cluster.now)
            agent.tell("incident", incident | {"key": "prod"}, "prod")
            for _ in range(20):
                agent.show("prod")
            await look.page.clock.fast_forward(600_000)
            if step in (47, 95, 143):
                marks.append(await heap(devtools))
        nodes = await look.page.evaluate("document.querySelectorAll('*').length")

    log.info("heap after 8, 16 and 24 h: %s MB", [round(one, 1) for one in marks])
    assert marks[2] <= marks[0] * 1.25 + 1
    assert nodes <= 6_000
