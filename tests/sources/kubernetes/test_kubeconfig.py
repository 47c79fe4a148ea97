"""Where the API is, by kubeconfig or service account."""

import base64
import json
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.kubernetes.server import FakeKubernetes, serving

from etcdscope.etcd.errors import SettingsError
from etcdscope.sources.kubernetes.client import KubernetesClient
from etcdscope.sources.kubernetes.errors import KubernetesError
from etcdscope.sources.kubernetes.identity import Identity
from etcdscope.sources.kubernetes.kubeconfig import (
    Credentials,
    Exec,
    KubernetesSettings,
    credentials,
    of_files,
)

PEM = base64.b64encode(b"-----BEGIN CERTIFICATE-----\n").decode()


def config(**changes: object) -> dict[str, Any]:
    return {
        "current-context": "one",
        "contexts": [
            {"name": "one", "context": {"cluster": "c", "user": "u"}},
            {"name": "two", "context": {"cluster": "d", "user": "u"}},
        ],
        "clusters": [
            {"name": "c", "cluster": {"server": "https://c:6443/", "certificate-authority": "ca"}},
            {
                "name": "d",
                "cluster": {"server": "https://d", "tls-server-name": "kubernetes.default"},
            },
        ],
        "users": [{"name": "u", "user": {"token": "secret-token"}}],
    } | changes


def written(folder: Path, filed: object, name: str = "config") -> Path:
    path = folder / name
    path.write_text(yaml.safe_dump(filed))
    return path


def test_the_current_context_is_taken_and_files_stand_beside_it(tmp_path: Path) -> None:
    found = of_files([written(tmp_path, config())])

    assert found.server == "https://c:6443"
    assert found.ca_file == tmp_path / "ca"
    assert found.token == "secret-token"
    assert "secret-token" not in repr(found)


def test_a_context_may_be_named(tmp_path: Path) -> None:
    settings = KubernetesSettings(kubeconfig=written(tmp_path, config()), context="two")

    found = credentials(settings, {})

    assert (found.server, found.server_name) == ("https://d", "kubernetes.default")


def test_of_several_files_the_first_that_has_a_name_wins(tmp_path: Path) -> None:
    one = written(tmp_path, {"current-context": "two"}, "one")
    two = written(tmp_path, config(), "two")

    found = credentials(KubernetesSettings(), {"KUBECONFIG": f"{one}:{two}"}, tmp_path / "none")

    assert found.server == "https://d"


def test_in_a_pod_its_service_account_is_taken_unless_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t")
    (tmp_path / "ca.crt").write_text("c")
    environ = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}

    found = credentials(KubernetesSettings(), environ, tmp_path)
    named = KubernetesSettings(kubeconfig=written(tmp_path, config()))

    assert (found.server, found.token_file) == ("https://[fd00::1]:443", tmp_path / "token")
    assert credentials(named, environ, tmp_path).server == "https://c:6443"


@pytest.mark.parametrize(
    ("filed", "says"),
    [
        pytest.param(config(**{"current-context": "x"}), "one, two", id="no such context"),
        pytest.param(config(**{"current-context": None}), "current context", id="none is chosen"),
        pytest.param(config(clusters=[]), "no cluster", id="no such cluster"),
        pytest.param(config(clusters=[{"nom": 1}]), "as kubectl writes", id="no name"),
        pytest.param(
            config(users=[{"name": "u", "user": {"token": 7}}]), "as kubectl", id="a number"
        ),
        pytest.param(
            config(users=[{"name": "u", "user": {"auth-provider": {"name": "gcp"}}}]),
            "exec plugin",
            id="an auth-provider",
        ),
        pytest.param(
            config(users=[{"name": "u", "user": {"client-certificate-data": "%%"}}]),
            "base64",
            id="no base64",
        ),
        pytest.param(["a list"], "no kubeconfig", id="no mapping"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(tmp_path: Path, filed: object, says: str) -> None:
    with pytest.raises(SettingsError, match=says) as raised:
        of_files([written(tmp_path, filed)])

    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [("{ not json", "no JSON"), ("a: [", "no YAML"), ("", "no kubeconfig")],
)
def test_what_is_no_file_of_that_kind_is_said(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)

    with pytest.raises(SettingsError, match=says):
        of_files([path])


def test_a_file_that_is_not_there_and_a_pod_that_is_none_are_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such file"):
        credentials(KubernetesSettings(kubeconfig=tmp_path / "none"), {})
    with pytest.raises(SettingsError, match="no pod"):
        credentials(KubernetesSettings(in_cluster=True), {}, tmp_path)


def test_without_the_library_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, config())
    monkeypatch.setitem(sys.modules, "yaml", None)

    with pytest.raises(SettingsError, match=r"etcdscope\[kubernetes\]"):
        of_files([path])


def test_a_file_in_json_needs_no_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "config"
    path.write_text(json.dumps(config()))
    monkeypatch.setitem(sys.modules, "yaml", None)

    assert of_files([path]).server == "https://c:6443"


# --- plugins -------------------------------------------------------------------------------------


def plugin(folder: Path, script: str) -> Exec:
    path = folder / "plugin"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return Exec(command=str(path), api_version="client.authentication.k8s.io/v1")


async def test_a_plugin_is_asked_once_and_again_where_its_token_is_refused(tmp_path: Path) -> None:
    script = f"""echo x >> {tmp_path}/runs
    echo '{{"status": {{"token": "t'$(wc -l < {tmp_path}/runs | tr -d ' ')'"}}}}'"""
    api = FakeKubernetes(token="t1")
    async with serving(api):
        own = Credentials(server=api.url, exec=plugin(tmp_path, script))
        async with KubernetesClient(own) as client:
            await client.get("/api/v1/nodes")
            await client.get("/api/v1/nodes")
            api.token = "t2"
            status, _ = await client.get("/api/v1/nodes")

    assert status == 200
    assert (tmp_path / "runs").read_text().count("x") == 2


@pytest.mark.parametrize(
    ("script", "says"),
    [
        pytest.param("exit 3", "code 3", id="it fails"),
        pytest.param("echo hello", "printed no token", id="it prints something else"),
        pytest.param("echo '{\"status\": {}}'", "printed no token", id="no token"),
    ],
)
async def test_a_plugin_that_fails_is_told(tmp_path: Path, script: str, says: str) -> None:
    identity = Identity(Credentials(server="https://x", exec=plugin(tmp_path, script)))

    with pytest.raises(KubernetesError, match=says):
        await identity.headers()


async def test_a_plugin_that_is_not_there_is_told(tmp_path: Path) -> None:
    missing = Exec(command=str(tmp_path / "none"), install_hint="Install it.")
    identity = Identity(Credentials(server="https://x", exec=missing))

    with pytest.raises(KubernetesError, match=r"cannot be run. Install it"):
        await identity.headers()


async def test_a_certificate_that_is_none_is_told() -> None:
    identity = Identity(Credentials(server="https://x", cert_pem="no", key_pem="pem"))

    with pytest.raises(KubernetesError, match="cannot be used"):
        identity.tls()
