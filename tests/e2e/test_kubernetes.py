"""etcdscope on a real etcd under a small Kubernetes API: it finds etcd by itself and compares."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.agents import configured
from tests.e2e.commands import run, running
from tests.kubernetes import recorded
from tests.kubernetes.recorded import NODES, PODS
from tests.kubernetes.server import FakeKubernetes, Trouble
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


def blind(told: list[dict[str, Any]], source: str) -> bool:
    return any(line["source"].startswith(source) for line in told)


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
    assert "37 min" in told["node-leases-stale"]["summary"]
    assert told["node-not-ready"]["subject"]["node"] == "worker-017"
    assert "cni plugin not initialized" in told["node-not-ready"]["summary"]
    assert told["node-not-ready"]["severity"] == "info"
    assert ran.code == 1


@pytest.mark.etcd
async def test_a_lost_quorum_is_one_incident_with_its_impact_measured(
    lab: Lab, tmp_path: Path
) -> None:
    """Kubelets that can renew nothing and writes that fail are its effects, no incidents."""
    async with kubernetes(tmp_path, lab) as (api, config), contextlib.AsyncExitStack() as stack:
        watched = await stack.enter_async_context(running("watch", "--kubeconfig", config))
        async with living(api):
            await watched.until(lambda: watched.events("verdict"))
            await asyncio.sleep(8)
        # From here on nobody renews anything: the API cannot write either.
        await lab.member("m1").kill()
        await lab.member("m2").kill()
        await watched.until(lambda: watched.events("opened", cause="quorum-lost"))
        api.troubles["/readyz"] = Trouble(
            500, body=b"[-]etcd failed: reason withheld\n[+]ping ok\nreadyz check failed\n"
        )
        await asyncio.sleep(26)
    opened = watched.events("opened", "changed")
    serious = {line["cause"] for line in opened if line["severity"] != "info"}
    assert serious <= {"quorum-lost", "member-down"}, f"{watched}"
    (first, *_) = watched.events("opened", cause="quorum-lost")
    assert "In Kubernetes: running pods go on" in first["impact"]


@pytest.mark.etcd
async def test_an_api_that_hangs_keeps_nobody_from_seeing_etcd(lab: Lab, tmp_path: Path) -> None:
    async with kubernetes(tmp_path, lab) as (api, config):
        api.troubles["*"] = Trouble(hang=True)
        flags = ("--endpoints", lab.endpoints[0], "--kubeconfig", config)
        files = lab.member("m1").settings.certificates
        assert files
        tls = ("--cacert", files.ca, "--cert", files.cert, "--key", files.key)
        ran = await run("check", "--json", *flags, *tls)

    assert ran.code == 0, ran.told
    assert [m["reachable"] for m in ran.json["members"]] == [True] * 3
    assert any("has not answered yet" in b["why"] for b in ran.json["blind_spots"])
    assert ran.seconds < 10


@pytest.mark.etcd
@pytest.mark.parametrize("hangs", [False, True], ids=["gone", "hangs"])
async def test_an_agent_that_is_started_while_no_api_server_answers_knows_where_etcd_was(
    lab: Lab, tmp_path: Path, hangs: bool
) -> None:
    """An API server waits for etcd: that is when a monitor must not need it."""
    files = lab.member("m1").settings.certificates
    assert files
    filed = tmp_path / "etcdscope.toml"
    words = ("--config", filed, "--data-dir", tmp_path / "data")
    async with contextlib.AsyncExitStack() as stack:
        api, config = await stack.enter_async_context(kubernetes(tmp_path, lab))
        filed.write_text(
            f'[clusters.prod]\nkubeconfig = "{config}"\n'
            f'cacert = "{files.ca}"\ncert = "{files.cert}"\nkey = "{files.key}"\n'
        )
        async with living(api), configured(*words) as first:
            await first.judged("ok")
            assert await first.run.end() == 0
        if hangs:
            api.troubles["*"] = Trouble(hang=True)
        else:
            await stack.aclose()
        async with configured(*words) as second:
            await second.judged("ok", 40.0)
            await second.run.until(lambda: blind(second.run.events("blind-spot"), "kubernetes"))
            checked = await second.check()
            await second.run.end()

    assert [member["reachable"] for member in checked["members"]] == [True] * 3
    assert any("etcd is looked at where it was" in line for line in second.run.complaints)


# --- without an etcd that we could reach ---------------------------------------------------------


async def test_a_managed_control_plane_is_judged_by_its_api_servers_and_says_so(
    tmp_path: Path,
) -> None:
    async with kubernetes(tmp_path, None) as (api, config):
        api.lists = recorded.healthy(time.time())
        api.lists[PODS] = []
        api.lists[NODES] = [
            n for n in api.lists[NODES] if not n["metadata"]["name"].startswith("cp-")
        ]
        ran = await run("check", "--json", "--kubeconfig", config)

    assert ran.code == 0, ran.told
    assert ran.json["summary"].startswith("Judged from the API servers alone: 1 of 1 ready.")
    assert ran.json["members"] == []
    (spot,) = [b for b in ran.json["blind_spots"] if b["source"] == "etcd"]
    assert "quorum, members, disks and quota are not seen" in spot["why"]
    assert "judged from the API servers alone" in ran.err


@pytest.mark.parametrize(
    ("status", "says"),
    [
        pytest.param(401, "is not, or no longer, valid", id="a token that ended"),
        pytest.param(403, "forbidden", id="no role"),
        pytest.param(500, "told to be 500", id="an error"),
    ],
)
async def test_an_api_that_refuses_is_told_in_one_line(
    tmp_path: Path, status: int, says: str
) -> None:
    async with kubernetes(tmp_path, None) as (api, config):
        api.troubles["*"] = Trouble(status)
        ran = await run("check", "--kubeconfig", config)

    assert ran.code == 3
    assert says in ran.err
    assert "Traceback" not in ran.told
    assert len(ran.err.splitlines()) == 1


async def test_an_api_that_is_not_there_is_told_in_one_line(tmp_path: Path) -> None:
    async with kubernetes(tmp_path, None) as (_, config):
        pass
    ran = await run("check", "--kubeconfig", config)

    assert ran.code == 3
    assert "nobody listens at 127.0.0.1" in ran.err
    assert len(ran.err.splitlines()) == 1
