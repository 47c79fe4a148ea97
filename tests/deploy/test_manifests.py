"""What must hold of the files in `deploy/` as they are written."""

import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from tests.deploy.objects import CHART, DEPLOY, KUSTOMIZE, ROOT, objects_in

from etcdscope import __version__
from etcdscope.cli.configuration import read

CONFIGURATIONS = sorted(DEPLOY.rglob("etcdscope*.toml"))


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


def test_image_takes_the_pins_that_are_tested_and_the_extra() -> None:
    """The image has what reads kubeconfigs in YAML, which a plain installation has not."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extra = {one.split(">")[0] for one in project["optional-dependencies"]["kubernetes"]}
    image, plain, tested = (
        {
            line
            for line in (ROOT / f"requirements{which}.txt").read_text().splitlines()
            if "==" in line
        }
        for which in ("-agent", "", "-dev")
    )

    assert image <= tested
    assert plain < image
    assert {line.split("==")[0] for line in image - plain} == extra


def test_image_is_given_all_that_the_wheel_is_made_of() -> None:
    """What is left out of the build's context, or not copied, ends the build."""
    hatch = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]
    wheel = hatch["build"]["targets"]["wheel"]
    copied = (DEPLOY / "container" / "Containerfile").read_text()
    sent = (ROOT / ".dockerignore").read_text().splitlines()

    for file in (*wheel["force-include"], "pyproject.toml", "README.md", "LICENSE"):
        assert re.search(rf"^COPY .*\b{re.escape(file)}\b", copied, re.MULTILINE), file
        assert f"!{file}" in sent
