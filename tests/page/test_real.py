"""The page on a real agent on a real cluster: what it shows, how soon, and over a restart."""

import logging
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.e2e.agents import Agent, agent
from tests.etcd.servers import free_port
from tests.page.conftest import PHONE, Look, Looks

from etcdscope.lab.cluster import Lab, LabSpec, LoadSpec
from etcdscope.model import contract

pytestmark = [pytest.mark.etcd, pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

log = logging.getLogger(__name__)
# The page's word for a moment: unix seconds of when something could first be seen.
WATCH = """() => {
  const firsts = (window.firsts = {});
  const crowned = () => document.querySelector(".node.is-leader")?.getAttribute("aria-label");
  const before = crowned();
  const elections = document.querySelectorAll("[data-mark=election]").length;
  const signs = {
    role: () => crowned() && crowned() !== before,
    election: () => document.querySelectorAll("[data-mark=election]").length > elections,
    incident: () => document.querySelector("[data-mark=incident]"),
    headline: () => document.querySelector("h1").innerText.includes("is down"),
  };
  new MutationObserver(() => {
    for (const [name, seen] of Object.entries(signs)) {
      if (!(name in firsts) && seen()) firsts[name] = Date.now() / 1000;
    }
  }).observe(document.body, { subtree: true, childList: true, attributes: true });
}"""
WITHIN_S = 1.0


@pytest_asyncio.fixture(loop_scope="session")
async def lab() -> AsyncIterator[Lab]:
    spec = LabSpec(members=3, version="3.5", network="loopback", load=LoadSpec(rate=20, reads=0.2))
    async with Lab.start(spec) as started:
        yield started


async def knew(served: Agent, term: int) -> dict[str, float]:
    """Return when the agent knew of each, by its own lines."""

    def elected() -> list[dict[str, Any]]:
        verdicts = served.run.events("verdict")
        return [one for one in verdicts if one.get("leader_id") and one.get("term", 0) > term]

    await served.run.until(
        lambda: elected() and served.run.events("opened", cause="member-down"), 20.0
    )
    down = served.run.events("opened", cause="member-down")[0]
    at = {"role": elected()[0]["at"], "incident": down["at"]}
    return {name: contract.unix(moment) for name, moment in at.items()}


async def test_a_killed_leader_is_seen_within_a_second_of_being_known(
    lab: Lab, looks: Looks, tmp_path: Path
) -> None:
    async with agent(lab.endpoints[0], "--data-dir", tmp_path) as served:
        await served.judged("ok")
        term = served.run.events("verdict")[-1]["term"]
        async with looks.at(served.url + "/") as look:
            await look.sees("etcd is fine.", within_ms=10_000)
            await look.page.locator(".run.is-leader").first.wait_for(timeout=15_000)
            await look.page.evaluate(WATCH)
            await lab.fault("kill", "leader")
            known = await knew(served, term)
            await look.until("Object.keys(window.firsts).length === 4")
            seen = await look.page.evaluate("window.firsts")
            late = {
                "role": seen["role"] - known["role"],
                "election": seen["election"] - known["role"],
                "incident": seen["incident"] - known["incident"],
                "headline": seen["headline"] - known["incident"],
            }
            log.info("seconds after the agent knew: %s", {k: round(v, 2) for k, v in late.items()})
            assert max(late.values()) <= WITHIN_S
            assert await look.sideways() <= 0
            assert await look.barriers() == []
            await _its_story(look)


async def _its_story(look: Look) -> None:
    """From the headline to what to do about it."""
    await look.page.get_by_role("link", name="What to do").click()
    await look.sees(
        "What happened", "How we know", "Looks alike, but is not", "systemctl start etcd"
    )
    await look.page.locator(".uplot").first.wait_for()
    assert await look.barriers() == []


async def test_an_agent_that_is_killed_and_started_again_loses_no_incident(
    lab: Lab, looks: Looks, tmp_path: Path
) -> None:
    listen = ("--listen", f"127.0.0.1:{free_port()}", "--data-dir", tmp_path)
    async with agent(lab.endpoints[0], *listen) as first:
        await first.judged("ok")
        async with looks.at(first.url + "/", size=PHONE) as look:
            await look.sees("etcd is fine.", within_ms=10_000)
            await lab.fault("kill", "follower")
            await look.sees("is down", within_ms=10_000)
            await first.run.end(signal.SIGKILL)
            await look.sees("The agent does not answer.", within_ms=3_000)
            async with agent(lab.endpoints[0], *listen) as second:
                await second.run.until(lambda: second.run.lines, 20.0)
                await look.page.get_by_role("alert").wait_for(state="detached", timeout=15_000)
                await look.sees("is down", within_ms=15_000)
                told = await second.ask("/clusters/default/incidents")
                await look.go("#/c/default/incidents")
                await look.page.locator("[data-incident]").first.wait_for()
                shown = await look.page.evaluate(
                    "[...document.querySelectorAll('[data-incident]')].map(a => a.dataset.incident)"
                )

    assert {one["incident"] for one in told["incidents"]} == {*shown}
    assert any(one["cause"] == "member-down" for one in told["incidents"])
