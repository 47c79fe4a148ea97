"""An incident as a story: first sign, what was thought, what it caused, and how it ended."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

from etcdscope.model.contract import evidence_object, subject_object
from etcdscope.model.finding import Evidence
from etcdscope.model.incident import Effect, EffectKind, Incident
from etcdscope.model.logs import LogEvent
from etcdscope.model.ports import Sweep
from etcdscope.model.signal import LOG_EVENT
from etcdscope.surfaces.view.shapes import LogObject, MomentObject, SimilarObject
from etcdscope.surfaces.words import about, certainty

MOST_LINES = 200
MOST_SIMILAR = 10
# Before the first sign and after the end: what led to it, and how it settled.
LOGS_BEFORE, LOGS_AFTER = 15.0, 15.0
# Of a long incident the beginning tells why.
LOGS_SPAN = 120.0


def moments(
    incident: Incident, told: Sequence[Effect], verdicts: Sequence[Effect]
) -> tuple[MomentObject, ...]:
    """Return the story, in order of time."""
    versions = [(e.at, e.kind, e.incident) for e in told if e.incident]
    found = [_moment(incident.since, "first-sign", _first_sign(incident), incident.names)]
    if not versions:
        found += _by_itself(incident)
    found += [
        _moment(at, "opened", f"Told as {_named(one)}.", one.names, one.evidence)
        for at, kind, one in versions
        if kind is EffectKind.OPENED
    ]
    for (_, _, before), (at, kind, after) in pairwise(versions):
        found += _changes(at, kind, before, after)
    found += [
        _moment(at, "effect", f"It explains {effect}.", one.names)
        for at, _, one in versions[:1]
        for effect in one.effects
    ]
    if incident.closed_at is not None:
        found.append(_moment(incident.closed_at, "closed", _end(incident), incident.names))
    found += _standing(incident, verdicts)
    return tuple(sorted(found, key=lambda moment: moment.at))


def _moment(
    at: float,
    event: str,
    say: str,
    names: Mapping[str, str],
    evidence: Iterable[Evidence] = (),
) -> MomentObject:
    facts = tuple(evidence_object(e, names) for e in evidence)
    return MomentObject(at=at, event=event, say=say, evidence=facts)  # type: ignore[arg-type]


def _standing(incident: Incident, verdicts: Sequence[Effect]) -> Iterator[MomentObject]:
    """Yield how the cluster stood meanwhile, each time that it reads another way."""
    last = ""
    for effect in verdicts:
        within = incident.since - 1 <= effect.at <= (incident.closed_at or float("inf")) + 5
        if effect.verdict and within and effect.verdict.sentence != last:
            last = effect.verdict.sentence
            yield _moment(effect.at, "verdict", last, incident.names)


def _first_sign(incident: Incident) -> str:
    opened_by = incident.id.partition("/")[0]
    return f"First sign: {opened_by} of {about(incident.subject, incident.names)}."


def _named(incident: Incident) -> str:
    sure = certainty(incident.confidence)
    return f"{incident.cause} ({incident.severity}, {sure}): {incident.summary}"


def _by_itself(incident: Incident) -> list[MomentObject]:
    """Return the beginning of an incident of which nothing that was told is kept."""
    say = f"Told as {_named(incident)}."
    return [_moment(incident.opened_at, "opened", say, incident.names, incident.evidence)]


def _changes(
    at: float, kind: EffectKind, before: Incident, after: Incident
) -> Iterator[MomentObject]:
    words = []
    if after.cause != before.cause:
        words.append(f"the cause is {after.cause}, {certainty(after.confidence)}")
    if after.severity != before.severity:
        words.append(f"it is {after.severity} now")
    if after.subject != before.subject:
        words.append(f"it is about {about(after.subject, after.names)}")
    if words and kind is EffectKind.CHANGED:
        say = f"More is known: {'; '.join(words)}. {after.summary}."
        yield _moment(at, "changed", say, after.names, after.evidence)
    elif kind is EffectKind.CHANGED and after.summary != before.summary:
        yield _moment(at, "changed", f"{after.summary}.", after.names, after.evidence)
    for effect in after.effects:
        if effect not in before.effects:
            yield _moment(at, "effect", f"It explains {effect}.", after.names)


def _end(incident: Incident) -> str:
    lasted = max((incident.closed_at or incident.since) - incident.since, 0.0)
    return incident.note or f"Over after {lasted:.0f} s."


# --- around it -----------------------------------------------------------------------------------


def similar(incident: Incident, others: Iterable[Incident]) -> tuple[SimilarObject, ...]:
    """Return earlier incidents with the same cause, the newest first."""
    before = [
        one
        for one in others
        if one.cause == incident.cause
        and one.id != incident.id
        and one.opened_at < incident.opened_at
    ]
    before.sort(key=lambda one: -one.opened_at)
    return tuple(
        SimilarObject(
            id=one.id,
            opened_at=one.opened_at,
            closed_at=one.closed_at,
            severity=str(one.severity),  # type: ignore[arg-type]
            subject=subject_object(one.subject, one.names),
            summary=one.summary,
        )
        for one in before[:MOST_SIMILAR]
    )


def logs_span(incident: Incident) -> tuple[float, float]:
    """Return the span whose log lines belong to an incident."""
    begin = incident.since - LOGS_BEFORE
    end = (incident.closed_at or float("inf")) + LOGS_AFTER
    return begin, min(end, begin + LOGS_SPAN)


def log_lines(
    sweeps: Iterable[Sweep], span: tuple[float, float], names: Mapping[str, str]
) -> Iterator[LogObject]:
    """Yield the lines of logs that were read in these sweeps and written within the span."""
    for sweep in sweeps:
        for reading in sweep.readings:
            for seen in reading.observations:
                event = seen.value
                if seen.signal is not LOG_EVENT or not isinstance(event, LogEvent):
                    continue
                if span[0] <= event.at <= span[1]:
                    who = event.member or reading.member
                    named = names.get(who) or reading.endpoint.removeprefix("log:")
                    yield LogObject(
                        at=event.at,
                        member=who,
                        name=named,
                        level=event.level,
                        kind=event.kind,
                        message=" ".join(filter(None, (event.text, event.error))),
                        count=event.count,
                    )
