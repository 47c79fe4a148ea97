"""Reads the certificates that a member shows, and ours."""

import asyncio
from collections.abc import Awaitable, Callable

from etcdscope.etcd.certificates import PeerCertificate, own_certificate, presented_certificate
from etcdscope.etcd.endpoint import Endpoint, parse_endpoint
from etcdscope.etcd.errors import EtcdError
from etcdscope.etcd.settings import Security
from etcdscope.model.cluster import Certificate
from etcdscope.model.ports import Pace
from etcdscope.model.reading import Failure, Observation, Reading
from etcdscope.model.signal import CERTIFICATE, CERTIFICATE_END
from etcdscope.sources.knock import advertised_port
from etcdscope.sources.looking import Looking
from etcdscope.threads import in_thread

BOUND = 3.0


Shown = Callable[[str, int, Security], Awaitable[PeerCertificate]]


class CertificatesSource:
    """Looks at the certificate on a member's client port and on its peer port, and at our own.

    ``peer``: the peer URL of the member behind an endpoint, empty while it is not known.
    Gives:   the certificates of ``client``, ``peer`` and ``ours``, and their ends in unix seconds.
    Errors:  none leave; UNSUPPORTED where nothing speaks TLS.
    """

    # A replaced certificate is seen in minutes; a handshake costs a member a millisecond.
    name = "certificate"
    pace = Pace(cadence=300.0, patience=4.0, zoomed=5.0)

    def __init__(
        self,
        security: Security,
        peer: Callable[[str], str] = lambda _: "",
        shown: Shown = presented_certificate,
    ) -> None:
        self._security = security
        self._peer = peer
        self._shown = shown
        self._reading: asyncio.Future[PeerCertificate | EtcdError] | None = None

    async def read(self, endpoint: str, at: float) -> Reading:
        """Look once."""
        looking = Looking(self.name, endpoint, at)
        ports = {"client": parse_endpoint(endpoint), "peer": advertised_port(self._peer(endpoint))}
        asked = {key: self._look(port) for key, port in ports.items() if port and port.tls}
        if asked and self._security.cert:
            asked["ours"] = self._read_ours()
        found = dict(zip(asked, await asyncio.gather(*asked.values()), strict=True))
        seen = [
            observation
            for key, one in found.items()
            if isinstance(one, PeerCertificate)
            for observation in (
                Observation(CERTIFICATE, parse(one), key),
                Observation(CERTIFICATE_END, one.not_after.timestamp(), key),
            )
        ]
        errors = [one for key, one in found.items() if key != "peer" and isinstance(one, EtcdError)]
        if errors:
            return looking.failed(errors[0], seen)
        if not asked:
            return looking.blind(Failure.UNSUPPORTED, f"{endpoint} does not speak TLS.")
        return looking.gave(seen)

    async def _look(self, port: Endpoint) -> PeerCertificate | EtcdError:
        try:
            async with asyncio.timeout(BOUND):
                return await self._shown(port.host, port.port, self._security)
        except EtcdError as error:
            return error
        except TimeoutError:
            return EtcdError(Failure.TIMEOUT, f"{port.address} showed no certificate in time.")

    async def _read_ours(self) -> PeerCertificate | EtcdError:
        """Read our own; one thread at the most waits for a disk that hangs."""
        if self._reading is None or self._reading.done():
            self._reading = in_thread(self._ours)
        try:
            async with asyncio.timeout(BOUND):
                return await asyncio.shield(self._reading)
        except TimeoutError:
            return EtcdError(Failure.TIMEOUT, f"{self._security.cert} could not be read in time.")

    def _ours(self) -> PeerCertificate | EtcdError:
        assert self._security.cert
        try:
            return own_certificate(self._security.cert)
        except EtcdError as error:
            return error


def parse(shown: PeerCertificate) -> Certificate:
    """Return what is kept of a certificate."""
    return Certificate(
        shown.fingerprint,
        shown.serial,
        shown.subject,
        shown.issuer,
        shown.authority,
        shown.sans,
        shown.not_after.timestamp(),
        shown.self_signed,
    )
