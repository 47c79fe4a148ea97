"""What Prometheus and Alertmanager say, as the benchmark notes it."""

from pathlib import Path

from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application
from bench.faults.facts import still_open
from bench.faults.peer import STOCK, Peer, Programs

from etcdscope.lab.programs import Program

PROGRAMS = Programs(Program(("prometheus",), "3.5.3"), Program(("am",), "0.33.1"), Path("rules"))


def alert(status: str, **labels: str) -> dict[str, object]:
    """Return one alert as Alertmanager's webhook has it (version 4 of the payload)."""
    return {
        "status": status,
        "labels": {"alertname": "etcdNoLeader", "severity": "critical", **labels},
        "annotations": {"description": "has no leader"},
        "fingerprint": "f1",
    }


async def test_a_page_is_noted_with_the_member_that_it_names_and_with_its_end() -> None:
    peer = Peer(STOCK, PROGRAMS, "http://nowhere")
    app = Application()
    app.router.add_post("/", peer.page)
    async with TestClient(TestServer(app)) as alertmanager:
        for status in ("firing", "resolved"):
            sent = {"alerts": [alert(status, instance="198.18.0.1:2379", To="a1b2")]}
            answer = await alertmanager.post("/", json=sent)
            assert answer.status == 200

    opened, closed = peer.notices()
    assert (opened.event, closed.event) == ("opened", "closed")
    assert (opened.name, opened.severity) == ("etcdNoLeader", "critical")
    assert opened.about == ("198.18.0.1", "a1b2")
    assert opened.pages
    assert still_open([opened])
    assert not still_open([opened, closed])


def test_a_pending_alert_is_noted_once_with_when_it_became_true() -> None:
    peer = Peer(STOCK, PROGRAMS, "http://nowhere")
    pending = {
        "labels": {"alertname": "etcdNoLeader", "instance": "198.18.0.1:2379"},
        "state": "pending",
        "activeAt": "2026-11-26T00:40:00.123456789Z",
    }

    for state in ("pending", "pending", "firing"):
        peer.take([pending | {"state": state}])

    assert [one.state for one in peer.sightings()] == ["pending", "firing"]
    assert {one.since for one in peer.sightings()} == {1795653600.123456}


def test_a_whole_second_has_no_fraction() -> None:
    peer = Peer(STOCK, PROGRAMS, "http://nowhere")

    peer.take(
        [{"labels": {"alertname": "x"}, "state": "firing", "activeAt": "2026-11-26T00:40:00Z"}]
    )

    assert peer.sightings()[0].since == 1795653600.0
