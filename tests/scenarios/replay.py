"""Replays a story through the real core, tick by tick, and writes down what it tells."""

from collections.abc import Iterator
from dataclasses import replace

from tests.scenarios.cluster import SimCluster
from tests.scenarios.kubernetes import SimKubernetes
from tests.scenarios.looking import GRAIN, T0, Looking
from tests.scenarios.story import Story, amount
from tests.scenarios.verbs import happen

from etcdscope.detect.catalog import DETECTORS
from etcdscope.diagnose.step import State, step
from etcdscope.model.finding import Subject
from etcdscope.model.incident import Effect, EffectKind

TICK = 5  # grains of the simulation that make one tick of the engine (250 ms)


def told(story: Story) -> list[str]:
    """Return what the core tells of a story, a line an effect."""
    wanted = {k for k in EffectKind if k is not EffectKind.VERDICT or "verdicts" in story.flags}
    return [_line(e) for e in effects(story) if e.kind in wanted]


def effects(story: Story) -> Iterator[Effect]:
    """Give every effect of a story."""
    cluster = SimCluster(
        story.members,
        story.settings.get("leader", ""),
        int(story.settings.get("term", "2")),
        amount(story.settings.get("writes", "50/s")),
    )
    kubernetes = None
    if story.flags & {"kubernetes", "kubernetes managed"}:
        kubernetes = SimKubernetes(cluster, managed="kubernetes managed" in story.flags)
    looking, state, waiting = Looking(cluster, kubernetes), State(DETECTORS), list(story.events)
    for grain in range(round(story.end / GRAIN) + 1):
        now = grain * GRAIN
        while waiting and waiting[0].at <= now + 1e-9:
            event = waiting.pop(0)
            if event.verb == "monitor-restarts":
                looking = Looking(cluster, kubernetes)
                looking.remember(state.window.memory, now)
                state = State(DETECTORS).resumed(state.incidents, T0 + now)
            else:
                happen(cluster, event, kubernetes)
        cluster.advance(now)
        if kubernetes:
            kubernetes.advance(now, GRAIN)
        looking.look(now, state.suspect)
        if grain and grain % TICK == 0:
            state = _no_longer_looked_at(state, looking.endpoints())
            state, seen = step(state, looking.arrived(now), T0 + now)
            yield from seen


def _no_longer_looked_at(state: State, endpoints: frozenset[str]) -> State:
    """Drop looks as the engine does when an endpoint is not looked at any more."""
    window = state.window
    gone = {at for at in window.looks if "://" in at[1] and at[1] not in endpoints}
    looks = {at: look for at, look in window.looks.items() if at not in gone}
    return replace(state, window=replace(window, looks=looks))


def _line(effect: Effect) -> str:
    at = f"{effect.at - T0:.2f}".rstrip("0").rstrip(".")
    return f"{at + 's':>7} {effect.kind.value} {_about(effect)}"


def _about(effect: Effect) -> str:
    if incident := effect.incident:
        what = f"{incident.cause} {_who(incident.subject, effect)}".strip()
        if effect.kind is EffectKind.CLOSED:
            return f"{what}: {incident.note}"
        also = f" (explains {', '.join(incident.effects)})" if incident.effects else ""
        return f"{what} {incident.severity}: {incident.summary}{also}"
    if spot := effect.blind_spot:
        why = f": {spot.why}" if effect.kind is EffectKind.BLIND_SPOT else ""
        return f"{spot.detector} {spot.source} of {_who(spot.subject, effect)}{why}"
    assert effect.verdict is not None
    return f"{effect.verdict.level.value}: {effect.verdict.sentence}"


def _who(subject: Subject, effect: Effect) -> str:
    ends = [effect.names.get(end, end) for end in (subject.name, subject.to) if end]
    return "→".join(ends) or subject.kind
