"""Roles over time, and what happened meanwhile."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from etcdscope.diagnose.step import State
from etcdscope.model.incident import Effect, Incident
from etcdscope.model.signal import RAFT_STATE
from etcdscope.model.window import Series
from etcdscope.store.archive import Archive
from etcdscope.store.series import Run
from etcdscope.surfaces.view.cluster import PLANNED
from etcdscope.surfaces.view.members import marks
from etcdscope.surfaces.view.shapes import LaneObject, LanesObject, MarkObject, RunObject

# What verdicts tell as well, and for every leader.
ELECTED = frozenset({"leader-changed"})
# Between two looks at a member's role; a longer silence says nothing about it.
SILENCE = 10.0


async def lanes(
    state: State,
    archive: Archive | None,
    kept_as: Sequence[str],
    incidents: Iterable[Incident],
    verdicts: Iterable[Effect],
    span: tuple[float, float],
) -> LanesObject:
    """Return every member's lane, and the marks on them.

    ``verdicts``: those of the span, oldest first; they tell of elections.
    """
    remembered = {m.id: m.name or m.id for m in state.window.memory.members}
    names = {**remembered, **{m.id: m.label for m in state.window.members}}
    mark = marks(names)
    found = []
    for member in sorted(names, key=lambda m: (names[m], m)):
        runs = await _runs(state, archive, kept_as, member, span)
        if runs or state.window.member(member):
            objects = tuple(
                RunObject(begin=max(r.begin, span[0]), end=min(r.end, span[1]), role=r.word)
                for r in runs
            )
            lane = LaneObject(member=member, name=names[member], mark=mark[member], runs=objects)
            found.append(lane)
    marked = [_mark(one) for one in incidents if one.cause not in ELECTED]
    marked += elections(verdicts, names)
    return LanesObject(lanes=tuple(found), marks=tuple(sorted(marked, key=lambda m: m.at)))


def elections(verdicts: Iterable[Effect], names: Mapping[str, str]) -> Iterator[MarkObject]:
    """Yield a mark for each leader that came after another, or in a later term."""
    leader, term = "", None
    for effect in verdicts:
        said = effect.verdict
        if said is None or not said.leader:
            continue
        later = term is not None and said.term is not None and said.term > term
        if leader and (said.leader != leader or later):
            name = effect.names.get(said.leader) or names.get(said.leader, said.leader)
            say = f"{name} was elected" + (f" (term {said.term})" if said.term else "")
            yield MarkObject(
                at=effect.at, end=effect.at, kind="election", id=None, say=say, severity="info"
            )
        leader, term = said.leader, said.term


async def _runs(
    state: State,
    archive: Archive | None,
    kept_as: Sequence[str],
    member: str,
    span: tuple[float, float],
) -> list[Run]:
    begin, end = span
    if archive is None:
        runs = grouped(state.window.points(member, RAFT_STATE))
        return [r for r in runs if r.end > begin and r.begin < end]
    for name in kept_as:
        if runs := await archive.runs(name, member, RAFT_STATE.name, begin=begin, end=end):
            return runs
    return []


def grouped(points: Series) -> list[Run]:
    """Return the spans in which a word stayed the same."""
    runs: list[Run] = []
    for at, word in points:
        last = runs[-1] if runs else None
        if last and last.word == word and at - last.end < SILENCE:
            runs[-1] = Run(last.begin, at, last.word)
        else:
            runs.append(Run(at, at, str(word)))
    return runs


def _mark(incident: Incident) -> MarkObject:
    return MarkObject(
        at=incident.since,
        end=incident.closed_at,
        kind="planned" if incident.cause in PLANNED else "incident",
        id=incident.id,
        say=incident.summary,
        severity=str(incident.severity),  # type: ignore[arg-type]
    )
