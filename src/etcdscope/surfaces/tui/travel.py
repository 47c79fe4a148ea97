"""The bar that travels in time: what happened on it, and where one stands."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import tzinfo

from rich.text import Text

from etcdscope.model.incident import EffectKind
from etcdscope.surfaces.signs import DIM, OK, SEVERITIES
from etcdscope.surfaces.tui.trail import Event, Trail
from etcdscope.surfaces.words import clock, duration

PAST = "yellow"
HERE = "●"
# The engine judges four times a second; after so long without it something is wrong with us.
SILENT = 5.0


@dataclass(frozen=True, slots=True)
class Bar:
    """A line from the first moment that is kept to now, ``width`` columns of a screen."""

    begin: float
    end: float
    width: int

    @property
    def room(self) -> tuple[int, int]:
        """Return the first column of the line itself, and how many it has."""
        return 13, max(self.width - 13 - 8, 1)

    def column(self, at: float) -> int:
        """Return where a moment stands on the line."""
        _, columns = self.room
        whole = max(self.end - self.begin, 1.0)
        return min(max(int((at - self.begin) / whole * columns), 0), columns - 1)

    def moment(self, x: int) -> float:
        """Return the time at a column of the screen."""
        first, columns = self.room
        share = min(max((x - first) / max(columns - 1, 1), 0.0), 1.0)
        return self.begin + share * (self.end - self.begin)


def bar(trail: Trail, when: float | None, width: int, zone: tzinfo | None = None) -> Text:
    """Return the bar; opened and closed incidents have their signs on it."""
    assert trail.now is not None
    line = Bar(trail.began, trail.now.at, width)
    signs = ["─"] * line.room[1]
    styles = [DIM] * line.room[1]
    for event in _ranked(trail.events):
        column = line.column(event.at)
        sign = OK if event.kind is EffectKind.CLOSED else SEVERITIES[event.incident.severity]
        if event.at >= trail.began:
            signs[column], styles[column] = sign.shape, sign.style
    if when is not None:
        here = line.column(when)
        signs[here], styles[here] = HERE, f"bold {PAST}"
    text = Text(f" ◀ {clock(trail.began, zone):9} ", style=DIM)
    for shape, style in zip(signs, styles, strict=True):
        text.append(shape, style=style)
    return text.append("  now ▶ ", style=DIM if when is not None else "bold")


def _ranked(events: Iterable[Event]) -> list[Event]:
    """Return events so that what matters most is drawn last, over the others."""
    told = [e for e in events if e.kind is not EffectKind.CHANGED]
    return sorted(told, key=lambda e: (e.kind is EffectKind.OPENED, e.incident.severity))


def standing(trail: Trail, when: float | None, now: float, zone: tzinfo | None = None) -> Text:
    """Return the right end of the heading: live, or as of when."""
    if when is not None:
        ago = duration(max(now - when, 0.0))
        return Text(f" as of {clock(when, zone)}, {ago} ago ", style=f"bold reverse {PAST}")
    if trail.trouble:
        last = f"last seen {clock(trail.now.at, zone)} " if trail.now else "not seen yet "
        return Text(last, style="bold red")
    if trail.now and now - trail.now.at > SILENT:
        silent = duration(now - trail.now.at)
        return Text(f"nothing judged for {silent} ", style="bold yellow")
    return Text(f"{clock(now, zone)} live ", style=DIM)
