"""One log as a source: lines in, readings out, each event at its own time."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Final

from etcdscope.etcd.errors import EtcdError
from etcdscope.etcd.logs.reader import Reader, Tally, of_member
from etcdscope.model.logs import ENDING, SERVER_STARTING, SKIPPED, LogEvent
from etcdscope.model.ports import Pace
from etcdscope.model.reading import Observation, Reading
from etcdscope.model.signal import LOG_EVENT
from etcdscope.sources.logs.condense import Condenser
from etcdscope.sources.logs.lines import Lines, LinesError
from etcdscope.sources.looking import Looking

# How long one look waits for lines, and how long after a failure the next one comes.
WAIT_SECONDS: Final = 1.0
PAUSE_SECONDS: Final = 1.0
# So many lines are read at a stretch, before others have their turn: 4 ms or so.
_STRETCH: Final = 200


class LogSource:
    """Reads one log, whose member its lines name, or the user.

    ``named``: what the user calls the log, a member's name or hex id; ``identify``: that name's hex
    id, empty while it is not known.
    Gives:   readings with events (``LOG_EVENT``, by kind), at most a few a second of each kind.
             What is older than the signal's ``keep`` is only counted, but for the last words of a
             process that ended: they explain why a member is down now. A time ahead of ours is
             taken as now.
    Errors:  none leave; why there is no log.
    """

    name = "logs"
    pace = Pace(cadence=0.25, patience=WAIT_SECONDS + PAUSE_SECONDS + 2.0)

    def __init__(
        self,
        named: str,
        lines: Lines,
        identify: Callable[[str], str] = lambda _: "",
        now: Callable[[], float] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.named = named
        self.endpoint = f"log:{named}"
        self._lines = lines
        self._identify = identify
        self._now = now
        self._sleep = sleep
        self._reader = Reader()
        self._condenser = Condenser()
        self._skipped = 0
        self._last_words: LogEvent | None = None
        self._failed = False

    @property
    def tally(self) -> Tally:
        """Return what was read so far."""
        return self._reader.tally

    @property
    def member(self) -> str:
        """Return the hex id of the member whose log it is, empty while it is not known."""
        return self._reader.member or self._identify(self.named)

    async def read(self, endpoint: str, at: float) -> Reading:
        """Wait for lines for a while, and return what they say."""
        looking = Looking(self.name, endpoint, at)
        if self._failed:
            await self._sleep(PAUSE_SECONDS)
        try:
            lines = await self._lines.batch(WAIT_SECONDS)
        except LinesError as error:
            self._failed = True
            failed = looking.failed(EtcdError(error.failure, error.detail))
            return replace(failed, member=self.member)
        self._failed = False
        now = self._now() if self._now else at + looking.seconds
        events = await self._events(lines, now)
        seen = self._condenser.condensed([*self._recent(events, now), *self._left_out(now)], now)
        member = self.member
        return looking.gave(
            [Observation(LOG_EVENT, of_member(event, member), event.kind) for event in seen], member
        )

    async def aclose(self) -> None:
        """Let go of the log."""
        await self._lines.aclose()

    async def _events(self, lines: list[bytes], now: float) -> list[LogEvent]:
        events: list[LogEvent] = []
        for start in range(0, len(lines), _STRETCH):
            if start:
                await asyncio.sleep(0)
            read = (self._reader.read(line, now) for line in lines[start : start + _STRETCH])
            events.extend(event for event in read if event is not None)
        return events

    def _recent(self, events: list[LogEvent], now: float) -> Iterator[LogEvent]:
        """Yield what still matters."""
        for event in events:
            if event.kind == SERVER_STARTING:
                self._last_words = None
            if event.at >= now - LOG_EVENT.keep:
                yield replace(event, at=now) if event.at > now else event
            elif event.level in ENDING:
                self._last_words = self._last_words or event
        at_end = not events or self._lines.at_end
        if at_end and self._last_words is not None:
            yield self._last_words
            self._last_words = None

    def _left_out(self, now: float) -> Iterator[LogEvent]:
        lost, self._skipped = self._lines.skipped - self._skipped, self._lines.skipped
        if lost:
            yield LogEvent(now, SKIPPED, text="etcdscope fell behind", bytes=float(lost))
