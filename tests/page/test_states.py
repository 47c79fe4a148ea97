"""When there is nothing to show, nobody answers, or a token is wanted."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.etcd.servers import free_port
from tests.page import stories, told
from tests.page.conftest import PHONE, Looks
from tests.page.fake_agent import FakeAgent

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

TOKEN = "kein-wört-davon"


def one(level: str = "ok") -> dict[str, told.Cluster]:
    return {"prod": told.Cluster("prod", time.time(), level)}


@pytest_asyncio.fixture(loop_scope="session")
async def port() -> AsyncIterator[int]:
    yield free_port()


async def test_an_agent_without_clusters_says_how_to_give_one(looks: Looks) -> None:
    async with FakeAgent().open() as url, looks.at(url) as look:
        await look.sees("The agent watches no cluster yet.", "etcdscope serve --endpoints")

        assert await look.barriers() == []


async def test_one_cluster_alone_is_where_one_arrives(looks: Looks) -> None:
    async with FakeAgent(one()).open() as url, looks.at(url) as look:
        await look.sees("etcd is fine.")

        assert look.page.url.endswith("#/c/prod")


async def test_while_it_loads_it_says_so(looks: Looks) -> None:
    async with FakeAgent(one(), slow=1.5).open() as url, looks.at(url, "#/c/prod") as look:
        await look.page.get_by_role("status").filter(has_text="Loading the cluster").wait_for()
        assert await look.barriers() == []
        await look.sees("etcd is fine.")


@pytest.mark.parametrize("keep", [False, True], ids=["for this tab", "for this browser"])
async def test_a_token_is_asked_for_and_kept_as_long_as_wished(looks: Looks, keep: bool) -> None:
    agent = FakeAgent(one(), token=TOKEN)
    async with agent.open() as url, looks.at(url, "#/c/prod", size=PHONE) as look:
        await look.sees("This agent wants its token.")
        assert await look.barriers() == []
        field = look.page.get_by_label("Token", exact=True)
        await field.fill("falsch")
        await field.press("Enter")
        await look.sees("The agent does not know this token.")
        await field.fill(TOKEN)
        if keep:
            await look.page.get_by_label("Keep it in this browser").check()
        await field.press("Enter")
        await look.sees("etcd is fine.")

        other = await look.page.context.new_page()
        await other.goto(url + "#/c/prod")
        expected = "etcd is fine." if keep else "This agent wants its token."
        await other.get_by_text(expected).first.wait_for(timeout=5_000)


async def test_an_agent_that_goes_away_is_missed_and_found_again(looks: Looks, port: int) -> None:
    agent = FakeAgent(one())
    async with looks.at(f"http://127.0.0.1:{port}/", None) as look:
        async with agent.open(port):
            await look.go("#/c/prod")
            await look.sees("etcd is fine.")
        await look.sees("The agent does not answer.", "This page reconnects by itself.")
        assert await look.barriers() == []
        assert "etcd is fine." in await look.text()  # what was known stays
        assert await look.page.title() == "prod · Cluster · etcdscope"

        agent.started = time.time()
        cluster = agent.clusters["prod"]
        cluster.level = "critical"
        cluster.incidents = [stories.slow_disk(cluster, time.time() - 3)]
        async with agent.open(port):
            await look.sees("Writes are slow", within_ms=9_000)
            assert await look.page.title() == "✖ prod · Cluster · etcdscope"
            await look.page.get_by_role("alert").wait_for(state="detached")


async def test_silence_is_noticed(looks: Looks) -> None:
    """A connection that stays open and says nothing is no connection."""
    async with FakeAgent(one()).open() as url, looks.at(url, None) as look:
        await look.page.clock.install()
        await look.go("#/c/prod")
        await look.sees("etcd is fine.")
        await look.page.clock.fast_forward(12_500)

        await look.sees("The agent does not answer.")


async def test_what_is_told_while_one_looks_is_shown(looks: Looks) -> None:
    agent = FakeAgent(one())
    cluster = agent.clusters["prod"]
    async with agent.open() as url, looks.at(url, "#/c/prod") as look:
        await look.sees("etcd is fine.")
        await asyncio.sleep(0.3)
        cluster.leader, cluster.term, cluster.now = 1, 15, time.time()
        incident = stories.slow_disk(cluster, time.time() - 1)
        incident["severity"] = "warning"
        cluster.incidents = [incident]
        agent.show("prod")
        agent.tell("incident", incident | {"key": "prod"}, "prod")

        await look.sees("leader · term 15", within_ms=1_000)
        await look.page.locator("[data-mark=election]").last.wait_for(timeout=1_000)
        await look.page.locator("[data-mark=incident]").last.wait_for(timeout=1_000)

        ended = incident | {"key": "prod", "event": "closed", "until": told.iso(time.time())}
        cluster.incidents = []
        agent.tell("incident", ended | {"seconds": 2.0}, "prod")
        await look.sees("over after 2.0 s", within_ms=1_000)
