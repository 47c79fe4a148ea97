"""Charts as lines of numbers, from the history, or from what the window still holds of late."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, isnan

import numpy as np

from etcdscope.diagnose.step import State
from etcdscope.model.reading import Histogram
from etcdscope.model.signal import TABLE
from etcdscope.model.window import Window
from etcdscope.store.archive import Archive
from etcdscope.store.charts import Wanted
from etcdscope.store.chunks import Floats
from etcdscope.store.sampler import SLOT
from etcdscope.store.series import How, Points, of_histogram, reduced
from etcdscope.surfaces.view.charts import Chart, limit
from etcdscope.surfaces.view.members import marks
from etcdscope.surfaces.view.shapes import LimitObject, LineObject, RangeObject

Ask = tuple[str, str, str, How]  # member, signal, key, how


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when, and how far the points are apart; seconds."""

    begin: float
    end: float
    step: float


async def draw(
    charts: Sequence[Chart],
    span: Span,
    state: State,
    archive: Archive | None,
    kept_as: Sequence[str],
) -> tuple["Drawn", ...]:
    """Return the charts, still as numpy's numbers; ``shown`` makes objects of them."""
    names = _names(state)
    if archive is None:
        known = [Wanted(w, s.name, key) for (w, s), keys in state.window.series.items()
                 for key in keys]  # fmt: skip
        wanted = _wanted(charts, known)
        points = [_recent(state.window, one, span) for one in wanted]
        return _drawn(charts, wanted, points, names, "memory")
    there = {*await archive.clusters()}
    parts = []
    for name in (n for n in kept_as if n in there):
        wanted = _wanted(charts, await archive.known_series(name))
        found = await archive.charts(name, wanted, begin=span.begin, end=span.end, step=span.step)
        parts.append((wanted, found))
    wanted, points = _joined(parts)
    return _drawn(charts, wanted, points, names, "history")


@dataclass(frozen=True, slots=True)
class Drawn:
    """One chart with its lines: (member, key, values), at the same points in time."""

    chart: Chart
    at: Floats
    lines: tuple[tuple[str, str, Floats], ...]
    names: Mapping[str, str]
    source: str


def _names(state: State) -> dict[str, str]:
    remembered = {m.id: m.name or m.id for m in state.window.memory.members}
    return {**remembered, **{m.id: m.label for m in state.window.members}}


def _wanted(charts: Iterable[Chart], known: Iterable[Wanted]) -> list[Wanted]:
    """Return the series that the charts are made from, each once."""
    hows: dict[str, set[How]] = {}
    for chart in charts:
        for signal in chart.signals:
            hows.setdefault(signal.name, set()).add(chart.how)
    return [
        Wanted(one.member, one.signal, one.key, how)
        for one in known
        if one.member and one.signal in hows
        for how in sorted(hows[one.signal])
    ]


def _joined(
    parts: Sequence[tuple[list[Wanted], list[Points]]],
) -> tuple[list[Wanted], list[Points]]:
    """Return one history of a cluster that had several names, the newest name first."""
    found: dict[Wanted, Points] = {}
    for wanted, points in parts:
        for one, line in zip(wanted, points, strict=True):
            before = found.get(one)
            value = line.value
            if before is not None:
                value = np.where(np.isnan(before.value), value, before.value)
            found[one] = Points(line.at, value)
    return list(found), list(found.values())


def _drawn(
    charts: Sequence[Chart],
    wanted: Sequence[Wanted],
    points: Sequence[Points],
    names: Mapping[str, str],
    source: str,
) -> tuple[Drawn, ...]:
    at = points[0].at if points else np.empty(0)
    by = dict(zip(wanted, (p.value for p in points), strict=True))
    return tuple(
        Drawn(
            chart,
            at,
            tuple(line for line in _lines(chart, by) if not np.isnan(line[2]).all()),
            names,
            source,
        )
        for chart in charts
    )


def _lines(chart: Chart, by: Mapping[Wanted, Floats]) -> list[tuple[str, str, Floats]]:
    own: dict[str, dict[str, Floats]] = {}
    for one, values in by.items():
        if one.signal == chart.signal.name and one.how == chart.how:
            own.setdefault(one.member, {})[one.key] = values
    if chart.each:
        return [(m, key, v) for m in sorted(own) for key, v in sorted(own[m].items())]
    lines = [(member, "", _added(list(own[member].values()))) for member in sorted(own)]
    if chart.less:
        less = [by.get(Wanted(m, chart.less.name, "", chart.how)) for m, _, _ in lines]
        return [(m, k, v - o) for (m, k, v), o in zip(lines, less, strict=True) if o is not None]
    if chart.of:
        whole = [by.get(Wanted(m, chart.of.name, "", chart.how)) for m, _, _ in lines]
        return [
            (m, k, v / np.where(o > 0, o, np.nan))
            for (m, k, v), o in zip(lines, whole, strict=True)
            if o is not None
        ]
    return lines


def _added(lines: Sequence[Floats]) -> Floats:
    """Return the sum of the keys; nothing where none of them has anything."""
    if len(lines) == 1:
        return lines[0]
    stacked = np.vstack(lines)
    total: Floats = np.nansum(stacked, axis=0)
    total[np.isnan(stacked).all(axis=0)] = np.nan
    return total


def _recent(window: Window, one: Wanted, span: Span) -> Points:
    """Return a line from the window alone: minutes, where no history is kept."""
    slots = max(ceil(span.step / SLOT), 1)
    first = floor(span.begin / SLOT / slots) * slots
    last = max(ceil(span.end / SLOT / slots) * slots, first + slots)
    at = np.arange(first + slots, last + slots, slots) * np.float64(SLOT)
    none = Points(at, np.full(len(at), np.nan))
    signal = TABLE.get(one.signal)
    seen = window.points(one.member, signal, one.key) if signal else ()
    if not seen:
        return none
    numbers = [(p.at, p.value) for p in seen if isinstance(p.value, (int, float))]
    if numbers:
        samples = np.full(last - first, np.nan)
        for when, number in numbers:
            if 0 <= (place := int(when // SLOT) - first) < len(samples):
                samples[place] = number
        return Points(at, reduced(samples, slots, one.how, slots * SLOT))
    counted = [(p.at, p.value) for p in seen if isinstance(p.value, Histogram)]
    if not counted:
        return none
    bounds = counted[-1][1].bounds
    table = np.full((last - first, len(bounds) + 1), np.nan)
    for when, histogram in counted:
        place = int(when // SLOT) - first
        if 0 <= place < len(table) and histogram.bounds == bounds:
            table[place] = (*histogram.counts, histogram.total)
    return Points(at, of_histogram(table, slots, one.how, slots * SLOT, bounds))


# --- as objects ----------------------------------------------------------------------------------


def shown(drawn: Drawn, state: State) -> RangeObject:
    """Return a chart as it goes out: six digits are more than a screen can show."""
    found = limit(drawn.chart, state)
    mark = marks(m.id for m in state.window.members)
    return RangeObject(
        id=drawn.chart.id,
        unit=drawn.chart.unit,
        limit=LimitObject(value=found[0], say=found[1]) if found else None,
        at=tuple(drawn.at.tolist()),
        lines=tuple(
            LineObject(
                member=member,
                name=drawn.names.get(member, member),
                mark=mark.get(member, len(mark)),
                key=drawn.names.get(key, key) or None,
                values=tuple(None if isnan(v) else v for v in _short(values).tolist()),
            )
            for member, key, values in drawn.lines
        ),
        source="history" if drawn.source == "history" else "memory",
    )


def _short(values: Floats) -> Floats:
    """Return the values to six digits."""
    size = np.abs(values)
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = 10.0 ** (5 - np.floor(np.log10(np.where(size > 0, size, 1.0))))
        rounded: Floats = np.round(values * scale) / scale
    return rounded
