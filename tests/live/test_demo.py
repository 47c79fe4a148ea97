"""The demo as it is run: a real cluster, a real fault, and the page that tells of it."""

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Page, async_playwright
from tests.e2e.commands import PROGRAM

pytestmark = pytest.mark.etcd
WORDS = ("demo", "--fast", "--once", "kill", "--plain", "--no-browser", "--color", "never")


@asynccontextmanager
async def looking() -> AsyncIterator[tuple[Page, list[str]]]:
    """Open a page in a real browser; gives it, and what it complains of."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox"] if os.geteuid() == 0 else [],
        )
        page = await browser.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        yield page, errors
        await browser.close()


async def test_the_page_follows_the_tour() -> None:
    async with looking() as (page, errors):
        demo = await asyncio.create_subprocess_exec(PROGRAM, *WORDS, stdout=asyncio.subprocess.PIPE)
        assert demo.stdout
        said = ""
        while not (found := re.search(r"The page is at (http://\S+)", said)):
            line = await demo.stdout.readline()
            assert line, said
            said += line.decode()
        await page.goto(found[1])
        tour = page.get_by_role("status", name="Tour")
        await tour.get_by_text("as a crash does").wait_for(timeout=30_000)
        await page.get_by_role("heading", level=1).get_by_text("is down").wait_for(timeout=10_000)
        step = await tour.locator(".tour-step").inner_text()
        await tour.get_by_text("The tour is over").wait_for(timeout=60_000)
        rest, _ = await demo.communicate()

    assert step == "1 of 1"
    assert errors == []
    assert demo.returncode == 0, said + rest.decode()
