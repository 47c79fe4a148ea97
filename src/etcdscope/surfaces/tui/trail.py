"""What one run has seen of one cluster: a moment a second, and what happened meanwhile."""

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from etcdscope.diagnose.step import State
from etcdscope.model.finding import BlindSpot, Severity
from etcdscope.model.incident import Effect, EffectKind, Incident, Verdict
from etcdscope.surfaces.tui.counted import Asking, Keys, held

if TYPE_CHECKING:
    from etcdscope.model.window import Window

# An hour of moments; 2 kB each with three members.
KEPT = 3600
# More than anybody reads, of incidents that are over and of what happened to them.
REMEMBERED = 500


@dataclass(frozen=True, slots=True)
class Moment:
    """A cluster as it was judged at a time."""

    at: float
    verdict: Verdict
    incidents: tuple[Incident, ...] = ()
    blind_spots: tuple[BlindSpot, ...] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """What happened to an incident; ``incident``: as it was then."""

    at: float
    kind: EffectKind
    incident: Incident


class Trail:
    """Moments and events of one cluster, as far back as they are kept.

    ``keys``: asks what is known of its keys. ``counts``: the command that counts them.
    """

    def __init__(
        self, name: str = "", kept: int = KEPT, *, counts: str = "etcdscope registry"
    ) -> None:
        self.name = name
        self.now: Moment | None = None
        self.trouble = ""  # why it is not watched just now
        self.keys: Asking = self._held
        self._counts = counts
        self._window: Window | None = None
        self.events: deque[Event] = deque(maxlen=REMEMBERED)
        self._moments: deque[Moment] = deque(maxlen=kept)

    def tell(self, effects: Sequence[Effect], state: State) -> None:
        """Take the effects and the state of one judgement."""
        self._window = state.window
        if state.verdict is not None:
            spots = state.judged.blind_spots
            self.take(Moment(state.window.now, state.verdict, state.incidents, spots))
        self.happened(effects)

    async def _held(self) -> Keys:
        return held(self._window, self._counts)

    def take(self, moment: Moment) -> None:
        """Take a moment; kept is one of every second, and one of every change."""
        last = self._moments[-1] if self._moments else None
        if last is None or int(last.at) != int(moment.at) or _essence(last) != _essence(moment):
            self._moments.append(moment)
        self.now = moment

    def happened(self, effects: Iterable[Effect]) -> None:
        """Note what happened to incidents."""
        self.events.extend(
            Event(e.at, e.kind, e.incident) for e in effects if e.incident is not None
        )

    def at(self, when: float | None) -> Moment | None:
        """Return the cluster as it was then, or as it is."""
        if when is None or not self._moments:
            return self.now
        after = bisect_right(self._moments, when, key=lambda m: m.at)
        return self._moments[max(after - 1, 0)]

    @property
    def began(self) -> float:
        """Return how far back one can look; unix seconds."""
        return self._moments[0].at if self._moments else 0.0

    def between(self, begin: float, end: float) -> list[Moment]:
        """Return the moments of a time, oldest first."""
        first = bisect_left(self._moments, begin, key=lambda m: m.at)
        last = bisect_right(self._moments, end, key=lambda m: m.at)
        found = [self._moments[i] for i in range(first, last)]
        if self.now and (not found or found[-1].at < self.now.at <= end):
            found.append(self.now)
        return found

    def over(self, when: float) -> list[Incident]:
        """Return the incidents that were over by then, latest first."""
        closed = [e for e in self.events if e.kind is EffectKind.CLOSED and e.at <= when]
        return [event.incident for event in reversed(closed)]

    def story(self, incident: str, until: float) -> list[Event]:
        """Return what happened to an incident until then."""
        return [e for e in self.events if e.incident.id == incident and e.at <= until]

    def turns(self) -> list[float]:
        """Return when something happened that is worth a look: to travel from one to the next."""
        serious = [e for e in self.events if e.kind is not EffectKind.CHANGED]
        return sorted({e.at for e in serious if e.at >= self.began})


def _essence(moment: Moment) -> tuple[object, ...]:
    members = tuple((m.id, m.role, m.reachable) for m in moment.verdict.members)
    told = tuple((i.id, i.cause, i.severity) for i in moment.incidents)
    return moment.verdict.level, moment.verdict.leader, members, told


def worst_first(incidents: Iterable[Incident]) -> list[Incident]:
    """Return the incidents in the order in which they should be looked at."""
    return sorted(incidents, key=lambda i: (-i.severity, -i.confidence, i.opened_at))


def serious(incidents: Iterable[Incident]) -> list[Incident]:
    """Return those that are more than notes."""
    return [i for i in incidents if i.severity > Severity.INFO]
