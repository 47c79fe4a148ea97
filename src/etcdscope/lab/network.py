"""Where members live: on loopback addresses, or each in a network namespace of its own.

On loopback, all members dial from 127.0.0.1, whoever they are, and no rule can say who speaks to
whom; network faults therefore want namespaces. Those are anonymous: nothing but open files of this
process holds them, so the kernel removes namespaces, cables and firewall rules when we are gone.

    root namespace          hub namespace             member i
    198.18.n.254 ─ veth ── uplink, bridge ── m<i> ─── eth0 198.18.n.<i>

The bridge has a namespace of its own, because a host's firewall (Docker's, say) also looks at what
bridges in the root namespace carry. Rules of faults stand in the namespace of the member they hit.
"""

import asyncio
import contextlib
import ctypes
import hashlib
import ipaddress
import json
import os
import socket
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

from etcdscope.lab import journal
from etcdscope.lab.children import run, which
from etcdscope.lab.firewall import restore_argv
from etcdscope.lab.spec import LabError, NetworkKind

CLIENT_PORT: Final = 2379
PEER_PORT: Final = 2380
METRICS_PORT: Final = 2381

# For benchmarks of networks (RFC 2544): nobody routes it, and clusters hardly ever use it.
SUBNETS: Final = tuple(ipaddress.IPv4Network("198.18.0.0/15").subnets(new_prefix=24))
OBSERVER: Final = 254
NAMESPACES_WANTED: Final = (
    "network faults need network namespaces: as root, with the programs ip and nsenter "
    "(Debian: iproute2, util-linux), start the lab with --network namespaces"
)
_CLONE_NEWNET: Final = 0x40000000
_CAP_NET_ADMIN: Final = 12
_CAP_SYS_ADMIN: Final = 21

Rule = tuple[str, ...]  # what follows `iptables -A`


class Network(Protocol):
    """The members' places, numbered from 1."""

    kind: NetworkKind
    observer: str  # the address that we speak to members from

    async def attach(self, place: int) -> None:
        """Make the place ready for a member."""

    def address(self, place: int) -> str: ...

    def inside(self, place: int) -> tuple[str, ...]:
        """The prefix under which a program runs at that place."""

    async def arm(self) -> None:
        """Get ready to block; the first time, the firewall's program may have to be fetched."""

    async def block(self, place: int, rules: Sequence[Rule]) -> None:
        """Add firewall rules at that place, all or none."""

    async def unblock(self, place: int, rules: Sequence[Rule]) -> None: ...

    async def close(self) -> None: ...


async def open_network(kind: NetworkKind, lab_id: str) -> Network:
    if kind == "auto":
        kind = "namespaces" if may_make_namespaces() else "loopback"
    if kind == "loopback":
        return Loopback(lab_id)
    if not may_make_namespaces():
        raise LabError(NAMESPACES_WANTED)
    return await Namespaces.open(lab_id)


def may_make_namespaces() -> bool:
    status = Path("/proc/self/status").read_text()
    effective = int(status.partition("CapEff:")[2].split()[0], 16)
    capable = all(effective >> bit & 1 for bit in (_CAP_NET_ADMIN, _CAP_SYS_ADMIN))
    return capable and all(which(program) for program in ("ip", "nsenter"))


class Loopback:
    """127.x.y.1, .2, …: a /24 of its own, on which nobody listens yet."""

    kind: NetworkKind = "loopback"
    observer = "127.0.0.1"

    def __init__(self, lab_id: str) -> None:
        for attempt in range(100):
            digest = hashlib.sha256(f"{lab_id}/{attempt}".encode()).digest()
            self._subnet = f"127.{64 + digest[0] % 190}.{digest[1]}"  # others like it below 64
            if all(_is_free(self.address(place)) for place in range(1, 10)):
                return
        raise LabError("no free loopback addresses: are very many labs running? lab down ends them")

    def address(self, place: int) -> str:
        return f"{self._subnet}.{place}"

    def inside(self, place: int) -> tuple[str, ...]:  # noqa: ARG002
        return ()

    async def attach(self, place: int) -> None: ...

    async def arm(self) -> None:
        raise LabError(NAMESPACES_WANTED)

    async def block(self, place: int, rules: Sequence[Rule]) -> None: ...

    async def unblock(self, place: int, rules: Sequence[Rule]) -> None: ...

    async def close(self) -> None: ...


class Namespaces:
    """A bridge, and a namespace a member; held by open files of this process and nothing else."""

    kind: NetworkKind = "namespaces"

    def __init__(self, lab_id: str, subnet: ipaddress.IPv4Network) -> None:
        self._subnet = subnet
        self._cable = f"es{lab_id[:8]}"  # interface names have at most 15 characters
        self._hub = _new_namespace()
        self._places: dict[int, int] = {}
        self.observer = str(subnet[OBSERVER])

    @classmethod
    async def open(cls, lab_id: str) -> "Namespaces":
        # Two labs that start together must not choose the same subnet.
        async with journal.exclusive():
            network = cls(lab_id, await _free_subnet(lab_id))
            try:
                await network._lay_out()
            except BaseException:
                await network.close()
                raise
            return network

    async def _lay_out(self) -> None:
        await _ip(
            f"link add {self._cable} type veth peer name uplink netns {_path(self._hub)}",
            f"addr add {self.observer}/24 dev {self._cable}",
            f"link set {self._cable} up",
        )
        await _ip(
            "link add hub type bridge",
            "link set hub up",
            "link set uplink master hub",
            "link set uplink up",
            inside=self._hub,
        )

    async def attach(self, place: int) -> None:
        if place in self._places:
            return
        namespace = self._places[place] = _new_namespace()
        await _ip(
            f"link add m{place} type veth peer name eth0 netns {_path(namespace)}",
            f"link set m{place} master hub",
            f"link set m{place} up",
            inside=self._hub,
        )
        await _ip(
            "link set lo up",  # etcd's JSON gateway dials its own member
            f"addr add {self.address(place)}/24 dev eth0",
            "link set eth0 up",
            inside=namespace,
        )

    def address(self, place: int) -> str:
        return str(self._subnet[place])

    def inside(self, place: int) -> tuple[str, ...]:
        return _enter(self._places[place])

    async def arm(self) -> None:
        await asyncio.to_thread(restore_argv)

    async def block(self, place: int, rules: Sequence[Rule]) -> None:
        await self._restore(place, "-A", rules)

    async def unblock(self, place: int, rules: Sequence[Rule]) -> None:
        await self._restore(place, "-D", rules)

    async def _restore(self, place: int, verb: str, rules: Sequence[Rule]) -> None:
        lines = ["*filter", *(" ".join((verb, *rule)) for rule in rules), "COMMIT", ""]
        argv = (*self.inside(place), *restore_argv(), "--noflush")
        await run(argv, text="\n".join(lines))

    async def close(self) -> None:
        """Let go of the namespaces, and wait until the kernel has taken the cable away."""
        with contextlib.suppress(LabError):
            await _ip(f"link del {self._cable}")
        for namespace in (self._hub, *self._places.values()):
            os.close(namespace)
        self._places.clear()


async def _ip(*commands: str, inside: int | None = None) -> None:
    prefix = () if inside is None else _enter(inside)
    await run((*prefix, which("ip") or "ip", "-batch", "-"), text="\n".join(commands))


def _path(namespace: int) -> str:
    return f"/proc/{os.getpid()}/fd/{namespace}"


def _enter(namespace: int) -> tuple[str, ...]:
    return (which("nsenter") or "nsenter", f"--net={_path(namespace)}", "--")


def _new_namespace() -> int:
    """An open file that holds a new network namespace; made by a thread that then ends."""
    held: list[int] = []

    def make() -> None:
        if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET) == 0:
            held.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC))

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    if not held:
        raise LabError(NAMESPACES_WANTED)
    return held[0]


async def _free_subnet(lab_id: str) -> ipaddress.IPv4Network:
    """The first /24, counted from the lab's id, that overlaps nothing we have a route to."""
    ip = which("ip") or "ip"
    routes, addresses = await asyncio.gather(
        run((ip, "-json", "-4", "route", "show", "table", "all")), run((ip, "-json", "-4", "addr"))
    )
    used = _networks(routes, addresses)
    first = int.from_bytes(hashlib.sha256(lab_id.encode()).digest()[:2])
    for step in range(len(SUBNETS)):
        subnet = SUBNETS[(first + step) % len(SUBNETS)]
        if not any(subnet.overlaps(other) for other in used):
            return subnet
    raise LabError("no free /24 in 198.18.0.0/15: lab down ends labs that still run")


def _networks(routes: str, addresses: str) -> list[ipaddress.IPv4Network]:
    named = [row["dst"] for row in json.loads(routes or "[]") if row["dst"] != "default"]
    named += [
        f"{info['local']}/{info['prefixlen']}"
        for row in json.loads(addresses or "[]")
        for info in row.get("addr_info", ())
    ]
    return [ipaddress.IPv4Network(text, strict=False) for text in named]


def _is_free(address: str) -> bool:
    for port in (CLIENT_PORT, PEER_PORT, METRICS_PORT):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError:
                return False
    return True
