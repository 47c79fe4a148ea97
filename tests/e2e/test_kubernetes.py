"""etcdscope on a real etcd under a small Kubernetes API: it finds etcd by itself and compares."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.commands import run
from tests.kubernetes import recorded
from tests.kubernetes.recorded import NODES, PODS
from tests.kubernetes.server import FakeKubernetes
from tests.kubernetes.stacked import kubelets, kubernetes

from etcdscope.lab.cluster import Lab, LabSpec


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    spec = LabSpec(members=3, version="3.5.30", network="loopback", tls=True)
    async with Lab.start(spec) as started:
        yield started


@contextlib.asynccontextmanager
async def living(api: FakeKubernetes) -> AsyncIterator[None]:
    """Let kubelets renew their leases until the block ends."""
    task = asyncio.create_task(kubelets(api))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def causes(checked: dict[str, Any]) -> set[str]:
    return {i["cause"] for i in checked["incidents"] if i["severity"] != "info"}


@pytest.mark.etcd
async def test_it_finds_etcd_and_its_certificates_by_the_static_pods(
    lab: Lab, tmp_path: Path
) -> None:
    """No endpoint and no certificate is given; the healthy cluster is called healthy."""
    async with kubernetes(tmp_path, lab) as (api, config), living(api):
        ran = await run("check", "--json", "--kubeconfig", config)

    assert ran.code == 0, ran.told
    assert ran.json["verdict"] == "ok"
    assert [m["reachable"] for m in ran.json["members"]] == [True] * 3
    assert causes(ran.json) == set()
    assert not [b for b in ran.json["blind_spots"] if b["source"].startswith(("kube", "api"))]


@pytest.mark.etcd
async def test_the_misfits_of_the_recording_are_found_and_named(lab: Lab, tmp_path: Path) -> None:
    async with kubernetes(tmp_path, lab) as (api, config):
        misfits = recorded.lists(time.time())
        api.lists[PODS] = [p for p in api.lists[PODS] if p["metadata"]["name"] != "etcd-cp-3"]
        api.lists[recorded.LEASES] = misfits[recorded.LEASES]
        servers = [n for n in api.lists[NODES] if n["metadata"]["name"].startswith("cp-")]
        workers = [n for n in misfits[NODES] if not n["metadata"]["name"].startswith("cp-")]
        api.lists[NODES] = servers + workers
        ran = await run("check", "--json", "--kubeconfig", config)

    told = {i["cause"]: i for i in ran.json["incidents"]}
    assert causes(ran.json) == {"etcd-pod-missing", "node-leases-stale"}
    assert told["etcd-pod-missing"]["subject"]["member"] == "m3"
    assert told["node-leases-stale"]["subject"] == {"kind": "node", "node": "worker-023"}
    assert "27 min" in told["node-leases-stale"]["summary"]
    assert told["node-not-ready"]["subject"]["node"] == "worker-017"
    assert "cni plugin not initialized" in told["node-not-ready"]["summary"]
    assert told["node-not-ready"]["severity"] == "info"
    assert ran.code == 1
