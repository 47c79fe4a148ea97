"""``check`` and ``watch`` as text: the verdict, the reason, the evidence, what to do.

Pure: values in, lines out. ``width`` is None where lines are not broken (a pipe, a file).
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import tzinfo

from rich.text import Text

from etcdscope.model.finding import Alternative, BlindSpot, Evidence, Severity
from etcdscope.model.incident import Effect, EffectKind, Incident, Level, Verdict
from etcdscope.surfaces.lines import EMPTY, Line, fold, indented, line
from etcdscope.surfaces.members import OUT_OF_ACTION, rows, standing
from etcdscope.surfaces.signs import BLIND, DIM, LEVELS, OK, SEVERITIES, Sign
from etcdscope.surfaces.words import (
    about,
    called,
    certainty,
    clock,
    day,
    duration,
    share,
    spoken,
    value,
)

# From here on a cause is almost certain, and what else it might be is not worth a line.
SURE = 0.9
# So many causes that a blind spot hides are named; of the others only the number.
NAMED = 4
# `watch`: the word behind clock and shape takes so many columns; what follows is indented to it.
WORD = 8
ASIDE = len("00:00:00  X ")


# --- check -------------------------------------------------------------------------------------


def check(
    verdict: Verdict,
    incidents: Sequence[Incident],
    blind_spots: Sequence[BlindSpot],
    *,
    notices: Sequence[str] = (),
    at: float,
    width: int | None = None,
    zone: tzinfo | None = None,
) -> list[Text]:
    """Return what ``check`` prints."""
    names = {m.id: m.name for m in verdict.members}
    serious = [i for i in incidents if i.severity > Severity.INFO]
    lines = [_headline(verdict), *_standing(verdict), EMPTY]
    for incident in serious:
        sign = SEVERITIES[incident.severity]
        told = verdict.sentence.startswith(incident.summary)
        title = [] if told else [_title(sign, f"{incident.summary}.", f"bold {sign.style}")]
        body = [line("  ", about_incident(incident, at, zone)), *indented(story(incident), 2)]
        lines += [*title, *body, EMPTY]
    lines += [*members, EMPTY] if (members := rows(verdict, incidents, width)) else []
    notes = [i for i in incidents if i.severity is Severity.INFO]
    for section in (
        [_note(i) for i in notes],
        [one for group in alike(blind_spots) for one in unseen(group, names)],
        [line("  note: ", notice) for notice in notices],
    ):
        lines += [*section, EMPTY] if section else []
    while lines[-1] == EMPTY:
        lines.pop()
    return fold(lines, width)


def _headline(verdict: Verdict) -> Line:
    sign = LEVELS[verdict.level]
    return _title(sign, verdict.sentence, "bold" if sign is BLIND else f"bold {sign.style}")


def _title(sign: Sign, sentence: str, style: str) -> Line:
    return Line(Text(f"{sign.shape} ", style), Text(sentence, style))


def _standing(verdict: Verdict) -> list[Line]:
    known = [
        f"cluster {verdict.cluster}" if verdict.cluster else "",
        f"etcd {verdict.version}" if verdict.version else "",
        f"term {verdict.term}" if verdict.term is not None else "",
        standing(verdict) if verdict.voters else "",
    ]
    told = " · ".join(filter(None, known))
    return [line("  ", (told, DIM))] if told else []


def _note(incident: Incident) -> Line:
    sign = SEVERITIES[Severity.INFO]
    return Line(Text.assemble("  ", (sign.shape, sign.style), " "), Text(f"{incident.summary}."))


# --- an incident -------------------------------------------------------------------------------


def about_incident(incident: Incident, at: float, zone: tzinfo | None) -> Text:
    """Return how sure it is, its cause and since when."""
    lasting = (incident.closed_at or at) - incident.since
    ago = f" ({duration(lasting)})" if lasting >= 1.0 else ""
    since = f"since {clock(incident.since, zone)}{ago}"
    words = [certainty(incident.confidence), _cause(incident), since]
    return Text(" · ".join(words), style=DIM)


def _cause(incident: Incident) -> str:
    if incident.subject.kind in ("cluster", "self"):
        return incident.cause
    return f"{incident.cause} on {about(incident.subject, incident.names)}"


def story(incident: Incident) -> list[Line]:
    """Return why, what it means and what to do."""
    why = _why(incident)
    steps: list[Line] = []
    for number, step in enumerate(incident.runbook, 1):
        steps.append(line(f"  {number}. ", step.say))
        if step.run:
            steps.append(line("       ", (step.run, "cyan"), whole=True))
    return [
        *_section("why", why),
        *_section("what it means", [line("  ", incident.impact)] if incident.impact else []),
        *_section("what to do", steps),
    ]


def _section(title: str, lines: list[Line]) -> list[Line]:
    return [line("", (title, "bold")), *lines] if lines else []


def _why(incident: Incident) -> list[Line]:
    lines = [_fact(e, incident.names) for e in incident.evidence if e.for_]
    lines += [_fact(e, incident.names) for e in incident.evidence if not e.for_]
    lines += [line("  − ", f"not {r.cause}: {r.by}") for r in incident.ruled_out]
    if incident.effects:
        lines.append(line("  → ", f"explains {', '.join(incident.effects)}"))
    if incident.confidence < SURE:
        lines += [line("  ~ ", _instead(a)) for a in incident.alternatives]
    if incident.next_test:
        lines.append(line("  ? ", f"what would tell: {incident.next_test}"))
    if incident.test and incident.test.run and incident.confidence < SURE:
        lines.append(line("       ", (incident.test.run, "cyan"), whole=True))
    return lines


def _instead(alternative: Alternative) -> str:
    likely = share(alternative.confidence, 1)
    return f"or {alternative.cause} ({likely}): {alternative.why}"


def _fact(evidence: Evidence, names: Mapping[str, str]) -> Line:
    shown = evidence.value
    if isinstance(shown, str):
        shown = names.get(shown, shown)
    words = f"{spoken(evidence.signal)} {value(shown, evidence.unit)}"
    if evidence.member:
        words = f"{called(evidence.member, names)}: {words}"
    if evidence.limit is not None:
        words += f" (limit {value(evidence.limit, evidence.unit)})"
    if evidence.says:
        words += f", {evidence.says}"
    source = f"  {evidence.source}" if evidence.source else ""
    return line("  + " if evidence.for_ else "  − ", words, (source, DIM))


# --- what is not judged --------------------------------------------------------------------------


def alike(spots: Iterable[BlindSpot]) -> list[list[BlindSpot]]:
    """Group what only differs in whom it is about."""
    groups: dict[tuple[str, str, str], list[BlindSpot]] = {}
    for spot in spots:
        groups.setdefault((spot.source, spot.why, spot.remedy), []).append(spot)
    return list(groups.values())


def unjudged(group: Sequence[BlindSpot], names: Mapping[str, str]) -> str:
    """Return what of whom could not be looked at, why, and what would help."""
    whom = ", ".join(sorted(about(spot.subject, names) for spot in group))
    return _blind(group[0], whom)


def unseen(group: Sequence[BlindSpot], names: Mapping[str, str], most: int = NAMED) -> list[Line]:
    """Return the lines of blind spots that are alike; so many of what they hide are named."""
    first = group[0]
    lines = [line("  not judged: ", unjudged(group, names))]
    if first.hides:
        lines.append(line("              ", (f"hides {_few(first.hides, most)}", DIM)))
    return lines


def _blind(spot: BlindSpot, whom: str) -> str:
    remedy = f"; {spot.remedy}" if spot.remedy else ""
    return f"{spot.source} of {whom} ({spot.why.rstrip('.')}{remedy})"


def _few(causes: Sequence[str], most: int = NAMED) -> str:
    more = f" and {len(causes) - most} more" if len(causes) > most else ""
    return ", ".join(causes[:most]) + more


# --- watch ---------------------------------------------------------------------------------------


class Telling:
    """Effects as lines, one after another; knows what it has told, so that it says it once."""

    def __init__(self, zone: tzinfo | None = None) -> None:
        self._zone = zone
        self._name = ""
        self._day = ""
        self._causes: dict[str, str] = {}
        self._verdicts: dict[str, str] = {}
        # incident → the cluster's name, and the member that it says is out of action
        self._out: dict[str, tuple[str, str]] = {}

    def lines(
        self, effects: Iterable[Effect], width: int | None = None, name: str = ""
    ) -> list[Text]:
        """Return the lines of these effects; ``name``: of the cluster, where several are told."""
        told: list[Line] = []
        self._name = f"{name}: " if name else ""
        for effect in effects:
            if (today := day(effect.at, self._zone)) != self._day:
                self._day = today
                told.append(line("", (today, DIM)))
            told += self._told(effect)
        return fold(told, width)

    def _told(self, effect: Effect) -> list[Line]:
        if effect.verdict is not None:
            return self._whole(effect, effect.verdict)
        if effect.blind_spot is not None:
            return self._blindness(effect, effect.blind_spot)
        assert effect.incident is not None
        return self._incident(effect, effect.incident)

    def _whole(self, effect: Effect, verdict: Verdict) -> list[Line]:
        """Tell the state of the cluster, unless it reads as it did before."""
        out = frozenset(who for name, who in self._out.values() if name == self._name)
        words = _now(verdict, out)
        if words == self._verdicts.get(self._name):
            return []
        self._verdicts[self._name] = words
        return [self._first(effect, LEVELS[verdict.level], str(verdict.level), Text(words))]

    def _blindness(self, effect: Effect, spot: BlindSpot) -> list[Line]:
        whom = about(spot.subject, effect.names)
        if effect.kind is EffectKind.SIGHTED:
            body = Text(f"{spot.source} of {whom} can be judged again")
            return [self._first(effect, OK, "sighted", body)]
        lines = [self._first(effect, BLIND, "blind", Text("not judged: " + _blind(spot, whom)))]
        if spot.hides:
            lines.append(self._aside(Text(f"hides {_few(spot.hides)}", style=DIM)))
        return lines

    def _incident(self, effect: Effect, incident: Incident) -> list[Line]:
        if effect.kind is EffectKind.CLOSED:
            self._causes.pop(incident.id, None)
            self._out.pop(incident.id, None)
            body = Text(f"{_cause(incident)}: {incident.note or 'over.'}")
            return [self._first(effect, OK, "over", body)]
        known = self._causes.get(incident.id)
        self._causes[incident.id] = incident.cause
        if incident.cause in OUT_OF_ACTION:
            self._out[incident.id] = (self._name, incident.subject.name)
        else:
            self._out.pop(incident.id, None)
        changed = "" if effect.kind is EffectKind.OPENED else "clearer now: "
        body = Text.assemble(changed, (incident.summary, "bold"))
        lines = [
            self._first(effect, SEVERITIES[incident.severity], str(incident.severity), body),
            self._aside(about_incident(incident, effect.at, self._zone)),
        ]
        if known != incident.cause and incident.severity > Severity.INFO:
            lines += indented(story(incident), ASIDE)
        return lines

    def _first(self, effect: Effect, sign: Sign, word: str, body: Text) -> Line:
        head = Text.assemble(
            clock(effect.at, self._zone),
            "  ",
            (f"{sign.shape} {word:{WORD}}", sign.style),
            "  ",
        )
        return Line(head, Text.assemble((self._name, "bold"), body) if self._name else body)

    def _aside(self, body: Text) -> Line:
        return Line(Text(" " * ASIDE), body)


def _now(verdict: Verdict, out: frozenset[str]) -> str:
    """Return the state of the cluster; the incident above it has told the trouble already."""
    if verdict.level in (Level.OK, Level.UNKNOWN):
        return verdict.sentence
    names = {m.id: m.name for m in verdict.members}
    term = f" (term {verdict.term})" if verdict.term else ""
    name = called(verdict.leader, names)
    leads = f"{name} leads{term}" if verdict.leader else "nobody leads"
    # The others follow a leader that is gone until their patience, a second or so, is at its end.
    if verdict.leader in out:
        leads = f"{name} led{term}, and no other member yet"
    return f"{leads}, {standing(verdict)}"
