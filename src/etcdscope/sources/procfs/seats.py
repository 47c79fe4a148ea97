"""Which process of this machine listens at a member's address."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv6Address
from threading import Lock

from etcdscope.sources.procfs.cgroup import groups
from etcdscope.sources.procfs.command import command
from etcdscope.sources.procfs.files import Files
from etcdscope.sources.procfs.process import stat
from etcdscope.sources.procfs.processes import Processes
from etcdscope.sources.procfs.sockets import Address, Listener, addresses, listeners, owns
from etcdscope.sources.procfs.storage import Place, place

# Most members are on other machines: look for those again, but seldom.
AGAIN = 30.0
# A data directory may be mounted over.
REFRESH = 30.0


@dataclass(frozen=True, slots=True)
class Seat:
    """Where a member sits on this machine. ``alive``: else it is where it last sat."""

    pid: int
    started: int
    state: str
    place: Place = field(default_factory=Place)
    cgroups: Mapping[str, str] = field(default_factory=dict)
    group: bytes = b""  # what /proc/PID/cgroup said
    settled: float = 0.0

    @property
    def alive(self) -> bool:
        """Return whether the process is there."""
        return self.pid != 0


class Seats:
    """Finds them, and remembers; used by several looks at the same time."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._processes = Processes()
        self._seats: dict[tuple[Address, int], Seat] = {}
        self._missed: dict[tuple[Address, int], float] = {}

    def pids(self) -> frozenset[int]:
        """Return the processes that are members."""
        return frozenset(seat.pid for seat in list(self._seats.values()))

    def seat(self, files: Files, address: Address, port: int, now: float) -> Seat | None:
        """Return the member's seat; None where it never was on this machine."""
        at = (address, port)
        with self._lock:
            known = self._seats.get(at)
            if known is None and now - self._missed.get(at, -AGAIN) < AGAIN:
                return None
            seat = self._still(files, known, now) or self._found(files, at, known, now)
            if seat is None:
                self._missed[at] = now
            else:
                self._seats[at] = seat
            return seat

    def _still(self, files: Files, known: Seat | None, now: float) -> Seat | None:
        if known is None or not known.alive:
            return None
        seen = stat(files, f"{files.proc}/{known.pid}")
        if seen is None or seen.started != known.started:
            return None
        if now - known.settled > REFRESH or files.of(known.pid, "cgroup") != known.group:
            return _sits(files, known.pid, now)
        return replace(known, state=seen.state)

    def _found(
        self, files: Files, at: tuple[Address, int], known: Seat | None, now: float
    ) -> Seat | None:
        for pid in self._processes.etcds(files, now):
            if listens(files, pid, *at) and (seat := _sits(files, pid, now)):
                return seat
        if known is None:
            return None
        return replace(known, pid=0, state="gone")


def _sits(files: Files, pid: int, now: float) -> Seat | None:
    seen = stat(files, f"{files.proc}/{pid}")
    if seen is None:
        return None
    where = place(files, pid, command(files, pid))
    group = files.of(pid, "cgroup")
    return Seat(pid, seen.started, seen.state, where, groups(files, group), group, now)


def listens(files: Files, pid: int, address: Address, port: int) -> bool:
    """Return whether it is this process that answers at that address when we dial it."""
    for one in listeners(files, pid):
        if one.port == port and _leads_to(files, pid, one, address):
            own = owns(files, pid, one.inode)
            if own or (own is None and _says(files, pid, one)):
                return True
    return False


def _leads_to(files: Files, pid: int, one: Listener, address: Address) -> bool:
    if address.is_loopback:  # every network namespace has its own: it must be ours
        ours = {mine.inode for mine in listeners(files, "self")}
        return one.inode in ours and (one.address == address or one.address.is_unspecified)
    if one.address.is_unspecified:
        return address in addresses(files, pid)
    return one.address == address


def _says(files: Files, pid: int, one: Listener) -> bool:
    """Return whether the command line speaks of that listener, where we may not see sockets."""
    host = one.address
    text = f"[{host}]:{one.port}" if isinstance(host, IPv6Address) else f"{host}:{one.port}"
    told = files.of(pid, "cmdline")
    if isinstance(host, IPv4Address) or not host.is_unspecified:
        return text.encode() in told
    return text.encode() in told or f"0.0.0.0:{one.port}".encode() in told
