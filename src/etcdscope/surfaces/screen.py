"""One screen that shows a cluster: verdict, members, their last minute, incidents, a caption.

Pure: a state and a size in, lines out. Made for 80 columns and 24 rows, and more where there are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import tzinfo

from rich.text import Text

from etcdscope.diagnose.step import State
from etcdscope.model.incident import Incident, Verdict
from etcdscope.model.signal import RAFT_STATE, STATUS_SECONDS, Signal
from etcdscope.model.window import Window
from etcdscope.surfaces import table
from etcdscope.surfaces.glance import cut, heading, headline, rule, told
from etcdscope.surfaces.lines import fold, line
from etcdscope.surfaces.signs import DIM, marks
from etcdscope.surfaces.strips import Axis, Seen, bars, lane, latest, slowest
from etcdscope.surfaces.words import clock, duration

LAST = 60.0  # seconds of the little charts
# A healthy member's answers fill the chart to this; below it differences are of no interest.
CALM = 0.02


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
    across = rule(width)
    foot = _caption(shown.caption, width)
    foot = [across, *foot] if foot else []
    right = Text(f"{clock(shown.now, shown.zone)} live ", style=DIM)
    top = [heading(shown.title, verdict, right, width)]
    if shown.state is None or verdict is None:
        body = [*top, Text(), Text("  Looking at the cluster …", style=DIM)]
        return _fitted(body, foot, height)
    top += [*headline(verdict, shown.state.incidents, shown.now, width), across]
    if not verdict.members:
        return _fitted(top, foot, height)
    members = table.rows(verdict, shown.state.incidents, width)
    top += [table.heading(width), *(row for _, row in members), across]
    charts = list(_charts(shown.state.window, verdict, width))
    if len(top) + len(charts) + len(foot) + 4 <= height:
        top += [*charts, across]
    room = height - len(top) - len(foot)
    return _fitted([*top, *_incidents(shown, width)[: max(room, 0)]], foot, height)


def _fitted(body: list[Text], foot: list[Text], height: int) -> list[Text]:
    body = body[: height - len(foot)]
    return [*body, *[Text()] * (height - len(foot) - len(body)), *foot]


def _charts(window: Window, verdict: Verdict, width: int) -> Iterator[Text]:
    """Yield each member's answers and roles of the last minute."""
    signs = marks(m.id for m in verdict.members)
    members = table.ordered(verdict)
    axis = Axis(window.now, LAST, max((width - 32) // 2, 10))
    answers = {m.id: slowest(_seen(window, m.id, STATUS_SECONDS), axis) for m in members}
    tallest = max([CALM, *(v for row in answers.values() for v in row if v is not None)])
    for index, member in enumerate(members):
        text = table.marked(member, signs[member.id]).append_text(bars(answers[member.id], tallest))
        label = f"≤ {duration(tallest)}" if index == 0 else ""
        text.append(f" {label:9} roles ", style=DIM)
        text.append_text(lane(latest(_seen(window, member.id, RAFT_STATE), axis)))
        yield cut(text, width)


def _seen(window: Window, member: str, signal: Signal) -> Iterator[Seen]:
    for point in window.points(member, signal, over=LAST):
        if isinstance(point.value, (int, float, str)):
            yield Seen(point.at, point.value)


def _incidents(shown: Shown, width: int) -> list[Text]:
    current = shown.state.incidents if shown.state else ()
    rows = [told(i, shown.now, width, shown.zone) for i in (*current, *shown.past)]
    return rows or [Text("   No incident so far.", style=DIM)]


def _caption(caption: Caption, width: int) -> list[Text]:
    if not caption.title:
        return []
    title = cut(Text(f" ▸ {caption.title}", style="bold cyan"), width)
    return [title, *fold([line("   ", caption.text)], width - 1)[:2]]
