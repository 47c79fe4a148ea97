"""What must hold of the files in `deploy/` as they are written."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.deploy.objects import CHART, DEPLOY, KUSTOMIZE, ROOT, objects_in

from etcdscope import __version__
from etcdscope.cli.configuration import read

# What it may see of Kubernetes: group, resource, the one namespace where a Role says so, and verbs.
# docs/kubernetes.md says what for.
LIST = ("list", "watch")
SEEN = {
    ("", "nodes", None): LIST,
    ("", "namespaces", None): LIST,
    ("apiextensions.k8s.io", "customresourcedefinitions", None): LIST,
    ("apiregistration.k8s.io", "apiservices", None): LIST,
    ("batch", "cronjobs", None): LIST,
    ("", "pods", "kube-system"): LIST,
    ("coordination.k8s.io", "leases", "kube-node-lease"): ("get", *LIST),
    ("discovery.k8s.io", "endpointslices", "default"): ("get",),
}
URLS = {"/metrics", "/readyz", "/livez"}
CONFIGURATIONS = sorted(DEPLOY.rglob("etcdscope*.toml"))


def rules() -> list[tuple[str | None, dict[str, Any]]]:
    """Return every rule with the namespace in which it holds."""
    return [
        (role["metadata"].get("namespace"), rule)
        for role in objects_in(KUSTOMIZE / "base")
        if role["kind"] in {"Role", "ClusterRole"}
        for rule in role["rules"]
    ]


def test_rights_are_these_and_no_more() -> None:
    seen = {
        (group, resource, namespace): tuple(rule["verbs"])
        for namespace, rule in rules()
        for group in rule.get("apiGroups", [])
        for resource in rule.get("resources", [])
    }
    urls = [rule for _, rule in rules() if "nonResourceURLs" in rule]

    assert seen == SEEN
    assert [(set(rule["nonResourceURLs"]), rule["verbs"]) for rule in urls] == [(URLS, ["get"])]


def test_every_role_is_bound_to_the_agent_and_to_nobody_else() -> None:
    agent = {"kind": "ServiceAccount", "name": "etcdscope", "namespace": "etcdscope"}
    written = objects_in(KUSTOMIZE / "base")
    places = {
        kind: {
            (one["roleRef"]["kind"] if "roleRef" in one else kind, one["metadata"].get("namespace"))
            for one in written
            if one["kind"] == kind
        }
        for kind in ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")
    }

    assert places["ClusterRole"] == places["ClusterRoleBinding"]
    assert places["Role"] == places["RoleBinding"]
    for one in written:
        if one["kind"].endswith("Binding"):
            assert one["subjects"] == [agent]


def test_nothing_makes_a_secret() -> None:
    """Who deploys makes them: what lies in a repository is not secret."""
    for file in DEPLOY.rglob("*.yaml"):
        text = file.read_text()
        assert "kind: Secret" not in text, file
        assert "secretGenerator" not in text, file


@pytest.mark.parametrize("file", CONFIGURATIONS, ids=lambda file: str(file.relative_to(DEPLOY)))
def test_configuration_is_one_that_the_agent_takes(file: Path) -> None:
    filed = read(file)

    assert filed.clusters
    assert not any(one.password for one in filed.clusters.values())
    assert not filed.agent.token


def test_versions_are_those_of_the_package() -> None:
    described = yaml.safe_load((CHART / "Chart.yaml").read_text())
    base = yaml.safe_load((KUSTOMIZE / "base" / "kustomization.yaml").read_text())

    assert described["version"] == described["appVersion"] == __version__
    assert [image["newTag"] for image in base["images"]] == [__version__]


def test_values_schema_knows_every_value() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())

    assert set(values) <= set(schema["properties"])
    for name, value in values.items():
        known = schema["properties"][name]
        if isinstance(value, dict) and "properties" in known and name != "config":
            assert set(value) == set(known["properties"]), name


def test_container_takes_what_the_pins_and_the_extra_say() -> None:
    """The image has Kubernetes' client, which a plain installation has not."""
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (client,) = extra["optional-dependencies"]["kubernetes"]
    pins = (ROOT / "requirements-agent.txt").read_text()
    plain = (ROOT / "requirements.txt").read_text()

    assert f"\n{client.split('>')[0]}==" in pins
    assert pins.count("--hash=sha256:") > plain.count("--hash=sha256:")
    for line in plain.splitlines():
        if "==" in line:
            assert line in pins
