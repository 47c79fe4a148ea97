"""A row of little charts for each member: what was measured of it, and its role, over one time."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from rich.text import Text

from etcdscope.detect.catalog import DETECTORS
from etcdscope.model.incident import MemberState, Verdict
from etcdscope.surfaces import table
from etcdscope.surfaces.glance import cut
from etcdscope.surfaces.signs import DIM, marks
from etcdscope.surfaces.strips import Axis, Seen, bars, lane, latest, slowest
from etcdscope.surfaces.tui.trail import Moment
from etcdscope.surfaces.words import count, duration

# Seconds that the charts show; + and - go from one to the next.
SPANS = (60.0, 300.0, 900.0, 3600.0)
_SIDE = 11  # columns of the members' names
_GAP = 2


class Measure(NamedTuple):
    """What a chart shows. ``calm``: to this it reaches at least; below it nothing is of interest.

    ``judge``: the detector whose limits it is coloured by.
    """

    name: str
    of: Callable[[MemberState], float | None]
    calm: float
    say: Callable[[float], str] = duration
    judge: str = ""

    def limits(self) -> tuple[float, ...]:
        """Return warning and critical, where there are such."""
        values = next((d.limits.values for d in DETECTORS if d.id == self.judge), {})
        return tuple(values[name] for name in ("warning", "critical") if name in values)


MEASURES = (
    Measure("WAL FSYNC p99", lambda m: m.fsync_p99, 0.02, judge="wal-fsync-slow"),
    Measure("BACKEND COMMIT p99", lambda m: m.commit_p99, 0.05, judge="backend-commit-slow"),
    Measure("ANSWERS IN", lambda m: m.answer_seconds, 0.02),
    Measure("BEHIND", lambda m: m.lag_entries, 100.0, count),
    Measure("RTT FROM LEADER", lambda m: m.peer_rtt, 0.01),
)


def fitting(width: int) -> int:
    """Return how many charts stand side by side."""
    return 1 + sum(width >= least for least in (110, 150, 190))


def turned(first: int, width: int) -> list[Measure]:
    """Return the measures that are shown, from the ``first`` on."""
    return [MEASURES[(first + i) % len(MEASURES)] for i in range(fitting(width))]


def charts(
    moments: Sequence[Moment], verdict: Verdict, measures: Sequence[Measure], end: float,
    span: float, width: int,
) -> Iterator[Text]:  # fmt: skip
    """Yield a heading and a row for each member."""
    room = (width - _SIDE - 1 - _GAP * len(measures)) // (len(measures) + 1)
    axis = Axis(end, span, max(min(room, int(span)), 1))
    drawn = [_drawn(moments, verdict, measure, axis) for measure in measures]
    last = f"LAST {duration(span)}"
    head = Text(f" {last if len(last) < _SIDE - 1 else duration(span):{_SIDE - 1}}", DIM)
    for measure, (tallest, _) in zip(measures, drawn, strict=True):
        head.append(f"{measure.name} ≤ {measure.say(tallest)}"[:room].ljust(axis.columns + _GAP))
    yield cut(head.append("ROLES"), width)
    signs = marks(m.id for m in verdict.members)
    for member in table.ordered(verdict):
        row = table.marked(member, signs[member.id])
        for _, lines in drawn:
            row.append_text(lines[member.id]).append(" " * _GAP)
        yield cut(row.append_text(roles(moments, member.id, axis)), width)


def _drawn(
    moments: Sequence[Moment], verdict: Verdict, measure: Measure, axis: Axis
) -> tuple[float, dict[str, Text]]:
    """Return how high the chart goes, and each member's bars; one scale for all members."""
    seen = {m.id: slowest(points(moments, m.id, measure.of), axis) for m in verdict.members}
    tallest = max([measure.calm, *(v for row in seen.values() for v in row if v is not None)])
    limits = measure.limits()
    return tallest, {who: bars(values, tallest, limits) for who, values in seen.items()}


def single(
    moments: Sequence[Moment], member: str, measure: Measure, axis: Axis
) -> tuple[float, Text]:
    """Return one member's chart, and how high it goes."""
    values = slowest(points(moments, member, measure.of), axis)
    tallest = max([measure.calm, *(v for v in values if v is not None)])
    return tallest, bars(values, tallest, measure.limits())


def roles(moments: Sequence[Moment], member: str, axis: Axis) -> Text:
    """Return a member's lane of roles."""
    return lane(latest(points(moments, member, lambda m: str(m.role)), axis))


def points(
    moments: Sequence[Moment], member: str, of: Callable[[MemberState], float | str | None]
) -> Iterator[Seen]:
    """Yield what was seen of a member; nothing where it was out of reach."""
    for moment in moments:
        for state in moment.verdict.members:
            if state.id == member and state.reachable:
                yield Seen(moment.at, of(state))
