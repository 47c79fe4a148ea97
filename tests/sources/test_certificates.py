"""When certificates end."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.sources.fakes import values

from etcdscope.etcd.certificates import PeerCertificate
from etcdscope.etcd.errors import EtcdError
from etcdscope.etcd.settings import Security
from etcdscope.lab.certificates import Authority
from etcdscope.model.cluster import Certificate
from etcdscope.model.reading import Failure
from etcdscope.model.signal import CERTIFICATE, CERTIFICATE_END
from etcdscope.sources.certificates import CertificatesSource

END = datetime(2027, 1, 1, tzinfo=UTC)
CLIENT, PEER = "https://10.0.0.1:2379", "https://10.0.0.1:2380"


def source(
    security: Security | None = None, peer: str = PEER, refused: tuple[int, ...] = ()
) -> CertificatesSource:
    async def shown(host: str, port: int, _: Security) -> PeerCertificate:
        if port in refused:
            raise EtcdError(Failure.REFUSED, f"nobody listens at {port}")
        ends = END + timedelta(seconds=port)
        names = (host, "m1")
        return PeerCertificate(END, ends, "m1", "ca", names, f"f{port}", b"", "7", "a1", False)

    return CertificatesSource(security or Security(), lambda _: peer, shown)


async def test_both_ports_and_ours_are_looked_at(tmp_path: Path) -> None:
    ours = Authority(tmp_path / "pki").issue("client", (), timedelta(days=3))

    reading = await source(Security(ours.ca, ours.cert, ours.key)).read(CLIENT, 100.0)

    ends = values(reading, CERTIFICATE_END)
    assert ends["client"] == END.timestamp() + 2379
    assert ends["peer"] == END.timestamp() + 2380
    assert ends["ours"] == pytest.approx(
        (datetime.now(UTC) + timedelta(days=3)).timestamp(), abs=7200
    )


async def test_what_tells_certificates_apart_is_kept() -> None:
    reading = await source().read(CLIENT, 100.0)

    end = END.timestamp() + 2379
    names = ("10.0.0.1", "m1")
    kept = Certificate("f2379", "7", "m1", "ca", "a1", names, end)
    assert values(reading, CERTIFICATE)["client"] == kept


async def test_a_peer_port_that_shows_nothing_leaves_the_client_port() -> None:
    reading = await source(refused=(2380,)).read(CLIENT, 100.0)

    assert reading.failure is None
    assert list(values(reading, CERTIFICATE_END)) == ["client"]


async def test_a_client_port_that_shows_nothing_is_a_failure_beside_what_was_seen() -> None:
    reading = await source(refused=(2379,)).read(CLIENT, 100.0)

    assert reading.failure is Failure.REFUSED
    assert list(values(reading, CERTIFICATE_END)) == ["peer"]


async def test_without_tls_there_is_nothing_to_see() -> None:
    reading = await source(peer="").read("http://10.0.0.1:2379", 100.0)

    assert reading.failure is Failure.UNSUPPORTED


async def test_a_certificate_of_ours_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    broken = tmp_path / "client.crt"
    broken.write_text("nonsense")

    reading = await source(Security(cert=broken, key=broken)).read(CLIENT, 100.0)

    assert reading.failure is Failure.TLS_REJECTED
    assert set(values(reading, CERTIFICATE_END)) == {"client", "peer"}
