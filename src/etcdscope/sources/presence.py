"""Stays with a member, to see at once when it leaves, and how."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from etcdscope.etcd.endpoint import Endpoint, parse_endpoint
from etcdscope.etcd.errors import EtcdError
from etcdscope.etcd.presence import Departure, arrive
from etcdscope.etcd.settings import Security
from etcdscope.model.ports import Pace
from etcdscope.model.reading import Failure, Observation, Reading
from etcdscope.model.signal import FAREWELL, PORT_STATE, PRESENCE
from etcdscope.sources.knock import advertised_port
from etcdscope.sources.looking import Looking

# How long one look waits for the member to leave.
STAY_SECONDS = 5.0
ARRIVE_SECONDS = 2.0
# Between attempts to come back: soon where a port refuses, since dialling it costs nothing;
# a frozen etcd must accept all that dial it once it thaws.
PAUSE_SECONDS = 0.25
LONG_PAUSE_SECONDS = 2.0


class Attends(Protocol):
    """A held conversation; ``etcd.presence.Presence`` is one."""

    def close(self) -> None:
        """Hang up."""
        ...

    async def departure(self, peer_url: str = "") -> Departure:
        """Wait until the member ends the conversation, then look at both ports once."""
        ...


class PresenceSource:
    """Holds a conversation with each member's client port.

    ``peer``: the peer URL of the member behind an endpoint, empty while it is not known.
    Gives:   present after 5 s without an end; else, with the failure CLOSED, gone, whether it
             took its leave, and what both ports did. A held connection is no answer: the kernel
             of a frozen member holds it too.
    Errors:  none leave; where the member cannot be reached, why.
    """

    name = "presence"
    pace = Pace(cadence=0.0, patience=STAY_SECONDS + ARRIVE_SECONDS + LONG_PAUSE_SECONDS + 1.0)

    def __init__(
        self,
        security: Security,
        peer: Callable[[str], str] = lambda _: "",
        arriving: Callable[[Endpoint, Security], Awaitable[Attends]] = arrive,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        stay_seconds: float = STAY_SECONDS,
    ) -> None:
        self._security = security
        self._peer = peer
        self._arrive = arriving
        self._sleep = sleep
        self._stay_seconds = stay_seconds
        self._held: dict[str, Attends] = {}
        self._pauses: dict[str, float] = {}

    async def read(self, endpoint: str, at: float) -> Reading:
        """Stay for a while, arriving first where no conversation is held."""
        looking = Looking(self.name, endpoint, at)
        if pause := self._pauses.pop(endpoint, 0.0):
            await self._sleep(pause)
        try:
            attended = await self._attended(endpoint)
        except EtcdError as error:
            refused = error.failure in {Failure.REFUSED, Failure.CLOSED}
            self._pauses[endpoint] = PAUSE_SECONDS if refused else LONG_PAUSE_SECONDS
            return looking.failed(error)
        peer = self._peer(endpoint)
        try:
            async with asyncio.timeout(self._stay_seconds):
                left = await attended.departure(peer if advertised_port(peer) else "")
        except TimeoutError:
            return looking.gave([Observation(PRESENCE, "present")])
        self._held.pop(endpoint).close()
        self._pauses[endpoint] = PAUSE_SECONDS
        how = "took its leave" if left.orderly else "closed the connection"
        return looking.failed(EtcdError(Failure.CLOSED, f"{endpoint} {how}."), told(left))

    def leave(self, endpoint: str) -> None:
        """Hang up on one."""
        self._pauses.pop(endpoint, None)
        if held := self._held.pop(endpoint, None):
            held.close()

    async def aclose(self) -> None:
        """Hang up everywhere."""
        for attended in self._held.values():
            attended.close()
        self._held.clear()

    async def _attended(self, endpoint: str) -> Attends:
        if endpoint not in self._held:
            try:
                async with asyncio.timeout(ARRIVE_SECONDS):
                    attended = await self._arrive(parse_endpoint(endpoint), self._security)
            except TimeoutError:
                late = f"{endpoint} did not begin a conversation within {ARRIVE_SECONDS:.0f} s."
                raise EtcdError(Failure.TIMEOUT, late) from None
            self._held[endpoint] = attended
        return self._held[endpoint]


def told(left: Departure) -> tuple[Observation, ...]:
    """Turn a departure into observations."""
    peer = (Observation(PORT_STATE, left.peer_port, "peer"),) if left.peer_port else ()
    return (
        Observation(PRESENCE, "gone"),
        Observation(FAREWELL, float(left.orderly)),
        Observation(PORT_STATE, left.client_port, "client"),
        *peer,
    )
