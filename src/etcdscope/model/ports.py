"""The protocols where rooms meet."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from etcdscope.model.incident import Effect
from etcdscope.model.reading import Reading


class Clock(Protocol):
    """Time, as the engine sees it: unix seconds that never run backwards."""

    def now(self) -> float:
        """Return the present moment."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a source looks, and how long it may take; seconds.

    A source whose cadence is 0 waits by itself for something to happen, up to ``patience``.
    """

    cadence: float
    patience: float
    zoomed: float | None = None


class Source(Protocol):
    """Reads one kind of thing from one endpoint. No error leaves: a failure is a reading."""

    @property
    def name(self) -> str:
        """Return the source's name, as readings carry it."""
        ...

    @property
    def pace(self) -> Pace:
        """Return how often it wants to look."""
        ...

    async def read(self, endpoint: str, at: float) -> Reading:
        """Look once."""
        ...


@runtime_checkable
class Leaves(Protocol):
    """A source that keeps something of each endpoint: a connection, what it learned there."""

    def leave(self, endpoint: str) -> None:
        """Let go of what is kept of an endpoint that is no longer looked at."""
        ...


class Sink(Protocol):
    """Takes effects to the outside. Delivery may fail; the outbox keeps what was not taken."""

    @property
    def name(self) -> str:
        """Return the sink's name, for queues and findings about ourselves."""
        ...

    async def deliver(self, effects: Sequence[Effect]) -> None:
        """Tell these effects; raises ``DeliveryError`` if they were not taken."""
        ...


class DeliveryError(Exception):
    """A sink could not be told. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """What one judgement was made from: the moment, and the readings that had come in."""

    now: float
    readings: tuple[Reading, ...]


class StoreError(Exception):
    """The history cannot be used. The message says where, why, and what to do."""


@dataclass(frozen=True, slots=True)
class StoreHealth:
    """How the history fares.

    ``failing_since``: ``now`` of the first sweep that still waits to be kept; None: all is well.
    ``lost_sweeps``: how many could not be kept at all since the start. ``bytes``: on disk.
    ``notice``: something that the operator should know, such as a damaged file moved aside.
    """

    failing_since: float | None = None
    last_error: str = ""
    lost_sweeps: int = 0
    bytes: int = 0
    notice: str = ""


class Store(Protocol):
    """History: sweeps as they were judged, and the effects that followed."""

    def health(self) -> StoreHealth:
        """Return how it fares; asked at every judgement."""
        ...

    def append(self, cluster: str, sweep: Sweep, effects: Sequence[Effect]) -> None:
        """Keep one sweep and its effects; never waits."""
        ...

    def sweeps(self, cluster: str, begin: float, end: float) -> AsyncIterator[Sweep]:
        """Give the sweeps of a span back, oldest first."""
        ...
