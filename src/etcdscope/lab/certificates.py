"""A certificate authority for one lab: server, peer and client certificates."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_SIGNS: Final = x509.KeyUsage(
    key_cert_sign=True,
    crl_sign=True,
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files in PEM: the authority, and a certificate that it signed with its key (mode 0600)."""

    ca: Path
    cert: Path
    key: Path


class Authority:
    """Signs the certificates of one lab into `directory`."""

    def __init__(self, directory: Path, name: str = "etcdscope lab authority") -> None:
        directory.mkdir(mode=0o700)
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        self.ca = directory / "ca.crt"
        template = _template(
            self._name, self._name, self._key.public_key(), self._key, timedelta(days=3650)
        )
        usage = x509.BasicConstraints(ca=True, path_length=0)
        self._write(
            self.ca,
            template.add_extension(usage, critical=True).add_extension(_SIGNS, critical=True),
        )

    def issue(self, name: str, addresses: Sequence[str], lasts: timedelta) -> Certificates:
        """A certificate for both sides of TLS: etcd's gateway is a client of its own member."""
        key = ec.generate_private_key(ec.SECP256R1())
        names: list[x509.GeneralName] = [x509.DNSName("localhost"), x509.DNSName(name)]
        names += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
        sides = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        template = (
            _template(_name(name), self._name, key.public_key(), self._key, lasts)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.ExtendedKeyUsage(sides), critical=False)
        )
        files = Certificates(
            self.ca, self._directory / f"{name}.crt", self._directory / f"{name}.key"
        )
        self._write(files.cert, template)
        files.key.touch(mode=0o600)
        files.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return files

    def _write(self, path: Path, template: x509.CertificateBuilder) -> None:
        certificate = template.sign(self._key, hashes.SHA256())
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _template(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    authority: ec.EllipticCurvePrivateKey,
    lasts: timedelta,
) -> x509.CertificateBuilder:
    """What all have in common; Python 3.13 verifies strictly and wants the two key identifiers."""
    now = datetime.now(UTC)
    end = now + lasts  # in the past for a certificate that has ended
    signer = authority.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(now, end) - timedelta(days=1))
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer), critical=False)
    )
