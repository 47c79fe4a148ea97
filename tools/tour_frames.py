"""Takes pictures of the real page during a real tour: build/tour/*.png and when each was taken.

    python tools/tour_frames.py kill slow quorum

`make tour-picture` does this, and makes the animated picture of the README from it. Needs Chromium,
and root for faults of disk and network.
"""

import asyncio
import json
import os
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright

from etcdscope.demo import Demo, demo
from etcdscope.lab.tour import STOPS, Outcome, Pace

OUT = Path(__file__).parents[1] / "build" / "tour"
SIZE = {"width": 1280, "height": 860}
EVERY = 0.5  # seconds between two pictures
# Long enough to read a caption, short enough for a picture of a minute.
PACE = Pace(look=9.0, rest=2.5)


async def main(names: Sequence[str]) -> int:
    """Record the stops of these names; fail where one was not told rightly."""
    stops = [stop for stop in STOPS if stop.name in names] or list(STOPS)
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    served: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    outcomes: list[Outcome] = []
    shown = Demo(
        stops=stops,
        pace=PACE,
        tell=lambda *_: None,
        say=lambda title, text: sys.stderr.write(f"{title} {text}\n"),
        done=outcomes.append,
        served=served.set_result,
    )
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox"] if os.geteuid() == 0 else [],
        )
        try:
            async with asyncio.TaskGroup() as group:
                recording = group.create_task(record(browser, served))
                await demo(shown)
                recording.cancel()
        finally:
            await browser.close()
    return 0 if all(outcome.right for outcome in outcomes) else 1


async def record(browser: Browser, served: "asyncio.Future[str]") -> None:
    """Take a picture now and again, until cancelled; what was taken is written down last."""
    page: Page = await browser.new_page(viewport=SIZE, reduced_motion="reduce")
    await page.goto(await served)
    await page.wait_for_selector(".tour")
    began, taken = time.monotonic(), []
    try:
        while True:
            at = time.monotonic() - began
            await page.screenshot(path=OUT / f"{len(taken):04}.png")
            taken.append(round(at, 3))
            await asyncio.sleep(max(EVERY - (time.monotonic() - began - at), 0.05))
    finally:
        (OUT / "taken.json").write_text(json.dumps(taken))


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
