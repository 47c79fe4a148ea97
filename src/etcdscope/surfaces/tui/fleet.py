"""Several clusters at a glance, the worst first. Pure: trails and a size in, lines out."""

from collections.abc import Iterable, Sequence

from rich.text import Text

from etcdscope.model.incident import Level, Verdict
from etcdscope.surfaces.glance import cut, heading, spread
from etcdscope.surfaces.signs import DIM, LEVELS
from etcdscope.surfaces.strips import Axis, Seen, bars, slowest
from etcdscope.surfaces.tui import travel
from etcdscope.surfaces.tui.cluster import Here, matches
from etcdscope.surfaces.tui.row import Row, plain
from etcdscope.surfaces.tui.trail import Moment, Trail, serious
from etcdscope.surfaces.words import listed, share

CLUSTER = "cluster "
_ORDER = (Level.CRITICAL, Level.WARNING, Level.UNKNOWN, Level.OK)
LAST = 60.0  # seconds of the little chart
CALM = 0.02


def head(here: Here, clusters: Sequence[Here], width: int) -> list[Text]:
    """Return the heading, and how all of them are, in a sentence; ``here``: whose time is told."""
    right = travel.standing(here.trail, here.when, here.now, here.zone)
    levels = [s.moment.verdict.level if s.moment else Level.UNKNOWN for s in clusters]
    words = zip(_ORDER, ("critical", "degraded", "not judged", "fine"), strict=True)
    told = [f"{levels.count(level)} {word}" for level, word in words if level in levels]
    sign = LEVELS[min(levels, key=_ORDER.index)]
    say = Text(f" {sign.shape} {len(clusters)} clusters: {listed(told)}.", f"bold {sign.style}")
    return [heading("fleet", None, right, width), cut(say, width)]


def rows(clusters: Iterable[Here], words: str, width: int) -> list[Row]:
    """Return a row a cluster, worst first, and by name where they are alike."""
    wide = width >= 120
    side = f"{'MARGIN':8} {'LEADER':8} {'QUOTA':>5} "
    side += f" {'ANSWERS, LAST MINUTE':20} {'VERSION':8}" if wide else ""
    top = spread(Text(f"   {'CLUSTER':16} ", DIM), Text(side, DIM), width)
    chosen = [s for s in clusters if matches(words, _spoken(s))]
    chosen.sort(key=lambda s: (_rank(s.moment), s.trail.name))
    if not chosen:
        return plain(top, Text(f"   Nothing matches {words}.", DIM))
    return [Row(top), *(Row(_row(s, width, wide), CLUSTER + s.trail.name) for s in chosen)]


def _spoken(here: Here) -> str:
    verdict = here.moment.verdict if here.moment else None
    return f"{here.trail.name} {verdict.level} {verdict.sentence}" if verdict else here.trail.name


def _rank(moment: Moment | None) -> int:
    return _ORDER.index(moment.verdict.level) if moment else _ORDER.index(Level.UNKNOWN)


def _row(here: Here, width: int, wide: bool) -> Text:
    moment, name = here.moment, here.trail.name
    if moment is None or here.trail.trouble:
        say = here.trail.trouble or "looking …"
        return cut(Text(f" {LEVELS[Level.UNKNOWN].shape} {name:16.16} {say}", DIM), width)
    verdict = moment.verdict
    sign = LEVELS[verdict.level]
    left = Text(" ").append(f"{sign.shape} ", style=sign.style)
    left.append(f"{name:16.16} ", style="bold" if serious(moment.incidents) else "")
    side = Text().append_text(_margin(verdict)).append(f" {_leader(verdict):8.8} ")
    side.append(f"{_quota(verdict):>5} ")
    if wide:
        side.append(" ").append_text(_answers(here.trail, moment)).append(f" {verdict.version:8}")
    room = width - left.cell_len - side.cell_len - 1
    said = verdict.sentence
    if verdict.level is Level.OK and len(said) > room:
        said = said.partition(".")[0] + "."
    sentence = Text(said, style="" if verdict.level is not Level.OK else DIM)
    return spread(left.append_text(cut(sentence, room)), side, width)


def _margin(verdict: Verdict) -> Text:
    """Return a pip for each voter that may still be lost, and a hollow one for what is lost."""
    if verdict.margin is None:
        return Text(f"{'unknown':8}", DIM)
    if verdict.margin < 0:
        return Text(f"{'none':8}", "red")
    full = max(verdict.voters - verdict.quorum, verdict.margin)
    style = "" if verdict.margin else "yellow"
    return Text(f"{'●' * verdict.margin + '○' * (full - verdict.margin):8.8}", style)


def _leader(verdict: Verdict) -> str:
    return next((m.name for m in verdict.members if m.id == verdict.leader), "–")


def _quota(verdict: Verdict) -> str:
    used = [m.db_bytes / m.quota_bytes for m in verdict.members if m.db_bytes and m.quota_bytes]
    return share(max(used), 1) if used else "–"


def _answers(trail: Trail, moment: Moment) -> Text:
    axis = Axis(moment.at, LAST, 20)
    seen = [
        Seen(past.at, max((m.answer_seconds or 0.0 for m in past.verdict.members), default=0.0))
        for past in trail.between(moment.at - LAST, moment.at)
        if past.verdict.members
    ]
    values = slowest(seen, axis)
    return bars(values, max([CALM, *(v for v in values if v is not None)]))
