"""The part of an API server that kubectl needs to know kinds: discovery, and nothing else."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# Group and version: its kinds, each with its resource and whether it lives in a namespace.
KINDS = {
    "v1": {
        "Namespace": ("namespaces", False),
        "ServiceAccount": ("serviceaccounts", True),
        "ConfigMap": ("configmaps", True),
        "Service": ("services", True),
    },
    "apps/v1": {"StatefulSet": ("statefulsets", True)},
    "policy/v1": {"PodDisruptionBudget": ("poddisruptionbudgets", True)},
    "networking.k8s.io/v1": {"NetworkPolicy": ("networkpolicies", True)},
    "rbac.authorization.k8s.io/v1": {
        "ClusterRole": ("clusterroles", False),
        "ClusterRoleBinding": ("clusterrolebindings", False),
        "Role": ("roles", True),
        "RoleBinding": ("rolebindings", True),
    },
    "monitoring.coreos.com/v1": {"ServiceMonitor": ("servicemonitors", True)},
}


def answer(path: str) -> dict[str, Any] | None:
    """Return what discovery says at a path, None where there is nothing."""
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"]}
    if path == "/apis":
        groups = [_group(name) for name in KINDS if "/" in name]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
    named = path.removeprefix("/apis/").removeprefix("/api/")
    if named not in KINDS:
        return None
    resources = [
        {
            "name": plural,
            "singularName": "",
            "namespaced": within,
            "kind": kind,
            "verbs": ["create"],
        }
        for kind, (plural, within) in KINDS[named].items()
    ]
    return {"kind": "APIResourceList", "groupVersion": named, "resources": resources}


def _group(name: str) -> dict[str, Any]:
    group, _, number = name.partition("/")
    version = {"groupVersion": name, "version": number}
    return {"name": group, "versions": [version], "preferredVersion": version}


class _Discovery(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        said = answer(self.path.partition("?")[0])
        body = json.dumps(said or {"kind": "Status", "code": 404}).encode()
        self.send_response(200 if said else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def discovery() -> Iterator[str]:
    """Serve it on loopback; gives the URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Discovery) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            serving.join()
