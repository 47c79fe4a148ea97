"""The image's steps, and the agent as it runs in it: no root, nothing but its data written."""

import asyncio
import os
import re
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from tests.deploy.container import Build
from tests.deploy.objects import DEPLOY, KUSTOMIZE, ROOT, kustomized, only, pod
from tests.etcd.servers import free_port

from etcdscope.lab.cluster import Lab, LabSpec

pytestmark = [pytest.mark.etcd, pytest.mark.timeout(400)]  # runs real programs; pip downloads
TOKEN = "kein-wort-davon"
AGENT = 65532


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Build:
    into = tmp_path_factory.mktemp("image")
    into.chmod(0o755)
    return Build(DEPLOY / "container" / "Containerfile", ROOT, into)


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    spec = LabSpec(members=3, version="3.5", network="loopback", tls=True)
    async with Lab.start(spec) as started:
        yield started


def test_image_runs_as_the_user_that_the_pod_demands(built: Build) -> None:
    context = pod(kustomized(KUSTOMIZE / "base"))["securityContext"]

    assert built.image.user == f"{context['runAsUser']}:{context['runAsGroup']}"
    assert built.image.at("/var/lib/etcdscope").stat().st_uid == AGENT


def test_image_holds_no_pip_and_no_source_tree(built: Build) -> None:
    packages = next(built.image.at("/opt/etcdscope/lib").glob("python3.*/site-packages"))

    assert not (packages / "pip").exists()
    assert (packages / "etcdscope" / "engine.py").is_file()
    assert (packages / "yaml").is_dir()
    assert not built.image.at("/build").exists()


async def test_agent_of_the_pod_watches_over_tls_and_writes_only_its_data(
    built: Build, lab: Lab, tmp_path: Path
) -> None:
    """The arguments and mounts are those of the StatefulSet, the files those of its Secrets."""
    (container,) = pod(kustomized(KUSTOMIZE / "base"))["containers"]
    port = free_port()
    words = [word.replace("0.0.0.0:2390", f"127.0.0.1:{port}") for word in container["args"]]
    mounts = [
        (_folder(tmp_path / mount["name"], lab), mount["mountPath"], not mount.get("readOnly"))
        for mount in container["volumeMounts"]
        if mount["name"] != "tmp"
    ]
    async with _running(built.container(words, mounts)) as process:
        url = f"http://127.0.0.1:{port}"
        await _well(url, process)
        refused, _ = await _get(f"{url}/api/v1/check")
        given, said = await _get(f"{url}/api/v1/check", TOKEN)
        shell, _ = await _get(f"{url}/")
        part, _ = await _get(f"{url}/assets/app.js")
        figures, _ = await _get(f"{url}/api/v1/benchmarks", TOKEN)
        told = _status(process.pid)
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(5):
            code = await process.wait()

    assert (shell, part, figures) == (200, 200, 200)
    assert (refused, given, code) == (401, 200, 0)
    assert said["verdict"] == "ok"
    assert [member["reachable"] for member in said["members"]] == [True] * 3
    assert set(told["Uid"].split()) == {str(AGENT)}
    assert {int(told[name], 16) for name in ("CapEff", "CapPrm", "CapBnd", "CapInh")} == {0}
    assert told["NoNewPrivs"].strip() == "1"
    limit = int(re.fullmatch(r"(\d+)Mi", container["resources"]["limits"]["memory"])[1])  # type: ignore[index]
    assert int(told["VmHWM"].split()[0]) / 1024 < limit
    kept = tmp_path / "data"
    assert {file.stat().st_uid for file in kept.rglob("*") if file.is_file()} == {AGENT}


async def test_root_of_the_container_cannot_be_written(built: Build) -> None:
    script = (
        "for d in / /opt/etcdscope /etc /var/lib/etcdscope; do touch $d/x && echo $d; done; true"
    )
    words = built.container([])
    begin = words[-1].rindex("etcdscope serve")
    words[-1] = words[-1][:begin] + f"/bin/sh -c '{script}'"
    process = await asyncio.create_subprocess_exec(
        *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    written, refusals = await process.communicate()

    assert written == b""
    assert refusals.count(b"Read-only file system") + refusals.count(b"Permission denied") == 4


def _folder(folder: Path, lab: Lab) -> Path:
    """Fill a volume as the Secrets and the ConfigMap of its name would."""
    folder.mkdir()
    given = lab.certificates
    assert given
    if folder.name == "config":
        text = only(kustomized(KUSTOMIZE / "base"), "ConfigMap")["data"]["etcdscope.toml"]
        text = text.replace("in-cluster = true", f'endpoints = ["{lab.endpoints[0]}"]')
        (folder / "etcdscope.toml").write_text(text)
    elif folder.name == "token":
        (folder / "token").write_text(TOKEN + "\n")
    elif folder.name == "etcd-client":
        for source, name in ((given.ca, "ca.crt"), (given.cert, "tls.crt"), (given.key, "tls.key")):
            shutil.copy(source, folder / name)
    secret = folder.name in {"token", "etcd-client"}
    for one in (folder, *folder.iterdir()):  # as the kubelet does for fsGroup
        os.chown(one, AGENT if folder.name == "data" else 0, AGENT)
        one.chmod((0o750 if one.is_dir() else 0o440) if secret else one.stat().st_mode)
    return folder


@asynccontextmanager
async def _running(argv: list[str]) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(*argv)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _well(url: str, process: asyncio.subprocess.Process) -> None:
    """Wait as the probes of the pod do."""
    probe = pod(yaml.safe_load_all(_text()))["containers"][0]["startupProbe"]
    period = probe["periodSeconds"]
    for _ in range(probe["failureThreshold"]):
        with suppress(aiohttp.ClientError):
            if (await _get(url + probe["httpGet"]["path"]))[0] == 200:
                break
        assert process.returncode is None
        await asyncio.sleep(period)
    for _ in range(15):
        said = (await _get(f"{url}/api/v1/check", TOKEN))[1]
        members = said.get("members", ())
        if said.get("verdict") == "ok" and all(member["reachable"] for member in members):
            break  # a busy machine may have looked at one member so far
        await asyncio.sleep(period)


def _status(pid: int) -> dict[str, str]:
    """Return what the kernel says of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":", 1) for line in lines)


def _text() -> str:
    return (KUSTOMIZE / "base" / "statefulset.yaml").read_text()


async def _get(url: str, token: str = "") -> tuple[int, dict[str, Any]]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        if answer.content_type == "application/json":
            return answer.status, await answer.json()
        return answer.status, {}
