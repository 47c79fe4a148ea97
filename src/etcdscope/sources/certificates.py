"""Reads when the certificates end that a member shows, and ours."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol

from etcdscope.etcd.certificates import own_certificate, presented_certificate
from etcdscope.etcd.endpoint import Endpoint, parse_endpoint
from etcdscope.etcd.errors import EtcdError
from etcdscope.etcd.settings import Security
from etcdscope.model.ports import Pace
from etcdscope.model.reading import Failure, Observation, Reading
from etcdscope.model.signal import CERTIFICATE_END
from etcdscope.sources.knock import advertised_port
from etcdscope.sources.looking import Looking

BOUND = 3.0


class Certificate(Protocol):
    """The part of ``PeerCertificate`` that is needed here."""

    @property
    def not_after(self) -> datetime:
        """Return its last moment."""
        ...


Shown = Callable[[str, int, Security], Awaitable[Certificate]]


class CertificatesSource:
    """Looks at the certificate on a member's client port and on its peer port, and at our own.

    ``peer``: the peer URL of the member behind an endpoint, empty while it is not known.
    Gives:   the ends in unix seconds, of ``client``, ``peer`` and ``ours``.
    Errors:  none leave; UNSUPPORTED where nothing speaks TLS.
    """

    # A replaced certificate is seen in minutes; a handshake costs a member a millisecond.
    name = "certificate"
    pace = Pace(cadence=300.0, patience=4.0)

    def __init__(
        self,
        security: Security,
        peer: Callable[[str], str] = lambda _: "",
        shown: Shown = presented_certificate,
    ) -> None:
        self._security = security
        self._peer = peer
        self._shown = shown

    async def read(self, endpoint: str, at: float) -> Reading:
        """Look once."""
        looking = Looking(self.name, endpoint, at)
        ports = {"client": parse_endpoint(endpoint), "peer": advertised_port(self._peer(endpoint))}
        asked = {key: self._end(port) for key, port in ports.items() if port and port.tls}
        if asked and self._security.cert:
            asked["ours"] = asyncio.to_thread(self._our_end)
        ends = dict(zip(asked, await asyncio.gather(*asked.values()), strict=True))
        seen = [
            Observation(CERTIFICATE_END, end, key)
            for key, end in ends.items()
            if isinstance(end, float)
        ]
        errors = [end for key, end in ends.items() if key != "peer" and isinstance(end, EtcdError)]
        if errors:
            return looking.failed(errors[0], seen)
        if not asked:
            return looking.blind(Failure.UNSUPPORTED, f"{endpoint} does not speak TLS.")
        return looking.gave(seen)

    async def _end(self, port: Endpoint) -> float | EtcdError:
        try:
            async with asyncio.timeout(BOUND):
                shown = await self._shown(port.host, port.port, self._security)
        except EtcdError as error:
            return error
        except TimeoutError:
            return EtcdError(Failure.TIMEOUT, f"{port.address} showed no certificate in time.")
        return shown.not_after.timestamp()

    def _our_end(self) -> float | EtcdError:
        assert self._security.cert
        try:
            return own_certificate(self._security.cert).not_after.timestamp()
        except EtcdError as error:
            return error
