"""The one place where errors of gRPC, aiohttp, ssl and the system become an EtcdError.

Foreign errors are told apart by what they carry, so that neither grpc nor aiohttp is imported here.
"""

import errno
import re
import socket
import ssl

from etcdscope.etcd.errors import EtcdError
from etcdscope.model.reading import Failure

_F = Failure

# What gRPC's core, BoringSSL, OpenSSL and the system say, in the order in which it is looked for.
_WORDS: tuple[tuple[str, Failure], ...] = (
    (r"certificate has expired|certificate[ _]expired|is not yet valid", _F.TLS_EXPIRED),
    (r"certificate[ _]verify[ _]failed", _F.TLS_UNTRUSTED),
    (r"Hostname Verification Check failed|is not valid for", _F.TLS_UNTRUSTED),
    (r"alert[ _]((bad|no|unsupported|unknown|revoked)[ _])?certificate", _F.TLS_REJECTED),
    (
        r"alert[ _](unknown[ _]ca|handshake[ _]failure|(access|decrypt)[ _](denied|error))",
        _F.TLS_REJECTED,
    ),
    (r"wrong_version_number|http_request|record_layer_failure|unexpected_message", _F.TLS_MISMATCH),
    (r"refused", _F.REFUSED),
    (r"DNS resolution failed|Domain name not found|Name or service not known|C-ares", _F.DNS),
    (r"no route to host|network is unreachable|host is down|host unreachable", _F.UNREACHABLE),
    (r"timed out|timeout|deadline exceeded", _F.TIMEOUT),
    (r"http1\.x server|http2 header with status|content-type|Cannot check peer", _F.NOT_ETCD),
)
_COMPILED = tuple((re.compile(pattern, re.IGNORECASE), failure) for pattern, failure in _WORDS)

# etcd's own words about who asks; api/v3rpc/rpctypes/error.go.
_NOBODY = (
    "user name is empty",
    "authentication failed",
    "invalid auth token",
    "user name not found",
    "auth token not provided",
)
_UNREACHABLE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN}
_AIOHTTP_CLOSED = {"ServerDisconnectedError", "ClientConnectionResetError", "ClientPayloadError"}
_CLOSED = {errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED, errno.ESHUTDOWN, errno.ENOTCONN}

# What to do, said of host:port.
_ADVICE = {
    _F.REFUSED: "nobody listens at {where}; see whether etcd runs and listens there.",
    _F.TIMEOUT: "{where} gave no answer in time; see whether it is etcd's client port, and busy.",
    _F.UNREACHABLE: "there is no way to {where}; see the network and its filters.",
    _F.CLOSED: "{where} closed the connection without an answer; see whether it is etcd's client"
    " port.",
    _F.DNS: "the name in {where} does not resolve; see the spelling, and /etc/resolv.conf.",
    _F.TLS_UNTRUSTED: "the certificate of {where} is not trusted: {why}; give its authority with"
    " --cacert, or an endpoint that is named in the certificate.",
    _F.TLS_REJECTED: "{where} does not accept our certificate, or wants one: {why}; give --cert"
    " and --key of its client authority.",
    _F.TLS_EXPIRED: "a certificate between us and {where} is not valid now: {why}.",
    _F.TLS_MISMATCH: "{where} does not speak what the endpoint says; use https:// where it speaks"
    " TLS, http:// where it does not.",
    _F.NOT_ETCD: "{where} answers, but not as etcd does: {why}; give etcd's client port.",
    _F.TOO_LARGE: "the answer of {where} is larger than we take: {why}.",
    _F.UNAUTHENTICATED: "{where} wants to know who asks: {why}; give --user and its password.",
    _F.PERMISSION_DENIED: "{where}: the user may not do this: {why}.",
    _F.UNSUPPORTED: "{where} does not have this call: {why}.",
    _F.REJECTED: "{where} said no: {why}.",
}


def told(failure: Failure, where: str, why: str = "", code: str = "") -> EtcdError:
    """Return the error with the sentence that belongs to it."""
    return EtcdError(
        failure, _ADVICE[failure].format(where=where, why=why.rstrip(" .") or "no reason"), code
    )


def failure_of(error: BaseException, where: str) -> EtcdError:
    """Return what a foreign error means; ``where`` is host:port."""
    if isinstance(error, EtcdError):
        return error
    if callable(getattr(error, "debug_error_string", None)):  # grpc.aio.AioRpcError
        status = error.code()  # type: ignore[attr-defined]  # only gRPC's errors come here
        return _of_grpc(status.name, error.details() or "", where)  # type: ignore[attr-defined]
    for wrap in ("certificate_error", "os_error", "__cause__"):  # as aiohttp's errors do
        inner = getattr(error, wrap, None)
        if isinstance(inner, OSError) and inner is not error:
            return failure_of(inner, where)
    if isinstance(error, ssl.SSLError):
        return _of_ssl(error, where)
    return _of_system(error, where) if isinstance(error, OSError) else _of_http(error, where)


def of_words(words: str, code: str, where: str) -> EtcdError | None:
    """Return what etcd itself said, over gRPC or its JSON gateway; None if it was not etcd."""
    if any(part in words for part in _NOBODY):
        return told(_F.UNAUTHENTICATED, where, words, words)
    if code == "PERMISSION_DENIED":
        return told(_F.PERMISSION_DENIED, where, words, words)
    if "not supported for learner" in words:  # all but Status and local reads; until promoted
        return told(_F.UNSUPPORTED, where, words, words)
    if code == "UNIMPLEMENTED" and ("unknown" in words or "not implemented" in words.lower()):
        return told(_F.UNSUPPORTED, where, words, words)
    if re.match(r"(etcdserver|mvcc|auth|lease|raft|client|rafthttp|context)\b.*: ?", words):
        return told(_F.REJECTED, where, words, words)
    return None


# What gRPC's own statuses mean, where their text says no more.
_STATUSES = {
    "DEADLINE_EXCEEDED": _F.TIMEOUT,
    "RESOURCE_EXHAUSTED": _F.TOO_LARGE,
    "UNAUTHENTICATED": _F.UNAUTHENTICATED,
}
_BROKEN_OFF = {"UNAVAILABLE", "CANCELLED", "ABORTED"}


def _of_grpc(code: str, details: str, where: str) -> EtcdError:
    if said := of_words(details, code, where):
        return said
    # The cause stands at the end: "… last error: UNKNOWN: ipv4:…: Connection refused (111)".
    why = details.rpartition(": ")[2].strip(" .")[:120]
    known = _STATUSES.get(code) or _by_words(details)
    other = _F.CLOSED if code in _BROKEN_OFF else _F.NOT_ETCD
    return told(known or other, where, why or code, code)


def _of_ssl(error: ssl.SSLError, where: str) -> EtcdError:
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return told(_F.CLOSED, where)
    if isinstance(error, ssl.SSLCertVerificationError):
        late = error.verify_code in {9, 10}  # X509_V_ERR_CERT_NOT_YET_VALID, _HAS_EXPIRED
        return told(_F.TLS_EXPIRED if late else _F.TLS_UNTRUSTED, where, error.verify_message)
    why = (error.reason or str(error)).replace("_", " ").lower()
    found = _by_words(f"{error.reason or ''} {error}") or _F.TLS_MISMATCH
    return told(found, where, why)


def _of_system(error: OSError, where: str) -> EtcdError:
    number = error.errno
    if isinstance(error, socket.gaierror):
        known: Failure | None = _F.DNS
    elif isinstance(error, TimeoutError) or number == errno.ETIMEDOUT:
        known = _F.TIMEOUT
    elif number == errno.ECONNREFUSED:
        known = _F.REFUSED
    elif isinstance(error, ConnectionError) or number in _CLOSED:
        known = _F.CLOSED
    else:  # asyncio joins the errors of several addresses into one without a number
        known = None if number in _UNREACHABLE else _by_words(str(error))
    return told(known or _F.UNREACHABLE, where)


def _of_http(error: BaseException, where: str) -> EtcdError:
    """An error of aiohttp, by its name; or an end of stream."""
    name = type(error).__name__
    if isinstance(error, EOFError) or name in _AIOHTTP_CLOSED:
        return told(_F.CLOSED, where)
    return told(_F.NOT_ETCD, where, f"{name}, {str(error)[:80]!r}")


def _by_words(text: str) -> Failure | None:
    return next((failure for pattern, failure in _COMPILED if pattern.search(text)), None)
