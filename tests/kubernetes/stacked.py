"""The recorded Kubernetes on a real etcd of the lab: nodes, pods and API servers that fit it."""

import asyncio
import base64
import contextlib
import json
import re
import ssl
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

from tests.kubernetes import recorded
from tests.kubernetes.recorded import LEASES, NODES, PODS, Object
from tests.kubernetes.server import TOKEN, FakeKubernetes, serving

from etcdscope.lab.certificates import Authority, Certificates
from etcdscope.lab.cluster import Lab

NODE_NAMES = ("cp-1", "cp-2", "cp-3")
# One small server stands for three API servers, each at an address of its own.
API_ADDRESSES = ("127.0.3.1", "127.0.3.2", "127.0.3.3")


def fit(api: FakeKubernetes, lab: Lab, port: int) -> None:
    """Let a healthy recording tell of the members of a lab, and of API servers at a port."""
    api.lists = recorded.healthy(time.time())
    api.metrics = metrics_of(revision=1, size=1 << 20)
    for index, (node, address) in enumerate(zip(NODE_NAMES, API_ADDRESSES, strict=True)):
        member = lab.member(f"m{index + 1}")
        for one in api.lists[NODES]:
            if one["metadata"]["name"] == node:
                one["status"]["addresses"][0]["address"] = member.address
        for pod in api.lists[PODS]:
            if pod["metadata"]["name"] == f"etcd-{node}":
                pod["spec"]["containers"][0]["command"] = ["etcd", *flags(lab, member.name)]
                pod["status"]["hostIP"] = member.address
            if pod["metadata"]["name"] == f"kube-apiserver-{node}":
                pod["spec"]["containers"][0]["command"] = [
                    "kube-apiserver",
                    f"--advertise-address={address}",
                    f"--secure-port={port}",
                    f"--etcd-servers={member.client_url}",
                ]


def metrics_of(revision: int, size: int) -> bytes:
    """Return the recorded metrics of an API server on an etcd of that revision and size."""
    body = recorded.raw("metrics.txt")
    for name, value in (
        (b"apiserver_watch_cache_resource_version", revision),
        (b"apiserver_storage_size_bytes", size),
    ):
        body = re.sub(rb"^(%s\{[^}]*\}) .*$" % name, rb"\1 %d" % value, body, flags=re.MULTILINE)
    return body


def flags(lab: Lab, name: str) -> list[str]:
    """Return a member's command line as kubeadm would write it."""
    member = lab.member(name)
    files = lab.member("m1").settings.certificates  # kubeadm: the same paths on every node
    told = {
        "name": name,
        "advertise-client-urls": member.client_url,
        "initial-advertise-peer-urls": member.peer_url,
        "listen-client-urls": member.client_url,
        "listen-peer-urls": member.peer_url,
        "listen-metrics-urls": member.metrics_url,
    }
    if files:
        told |= {
            "trusted-ca-file": str(files.ca),
            "cert-file": str(files.cert),
            "key-file": str(files.key),
        }
    return [f"--{flag}={value}" for flag, value in told.items()]


def authority(folder: Path) -> Certificates:
    """Return a certificate that all addresses of the API may show."""
    addresses = ("127.0.0.1", *API_ADDRESSES)
    return Authority(folder / "pki").issue("kubernetes", addresses, timedelta(days=1))


def kubeconfig(path: Path, server: str, ca: Path, token: str = TOKEN) -> Path:
    """Write a kubeconfig, as kubectl would, and return where it is."""
    data = base64.b64encode(ca.read_bytes()).decode()
    cluster = {"server": server, "certificate-authority-data": data}
    filed = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "lab",
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": {"token": token}}],
        "contexts": [{"name": "lab", "context": {"cluster": "c", "user": "u"}}],
    }
    path.write_text(json.dumps(filed))
    return path


@contextlib.asynccontextmanager
async def kubernetes(folder: Path, lab: Lab | None) -> AsyncIterator[tuple[FakeKubernetes, Path]]:
    """Serve it over TLS; gives the server and a kubeconfig."""
    files = authority(folder)
    context = _server_context(files)
    api = FakeKubernetes()
    async with serving(api, host="0.0.0.0", context=context):
        port = int(api.url.rpartition(":")[2])
        if lab:
            fit(api, lab, port)
        server = f"https://127.0.0.1:{port}"
        yield api, kubeconfig(folder / "kubeconfig", server, files.ca)


def _server_context(files: Certificates) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.cert, files.key)
    return context


async def kubelets(api: FakeKubernetes, every: float = 2.0) -> None:
    """Be the kubelets: renew every lease again and again, faster than real ones."""
    while True:
        for lease in list(api.lists[LEASES]):
            await api.put(LEASES, renewed(lease, time.time()))
        await asyncio.sleep(every)


def renewed(lease: Object, at: float) -> Object:
    """Return a lease as it is after its renewal."""
    return {**lease, "spec": {**lease["spec"], "renewTime": recorded.stamp(at)}}
