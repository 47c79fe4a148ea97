"""One step of judgement: readings in, effects out. Pure; live, once and replayed all use it."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from urllib.parse import urlsplit

from etcdscope.detect.detector import Detector
from etcdscope.detect.runner import judge
from etcdscope.detect.suspicion import STANDING, news, signs
from etcdscope.detect.testimony import leader
from etcdscope.diagnose.impact import in_kubernetes
from etcdscope.diagnose.incidents import Context, Followed, Tracking, follow
from etcdscope.diagnose.remember import remember
from etcdscope.diagnose.verdict import cluster_id, unmet, verdict
from etcdscope.model.cluster import tolerance
from etcdscope.model.finding import BlindSpot, Limits, Severity, Subject
from etcdscope.model.incident import Effect, EffectKind, Incident, Judged, Level, Verdict
from etcdscope.model.memory import Memory
from etcdscope.model.reading import Reading
from etcdscope.model.signal import CURRENT_REVISION_LONG, MEMORY
from etcdscope.model.window import Window, slide

# An incident taken over from before a restart of ours is not closed before we could look again.
TAKEN_OVER = 10.0
# A cluster that nothing was seen of is told to be unknown after this long.
SPEAKS_AFTER = 2.0
# A blind spot is told once it has lasted this long.
BLIND_AFTER = 2.0
# A paginated list and a watch that reconnects go on from a revision of minutes ago; the API server
# compacts what is five minutes old.
NEEDED_FOR = 600.0
# While nothing is suspect and no word has changed, amounts alone are judged once a second: every
# fourth tick, less what ticks are early. A hard fault shows in words and in looks that fail.
REST = 0.9


@dataclass(frozen=True, slots=True)
class State:
    """All that judgement remembers of one cluster.

    ``called``: what it is until it says its id. ``rest``: seconds between judgements while all is
    calm. ``judged_at``: when detectors last ran. ``signs``: what calls for a closer look, and since
    when; ``suspect``: whether any of it is new enough that metrics are to be read more often (zoom)
    and judged at every tick.
    """

    detectors: tuple[Detector, ...]
    limits: Mapping[str, Limits] = field(default_factory=dict)
    window: Window = field(default_factory=Window)
    tracking: Tracking = field(default_factory=Tracking)
    judged: Judged = field(default_factory=Judged)
    blind: Mapping[tuple[str, Subject], tuple[BlindSpot, float, bool]] = field(default_factory=dict)
    verdict: Verdict | None = None
    told: Verdict | None = None
    called: str = "unknown"
    rest: float = REST
    judged_at: float = float("-inf")
    context: Context = field(default_factory=lambda: Context("unknown", {}, {}))
    signs: Mapping[Hashable, float] = field(default_factory=dict)
    suspect: bool = False

    @property
    def incidents(self) -> tuple[Incident, ...]:
        """Return the open incidents, worst first."""
        return tuple(
            sorted(
                (f.incident for f in self.tracking.open),
                key=lambda i: (-i.severity, i.opened_at, i.id),
            )
        )

    def resumed(self, incidents: Sequence[Incident], now: float) -> "State":
        """Return the state with incidents of before a restart of ours taken over."""
        followed = tuple(
            Followed(
                i,
                frozenset({(i.cause, i.subject), (i.id.split("/", 1)[0], i.subject)}),
                hold_until=now + TAKEN_OVER,
            )
            for i in incidents
        )
        return replace(self, tracking=replace(self.tracking, open=followed))


def step(state: State, readings: Sequence[Reading], now: float) -> tuple[State, list[Effect]]:
    """Advance by one sweep. Pure: the same inputs always give the same outputs.

    The readings that came in since the last step, in order of arrival; ``now`` in unix seconds.
    """
    window = slide(state.window, readings, now)
    judged, judged_at, context = state.judged, state.judged_at, state.context
    if now - judged_at >= state.rest or state.suspect or news(state.window, readings):
        memory = remember(_given(readings) or window.memory, window)
        window = replace(window, memory=memory, memo={})
        standing = {finding.key for finding in judged.findings}
        judged, judged_at = judge(state.detectors, window, state.limits, standing), now
        context = replace(_context(window, state.called), unseen=judged.blind_spots)
    else:
        window = replace(window, memo={})
    catalog = {d.id: d for d in state.detectors}
    tracking, effects = follow(state.tracking, judged.findings, now, catalog, context)
    blind, sighted = _blindness(state.blind, judged.blind_spots, now, context)
    moved = replace(
        state,
        window=replace(window, memo=None),
        tracking=tracking,
        judged=judged,
        judged_at=judged_at,
        context=context,
        blind=blind,
    )
    since = {s: state.signs.get(s, now) for s in (*signs(window), *_told(moved))}
    fresh = any(now - at < STANDING for at in since.values())
    moved = replace(moved, signs=since, suspect=fresh)
    said = verdict(window, moved.incidents)
    if _worth_telling(
        state.told,
        said,
        planned=any((d := catalog.get(i.cause)) and d.planned for i in moved.incidents),
        whole=not unmet(window),
        patient=now - window.began > SPEAKS_AFTER,
    ):
        moved = replace(moved, told=said)
        effects.append(
            Effect(EffectKind.VERDICT, now, context.cluster, verdict=said, names=context.names)
        )
    return replace(moved, verdict=said), effects + sighted


def _told(state: State) -> Iterator[Hashable]:
    """Yield what was found, as signs: another severity is another sign."""
    for finding in state.judged.findings:
        if finding.severity > Severity.INFO:
            yield finding.key, finding.severity
    for incident in state.incidents:
        if incident.severity > Severity.INFO:
            yield incident.id, incident.cause, incident.severity


def _given(readings: Sequence[Reading]) -> Memory | None:
    """Return the memory of an earlier life; it comes as a reading, so that a replay has it too."""
    for reading in readings:
        for seen in reading.observations:
            if seen.signal is MEMORY and isinstance(seen.value, Memory):
                return seen.value
    return None


def _worth_telling(
    before: Verdict | None, now: Verdict, *, planned: bool, whole: bool, patient: bool
) -> bool:
    """Return whether the state of the cluster, not merely its numbers, is another one.

    ``planned``: work is under way that explains a smaller margin. ``whole``: every member was
    reached, or failed once. ``patient``: we have looked for long enough to say what we have.
    """

    def essence(v: Verdict) -> tuple[object, ...]:
        members = tuple((m.id, m.role, m.reachable, m.is_learner) for m in v.members)
        return v.level, v.cluster, v.margin, v.leader, v.voters, members

    shaken = now.margin is not None and now.margin < tolerance(now.voters)
    if shaken and now.level is Level.OK and not planned:
        return False  # something is wrong and about to be told, or over in a moment
    if before is None:
        return (bool(now.members) and whole) or patient
    return essence(before) != essence(now)


def _blindness(
    before: Mapping[tuple[str, Subject], tuple[BlindSpot, float, bool]],
    spots: Sequence[BlindSpot],
    now: float,
    context: Context,
) -> tuple[Mapping[tuple[str, Subject], tuple[BlindSpot, float, bool]], list[Effect]]:
    effects: list[Effect] = []
    after: dict[tuple[str, Subject], tuple[BlindSpot, float, bool]] = {}
    for spot in spots:
        _, since, told = before.get(spot.key, (spot, now, False))
        if not told and now - since >= BLIND_AFTER:
            told = True
            effects.append(_seeing(EffectKind.BLIND_SPOT, spot, now, context))
        after[spot.key] = (spot, since, told)
    for key, (spot, _, told) in before.items():
        if told and key not in after:
            effects.append(_seeing(EffectKind.SIGHTED, spot, now, context))
    return after, effects


def _seeing(kind: EffectKind, spot: BlindSpot, now: float, context: Context) -> Effect:
    return Effect(kind, now, context.cluster, blind_spot=spot, names=context.names)


def _context(window: Window, called: str) -> Context:
    lead = leader(window)
    dialled = {m.id: url for m in window.members if (url := window.dialled(m.id))}
    followers = [dialled[m.id] for m in window.members if m.id in dialled and m.id != lead]
    best = next((m.id for m in window.voters if m.id != lead and window.reachable(m.id)), "")
    common = {
        "endpoints": ",".join(dialled.values()),
        "leader_url": dialled.get(lead, ""),
        "best_follower_id": best,
        "old_revision": _old_revision(window),
        "followers_first": " ".join([*followers, *([dialled[lead]] if lead in dialled else [])]),
    }
    common = {k: v for k, v in common.items() if v}
    blanks: dict[str, Mapping[str, str]] = {"": common}
    for member in window.members:
        url = dialled.get(member.id, "")
        peer_url = (member.peer_urls or ("",))[0]
        own = {
            "member": member.label,
            "member_id": member.id,
            "endpoint": url,
            "peer_url": peer_url,
            **_parts("client", url),
            **_parts("peer", peer_url),
        }
        blanks[member.id] = common | {k: v for k, v in own.items() if v}
    names = {m.id: m.label for m in window.members}
    return Context(cluster_id(window) or called, names, blanks, also=partial(in_kubernetes, window))


def _old_revision(window: Window) -> str:
    """Return the highest revision that is older than what clients under way may still need."""
    seen = [
        point.value
        for m in window.members
        for point in window.points(m.id, CURRENT_REVISION_LONG, over=2 * NEEDED_FOR)
        if point.at <= window.now - NEEDED_FOR and isinstance(point.value, (int, float))
    ]
    return f"{max(seen):.0f}" if seen else ""


def _parts(of: str, url: str) -> Mapping[str, str]:
    """Return scheme, host and port of a URL; what it has none of is left out.

    Members advertise what they were told: etcd takes a port past 65535 as well.
    """
    try:
        split = urlsplit(url)
        host, port = split.hostname, split.port
    except ValueError:
        return {}
    return {
        f"{of}_scheme": split.scheme,
        f"{of}_host": host or "",
        f"{of}_port": str(port or ""),
    }
