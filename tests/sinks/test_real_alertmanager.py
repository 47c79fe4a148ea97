"""The sink and a real Alertmanager: is what it shows what is so?"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from bench.faults.alertmanager import runnable
from tests.sinks.fakes import RealClock, changed, closed, incident, opened

from etcdscope.lab.programs import find
from etcdscope.model.contract import unix
from etcdscope.model.finding import Severity
from etcdscope.sinks.alertmanager import AlertmanagerSettings, lanes
from etcdscope.sinks.http import Receiver
from etcdscope.sinks.outbox import Outbox

pytestmark = pytest.mark.etcd

RESEND_SECONDS = 0.5
CONFIG = "route: {receiver: none}\nreceivers: [{name: none}]\n"


@dataclass
class Alertmanager:
    """A real one on loopback, which can be stopped and started again."""

    program: Path
    folder: Path
    port: int
    process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        config = self.folder / "alertmanager.yml"
        config.write_text(CONFIG)
        self.process = await asyncio.create_subprocess_exec(
            self.program,
            f"--config.file={config}",
            f"--storage.path={self.folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--cluster.listen-address=",
            "--log.level=error",
        )
        async with asyncio.timeout(10):
            while True:
                try:
                    await self.alerts()
                except aiohttp.ClientError:
                    await asyncio.sleep(0.02)
                else:
                    return

    async def stop(self) -> None:
        if self.process and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    async def alerts(self) -> list[dict[str, Any]]:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.url}/api/v2/alerts") as answer,
        ):
            answer.raise_for_status()
            return await answer.json()  # type: ignore[no-any-return]

    async def shows(self, *expected: tuple[str, str, str]) -> list[dict[str, Any]]:
        """Wait until exactly these alerts (cause, member, severity) are active."""
        async with asyncio.timeout(4):
            while True:
                alerts = await self.alerts()
                if sorted(map(_brief, alerts)) == sorted(expected):
                    return alerts
                await asyncio.sleep(0.02)


def _brief(alert: dict[str, Any]) -> tuple[str, str, str]:
    labels = alert["labels"]
    return labels["alertname"], labels["member"], labels["severity"]


@pytest.fixture(scope="module")
def program() -> Iterator[Path]:
    """Return Alertmanager, able to run where Debian's package is unpacked but not installed."""
    with runnable(find("alertmanager", "0.33").path) as path:
        yield path


@pytest.fixture
async def alertmanager(
    program: Path, tmp_path: Path, unused_tcp_port: int
) -> AsyncIterator[Alertmanager]:
    running = Alertmanager(program, tmp_path, unused_tcp_port)
    try:
        await running.start()
        yield running
    finally:
        await running.stop()


@asynccontextmanager
async def agent(url: str, path: Path | None = None) -> AsyncIterator[Outbox]:
    settings = AlertmanagerSettings((Receiver(url),), resend_seconds=RESEND_SECONDS)
    outbox = Outbox(lanes(settings, RealClock()), RealClock(), path)
    outbox.resume([])
    async with asyncio.TaskGroup() as group:
        running = group.create_task(outbox.run())
        yield outbox
        running.cancel()


def now(tell: Callable[..., Any], *about: Any, **changes: Any) -> Any:  # noqa: ANN401
    """Return an effect of this moment."""
    at = time.time()
    return tell(incident(*about, since=at - 2, **changes), at)


SLOW = "wal-fsync-slow"


async def test_alertmanager_shows_the_life_of_an_incident(alertmanager: Alertmanager) -> None:
    async with agent(alertmanager.url) as outbox, agent(alertmanager.url) as twin:
        outbox.put([now(opened)])
        (alert,) = await alertmanager.shows((SLOW, "m1", "warning"))
        assert alert["labels"]["cluster"] == "c1"
        assert alert["annotations"]["summary"] == "m1's disk is slow"
        assert alert["status"]["state"] == "active"

        twin.put([now(opened, id="seen by another agent")])
        await asyncio.sleep(max(unix(alert["endsAt"]) - time.time(), 0) + 0.3)
        (alive,) = await alertmanager.shows((SLOW, "m1", "warning"))
        assert unix(alive["endsAt"]) > time.time(), "told again before it would have ended"
        assert unix(alive["startsAt"]) == pytest.approx(unix(alert["startsAt"]), abs=0.1)
        twin.put([now(closed, id="seen by another agent")])

        outbox.put([now(changed, severity=Severity.CRITICAL)])
        (worse,) = await alertmanager.shows((SLOW, "m1", "critical"))
        assert worse["annotations"]["was"] == "wal-fsync-slow, warning"

        outbox.put([now(changed, severity=Severity.CRITICAL, cause="disk-hung")])
        await alertmanager.shows(("disk-hung", "m1", "critical"))

        outbox.put([now(changed)])  # back to what has been ended before
        await alertmanager.shows((SLOW, "m1", "warning"))

        outbox.put([now(closed)])
        await alertmanager.shows()
        assert outbox.health()[0].delivered == 5


async def test_alertmanager_stops_in_the_middle_and_shows_the_present_state_when_it_is_back(
    alertmanager: Alertmanager,
) -> None:
    async with agent(alertmanager.url) as outbox:
        outbox.put([now(opened, 1), now(opened, 2)])
        await alertmanager.shows((SLOW, "1", "warning"), (SLOW, "2", "warning"))

        await alertmanager.stop()
        outbox.put([now(closed, 1), now(opened, 3), now(opened, 4), now(closed, 4)])
        await asyncio.sleep(2 * RESEND_SECONDS)
        health = outbox.health()[0]
        assert (health.pending, health.dropped) == (4, 0)
        assert health.failing_since is not None
        assert "cannot be reached" in health.last_error

        await alertmanager.start()
        await alertmanager.shows((SLOW, "2", "warning"), (SLOW, "3", "warning"))
        assert outbox.health()[0].failing_since is None


async def test_an_agent_that_is_gone_leaves_no_alert_behind_and_one_that_is_back_does_not_either(
    alertmanager: Alertmanager, tmp_path: Path
) -> None:
    path = tmp_path / "queue.db"
    async with agent(alertmanager.url, path) as outbox:
        outbox.put([now(opened, 1)])
        await alertmanager.shows((SLOW, "1", "warning"))
        await alertmanager.stop()
        outbox.put([now(opened, 2)])
        await outbox.flush(0.2)
    await alertmanager.start()

    async with agent(alertmanager.url, path) as outbox:
        outbox.put([now(opened, 3)])
        assert await outbox.flush()
        await alertmanager.shows((SLOW, "3", "warning"))

    await alertmanager.shows()
