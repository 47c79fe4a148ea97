"""A census of a real etcd: of the recorded snapshot restored into it, and of what is written."""

import asyncio
import json
import os
import pty
import re
import signal
import subprocess
import sys
from asyncio.subprocess import PIPE
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.detect.windows import ago, window
from tests.etcd.conftest import Etcd, Start
from tests.sources.registry.fakes import Time
from tests.sources.registry.recorded import agrees, expected, snapshot

from etcdscope.detect.catalog import DETECTORS
from etcdscope.detect.registry import registry_growing
from etcdscope.detect.runner import judge
from etcdscope.engine import SystemClock
from etcdscope.etcd.client import EtcdClient
from etcdscope.etcd.operations import Put
from etcdscope.lab.programs import find
from etcdscope.model.census import REGISTRY_AT
from etcdscope.model.finding import Limits
from etcdscope.model.memory import Memory
from etcdscope.model.signal import RAFT_LEAD, RAFT_STATE, STATUS_SECONDS
from etcdscope.model.window import slide
from etcdscope.sources.registry import offline
from etcdscope.sources.registry.asked import least_busy
from etcdscope.sources.registry.live import Effort, Scan
from etcdscope.sources.registry.source import RegistrySource
from etcdscope.store.censuses import Censuses, nearest
from etcdscope.store.history import History

pytestmark = pytest.mark.etcd


@pytest.fixture
def restored(start_etcd: Start, series: str, tmp_path: Path) -> Etcd:
    """One member with the recorded data."""
    folder = tmp_path / "restored"
    etcdctl = find("etcdctl", series)
    subprocess.run(
        [*etcdctl.argv, "snapshot", "restore", snapshot(tmp_path), "--data-dir", folder],
        check=True,
        capture_output=True,
        env={"ETCDCTL_API": "3"},
    )
    return start_etcd(f"--data-dir={folder}")


async def test_a_live_scan_of_the_recorded_data_gives_what_the_snapshot_gives(
    restored: Etcd,
) -> None:
    """At the snapshot's revision: leases that end after the restore take their keys along."""
    async with EtcdClient(restored.client_url, deadline_seconds=20) as client:
        census = await Scan(client, "m1", SystemClock(), revision=expected()["revision"]).census()

    agrees(census)
    assert census.orphans == ()
    assert census.helm.keys == 60


async def test_small_pages_count_the_same(restored: Etcd) -> None:
    async with EtcdClient(restored.client_url, deadline_seconds=20) as client:
        effort = Effort(page_keys=500, page_bytes=1 << 20)
        scan = Scan(client, "m1", SystemClock(), effort, revision=expected()["revision"])
        agrees(await scan.census())
        counts = await Scan(client, "m1", SystemClock(), revision=expected()["revision"]).counts()

    assert counts.total.keys == expected()["keys_total"]
    prefixes = {c.prefix: c.keys for c in counts.by_resource()}
    assert prefixes == {p: row["keys"] for p, row in expected()["prefixes"].items()}


async def test_the_file_of_a_running_etcd_is_read(restored: Etcd, tmp_path: Path) -> None:
    path = tmp_path / "restored" / "member" / "snap" / "db"

    census = await asyncio.to_thread(offline.census, path)

    assert census.file
    assert census.file.intact is None
    assert census.of_resource("pods").keys == expected()["prefixes"]["/registry/pods"]["keys"]


async def test_deletions_compaction_and_leases_are_seen_as_etcd_sees_them(
    etcd: Etcd, tmp_path: Path
) -> None:
    async with EtcdClient(etcd.client_url) as client:
        lease = (await client.lease_grant(600)).id
        await client.lease_grant(600)
        for n in range(30):
            await client.put(b"/registry/pods/a/%02d" % (n % 10), b"k8s\0" + b"x" * n)
        await client.put(b"/registry/events/a/x", b"{}", lease=lease)
        for n in range(4):
            await client.delete(b"/registry/pods/a/%02d" % n)
        await client.put(b"/registry/pods/a/00", b"k8s\0again")
        await client.compact(20, physical=True)
        live = await Scan(client, "m1", SystemClock()).census()
        path = tmp_path / "saved.db"
        with path.open("wb") as file:
            async for piece in client.snapshot():
                file.write(piece)

    saved = offline.census(path)

    assert saved.file
    assert saved.file.intact is True
    assert saved.complete
    assert saved.compact_revision == 20
    assert (saved.revision, live.revision) == (37, 37)
    assert saved.leases == live.leases == 2
    assert saved.leases_used == live.leases_used == 1
    for one in (saved, live):
        assert one.of_resource("pods").keys == 7
        assert one.of_resource("events").leased == 1
    assert live.total.value_bytes == saved.total.value_bytes
    assert live.largest == saved.largest
    assert saved.total.tombstones == 4


async def test_the_member_behind_an_endpoint_is_found(etcd: Etcd) -> None:
    async with EtcdClient(etcd.client_url) as client:
        found = await least_busy([etcd.client_url], lambda _: client)

    assert found == (etcd.client_url, "leader")


async def test_a_compaction_overtakes_a_scan_of_a_real_etcd(etcd: Etcd) -> None:
    async with EtcdClient(etcd.client_url) as client:
        for n in range(60):
            await client.put(b"/registry/pods/a/%02d" % n, b"x" * 50)
        begun = asyncio.Event()
        gently = Effort(page_keys=5, rate=4000)
        scan = Scan(client, "m1", SystemClock(), gently, told=lambda _: begun.set())
        counting = asyncio.create_task(scan.census())
        await begun.wait()
        header = await client.put(b"/registry/pods/a/00", b"y")
        await client.compact(header.revision, physical=True)
        census = await counting

    assert census.complete
    assert census.total.keys == 60
    assert census.first_revision < census.revision
    assert "overtook" in census.notes[0]


RUN = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from etcdscope.cli import main
sys.exit(main())
"""


async def test_ctrl_c_ends_a_scan_and_shows_what_was_counted(restored: Etcd) -> None:
    """Standard error is a terminal, so that the progress is seen, and when to interrupt."""
    words = ["registry", "--json", "--rate", "2MB", "--endpoints", restored.client_url]
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", RUN, *words, stdout=PIPE, stderr=theirs, env=TERMINAL
    )
    os.close(theirs)
    shown = await asyncio.to_thread(read_until, ours, re.compile(rb"[1-9]\d*/\d{5}"))
    process.send_signal(signal.SIGINT)
    reading = asyncio.to_thread(read_until, ours, None)
    (out, _), rest = await asyncio.gather(process.communicate(), reading)
    os.close(ours)

    told = json.loads(out)
    assert process.returncode == 130
    assert not told["complete"]
    assert 0 < told["keys"] < expected()["keys_total"]
    assert told["notes"][0] == "It was interrupted."
    assert b"counting" in shown
    assert b"Traceback" not in rest


TERMINAL = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "NO_COLOR": "1"}


def read_until(terminal: int, wanted: "re.Pattern[bytes] | None") -> bytes:
    """Return what a terminal shows until a pattern comes, or to its end."""
    shown = b""
    while wanted is None or not wanted.search(shown):
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # how the other side's end of a terminal looks on Linux
            break
        shown += piece
    return shown


async def test_the_agent_counts_and_finds_its_counts_again(restored: Etcd, tmp_path: Path) -> None:
    """Its own source, on a clock that jumps over the minute before the first count."""
    clock = Time()
    source = RegistrySource(lambda url: EtcdClient(url, deadline_seconds=20), clock)
    series = {"m1": {RAFT_STATE: "leader", RAFT_LEAD: "m1", STATUS_SECONDS: ago((1.0, 0.001))}}
    looked = window(series, members="m1")
    source.look_at(lambda: replace(looked, endpoints={restored.client_url: "m1"}))

    reading = await source.read(REGISTRY_AT, clock.now())

    assert reading.failure is None
    last = source.chronicle.last
    assert last
    assert last.of_resource("pods").keys == expected()["prefixes"]["/registry/pods"]["keys"]
    assert all("helm" not in key.key for key in last.largest)  # secrets' names are hashed
    seen = slide(replace(looked, memory=Memory("c1", "c1")), source.remembered(), clock.now())
    async with History.open(tmp_path / "history") as history:
        Censuses(history).keep(seen)
    assert (await nearest(tmp_path / "history", clock.now())).total == last.total


async def fill(client: EtcdClient, keys: Iterable[tuple[bytes, bytes]]) -> None:
    """Write keys, a hundred a transaction."""
    for some in batched([Put(key, value) for key, value in keys], 100):
        await client.txn([], some)


def batched(puts: list[Put], size: int) -> Iterator[list[Put]]:
    for at in range(0, len(puts), size):
        yield puts[at : at + size]


async def test_each_cause_of_the_registry_is_found_where_it_was_injected(etcd: Etcd) -> None:
    events = ((b"/registry/events/ci/e%05d" % n, b"k8s\0" + b"x" * 300) for n in range(21_000))
    clock = Time()
    source = RegistrySource(lambda url: EtcdClient(url, deadline_seconds=20), clock)
    series = {"m1": {RAFT_STATE: "leader", RAFT_LEAD: "m1", STATUS_SECONDS: ago((1.0, 0.001))}}
    looked = replace(window(series, members="m1"), endpoints={etcd.client_url: "m1"})
    source.look_at(lambda: looked)

    async def told() -> set[str]:
        """Count, and judge with limits that fit a test's few megabytes."""
        reading = await source.read(REGISTRY_AT, clock.now())
        seen = slide(looked, [reading], clock.now())
        limits = Limits({**registry_growing.limits.values, "bytes": 100_000.0})
        judged = judge(DETECTORS, seen, {"registry-growing": limits})
        return {f.detector for f in judged.findings} & REGISTRY_CAUSES

    async with EtcdClient(etcd.client_url, deadline_seconds=20) as client:
        await fill(client, [(b"/registry/namespaces/%d" % n, b"k8s\0") for n in range(9)])
        await fill(client, [(b"/registry/pods/a/%d" % n, b"k8s\0" + b"p" * 900) for n in range(50)])
        assert await told() == set()  # the healthy beginning

        await fill(client, events)
        await client.put(b"/registry/configmaps/a/huge", b"k8s\0" + b"h" * 1_450_000)
        await fill(client, [(b"/registry/acme.io/widgets/a/%d" % n, b"{}") for n in range(30)])
        assert await told() == {"events-flood", "objects-giant", "keys-orphaned"}

        await client.put(CRD + b"widgets.acme.io", b"{}")
        await client.delete(b"/registry/events/", range_end=b"/registry/events0")
        await client.delete(b"/registry/configmaps/a/huge")
        assert await told() == set()

        for hour in range(8):
            more = ((b"/registry/configmaps/a/%d-%d" % (hour, n), b"c" * 4_000) for n in range(20))
            await fill(client, more)
            found = await told()
        assert found == {"registry-growing"}


CRD = b"/registry/apiextensions.k8s.io/customresourcedefinitions/"
REGISTRY_CAUSES = {"events-flood", "keys-orphaned", "objects-giant", "registry-growing"}
