"""Who listens where: the socket tables of a network namespace."""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from etcdscope.sources.procfs.files import Files

Address = IPv4Address | IPv6Address
_LISTEN = b"0A"
# A namespace with thousands of routes has a long table; more is no host of etcd's.
_ROUTES_BYTES = 1 << 20
# Of an etcd's descriptors its listening sockets are among the first; clients come later.
_FIRST_DESCRIPTORS = 256


@dataclass(frozen=True, slots=True)
class Listener:
    """A listening socket; ``inode`` names it in /proc/PID/fd."""

    address: Address
    port: int
    inode: int


def listeners(files: Files, pid: int | str) -> list[Listener]:
    """Return the listening sockets of the process's network namespace, its own and others'."""
    # The kernel lists listening sockets before the connections, which may be many.
    tables = (files.read(f"{files.proc}/{pid}/net/{name}") for name in ("tcp", "tcp6"))
    return [found for table in tables for found in parse_listeners(table)]


def parse_listeners(table: bytes) -> Iterator[Listener]:
    """Read /proc/net/tcp or tcp6: little-endian words, as x86-64 and arm64 write them."""
    for line in table.splitlines()[1:]:
        words = line.split()
        if len(words) > 9 and words[3] == _LISTEN:
            raw, _, port = words[1].partition(b":")
            yield Listener(_address(raw), int(port, 16), int(words[9]))


def _address(raw: bytes) -> Address:
    packed = bytes.fromhex(raw.decode())
    words = b"".join(packed[i : i + 4][::-1] for i in range(0, len(packed), 4))
    return plain(ip_address(words))


def plain(address: Address) -> Address:
    """Return an IPv4 address as such, also where it stands in an IPv6 one."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def addresses(files: Files, pid: int | str) -> set[Address]:
    """Return the addresses of the process's network namespace."""
    routes = files.read(f"{files.proc}/{pid}/net/fib_trie", most=_ROUTES_BYTES)
    six = files.read(f"{files.proc}/{pid}/net/if_inet6")
    return set(parse_routes(routes)) | {
        ip_address(bytes.fromhex(line.split()[0].decode())) for line in six.splitlines()
    }


def parse_routes(trie: bytes) -> Iterator[Address]:
    """Read /proc/net/fib_trie: an address on one line, what it is on the next ones."""
    leaf = b""
    for line in trie.splitlines():
        text = line.strip()
        if text.startswith(b"|-- "):
            leaf = text[4:]
        elif text == b"/32 host LOCAL" and leaf:
            yield ip_address(leaf.decode())


def owns(files: Files, pid: int, inode: int) -> bool | None:
    """Return whether the socket is the process's own; None where we may not look."""
    folder, wanted = f"{files.proc}/{pid}/fd", f"socket:[{inode}]"
    names = files.names(folder, most=_FIRST_DESCRIPTORS)
    if not names:
        return None
    return any(files.link(f"{folder}/{name}") == wanted for name in names)
