"""The API of a real agent on a real cluster: live, the past, restarts, and whatever is asked."""

import asyncio
import json
import signal
import sys
import time
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from tests.e2e.agents import Agent, agent, configured, heard
from tests.e2e.commands import run

from etcdscope.lab.cluster import Lab, LabSpec, LoadSpec
from etcdscope.surfaces.view.charts import BY_ID

TOKEN = "kein-wort-davon"
CLUSTER = "/clusters/default"


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    spec = LabSpec(members=3, version="3.5", network="loopback", load=LoadSpec(rate=50))
    async with Lab.start(spec) as started:
        yield started


async def document(served: Agent) -> dict[str, Any]:
    return await served.ask("/openapi.json")


def validate(value: object, shape: str, whole: dict[str, Any]) -> None:
    """Check an answer against the shape that the document gives for it."""
    schema = {"$ref": f"#/components/schemas/{shape}", "components": whole["components"]}
    jsonschema.validate(value, schema)


# --- live and past ---------------------------------------------------------------------------


@pytest.mark.etcd
@pytest.mark.slow
async def test_a_leader_that_dies_is_told_live_and_can_be_looked_at_afterwards(
    lab: Lab, tmp_path: Path
) -> None:
    where = ",".join(lab.endpoints)
    async with agent(where, "--data-dir", tmp_path) as served:
        await served.judged("ok")
        whole = await document(served)
        async with heard(f"{served.url}/api/v1/events?cluster=default") as live:
            await live.until(lambda: len(live.of("cluster")) >= 3, 5)
            well = time.time()
            before = live.last
            led = live.of("cluster")[-1]["leader"]
            fault = await lab.fault("kill", "leader")
            await served.run.until(lambda: served.run.events("opened", cause="member-down"))
            knew = time.monotonic()
            await live.until(lambda: live.of("incident"), 1)
            late = time.monotonic() - knew
            await live.until(lambda: live.of("cluster")[-1]["margin"] == 0, 2)
        incident = served.run.events("opened", cause="member-down")[0]["incident"]
        await served.run.until(
            lambda: served.run.events("verdict")[-1].get("leader_id") not in (None, led)
        )
        await asyncio.sleep(6)
        hurt = time.time()
        await lab.heal(fault)
        await served.run.until(lambda: served.run.events("closed", cause="member-down"), 30)
        await asyncio.sleep(6)  # a slot of samples, and then it is written

        async with heard(f"{served.url}/api/v1/events", before) as again:
            await again.until(lambda: again.of("cluster"), 5)
        now = await served.ask(CLUSTER)
        was_well = await served.ask(f"{CLUSTER}/at?time={well}")
        was_hurt = await served.ask(f"{CLUSTER}/at?time={hurt}")
        story = await served.ask(f"{CLUSTER}/incidents/{incident}")
        lanes = await served.ask(f"{CLUSTER}/lanes?from={well - 20}")
        ranges = await served.ask(f"{CLUSTER}/ranges?from={well - 20}&step=5")
        charts = await served.ask(f"{CLUSTER}/charts")
        assert await served.run.end() == 0

    for value, shape in (
        (now, "ClusterView"), (was_well, "ClusterView"), (was_hurt, "ClusterView"),
        (story, "StoryObject"), (lanes, "LanesObject"), (ranges, "RangesObject"),
        (charts, "ChartsObject"), (live.of("cluster")[-1], "LiveObject"),
        (again.of("cluster")[-1], "SummaryObject"), (live.of("hello")[0], "HelloObject"),
    ):  # fmt: skip
        validate(value, shape, whole)

    # Live: within a second of the agent's knowing, and nothing is missed by who comes back.
    assert late < 1
    told = [e["incident"] for e in served.run.events("opened", "changed", "closed")]
    assert [e["incident"] for e in again.of("incident")] == told
    assert not again.of("reset")
    assert {e["key"] for e in again.of("incident")} == {"default"}
    _is_as_it_was(was_well, was_hurt, incident)
    _is_told(story)
    _is_drawn(lanes, ranges)


def _is_as_it_was(well: dict[str, Any], hurt: dict[str, Any], incident: str) -> None:
    """Judged again from the very looks."""
    assert (well["level"], well["margin"], well["rebuilt_from"]) == ("ok", 1, "sweeps")
    assert (hurt["level"], hurt["margin"]) == ("warning", 0)
    assert incident in [one["incident"] for one in hurt["incidents"]]
    assert "until" not in hurt["incidents"][0]
    assert sorted(member["state"] for member in hurt["members"]) == ["down", "ok", "ok"]
    assert hurt["leader"] != well["leader"]


def _is_told(story: dict[str, Any]) -> None:
    moments = [one["event"] for one in story["story"]]
    assert moments[0] == "first-sign"
    assert {"opened", "closed", "verdict"} <= {*moments}
    assert story["incident"]["event"] == "closed"
    assert all(crop["chart"] in BY_ID for crop in story["charts"])


def _is_drawn(lanes: dict[str, Any], ranges: dict[str, Any]) -> None:
    roles = [{run["role"] for run in lane["runs"]} for lane in lanes["lanes"]]
    assert sum("leader" in had for had in roles) == 2
    assert {"election", "incident"} <= {mark["kind"] for mark in lanes["marks"]}
    drawn = {one["id"]: one for one in ranges["ranges"]}
    assert len(drawn["commits"]["lines"]) == 3
    assert max(v for line in drawn["commits"]["lines"] for v in line["values"] if v) > 20
    assert drawn["wal-fsync-p99"]["limit"]["value"] == 0.1
    assert {one["source"] for one in ranges["ranges"]} == {"history"}


@pytest.mark.etcd
@pytest.mark.slow
async def test_a_crash_of_the_agent_loses_no_incident(lab: Lab, tmp_path: Path) -> None:
    where, data = ",".join(lab.endpoints), ("--data-dir", tmp_path)
    async with agent(where, *data) as first:
        await first.judged("ok")
        async with heard(f"{first.url}/api/v1/events") as live:
            fault = await lab.fault("kill", "follower")
            await live.until(lambda: live.of("incident"), 20)
            before = live.last
        await first.run.until(lambda: first.run.events("opened", cause="member-down"))
        incident = first.run.events("opened", cause="member-down")[0]["incident"]
        await lab.heal(fault)
        await first.run.until(lambda: first.run.events("closed", cause="member-down"), 30)
        await asyncio.sleep(1.5)  # history is about a second behind
        over = await first.ask(f"{CLUSTER}/incidents?state=closed&cause=member-down")
        await first.run.end(signal.SIGKILL)

    async with agent(where, *data) as second:
        await second.judged("ok")
        # The listener comes back to another life, is told so, and asks again.
        async with heard(f"{second.url}/api/v1/events", before) as again:
            await again.until(lambda: again.of("reset"), 5)
        found = await second.ask(f"{CLUSTER}/incidents?state=closed&cause=member-down")
        story = await second.ask(f"{CLUSTER}/incidents/{incident}")
        assert await second.run.end() == 0

    assert [one["incident"] for one in over["incidents"]] == [incident]
    assert found == over
    assert [one["event"] for one in story["story"]].count("opened") == 1
    assert again.of("hello")[0]["started_at"] > live.of("hello")[0]["started_at"]


# --- strangers -------------------------------------------------------------------------------


@pytest.mark.etcd
async def test_away_from_loopback_data_want_the_token_and_the_page_does_not(tmp_path: Path) -> None:
    refused = await run("serve", "--listen", "0.0.0.0:0", "--endpoints", "127.0.0.1:1")
    secret = tmp_path / "token"
    secret.write_text(TOKEN)
    flags = ("--endpoints", "127.0.0.1:1", "--token-file", secret)
    async with configured("--listen", "0.0.0.0:0", *flags) as served:
        open_to_all = f"http://127.0.0.1:{served.url.rpartition(':')[2]}"
        there = Agent(served.run, open_to_all)
        whole = await there.get("/api/v1/openapi.json", TOKEN)
        paths = sorted(json.loads(whole[1])["paths"])
        closed = {path: (await there.get(path))[0] for path in [*paths, "/metrics"]}
        wrong = {path: (await there.get(path, "falsch"))[0] for path in paths}
        opened = [(await there.get(path))[0] for path in ("/", "/assets/index.html")]
        shell = (await there.get("/"))[1]
        assert await served.run.end() == 0

    assert refused.code != 0
    assert "open to other machines" in refused.err
    assert set(closed.values()) == {401}
    assert set(wrong.values()) == {401}
    assert opened == [200, 200]
    assert TOKEN not in shell + str(served.run)


# --- whatever is asked -----------------------------------------------------------------------


def with_real_names(whole: dict[str, Any], incidents: list[str]) -> dict[str, Any]:
    """Return the document with names in it that exist, so that questions reach the answers."""
    real = {"cluster": ["default"], "chart": sorted(BY_ID), "incident": incidents, "member": ["m1"]}
    for path in whole["paths"].values():
        for operation in path.values():
            for one in operation.get("parameters", ()):
                if one["in"] == "path":
                    known = {"enum": real[one["name"]]}
                    one["schema"] = {"anyOf": [known, known, known, one["schema"]]}
    return whole


@pytest.mark.etcd
@pytest.mark.slow
async def test_nothing_that_is_asked_makes_the_agent_fail(tmp_path: Path) -> None:
    """Schemathesis asks by the document: right, wrong and at the edges."""
    # 3.4 runs without pre-vote, which is an incident (a note) to ask for.
    spec = LabSpec(members=1, version="3.4", network="loopback")
    async with (
        Lab.start(spec) as small,
        agent(small.endpoints[0], "--data-dir", tmp_path / "data") as served,
    ):
        await served.run.until(lambda: served.run.events("opened", cause="pre-vote-off"))
        incident = served.run.events("opened", cause="pre-vote-off")[0]["incident"]
        whole = with_real_names(await document(served), [incident])
        (tmp_path / "openapi.json").write_text(json.dumps(whole))
        asking = await asyncio.create_subprocess_exec(
            Path(sys.executable).with_name("schemathesis"), "run", tmp_path / "openapi.json",
            "--url", served.url, "--exclude-path", "/api/v1/events",  # which has no end
            "--phases", "coverage,fuzzing", "--max-examples", "10", "--request-timeout", "10",
            "--max-time", "25", "--suppress-health-check", "all",
            "--generation-deterministic", "--no-color", "--checks",
            "not_a_server_error,status_code_conformance,content_type_conformance,"
            "response_schema_conformance",
            stdout=PIPE, stderr=STDOUT, cwd=tmp_path,
        )  # fmt: skip
        async with asyncio.timeout(60):
            said = (await asking.communicate())[0].decode()
        healthy = await served.get("/healthz")
        assert await served.run.end() == 0

    assert asking.returncode == 0, said[:20_000]
    assert "Test cases:" in said
    assert healthy[0] == 200
    assert "Traceback" not in str(served.run)
