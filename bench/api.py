"""What the API costs the agent: listeners to its events, and further clusters.

    python -m bench.api                    # 20 s a row: about four minutes
    python -m bench.api --seconds 10

On one real three-member cluster under load. Listeners are real connections from another process,
which take all that comes. Further clusters are the same one under other names, each with an engine
of its own. CPU and memory are the agent's, from the kernel's books (/proc); ``late`` is how late
its loop woke at worst meanwhile, by its own ``/metrics``.
"""

import argparse
import asyncio
import multiprocessing
import re
import signal
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from bench.books import cpu_seconds, resident_mb
from etcdscope.lab.cluster import Lab
from etcdscope.lab.spec import LabSpec, LoadSpec

ETCDSCOPE = str(Path(sys.executable).with_name("etcdscope"))
LOAD = LoadSpec(rate=200)
# Imports, first connections, and who had to be called to order.
WARM_S = 8.0


@dataclass(frozen=True)
class Row:
    """One measurement: CPU in percent of a core, MB, seconds, kB a second to all listeners."""

    cpu: float
    rss: float
    late: float
    sent: float


@asynccontextmanager
async def agent(lab: Lab, clusters: int, directory: Path) -> AsyncIterator[tuple[Process, str]]:
    """Run an agent that watches the lab under so many names."""
    config = directory / "clusters.toml"
    ends = ", ".join(f'"{url}"' for url in lab.endpoints)
    names = range(clusters)
    config.write_text("".join(f"[clusters.c{i}]\nendpoints = [{ends}]\n" for i in names))
    flags = ("--listen", "127.0.0.1:0", "--data-dir", str(directory / "data"))
    process = await asyncio.create_subprocess_exec(
        ETCDSCOPE, "serve", "--json", "--config", str(config), *flags, stdout=DEVNULL, stderr=PIPE
    )
    try:
        assert process.stderr
        found = None
        while not found:
            found = re.search(r"listening on (\S+)", (await process.stderr.readline()).decode())
        yield process, found[1]
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()


def _listen(url: str, count: int, taken: "multiprocessing.sharedctypes.Synchronized[int]") -> None:
    async def one(session: aiohttp.ClientSession) -> None:
        async with session.get(url) as answer:
            async for chunk in answer.content.iter_any():
                taken.value += len(chunk)

    async def everybody() -> None:
        connector = aiohttp.TCPConnector(limit=0)
        timeout = aiohttp.ClientTimeout(total=None)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            await asyncio.gather(*(one(session) for _ in range(count)))

    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    asyncio.run(everybody())


@contextmanager
def listening(url: str, count: int) -> "Iterator[multiprocessing.sharedctypes.Synchronized[int]]":
    """Have so many listeners, in a process of their own."""
    context = multiprocessing.get_context("spawn")
    taken = context.Value("q", 0)
    process = context.Process(target=_listen, args=(url, count, taken)) if count else None
    if process:
        process.start()
    try:
        yield taken
    finally:
        if process:
            process.terminate()
            process.join()


async def measured(
    lab: Lab, seconds: float, *, clusters: int = 1, listeners: int = 0, path: str = ""
) -> Row:
    """Measure one agent."""
    with tempfile.TemporaryDirectory() as directory:
        async with agent(lab, clusters, Path(directory)) as (process, url):
            with listening(f"{url}/api/v1/events{path}", listeners) as taken:
                await asyncio.sleep(WARM_S)
                began, sent, worst = cpu_seconds(process.pid), taken.value, 0.0
                for _ in range(round(seconds)):
                    await asyncio.sleep(1.0)
                    worst = max(worst, await _late(url))
                used = cpu_seconds(process.pid) - began
                rss = resident_mb(process.pid)
                total = taken.value - sent
    return Row(100 * used / seconds, rss, worst, total / seconds / 1000)


async def _late(url: str) -> float:
    async with aiohttp.ClientSession() as session, session.get(f"{url}/metrics") as answer:
        found = re.search(r"^etcdscope_loop_lag_seconds (\S+)", await answer.text(), re.MULTILINE)
    return float(found[1]) if found else 0.0


async def main(seconds: float) -> None:
    """Measure, and print a table."""
    rows = [
        ("nobody listens", {}),
        ("20 listen to the cluster", {"listeners": 20, "path": "?cluster=c0"}),
        ("20 listen to all", {"listeners": 20}),
        ("200 listen to the cluster", {"listeners": 200, "path": "?cluster=c0"}),
        ("5 clusters, nobody listens", {"clusters": 5}),
        ("10 clusters, nobody listens", {"clusters": 10}),
        ("10 clusters, 20 listen to all", {"clusters": 10, "listeners": 20}),
    ]
    print(
        "| | CPU, % of a core | RSS, MB | late at worst, ms | sent, kB/s |\n|---|---|---|---|---|"
    )
    async with Lab.start(LabSpec(members=3, version="3.5", network="loopback", load=LOAD)) as lab:
        for name, how in rows:
            row = await measured(lab, seconds, **how)  # type: ignore[arg-type]
            print(
                f"| {name} | {row.cpu:.1f} | {row.rss:.0f} | {1000 * row.late:.0f} |"
                f" {row.sent:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=20.0)
    asyncio.run(main(parser.parse_args().seconds))
