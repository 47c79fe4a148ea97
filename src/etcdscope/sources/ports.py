"""Knocks on a member's ports: what its kernel does, whatever its process does."""

import asyncio
import ssl
from collections.abc import Callable, Iterator, Sequence

from etcdscope.etcd import tls
from etcdscope.etcd.endpoint import Endpoint, parse_endpoint
from etcdscope.etcd.errors import EtcdError
from etcdscope.etcd.settings import Security
from etcdscope.model.ports import Pace
from etcdscope.model.reading import Observation, Reading
from etcdscope.model.signal import (
    ADVERTISED_STATE,
    CONNECT_SECONDS,
    HANDSHAKE_SECONDS,
    PORT_STATE,
)
from etcdscope.sources.knock import Knock, advertised_port, knock
from etcdscope.sources.looking import Looking

# A kernel answers at once. A first SYN that is lost is sent again after a second, and is silence.
BOUND = 0.6
# The peer port behind TLS, once the client port gave no answer.
SECOND_BOUND = 0.3
# Nobody advertises more client URLs than this.
MOST_URLS = 8


class PortsSource:
    """Knocks on a member's client port, and on its peer port.

    ``peer``: the peer URL of the member behind an endpoint, empty while it is not known.
    Gives:   a Reading: what is refused or silent was seen, too.
    Errors:  none leave.
    """

    name = "ports"
    pace = Pace(cadence=0.5, patience=1.0)

    def __init__(self, security: Security, peer: Callable[[str], str] = lambda _: "") -> None:
        self._peer = peer
        self._shown = _Shown(security)

    async def read(self, endpoint: str, at: float) -> Reading:
        """Knock once."""
        looking = Looking(self.name, endpoint, at)
        return looking.gave(await self._ports(endpoint))

    async def _ports(self, endpoint: str) -> tuple[Observation, ...]:
        port, peer = parse_endpoint(endpoint), advertised_port(self._peer(endpoint))
        ours = knock(port, BOUND, self._shown.context() if port.tls else None)
        if peer is None:
            return tuple(_client_port(await ours))
        if not peer.tls:
            first, second = await asyncio.gather(ours, knock(peer, BOUND))
            return (*_client_port(first), Observation(PORT_STATE, second.state, "peer"))
        # Our certificate may be none that peers accept, and they log each attempt: knock there
        # only if there is something to find out.
        first = await ours
        if first.state == "open" and (first.handshake_seconds is not None or not port.tls):
            return tuple(_client_port(first))
        second = await knock(peer, SECOND_BOUND)
        return (*_client_port(first), Observation(PORT_STATE, second.state, "peer"))


class AdvertisedSource:
    """Knocks on the client URLs that a member advertises and that we do not look at anyway.

    ``advertised``: those URLs of the member behind an endpoint.
    Gives:   a Reading, by URL; empty where there are none.
    Errors:  none leave.
    """

    name = "advertised"
    pace = Pace(cadence=10.0, patience=2.0)

    def __init__(self, security: Security, advertised: Callable[[str], Sequence[str]]) -> None:
        self._advertised = advertised
        self._shown = _Shown(security)

    async def read(self, endpoint: str, at: float) -> Reading:
        """Knock once on each, a few at most."""
        looking = Looking(self.name, endpoint, at)
        ports = [(url, advertised_port(url)) for url in self._advertised(endpoint)[:MOST_URLS]]
        knocked = await asyncio.gather(*(self._state(port) for _, port in ports))
        return looking.gave(
            Observation(ADVERTISED_STATE, state, url)
            for (url, _), state in zip(ports, knocked, strict=True)
        )

    async def _state(self, port: Endpoint | None) -> str:
        if port is None:  # what a member advertises may be no URL at all
            return "unresolved"
        return (await knock(port, BOUND, self._shown.context() if port.tls else None)).state


class _Shown:
    """The TLS context to knock with, made anew when certificate files change."""

    def __init__(self, security: Security) -> None:
        self._security = security
        self._stamp: tls.Stamp | None = None
        self._context: ssl.SSLContext | None = None

    def context(self) -> ssl.SSLContext | None:
        """Return it; None where our own files cannot be used, which other sources tell."""
        stamp = tls.stamp(self._security)
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._context = tls.client_context(self._security, verify=False, alpn=("h2",))
            except EtcdError:
                self._context = None
        return self._context


def _client_port(knocked: Knock) -> Iterator[Observation]:
    yield Observation(PORT_STATE, knocked.state, "client")
    if knocked.connect_seconds is not None:
        yield Observation(CONNECT_SECONDS, knocked.connect_seconds)
    if knocked.handshake_seconds is not None:
        yield Observation(HANDSHAKE_SECONDS, knocked.handshake_seconds)
