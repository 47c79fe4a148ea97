"""What one look at one endpoint gave, or why it gave nothing."""

from collections.abc import Hashable
from dataclasses import dataclass
from enum import StrEnum
from operator import ge

from etcdscope.model.signal import Signal


class Failure(StrEnum):
    """Why a look gave nothing. Each is told apart where the library is called, never later."""

    REFUSED = "refused"  # the host answered that nobody listens on that port
    TIMEOUT = "timeout"  # connected or not, no answer within the deadline
    UNREACHABLE = "unreachable"  # no route, or the host is not there
    CLOSED = "closed"  # the other side closed the connection in the middle
    DNS = "dns"  # the name does not resolve
    TLS_UNTRUSTED = "tls-untrusted"  # we do not trust their certificate
    TLS_REJECTED = "tls-rejected"  # they do not accept ours, or want one
    TLS_EXPIRED = "tls-expired"  # a certificate, theirs or ours, is past its end
    TLS_MISMATCH = "tls-mismatch"  # plain text where TLS is spoken, or the other way round
    NOT_ETCD = "not-etcd"  # an answer that etcd would not give
    TOO_LARGE = "too-large"  # an answer past our bound
    UNAUTHENTICATED = "unauthenticated"  # user or password missing or wrong
    PERMISSION_DENIED = "permission-denied"  # the user may not
    UNSUPPORTED = "unsupported"  # this version or listener does not have it
    REJECTED = "rejected"  # etcd answered with one of its own errors
    BUG = "bug"  # an error of ours


@dataclass(frozen=True, slots=True)
class Histogram:
    """A cumulative histogram: ``bounds`` in the signal's unit, the last is infinity."""

    bounds: tuple[float, ...]
    counts: tuple[float, ...]
    total: float

    @property
    def count(self) -> float:
        """Return how many values were counted."""
        return self.counts[-1] if self.counts else 0.0

    def follows(self, before: "Histogram") -> bool:
        """Return whether it is the one of before, grown; else the process began anew.

        A young process that starts again may have counted more by the next look; one of another
        version may have other bounds.
        """
        return self.bounds == before.bounds and all(map(ge, self.counts, before.counts))


# float for gauges and counters, str for states, a Histogram, or a frozen fact such as a member list
Value = float | str | Histogram | Hashable


@dataclass(frozen=True, slots=True)
class Observation:
    """One value of one signal. ``key`` is the value of the signal's ``by`` label, else empty."""

    signal: Signal
    value: Value
    key: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """All that one look at one endpoint gave.

    ``at``: unix seconds when the look began; ``took``: seconds. ``member``: the hex member id where
    the answer carried one. ``code``: etcd's or gRPC's error text where ``failure`` is REJECTED.
    """

    source: str
    endpoint: str
    at: float
    took: float = 0.0
    member: str = ""
    observations: tuple[Observation, ...] = ()
    failure: Failure | None = None
    detail: str = ""

    @classmethod
    def failed(
        cls,
        source: str,
        endpoint: str,
        at: float,
        failure: Failure,
        detail: str = "",
        took: float = 0.0,
    ) -> "Reading":
        """Return a reading that tells only why it could not be made."""
        return cls(source, endpoint, at, took, failure=failure, detail=detail)

    @property
    def ended(self) -> float:
        """Return when the answer, or the failure, was there."""
        return self.at + self.took
