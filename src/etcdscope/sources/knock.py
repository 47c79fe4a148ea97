"""Knocks on a port: TCP, then TLS where it is spoken."""

import asyncio
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from time import perf_counter

from etcdscope.etcd.endpoint import Endpoint, parse_endpoint
from etcdscope.etcd.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Knock:
    """What a port did. ``state``: open, refused, silent or unresolved; seconds where it did."""

    state: str
    connect_seconds: float | None = None
    handshake_seconds: float | None = None


def advertised_port(url: str) -> Endpoint | None:
    """Return the port that a member advertises; None where it is none, or not known yet."""
    try:
        return parse_endpoint(url) if url else None
    except SettingsError:  # what a member advertises may be no URL at all
        return None


async def knock(port: Endpoint, within: float, context: ssl.SSLContext | None = None) -> Knock:
    """Connect to a port, with a ``context`` shake hands as well, and hang up.

    etcd writes a line into its log for each connection to a TLS port that ends without a
    handshake, so a port that is knocked on every second is given one.
    """
    began = perf_counter()
    connected: float | None = None
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(within):
            if context is None and (family := _family(port.host)):
                await _connect(family, port)
                return Knock("open", perf_counter() - began)
            _, writer = await asyncio.open_connection(port.host, port.port)
            connected = perf_counter() - began
            if context is None:
                return Knock("open", connected)
            await writer.start_tls(context, server_hostname=port.host)
            return Knock("open", connected, perf_counter() - began - connected)
    except OSError as error:  # TimeoutError is one
        return Knock(_state(error)) if connected is None else Knock("open", connected)
    finally:
        if writer:
            writer.transport.abort()


def _family(host: str) -> int:
    """Return the address family of a plain IP address, 0 where it is a name or has a scope."""
    with suppress(ValueError):
        return socket.AF_INET6 if ip_address(host).version == 6 else socket.AF_INET
    return 0


async def _connect(family: int, port: Endpoint) -> None:
    """Connect and hang up, without the streams that nobody reads: a third of the work."""
    with socket.socket(family, socket.SOCK_STREAM) as knocking:
        knocking.setblocking(False)
        await asyncio.get_running_loop().sock_connect(knocking, (port.host, port.port))


def _state(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    return "unresolved" if isinstance(error, socket.gaierror) else "silent"
