"""What watching costs: our CPU and memory beside Prometheus', and what etcd feels of it.

    python -m bench.cost                        # 120 s, then 21 slices: about eight minutes
    python -m bench.cost --seconds 60 --pairs 5 --slice 6

On one real three-member cluster under load. First ``etcdscope watch --json``, ``etcdscope serve
--data-dir`` and a Prometheus that scrapes the same members every second run side by side, all from
the kernel's books (/proc). Then slices without anything, with one ``watch`` and with a control
alternate (A B A C A B …): each B and C is compared with the mean of the two A around it, so that a
drift counts on both sides. The control uses as much CPU as ``watch`` and asks etcd nothing: what
both have in common comes from sharing this machine, not from being watched.
"""

import argparse
import asyncio
import os
import platform
import signal
import statistics
import sys
import tempfile
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

from bench.books import cpu_seconds, kb
from etcdscope.lab.cluster import Lab
from etcdscope.lab.programs import find
from etcdscope.lab.spec import LabSpec, LoadSpec

LOAD = LoadSpec(rate=200)
# Start-up is not counted: imports, first connections, Prometheus' own WAL.
WARM_S = 10.0
SETTLE_S = 4.0
# About 2.8 % of a core, in pieces as short as our own.
CONTROL = """
import time
while True:
    end = time.process_time() + 0.0014
    while time.process_time() < end:
        pass
    time.sleep(0.05)
"""
NOBODY, WATCH, BURN = "without", "with `watch`", "with the control"
ETCDSCOPE = str(Path(sys.executable).with_name("etcdscope"))


# --- the kernel's books ----------------------------------------------------------------------


@dataclass(frozen=True)
class Memory:
    """In MB, 10^6 bytes. ``pss`` shares what several processes have in common."""

    rss: float
    pss: float
    peak: float

    @classmethod
    def of(cls, pid: int) -> "Memory":
        """Read it."""
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        status = Path(f"/proc/{pid}/status").read_text()
        return cls(kb(rollup, "Rss"), kb(rollup, "Pss"), kb(status, "VmHWM"))


# --- who is measured -------------------------------------------------------------------------


@asynccontextmanager
async def process(*argv: str) -> AsyncIterator[Process]:
    """Run a program for the length of the block."""
    running = await asyncio.create_subprocess_exec(*argv, stdout=DEVNULL, stderr=DEVNULL)
    try:
        yield running
    finally:
        if running.returncode is None:
            running.send_signal(signal.SIGTERM)
        await running.wait()


def watch(lab: Lab) -> tuple[str, ...]:
    """Return the command that watches the lab."""
    return (ETCDSCOPE, "watch", "--json", "--endpoints", lab.endpoints[0])


def serve(lab: Lab, folder: Path) -> tuple[str, ...]:
    """Return the command of an agent that keeps history."""
    flags = ("--listen", "127.0.0.1:0", "--data-dir", str(folder / "agent"))
    return (ETCDSCOPE, "serve", "--json", "--endpoints", lab.endpoints[0], *flags)


def prometheus(lab: Lab, folder: Path, argv: Sequence[str]) -> tuple[str, ...]:
    """Return the command of a Prometheus that scrapes every member each second."""
    targets = ", ".join(f"'{urlsplit(url).netloc}'" for url in lab.endpoints)
    config = folder / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 1s}\n"
        f"scrape_configs: [{{job_name: etcd, static_configs: [{{targets: [{targets}]}}]}}]\n"
    )
    return (
        *argv,
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        "--web.listen-address=127.0.0.1:0",
    )


# --- side by side ----------------------------------------------------------------------------


async def side_by_side(lab: Lab, seconds: float, folder: Path) -> None:
    """Print what each costs on the same cluster at the same time."""
    program = await asyncio.to_thread(find, "prometheus", "3.5")
    commands = {
        "`etcdscope watch --json`": watch(lab),
        "`etcdscope serve --data-dir`": serve(lab, folder),
        f"Prometheus {program.version}, 1 s": prometheus(lab, folder, program.argv),
    }
    async with AsyncExitStack() as stack:
        pids = {
            name: (await stack.enter_async_context(process(*argv))).pid
            for name, argv in commands.items()
        }
        await asyncio.sleep(WARM_S)
        before = {name: cpu_seconds(pid) for name, pid in pids.items()}
        await asyncio.sleep(seconds)
        spent = {name: cpu_seconds(pid) - before[name] for name, pid in pids.items()}
        memory = {name: Memory.of(pid) for name, pid in pids.items()}
    print(f"\n### Side by side, {seconds:.0f} s after {WARM_S:.0f} s of warming up\n")
    print("| | CPU, % of a core | CPU against Prometheus | RSS MB | PSS MB | peak RSS MB |")
    print("|---|---|---|---|---|---|")
    theirs = spent[list(pids)[-1]]
    for name in pids:
        held = memory[name]
        print(
            f"| {name} | {100 * spent[name] / seconds:.2f} | {spent[name] / theirs:.2f} ×"
            f" | {held.rss:.0f} | {held.pss:.0f} | {held.peak:.0f} |"
        )


# --- what etcd feels -------------------------------------------------------------------------


@dataclass(frozen=True)
class Slice:
    """One stretch: etcd's CPU in % of a core a member, the other's, the load's latencies in ms."""

    beside: str
    etcd_cpu: float
    other_cpu: float
    p50: float
    p99: float
    writes: int


async def take(lab: Lab, seconds: float, beside: str) -> Slice:
    """Measure one slice, after things have settled."""
    commands = {WATCH: watch(lab), BURN: (sys.executable, "-c", CONTROL)}
    async with AsyncExitStack() as stack:
        argv = commands.get(beside)
        other = await stack.enter_async_context(process(*argv)) if argv else None
        await asyncio.sleep(SETTLE_S)
        pids = [member.pid for member in lab.members if member.pid]
        since = datetime.now(UTC)
        before = sum(map(cpu_seconds, pids))
        other_before = cpu_seconds(other.pid) if other else 0.0
        await asyncio.sleep(seconds)
        spent = sum(map(cpu_seconds, pids)) - before
        other_spent = cpu_seconds(other.pid) - other_before if other else 0.0
        assert lab.load
        report = lab.load.report(since)
    share = 100 / seconds
    return Slice(
        beside,
        spent * share / len(pids),
        other_spent * share,
        1000 * (report.quantile(0.5) or 0.0),
        1000 * (report.quantile(0.99) or 0.0),
        report.ok,
    )


def against(slices: Sequence[Slice], beside: str, what: str) -> list[float]:
    """Return each slice of that kind against the mean of its two neighbours."""
    values = [float(getattr(one, what)) for one in slices]
    return [
        values[i] / statistics.mean((values[i - 1], values[i + 1]))
        for i, one in enumerate(slices)
        if one.beside == beside
    ]


async def felt(lab: Lab, pairs: int, seconds: float) -> None:
    """Print what etcd and its clients feel of being watched."""
    order = [NOBODY, *(kind for _ in range(pairs) for kind in (WATCH, NOBODY, BURN, NOBODY))]
    slices = [await take(lab, seconds, beside) for beside in order]

    def middle(what: str, beside: str) -> float:
        return statistics.median(float(getattr(s, what)) for s in slices if s.beside == beside)

    print(f"\n### What etcd feels: {pairs} slices of {seconds:.0f} s of each kind\n")
    print(f"| | {NOBODY} | {WATCH} | ratio, median (all) | {BURN} | ratio, median (all) |")
    print("|---|---|---|---|---|---|")
    for what, name in (
        ("etcd_cpu", "etcd's CPU, % of a core a member"),
        ("p50", "write latency p50, ms"),
        ("p99", "write latency p99, ms"),
        ("other_cpu", "CPU of the other process, %"),
    ):
        row = [name, f"{middle(what, NOBODY):.2f}"]
        for beside in (WATCH, BURN):
            row.append(f"{middle(what, beside):.2f}")
            row.append("" if what == "other_cpu" else _spread(against(slices, beside, what)))
        print(f"| {' | '.join(row)} |")
    bare = [one for one in slices if one.beside == NOBODY]
    same = [abs(a.p99 / b.p99 - 1) for a, b in pairwise(bare)]
    writes = statistics.median(one.writes for one in slices)
    print(
        f"\nMedians. About {writes:.0f} writes a slice; from one slice without anything to the next"
        f" the p99 differs by {100 * statistics.median(same):.0f} % (median)."
    )


def _spread(found: Sequence[float]) -> str:
    return f"{statistics.median(found):.3f} ({', '.join(f'{ratio:.2f}' for ratio in found)})"


async def main() -> None:
    """Take all figures and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0, help="side by side; 0: leave out")
    parser.add_argument("--pairs", type=int, default=5, help="slices with us; 0: leave out")
    parser.add_argument("--slice", type=float, default=12.0, help="seconds of a slice")
    parser.add_argument("--etcd", default="3.5")
    asked = parser.parse_args()
    spec = LabSpec(members=3, version=asked.etcd, network="loopback", load=LOAD)
    with tempfile.TemporaryDirectory(prefix="etcdscope-cost-") as folder:
        async with Lab.start(spec) as lab:
            print(
                f"Three members of etcd {lab.version} on loopback, {LOAD.rate:.0f} writes a second;"
                f" default cadences; Python {platform.python_version()}, {os.cpu_count()} cores,"
                f" load average before {os.getloadavg()[0]:.1f}."
            )
            if asked.seconds:
                await side_by_side(lab, asked.seconds, Path(folder))
            if asked.pairs:
                await felt(lab, asked.pairs, asked.slice)


if __name__ == "__main__":
    asyncio.run(main())
