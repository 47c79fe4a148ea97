"""Probes one endpoint as its clients do: reads, and the clock beside them."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import Protocol

from etcdscope.etcd.answers import Keys
from etcdscope.etcd.errors import EtcdError
from etcdscope.model.ports import Pace
from etcdscope.model.reading import Failure, Observation, Reading
from etcdscope.model.signal import (
    CLOCK_OFFSET,
    LINEARIZABLE_OK,
    LINEARIZABLE_SECONDS,
    SERIALIZABLE_SECONDS,
)
from etcdscope.sources.clock import ClockOffset
from etcdscope.sources.looking import Looking
from etcdscope.sources.pages import Pages
from etcdscope.sources.questions import KEY, path_works

# Each question's own bound, so that one that hangs does not take the others along.
BOUND = 1.4
CLOCK_CADENCE = 5.0
VERSION_BYTES = 4096


class Reads(Protocol):
    """The part of ``EtcdClient`` that is needed here."""

    async def get(self, key: bytes, *, serializable: bool = False) -> Keys:
        """Read one key. Errors: EtcdError."""
        ...


@dataclass(frozen=True, slots=True)
class _Try:
    """How a read went."""

    seconds: float
    member: str = ""
    error: EtcdError | None = None

    @property
    def works(self) -> bool:
        return self.error is None or path_works(self.error)


class ProbeSource:
    """Reads one key both ways; every 5 s it looks at the clock.

    ``client``: gives the client of an endpoint.
    Gives:   a Reading within its patience, whatever hangs.
    Errors:  none leave.
    """

    name = "probe"
    pace = Pace(cadence=1.0, patience=2.0)

    def __init__(self, client: Callable[[str], Reads], http: Pages) -> None:
        self._client = client
        self._http = http
        self._offsets: dict[str, ClockOffset] = {}
        self._dated: dict[str, float] = {}

    async def read(self, endpoint: str, at: float) -> Reading:
        """Probe once."""
        looking = Looking(self.name, endpoint, at)
        client = self._client(endpoint)
        async with asyncio.TaskGroup() as group:
            local = group.create_task(_tried(client, serializable=True))
            quorum = group.create_task(_tried(client, serializable=False))
            due = at >= self._dated.get(endpoint, 0.0) + CLOCK_CADENCE
            clock = group.create_task(self._clock(endpoint, at, looking)) if due else None
        seen = [*_told(local.result(), quorum.result())]
        if clock and (offset := clock.result()) is not None:
            seen.append(Observation(CLOCK_OFFSET, offset))
        if (error := local.result().error) and not (local.result().works or quorum.result().works):
            return looking.failed(error, seen)
        return looking.gave(seen, local.result().member or quorum.result().member)

    def leave(self, endpoint: str) -> None:
        """Forget its clock."""
        self._offsets.pop(endpoint, None)
        self._dated.pop(endpoint, None)

    async def _clock(self, endpoint: str, at: float, looking: Looking) -> float | None:
        self._dated[endpoint] = at
        asked = at + looking.seconds
        try:
            async with asyncio.timeout(BOUND):
                answer = await self._http.get(f"{endpoint}/version", max_bytes=VERSION_BYTES)
        except (EtcdError, TimeoutError):
            return None
        offset = self._offsets.setdefault(endpoint, ClockOffset())
        # On a new connection the handshake stands before the answer: count from the late end.
        return offset.seen(answer.headers.get("date", ""), asked, at + looking.seconds)


async def _tried(client: Reads, *, serializable: bool) -> _Try:
    began = perf_counter()
    try:
        async with asyncio.timeout(BOUND):
            answer = await client.get(KEY, serializable=serializable)
    except EtcdError as error:
        return _Try(perf_counter() - began, error=error)
    except TimeoutError:
        late = EtcdError(Failure.TIMEOUT, f"a read gave no answer within {BOUND} s.")
        return _Try(perf_counter() - began, error=late)
    return _Try(perf_counter() - began, answer.header.member_id)


def _told(local: _Try, quorum: _Try) -> Iterator[Observation]:
    if local.works:
        yield Observation(SERIALIZABLE_SECONDS, local.seconds)
    if quorum.works:
        yield Observation(LINEARIZABLE_SECONDS, quorum.seconds)
    if local.works or quorum.works:  # of a member that answers nothing it would say nothing
        yield Observation(LINEARIZABLE_OK, float(quorum.works))
