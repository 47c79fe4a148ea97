"""``etcdscope top`` on a real terminal, beside a real cluster that is harmed."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.e2e.agents import agent, configured
from tests.e2e.commands import run
from tests.e2e.terminals import Terminal, terminal

from etcdscope.lab.cluster import Lab, LabSpec


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    async with Lab.start(LabSpec(members=3, version="3.5", network="loopback")) as started:
        yield started


@pytest.mark.etcd
async def test_a_killed_leader_is_on_the_screen_within_seconds(lab: Lab) -> None:
    async with terminal("top", "--endpoints", lab.endpoints[0]) as top:
        await top.until(lambda s: "etcd is fine. 3 of 3 members" in s, 15)
        leader = await lab.leader()
        assert any(leader in row and "leader" in row for row in top.glass.text.splitlines()[4:9])

        began = time.monotonic()
        await lab.fault("kill", member=leader)
        await top.until(lambda s: f"{leader} is down" in s and "member-down" in s, 5)
        took = time.monotonic() - began
        assert took < 3.0, f"it took {took:.1f} s"
        row = next(row for row in top.glass.text.splitlines()[4:9] if f" {leader} " in row)
        assert " down " in row
        assert "leader" not in row
        await top.until(lambda s: sum("♛ leader" in row for row in s.splitlines()) == 1, 8)

        top.press("r")
        shown = await top.until(lambda s: "what to do" in s, 3)
        assert "systemctl start etcd" in shown
        top.press("\x1b")
        await top.until(lambda s: "MEMBER" in s, 3)

        top.resize(200, 60)
        shown = await top.until(lambda s: "ENDPOINT" in s and "what happened" in s, 3)
        assert len(shown.splitlines()) == 60

        await lab.heal()
        await top.until(lambda s: "etcd is fine. 3 of 3 members" in s, 20)
        assert any("member-down" in row and "over" in row for row in top.glass.text.splitlines())

        top.press("t[[")
        await top.until(lambda s: "as of" in s and "ago" in s, 3)
        top.press("q")
        async with asyncio.timeout(5):
            assert await top.process.wait() == 0
        await top.gave_back()


@pytest.mark.etcd
async def test_several_clusters_begin_with_the_fleet(lab: Lab, tmp_path: Path) -> None:
    config = tmp_path / "clusters.toml"
    config.write_text(
        f'[clusters.here]\nendpoints = ["{lab.endpoints[0]}"]\n'
        '[clusters.nowhere]\nendpoints = ["127.0.0.1:9"]\n'
    )
    async with terminal("top", "--config", str(config)) as top:
        shown = await top.until(lambda s: "etcd is fine." in s and "We cannot judge" in s, 15)
        rows = [row for row in shown.splitlines() if "here" in row or "nowhere" in row]
        assert ["nowhere" in row for row in rows] == [True, False]
        top.press("\x1b[B\r")
        await top.until(lambda s: "MEMBER" in s and "etcd is fine. 3 of 3 members" in s, 3)


async def test_a_cluster_that_cannot_be_watched_says_why_beside_the_others(tmp_path: Path) -> None:
    async with terminal("top", "--config", str(two(tmp_path, "127.0.0.1:9"))) as top:
        await top.until(lambda s: "We cannot judge" in s and f"nameless {CANNOT}" in spaced(s), 15)
        top.press("\r")
        await top.until(lambda s: "MEMBER" in s or "No member" in s, 5)
        top.press("g")
        await top.until(lambda s: "--cluster here" in s, 5)


CANNOT = "etcdscope cannot watch this cluster: "


def two(at: Path, endpoint: str) -> Path:
    """Return a configuration of a cluster, and of one that no name server knows."""
    config = at / "two.toml"
    config.write_text(
        f'[clusters.here]\nendpoints = ["{endpoint}"]\n'
        '[clusters.nameless]\ndiscovery-srv = "nowhere.invalid"\n'
    )
    return config


def spaced(screen: str) -> str:
    return " ".join(screen.split())


async def test_sigterm_gives_the_terminal_back() -> None:
    async with terminal("top", "--endpoints", "127.0.0.1:9") as top:
        await top.until(lambda s: "We cannot judge this cluster" in s, 15)
        top.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(5):
            assert await top.process.wait() == 143
        await top.gave_back()


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("after_s", [0.6, 1.2, 3.0])
async def test_it_ends_at_once_whenever_it_is_told_to(told: signal.Signals, after_s: float) -> None:
    async with terminal("top", "--endpoints", "127.0.0.1:9") as top:
        await asyncio.sleep(after_s)  # while it starts, or later
        top.process.send_signal(told)
        async with asyncio.timeout(4):  # alone it takes 0.3 s; a busy machine starts slowly
            assert await top.process.wait() in (128 + told, -told)


async def test_it_ends_when_its_terminal_is_gone() -> None:
    async with terminal("top", "--endpoints", "127.0.0.1:9") as top:
        await top.until(lambda s: "We cannot judge this cluster" in s, 15)
        top.hang_up()
        async with asyncio.timeout(2):
            assert await top.process.wait() == 129


async def test_it_ends_when_its_terminal_goes_while_it_starts() -> None:
    async with terminal("top", "--endpoints", "127.0.0.1:9") as top:
        await top.until(lambda s: "etcdscope" in s, 15)
        top.hang_up()
        async with asyncio.timeout(2):
            assert await top.process.wait() == 129


async def _unread(top: Terminal) -> None:
    """Let it write more than the terminal takes and it keeps itself, while nobody reads."""
    top.look_away()
    for _ in range(150):
        top.press("?")
        await asyncio.sleep(0.02)
        top.press("?")
        await asyncio.sleep(0.02)
    assert top.is_full


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGHUP])
async def test_it_ends_though_nobody_reads_its_terminal(told: signal.Signals) -> None:
    async with terminal("top", "--endpoints", "127.0.0.1:9", columns=200, rows=60) as top:
        await top.until(lambda s: "We cannot judge this cluster" in s, 15)
        await _unread(top)
        top.process.send_signal(told)
        async with asyncio.timeout(2):
            assert await top.process.wait() == 128 + told
        top.look()
        await top.gave_back()


async def test_who_reads_the_terminal_again_sees_the_whole_screen() -> None:
    async with terminal("top", "--endpoints", "127.0.0.1:9", columns=200, rows=60) as top:
        await top.until(lambda s: "We cannot judge this cluster" in s, 15)
        top.press("?")
        before = await top.until(lambda s: "columns" in s, 3)
        top.press("?")
        await _unread(top)
        top.press("?")
        await asyncio.sleep(0.5)
        top.look()
        await top.until(lambda s: s.splitlines()[2:57] == before.splitlines()[2:57], 5)


async def test_a_terminal_that_knows_letters_only_gets_letters() -> None:
    async with terminal("top", "--endpoints", "127.0.0.1:9", TERM="linux") as top:
        shown = await top.until(lambda s: "We cannot judge this cluster" in s, 15)
        assert shown.isascii()


async def test_without_a_terminal_it_names_watch() -> None:
    ran = await run("top")

    assert (ran.code, ran.out) == (64, "")
    assert ran.err == (
        "etcdscope: top needs a terminal that has a screen; etcdscope watch tells the same in"
        " lines.\n"
    )


async def test_a_terminal_without_a_screen_names_watch() -> None:
    async with terminal("top", TERM="dumb") as top:
        await top.until(lambda s: "etcdscope watch" in s.replace("\n", " "), 10)


# --- a running agent -----------------------------------------------------------------------------


@pytest.mark.etcd
async def test_it_shows_what_a_running_agent_sees_and_says_when_it_is_gone(lab: Lab) -> None:
    async with agent(lab.endpoints[0]) as served:
        await served.judged("ok")
        async with terminal("top", "--agent", served.url) as top:
            await top.until(lambda s: "etcd is fine. 3 of 3 members" in s, 10)
            leader = await lab.leader()
            await lab.fault("kill", member=leader)
            await top.until(lambda s: f"{leader} is down" in s and "member-down" in s, 6)
            top.press("\r")
            await top.until(lambda s: "what happened" in s and "not member-frozen" in s, 3)
            top.press("\x1b")
            await lab.heal()
            await top.until(lambda s: "etcd is fine." in s and "member-down" in s, 20)

            await served.run.end(signal.SIGTERM, within_s=5)
            await top.until(lambda s: "the agent tells nothing" in s and "last seen" in s, 8)


@pytest.fixture
async def one_member() -> AsyncIterator[Lab]:
    async with Lab.start(LabSpec(members=1, version="3.5", network="loopback")) as started:
        yield started


@pytest.mark.etcd
async def test_of_an_agent_with_several_clusters_it_shows_the_fleet(
    one_member: Lab, tmp_path: Path
) -> None:
    async with (
        configured("--config", two(tmp_path, one_member.endpoints[0])) as served,
        terminal("top", "--agent", served.url) as top,
    ):
        shown = await top.until(
            lambda s: (
                "etcd is fine." in s
                and f"nameless {CANNOT}" in spaced(s)
                and "live" in s.splitlines()[0]
            ),
            20,
        )
        rows = [
            row.split()[1] for row in shown.splitlines() if " here " in row or " nameless " in row
        ]
        assert rows == ["nameless", "here"]
        top.press("\x1b[B\r")
        await top.until(lambda s: "here" in s.splitlines()[0] and "1 of 1 member" in s, 3)
        top.press("g")
        await top.until(lambda s: "The keys have not been counted yet" in s, 3)


@pytest.mark.etcd
async def test_of_an_agent_with_one_cluster_it_shows_that(one_member: Lab) -> None:
    async with (
        agent(one_member.endpoints[0]) as served,
        terminal("top", "--agent", served.url) as top,
    ):
        await top.until(lambda s: "etcd is fine. 1 of 1 member" in s and "MEMBER" in s, 15)


async def test_an_agent_that_wants_its_token_says_how() -> None:
    async with agent("127.0.0.1:9", ETCDSCOPE_TOKEN="kein-wort") as served:
        async with terminal("top", "--agent", served.url) as top:
            await top.until(lambda s: "set ETCDSCOPE_TOKEN" in s.replace("\n", ""), 10)
            assert await top.process.wait() == 1
        async with terminal("top", "--agent", served.url, ETCDSCOPE_TOKEN="kein-wort") as top:
            await top.until(lambda s: "We cannot judge this cluster" in s, 10)


async def test_where_no_agent_is_that_is_said() -> None:
    async with terminal("top", "--agent", "http://127.0.0.1:9") as top:
        shown = await top.until(lambda s: "127.0.0.1:9" in s, 10)
        assert "Traceback" not in shown
        assert await top.process.wait() == 1
