"""The objects that kustomize and Helm make of `deploy/`, judged by Kubernetes' own schemas."""

import json
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml
from tests.deploy.apiserver import discovery
from tests.deploy.objects import (
    KUSTOMIZE,
    ROOT,
    Object,
    Refused,
    chart,
    kubectl,
    kustomized,
    only,
    pod,
)

pytestmark = pytest.mark.etcd  # runs real programs

OLDEST, NEWEST = "1.27", "1.37"  # the chart's kubeVersion, and the newest schema there is
CLUSTER = {
    "endpoints": ["https://10.0.0.1:2379"],
    "cacert": "/run/etcdscope/etcd/ca.crt",
    "cert": "/run/etcdscope/etcd/tls.crt",
    "key": "/run/etcdscope/etcd/tls.key",
}
PLAIN: dict[str, Any] = {"config": {"clusters": {"prod": CLUSTER}}}
FULL: dict[str, Any] = {
    "config": {
        "clusters": {"prod": {**CLUSTER, "logs": {"m1": "/var/log/etcd.log"}}, "test": CLUSTER},
        "limits": {"wal-fsync-slow": {"warning": 0.2}},
        "agent": {"alertmanager": ["http://alertmanager:9093"]},
    },
    "replicas": 2,
    "controlPlane": True,
    "etcdClientSecrets": ["etcd-prod", "etcd-test"],
    "persistence": {"enabled": False},
    "image": {"repository": "example/etcdscope", "tag": "v1", "pullSecrets": ["pull"]},
    "token": {"secret": "other", "key": "bearer"},
    "nodeSelector": {"disk": "fast"},
    "tolerations": [{"key": "etcd", "operator": "Exists"}],
    "networkPolicy": {
        "etcdCidrs": ["10.0.0.0/24"],
        "apiServerCidrs": ["10.0.1.0/24"],
        "extraEgress": [{"ports": [{"port": 9100, "protocol": "TCP"}]}],
    },
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "extraArgs": ["--log-format=json"],
}
CONFIG_SECRET: dict[str, Any] = {"configSecret": "etcdscope-config", "etcdClientSecrets": []}


def without_volume(tmp: Path) -> Path:
    """Return an overlay that has no storage class to ask."""
    written = {
        "resources": ["base"],
        "components": ["components/without-volume", "components/servicemonitor"],
    }
    (tmp / "base").symlink_to(KUSTOMIZE / "base")
    (tmp / "components").symlink_to(KUSTOMIZE / "components")
    (tmp / "kustomization.yaml").write_text(yaml.safe_dump(written))
    return tmp


MADE: dict[str, Callable[[Path], list[Object]]] = {
    "base": lambda _: kustomized(KUSTOMIZE / "base"),
    "kubeadm": lambda _: kustomized(KUSTOMIZE / "overlays" / "kubeadm"),
    "fleet": lambda _: kustomized(KUSTOMIZE / "overlays" / "fleet"),
    "without-volume": lambda tmp: kustomized(without_volume(tmp)),
    "chart": lambda _: chart(PLAIN).objects,
    "chart-full": lambda _: chart(FULL).objects,
    "chart-config-secret": lambda _: chart(CONFIG_SECRET).objects,
}


@pytest.fixture(scope="module", params=MADE)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Object]:
    return MADE[request.param](tmp_path_factory.mktemp("overlay"))


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with discovery() as url:
        yield url


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_every_object_is_valid_and_has_no_field_too_many(made: list[Object], version: str) -> None:
    judged = [one for one in made if "monitoring.coreos.com" not in one["apiVersion"]]

    assert len(judged) >= 10
    for one in judged:
        kubernetes_validate.validate(one, version, strict=True)


def test_schema_that_judges_is_not_blind(made: list[Object]) -> None:
    broken = {**only(made, "Service"), "spec": {"ports": [{"prot": 2390}]}}

    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, NEWEST, strict=True)


def test_kubectl_takes_all_of_it(made: list[Object], server: str, tmp_path: Path) -> None:
    """`create --dry-run=client`: kinds, scopes and names; it changes nothing and asks nobody."""
    words = ("create", "--dry-run=client", "--validate=false", "-o", "name", "-f", "-")
    said = kubectl(
        f"--server={server}", *words, given=yaml.safe_dump_all(made), home=tmp_path
    ).split()

    assert [name.split("/")[1] for name in said] == [one["metadata"]["name"] for one in made]
    assert [name.split("/")[0].split(".")[0] for name in said] == [
        one["kind"].lower() for one in made
    ]


def test_pod_needs_nothing_that_the_restricted_profile_forbids(made: list[Object]) -> None:
    spec = pod(made)
    (container,) = spec["containers"]

    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & set(spec)
    assert not any("hostPath" in volume for volume in spec["volumes"])


def test_every_mount_has_its_volume_and_only_data_and_tmp_are_written(made: list[Object]) -> None:
    stateful = only(made, "StatefulSet")["spec"]
    (container,) = pod(made)["containers"]
    there = {volume["name"] for volume in pod(made)["volumes"]}
    there |= {claim["metadata"]["name"] for claim in stateful.get("volumeClaimTemplates") or ()}

    assert {mount["name"] for mount in container["volumeMounts"]} == there
    written = {mount["name"] for mount in container["volumeMounts"] if not mount.get("readOnly")}
    assert written == {"data", "tmp"}


def test_secrets_of_the_pod_can_be_read_by_its_group_alone(made: list[Object]) -> None:
    sources = [volume.get("secret") or volume.get("projected") for volume in pod(made)["volumes"]]

    assert {source["defaultMode"] for source in sources if source} == {0o440}


def test_everything_finds_the_pod_by_its_labels(made: list[Object]) -> None:
    template = only(made, "StatefulSet")["spec"]["template"]["metadata"]["labels"]
    selectors = [
        only(made, "StatefulSet")["spec"]["selector"]["matchLabels"],
        only(made, "Service")["spec"]["selector"],
        only(made, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        *(
            one["spec"]["selector"]["matchLabels"]
            for one in made
            if one["kind"] == "PodDisruptionBudget"
        ),
    ]

    for selector in selectors:
        assert selector.items() <= template.items()


def test_only_chosen_namespaces_may_read(made: list[Object]) -> None:
    (rule,) = only(made, "NetworkPolicy")["spec"]["ingress"]

    assert rule["from"] == [
        {"namespaceSelector": {"matchLabels": {"etcdscope/reader": "true"}}},
    ]
    assert rule["ports"] == [{"port": "http", "protocol": "TCP"}]


def test_a_budget_stands_only_beside_a_pair(made: list[Object]) -> None:
    budgets = [one for one in made if one["kind"] == "PodDisruptionBudget"]

    assert len(budgets) == (only(made, "StatefulSet")["spec"]["replicas"] > 1)


def test_chart_and_base_are_of_one_mind() -> None:
    """What is written twice must not drift apart: rights, pod, probes, ports."""
    ours, theirs = kustomized(KUSTOMIZE / "base"), chart(PLAIN).objects

    assert _rules(ours) == _rules(theirs)
    (mine,), (its,) = pod(ours)["containers"], pod(theirs)["containers"]
    assert {**mine, "imagePullPolicy": "IfNotPresent"} == its
    assert pod(ours)["securityContext"] == pod(theirs)["securityContext"]
    for kind in ("Service", "NetworkPolicy", "StatefulSet"):
        assert _alike(only(ours, kind)) == _alike(only(theirs, kind))


def _rules(objects: list[Object]) -> list[str]:
    return sorted(
        json.dumps([one["kind"], one["rules"]], sort_keys=True) for one in objects if "rules" in one
    )


def _alike(one: Object) -> Object:
    """Return the specification without the labels, which differ, and without the pod's own."""
    left_out = {"selector", "podSelector", "template"}
    return {name: value for name, value in one["spec"].items() if name not in left_out}


def test_chart_is_clean_to_helm_itself() -> None:
    for values in (PLAIN, FULL, CONFIG_SECRET):
        said = chart(values)
        assert said.complaints == []
        assert said.helm.startswith("v4.")


def test_chart_writes_the_configuration_that_the_values_say() -> None:
    written = only(chart(FULL).objects, "ConfigMap")["data"]["etcdscope.toml"]

    assert tomllib.loads(written) == FULL["config"]


def test_values_of_the_manual_are_right() -> None:
    manual = (ROOT / "docs" / "deploy.md").read_text()
    values = yaml.safe_load(manual.split("<<'END'\n")[1].split("END\n")[0])
    made = chart(values)

    assert made.complaints == []
    assert (
        tomllib.loads(only(made.objects, "ConfigMap")["data"]["etcdscope.toml"])
        == (values["config"])
    )


def test_changed_configuration_starts_the_agent_anew() -> None:
    other = {"config": {"clusters": {"prod": {**CLUSTER, "endpoints": ["https://10.0.0.2:2379"]}}}}
    marks = [
        only(chart(values).objects, "StatefulSet")["spec"]["template"]["metadata"]["annotations"]
        for values in (PLAIN, other)
    ]

    assert marks[0] != marks[1]


def test_two_releases_do_not_meet() -> None:
    """Names outside the release's own namespace tell whose they are."""
    names = [
        {
            (one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"])
            for one in chart(PLAIN, name=name, namespace=space).objects
        }
        for name, space in (("a", "one"), ("b", "one"), ("a", "two"))
    ]

    assert len(set.union(*names)) == sum(map(len, names))


def test_notes_name_the_secrets_that_are_to_be_made() -> None:
    notes = chart(FULL).notes

    for secret in ("other", "etcd-prod", "etcd-test"):
        assert secret in notes


@pytest.mark.parametrize(
    ("values", "why"),
    [
        pytest.param({}, "say what is to be watched", id="nothing to watch"),
        pytest.param({**PLAIN, "replica": 2}, "replica", id="a value that is misspelt"),
        pytest.param(
            {"config": {"clusters": {"prod": {**CLUSTER, "password": "secret"}}}},
            "password",
            id="a password",
        ),
        pytest.param(
            {"config": {"clusters": {"prod": {**CLUSTER, "user": "root:secret"}}}},
            "user",
            id="a password beside the user",
        ),
        pytest.param({"config": {"agent": {"token": "secret"}}}, "token", id="a token"),
        pytest.param({**PLAIN, "replicas": 3}, "replicas", id="three of a pair"),
    ],
)
def test_chart_refuses_what_must_not_be(values: dict[str, Any], why: str) -> None:
    with pytest.raises(Refused, match=why):
        chart(values)
