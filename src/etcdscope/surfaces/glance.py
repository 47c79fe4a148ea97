"""What a screen shows of a cluster at a glance: its heading, its verdict, an incident in a row."""

from collections.abc import Sequence
from datetime import tzinfo

from rich.text import Text

from etcdscope.model.finding import Severity
from etcdscope.model.incident import Incident, Level, Verdict
from etcdscope.surfaces.lines import fold, line
from etcdscope.surfaces.members import standing
from etcdscope.surfaces.signs import DIM, LEVELS, OK, SEVERITIES
from etcdscope.surfaces.words import about, certainty, clock, duration


def cut(text: Text, width: int) -> Text:
    """Return the text, and what is too long of it as an ellipsis."""
    if text.cell_len > width:
        text.truncate(width, overflow="ellipsis")
    return text


def rule(width: int, style: str = DIM) -> Text:
    """Return a line across the screen."""
    return Text(" " + "─" * (width - 2), style=style)


def spread(left: Text, right: Text, width: int) -> Text:
    """Return a line with something at either end."""
    room = width - right.cell_len
    left.truncate(room)
    left.pad_right(room - left.cell_len)
    return left.append_text(right)


def heading(title: str, verdict: Verdict | None, right: Text, width: int) -> Text:
    """Return the first line of a screen: whose it is, which cluster, what time."""
    text = Text(" ").append("etcdscope", style="bold").append("  ")
    if title:
        text.append(f"{title}  ")
    if verdict:
        text.append(f"{verdict.cluster}  {verdict.version}", style=DIM)
    return spread(text, right, width)


def headline(verdict: Verdict, incidents: Sequence[Incident], now: float, width: int) -> list[Text]:
    """Return the verdict, in two lines at most, and below it how sure, since when, the margin."""
    sign = LEVELS[verdict.level]
    style = f"bold {sign.style}" if verdict.level is not Level.UNKNOWN else "bold"
    lines = fold([line(f" {sign.shape} ", (verdict.sentence, style))], width - 1)[:2]
    lines[0].stylize(style)
    serious = [i for i in incidents if i.severity > Severity.INFO]
    meta = [standing(verdict)] if verdict.voters else []
    if serious:
        first = leading(serious)
        meta = [certainty(first.confidence), lasting(first, now), *meta]
    return [*lines, cut(Text(f"   {' · '.join(meta)}", style=DIM), width)]


def leading(incidents: Sequence[Incident]) -> Incident:
    """Return the incident that the verdict speaks of."""
    return max(incidents, key=lambda i: (i.severity, i.confidence, -i.opened_at))


def lasting(incident: Incident, now: float) -> str:
    """Return for how long it has been, or was."""
    return duration(max((incident.closed_at or now) - incident.since, 0.0))


def told(incident: Incident, now: float, width: int, zone: tzinfo | None = None) -> Text:
    """Return an incident as one row."""
    sign = SEVERITIES[incident.severity] if incident.open else OK
    who = "" if incident.subject.kind == "cluster" else about(incident.subject, incident.names)
    cause, whom = (28, 12) if width >= 100 else (20, 7)
    text = Text(" ").append(f"{sign.shape} ", style=sign.style)
    text.append(f"{clock(incident.opened_at, zone)} ")
    text.append(f"{incident.cause:{cause}.{cause}} ", style="bold" if incident.open else "")
    text.append(f"{who:{whom}.{whom}} {'open' if incident.open else 'over'} ")
    text.append(f"{lasting(incident, now):>6}  ")
    text.append(incident.summary, style="" if incident.open else DIM)
    return cut(text, width)
