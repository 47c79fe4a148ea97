"""The pages behind the view of a cluster: an incident, a member, what is not judged. Pure."""

from collections.abc import Iterable, Iterator, Sequence

from rich.text import Text

from etcdscope.model.incident import EffectKind, Incident, MemberState
from etcdscope.surfaces import table
from etcdscope.surfaces.glance import cut, told
from etcdscope.surfaces.lines import EMPTY, Line, fold, indented, line
from etcdscope.surfaces.members import role
from etcdscope.surfaces.signs import DIM, OK, SEVERITIES, marks
from etcdscope.surfaces.strips import Axis
from etcdscope.surfaces.text import about_incident, alike, story, unseen
from etcdscope.surfaces.tui import charts
from etcdscope.surfaces.tui.cluster import INCIDENT, Here
from etcdscope.surfaces.tui.row import Row, plain
from etcdscope.surfaces.tui.trail import Event, Moment, worst_first
from etcdscope.surfaces.words import clock, count, duration, host, share, size

COMMAND = "run "  # what a key of a command begins with; the command follows its number
# Longer lines are hard to read, however wide the screen is.
READABLE = 110
BEFORE = 30.0  # seconds of charts before the first sign of an incident


# --- an incident ---------------------------------------------------------------------------------


def incident(here: Here, shown: Incident, width: int) -> list[Row]:
    """Return an incident: what happened, why, what it means, what to do."""
    room = min(width - 2, READABLE)
    sign = SEVERITIES[shown.severity] if shown.open else OK
    style = f"bold {sign.style}"
    lines = [Line(Text(f" {sign.shape} ", style), Text(f"{shown.summary}.", style))]
    lines.append(line("   ", about_incident(shown, here.at, here.zone)))
    lines += [EMPTY, *indented(_happened(here, shown), 1)]
    rows = plain(*fold(lines, room))
    rows += plain(Text(), *_evidence_charts(here, shown, width))
    return rows + list(commanded(indented(story(shown), 1), room))


def _happened(here: Here, shown: Incident) -> list[Line]:
    events = here.trail.story(shown.id, here.at)
    lines = [line("", ("what happened", "bold")), _at(here, shown.since, "first sign")]
    if not events or events[0].kind is not EffectKind.OPENED:  # it is older than we are
        lines.append(_at(here, shown.opened_at, f"{shown.severity}, told before this view began"))
    lines += [_at(here, event.at, say) for event, say in _changes(events)]
    return lines


def _at(here: Here, at: float, say: str) -> Line:
    return line(f"  {clock(at, here.zone)}  ", say)


def _changes(events: Iterable[Event]) -> Iterator[tuple[Event, str]]:
    """Yield what happened and how that is told; what reads as before is left out."""
    last = ""
    for event in events:
        was = event.incident
        if event.kind is EffectKind.CLOSED:
            yield event, was.note or "over."
        elif (say := f"{was.severity} {was.cause}: {was.summary}") != last:
            last = say
            yield event, say if event.kind is EffectKind.OPENED else f"clearer now: {say}"


def _evidence_charts(here: Here, shown: Incident, width: int) -> list[Text]:
    """Return the charts of the moment, where a member is concerned."""
    moment = here.moment
    if moment is None or not moment.verdict.members:
        return []
    begin = shown.since - BEFORE
    end = min(shown.closed_at + BEFORE, here.at) if shown.closed_at else here.at
    moments = here.trail.between(begin, end)
    if len(moments) < 2:
        return []
    concerned = tuple(
        m for m in moment.verdict.members if shown.subject.touches(m.id) or shown.subject.name == ""
    )
    if not concerned:
        return []
    span = max(end - begin, 10.0)
    axis = Axis(end, span, max(min(width - 45, int(span), 80), 10))
    head = Text(f"  {clock(begin, here.zone)} to {clock(end, here.zone)}", DIM)
    signs = marks(m.id for m in moment.verdict.members)
    rows = []
    for member in concerned:
        name = Text(" ").append_text(table.marked(member, signs[member.id]))
        rows.append(name.append_text(charts.roles(moments, member.id, axis)).append("  role", DIM))
        for measure in charts.MEASURES[:2]:
            tallest, drawn = charts.single(moments, member.id, measure, axis)
            label = f"  {measure.name} ≤ {measure.say(tallest)}"
            rows.append(Text(" " * 12).append_text(drawn).append(label, DIM))
    return [head, *(cut(row, width) for row in rows), Text()]


def commanded(lines: Iterable[Line], room: int) -> Iterator[Row]:
    """Yield lines; commands can be picked, and are broken where they do not fit."""
    for number, one in enumerate(lines):
        if one.whole:
            key = f"{COMMAND}{number} {one.body.plain}"
            broken = fold([Line(one.head, one.body)], room)
            yield from (Row(part, key) for text in broken for part in _chopped(text, room))
        else:
            yield from plain(*fold([one], room))


def _chopped(text: Text, room: int) -> list[Text]:
    """Return a line in parts that fit; a list of endpoints has no spaces to break it at."""
    indent = len(text.plain) - len(text.plain.lstrip())
    parts = []
    while text.cell_len > room:
        comma = text.plain.rfind(",", indent, room) + 1
        parts.append(text[: comma or room])
        text = Text(" " * indent) + text[comma or room :]
    return [*parts, text]


def command_of(key: str) -> str:
    """Return the command that a key stands for; empty if it is no command's."""
    return key.removeprefix(COMMAND).partition(" ")[2] if key.startswith(COMMAND) else ""


# --- a member ------------------------------------------------------------------------------------


def member(here: Here, moment: Moment, shown: MemberState, span: float, width: int) -> list[Row]:
    """Return a member: what is known of it, its charts, its incidents, what is not judged."""
    sign = marks(m.id for m in moment.verdict.members)[shown.id]
    lead = Text(" ").append(f"{sign.shape} {shown.name}", style=f"bold {sign.style}")
    lead.append(f"  {role(shown) if shown.reachable else 'no answer'}", style="bold")
    rows = plain(cut(lead, width))
    rows += plain(*fold(_facts(shown), min(width - 2, READABLE)), Text())
    rows += plain(*_charts(here, moment, shown.id, span, width))
    known = [*worst_first(moment.incidents), *here.trail.over(moment.at)]
    own = [i for i in known if i.subject.touches(shown.id)]
    if own:
        rows += plain(Text(), Text(" incidents", "bold"))
        rows += [Row(told(i, here.at, width, here.zone), INCIDENT + i.id) for i in own]
    spots = [s for s in moment.blind_spots if s.subject.touches(shown.id)]
    names = {m.id: m.name for m in moment.verdict.members}
    if spots:
        lines = [one for group in alike(spots) for one in unseen(group, names)]
        rows += plain(Text(), *fold(lines, min(width - 2, READABLE)))
    return rows


def _facts(shown: MemberState) -> list[Line]:
    facts = {
        "address": host(shown.endpoint),
        "why not": shown.why_not,
        "id": shown.id,
        "version": shown.version or "",
        "term": "" if shown.term is None else count(shown.term),
        "index": _index(shown),
        "database": _database(shown),
    }
    return [Line(Text(f"   {name:10}", DIM), Text(text)) for name, text in facts.items() if text]


def _index(shown: MemberState) -> str:
    if shown.committed_index is None:
        return ""
    behind = f", {count(shown.lag_entries)} behind" if shown.lag_entries else ""
    applied = "" if shown.applied_index is None else f", {count(shown.applied_index)} applied"
    return f"{count(shown.committed_index)} committed{applied}{behind}"


def _database(shown: MemberState) -> str:
    if shown.db_bytes is None:
        return ""
    used = "" if shown.db_in_use_bytes is None else f", {size(shown.db_in_use_bytes)} in use"
    quota = shown.quota_bytes
    full = f", {share(shown.db_bytes, quota)} of its quota of {size(quota)}" if quota else ""
    return f"{size(shown.db_bytes)}{used}{full}"


def _charts(here: Here, moment: Moment, who: str, span: float, width: int) -> Iterator[Text]:
    moments = here.trail.between(moment.at - span, moment.at)
    axis = Axis(moment.at, span, max(min(width - 40, int(span)), 10))
    yield Text(f" the last {duration(span)}", "bold")
    yield Text("   ").append_text(charts.roles(moments, who, axis)).append("  role", DIM)
    for measure in charts.MEASURES:
        tallest, drawn = charts.single(moments, who, measure, axis)
        label = f"  {measure.name} ≤ {measure.say(tallest)}"
        yield cut(Text("   ").append_text(drawn).append(label, DIM), width)


# --- what is not judged --------------------------------------------------------------------------


def blind(moment: Moment, width: int) -> list[Row]:
    """Return all that could not be looked at, and what would help."""
    names = {m.id: m.name for m in moment.verdict.members}
    lines: list[Line] = [line(" ", ("what could not be looked at", "bold"))]
    for group in alike(moment.blind_spots):
        lines += [*unseen(group, names, most=len(group[0].hides)), EMPTY]
    if len(lines) == 1:
        lines.append(line("   ", "Nothing: every source answers."))
    return plain(*fold(lines, min(width - 2, READABLE)))


def lines_of(texts: Sequence[Text]) -> list[Row]:
    """Return printed lines a little to the right."""
    return plain(*(Text(" ").append_text(text) for text in texts))
