"""One screen that shows a cluster: verdict, members, their last minute, incidents, a caption.

Pure: a state and a size in, lines out. Made for 80 columns and 24 rows, and more where there are.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo

from rich.text import Text

from etcdscope.diagnose.step import State
from etcdscope.model.cluster import Role
from etcdscope.model.incident import Incident, Level, MemberState, Verdict
from etcdscope.model.signal import RAFT_STATE, STATUS_SECONDS
from etcdscope.model.window import Series, Window
from etcdscope.surfaces.lines import fold, line
from etcdscope.surfaces.members import role, standing
from etcdscope.surfaces.signs import BARS, DIM, LANES, LEVELS, OK, SEVERITIES, Sign, marks
from etcdscope.surfaces.words import about, certainty, clock, count, duration, host, share, size

# Heading, columns, and whether it stands at the right: 78 in all.
COLUMNS = (
    ("MEMBER", 9, "<"), ("ROLE", 10, "<"), ("TERM", 4, ">"), ("INDEX", 8, ">"), ("LAG", 4, ">"),
    ("FSYNC", 7, ">"), ("COMMIT", 7, ">"), ("DB", 7, ">"), ("QUOTA", 5, ">"), ("ANSWERS", 7, ">"),
)  # fmt: skip
# From here on there is room for each member's endpoint as well.
WIDE = 104
LAST = 60.0  # seconds of the little charts
# A healthy member's answers fill the chart to this; below it differences are of no interest.
CALM = 0.02
_LANE_STYLES: Mapping[str, str] = {Role.LEADER: "bold yellow", Role.FOLLOWER: DIM}


@dataclass(frozen=True, slots=True)
class Caption:
    """What a tour says: a bold line, and one below it."""

    title: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """All that is on the screen. ``past``: incidents that are over, latest first."""

    state: State | None
    now: float
    past: Sequence[Incident] = ()
    caption: Caption = Caption()
    title: str = ""
    zone: tzinfo | None = None


def screen(shown: Shown, width: int, height: int) -> list[Text]:
    """Return exactly as many lines as the screen has."""
    verdict = shown.state.verdict if shown.state else None
    rule = Text(" " + "─" * (width - 2), style=DIM)
    foot = _caption(shown.caption, width)
    foot = [rule, *foot] if foot else []
    top = [_header(shown, verdict, width)]
    if shown.state is None or verdict is None:
        body = [*top, Text(), Text("  Looking at the cluster …", style=DIM)]
        return _fitted(body, foot, height)
    top += [*_headline(shown, verdict, width), rule]
    if not verdict.members:
        return _fitted(top, foot, height)
    top += [*_members(verdict, width), rule]
    charts = list(_charts(shown.state.window, verdict, width))
    if len(top) + len(charts) + len(foot) + 4 <= height:
        top += [*charts, rule]
    room = height - len(top) - len(foot)
    return _fitted([*top, *_incidents(shown, width)[: max(room, 0)]], foot, height)


def _fitted(body: list[Text], foot: list[Text], height: int) -> list[Text]:
    body = body[: height - len(foot)]
    return [*body, *[Text()] * (height - len(foot) - len(body)), *foot]


def _header(shown: Shown, verdict: Verdict | None, width: int) -> Text:
    left = [("etcdscope", "bold")]
    if shown.title:
        left.append((shown.title, ""))
    if verdict:
        left += [(verdict.cluster, DIM), (verdict.version, DIM)]
    text = Text(" ")
    for words, style in left:
        text.append(words, style=style).append("  ")
    right = f"{clock(shown.now, shown.zone)} live "
    text.truncate(width - len(right))
    text.pad_right(width - len(right) - text.cell_len)
    return text.append(right, style=DIM)


def _headline(shown: Shown, verdict: Verdict, width: int) -> list[Text]:
    sign = LEVELS[verdict.level]
    style = f"bold {sign.style}" if verdict.level is not Level.UNKNOWN else "bold"
    lines = fold([line(f" {sign.shape} ", (verdict.sentence, style))], width - 1)[:2]
    lines[0].stylize(style)
    serious = [i for i in (shown.state.incidents if shown.state else ()) if i.severity > 1]
    meta = [standing(verdict)] if verdict.voters else []
    if serious and shown.state:
        meta = [certainty(serious[0].confidence), _since(serious[0], shown.now), *meta]
    return [*lines, _cut(Text(f"   {' · '.join(meta)}", style=DIM), width)]


def _since(incident: Incident, now: float) -> str:
    return duration(max((incident.closed_at or now) - incident.since, 0.0))


# --- members -------------------------------------------------------------------------------------


def _members(verdict: Verdict, width: int) -> Iterator[Text]:
    heads = [f"{head:{at}{broad}}" for head, broad, at in COLUMNS]
    wide = width >= WIDE
    yield _cut(Text(" " + " ".join(heads) + ("  ENDPOINT" if wide else ""), style=DIM), width)
    signs = marks(m.id for m in verdict.members)
    for member in sorted(verdict.members, key=lambda m: (m.name, m.id)):
        row = _row(member, signs[member.id])
        if wide and member.reachable:
            row.append(f" {host(member.endpoint)}", style=DIM)
        yield _cut(row, width)


def _row(member: MemberState, sign: Sign) -> Text:
    row = Text(" ").append(f"{sign.shape} ", style=sign.style)
    row.append(f"{member.name:7.7} ", style="" if member.reachable else "strike")
    if not member.reachable:
        return row.append("no answer  ", style="red").append(member.why_not, style=DIM)
    used = member.db_bytes
    cells = (
        _number(member.term), _number(member.committed_index), _number(member.lag_entries),
        _span(member.fsync_p99), _span(member.commit_p99), "–" if used is None else size(used),
        "–" if used is None or not member.quota_bytes else share(used, member.quota_bytes),
        _span(member.answer_seconds),
    )  # fmt: skip
    row.append(f"{_role(member):10} ", style="bold" if member.role is Role.LEADER else "")
    for text, (_, broad, _) in zip(cells, COLUMNS[2:], strict=True):
        row.append(f"{text:>{broad}} ")
    return row


def _role(member: MemberState) -> str:
    return {Role.PRE_CANDIDATE: "pre-cand.", Role.UNKNOWN: "unknown"}.get(member.role) or role(
        member
    )


def _number(number: int | None) -> str:
    return "–" if number is None else count(number)


def _span(seconds: float | None) -> str:
    return "–" if seconds is None else duration(seconds)


# --- the last minute -----------------------------------------------------------------------------


def _charts(window: Window, verdict: Verdict, width: int) -> Iterator[Text]:
    """Yield each member's answers and roles of the last minute."""
    signs = marks(m.id for m in verdict.members)
    ordered = sorted(verdict.members, key=lambda m: (m.name, m.id))
    room = max((width - 32) // 2, 10)
    answers = {
        m.id: _slowest(window.points(m.id, STATUS_SECONDS, over=LAST), window.now, room)
        for m in ordered
    }
    tallest = max([CALM, *(v for row in answers.values() for v in row if v is not None)])
    for index, member in enumerate(ordered):
        text = Text(" ").append(f"{signs[member.id].shape} ", style=signs[member.id].style)
        text.append(f"{member.name:7.7} ")
        for value in answers[member.id]:
            text.append(_bar(value, tallest))
        label = f"≤ {duration(tallest)}" if index == 0 else ""
        text.append(f" {label:9} roles ", style=DIM)
        text.append_text(_lane(window.points(member.id, RAFT_STATE, over=LAST), window.now, room))
        yield _cut(text, width)


def _slowest(points: Series, now: float, columns: int) -> list[float | None]:
    seen: list[float | None] = [None] * columns
    for index, point in _columns(points, now, columns):
        if isinstance(point, (int, float)):
            seen[index] = max(seen[index] or 0.0, float(point))
    return seen


def _columns(points: Series, now: float, columns: int) -> Iterator[tuple[int, object]]:
    """Yield (column, value); columns begin at whole multiples, so that charts move evenly."""
    step = LAST / columns
    last = int(now / step)
    for point in points:
        index = columns - 1 - (last - int(point.at / step))
        if 0 <= index < columns:
            yield index, point.value


def _bar(value: float | None, tallest: float) -> str:
    if value is None:
        return " "
    return BARS[min(int(value / tallest * len(BARS)), len(BARS) - 1)]


def _lane(points: Series, now: float, columns: int) -> Text:
    roles: list[str] = [""] * columns
    for index, value in _columns(points, now, columns):
        roles[index] = str(value)
    lane = Text()
    for word in roles:
        lane.append(LANES.get(word, " "), style=_LANE_STYLES.get(word, "red"))
    return lane


# --- incidents -----------------------------------------------------------------------------------


def _incidents(shown: Shown, width: int) -> list[Text]:
    current = shown.state.incidents if shown.state else ()
    told = [_told(i, shown, width) for i in (*current, *shown.past)]
    return told or [Text("   No incident so far.", style=DIM)]


def _told(incident: Incident, shown: Shown, width: int) -> Text:
    sign = SEVERITIES[incident.severity] if incident.open else OK
    who = "" if incident.subject.kind == "cluster" else about(incident.subject, incident.names)
    text = Text(" ").append(f"{sign.shape} ", style=sign.style)
    text.append(f"{clock(incident.opened_at, shown.zone)} ")
    text.append(f"{incident.cause:20.20} ", style="bold" if incident.open else "")
    text.append(f"{who:7.7} {'open' if incident.open else 'over'} ")
    text.append(f"{_since(incident, shown.now):>6}  ")
    text.append(incident.summary, style="" if incident.open else DIM)
    return _cut(text, width)


def _caption(caption: Caption, width: int) -> list[Text]:
    if not caption.title:
        return []
    title = _cut(Text(f" ▸ {caption.title}", style="bold cyan"), width)
    return [title, *fold([line("   ", caption.text)], width - 1)[:2]]


def _cut(text: Text, width: int) -> Text:
    if text.cell_len > width:
        text.truncate(width, overflow="ellipsis")
    return text
