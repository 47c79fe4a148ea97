"""Findings become incidents: grouped by cause, opened, changed, closed.

Pure: the same tracks and findings always give the same incidents. An incident's identity is the
finding that opened it; its cause may become clearer later.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from etcdscope.detect.detector import Detector
from etcdscope.diagnose.causes import rows
from etcdscope.diagnose.explanation import Explanation, meet
from etcdscope.diagnose.ranking import ranked
from etcdscope.model.finding import BlindSpot, Finding, NextTest, Severity, Subject
from etcdscope.model.incident import Effect, EffectKind, Incident, Step

Key = tuple[str, Subject]
# A finding that was not seen for so long explains nothing any more.
FORGOTTEN = 60.0
# What is told again so soon after it was over comes and goes: then it is over only after as long a
# calm. A slow database disk was told ten times in 150 s without it.
FLAPS = 20.0
# Two judgements: what ends and what begins need not be seen by the same one.
MOMENT = 0.5
# An incident whose cause goes on, but nothing as severe as before, is graded down after so long.
CALMED = 30.0


@dataclass(frozen=True, slots=True)
class Track:
    """One finding over time: as last seen, since when, and when last; unix seconds.

    ``holds``: for so many seconds after it was last seen it counts as going on.
    """

    finding: Finding
    since: float
    last: float
    holds: float

    def going_on(self, now: float) -> bool:
        return now - self.last <= self.holds


@dataclass(frozen=True, slots=True)
class Followed:
    """An open incident and the findings that belong to it."""

    incident: Incident
    keys: frozenset[Key]
    hold_until: float = 0.0  # not closed before: taken over from before a restart, or it flaps
    flaps: bool = False
    graded: float = 0.0  # when something was last as severe as the incident


@dataclass(frozen=True, slots=True)
class Tracking:
    """What must be remembered from one judgement to the next."""

    tracks: Mapping[Key, Track] = field(default_factory=dict)
    open: tuple[Followed, ...] = ()
    ended: Mapping[Key, float] = field(default_factory=dict)  # when incidents were over, of late


@dataclass(frozen=True, slots=True)
class Context:
    """What an incident's words are made of: the cluster, names, and commands' blanks."""

    cluster: str
    names: Mapping[str, str]
    blanks: Mapping[str, Mapping[str, str]]  # by hex member id; "" for the cluster
    unseen: tuple[BlindSpot, ...] = ()  # what could not be looked at in this judgement
    # What it means in Kubernetes, if that is seen; made of the same as the rest.
    also: Callable[[Finding], str] = field(default=lambda _: "", compare=False)


@dataclass(frozen=True, slots=True)
class Group:
    """Findings with one cause."""

    root: Track
    tracks: Mapping[Key, Track]

    def lasting(self, catalog: Mapping[str, Detector]) -> list[Track]:
        """Return what goes on in it; an event that merely was is none of that."""
        return [
            t
            for t in self.tracks.values()
            if not ((known := catalog.get(t.finding.detector)) and known.momentary)
        ]

    def is_due(self, catalog: Mapping[str, Detector]) -> bool:
        """Return whether any of its findings is."""
        return any(_due(track, catalog) for track in self.tracks.values())

    @property
    def keys(self) -> frozenset[Key]:
        return frozenset(self.tracks) | {self.root.finding.key}


def follow(
    tracking: Tracking,
    findings: Sequence[Finding],
    now: float,
    catalog: Mapping[str, Detector],
    context: Context,
) -> tuple[Tracking, list[Effect]]:
    """Advance all incidents to ``now``."""
    tracks = _tracked(tracking.tracks, findings, now, catalog)
    groups = _grouped(tracks, now, catalog)
    still_open: list[Followed] = []
    effects: list[Effect] = []
    ended = {key: at for key, at in tracking.ended.items() if now - at <= FLAPS}
    taken: dict[int, str] = {}  # group → the incident that has it
    for followed in tracking.open:
        index = _match(followed, groups)
        if index is None:
            if now < followed.hold_until:
                still_open.append(followed)
            else:
                effects.append(_closed(followed, tracks, now, context))
                ended[followed.incident.cause, followed.incident.subject] = now
        elif index in taken:
            effects.append(_merged(followed, taken[index], now, context))
        else:
            taken[index] = followed.incident.id
            kept, told = _continued(followed, groups[index], now, catalog, context)
            still_open.append(kept)
            effects.extend(told)
    for index, group in enumerate(groups):
        # What is left of something that is over is not told as if it went on.
        if index not in taken and group.root.going_on(now) and group.is_due(catalog):
            opened = _opened(group, now, catalog, context)
            if group.root.finding.key in ended:
                opened = replace(opened, flaps=True, hold_until=now + FLAPS)
            still_open.append(opened)
            effects.append(_effect(EffectKind.OPENED, now, opened.incident, context))
    return Tracking(tracks, tuple(still_open), ended), effects


def _tracked(
    tracks: Mapping[Key, Track],
    findings: Sequence[Finding],
    now: float,
    catalog: Mapping[str, Detector],
) -> Mapping[Key, Track]:
    new = {k: t for k, t in tracks.items() if now - t.last <= FORGOTTEN}
    for finding in findings:
        known = catalog.get(finding.detector)
        holds = known.closes_after if known else 3.0
        before = new.get(finding.key)
        since = before.since if before and before.going_on(now) else now
        new[finding.key] = Track(finding, since, now, holds)
    return new


def _grouped(
    tracks: Mapping[Key, Track], now: float, catalog: Mapping[str, Detector]
) -> list[Group]:
    """Put every finding that holds under the end of its chain of causes."""
    groups: dict[Key, dict[Key, Track]] = {}
    for key, track in tracks.items():
        if track.going_on(now):
            root = _root(track, tracks, now)
            groups.setdefault(root.finding.key, {})[key] = track
    made = [Group(tracks[root], members) for root, members in groups.items()]
    # What is merely momentary holds no group together with a cause that is over.
    return [g for g in made if _stands(g, now, catalog)]


def _stands(group: Group, now: float, catalog: Mapping[str, Detector]) -> bool:
    """Return whether something other than a passing event is going on in the group."""
    return bool(group.lasting(catalog)) or group.root.going_on(now)


def _root(track: Track, tracks: Mapping[Key, Track], now: float) -> Track:
    seen = {track.finding.key}
    while True:
        causes = [
            cause
            for key, cause in tracks.items()
            if key not in seen and _explained(cause, track, now)
        ]
        if not causes:
            return track
        effect = track.finding
        track = max(
            causes,
            key=lambda c: (
                _concerns(c.finding, effect),
                c.last,
                c.finding.severity,
                c.finding.confidence,
                c.finding.detector,
            ),
        )
        seen.add(track.finding.key)


def _concerns(cause: Finding, effect: Finding) -> bool:
    """Return whether the effect's own evidence names whom the cause is about.

    Of two faults at once it tells whose consequence it is: the smaller margin is that of the
    member that is missing, not of another whose disk is slow.
    """
    return any(e.member and cause.subject.touches(e.member) for e in effect.evidence)


def _explained(cause: Track, effect: Track, now: float) -> bool:
    return any(
        _applies(row, cause, effect, now)
        for row in rows(cause.finding.detector, effect.finding.detector)
    )


def _applies(row: Explanation, cause: Track, effect: Track, now: float) -> bool:
    return (
        now - cause.last <= row.within
        and effect.since >= cause.since - row.before
        and effect.last - effect.since <= row.lasting
        and (row.afterwards or effect.since <= cause.last + max(MOMENT, cause.holds))
        and meet(row.where, cause.finding, effect.finding)
    )


def _due(track: Track, catalog: Mapping[str, Detector]) -> bool:
    """Return whether it has held for as long as its detector asks."""
    known = catalog.get(track.finding.detector)
    return track.last - track.since >= (known.opens_after if known else 0.0)


def _match(followed: Followed, groups: Sequence[Group]) -> int | None:
    """Return the group that continues the incident: the one with its cause, else its cause's cause.

    A symptom that outlives the cause, and is explained by it no more, is no continuation.
    """
    cause = (followed.incident.cause, followed.incident.subject)
    best = [
        (cause in group.keys, len(group.keys & followed.keys), -index)
        for index, group in enumerate(groups)
        if group.keys & followed.keys
        and (cause in group.keys or rows(group.root.finding.detector, cause[0]))
    ]
    return -max(best)[2] if best else None


def _severity(group: Group, catalog: Mapping[str, Detector]) -> Severity:
    known = catalog.get(group.root.finding.detector)
    if known and known.planned:  # what planned work explains does not make it worse
        return group.root.finding.severity
    return max(
        (t.finding.severity for t in (group.root, *group.tracks.values())), default=Severity.INFO
    )


def _opened(
    group: Group, now: float, catalog: Mapping[str, Detector], context: Context
) -> Followed:
    root = group.root.finding
    since = min(t.since for t in (group.root, *group.lasting(catalog)))
    subject = _subject_key(root.subject, context)
    ident = f"{root.detector}/{context.cluster}/{subject}/{round(now * 1000)}"
    incident = Incident(
        id=ident,
        cluster=context.cluster,
        cause=root.detector,
        subject=root.subject,
        severity=_severity(group, catalog),
        summary=root.summary,
        confidence=root.confidence,
        since=since,
        opened_at=now,
    )
    return Followed(_worded(incident, group, catalog, context), group.keys, graded=now)


def _subject_key(subject: Subject, context: Context) -> str:
    ends = [context.names.get(end, end) for end in (subject.name, subject.to) if end]
    return "-".join(ends) or subject.kind


def _continued(
    followed: Followed,
    group: Group,
    now: float,
    catalog: Mapping[str, Detector],
    context: Context,
) -> tuple[Followed, list[Effect]]:
    before, root = followed.incident, group.root.finding
    same = (root.detector, root.subject) == (before.cause, before.subject)
    if not same and not group.root.going_on(now):
        # Its own cause is over and what is left points to something over as well: no news.
        return replace(followed, keys=group.keys | followed.keys), []
    planned = (known := catalog.get(root.detector)) is not None and known.planned
    severity = _severity(group, catalog)
    graded = now if severity >= before.severity else followed.graded or now
    calm = now - graded >= CALMED
    incident = replace(
        before,
        cause=root.detector,
        subject=root.subject,
        summary=root.summary,
        confidence=root.confidence,
        # It does not go up and down while the cause stays; another cause is graded anew.
        severity=max(severity, before.severity) if same and not planned and not calm else severity,
    )
    incident = _worded(incident, group, catalog, context)
    changed = (incident.cause, incident.subject, incident.severity) != (
        before.cause,
        before.subject,
        before.severity,
    )
    effects = [_effect(EffectKind.CHANGED, now, incident, context)] if changed else []
    graded = graded if incident.severity == before.severity else now
    keys = group.keys | {(before.cause, before.subject)}
    hold = now + FLAPS if followed.flaps else 0.0
    return Followed(incident, keys, hold, followed.flaps, graded), effects


def _worded(
    incident: Incident, group: Group, catalog: Mapping[str, Detector], context: Context
) -> Incident:
    root = group.root.finding
    known = catalog.get(root.detector)
    blanks = context.blanks.get(root.subject.name) or context.blanks.get("", {})
    effects = sorted(
        {t.finding.detector for t in group.tracks.values() if t.finding.key != root.key}
    )
    others = [t.finding for t in group.tracks.values() if t.finding.key != root.key]
    instead = ranked(root, others, context.unseen)
    test = instead.test and _blanks_filled(instead.test, blanks)
    return replace(
        incident,
        evidence=(*root.evidence, *instead.against),
        effects=tuple(effects),
        ruled_out=root.ruled_out,
        next_test=root.next_test or (str(test) if test else ""),
        alternatives=instead.alternatives,
        test=test,
        impact=" ".join(filter(None, (known.impact if known else "", context.also(root)))),
        runbook=tuple(_filled(step, blanks) for step in known.runbook) if known else (),
        # Who was removed meanwhile is still called as it was.
        names={**incident.names, **context.names},
    )


class _Blanks(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return key.upper()


def _filled(step: Step, blanks: Mapping[str, str]) -> Step:
    return Step(step.say.format_map(_Blanks(blanks)), step.run.format_map(_Blanks(blanks)))


def _blanks_filled(test: NextTest, blanks: Mapping[str, str]) -> NextTest:
    return replace(test, run=test.run.format_map(_Blanks(blanks)))


def _closed(
    followed: Followed, tracks: Mapping[Key, Track], now: float, context: Context
) -> Effect:
    last = max((tracks[k].last for k in followed.keys if k in tracks), default=now)
    lasted = max(last - followed.incident.since, 0.0)
    incident = replace(followed.incident, closed_at=now, note=f"Over after {_duration(lasted)}.")
    return _effect(EffectKind.CLOSED, now, incident, context)


def _merged(followed: Followed, into: str, now: float, context: Context) -> Effect:
    incident = replace(followed.incident, closed_at=now, note=f"Has the same cause as {into}.")
    return _effect(EffectKind.CLOSED, now, incident, context)


def _effect(kind: EffectKind, now: float, incident: Incident, context: Context) -> Effect:
    names = {**context.names, **incident.names}
    return Effect(kind, now, context.cluster, incident=incident, names=names)


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
