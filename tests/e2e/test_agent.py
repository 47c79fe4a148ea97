"""``etcdscope serve`` as a real process: HTTP, history, receivers, restarts."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import jsonschema
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.e2e.agents import Agent, Receiver, agent
from tests.e2e.commands import run

from etcdscope.lab.cluster import Lab, LabSpec
from etcdscope.model.contract import schema
from etcdscope.model.incident import EffectKind
from etcdscope.sinks.webhook import schema as webhook_schema
from etcdscope.store.archive import Archive

TOKEN = "kein-wort-davon"


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    async with Lab.start(LabSpec(members=3, version="3.5", network="loopback")) as started:
        yield started


def samples(exposition: str) -> Mapping[tuple[str, str], float]:
    """Return values by name and the one label that tells them apart here."""
    return {
        (sample.name, sample.labels.get("verdict") or sample.labels.get("member", "")): sample.value
        for family in text_string_to_metric_families(exposition)
        for sample in family.samples
    }


# --- HTTP ------------------------------------------------------------------------------------


@pytest.mark.etcd
async def test_it_answers_over_http_and_ends_on_sigterm(lab: Lab, tmp_path: Path) -> None:
    async with agent(lab.endpoints[0], "--data-dir", tmp_path) as served:
        await served.judged("ok")
        well, text, headers = await served.get("/healthz")
        found, metrics, _ = await served.get("/metrics")
        check = await served.check()
        missing, _, headers_of_missing = await served.get("/nope")
        began = time.monotonic()
        code = await served.run.end(signal.SIGTERM, within_s=5)
        took = time.monotonic() - began

    assert (well, text) == (200, "ok\n")
    for shown in (headers, headers_of_missing):
        assert shown["X-Content-Type-Options"] == "nosniff"
        assert shown["X-Frame-Options"] == "DENY"
        assert "default-src" in shown["Content-Security-Policy"]
        assert shown["Cache-Control"] == "no-store"
    assert found == 200
    assert missing == 404
    values = samples(metrics)
    assert values["etcdscope_margin", ""] == 1
    assert values["etcdscope_verdict", "ok"] == 1
    assert {values["etcdscope_member_reachable", f"m{i}"] for i in (1, 2, 3)} == {1}
    jsonschema.validate(check, schema()["check.schema.json"])
    assert check["verdict"] == "ok"
    assert check["cluster"]["margin"] == 1
    assert code == 0
    assert took < 5
    assert "Traceback" not in str(served.run)


@pytest.mark.etcd
async def test_a_token_is_asked_for_except_by_healthz(lab: Lab) -> None:
    async with agent(lab.endpoints[0], ETCDSCOPE_TOKEN=TOKEN) as served:
        await served.judged("ok")
        answers = {
            (path, token): (await served.get(path, token))[0]
            for path in ("/healthz", "/metrics", "/api/v1/check", "/nope")
            for token in ("", "falsch", TOKEN)
        }
        assert await served.run.end() == 0

    for path, right in (("/metrics", 200), ("/api/v1/check", 200), ("/nope", 404)):
        assert [answers[path, token] for token in ("", "falsch", TOKEN)] == [401, 401, right]
    assert {answers["/healthz", token] for token in ("", "falsch", TOKEN)} == {200}
    assert TOKEN not in str(served.run)


@pytest.mark.parametrize(
    ("listen", "sentence"),
    [
        ("0.0.0.0:0", "open to other machines: give --token-file, or ETCDSCOPE_TOKEN"),
        ("[::]:0", "open to other machines"),
        ("nowhere", "is no address; write host:port"),
        ("127.0.0.1:99999", "is no address; write host:port"),
        ("203.0.113.1:0", "open to other machines"),
    ],
)
async def test_where_it_must_not_listen(listen: str, sentence: str) -> None:
    ran = await run("serve", "--listen", listen, "--endpoints", "127.0.0.1:1")

    assert ran.code in (1, 64)
    assert not ran.out
    said = [line for line in ran.err.splitlines() if sentence in line]
    assert len(said) == 1
    assert said[0].startswith("etcdscope: --listen ")
    assert "Traceback" not in ran.err


async def test_an_address_that_is_taken_is_told_in_a_sentence() -> None:
    receiver = Receiver()
    async with receiver.open():
        ran = await run(
            "serve", "--listen", f"127.0.0.1:{receiver.port}", "--endpoints", "127.0.0.1:1"
        )

    assert ran.code == 1
    assert f"--listen 127.0.0.1:{receiver.port} cannot be used: address already in use." in ran.err
    assert "Traceback" not in ran.err


async def test_a_data_directory_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ran = await run(
        "serve", "--listen", "127.0.0.1:0", "--endpoints", "127.0.0.1:1",
        "--data-dir", tmp_path / "file" / "data",
    )  # fmt: skip

    assert ran.code == 1
    (complaint,) = ran.err.splitlines()
    assert complaint.startswith("etcdscope: ")
    assert str(tmp_path / "file") in complaint


async def test_two_agents_do_not_share_a_data_directory(tmp_path: Path) -> None:
    async with agent("127.0.0.1:1", "--data-dir", tmp_path) as first:
        second = await run(
            "serve", "--listen", "127.0.0.1:0", "--endpoints", "127.0.0.1:1",
            "--data-dir", tmp_path,
        )  # fmt: skip
        assert await first.run.end() == 0

    assert second.code == 1
    (complaint,) = second.err.splitlines()
    assert str(tmp_path) in complaint
    assert "Traceback" not in complaint


# --- restarts --------------------------------------------------------------------------------


async def _down(served: Agent) -> str:
    """Wait for the incident of a member that is down; return its id."""
    await served.run.until(lambda: served.run.events("opened", cause="member-down"))
    return str(served.run.events("opened", cause="member-down")[0]["incident"])


async def _kept(data_dir: Path, incident: str) -> None:
    """Wait until the incident is on disk: history is about a second behind what is told."""
    async with asyncio.timeout(5), Archive.open(data_dir) as archive:
        cluster = incident.split("/")[1]
        while incident not in [  # noqa: ASYNC110 - another process writes it
            one.id for one in await archive.open_incidents(cluster)
        ]:
            await asyncio.sleep(0.05)


@pytest.mark.etcd
@pytest.mark.slow
async def test_an_incident_goes_on_over_a_crash_of_the_agent(lab: Lab, tmp_path: Path) -> None:
    where, data = ",".join(lab.endpoints), ("--data-dir", tmp_path)
    began = time.time()
    async with agent(where, *data) as first:
        await first.judged("ok")
        fault = await lab.fault("kill", "follower")
        incident = await _down(first)
        await _kept(tmp_path, incident)
        await first.run.end(signal.SIGKILL)

    async with agent(where, *data) as second:
        await second.judged("warning")
        during = await second.check()
        await lab.heal(fault)
        await second.run.until(lambda: second.run.events("closed", cause="member-down"), 30)
        await second.judged("ok")
        assert await second.run.end() == 0

    assert [i["incident"] for i in during["incidents"]] == [incident]
    assert not second.run.events("opened", cause="member-down")
    assert [e["incident"] for e in second.run.events("closed")] == [incident]

    async with Archive.open(tmp_path) as archive:
        cluster = incident.split("/")[1]
        assert cluster in await archive.clusters()
        kept = await archive.incidents(cluster, began, time.time())
        effects = await archive.effects(cluster, began, time.time())
        signals = {series.signal for series in await archive.known_series(cluster)}
        span = await archive.span(cluster)
        still_open = await archive.open_incidents(cluster)

    assert [one.id for one in kept if one.cause == "member-down"] == [incident]
    assert kept[0].closed_at
    assert not still_open
    kinds = [
        effect.kind for effect in effects if effect.incident and effect.incident.id == incident
    ]
    assert kinds[0] is EffectKind.OPENED
    assert kinds[-1] is EffectKind.CLOSED
    assert kinds.count(EffectKind.OPENED) == 1
    assert EffectKind.VERDICT in {effect.kind for effect in effects}
    assert "committed_index" in signals
    assert span
    assert span.sweeps > 10


@pytest.mark.etcd
@pytest.mark.slow
async def test_a_receiver_that_was_away_gets_everything_in_order(lab: Lab, tmp_path: Path) -> None:
    receiver, where = Receiver(), ",".join(lab.endpoints)
    flags = ("--data-dir", tmp_path, "--webhook", receiver.url)
    async with agent(where, *flags) as first:
        await first.judged("ok")
        fault = await lab.fault("kill", "follower")
        incident = await _down(first)
        await lab.heal(fault)
        await first.run.until(lambda: first.run.events("closed", cause="member-down"), 30)
        assert await first.run.end() == 0

    async with agent(where, *flags) as second:
        await second.judged("ok")
        fault = await lab.fault("kill", "follower")
        again = await _down(second)
        async with receiver.open():  # the first who hears of it
            await receiver.until(3, 30)
            await lab.heal(fault)
            await second.run.until(lambda: second.run.events("closed", cause="member-down"), 30)
            told = [
                (line["event"], line["incident"])
                for line in (*first.run.lines, *second.run.lines)
                if line["event"] in ("opened", "changed", "closed")
            ]
            await receiver.until(len(told), 15)
        assert await second.run.end() == 0

    assert receiver.events == told
    for one in (incident, again):
        kinds = [kind for kind, about in told if about == one]
        assert (kinds[0], kinds[-1]) == ("opened", "closed")
    bodies = [body["event"] for body in receiver.taken]
    lines = [*first.run.lines, *second.run.lines]
    assert all(body in lines for body in bodies)  # the very lines of watch --json
    for body in receiver.taken:
        jsonschema.validate(body, webhook_schema())
