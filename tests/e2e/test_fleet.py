"""One agent, several real clusters: each is judged by itself, and none stops another."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.agents import Agent, configured, heard

from etcdscope.lab.cluster import Lab, LabSpec

Pair = tuple[Lab, Lab]


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    async with AsyncExitStack() as stack:
        three = LabSpec(members=3, version="3.5", network="loopback")
        one = LabSpec(members=1, version="3.4", network="loopback")
        yield (
            await stack.enter_async_context(Lab.start(three)),
            await stack.enter_async_context(Lab.start(one)),
        )


def configuration(at: Path, pair: Pair) -> Path:
    big, small = pair
    at.write_text(
        f"""
[clusters.big]
endpoints = ["{big.endpoints[0]}"]
labels = {{ site = "north" }}

[clusters.small]
endpoints = ["{small.endpoints[0]}"]

[clusters.gone]
endpoints = ["http://127.9.9.9:1"]

[clusters.nameless]
discovery-srv = "nowhere.invalid"
"""
    )
    return at


async def standing(served: Agent) -> dict[str, Any]:
    """Return the clusters' summaries by key."""
    return {row["key"]: row for row in (await served.ask("/clusters"))["clusters"]}


async def judged(served: Agent, levels: dict[str, str], within_s: float = 20.0) -> dict[str, Any]:
    """Wait until the clusters stand as they should; return them."""
    found: dict[str, Any] = {}
    try:
        async with asyncio.timeout(within_s):
            while {key: row["level"] for key, row in found.items()} != levels or any(
                not row["headline"] for row in found.values()
            ):
                await asyncio.sleep(0.1)
                found = await standing(served)
    except TimeoutError:
        told = {key: (row["level"], row["headline"]) for key, row in found.items()}
        raise AssertionError(f"not within {within_s} s: {told}") from None
    return found


WELL = {"big": "ok", "small": "ok", "gone": "unknown", "nameless": "unknown"}


@pytest.mark.etcd
@pytest.mark.slow
async def test_trouble_of_one_cluster_is_its_own(pair: Pair, tmp_path: Path) -> None:
    flags = ("--config", configuration(tmp_path / "two.toml", pair), "--data-dir", tmp_path / "d")
    async with configured(*flags) as served:
        well = await judged(served, WELL)
        async with heard(f"{served.url}/api/v1/events?cluster=small") as small:
            await pair[0].fault("kill", "follower")
            await judged(served, {**WELL, "big": "warning"})
            await served.run.until(
                lambda: any(
                    one["cluster_name"] == "big" and one.get("margin") == 0
                    for one in served.run.events("verdict")
                )
            )
            hurt = (await standing(served))["big"]
            await small.until(lambda: len(small.of("cluster")) > 1, 5)
        healthy, _, _ = await served.get("/healthz")
        code = await served.run.end()
        lines = served.run.lines

    assert well["big"]["labels"] == {"site": "north"}
    assert [len(well[key]["members"]) for key in ("big", "small", "gone")] == [3, 1, 0]
    assert "nobody listens at 127.9.9.9:1" in well["gone"]["headline"]
    assert "nowhere.invalid has no SRV record" in well["nameless"]["headline"]
    assert hurt["incidents"]["warning"] >= 1
    assert not small.of("incident")
    assert {data["key"] for data in small.of("cluster")} == {"small"}
    assert healthy == 200
    assert code == 0
    # The lines say which cluster, by the name that the user gave.
    opened = [one for one in lines if one.get("cause") == "member-down"]
    assert {one["cluster_name"] for one in opened} == {"big"}
    assert {one["cluster_name"] for one in lines if one["event"] == "verdict"} >= {"big", "small"}
    assert "Traceback" not in str(served.run)


@pytest.mark.etcd
@pytest.mark.slow
async def test_a_crash_of_the_agent_loses_no_incident_of_any_cluster(
    pair: Pair, tmp_path: Path
) -> None:
    flags = ("--config", configuration(tmp_path / "two.toml", pair), "--data-dir", tmp_path / "d")
    async with configured(*flags) as first:
        await judged(first, WELL)
        fault = await pair[0].fault("kill", pair[0].members[0].name)  # the one that is named
        await judged(first, {**WELL, "big": "warning"})
        before = await first.ask("/clusters/big/incidents?state=open")
        await asyncio.sleep(1.5)  # history is about a second behind
        await first.run.end(signal.SIGKILL)

    async with configured(*flags) as second:
        await judged(second, {**WELL, "big": "warning"})
        during = await second.ask("/clusters/big/incidents?state=open")
        other = await second.ask("/clusters/small/incidents")
        await pair[0].heal(fault)
        await second.run.until(lambda: second.run.events("closed", cause="member-down"), 30)
        after = await second.ask("/clusters/big/incidents?cause=member-down")
        assert await second.run.end() == 0

    ids = [one["incident"] for one in before["incidents"] if one["severity"] != "info"]
    assert ids
    assert ids == [one["incident"] for one in during["incidents"] if one["severity"] != "info"]
    assert not [one for one in other["incidents"] if one["cause"] == "member-down"]
    assert [one["incident"] for one in after["incidents"]] == [
        one for one in ids if one.startswith("member-down/")
    ]
    assert all("until" in one for one in after["incidents"])
    assert not second.run.events("opened", cause="member-down")


@pytest.mark.etcd
async def test_a_cluster_is_found_by_its_name_where_its_endpoint_is_gone(tmp_path: Path) -> None:
    """What an earlier life has seen of the members is enough to see them again."""
    config, data = tmp_path / "one.toml", ("--data-dir", tmp_path / "data")
    async with Lab.start(LabSpec(members=1, version="3.5", network="loopback")) as lab:
        config.write_text(f'[clusters.home]\nendpoints = ["{lab.endpoints[0]}"]\n')
        async with configured("--config", config, *data) as first:
            await judged(first, {"home": "ok"})
            assert await first.run.end() == 0
        config.write_text('[clusters.home]\nendpoints = ["http://127.9.9.9:1"]\n')
        async with configured("--config", config, *data) as second:
            found = await judged(second, {"home": "ok"})
            await second.run.until(
                lambda: any("127.9.9.9:1 leads to no member" in c for c in second.run.complaints)
            )
            assert await second.run.end() == 0

    assert [member["name"] for member in found["home"]["members"]] == ["m1"]
