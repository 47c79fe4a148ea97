"""A recorded API server: Kubernetes 1.36 on a cluster of three members, 43 nodes, some misfits."""

import copy
import functools
import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import zstandard

FOLDER = Path(__file__).parents[1] / "recorded" / "kubernetes"
Object = dict[str, Any]

# When the lists were read: a second after the last renewal.
RECORDED_AT = datetime.fromisoformat("2026-11-22T06:48:46Z").timestamp()
NODES = "/api/v1/nodes"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
PODS = "/api/v1/namespaces/kube-system/pods"
NAMESPACES = "/api/v1/namespaces"
RESOURCES = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
API_SERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"
CRON_JOBS = "/apis/batch/v1/cronjobs"
SLICES = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"


@functools.cache
def raw(name: str) -> bytes:
    """Return a recorded body: ``nodes.json``, ``metrics.txt``."""
    return zstandard.ZstdDecompressor().decompress((FOLDER / f"{name}.zst").read_bytes())


@functools.cache
def slim(name: str) -> bytes:
    """Return a recorded body of metrics with the big histograms of a few resources only."""
    big = re.compile(rb"(etcd_request_duration|apiserver_request)[a-z_]*_(bucket|sum|count)\{")
    few = re.compile(rb'resource="(pods|events|leases|nodes)"')
    lines = raw(name).splitlines(keepends=True)
    wanted = (rb"etcd_", rb"apiserver_", rb"process_")
    kept = [
        one for one in lines if one.startswith(wanted) and (not big.match(one) or few.search(one))
    ]
    return b"".join(kept)


def items(name: str) -> list[Object]:
    """Return the objects of a recorded list; a copy, so that a test may bend them."""
    listed: list[Object] = json.loads(raw(f"{name}.json"))["items"]
    return copy.deepcopy(listed)


def lists(now: float = RECORDED_AT) -> dict[str, list[Object]]:
    """Return all that is served, by path; leases as old at ``now`` as they were then."""
    served = _lists()
    for lease in served[LEASES]:
        renewed = seconds(lease["spec"]["renewTime"])
        lease["spec"]["renewTime"] = stamp(renewed + now - RECORDED_AT)
    return served


def _lists() -> dict[str, list[Object]]:
    return {
        NODES: items("nodes"),
        LEASES: items("leases-kube-node-lease"),
        PODS: items("pods-kube-system"),
        NAMESPACES: items("namespaces"),
        RESOURCES: items("customresourcedefinitions"),
        API_SERVICES: [],
        CRON_JOBS: [],
        SLICES: [],
    }


def healthy(now: float) -> dict[str, list[Object]]:
    """Return the recording without its misfits: all leases renewed just before ``now``."""
    served = _lists()
    for lease in served[LEASES]:
        lease["spec"]["renewTime"] = stamp(now - 2.0)
    for node in served[NODES]:
        for condition in node["status"]["conditions"]:
            if condition["type"] == "Ready":
                condition["status"] = "True"
    template = next(p for p in served[PODS] if p["metadata"]["name"] == "etcd-cp-2")
    served[PODS].append(
        moved(template, "cp-2", "cp-3", "etcd-2", "etcd-3", "127.0.1.12", "127.0.1.13")
    )
    return served


def moved(pod: Object, *pairs: str) -> Object:
    """Return a copy of an object with each first word replaced by the second."""
    text = json.dumps(pod)
    for old, new in zip(pairs[::2], pairs[1::2], strict=True):
        text = text.replace(old, new)
    # What names every member stays as it was.
    changed: Object = json.loads(text)
    for container, before in zip(
        changed["spec"]["containers"], pod["spec"]["containers"], strict=True
    ):
        kept = [w for w in before["command"] if w.startswith("--initial-cluster=")]
        words = [w for w in container["command"] if not w.startswith("--initial-cluster=")]
        container["command"] = words + kept
    return changed


def stamp(at: float) -> str:
    """Return a time as Kubernetes writes it."""
    return datetime.fromtimestamp(at).astimezone().isoformat(timespec="microseconds")


def seconds(text: str) -> float:
    """Return unix seconds of a time as Kubernetes writes it."""
    return datetime.fromisoformat(text).timestamp()
