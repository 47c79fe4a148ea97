"""One cluster as it is shown: in a row, live, and whole."""

from collections.abc import Iterable, Sequence
from typing import Any

from etcdscope.detect.catalog import DETECTORS
from etcdscope.detect.forecast import track
from etcdscope.diagnose.step import State
from etcdscope.model.contract import BlindSpotLine, IncidentLine, line_of
from etcdscope.model.finding import BlindSpot, Severity
from etcdscope.model.incident import Effect, EffectKind, Incident, MemberState, Verdict
from etcdscope.model.signal import (
    DB_BYTES,
    DB_IN_USE_BYTES,
    LINEARIZABLE_SECONDS,
    RAFT_LEAD,
)
from etcdscope.model.trend import outlook
from etcdscope.model.window import Window
from etcdscope.surfaces.view.members import chips, links, members
from etcdscope.surfaces.view.promises import promises
from etcdscope.surfaces.view.shapes import (
    ClusterView,
    CountsObject,
    ForecastObject,
    LiveObject,
    QuotaFullObject,
    Rebuilt,
    SummaryObject,
)
from etcdscope.surfaces.view.watched import Watched

SLOTS = 60
SLOT_SECONDS = 2.0
# A forecast looks back half a day; it need not be made anew every second.
FORESEE_EVERY = 30.0
PLANNED = frozenset(d.id for d in DETECTORS if d.planned)


class Glance:
    """Shows one cluster, and remembers what need not be found out anew at every look."""

    def __init__(self, watched: Watched) -> None:
        self.watched = watched
        self._leader, self._since = "", 0.0
        self._foreseen_at = 0.0
        self._forecast: ForecastObject | None = None
        self._latency: tuple[float | None, ...] = ()
        self._slot = 0

    def summary(self, state: State | None = None) -> SummaryObject:
        """Return the cluster in a row."""
        state = state or self.watched.state()
        states = state.verdict.members if state.verdict else ()
        return SummaryObject(
            **self._standing(state),
            members=chips(states),
            incidents=counts(state.incidents),
            blind_spots=len(state.judged.blind_spots),
        )

    def live(self) -> LiveObject:
        """Return what changes from second to second."""
        state = self.watched.state()
        return LiveObject(
            **self._standing(state),
            members=members(state, sources=False),
            links=links(state),
            incidents=counts(state.incidents),
            blind_spots=len(state.judged.blind_spots),
        )

    def whole(
        self,
        state: State | None = None,
        *,
        as_of: float | None = None,
        rebuilt_from: Rebuilt | None = None,
    ) -> ClusterView:
        """Return all that is known of the cluster, now or as it was."""
        state = state or self.watched.state()
        return ClusterView(
            **self._standing(state, past=as_of is not None),
            members=members(state),
            links=links(state),
            counts=counts(state.incidents),
            incidents=incident_lines(i for i in state.incidents if i.cause not in PLANNED),
            planned=incident_lines(i for i in state.incidents if i.cause in PLANNED),
            blind_spots=blind_spot_lines(state, state.judged.blind_spots),
            promises=promises(state),
            forecast=foreseen(state) if as_of is not None else self._forecast,
            quorum_say=quorum_say(state.verdict),
            as_of=as_of,
            rebuilt_from=rebuilt_from,
        )

    def _standing(self, state: State, *, past: bool = False) -> dict[str, Any]:
        """Return the fields that all three shapes share."""
        verdict, window = state.verdict, state.window
        largest = _largest(verdict.members if verdict else ())
        if past:
            forecast, since = foreseen(state), _led_since(state)
        else:
            forecast, since = self._foresee(state), self._led_since(state)
        trouble = self.watched.trouble()
        return {
            "key": self.watched.key,
            "name": self.watched.name or self.watched.key,
            "labels": dict(self.watched.labels),
            "cluster_id": (verdict.cluster if verdict else "") or window.memory.home or None,
            "level": verdict.level.value if verdict and not trouble else "unknown",
            "headline": trouble or (verdict.sentence if verdict else "Nothing was judged yet."),
            "margin": verdict.margin if verdict else None,
            "voters": verdict.voters if verdict else 0,
            "quorum": verdict.quorum if verdict else 0,
            "leader": (verdict.leader if verdict else "") or None,
            "leader_since": since,
            "term": verdict.term if verdict else None,
            "version": (verdict.version if verdict else "") or None,
            "db_size": largest.db_bytes if largest else None,
            "db_in_use": largest.db_in_use_bytes if largest else None,
            "quota": largest.quota_bytes if largest else None,
            "quota_full": QuotaFullObject(early=forecast.early, late=forecast.late)
            if forecast
            else None,
            "latency": latency(window) if past else self._slots(window),
            "judged_at": window.now or None,
        }

    def _led_since(self, state: State) -> float | None:
        """Return since when the leader leads; remembered longer than the window does."""
        leader = state.verdict.leader if state.verdict else ""
        if leader != self._leader:
            self._leader, self._since = leader, _led_since(state) or 0.0
        return self._since if leader else None

    def _slots(self, window: Window) -> tuple[float | None, ...]:
        """Return the latencies, found out anew with each slot."""
        slot = int(window.now / SLOT_SECONDS)
        if slot != self._slot or not self._latency:
            self._latency, self._slot = latency(window), slot
        return self._latency

    def _foresee(self, state: State) -> ForecastObject | None:
        if not 0 <= state.window.now - self._foreseen_at < FORESEE_EVERY:
            self._forecast, self._foreseen_at = foreseen(state), state.window.now
        return self._forecast


def _led_since(state: State) -> float | None:
    leader = state.verdict.leader if state.verdict else ""
    if not leader:
        return None
    return state.window.now - state.window.held(leader, RAFT_LEAD, leader)


def _largest(states: Sequence[MemberState]) -> MemberState | None:
    return max(states, key=lambda s: s.db_bytes or 0, default=None)


def foreseen(state: State) -> ForecastObject | None:
    """Return the soonest end of any member's quota, None where nothing tells of one."""
    window = state.window
    found = [
        one
        for seen in (state.verdict.members if state.verdict else ())
        if (one := _forecast(window, seen)) is not None
    ]
    return min(found, key=lambda f: f.likely, default=None)


def _forecast(window: Window, seen: MemberState) -> ForecastObject | None:
    if not seen.quota_bytes or not seen.db_bytes:
        return None
    sizes, used = track(window, seen.id, DB_BYTES), track(window, seen.id, DB_IN_USE_BYTES)
    ahead = outlook(sizes, used, seen.quota_bytes, window.now)
    if ahead is None:
        return None
    return ForecastObject(
        member=seen.id,
        at=window.now,
        size=seen.db_bytes,
        quota=seen.quota_bytes,
        early=window.now + ahead.soonest,
        likely=window.now + ahead.likely,
        late=window.now + ahead.latest,
        rate=ahead.rate,
        looked_back=ahead.looked_back,
    )


def latency(window: Window) -> tuple[float | None, ...]:
    """Return the slowest member's linearizable read in each slot, oldest first."""
    slots: list[float | None] = [None] * SLOTS
    last = int(window.now / SLOT_SECONDS)
    for member in window.members:
        for at, value in window.points(member.id, LINEARIZABLE_SECONDS, over=SLOTS * SLOT_SECONDS):
            place = SLOTS - 1 - (last - int(at / SLOT_SECONDS))
            if 0 <= place < SLOTS and isinstance(value, float):
                slots[place] = max(slots[place] or 0.0, round(value, 6))
    return tuple(slots)


def counts(incidents: Iterable[Incident]) -> CountsObject:
    """Return how many there are of each severity."""
    found = [incident.severity for incident in incidents]
    return CountsObject(
        critical=found.count(Severity.CRITICAL),
        warning=found.count(Severity.WARNING),
        info=found.count(Severity.INFO),
    )


def incident_lines(incidents: Iterable[Incident]) -> tuple[IncidentLine, ...]:
    """Return incidents as ``watch --json`` would print them."""
    return tuple(map(incident_line, incidents))


def incident_line(incident: Incident) -> IncidentLine:
    """Return an incident as ``watch --json`` would print it: as it opened, or closed."""
    kind = EffectKind.OPENED if incident.open else EffectKind.CLOSED
    at = incident.opened_at if incident.closed_at is None else incident.closed_at
    told = line_of(Effect(kind, at, incident.cluster, incident, names=incident.names))
    assert isinstance(told, IncidentLine)
    return told


def blind_spot_lines(state: State, spots: Iterable[BlindSpot]) -> tuple[BlindSpotLine, ...]:
    """Return blind spots as ``watch --json`` would print them."""
    names = {m.id: m.label for m in state.window.members}
    cluster = state.verdict.cluster if state.verdict else ""
    lines = (
        line_of(
            Effect(
                EffectKind.BLIND_SPOT,
                state.blind[spot.key][1] if spot.key in state.blind else state.window.now,
                cluster,
                blind_spot=spot,
                names=names,
            )
        )
        for spot in spots
    )
    return tuple(line for line in lines if isinstance(line, BlindSpotLine))


def quorum_say(verdict: Verdict | None) -> str:
    """Return what quorum there is, and what may still be lost, in a sentence."""
    if verdict is None or not verdict.voters:
        return "How many members there are is not known."
    needed = f"{verdict.quorum} of {verdict.voters} voters are needed"
    if verdict.margin is None:
        return f"{needed}; how many take part could not be judged."
    counting = verdict.quorum + verdict.margin
    if verdict.margin < 0:
        return f"{needed}, {max(counting, 0)} take part: there is no quorum."
    may = {0: "none may be lost", 1: "one may be lost"}
    left = may.get(verdict.margin, f"{verdict.margin} may be lost")
    return f"{needed}, {counting} take part: {left}."
