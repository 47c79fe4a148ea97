"""What was told of one cluster: from the history, and from memory where none is kept."""

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Final

from etcdscope.model.incident import Effect, EffectKind, Incident
from etcdscope.surfaces.view.watched import Watched

# Of an agent without a data directory; some hundred incidents.
REMEMBERED: Final = 2_000
# Where a history is kept: what may not be written yet.
UNWRITTEN: Final = 200
MOST: Final = 1_000


class Chronicle:
    """Remembers what was told since the start, and knows where to read what was told before."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self._effects: deque[Effect] = deque(maxlen=UNWRITTEN if watched.archive else REMEMBERED)

    def tell(self, effects: Sequence[Effect]) -> None:
        """Take what is told."""
        self._effects.extend(effects)

    async def incidents(self, begin: float, end: float) -> list[Incident]:
        """Return what was open at some time of the span, oldest first; the newest thousand."""
        found: dict[str, Incident] = {}
        if archive := self._watched.archive:
            for name in await self._names():
                kept = await archive.incidents(name, begin, end, MOST)
                found.update((one.id, one) for one in kept)
        # What is known here is newer than what was written.
        found.update((i.id, i) for i in _latest(self._effects) if _within(i, begin, end))
        found.update((i.id, i) for i in self._open() if _within(i, begin, end))
        return sorted(found.values(), key=lambda i: (i.opened_at, i.id))[-MOST:]

    async def incident(self, name: str) -> Incident | None:
        """Return the incident of that id."""
        for one in chain(self._open(), _latest(self._effects)):
            if one.id == name:
                return one
        if archive := self._watched.archive:
            for cluster in await self._names():
                if kept := await archive.incident(cluster, name):
                    return kept
        return None

    async def told_of(self, incident: Incident) -> list[Effect]:
        """Return all that was told of an incident, oldest first."""
        here = [e for e in self._effects if e.incident and e.incident.id == incident.id]
        before: list[Effect] = []
        if archive := self._watched.archive:
            for cluster in await self._names():
                before += await archive.told_of(cluster, incident)
        # The newest may not be written yet; the oldest may be of an earlier life of ours.
        seen = {(e.kind, e.at) for e in before}
        return sorted(
            [*before, *(e for e in here if (e.kind, e.at) not in seen)], key=lambda e: e.at
        )

    async def verdicts(self, begin: float, end: float) -> list[Effect]:
        """Return the verdicts that were told within a span, oldest first; at most a thousand."""
        kind = EffectKind.VERDICT
        if archive := self._watched.archive:
            told = [await archive.effects(n, begin, end, MOST) for n in await self._names()]
            return sorted((e for some in told for e in some if e.kind is kind), key=lambda e: e.at)
        return [e for e in self._effects if e.kind is kind and begin <= e.at < end]

    def _open(self) -> tuple[Incident, ...]:
        return self._watched.state().incidents

    async def _names(self) -> list[str]:
        archive = self._watched.archive
        there = {*await archive.clusters()} if archive else set[str]()
        return [name for name in self._watched.kept_as() if name in there]


def _latest(effects: Iterable[Effect]) -> Iterable[Incident]:
    """Return every incident as it was told last."""
    return {e.incident.id: e.incident for e in effects if e.incident}.values()


def _within(incident: Incident, begin: float, end: float) -> bool:
    ended = incident.closed_at is not None and incident.closed_at < begin
    return incident.opened_at < end and not ended
