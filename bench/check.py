"""How long ``etcdscope check`` takes from cold, beside ``etcdctl endpoint status --cluster``.

    python -m bench.check               # 10 runs each, alternating, on a healthy local cluster

Both are timed as whole processes, from their start to their end, over one endpoint of a lab of
three members without load. Prints a row of a Markdown table, and how it was taken.
"""

import argparse
import asyncio
import compileall
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import etcdscope
from etcdscope.lab.cluster import Lab
from etcdscope.lab.programs import find
from etcdscope.lab.spec import LabSpec

GOAL_S = 0.7


def timed(argv: Sequence[str]) -> tuple[float, float]:
    """Run to the end; return the seconds that passed and those of CPU."""
    began, before = time.monotonic(), os.times()
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = os.times()
    cpu = after.children_user + after.children_system
    return time.monotonic() - began, cpu - before.children_user - before.children_system


def spread(seconds: Sequence[float]) -> str:
    """Return median and range in words."""
    return f"{statistics.median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f})"


async def main() -> int:
    """Take the figures and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--etcd", default="3.5", help="version of etcd and etcdctl")
    asked = parser.parse_args()
    etcdctl = await asyncio.to_thread(find, "etcdctl", asked.etcd)
    ours_path = Path(sys.executable).with_name("etcdscope")
    compileall.compile_dir(Path(etcdscope.__file__).parent, quiet=2)  # as pip installs it
    async with Lab.start(LabSpec(members=3, version=asked.etcd, network="loopback")) as lab:
        where = lab.endpoints[0]
        commands = (
            [str(ours_path), "check", "--endpoints", where],
            [*etcdctl.argv, "--endpoints", where, "endpoint", "status", "--cluster"],
        )
        for command in commands:  # files into the page cache, as they are on a monitoring host
            await asyncio.to_thread(timed, command)
        taken: tuple[list[tuple[float, float]], ...] = ([], [])
        for _ in range(asked.runs):
            for command, times in zip(commands, taken, strict=True):
                times.append(await asyncio.to_thread(timed, command))
        version = lab.version
    ours, theirs = taken
    wall, cpu = [t[0] for t in ours], [t[1] for t in ours]
    print("| what | etcdscope check | etcdctl endpoint status --cluster | goal |")
    print("|---|---|---|---|")
    print(
        f"| from cold to the verdict | {spread(wall)} | {spread([t[0] for t in theirs])} "
        f"| ≤ {GOAL_S} s |"
    )
    print(
        f"\nMedian and range of {asked.runs} runs each, alternating, of whole processes; three"
        f" members of etcd {version} on loopback, no load; Python {platform.python_version()},"
        f" {os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}."
        f" CPU: {statistics.median(cpu):.2f} s against"
        f" {statistics.median(t[1] for t in theirs):.2f} s."
    )
    return 0 if statistics.median(wall) <= GOAL_S else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
