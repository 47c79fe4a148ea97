"""What ``etcdscope registry`` reads a second, beside ``etcdctl get`` and ``etcdutl``.

    python -m bench.registry                    # makes a database of 2 GB, some eight minutes
    python -m bench.registry --size 200MB --repeats 3

A real etcd on this machine is filled with objects as a Kubernetes cluster has them (pods, secrets,
events, ConfigMaps and others, 200 bytes to 1 MB), then each way of reading runs as a whole process,
in turn, so that what else the machine does falls on both: the live scan and ``etcdctl get --prefix
""``; the file by our reader and by ``etcdutl snapshot status``. Bytes are those of keys and values
for the live ways, of the file for the others. Prints rows of a Markdown table.
"""

import argparse
import asyncio
import contextlib
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.books import kb
from etcdscope.etcd.client import EtcdClient
from etcdscope.etcd.operations import Put, prefix_end
from etcdscope.lab.cluster import Lab, LabSpec
from etcdscope.lab.programs import find

ETCDSCOPE = (str(Path(sys.executable).with_name("etcdscope")),)
# Of a hundred objects so many are of each kind, and their values have about so many bytes.
KINDS = (
    ("pods", 35, 7_000),
    ("events", 30, 700),
    ("secrets", 5, 12_000),
    ("configmaps", 5, 9_000),
    ("replicasets", 10, 5_000),
    ("endpointslices", 5, 1_300),
    ("leases", 10, 450),
)
BATCH_BYTES = 1_000_000


@dataclass(frozen=True)
class Ran:
    """One run of a program: its seconds, those of CPU, and its largest resident memory in MB."""

    seconds: float
    cpu: float
    memory: float


def objects(total: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield keys and values, of so many bytes together; always the same."""
    dice, made, number = random.Random(4), 0, 0
    names, weights, sizes = zip(*KINDS, strict=True)
    size_of = dict(zip(names, sizes, strict=True))
    noise = dice.randbytes(2_000_000)
    while made < total:
        kind = dice.choices(names, weights)[0]
        size = round(size_of[kind] * dice.uniform(0.6, 1.4))
        if kind == "configmaps" and number % 500 == 0:
            size = 1_000_000
        at = dice.randrange(len(noise) - size)
        key = f"/registry/{kind}/team-{number % 60}/app-{number:07}-{dice.getrandbits(40):010x}"
        value = b"k8s\0" + noise[at : at + size]
        yield key.encode(), value
        made += len(key) + len(value)
        number += 1


async def fill(endpoint: str, total: int) -> int:
    """Write the objects; return the bytes of keys and values."""
    written, waiting, room = 0, set[asyncio.Task[object]](), asyncio.Semaphore(8)
    async with EtcdClient(endpoint, deadline_seconds=60) as client:

        async def put(batch: list[tuple[bytes, bytes]]) -> None:
            async with room:
                await client.txn([], [Put(key, value) for key, value in batch])

        batch: list[tuple[bytes, bytes]] = []
        size = 0
        for key, value in objects(total):
            if batch and (size + len(value) > BATCH_BYTES or len(batch) == 100):
                await room.acquire()
                room.release()
                task: asyncio.Task[object] = asyncio.create_task(put(batch))
                waiting.add(task)
                task.add_done_callback(waiting.discard)
                batch, size = [], 0
                await asyncio.sleep(0)
            batch.append((key, value))
            size += len(key) + len(value)
            written += len(key) + len(value)
        await put(batch)
        await asyncio.gather(*waiting)
        counted = await client.get(b"/", range_end=prefix_end(b"/"), count_only=True)
    print(f"{counted.count} keys, {written / 1e6:.0f} MB", file=sys.stderr)
    return written


def ran(argv: Sequence[str | Path]) -> Ran:
    """Run a program to its end; the kernel keeps the most memory that it had (VmHWM)."""
    began, most = time.monotonic(), 0.0
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=errors)
        status = Path(f"/proc/{process.pid}/status")
        done, code, used = os.wait4(process.pid, os.WNOHANG)
        while not done:
            with contextlib.suppress(AssertionError, OSError):  # it ends in this moment
                most = max(most, kb(status.read_text(), "VmHWM"))
            time.sleep(0.01)
            done, code, used = os.wait4(process.pid, os.WNOHANG)
        seconds = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(code)
        errors.seek(0)
        assert process.returncode == 0, errors.read().decode()
    return Ran(seconds, used.ru_utime + used.ru_stime, most)


def row(name: str, size: float, runs: Sequence[Ran]) -> str:
    """Return a row of the table: median MB/s, the range, the same of CPU, the largest memory."""
    speeds = sorted(size / run.seconds / 1e6 for run in runs)
    median = statistics.median(speeds)
    memory = max(run.memory for run in runs)
    cpu = statistics.median(size / run.cpu / 1e6 for run in runs)
    spread = f"{median:.0f} ({speeds[0]:.0f} to {speeds[-1]:.0f})"
    return f"| {name} | {spread} | {cpu:.0f} | {memory:.0f} MB |"


async def measure(size: int, repeats: int) -> None:
    """Fill an etcd, read it in all ways, and print what came out."""
    with tempfile.TemporaryDirectory(prefix="etcdscope-bench-") as folder:
        directory = Path(folder)
        spec = LabSpec(
            members=1, network="loopback", load=None, directory=directory, quota_bytes=8 << 30
        )
        async with Lab.start(spec) as lab:
            endpoint = lab.endpoints[0]
            written = await fill(endpoint, size)
            ours = [*ETCDSCOPE, "registry", "--json", "--rate", "0", "--endpoints", endpoint]
            get = [*find("etcdctl", "3.5").argv, "get", "--prefix", "", "--endpoints", endpoint]
            ways = {
                "`etcdscope registry` (live)": ours,
                '`etcdctl get --prefix ""`': [*get, "--command-timeout", "10m"],
            }
            live = await asyncio.to_thread(in_turn, ways, repeats)
            snapshot = directory / "snapshot.db"
            ran(
                (
                    *find("etcdctl", "3.5").argv,
                    "--endpoints",
                    endpoint,
                    "snapshot",
                    "save",
                    snapshot,
                )
            )
        etcdutl = Path(find("etcd", "3.5").argv[0]).with_name("etcdutl")
        file = str(snapshot)
        ways = {"`etcdscope registry FILE`": [*ETCDSCOPE, "registry", "--json", file]}
        if etcdutl.exists():
            ways["`etcdutl snapshot status FILE`"] = [str(etcdutl), "snapshot", "status", file]
        offline = in_turn(ways, repeats)
        report(written, snapshot.stat().st_size, live, offline)


def in_turn(ways: dict[str, list[str]], repeats: int) -> dict[str, list[Ran]]:
    """Run each way once unmeasured, then all of them in turn."""
    runs: dict[str, list[Ran]] = {name: [] for name in ways}
    for number in range(repeats + 1):
        for name, argv in ways.items():
            one = ran(argv)
            if number:
                runs[name].append(one)
            print(f"{name}: {one.seconds:.2f} s, {one.memory:.0f} MB", file=sys.stderr)
    return runs


def report(
    written: int, file: int, live: dict[str, list[Ran]], offline: dict[str, list[Ran]]
) -> None:
    """Print the table and what it was measured on."""
    print("| way of reading | MB/s, median (range) | MB a CPU second | memory at most |")
    print("|---|---|---|---|")
    for name, runs in live.items():
        print(row(name, written, runs))
    for name, runs in offline.items():
        print(row(name, file, runs))
    ours, theirs = (statistics.median(r.seconds for r in runs) for runs in live.values())
    load = os.getloadavg()[0]
    print(
        f"\nLive scan: {theirs / ours:.0%} of etcdctl's speed. {written / 1e6:.0f} MB of keys and"
        f" values, {file / 1e6:.0f} MB of file; {os.cpu_count()} CPUs, load {load:.1f} at the end,"
        f" Python {platform.python_version()}, etcd {find('etcd', '3.5').version}."
    )


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", default="2000MB", help="bytes of keys and values")
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    size = int(asked.size.removesuffix("MB")) * 10**6
    asyncio.run(measure(size, asked.repeats))


if __name__ == "__main__":
    main()
