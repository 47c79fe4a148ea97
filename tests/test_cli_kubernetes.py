"""Flags and file of Kubernetes and backups → settings."""

from pathlib import Path

import pytest

from etcdscope.cli.access import Cluster
from etcdscope.cli.settings import settings_of
from etcdscope.etcd.errors import SettingsError


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ETCDCTL_ENDPOINTS", "ETCDCTL_DISCOVERY_SRV"):
        monkeypatch.delenv(name, raising=False)


def test_nothing_is_asked_of_kubernetes_unless_it_is_named() -> None:
    settings, _ = settings_of(Cluster())

    assert settings.kubernetes is None
    assert settings.access.endpoints == ("http://127.0.0.1:2379",)


@pytest.mark.parametrize(
    "flags",
    [
        pytest.param(Cluster(kubernetes=True), id="the switch"),
        pytest.param(Cluster(in_cluster=True), id="a pod"),
        pytest.param(Cluster(context="prod"), id="a context"),
        pytest.param(Cluster(kubeconfig=Path("x")), id="a file"),
    ],
)
def test_any_of_its_flags_leaves_it_to_kubernetes_where_etcd_is(flags: Cluster) -> None:
    settings, _ = settings_of(flags)

    assert settings.kubernetes
    assert settings.access.endpoints == ()


def test_an_endpoint_that_is_named_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    named, _ = settings_of(Cluster(kubernetes=True, endpoints=["10.0.0.1:2379"]))
    monkeypatch.setenv("ETCDCTL_ENDPOINTS", "10.0.0.2:2379")
    exported, _ = settings_of(Cluster(kubernetes=True))

    assert named.access.endpoints == ("http://10.0.0.1:2379",)
    assert exported.access.endpoints == ("http://10.0.0.2:2379",)


def test_a_file_may_say_all_of_it_and_a_flag_wins(tmp_path: Path) -> None:
    path = tmp_path / "etcdscope.toml"
    path.write_text(
        '[clusters.prod]\nkubeconfig = "/etc/kube"\ncontext = "prod"\nbackups = ["/b", "/c"]\n'
    )

    filed, _ = settings_of(Cluster(config=path))
    flagged, _ = settings_of(Cluster(config=path, context="other", backup=[Path("/d")]))

    assert filed.kubernetes
    assert (filed.kubernetes.kubeconfig, filed.kubernetes.context) == (Path("/etc/kube"), "prod")
    assert filed.backups == (Path("/b"), Path("/c"))
    assert filed.access.endpoints == ()
    assert flagged.kubernetes
    assert flagged.kubernetes.context == "other"
    assert flagged.backups == (Path("/d"),)


def test_a_word_that_is_none_is_told_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "etcdscope.toml"
    path.write_text("[clusters.prod]\nkubernets = true\n")

    with pytest.raises(SettingsError, match="kubernets"):
        settings_of(Cluster(config=path))
