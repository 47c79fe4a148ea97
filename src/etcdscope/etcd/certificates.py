"""Certificates as they are shown to us, and our own."""

import asyncio
import ssl
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from etcdscope.etcd import tls
from etcdscope.etcd.errors import EtcdError
from etcdscope.etcd.failures import failure_of, told
from etcdscope.etcd.settings import Security
from etcdscope.model.reading import Failure

if TYPE_CHECKING:
    from cryptography import x509

_READ_BYTES = 16_384
_HANDSHAKE_BYTES = 1 << 18
# RFC 5246, 6.2.1 and 7.4.
_HANDSHAKE_RECORD, _CERTIFICATE_MESSAGE = 22, 11


@dataclass(frozen=True, slots=True)
class PeerCertificate:
    """One certificate. ``sans``: DNS names and addresses; ``fingerprint``: SHA-256, hex.

    ``authority``: key identifier of its signer in hex, else the signer's name.
    """

    not_before: datetime
    not_after: datetime
    subject: str
    issuer: str
    sans: tuple[str, ...]
    fingerprint: str
    pem: bytes
    serial: str = ""
    authority: str = ""
    self_signed: bool = False

    @property
    def some_name(self) -> str:
        """Return a name that this certificate is valid for; "" if it has none."""
        return self.sans[0] if self.sans else self.subject


async def presented_certificate(host: str, port: int, security: Security) -> PeerCertificate:
    """Return the certificate that a TLS server shows, trusted or not, expired or not.

    It is caught in the middle of the handshake, so that it is seen even where the server then
    turns us away (etcd's peer port with ``--peer-client-cert-auth``).
    Errors: EtcdError where no certificate was shown.
    """
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        reader, writer = await asyncio.open_connection(host, port)
    except OSError as error:
        raise failure_of(error, where) from None
    try:
        der = await _shown(reader, writer, tls.client_context(security, verify=False), host)
    except OSError as error:
        raise failure_of(error, where) from None
    finally:
        writer.transport.abort()
    if der is None:
        raise told(Failure.CLOSED, where)
    return read_certificate(der)


async def _shown(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, context: ssl.SSLContext, host: str
) -> bytes | None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = context.wrap_bio(incoming, outgoing, server_hostname=host)
    heard = b""
    while True:
        try:
            session.do_handshake()
            return session.getpeercert(binary_form=True)
        except ssl.SSLWantReadError:
            writer.write(outgoing.read())
            received = await reader.read(_READ_BYTES)
            incoming.write(received)
            heard += received
            if not received or len(heard) > _HANDSHAKE_BYTES:
                return _in_the_clear(heard)
        except ssl.SSLError:  # turned away
            if der := _in_the_clear(heard):
                return der
            raise


def _in_the_clear(heard: bytes) -> bytes | None:
    """Return the first certificate in a handshake of TLS 1.2, where it is sent in the clear.

    With TLS 1.3 the handshake ends on our side before a server can turn us away. Until it has
    ended, Python does not give out what OpenSSL has seen.
    """
    handshake = b""
    while len(heard) >= 5 and heard[0] == _HANDSHAKE_RECORD:
        length = int.from_bytes(heard[3:5], "big")
        handshake += heard[5 : 5 + length]
        heard = heard[5 + length :]
    while len(handshake) >= 4:
        length = int.from_bytes(handshake[1:4], "big")
        message = handshake[4 : 4 + length]
        if handshake[0] == _CERTIFICATE_MESSAGE and len(message) > 6:
            size = int.from_bytes(message[3:6], "big")  # after the length of the whole list
            return message[6 : 6 + size] if len(message) >= 6 + size else None
        handshake = handshake[4 + length :]
    return None


def read_certificate(certificate: bytes) -> PeerCertificate:
    """Read a certificate in DER, or the first of a PEM file. Errors: ValueError."""
    from cryptography import x509  # noqa: PLC0415  # 0.03 s, which plain clusters do without
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415

    load = x509.load_pem_x509_certificate if b"-----BEGIN" in certificate else None
    it = load(certificate) if load else x509.load_der_x509_certificate(certificate)
    return PeerCertificate(
        not_before=it.not_valid_before_utc,
        not_after=it.not_valid_after_utc,
        subject=_common_name(it.subject),
        issuer=_common_name(it.issuer),
        sans=_sans(it),
        fingerprint=it.fingerprint(hashes.SHA256()).hex(),
        pem=it.public_bytes(Encoding.PEM),
        serial=f"{it.serial_number:x}",
        authority=_authority(it),
        self_signed=it.issuer == it.subject,
    )


def own_certificate(path: Path) -> PeerCertificate:
    """Return our own client certificate. Errors: EtcdError."""
    try:
        return read_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        raise EtcdError(
            Failure.TLS_REJECTED, f"our certificate {path} cannot be read: {error}."
        ) from None


def _common_name(name: "x509.Name") -> str:
    from cryptography.x509.oid import NameOID  # noqa: PLC0415

    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else name.rfc4514_string()


def _authority(certificate: "x509.Certificate") -> str:
    from cryptography import x509  # noqa: PLC0415

    try:
        known = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    except x509.ExtensionNotFound:
        return _common_name(certificate.issuer)
    return known.key_identifier.hex() if known.key_identifier else _common_name(certificate.issuer)


def _sans(certificate: "x509.Certificate") -> tuple[str, ...]:
    from cryptography import x509  # noqa: PLC0415

    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    dns = names.get_values_for_type(x509.DNSName)
    return (*dns, *(str(ip) for ip in names.get_values_for_type(x509.IPAddress)))
