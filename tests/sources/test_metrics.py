"""The /metrics of real members, and endpoints that give none."""

import pytest
from tests.sources import recorded
from tests.sources.fakes import ENDPOINT, FakePages, value, values

from etcdscope.etcd.errors import EtcdError
from etcdscope.model import signal as s
from etcdscope.model.reading import Failure, Histogram
from etcdscope.sources.metrics import MetricsSource

# What only appears after a first failure, loss, snapshot or transaction.
RARE = {
    s.DISCONNECTED_PEERS,
    s.PEER_SENT_FAILURES,
    s.SNAPSHOT_SEND_FAILURES,
    s.SNAPSHOT_SENDS,
    s.SNAPSHOTS_SENT,
    s.TXN_APPLIES,
}
ALWAYS = set(s.BY_METRIC.values()) - RARE
NOT_YET: dict[str, set[s.Signal]] = {"3.4.23": set()}


@pytest.mark.parametrize("name", recorded.METRICS)
async def test_every_version_gives_every_signal(name: str) -> None:
    source = MetricsSource(FakePages(recorded.metrics(name)))

    reading = await source.read(ENDPOINT, 100.0)

    version, _, which = name.partition("/")
    missing = ALWAYS - {o.signal for o in reading.observations} - NOT_YET.get(version, set())
    # RTTs are probed every 30 s; the NOSPACE recordings are younger.
    assert missing == ({s.PEER_RTT} if which.startswith("nospace") else set())
    assert value(reading, s.METRICS_SECONDS) == 0.002
    assert reading.failure is None


async def test_a_recorded_member_is_read() -> None:
    pages = FakePages(recorded.metrics("3.5.30/member1"))

    reading = await MetricsSource(pages).read(ENDPOINT, 100.0)

    assert pages.asked == [f"{ENDPOINT}/metrics"]
    assert (reading.source, reading.member, reading.at) == ("metrics", "37ecd0dfd165b309", 100.0)
    assert value(reading, s.HAS_LEADER) == 1.0
    assert set(values(reading, s.ACTIVE_PEERS)) == {"a44eb1516c9e9da", "b5866298dc7de0ee"}
    assert set(values(reading, s.PEER_RTT)) == {"a44eb1516c9e9da", "b5866298dc7de0ee"}
    assert {"OK", "Unavailable"} < set(values(reading, s.GRPC_HANDLED))
    assert values(reading, s.PROCESS_AT) == {ENDPOINT: value(reading, s.PROCESS_START)}
    fsync = value(reading, s.WAL_FSYNC)
    assert isinstance(fsync, Histogram)
    assert fsync.bounds[0] == 0.001
    assert fsync.bounds[-1] == float("inf")
    assert fsync.count > 0


@pytest.mark.parametrize(
    ("elsewhere", "asked"),
    [
        ("http://10.0.0.1:2381", "http://10.0.0.1:2381/metrics"),
        ("http://10.0.0.1:2381/", "http://10.0.0.1:2381/metrics"),
        ("http://proxy:8080/m1/metrics", "http://proxy:8080/m1/metrics"),
    ],
)
async def test_metrics_may_be_elsewhere(elsewhere: str, asked: str) -> None:
    pages = FakePages(recorded.metrics("3.5.30/member1"))

    await MetricsSource(pages, {ENDPOINT: elsewhere}).read(ENDPOINT, 100.0)

    assert pages.asked == [asked]


@pytest.mark.parametrize(
    ("pages", "failure", "says"),
    [
        pytest.param(
            FakePages(error=EtcdError(Failure.REFUSED, "nobody")), Failure.REFUSED, "nobody",
            id="refused",
        ),
        pytest.param(
            FakePages(error=EtcdError(Failure.TOO_LARGE, "large")), Failure.TOO_LARGE, "large",
            id="too large",
        ),
        pytest.param(
            FakePages(b"404 page not found", 404), Failure.UNSUPPORTED, "404", id="not there"
        ),
        pytest.param(FakePages(status=401), Failure.UNAUTHENTICATED, "401", id="who asks"),
        pytest.param(FakePages(status=403), Failure.PERMISSION_DENIED, "403", id="may not"),
        pytest.param(FakePages(status=302), Failure.NOT_ETCD, "302", id="a log-in page"),
        pytest.param(
            FakePages(b"<html>\n</html>\n"), Failure.NOT_ETCD, "gives no metrics: line 1",
            id="a web page",
        ),
        pytest.param(FakePages(b""), Failure.NOT_ETCD, "none of etcd's", id="empty"),
        pytest.param(
            FakePages(b"process_open_fds 5\nnode_load1 0.3\n"), Failure.NOT_ETCD, "none of etcd's",
            id="another program",
        ),
    ],
)  # fmt: skip
async def test_a_refusal_is_a_reading(pages: FakePages, failure: Failure, says: str) -> None:
    reading = await MetricsSource(pages).read(ENDPOINT, 100.0)

    assert (reading.failure, reading.observations) == (failure, ())
    assert says in reading.detail
