"""Which member sits on which node of Kubernetes, and what Kubernetes says of both.

A member's node is found by its addresses; else by its pod, whose flags name it; else by its name.
Where none of them fits, etcd stands outside of Kubernetes' nodes, or one of the two is a leftover.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlsplit

from etcdscope.model.cluster import Member
from etcdscope.model.finding import Evidence
from etcdscope.model.kubernetes import APISERVER, ETCD, Node, Nodes, StaticPod
from etcdscope.model.signal import Signal
from etcdscope.model.signal_kubernetes import (
    APISERVER_NODE,
    APISERVER_PREFIX,
    KUBE_NODES,
    KUBE_PODS,
    KUBERNETES,
)
from etcdscope.model.window import Window, once

T = TypeVar("T")
BY_ADDRESS, BY_POD, BY_NAME = "address", "pod", "name"


@dataclass(frozen=True, slots=True)
class Seat:
    """A member and its node; ``by`` says what tied them, empty where nothing did."""

    member: Member
    node: Node | None = None
    by: str = ""


def fact(window: Window, signal: Signal, kind: type[T]) -> T | None:
    """Return what Kubernetes last said, None where that is too old or never came."""
    point = window.last(KUBERNETES, signal)
    return point.value if point and isinstance(point.value, kind) else None


def nodes(window: Window) -> Nodes | None:
    """Return the nodes, None where they are not seen."""
    return fact(window, KUBE_NODES, Nodes)


def pods(window: Window, kind: str) -> tuple[StaticPod, ...]:
    """Return the static pods of that kind."""
    found = fact(window, KUBE_PODS, tuple)
    return tuple(p for p in found or () if isinstance(p, StaticPod) and p.kind == kind)


def pods_seen(window: Window) -> bool:
    """Return whether static pods could be looked for at all."""
    return window.last(KUBERNETES, KUBE_PODS) is not None


@once
def seats(window: Window) -> tuple[Seat, ...]:
    """Return where every member sits; nothing where nodes are not seen."""
    known = nodes(window)
    if known is None:
        return ()
    etcds = pods(window, ETCD)
    return tuple(seat(member, known, etcds) for member in window.members if member.started)


def seat(member: Member, known: Nodes, etcds: Iterable[StaticPod]) -> Seat:
    """Return where a member sits among these nodes."""
    at = hosts((*member.peer_urls, *member.client_urls))
    servers = (*known.servers, *known.unready)
    for node in servers:
        if at & {address.lower() for address in node.addresses}:
            return Seat(member, node, BY_ADDRESS)
    for pod in etcds:
        peer_urls = set(pod.flag("initial-advertise-peer-urls").split(","))
        ours = pod.flag("name") == member.name or not peer_urls.isdisjoint(member.peer_urls)
        if ours and (host := known.node(pod.node)):
            return Seat(member, host, BY_POD)
    named = (n for n in servers if member.name in (n.name, n.etcd_name))
    found = next(named, None)
    return Seat(member, found, BY_NAME if found else "")


def seat_of(window: Window, node: str) -> Seat | None:
    """Return the member that sits on the node of that name."""
    return next((s for s in seats(window) if s.node and s.node.name == node), None)


@once
def stacked(window: Window) -> bool:
    """Return whether etcd runs on nodes of this Kubernetes, and is no cluster of its own."""
    known = nodes(window)
    if known is None or not window.members:
        return False
    seated = sum(1 for s in seats(window) if s.by == BY_ADDRESS)
    by_role = any("etcd" in n.roles for n in known.servers)
    return bool(pods(window, ETCD)) or by_role or 2 * seated > len(window.members)


def hosts(urls: Iterable[str]) -> set[str]:
    """Return the hosts of URLs, in lower case."""
    found = set()
    for url in urls:
        try:
            host = urlsplit(url).hostname
        except ValueError:
            continue
        if host:
            found.add(host.lower())
    return found


def is_address(host: str) -> bool:
    """Return whether it is an address, not a name that may mean anything."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_itself(host: str) -> bool:
    """Return whether it means the machine itself, as people write it."""
    return host in {"localhost", "127.0.0.1", "::1"}


@once
def dialled_by(window: Window, pod: StaticPod) -> tuple[str, ...] | None:
    """Return the members that an API server's --etcd-servers name; None where one is unknown.

    An unknown one may be a balancer's, behind which all members are.
    """
    found: dict[str, None] = {}
    own = seat_of(window, pod.node)
    for host in hosts(pod.flag("etcd-servers").split(",")):
        by_host = (m.id for m in window.members if host in hosts((*m.client_urls, *m.peer_urls)))
        member = next(by_host, own.member.id if own and is_itself(host) else "")
        if not member:
            return None
        found[member] = None
    return tuple(found)


def apiservers(window: Window) -> tuple[str, ...]:
    """Return the endpoints of the API servers that are looked at."""
    return tuple(sorted({at for source, at in window.looks if source == "apiserver"}))


def name_of(window: Window, endpoint: str) -> str:
    """Return what an API server is called: its node, else its address."""
    node = window.word(endpoint, APISERVER_NODE, within=900.0)
    return node or endpoint.removeprefix(APISERVER_PREFIX)


def pinned_to(window: Window, member: str) -> tuple[str, ...]:
    """Return the nodes whose API servers dial that member alone."""
    found = [p for p in pods(window, APISERVER) if dialled_by(window, p) == (member,)]
    return tuple(p.node for p in found) if len(window.members) > 1 else ()


def said(signal: Signal, value: float | str, says: str = "", member: str = "") -> Evidence:
    """Return a fact that Kubernetes told."""
    return Evidence(signal.name, value, signal.unit.value, None, signal.source, member, says=says)
