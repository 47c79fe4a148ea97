"""One look at a member that runs on this machine, put together."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from threading import Lock

from etcdscope.model.reading import Observation
from etcdscope.model.signal import HOST_UNREADABLE, HOST_VIEW, PROC_PID, PROC_STATE
from etcdscope.sources.procfs.cgroup import cgroup
from etcdscope.sources.procfs.files import Files
from etcdscope.sources.procfs.machine import Disk, disk, disks, machine, network
from etcdscope.sources.procfs.process import process
from etcdscope.sources.procfs.seats import Seat, Seats
from etcdscope.sources.procfs.sockets import Address
from etcdscope.sources.procfs.storage import DEVICE, DIRECTORY, leftovers, room
from etcdscope.sources.procfs.writers import Writers

# What is the same for all members of this machine is read once for all of them.
SHARED = 0.5
# Files that a failed transfer left stay for days.
LEFTOVERS_EVERY = 60.0


class Here:
    """This machine. Its ``look`` blocks: only for as long as the kernel does."""

    def __init__(self, files: Callable[[], Files] = Files) -> None:
        self._files = files
        self._seats = Seats()
        self._writers = Writers()
        self._lock = Lock()
        self._machine: tuple[float, tuple[Observation, ...], Mapping[str, Disk], set[str]] = (
            float("-inf"), (), {}, set(),
        )  # fmt: skip
        self._leftovers: dict[str, tuple[float, tuple[Observation, ...]]] = {}

    def look(
        self, addresses: Sequence[Address], port: int, now: float
    ) -> tuple[Observation, ...] | None:
        """Return what is seen of whoever listens there; None where nobody of this machine does."""
        files = self._files()
        for address in addresses:
            if seat := self._seats.seat(files, address, port, now):
                return tuple(self._seen(files, seat, now))
        return None

    def _seen(self, files: Files, seat: Seat, now: float) -> Iterator[Observation]:
        yield Observation(HOST_VIEW, "proc")
        shared, devices = self._shared(files, now)
        yield from shared
        if seat.alive:
            yield from process(files, seat.pid, seat.state)
            yield from network(files, seat.pid)
            if not seat.place.data:
                files.denied.add(DIRECTORY)
        else:
            yield Observation(PROC_PID, 0.0)
            yield Observation(PROC_STATE, "gone")
        yield from cgroup(files, seat.cgroups)
        yield from room(seat.place)
        yield from self._left(files, seat.place.data, now)
        name = seat.place.disk
        if name in devices:
            yield from disk(name, devices[name])
            members = self._seats.pids()
            yield from self._writers.look(files, name, devices[name], members, now)
        elif seat.place.wal:
            files.denied.add(DEVICE)
        for what in sorted(files.denied):
            yield Observation(HOST_UNREADABLE, 1.0, what)

    def _shared(
        self, files: Files, now: float
    ) -> tuple[tuple[Observation, ...], Mapping[str, Disk]]:
        with self._lock:
            at, seen, devices, denied = self._machine
            if now - at > SHARED:
                own = type(files)(files.proc, files.sys)
                seen, devices, denied = tuple(machine(own)), disks(own), own.denied
                self._machine = now, seen, devices, denied
        files.denied |= denied
        return seen, devices

    def _left(self, files: Files, data: str, now: float) -> tuple[Observation, ...]:
        if not data:
            return ()
        at, seen = self._leftovers.get(data, (float("-inf"), ()))
        if now - at > LEFTOVERS_EVERY:
            seen = tuple(leftovers(files, data, now))
            self._leftovers[data] = (now, seen)
        return seen
