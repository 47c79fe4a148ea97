"""A lab's certificates."""

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from etcdscope.lab.certificates import Authority


def test_certificate_names_its_addresses_and_hides_its_key(tmp_path: Path) -> None:
    files = Authority(tmp_path / "pki").issue("m1", ["127.1.2.3"], timedelta(days=3))

    certificate = x509.load_pem_x509_certificate(files.cert.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.IPAddress) == [ipaddress.ip_address("127.1.2.3")]
    assert files.key.stat().st_mode & 0o777 == 0o600
    ca = x509.load_pem_x509_certificate(files.ca.read_bytes())
    certificate.verify_directly_issued_by(ca)


@pytest.mark.parametrize("days", [30, 0.01, -1])
def test_certificate_ends_when_it_is_told_to(tmp_path: Path, days: float) -> None:
    files = Authority(tmp_path / "pki").issue("m1", [], timedelta(days=days))

    end = x509.load_pem_x509_certificate(files.cert.read_bytes()).not_valid_after_utc
    assert abs(end - datetime.now(UTC) - timedelta(days=days)) < timedelta(seconds=10)
