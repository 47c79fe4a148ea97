"""A real Prometheus and a real Alertmanager: does the benchmark notice each of their pages?"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import web
from bench.faults.facts import still_open
from bench.faults.peer import FAST, Peer, PeerBroken, Programs, peer_beside
from tests.etcd.servers import free_port

from etcdscope.lab.certificates import Certificates

pytestmark = pytest.mark.etcd

# Ours, not the mixin's.
RULES = """
groups:
- name: test
  rules:
  - alert: gone
    expr: up{job=~".*etcd.*"} == 0
    labels: {severity: critical}
  - alert: gone-for-long
    expr: up{job=~".*etcd.*"} == 0
    for: 1h
"""


@dataclass(frozen=True)
class Nobody:
    """Endpoints at which nobody is at home."""

    endpoints: list[str]
    lab_id: str = "nobody"
    certificates: Certificates | None = None


def alive(pids: Sequence[int]) -> list[int]:
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]


async def until(peer: Peer, events: int) -> None:
    async with asyncio.timeout(20):
        while len(peer.notices()) < events:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def serve(port: int) -> web.AppRunner:
    """Answer scrapes at that port."""

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(text="answers 1\n")

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    return runner


async def test_a_page_arrives_with_its_instance_and_is_closed_when_it_is_over(
    tmp_path: Path,
) -> None:
    rules = tmp_path / "rules.yml"
    rules.write_text(RULES)
    programs = await asyncio.to_thread(Programs.of, rules)
    port = free_port()
    nobody = Nobody([f"http://127.0.0.1:{port}"])

    began = time.time()
    async with peer_beside(nobody, programs, FAST, tmp_path) as peer:
        await until(peer, 1)
        (opened,) = peer.notices()
        home = await serve(port)
        await until(peer, 2)
        await home.cleanup()
        notices, sightings, pids = peer.notices(), peer.sightings(), peer.pids
        assert peer.running

    assert (opened.event, opened.name, opened.severity) == ("opened", "gone", "critical")
    assert opened.about == ("127.0.0.1",)
    assert opened.pages
    assert not still_open(notices)
    assert {one.name for one in sightings} == {"gone", "gone-for-long"}
    assert {one.state for one in sightings if one.name == "gone-for-long"} == {"pending"}
    assert all(began - 1 < one.since <= one.at for one in sightings)
    assert len(pids) == 2
    assert not alive(pids)


async def test_rules_that_prometheus_does_not_read_end_it_with_one_sentence(
    tmp_path: Path,
) -> None:
    rules = tmp_path / "rules.yml"
    rules.write_text("groups: [{name: test, rules: [{alert: x, expr: '((('}]}]")
    programs = await asyncio.to_thread(Programs.of, rules)

    with pytest.raises(PeerBroken, match=r"fast: .* never was ready: .*rules"):
        async with peer_beside(Nobody(["http://127.0.0.1:9"]), programs, FAST, tmp_path):
            pass
