"""What a line of etcd's log says, as a value: one event of one member at its own time."""

from dataclasses import dataclass
from typing import Final

# Kinds that judgement asks for. All kinds, with what they mean, stand in etcd/logs/messages.py.
UNKNOWN: Final = "unknown"
SKIPPED: Final = "log-skipped"
SERVER_STARTING: Final = "server-starting"
SERVER_READY: Final = "server-ready"
PEER_NAME_UNRESOLVED: Final = "peer-name-unresolved"
PEER_CONNECTED: Final = "peer-connected"
SELF_REMOVED: Final = "self-removed"
PEER_WAS_REMOVED: Final = "peer-was-removed"
WAL_CORRUPT: Final = "wal-corrupt"
WAL_REPAIRED: Final = "wal-repaired"
BACKEND_CORRUPT: Final = "backend-corrupt"
RAFT_STATE_LOST: Final = "raft-state-lost"
DISK_FULL: Final = "disk-full"
REQUEST_SLOW: Final = "request-slow"
APPLY_SLOW: Final = "apply-slow"
TRACE: Final = "trace"
REVISION_COMPACTED: Final = "revision-compacted"
HEARTBEAT_LATE: Final = "heartbeat-late"
FSYNC_SLOW: Final = "fsync-slow"
CLOCK_DRIFT: Final = "clock-drift"

# zap's levels; capnslog's letters are turned into them.
SERIOUS: Final = frozenset({"error", "dpanic", "panic", "fatal"})
ENDING: Final = frozenset({"panic", "fatal"})  # the process ends with such a line


@dataclass(frozen=True, slots=True)
class TraceStep:
    """One step of a traced request. ``stage``: ours, one of a few; ``says``: etcd's words."""

    stage: str
    seconds: float
    says: str


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One event, or ``count`` alike ones that were put together.

    ``at``: unix seconds by the member's clock, of the last one; ``since``: of the first.
    ``member``: hex id where the line says who wrote it. ``seconds``, ``bytes``, ``entries``: of
    what it is about; of several alike the largest. ``prefix``: of keys, never a whole one, to the
    resource of a Kubernetes registry; ``host``: a name that did not resolve, or a peer's address.
    ``text``: etcd's message, bounded; of an unknown one its pattern, with numbers taken out.
    """

    at: float
    kind: str
    level: str = "info"
    member: str = ""
    text: str = ""
    peer: str = ""
    term: int | None = None
    index: int | None = None
    seconds: float | None = None
    bytes: float | None = None
    entries: float | None = None
    error: str = ""
    host: str = ""
    client: str = ""
    operation: str = ""
    prefix: str = ""
    limit: int | None = None
    steps: tuple[TraceStep, ...] = ()
    count: int = 1
    since: float | None = None

    @property
    def began(self) -> float:
        """Return when the first of those that were put together was written."""
        return self.at if self.since is None else self.since

    @property
    def slowest(self) -> TraceStep | None:
        """Return the step that took most of a trace's time; None without steps.

        What no step accounts for counts as a step of its own: etcd leaves out quick ones.
        """
        if not self.steps:
            return None
        rest = (self.seconds or 0.0) - sum(step.seconds for step in self.steps)
        largest = max(self.steps, key=lambda step: step.seconds)
        if rest > largest.seconds:
            return TraceStep("between", rest, "between the steps that were logged")
        return largest
