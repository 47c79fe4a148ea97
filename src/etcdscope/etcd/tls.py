"""TLS: what we show and trust, and which certificates are seen."""

import contextlib
import ssl
from collections.abc import Sequence
from pathlib import Path

from etcdscope.etcd.errors import EtcdError
from etcdscope.etcd.settings import Security
from etcdscope.model.reading import Failure

# What Debian, Alpine and Red Hat call the system's authorities, where OpenSSL's own guess is empty.
_SYSTEM_AUTHORITIES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/cert.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
)

Stamp = tuple[tuple[int, int, int], ...]


def stamp(security: Security) -> Stamp:
    """Return what changes when a certificate file is replaced, touched or gone."""
    return tuple(_stamp(path) for path in security.files)


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        seen = path.stat()
    except OSError:
        return (0, 0, 0)
    return (seen.st_mtime_ns, seen.st_ino, seen.st_size)


def client_context(
    security: Security, *, verify: bool = True, alpn: Sequence[str] = ()
) -> ssl.SSLContext:
    """Return a context for connections to etcd; ``verify`` False only looks at what is shown.

    Errors: EtcdError where one of our own files cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not verify or security.insecure_skip_tls_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif security.cacert:
        _load(context, security.cacert)
    else:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if security.cert and security.key:
        _load_chain(context, security.cert, security.key)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


def _load(context: ssl.SSLContext, cacert: Path) -> None:
    try:
        context.load_verify_locations(cacert)
    except OSError as error:  # ssl.SSLError is one too
        raise _unusable(f"the authority {cacert}", error) from None


def _load_chain(context: ssl.SSLContext, cert: Path, key: Path) -> None:
    def no_password() -> str:  # else OpenSSL would ask at the terminal
        raise EtcdError(Failure.TLS_REJECTED, f"the key {key} has a password; give one without.")

    try:
        context.load_cert_chain(cert, key, no_password)
    except OSError as error:
        raise _unusable(f"the certificate {cert} with its key {key}", error) from None


def _unusable(what: str, error: OSError) -> EtcdError:
    why = getattr(error, "reason", None) or error.strerror or "no PEM"
    words = {"KEY_VALUES_MISMATCH": "the key belongs to another certificate"}
    return EtcdError(
        Failure.TLS_REJECTED,
        f"{what} cannot be used: {words.get(why, why.replace('_', ' ').lower())}.",
    )


def system_authorities() -> bytes | None:
    """Return the system's authorities in PEM, for libraries that do not look for them."""
    for path in (ssl.get_default_verify_paths().cafile, *_SYSTEM_AUTHORITIES):
        with contextlib.suppress(OSError):
            if path and (pem := Path(path).read_bytes()):
                return pem
    return None
