"""The past: charts, roles over time, incidents and their stories, and the cluster as it was."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as field_
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct, field

from etcdscope.model.contract import evidence_object, subject_object
from etcdscope.model.incident import Incident
from etcdscope.surfaces.view import drawing, lanes, past, story
from etcdscope.surfaces.view.charts import BY_ID, CHARTS, Chart, limit, of_incident
from etcdscope.surfaces.view.chronicle import Chronicle
from etcdscope.surfaces.view.cluster import Glance, incident_lines
from etcdscope.surfaces.view.shapes import (
    ChartObject,
    ChartsObject,
    ClusterView,
    CropObject,
    FindingObject,
    FindingsObject,
    IncidentsObject,
    LanesObject,
    LimitObject,
    LogObject,
    RangeObject,
    RangesObject,
    StoryObject,
)
from etcdscope.surfaces.web.answers import Refusal
from etcdscope.surfaces.web.routes import Call, Glances, NoQuery, Route, one_of

DAY: Final = 86_400.0
Moment = Annotated[float, Meta(ge=0, le=4_102_444_800)]  # until 2100
# More points than a screen has columns help nobody.
MOST_POINTS: Final = 2_000
USUAL_POINTS: Final = 300
# Samples are kept for thirty days, incidents for a year.
LONGEST: Final = 31 * DAY
HOUR: Final = 3_600.0
# Around an incident its charts show how it was before, and after.
CROP_BEFORE, CROP_AFTER = 60.0, 60.0
YEAR: Final = 366 * DAY
LOGS: Final = "logs"  # the source of what logs say
# Moments of the past that are kept at hand while somebody scrubs.
MOMENTS: Final = 64
MOST_WAITING: Final = 8


class SpanQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """``from`` and ``to``: unix seconds; the last hour where they are left out."""

    from_: Moment | None = field(default=None, name="from")
    to: Moment | None = None

    def span(self, now: float, longest: float = LONGEST) -> tuple[float, float]:
        """Return begin and end. Errors: Refusal."""
        end = now if self.to is None else self.to
        begin = max(end - HOUR, 0.0) if self.from_ is None else self.from_
        if begin >= end:
            raise Refusal(400, f"from ({begin:.0f}) must lie before to ({end:.0f}).")
        if end - begin > longest:
            raise Refusal(400, f"from and to may be {longest / DAY:.0f} days apart at most.")
        return begin, end


class RangeQuery(SpanQuery, frozen=True, forbid_unknown_fields=True):
    """``step``: seconds between points; made longer where there would be too many points."""

    step: Annotated[float, Meta(ge=1, le=7 * DAY)] | None = None

    def drawn(self, now: float) -> drawing.Span:
        """Return what to draw. Errors: Refusal."""
        begin, end = self.span(now)
        wanted = self.step or (end - begin) / USUAL_POINTS
        return drawing.Span(begin, end, max(wanted, (end - begin) / MOST_POINTS))


class RangesQuery(RangeQuery, frozen=True, forbid_unknown_fields=True):
    """``charts``: ids with commas between; all of them where it is left out."""

    charts: Annotated[str, Meta(max_length=2_000, pattern="^[a-z0-9,-]*$")] = ""


class IncidentsQuery(SpanQuery, frozen=True, forbid_unknown_fields=True):
    """``state`` and ``cause`` narrow the answer; without ``from`` it looks a week back."""

    state: Literal["open", "closed", "all"] = "all"
    cause: Annotated[str, Meta(max_length=100, pattern="^[a-z0-9-]*$")] = ""


class MomentQuery(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``time``: unix seconds."""

    time: Moment


@dataclass(frozen=True, slots=True)
class Past:
    """Answers what was, for all clusters."""

    glances: Glances
    chronicles: Mapping[str, Chronicle]
    now: Callable[[], float]
    moments: OrderedDict[tuple[str, float], bytes]
    # One moment at a time is put together again: it takes the CPU that judging wants.
    one: asyncio.Semaphore
    waiting: set[object] = field_(default_factory=set)

    # --- over time -------------------------------------------------------------------------------

    async def charts(self, call: Call[NoQuery]) -> ChartsObject:
        """List the charts."""
        state = one_of(self.glances, call.names["cluster"]).watched.state()
        found = [(chart, limit(chart, state)) for chart in CHARTS]
        return ChartsObject(
            charts=tuple(
                ChartObject(
                    id=chart.id,
                    family=chart.family,
                    title=chart.title,
                    unit=chart.unit,
                    limit=LimitObject(value=at[0], say=at[1]) if at else None,
                )
                for chart, at in found
            )
        )

    async def chart(self, call: Call[RangeQuery]) -> bytes:
        """Draw one chart."""
        glance = one_of(self.glances, call.names["cluster"])
        drawn = await self._draw(glance, [_chart(call.names["chart"])], call.query)
        return await _encoded(lambda: drawing.shown(drawn[0], glance.watched.state()))

    async def ranges(self, call: Call[RangesQuery]) -> bytes:
        """Draw several charts."""
        glance = one_of(self.glances, call.names["cluster"])
        ids = [one for one in call.query.charts.split(",") if one]
        charts = [_chart(one) for one in dict.fromkeys(ids)] or CHARTS
        drawn = await self._draw(glance, charts, call.query)
        return await _encoded(
            lambda: RangesObject(
                ranges=tuple(drawing.shown(d, glance.watched.state()) for d in drawn)
            )
        )

    async def _draw(
        self, glance: Glance, charts: "list[Chart] | tuple[Chart, ...]", query: RangeQuery
    ) -> tuple[drawing.Drawn, ...]:
        watched = glance.watched
        span = query.drawn(self.now())
        return await drawing.draw(charts, span, watched.state(), watched.archive, watched.kept_as())

    async def lanes(self, call: Call[SpanQuery]) -> LanesObject:
        """Show roles, and what happened meanwhile."""
        watched = one_of(self.glances, call.names["cluster"]).watched
        span = call.query.span(self.now())
        chronicle = self.chronicles[watched.key]
        incidents = await chronicle.incidents(*span)
        verdicts = await chronicle.verdicts(*span)
        return await lanes.lanes(
            watched.state(), watched.archive, watched.kept_as(), incidents, verdicts, span
        )

    # --- incidents -------------------------------------------------------------------------------

    async def incidents(self, call: Call[IncidentsQuery]) -> bytes:
        """List incidents, the newest first."""
        key = one_of(self.glances, call.names["cluster"]).watched.key
        query = call.query
        now = self.now()
        if query.from_ is None:
            begin = max((now if query.to is None else query.to) - 7 * DAY, 0.0)
            query = msgspec.structs.replace(query, from_=begin)
        found = await self.chronicles[key].incidents(*query.span(now + 1.0, 2 * YEAR))
        chosen = [
            one
            for one in reversed(found)
            if query.cause in ("", one.cause)
            and (query.state == "all" or one.open is (query.state == "open"))
        ]
        return await _encoded(lambda: IncidentsObject(incidents=incident_lines(chosen)))

    async def incident(self, call: Call[NoQuery]) -> StoryObject:
        """Tell one incident."""
        glance = one_of(self.glances, call.names["cluster"])
        chronicle = self.chronicles[glance.watched.key]
        incident = await chronicle.incident(call.names["incident"])
        if incident is None:
            raise Refusal(404, "No such incident is known here; GET …/incidents lists them.")
        end = self.now() if incident.closed_at is None else incident.closed_at
        told = await chronicle.told_of(incident)
        verdicts = await chronicle.verdicts(incident.since - 1.0, end + 5.0)
        before = await chronicle.incidents(max(incident.opened_at - YEAR, 0.0), incident.opened_at)
        logs = await _logs(glance, incident)
        return StoryObject(
            incident=incident_lines([incident])[0],
            story=story.moments(incident, told, verdicts),
            charts=tuple(
                CropObject(chart=one, from_=incident.since - CROP_BEFORE, to=end + CROP_AFTER)
                for one in of_incident(incident)
            ),
            logs=logs or (),
            logs_read=logs is not None,
            similar=story.similar(incident, before),
        )

    async def findings(self, call: Call[NoQuery]) -> FindingsObject:
        """List what the detectors say."""
        state = one_of(self.glances, call.names["cluster"]).watched.state()
        names = {m.id: m.label for m in state.window.members}
        return FindingsObject(
            at=state.window.now,
            findings=tuple(
                FindingObject(
                    detector=f.detector,
                    severity=str(f.severity),  # type: ignore[arg-type]
                    subject=subject_object(f.subject, names),
                    summary=f.summary,
                    confidence=round(f.confidence, 3),
                    evidence=tuple(evidence_object(e, names) for e in f.evidence),
                )
                for f in state.judged.findings
            ),
        )

    # --- as it was -------------------------------------------------------------------------------

    async def at(self, call: Call[MomentQuery]) -> bytes:
        """Put the cluster together as it was."""
        glance = one_of(self.glances, call.names["cluster"])
        when = round(call.query.time, 1)
        if when > self.now():
            raise Refusal(400, "time lies ahead; the past ends now.")
        asked = (glance.watched.key, when)
        if asked in self.moments:
            self.moments.move_to_end(asked)
            return self.moments[asked]
        if len(self.waiting) >= MOST_WAITING:
            raise Refusal(503, "Several moments are being put together; ask again in a second.")
        place = object()
        self.waiting.add(place)
        try:
            async with self.one:
                found = await self._rebuilt(glance, when)
        finally:
            self.waiting.discard(place)
        if self.now() - when > past.GAP:  # before, it may not all be written yet
            self.moments[asked] = found
        if len(self.moments) > MOMENTS:
            self.moments.popitem(last=False)
        return found

    async def _rebuilt(self, glance: Glance, when: float) -> bytes:
        watched = glance.watched
        archive = watched.archive
        if archive is None:
            raise Refusal(404, "No history is kept: start the agent with --data-dir.")
        start, kept_as = watched.state(), watched.kept_as()
        incidents = await past.incidents_at(self.chronicles[watched.key], when)
        _, sweeps = await past.looks(archive, kept_as, when)
        if sweeps:
            state = await asyncio.to_thread(past.rebuilt, start, sweeps, incidents, when)
            return msgspec.json.encode(glance.whole(state, as_of=when, rebuilt_from="sweeps"))
        readings = await past.sampled(archive, kept_as, when, start.window.memory)
        if not readings:
            raise Refusal(404, "Nothing is kept of that moment: the agent did not run, or it is"
                               " longer ago than history is kept.")  # fmt: skip
        state = past.from_samples(start, readings, incidents, when)
        return msgspec.json.encode(glance.whole(state, as_of=when, rebuilt_from="samples"))


def _chart(name: str) -> Chart:
    found = BY_ID.get(name)
    if found is None:
        raise Refusal(404, "No such chart; GET …/charts lists them.")
    return found


async def _encoded(make: Callable[[], Struct]) -> bytes:
    """Make and encode a large answer outside the loop, which judges."""
    return await asyncio.to_thread(lambda: msgspec.json.encode(make()))


async def _logs(glance: Glance, incident: Incident) -> tuple[LogObject, ...] | None:
    """Return the log lines around an incident; None where no log was read then, as kept."""
    archive = glance.watched.archive
    if archive is None:
        return None
    span = story.logs_span(incident)
    found: list[LogObject] = []
    read = False
    for name in glance.watched.kept_as():
        async for sweep in archive.sweeps(name, span[0], span[1] + 5.0):
            read = read or any(reading.source == LOGS for reading in sweep.readings)
            found += story.log_lines((sweep,), span, incident.names)
            if len(found) >= story.MOST_LINES:
                break
    found.sort(key=lambda one: one.at)
    return tuple(found[: story.MOST_LINES]) if read else None


def routes(
    glances: Glances, chronicles: Mapping[str, Chronicle], now: Callable[[], float]
) -> Iterator[Route]:
    """Yield the routes of the past."""
    answers = Past(glances, chronicles, now, OrderedDict(), asyncio.Semaphore(1))
    one = "/clusters/{cluster}"
    gone = "No cluster of that key is watched."
    yield Route(
        f"{one}/at",
        "The cluster as it was judged at a moment.",
        answers.at,
        ClusterView,
        MomentQuery,
        missing="Nothing is kept of that moment.",
    )
    yield Route(
        f"{one}/incidents",
        "Incidents, the newest first.",
        answers.incidents,
        IncidentsObject,
        IncidentsQuery,
        missing=gone,
    )
    yield Route(
        f"{one}/incidents/{{incident}}",
        "One incident as a story; its id may be written with its slashes.",
        answers.incident,
        StoryObject,
        missing="No such incident is known.",
        whole="incident",
    )
    yield Route(
        f"{one}/findings",
        "What every detector says at this moment.",
        answers.findings,
        FindingsObject,
        missing=gone,
    )
    yield Route(
        f"{one}/charts",
        "The catalogue of charts, with limits.",
        answers.charts,
        ChartsObject,
        missing=gone,
    )
    yield Route(
        f"{one}/charts/{{chart}}",
        "One chart over a span.",
        answers.chart,
        RangeObject,
        RangeQuery,
        missing="No such chart.",
    )
    yield Route(
        f"{one}/ranges",
        "Several charts over the same span, at once.",
        answers.ranges,
        RangesObject,
        RangesQuery,
        missing="No such chart.",
    )
    yield Route(
        f"{one}/lanes",
        "Roles over time, and what happened meanwhile.",
        answers.lanes,
        LanesObject,
        SpanQuery,
        missing=gone,
    )
