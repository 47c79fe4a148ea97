"""The peer: Prometheus with rules, Alertmanager, and a webhook where its pages arrive."""

import asyncio
import json
import socket
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web

from bench.faults.alertmanager import runnable
from bench.faults.facts import Notice, Sighting
from etcdscope.lab.certificates import Certificates
from etcdscope.lab.children import end, spawn
from etcdscope.lab.programs import Program, find

# The mixin's rules all select job=~".*etcd.*".
JOB: Final = "etcd"
READY_S: Final = 30.0
GRACE_S: Final = 5.0
LOOK_S: Final = 1.0


class PeerBroken(Exception):
    """The peer does not start, whatever the lab does; one sentence that says why."""


class Scraped(Protocol):
    """What is looked at; a lab is one."""

    @property
    def lab_id(self) -> str: ...
    @property
    def endpoints(self) -> list[str]: ...
    @property
    def certificates(self) -> Certificates | None: ...


@dataclass(frozen=True, slots=True)
class Tempo:
    """How often it scrapes and evaluates, and how long Alertmanager groups."""

    name: str
    interval: str
    group_wait: str
    group_interval: str


# As shipped: the intervals of Prometheus' example configuration, Alertmanager's own defaults.
STOCK: Final = Tempo("stock", "15s", "30s", "5m")
# As fast as it can be made.
FAST: Final = Tempo("fast", "1s", "0s", "1s")


@dataclass(frozen=True, slots=True)
class Programs:
    """What a peer consists of."""

    prometheus: Program
    alertmanager: Program
    rules: Path

    @classmethod
    def of(cls, rules: Path) -> "Programs":
        """Find the programs (blocks; may fetch them)."""
        return cls(find("prometheus", "3.5"), find("alertmanager", "0.33"), rules.resolve())


@dataclass
class Peer:
    """A running peer, an `Observer`."""

    tempo: Tempo
    programs: Programs
    url: str
    processes: list[Process] = field(default_factory=list)
    _notices: list[Notice] = field(default_factory=list)
    _sightings: list[Sighting] = field(default_factory=list)
    _known: set[tuple[str, str]] = field(default_factory=set)

    @property
    def name(self) -> str:
        return self.tempo.name

    @property
    def version(self) -> str:
        both = self.programs
        return f"Prometheus {both.prometheus.version}, Alertmanager {both.alertmanager.version}"

    @property
    def pids(self) -> Sequence[int]:
        return [process.pid for process in self.processes]

    @property
    def running(self) -> bool:
        return all(process.returncode is None for process in self.processes)

    def notices(self) -> list[Notice]:
        return list(self._notices)

    def sightings(self) -> list[Sighting]:
        return list(self._sightings)

    async def page(self, request: web.Request) -> web.Response:
        """Take what Alertmanager sends."""
        for alert in (await request.json())["alerts"]:
            event = "opened" if alert["status"] == "firing" else "closed"
            labels = alert["labels"]
            self._notices.append(
                Notice(
                    at=time.time(),
                    event=event,
                    key=alert["fingerprint"],
                    name=labels["alertname"],
                    severity=labels.get("severity", "warning"),
                    about=_about(labels),
                    says=alert["annotations"].get("description", ""),
                )
            )
        return web.Response()

    async def look(self) -> None:
        """Note which alerts are pending or firing in Prometheus, again and again."""
        async with aiohttp.ClientSession() as session:
            while True:
                with suppress(aiohttp.ClientError, TimeoutError):
                    async with asyncio.timeout(10), session.get(f"{self.url}/api/v1/alerts") as got:
                        self.take((await got.json())["data"]["alerts"])
                await asyncio.sleep(LOOK_S)

    def take(self, alerts: Sequence[Mapping[str, Any]]) -> None:
        """Note each state of each alert once, with when its expression became true."""
        for alert in alerts:
            labels = alert["labels"]
            known = (json.dumps(labels, sort_keys=True) + alert["activeAt"], alert["state"])
            if known in self._known:
                continue
            self._known.add(known)
            since = datetime.fromisoformat(_microseconds(alert["activeAt"])).timestamp()
            self._sightings.append(
                Sighting(time.time(), alert["state"], labels["alertname"], since, _about(labels))
            )


def _microseconds(moment: str) -> str:
    """Go writes up to nine digits of a second, Python 3.11 reads six."""
    seconds, _, fraction = moment.removesuffix("Z").partition(".")
    return f"{seconds}.{fraction[:6] or '0'}+00:00"


def _about(labels: Mapping[str, str]) -> tuple[str, ...]:
    instance = labels.get("instance", "").rpartition(":")[0]
    return tuple(name for name in (instance, labels.get("To", "")) if name)


# --- its life ---------------------------------------------------------------------------------


@asynccontextmanager
async def peer_beside(
    lab: Scraped, programs: Programs, tempo: Tempo, folder: Path
) -> AsyncIterator[Peer]:
    """Run Prometheus and Alertmanager beside a lab for the length of the block."""
    async with AsyncExitStack() as stack:
        prometheus_port, alertmanager_port = _free_ports(2)
        peer = Peer(tempo, programs, f"http://127.0.0.1:{prometheus_port}")
        webhook = await _receive(stack, peer)
        place = folder / f"{tempo.name}-{prometheus_port}"
        place.mkdir(parents=True)
        alertmanager = stack.enter_context(runnable(programs.alertmanager.path))
        commands = (
            _alertmanager(alertmanager, place, tempo, webhook, alertmanager_port),
            _prometheus(lab, programs, place, tempo, prometheus_port, alertmanager_port),
        )
        for name, argv in zip(("alertmanager", "prometheus"), commands, strict=True):
            process = await spawn(argv, lab_id=lab.lab_id, log=place / f"{name}.log")
            stack.push_async_callback(end, process, grace_s=GRACE_S)
            peer.processes.append(process)
        await _ready(peer, f"http://127.0.0.1:{alertmanager_port}/-/ready", place)
        await _ready(peer, f"{peer.url}/-/ready", place)
        looking = asyncio.create_task(peer.look())
        stack.push_async_callback(_cancel, looking)
        yield peer


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _receive(stack: AsyncExitStack, peer: Peer) -> str:
    app = web.Application(client_max_size=16 << 20)
    app.router.add_post("/", peer.page)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    return f"http://127.0.0.1:{runner.addresses[0][1]}/"


async def _ready(peer: Peer, url: str, place: Path) -> None:
    """Wait until it serves; a rules file that Prometheus does not read ends it at once."""
    with suppress(TimeoutError):
        async with asyncio.timeout(READY_S), aiohttp.ClientSession() as session:
            while peer.running:
                with suppress(aiohttp.ClientError):
                    async with session.get(url) as answer:
                        if answer.status == 200:
                            return
                await asyncio.sleep(0.1)
    raise PeerBroken(f"{peer.tempo.name}: {url} never was ready: {_last_words(place)}")


def _last_words(place: Path) -> str:
    logs = (log.read_text(errors="replace").strip() for log in sorted(place.glob("*.log")))
    return "; ".join(text.splitlines()[-1][:300] for text in logs if text) or "no message"


def _alertmanager(
    program: Path, place: Path, tempo: Tempo, webhook: str, port: int
) -> tuple[str, ...]:
    config = place / "alertmanager.yml"  # JSON is YAML
    config.write_text(
        json.dumps(
            {
                "route": {
                    "receiver": "benchmark",
                    # One group an alert name: without it the second alert of an incident waits for
                    # the group's interval.
                    "group_by": ["alertname"],
                    "group_wait": tempo.group_wait,
                    "group_interval": tempo.group_interval,
                },
                "receivers": [
                    {
                        "name": "benchmark",
                        "webhook_configs": [{"url": webhook, "send_resolved": True}],
                    }
                ],
            }
        )
    )
    return (
        str(program),
        f"--config.file={config}",
        f"--storage.path={place / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
        "--log.level=warn",
    )


def _prometheus(
    lab: Scraped, programs: Programs, place: Path, tempo: Tempo, port: int, alertmanager_port: int
) -> tuple[str, ...]:
    job: dict[str, Any] = {
        "job_name": JOB,
        "static_configs": [{"targets": [urlsplit(url).netloc for url in lab.endpoints]}],
    }
    if files := lab.certificates:
        job |= {
            "scheme": "https",
            "tls_config": {
                "ca_file": str(files.ca),
                "cert_file": str(files.cert),
                "key_file": str(files.key),
            },
        }
    config = place / "prometheus.yml"
    config.write_text(
        json.dumps(
            {
                "global": {
                    "scrape_interval": tempo.interval,
                    "scrape_timeout": "1s" if tempo.interval == "1s" else "10s",
                    "evaluation_interval": tempo.interval,
                },
                "rule_files": [str(programs.rules)],
                "alerting": {
                    "alertmanagers": [
                        {"static_configs": [{"targets": [f"127.0.0.1:{alertmanager_port}"]}]}
                    ]
                },
                "scrape_configs": [job],
            }
        )
    )
    return (
        *programs.prometheus.argv,
        f"--config.file={config}",
        f"--storage.tsdb.path={place / 'prometheus'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    )


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()
