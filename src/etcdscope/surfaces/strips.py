"""Little charts over time: bars for a number, a lane for a role. Pure: points in, one line out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple, TypeVar

from rich.text import Text

from etcdscope.model.cluster import Role
from etcdscope.surfaces.signs import BARS, DIM, GAP, LANES

T = TypeVar("T")
_LANE_STYLES: Mapping[str, str] = {Role.LEADER: "bold yellow", Role.FOLLOWER: DIM}


class Seen(NamedTuple):
    """One value at one moment; None where nothing could be seen."""

    at: float
    value: float | str | None


@dataclass(frozen=True, slots=True)
class Axis:
    """The time that a chart shows: so many seconds up to ``end``, in so many columns."""

    end: float
    span: float
    columns: int

    def column(self, at: float) -> int | None:
        """Return where a moment stands.

        Columns begin at whole multiples of their width, so that charts move evenly.
        """
        step = self.span / self.columns
        index = self.columns - 1 - (int(self.end / step) - int(at / step))
        return index if 0 <= index < self.columns else None


def slowest(points: Iterable[Seen], axis: Axis) -> list[float | None]:
    """Return the highest number of each column."""
    seen: list[float | None] = [None] * axis.columns
    for at, value in points:
        index = axis.column(at)
        if index is not None and isinstance(value, (int, float)):
            seen[index] = max(seen[index] or 0.0, float(value))
    return seen


def latest(points: Iterable[Seen], axis: Axis) -> list[str]:
    """Return the last word of each column."""
    words = [""] * axis.columns
    for at, value in points:
        index = axis.column(at)
        if index is not None and isinstance(value, str):
            words[index] = value
    return words


def bars(values: Sequence[float | None], tallest: float, limits: Sequence[float] = ()) -> Text:
    """Return a bar a column; what is past a limit has its colour, what was not seen is a gap."""
    began = next((i for i, v in enumerate(values) if v is not None), len(values))
    return _joined(
        _bar(value, tallest, limits) if value is not None else (GAP if i > began else " ", DIM)
        for i, value in enumerate(values)
    )


def _bar(value: float, tallest: float, limits: Sequence[float]) -> tuple[str, str]:
    height = BARS[min(int(value / tallest * len(BARS)), len(BARS) - 1)]
    crossed = sum(value > limit for limit in limits)
    return height, ("", "yellow", "red")[min(crossed, 2)]


def lane(words: Sequence[str]) -> Text:
    """Return a sign a column for the roles."""
    return _joined((LANES.get(word, " "), _LANE_STYLES.get(word, "red")) for word in words)


def _joined(signs: Iterable[tuple[str, str]]) -> Text:
    """Return the signs as one text, those that are styled alike as one span."""
    text = Text()
    for style, run in groupby(signs, key=itemgetter(1)):
        text.append("".join(sign for sign, _ in run), style=style)
    return text
