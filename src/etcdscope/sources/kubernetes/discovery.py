"""Where etcd is, by the static pods' command lines, and which files of ours it would let in."""

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from etcdscope.etcd.settings import Security
from etcdscope.model.kubernetes import APISERVER, ETCD, Node, StaticPod
from etcdscope.sources.discover import normalised

# kubeadm's certificate for etcd's own probes: the least that is let in.
_PROBES = "healthcheck-client"
MANAGED = (
    "Kubernetes shows no etcd (a managed control plane, or no permission to see its pods): it is"
    " judged from the API servers alone; give --endpoints if it is yours."
)


@dataclass(frozen=True, slots=True)
class Found:
    """What the static pods tell.

    ``security``: files that exist here; None where none does, or none is needed.
    ``metrics``, ``pages``: where an endpoint's metrics, and its other pages, are, if elsewhere.
    ``notices``: how it was found, and what the operator must still give.
    """

    endpoints: tuple[str, ...] = ()
    security: Security | None = None
    metrics: dict[str, str] = field(default_factory=dict)
    pages: dict[str, str] = field(default_factory=dict)
    notices: tuple[str, ...] = ()


def find(pods: Sequence[StaticPod], servers: Sequence[Node]) -> Found:
    """Find etcd: by its own pods, else by what the API servers dial, else by the nodes' roles."""
    members = [p for p in pods if p.kind == ETCD]
    told = [url for p in members for url in _advertised(p)]
    how = f"{len(members)} static pods of etcd"
    if not told:
        told = [url for p in pods if p.kind == APISERVER for url in _dialled(p)]
        how = "--etcd-servers of the API servers"
    if not told:
        told = _by_role(servers)
        how = "the nodes that have the role etcd"
    endpoints = tuple(dict.fromkeys(normalised(url) for url in told))
    if not endpoints:
        return Found(notices=(MANAGED,))
    metrics, pages = _elsewhere(members)
    candidates = _candidates(pods)
    security = next((s for s in candidates if _there(s)), None)
    needed = any(url.startswith("https:") for url in endpoints)
    notices = [f"etcd is found by {how}: {', '.join(endpoints)}"]
    if needed and security:
        notices.append(f"etcd is shown the certificate {security.cert}")
    elif needed:
        named = f" ({candidates[0].cert})" if candidates else ""
        notices.append(
            f"etcd's certificates{named} cannot be read here: run on a node of the control plane,"
            " mount them, or give --cacert, --cert and --key."
        )
    return Found(endpoints, security if needed else None, metrics, pages, tuple(notices))


def _advertised(pod: StaticPod) -> list[str]:
    urls = [u for u in pod.flag("advertise-client-urls").split(",") if u]
    if urls:
        return [u for u in urls if not _loopback(u)] or urls
    return [u for u in pod.flag("listen-client-urls").split(",") if u and not _loopback(u)]


def _dialled(pod: StaticPod) -> list[str]:
    """Return what an API server dials; its own loopback, as seen from elsewhere, is its node."""
    found = []
    for url in pod.flag("etcd-servers").split(","):
        split = urlsplit(url.strip())
        if not split.hostname:
            continue
        here = _loopback(url) and pod.address
        host = pod.address if here else split.hostname
        host = f"[{host}]" if ":" in host else host
        found.append(f"{split.scheme}://{host}:{split.port or 2379}")
    return found


def _by_role(servers: Sequence[Node]) -> list[str]:
    """Return the nodes of k3s and RKE2, whose etcd has its flags in a file."""
    found = []
    for node in servers:
        if "etcd" in node.roles and node.addresses:
            host = node.addresses[0]
            found.append(f"https://[{host}]:2379" if ":" in host else f"https://{host}:2379")
    return found


def _elsewhere(members: Iterable[StaticPod]) -> tuple[dict[str, str], dict[str, str]]:
    metrics: dict[str, str] = {}
    pages: dict[str, str] = {}
    for pod in members:
        for url in _advertised(pod):
            at = normalised(url)
            for flag, into in (
                ("listen-metrics-urls", metrics),
                ("listen-client-http-urls", pages),
            ):
                urls = [u for u in pod.flag(flag).split(",") if u]
                # A loopback listener is there for the kubelet of that node alone.
                usable = [u for u in urls if _reaches(u, url)]
                if usable:
                    into[at] = usable[0]
    return metrics, pages


def _reaches(listener: str, endpoint: str) -> bool:
    if not _loopback(listener):
        return not _unspecified(listener)
    return urlsplit(listener).hostname == urlsplit(endpoint).hostname


def _candidates(pods: Sequence[StaticPod]) -> list[Security]:
    """Return certificates that etcd lets in: that of probes, the API server's, a member's own."""
    etcds = [p for p in pods if p.kind == ETCD]
    found: list[Security] = []
    for pod in etcds[:1]:
        ca, cert = pod.flag("trusted-ca-file"), pod.flag("cert-file")
        if ca and cert:
            folder = PurePosixPath(cert).parent
            found.append(_files(ca, f"{folder}/{_PROBES}.crt", f"{folder}/{_PROBES}.key"))
    for pod in [p for p in pods if p.kind == APISERVER][:1]:
        ca, cert = pod.flag("etcd-cafile"), pod.flag("etcd-certfile")
        if ca and cert:
            found.append(_files(ca, cert, pod.flag("etcd-keyfile")))
    for pod in etcds[:1]:
        ca, cert = pod.flag("trusted-ca-file"), pod.flag("cert-file")
        if ca and cert:
            found.append(_files(ca, cert, pod.flag("key-file")))
    return found


def _files(ca: str, cert: str, key: str) -> Security:
    return Security(Path(ca), Path(cert), Path(key))


def _there(security: Security) -> bool:
    """Return whether this user may read all of its files."""
    for path in security.files:
        try:
            with path.open("rb"):
                pass
        except OSError:
            return False
    return True


def _loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _unspecified(url: str) -> bool:
    try:
        return ipaddress.ip_address(urlsplit(url).hostname or "").is_unspecified
    except ValueError:
        return False
