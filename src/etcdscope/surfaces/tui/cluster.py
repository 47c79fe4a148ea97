"""What the view of one cluster says, as lines. Pure: a trail, a moment and a size in."""

from dataclasses import dataclass
from datetime import tzinfo

from rich.text import Text

from etcdscope.model.incident import Incident
from etcdscope.surfaces import table
from etcdscope.surfaces.glance import cut, heading, headline, told
from etcdscope.surfaces.signs import BLIND, DIM
from etcdscope.surfaces.text import alike, unjudged
from etcdscope.surfaces.tui import travel
from etcdscope.surfaces.tui.row import Row, plain
from etcdscope.surfaces.tui.trail import Moment, Trail, worst_first
from etcdscope.surfaces.words import about

INCIDENT, MEMBER, BLIND_SPOTS = "incident ", "member ", "blind"


@dataclass(frozen=True, slots=True)
class Here:
    """From where one looks. ``when``: a time in the past, None for now; ``now``: the clock."""

    trail: Trail
    when: float | None
    now: float
    zone: tzinfo | None = None

    @property
    def moment(self) -> Moment | None:
        """Return what is looked at."""
        return self.trail.at(self.when)

    @property
    def at(self) -> float:
        """Return the time that it is there."""
        return self.now if self.when is None else self.when


def head(here: Here, width: int, place: str = "") -> list[Text]:
    """Return the heading and, once there is one, the verdict."""
    moment = here.moment
    title = " ▸ ".join(filter(None, (here.trail.name, place)))
    right = travel.standing(here.trail, here.when, here.now, here.zone)
    top = heading(title, moment.verdict if moment else None, right, width)
    trouble = [cut(Text(f"   {here.trail.trouble}", "red"), width)] if here.trail.trouble else []
    if moment is None:
        return [top, *trouble, Text(), Text("   Looking at the cluster …", style=DIM)]
    return [top, *trouble, *headline(moment.verdict, moment.incidents, here.at, width)]


def members(moment: Moment, width: int) -> list[Row]:
    """Return the table of members."""
    if not moment.verdict.members:
        return plain(Text("   No member has answered so far.", style=DIM))
    listed = table.rows(moment.verdict, moment.incidents, width)
    rows = [Row(text, MEMBER + m.id) for m, text in listed]
    return [*plain(table.heading(width)), *rows]


def incidents(here: Here, moment: Moment, words: str, width: int) -> list[Row]:
    """Return incidents, open ones first, those that are over after them, and what is not judged."""
    known = [*worst_first(moment.incidents), *here.trail.over(moment.at)]
    rows = [
        Row(told(i, here.at, width, here.zone), INCIDENT + i.id)
        for i in known
        if matches(words, spoken(i))
    ]
    names = {m.id: m.name for m in moment.verdict.members}
    for number, group in enumerate(alike(moment.blind_spots)):
        said = unjudged(group, names)
        if matches(words, f"not judged blind {said} {' '.join(group[0].hides)}"):
            rows.append(Row(_blind(said, width), f"{BLIND_SPOTS} {number}"))
    if rows:
        return rows
    return plain(Text(f"   Nothing matches {words}." if words else "   No incident so far.", DIM))


def _blind(said: str, width: int) -> Text:
    text = Text(" ").append(f"{BLIND.shape} ", style=BLIND.style)
    return cut(text.append(f"not judged: {said}", style=DIM), width)


def spoken(incident: Incident) -> str:
    """Return what a filter looks through."""
    who = about(incident.subject, incident.names)
    state = "open" if incident.open else "over"
    return f"{incident.cause} {incident.severity} {state} {who} {incident.summary}"


def matches(words: str, text: str) -> bool:
    """Return whether all the words occur."""
    low = text.lower()
    return all(word in low for word in words.lower().split())


def find(here: Here, ident: str) -> Incident | None:
    """Return an incident as it was at that time; as it was told last, if it is over."""
    moment = here.moment
    known = moment.incidents if moment else ()
    if found := next((i for i in known if i.id == ident), None):
        return found
    story = here.trail.story(ident, here.at)
    return story[-1].incident if story else None
