"""A host through its node_exporter: which of its series are which signals."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from urllib.parse import urldefrag

from etcdscope.model.reading import Observation
from etcdscope.model.signal import (
    CLOCK_ERROR,
    CLOCK_SYNCED,
    CPU_IOWAIT,
    CPU_STOLEN,
    DISK_BUSY,
    DISK_NAME,
    DISK_WRITE_SECONDS,
    DISK_WRITES,
    DISK_WRITTEN,
    FS_BYTES,
    FS_FREE,
    FS_INODES,
    FS_INODES_FREE,
    FS_READ_ONLY,
    HOST_VIEW,
    MEMORY_LIMIT,
    MEMORY_USED,
    NET_DROPS,
    NET_ERRORS,
    OOM_KILLS,
    PRESSURE,
    TCP_RETRANSMITTED,
    TCP_SENT,
    Kind,
    Signal,
    Unit,
)
from etcdscope.sources.exposition import Layout, MalformedError, Names
from etcdscope.sources.pages import Pages, page, page_url
from etcdscope.sources.procfs.machine import HOST
from etcdscope.sources.procfs.storage import DATA

# A host with many disks, CPUs and containers gives a megabyte.
MAX_BYTES = 8 << 20
# Where etcd's data are, if nobody says: packages, kubeadm, OpenShift; RKE2 and k3s.
USUAL = ("/var/lib/etcd", "/var/lib/rancher")

Read = Mapping[str, Mapping[str, float]]  # by series, then by its label's value


def _series(name: str, by: str | None = None, where: tuple[tuple[str, str], ...] = ()) -> Signal:
    return Signal(name, Unit.NONE, Kind.GAUGE, "node_exporter", "", (name,), by, where)


# The series that are read, and the label that tells theirs apart.
SERIES = {
    name: _series(name, by)
    for by, names in {
        None: """
            node_pressure_cpu_waiting_seconds_total node_pressure_io_waiting_seconds_total
            node_pressure_memory_waiting_seconds_total node_timex_sync_status
            node_timex_maxerror_seconds node_vmstat_oom_kill node_memory_MemTotal_bytes
            node_memory_MemAvailable_bytes node_netstat_Tcp_OutSegs node_netstat_Tcp_RetransSegs
            node_network_receive_errs_total node_network_transmit_errs_total
            node_network_receive_drop_total node_network_transmit_drop_total
            """,
        "mountpoint": """
            node_filesystem_avail_bytes node_filesystem_size_bytes node_filesystem_files
            node_filesystem_files_free node_filesystem_readonly
            """,
        "device": """
            node_disk_written_bytes_total node_disk_writes_completed_total
            node_disk_write_time_seconds_total node_disk_io_time_seconds_total
            """,
        "mode": "node_cpu_seconds_total",
    }.items()
    for name in names.split()
}
# Series with one signal each.
PLAIN = {
    "node_timex_sync_status": CLOCK_SYNCED,
    "node_timex_maxerror_seconds": CLOCK_ERROR,
    "node_netstat_Tcp_OutSegs": TCP_SENT,
    "node_netstat_Tcp_RetransSegs": TCP_RETRANSMITTED,
}
FILE_SYSTEM = {
    "node_filesystem_avail_bytes": FS_FREE,
    "node_filesystem_size_bytes": FS_BYTES,
    "node_filesystem_files": FS_INODES,
    "node_filesystem_files_free": FS_INODES_FREE,
    "node_filesystem_readonly": FS_READ_ONLY,
}
DISK = {
    "node_disk_written_bytes_total": DISK_WRITTEN,
    "node_disk_writes_completed_total": DISK_WRITES,
    "node_disk_write_time_seconds_total": DISK_WRITE_SECONDS,
    "node_disk_io_time_seconds_total": DISK_BUSY,
}


class Exporter:
    """One node_exporter. Its URL's fragment may say where etcd's WAL is: ``…:9100#/data/etcd``."""

    def __init__(self, http: Pages, url: str) -> None:
        whole, self._directory = urldefrag(url)
        self.url = page_url(whole, "/metrics", {})
        self._http = http
        self._layout = Layout(Names(SERIES), {})
        self._devices: dict[str, str] = {}

    async def read(self) -> tuple[Observation, ...]:
        """Scrape once. Errors: EtcdError, MalformedError."""
        answer = await page(self._http, self.url, MAX_BYTES)
        read: dict[str, dict[str, float]] = {}
        for seen in self._layout.read(answer.body):
            if isinstance(seen.value, (int, float)):
                read.setdefault(seen.signal.name, {})[seen.key] = seen.value
        if not read:
            raise MalformedError("it has none of the series node_*")
        return tuple(self._told(read, answer.body))

    def _told(self, read: Read, body: bytes) -> Iterator[Observation]:
        yield Observation(HOST_VIEW, "node_exporter")
        yield from host(read)
        mount = mount_of(read.get("node_filesystem_size_bytes", {}), self._directory)
        if mount is None:
            return
        for name, signal in FILE_SYSTEM.items():
            if (value := read.get(name, {}).get(mount)) is not None:
                yield Observation(signal, value, DATA)
        if mount not in self._devices:
            self._devices[mount] = device_of(body, mount)
        disk = disk_of(self._devices[mount], read.get("node_disk_io_time_seconds_total", {}))
        if disk:
            yield Observation(DISK_NAME, disk)
            for name, signal in DISK.items():
                if (value := read.get(name, {}).get(disk)) is not None:
                    yield Observation(signal, value)


def host(read: Read) -> Iterator[Observation]:
    """Yield what concerns the host as a whole."""

    def one(name: str) -> float | None:
        return read.get(name, {}).get("")

    for resource in ("cpu", "io", "memory"):
        if (waited := one(f"node_pressure_{resource}_waiting_seconds_total")) is not None:
            yield Observation(PRESSURE, waited, resource)
    for name, signal in PLAIN.items():
        if (value := one(name)) is not None:
            yield Observation(signal, value)
    modes = read.get("node_cpu_seconds_total", {})
    for mode, signal in (("steal", CPU_STOLEN), ("iowait", CPU_IOWAIT)):
        if mode in modes:
            yield Observation(signal, modes[mode])
    if (kills := one("node_vmstat_oom_kill")) is not None:
        yield Observation(OOM_KILLS, kills, HOST)
    total, free = one("node_memory_MemTotal_bytes"), one("node_memory_MemAvailable_bytes")
    if total and free is not None:
        yield Observation(MEMORY_USED, total - free, HOST)
        yield Observation(MEMORY_LIMIT, total, HOST)
    yield from _summed(one, NET_ERRORS, "errs")
    yield from _summed(one, NET_DROPS, "drop")


def _summed(one: Callable[[str], float | None], signal: Signal, what: str) -> Iterator[Observation]:
    both = [one(f"node_network_{way}_{what}_total") for way in ("receive", "transmit")]
    told = [value for value in both if value is not None]
    if told:
        yield Observation(signal, sum(told))


def mount_of(mounts: Mapping[str, float], directory: str) -> str | None:
    """Return the mount point that etcd's data are under, as well as one can tell from outside.

    What the operator said, else one that is called like etcd, else what the usual places are on.
    """
    if directory:
        return _holds(mounts, directory)
    named = [mount for mount in mounts if "etcd" in mount.rsplit("/", 1)[-1]]
    if named:
        return min(named, key=len)
    found = [mount for place in USUAL if (mount := _holds(mounts, place))]
    return max(found, key=len, default=None)


def _holds(mounts: Mapping[str, float], path: str) -> str | None:
    over = [m for m in mounts if path == m or path.startswith(m.rstrip("/") + "/")]
    return max(over, key=len, default=None)


def device_of(body: bytes, mount: str) -> str:
    """Return the device that stands beside a mount point."""
    for line in re.findall(rb"^node_filesystem_size_bytes\{([^}\n]*)\}", body, re.MULTILINE):
        pairs: list[tuple[str, str]] = re.findall(r'(\w+)="([^"]*)"', line.decode(errors="replace"))
        labels = dict(pairs)
        if labels.get("mountpoint") == mount:
            return labels.get("device", "")
    return ""


def disk_of(device: str, disks: Mapping[str, float] | Sequence[str]) -> str:
    """Return the disk that a device is on; the only one where names do not say."""
    name = device.rpartition("/")[2]
    if not device.startswith("/dev/"):
        return ""  # no block device: tmpfs, NFS
    whole = [disk for disk in disks if name.startswith(disk)]
    real = [d for d in disks if not d.startswith(("zram", "loop", "ram", "sr"))]
    return max(whole, key=len, default=real[0] if len(real) == 1 else "")
