"""Whole logs put together: a timeline of what matters, slow requests by client, traces by step.

Memory is bounded, however long the logs are: episodes, clients and messages are counted, not kept.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from etcdscope.etcd.logs.messages import TABLE
from etcdscope.etcd.logs.reader import Tally
from etcdscope.model.logs import APPLY_SLOW, REQUEST_SLOW, SKIPPED, TRACE, LogEvent

# What comes again within so many seconds is the same episode.
GAP: Final = 30.0
MOST_EPISODES: Final = 5000
MOST_ASKERS: Final = 1000
# Told in tables of their own.
_REQUESTS: Final = frozenset({REQUEST_SLOW, APPLY_SLOW, TRACE})


@dataclass(slots=True)
class Episode:
    """Events of one kind in one log, with no long pause between them. ``event``: the worst."""

    log: str
    since: float
    until: float
    event: LogEvent
    count: int = 1

    def add(self, event: LogEvent) -> None:
        """Take one more."""
        self.until = max(self.until, event.at)
        self.count += event.count
        if (event.seconds or 0.0) >= (self.event.seconds or 0.0):
            self.event = event


@dataclass(slots=True)
class Asked:
    """Slow requests of one client for one prefix. ``client`` is empty where the log has none."""

    client: str
    operation: str
    prefix: str
    count: int = 0
    seconds: float = 0.0
    bytes: float = 0.0
    entries: float = 0.0

    def add(self, event: LogEvent) -> None:
        """Take one more."""
        self.count += event.count
        self.seconds = max(self.seconds, event.seconds or 0.0)
        self.bytes = max(self.bytes, event.bytes or 0.0)
        self.entries = max(self.entries, event.entries or 0.0)


@dataclass(slots=True)
class Traced:
    """Traced requests of one operation: in which stage their time was spent, in seconds."""

    operation: str
    count: int = 0
    slowest: float = 0.0
    stages: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=dict)

    def add(self, event: LogEvent) -> None:
        """Take one more."""
        self.count += 1
        self.slowest = max(self.slowest, event.seconds or 0.0)
        slowest = event.slowest
        if slowest is None:
            return
        self.stages[slowest.stage] += 1
        between = (slowest,) if slowest not in event.steps else ()
        for step in (*event.steps, *between):
            self.seconds[step.stage] = self.seconds.get(step.stage, 0.0) + step.seconds


@dataclass(slots=True)
class Log:
    """One log that was read."""

    name: str
    tally: Tally
    member: str = ""
    begin: float = float("inf")
    end: float = float("-inf")


@dataclass(slots=True)
class Digest:
    """What logs say, put together as they are read."""

    logs: list[Log] = field(default_factory=list)
    episodes: list[Episode] = field(default_factory=list)
    dropped: int = 0
    asked: dict[tuple[str, str, str], Asked] = field(default_factory=dict)
    traced: dict[str, Traced] = field(default_factory=dict)
    kinds: dict[str, Counter[str]] = field(default_factory=dict)
    _open: dict[tuple[str, str, str], Episode] = field(default_factory=dict)

    def read(self, name: str, events: Iterable[LogEvent], tally: Tally) -> Log:
        """Take a whole log; ``tally`` is its reader's, and full at the end."""
        log = Log(name, tally)
        self.logs.append(log)
        for event in events:
            log.member = event.member or log.member
            log.begin, log.end = min(log.begin, event.at), max(log.end, event.at)
            self._add(name, event)
        self.kinds[name] = tally.kinds
        self._open.clear()
        return log

    @property
    def timeline(self) -> list[Episode]:
        """Return the episodes in order of time."""
        return sorted(self.episodes, key=lambda e: (e.since, e.log, e.event.kind))

    @property
    def unknown(self) -> Counter[str]:
        """Return the messages that are not known, over all logs."""
        return sum((log.tally.unknown for log in self.logs), Counter())

    @property
    def names(self) -> dict[str, str]:
        """Return the logs' names by the hex ids of their members."""
        return {log.member: log.name for log in self.logs if log.member}

    def _add(self, name: str, event: LogEvent) -> None:
        if event.kind in (REQUEST_SLOW, APPLY_SLOW):
            self._ask(event)
        elif event.kind == TRACE:
            self.traced.setdefault(event.operation, Traced(event.operation)).add(event)
        if event.kind in _REQUESTS or not _matters(event):
            return
        # An election is told term by term, a peer's loss peer by peer.
        about = (name, event.kind, f"{event.peer} {event.term} {event.host}")
        episode = self._open.get(about)
        if episode is not None and event.at - episode.until <= GAP:
            episode.add(event)
            return
        if len(self.episodes) >= MOST_EPISODES:
            self.dropped += 1
            return
        self._open[about] = Episode(name, event.began, event.at, event, event.count)
        self.episodes.append(self._open[about])

    def _ask(self, event: LogEvent) -> None:
        key = (event.client, event.operation, event.prefix)
        if key not in self.asked and len(self.asked) >= MOST_ASKERS:
            key = ("", "", "")
        self.asked.setdefault(key, Asked(*key)).add(event)


def _matters(event: LogEvent) -> bool:
    known = TABLE.get(event.kind)
    return event.kind == SKIPPED or (known is not None and known.matters)
