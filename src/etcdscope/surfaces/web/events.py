"""Live changes for many listeners: built once for all of them, and only while somebody listens.

What was told (incidents, verdicts, blind spots) goes through a ring, from which a listener that
comes back takes up where it was; how a cluster stands is sent as it is now, and never queued twice.
A listener that does not keep up is let go: it comes back by itself and takes up where it was.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import msgspec

from etcdscope import __version__
from etcdscope.model.contract import line
from etcdscope.model.incident import Effect, EffectKind
from etcdscope.surfaces.view.cluster import Glance
from etcdscope.surfaces.view.shapes import HelloObject, ResetObject

RING: Final = 1_000
WAITING: Final = 256  # events of one listener; what it has not taken by then it gets after a reset
LISTENERS: Final = 512
HEARTBEAT: Final = 5.0
# Between two pictures of one cluster: a second, and at once where something has happened.
EVERY: Final = 1.0
AT_ONCE: Final = 0.25
# A picture of a cluster in which only numbers moved, for listeners to all clusters.
CALM_EVERY: Final = 5.0
_NAMES: Final[Mapping[EffectKind, str]] = {
    EffectKind.VERDICT: "verdict",
    EffectKind.BLIND_SPOT: "blind-spot",
    EffectKind.SIGHTED: "blind-spot",
}


@dataclass(frozen=True, slots=True)
class Event:
    """One event as it goes over the wire. ``key``: of the cluster it is about."""

    number: int
    key: str
    wire: bytes


def wire(name: str, number: int, data: bytes) -> bytes:
    """Return one event; JSON has no newline of its own, so that its data is one line."""
    return b"event: %s\nid: %d\ndata: %s\n\n" % (name.encode(), number, data)


@dataclass(slots=True, eq=False)
class Listener:
    """Who listens: to one cluster, or to all (``key`` empty)."""

    key: str
    waiting: deque[bytes] = field(default_factory=deque)
    pictures: dict[str, bytes] = field(default_factory=dict)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    gone: bool = False  # it is too slow, or we end

    def put(self, event: Event) -> None:
        """Queue an event, or give up on a listener that has too many waiting."""
        if len(self.waiting) >= WAITING:
            self.gone = True
        else:
            self.waiting.append(event.wire)
        self.news.set()

    def show(self, key: str, picture: bytes) -> None:
        """Replace the picture of a cluster that waits to be sent."""
        self.pictures[key] = picture
        self.news.set()

    def taken(self) -> bytes:
        """Return all that waits, in one piece."""
        self.news.clear()
        told = b"".join((*self.waiting, *self.pictures.values()))
        self.waiting.clear()
        self.pictures.clear()
        return told


@dataclass(slots=True)
class _Shown:
    """What of a cluster was shown last, and when."""

    at: float = 0.0
    judged: float = 0.0
    news: bool = False
    calm: bytes = b""  # what of the summary is more than numbers
    row_at: float = 0.0


class Hub:
    """Takes what is told, and brings it to all who listen."""

    def __init__(
        self, glances: Mapping[str, Glance], now: Callable[[], float], at_once: float = AT_ONCE
    ) -> None:
        self._glances = glances
        self._at_once = at_once
        self._now = now
        self._began = now()
        # Above every number of an earlier life of ours, so that none is taken for one of these.
        self._number = int(self._began * 1000)
        self._ring: deque[Event] = deque(maxlen=RING)
        self._forgotten = self._number
        self._listeners: set[Listener] = set()
        self._shown: dict[str, _Shown] = {}
        self._wake = asyncio.Event()
        self._encoder = msgspec.json.Encoder()

    def __len__(self) -> int:
        return len(self._listeners)

    def close(self) -> None:
        """Let all listeners go: the agent ends."""
        for listener in self._listeners:
            listener.gone = True
            listener.news.set()

    # --- taking ----------------------------------------------------------------------------------

    def tell(self, key: str, effects: Sequence[Effect]) -> None:
        """Take the effects of one judgement of a cluster; cheap where there are none."""
        for effect in effects:
            name = _NAMES.get(effect.kind, "incident")
            data = b'{"key":%s,%s' % (self._encoder.encode(key), line(effect)[1:])
            self._append(key, name, data)
        if effects and self._listeners:
            self._shown.setdefault(key, _Shown()).news = True
            self._wake.set()

    def _append(self, key: str, name: str, data: bytes) -> None:
        self._number += 1
        if len(self._ring) == RING:
            self._forgotten = self._ring[0].number
        event = Event(self._number, key, wire(name, self._number, data))
        self._ring.append(event)
        for listener in self._listeners:
            if listener.key in ("", key):
                listener.put(event)

    # --- showing ---------------------------------------------------------------------------------

    async def run(self) -> None:
        """Show how the clusters stand, until cancelled."""
        while True:
            if not self._listeners:
                self._wake.clear()
                await self._wake.wait()
            for key, glance in self._glances.items():
                if self._due(key, glance):
                    self._show(key, glance)
                    await asyncio.sleep(0)  # judging goes first
            await asyncio.sleep(self._at_once)

    def _due(self, key: str, glance: Glance) -> bool:
        """Return whether the cluster has changed since it was shown, and it is time again."""
        shown = self._shown.setdefault(key, _Shown())
        if glance.watched.state().window.now == shown.judged:
            return False
        return shown.news or not 0 <= self._now() - shown.at < EVERY

    def _show(self, key: str, glance: Glance) -> None:
        shown = self._shown[key]
        shown.at, shown.judged = self._now(), glance.watched.state().window.now
        shown.news = False
        if near := [one for one in self._listeners if one.key == key]:
            picture = self._picture(self._encoder.encode(glance.live()))
            for listener in near:
                listener.show(key, picture)
        far = [one for one in self._listeners if not one.key]
        if far and (row := self._row(glance, shown)):
            for listener in far:
                listener.show(key, row)

    def _row(self, glance: Glance, shown: _Shown) -> bytes:
        """Return the summary if more than numbers moved, or it was not shown for a while."""
        summary = glance.summary()
        calm = self._encoder.encode(
            msgspec.structs.replace(summary, judged_at=None, latency=(), db_size=0, db_in_use=0)
        )
        if calm == shown.calm and 0 <= shown.at - shown.row_at < CALM_EVERY:
            return b""
        shown.calm, shown.row_at = calm, shown.at
        return self._picture(self._encoder.encode(summary))

    def _picture(self, data: bytes) -> bytes:
        self._number += 1
        return wire("cluster", self._number, data)

    # --- listening -------------------------------------------------------------------------------

    @contextmanager
    def listening(self, key: str, last: int | None) -> Iterator[Listener]:
        """Listen for the length of the block; begins with how all stands, or where it left off."""
        listener = Listener(key)
        listener.waiting.append(self._hello())
        listener.waiting.extend(self._missed(key, last))
        for name, glance in self._glances.items():
            if key in ("", name):
                now = glance.live() if key else glance.summary()
                listener.pictures[name] = self._picture(self._encoder.encode(now))
        listener.news.set()
        self._listeners.add(listener)
        self._wake.set()
        try:
            yield listener
        finally:
            self._listeners.discard(listener)

    def _hello(self) -> bytes:
        said = HelloObject(version=__version__, started_at=self._began, at=self._now())
        # Without an id: what was missed is still to come, and counts from the id before.
        return b"event: hello\ndata: %s\n\n" % self._encoder.encode(said)

    def _missed(self, key: str, last: int | None) -> Iterator[bytes]:
        """Give what was told since, or say that it is not known any more what that was."""
        if last is None:
            return
        if not self._forgotten <= last <= self._number:
            said = ResetObject(why="What happened since is not known: ask for the incidents again.")
            yield wire("reset", self._number, self._encoder.encode(said))
            return
        for event in self._ring:
            if event.number > last and key in ("", event.key):
                yield event.wire


async def stream(listener: Listener, heartbeat: float = HEARTBEAT) -> AsyncIterator[bytes]:
    """Give what goes over the wire, and a heartbeat where it is still, until it is let go."""
    while not listener.gone:
        try:
            async with asyncio.timeout(heartbeat):
                await listener.news.wait()
        except TimeoutError:
            yield b": still here\n\n"
        else:
            if not listener.gone:
                yield listener.taken()
