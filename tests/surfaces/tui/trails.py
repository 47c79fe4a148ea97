"""Made-up runs: what a trail has seen of a cluster that was well, and then is in trouble."""

from collections.abc import Sequence
from dataclasses import replace

from tests.surfaces import states

from etcdscope.model.cluster import Role
from etcdscope.model.finding import BlindSpot
from etcdscope.model.incident import EffectKind, Incident, MemberState, Verdict
from etcdscope.surfaces.tui.trail import Moment, Trail

AT = states.AT


def run(
    verdict: Verdict,
    *incidents: Incident,
    name: str = "",
    spots: Sequence[BlindSpot] = (),
    seconds: int = 90,
    troubled: int = 38,
) -> Trail:
    """Return a trail of so many seconds up to ``AT``, the last ``troubled`` of them as given."""
    trail = Trail(name)
    calm = states.healthy(len(verdict.members) or 3)
    since = {i.id: AT - troubled for i in incidents}
    incidents = tuple(replace(i, since=s, opened_at=s + 1) for i in incidents if (s := since[i.id]))
    for second in range(seconds, -1, -1):
        at = AT - second
        late = second <= troubled
        shown = _moved(verdict if late else calm, second)
        trail.take(Moment(at, shown, incidents if late else (), tuple(spots)))
        if second == troubled:
            trail.happened(states.effect(EffectKind.OPENED, at + 1, incident=i) for i in incidents)
    return trail


def _moved(verdict: Verdict, second: int) -> Verdict:
    """Return the verdict with numbers that move."""
    return replace(verdict, members=tuple(_member(m, second) for m in verdict.members))


def _member(member: MemberState, second: int) -> MemberState:
    if member.committed_index is None or member.role is Role.UNKNOWN:
        return member
    index = member.committed_index - 10 * second
    return replace(member, committed_index=index, applied_index=index)


def over(trail: Trail, incident: Incident, ago: float, lasted: float) -> None:
    """Let an incident have been: it ended so many seconds ago."""
    end = AT - ago
    since = end - lasted
    was = replace(incident, id=f"{incident.id}-{ago:.0f}", since=since, opened_at=since + 1)
    closed = replace(was, closed_at=end, note="m2 is back; no write was lost.")
    trail.happened([states.effect(EffectKind.OPENED, since + 1, incident=was)])
    trail.happened([states.effect(EffectKind.CLOSED, end, incident=closed)])
