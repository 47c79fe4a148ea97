"""One endpoint: scheme, host and port."""

import ipaddress
import re
from dataclasses import dataclass

from etcdscope.etcd.errors import SettingsError

_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")
_PORTS = range(1, 65536)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where one listener is. ``host``: a name or an address, without brackets."""

    scheme: str
    host: str
    port: int

    @property
    def tls(self) -> bool:
        """Return whether TLS is spoken there."""
        return self.scheme == "https"

    @property
    def address(self) -> str:
        """Return ``host:port`` as people write it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """Return the URL without a path."""
        return f"{self.scheme}://{self.address}"


def parse_endpoint(text: str, where: str = "endpoint", *, tls: bool = False) -> Endpoint:
    """Read ``host:port`` or a URL; ``tls``: what an endpoint without a scheme means.

    A client of etcd decides as its Go client does: http is plain and https is TLS whatever else is
    given, and without a scheme it is TLS where certificates are given.
    Errors: SettingsError, which names ``where`` the endpoint was said.
    """
    scheme, mark, rest = text.partition("://")
    if not mark:
        scheme, rest = "https" if tls else "http", text
    if scheme not in {"http", "https"}:
        raise SettingsError(f"{where} {text}: {scheme} is not spoken; write http:// or https://.")
    host, port = _split(rest.rstrip("/"), f"{where} {text}")
    return Endpoint(scheme, host, port)


def _split(rest: str, where: str) -> tuple[str, int]:
    if "@" in rest:
        raise SettingsError(f"{where.rpartition(' ')[0]}: a user goes into --user, not the URL.")
    if "/" in rest or "?" in rest:
        raise SettingsError(f"{where} has a path; write only http(s)://host:port.")
    host, colon, port = rest.rpartition(":")
    if not colon or rest.endswith("]"):
        raise SettingsError(f"{where} has no port; write {rest or 'host'}:2379.")
    if not port.isascii() or not port.isdecimal() or int(port) not in _PORTS:
        raise SettingsError(f"{where}: {port or 'nothing'} is no port; write {host}:2379.")
    if host.startswith("[") and host.endswith("]"):
        return _address(host[1:-1], where), int(port)
    if ":" in host:
        raise SettingsError(f"{where}: write an IPv6 address in brackets, [{host}]:{port}.")
    if not all(_NAME.fullmatch(label) for label in host.removesuffix(".").split(".")):
        raise SettingsError(f"{where}: {host or 'nothing'} is no host name; write host:{port}.")
    return host, int(port)


def _address(text: str, where: str) -> str:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        raise SettingsError(f"{where}: {text} is no IPv6 address; write [::1]:2379.") from None
    return text
