"""Finds out why a library failed where its words do not tell: one conversation by hand."""

import asyncio
import contextlib
import re
import ssl
from datetime import UTC, datetime

from etcdscope.etcd import tls
from etcdscope.etcd.endpoint import Endpoint
from etcdscope.etcd.errors import EtcdError
from etcdscope.etcd.failures import failure_of, told
from etcdscope.etcd.settings import Security
from etcdscope.model.reading import Failure

_ALPN = ("http/1.1",)
_ANSWER_BYTES = 4096
_TLS_ALERT = b"\x15\x03"  # how a TLS server answers plain text
# How long a server may take to turn us away after TLS 1.3's handshake. If we spoke before, its TCP
# reset could overtake the alert that says why.
_ALERT_SECONDS = 0.2
_GO_TLS = b"HTTP request to an HTTPS server"  # how Go's does
_REQUEST = "GET /version HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n"


async def second_opinion(endpoint: Endpoint, security: Security) -> EtcdError | None:
    """Return why the endpoint cannot be used; None where an etcd answers over HTTP/1.1.

    It takes as long as the other side lets it: the caller has the deadline.
    """
    try:
        context = tls.client_context(security, alpn=_ALPN) if endpoint.tls else None
        answer = await _ask(endpoint, context)
    except OSError as error:
        found = failure_of(error, endpoint.address)
    except EtcdError as error:
        return error
    else:
        if _is_etcd(answer):
            return None
        found = _read(answer, endpoint.address)
    if found.failure is Failure.CLOSED and await _other_scheme_answers(endpoint, security):
        return told(Failure.TLS_MISMATCH, endpoint.address)
    return _explained(found, security)


def speaks_tls(answer: bytes) -> bool:
    """Return whether this is how a TLS server answers plain text."""
    return answer.startswith(_TLS_ALERT) or _GO_TLS in answer


def _is_etcd(answer: bytes) -> bool:
    return b'"etcdserver"' in answer


def _read(answer: bytes, where: str) -> EtcdError:
    if speaks_tls(answer):
        return told(Failure.TLS_MISMATCH, where)
    if not answer:
        return told(Failure.CLOSED, where)
    return told(Failure.NOT_ETCD, where, _first_line(answer))


async def _ask(endpoint: Endpoint, context: ssl.SSLContext | None) -> bytes:
    reader, writer = await asyncio.open_connection(
        endpoint.host,
        endpoint.port,
        ssl=context,
        server_hostname=endpoint.host if context else None,
    )
    try:
        if context:
            with contextlib.suppress(TimeoutError):
                return await asyncio.wait_for(reader.read(_ANSWER_BYTES), _ALERT_SECONDS)
        writer.write(_REQUEST.format(endpoint.address).encode())
        await writer.drain()
        return await _start(reader)
    finally:
        writer.transport.abort()


async def _start(reader: asyncio.StreamReader) -> bytes:
    answer = b""
    while len(answer) < _ANSWER_BYTES and (piece := await reader.read(_ANSWER_BYTES)):
        answer += piece
    return answer


async def _other_scheme_answers(endpoint: Endpoint, security: Security) -> bool:
    """Many servers, etcd too, hang up without a word on those who speak the wrong scheme."""
    other = None if endpoint.tls else tls.client_context(security, verify=False, alpn=_ALPN)
    try:
        answer = await _ask(endpoint, other)
    except ssl.SSLError as error:  # an alert is an answer too
        return not isinstance(error, ssl.SSLEOFError)
    except OSError:
        return False
    return other is not None or answer.startswith(b"HTTP/")


def _explained(error: EtcdError, security: Security) -> EtcdError:
    """Servers say "bad certificate" of one that has expired; we can look."""
    if error.failure not in {Failure.TLS_REJECTED, Failure.TLS_EXPIRED} or not security.cert:
        return error
    from etcdscope.etcd.certificates import own_certificate  # noqa: PLC0415

    ends = own_certificate(security.cert).not_after
    if ends > datetime.now(UTC):
        return error
    return EtcdError(
        Failure.TLS_EXPIRED, f"our certificate {security.cert} ended on {ends:%Y-%m-%d %H:%M} UTC."
    )


def _first_line(answer: bytes) -> str:
    line = answer.split(b"\r\n", 1)[0][:60].decode("ascii", "replace")
    return "it said " + repr(re.sub(r"[^ -~]", "?", line))
