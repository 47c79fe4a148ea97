"""A real node_exporter's answer, and those that give none."""

import re

import pytest
import zstandard
from tests.sources.fakes import FakePages, value, values
from tests.sources.recorded import FOLDER

from etcdscope.etcd.errors import EtcdError
from etcdscope.model import signal as s
from etcdscope.model.reading import Failure
from etcdscope.sources.host import HostSource
from etcdscope.sources.node_exporter import device_of, disk_of, mount_of
from etcdscope.sources.procfs.here import Here

# Of Debian's node_exporter 1.5.0, a second apart; the data directory was a file system in memory.
ENDPOINT = "http://192.0.2.7:2379"


def recorded(which: str = "one") -> bytes:
    packed = (FOLDER / "host" / f"node_exporter-1.5.0-{which}.txt.zst").read_bytes()
    return zstandard.ZstdDecompressor().decompress(packed)


def number(series: str) -> float:
    found = re.search(rf"^{re.escape(series)} (\S+)$", recorded().decode(), re.MULTILINE)
    assert found
    return float(found[1])


class Elsewhere(Here):
    """A machine on which no member runs."""

    def look(self, *_: object) -> None:
        return None


def source(pages: FakePages, url: str = "http://192.0.2.7:9100", name: str = "m2") -> HostSource:
    return HostSource(pages, {name: url}, lambda _: ("m2", "a2"), Elsewhere())


async def test_recorded_host_is_read() -> None:
    pages = FakePages(recorded())

    reading = await source(pages).read(ENDPOINT, 100.0)

    assert pages.asked == ["http://192.0.2.7:9100/metrics"]
    assert reading.failure is None
    assert value(reading, s.HOST_VIEW) == "node_exporter"
    assert values(reading, s.FS_FREE) == {"data": 536870912.0}
    assert set(values(reading, s.PRESSURE)) == {"cpu", "io", "memory"}
    assert values(reading, s.MEMORY_LIMIT) == {"host": 25276502016.0}
    assert values(reading, s.OOM_KILLS) == {"host": 0.0}
    assert value(reading, s.CLOCK_SYNCED) == 0.0
    assert value(reading, s.TCP_RETRANSMITTED) == number("node_netstat_Tcp_RetransSegs")


async def test_disk_of_the_data_is_the_one_of_its_mount_point() -> None:
    pages = FakePages(recorded())

    reading = await source(pages, "http://192.0.2.7:9100#/srv/data").read(ENDPOINT, 100.0)

    assert value(reading, s.DISK_NAME) == "vda"
    assert values(reading, s.FS_BYTES) == {"data": 270553174016.0}
    assert value(reading, s.DISK_WRITES) == number('node_disk_writes_completed_total{device="vda"}')


async def test_second_scrape_is_read_by_what_changed() -> None:
    pages = FakePages(recorded("one"))
    one = source(pages, "http://192.0.2.7:9100#/")
    first = await one.read(ENDPOINT, 100.0)
    pages.body = recorded("two")

    second = await one.read(ENDPOINT, 101.0)

    assert value(second, s.DISK_BUSY) != value(first, s.DISK_BUSY)
    assert {o.signal for o in second.observations} == {o.signal for o in first.observations}


@pytest.mark.parametrize("name", ["m2", "a2", "192.0.2.7", ENDPOINT])
async def test_exporter_is_known_by_any_name_of_the_member(name: str) -> None:
    reading = await source(FakePages(recorded()), name=name).read(ENDPOINT, 100.0)

    assert value(reading, s.HOST_VIEW) == "node_exporter"


async def test_exporter_of_another_member_is_left_alone() -> None:
    pages = FakePages(recorded())

    reading = await source(pages, name="m3").read(ENDPOINT, 100.0)

    assert (pages.asked, reading.observations, reading.failure) == ([], (), None)


@pytest.mark.parametrize(
    ("pages", "failure"),
    [
        pytest.param(
            FakePages(error=EtcdError(Failure.REFUSED, "nobody")), Failure.REFUSED, id="refused"
        ),
        pytest.param(FakePages(status=404), Failure.UNSUPPORTED, id="another server"),
        pytest.param(FakePages(b"<html>\n</html>\n"), Failure.NOT_ETCD, id="a web page"),
        pytest.param(FakePages(b"go_goroutines 5\n"), Failure.NOT_ETCD, id="another program"),
        pytest.param(FakePages(b""), Failure.NOT_ETCD, id="empty"),
    ],
)
async def test_a_refusal_is_a_reading(pages: FakePages, failure: Failure) -> None:
    reading = await source(pages).read(ENDPOINT, 100.0)

    assert (reading.failure, reading.observations) == (failure, ())
    assert reading.detail


@pytest.mark.parametrize(
    ("mounts", "directory", "mount"),
    [
        (("/", "/boot"), "", "/"),
        (("/", "/var"), "", "/var"),
        (("/", "/var/lib", "/var/lib/etcd"), "", "/var/lib/etcd"),
        (("/", "/mnt/etcd-data"), "", "/mnt/etcd-data"),
        (("/", "/data", "/var"), "/data/etcd", "/data"),
        (("/", "/database"), "/data", "/"),
        ((), "", None),
    ],
)
def test_mount_point_is_the_likeliest(
    mounts: tuple[str, ...], directory: str, mount: str | None
) -> None:
    assert mount_of(dict.fromkeys(mounts, 1.0), directory) == mount


@pytest.mark.parametrize(
    ("device", "disks", "disk"),
    [
        ("/dev/sda1", ("sda", "sdb"), "sda"),
        ("/dev/nvme0n1p2", ("nvme0n1", "nvme1n1"), "nvme0n1"),
        ("/dev/mapper/vg-etcd", ("sda", "zram0"), "sda"),
        ("/dev/mapper/vg-etcd", ("sda", "sdb"), ""),
        ("tmpfs", ("sda",), ""),
    ],
)
def test_disk_is_told_from_the_device(device: str, disks: tuple[str, ...], disk: str) -> None:
    assert disk_of(device, disks) == disk


def test_device_stands_beside_the_mount_point() -> None:
    assert device_of(recorded(), "/") == "/dev/vda"
    assert device_of(recorded(), "/nowhere") == ""
