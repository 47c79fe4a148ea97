"""One Chromium for all tests of the page; a new context, with an empty storage, for each look."""

import asyncio
import re
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest_asyncio
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]
from playwright.async_api import Browser, CDPSession, Page, async_playwright

DESKTOP, PHONE = (1280, 900), (390, 844)
ARGS = [
    "--no-sandbox",
    "--headless",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
]
# What the page cannot keep a browser from saying: that an answer was none.
_EXPECTED = re.compile(r"^Failed to load resource: ")
# All that axe has rules for, but nothing of what is well: that is most of its time.
_JUDGED = {"resultTypes": ["violations"]}
Theme = Literal["light", "dark"]


@dataclass
class Look:
    """A page that is open, and what its console complained of."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)

    async def go(self, where: str) -> None:
        """Open an address of the page, from within it where it is open."""
        if self.page.url.startswith(self.url):
            await self.page.evaluate("where => { location.hash = where }", where)
        else:
            await self.page.goto(self.url + where)

    async def sees(self, *texts: str, within_ms: float = 5_000) -> None:
        """Wait until all these texts can be seen."""
        for text in texts:
            await self.page.get_by_text(text).first.wait_for(timeout=within_ms)

    async def until(self, holds: str, within_s: float = 10.0) -> None:
        """Wait until an expression holds; the page's own policy lets it wait for no string."""
        deadline = time.monotonic() + within_s
        while not await self.page.evaluate(holds):
            assert time.monotonic() < deadline, f"not within {within_s} s: {holds}"
            await asyncio.sleep(0.05)

    async def text(self) -> str:
        """Return all text that is shown."""
        found: str = await self.page.evaluate("document.body.innerText")
        return found

    async def sideways(self) -> int:
        """Return by how many pixels the page is wider than its window."""
        wide: int = await self.page.evaluate(
            "Math.max(document.documentElement.scrollWidth, document.body.scrollWidth) - innerWidth"
        )
        return wide

    async def barriers(self) -> list[str]:
        """Return what axe finds serious or critical, with the elements."""
        found = await Axe().run(self.page, options=_JUDGED)
        return [
            f"{one['id']}: {one['help']}: {[node['html'][:160] for node in one['nodes'][:3]]}"
            for one in found.response["violations"]
            if one["impact"] in ("serious", "critical")
        ]

    async def devtools(self) -> CDPSession:
        """Return the browser's own instruments."""
        return await self.page.context.new_cdp_session(self.page)


@dataclass(frozen=True, slots=True)
class Looks:
    """Opens pages."""

    browser: Browser

    @asynccontextmanager
    async def at(
        self,
        url: str,
        where: str | None = "",
        *,
        size: tuple[int, int] = DESKTOP,
        theme: Theme = "light",
        **context: Any,  # noqa: ANN401  # playwright's own options
    ) -> AsyncIterator[Look]:
        """Open the page; what its console complained of fails the test at the end."""
        viewport = {"width": size[0], "height": size[1]}
        opened = await self.browser.new_context(
            viewport=viewport,  # type: ignore[arg-type]
            color_scheme=theme,
            **context,
        )
        try:
            page = await opened.new_page()
            look = Look(page, url)
            page.on("console", lambda said: _heard(look, said.type, said.text))
            page.on("pageerror", lambda error: look.complaints.append(str(error)))
            if where is not None:
                await look.go(where)
            yield look
            assert not look.complaints
        finally:
            await opened.close()


def _heard(look: Look, kind: str, text: str) -> None:
    if kind in ("error", "warning") and not _EXPECTED.match(text):
        look.complaints.append(f"{kind}: {text}")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def looks() -> AsyncIterator[Looks]:
    """Return what opens pages."""
    chromium = shutil.which("chromium")
    assert chromium, "these tests need Debian's chromium: make browser"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=ARGS)
        try:
            yield Looks(browser)
        finally:
            await browser.close()
