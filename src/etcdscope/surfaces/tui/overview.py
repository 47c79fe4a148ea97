"""The two views to begin with: the fleet, where there are several clusters, and one cluster."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Input

from etcdscope.surfaces.signs import DIM
from etcdscope.surfaces.tui import charts, cluster, fleet, pages, travel
from etcdscope.surfaces.tui.cluster import BLIND_SPOTS, INCIDENT, MEMBER, Here
from etcdscope.surfaces.tui.counting import KeysView
from etcdscope.surfaces.tui.foot import Key
from etcdscope.surfaces.tui.reading import BlindView, Explained, IncidentView, MemberView
from etcdscope.surfaces.tui.row import Row, plain
from etcdscope.surfaces.tui.rows import Choice, Rows
from etcdscope.surfaces.tui.trail import Moment, Trail
from etcdscope.surfaces.tui.views import BACK, HELP, QUIT, TimeBar, View, high

# So wide a screen shows the incident under the cursor beside the list.
WIDE = 150
LEAST = 4  # lines of incidents for which charts make room


class Filtered(View):
    """A view with a list that can be filtered."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("slash", "filter", show=False)]
    chosen = "#incidents"

    def __init__(self, trail: Trail) -> None:
        super().__init__(trail)
        self.words = ""

    def filter_line(self) -> Input:
        """Return where the words are written."""
        line = Input(placeholder="only what has these words in it", compact=True, id="filter")
        line.display = False
        return line

    def filter_keys(self) -> tuple[Key, ...]:
        """Return what the foot says of the filter."""
        return (Key("/", self.words or "filter", "screen.filter"),)

    def action_filter(self) -> None:
        """Ask for words."""
        line = self.query_one(Input)
        line.display = True
        line.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show only what has the words in it, while they are written."""
        self.words = event.value
        self.paint()

    def on_input_submitted(self) -> None:
        """Go back to the list; the words stay."""
        self._leave_filter()

    def action_back(self) -> None:
        """Leave the filter first."""
        line = self.query_one(Input)
        if line.display or self.words:
            line.value = self.words = ""
            self._leave_filter()
        else:
            super().action_back()

    def _leave_filter(self) -> None:
        self.query_one(Input).display = False
        self.query_one(self.chosen).focus()
        self.paint()


class ClusterView(Filtered):
    """One cluster: verdict, members, charts, incidents."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("m", "members", show=False),
        Binding("r", "runbook", show=False),
        Binding("e", "explain", show=False),
        Binding("b", "blind", show=False),
        Binding("c", "chart", show=False),
        Binding("g", "registry", show=False),
    ]

    def __init__(self, trail: Trail) -> None:
        super().__init__(trail)
        self._first = 0
        self._drawn: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        """Put the parts one below the other."""
        yield Rows(id="head")
        yield Choice(id="members")
        yield Rows(id="charts")
        with Horizontal(id="below"):
            yield Choice(id="incidents")
            yield Rows(id="preview")
        yield TimeBar(id="bar")
        yield self.filter_line()
        yield Rows(id="foot")

    def on_mount(self) -> None:
        """Let the keys go to the incidents."""
        super().on_mount()
        self.query_one("#incidents").focus()

    def keys(self) -> Sequence[Key]:
        """Return what the foot names."""
        back = (BACK,) if len(self.app.screen_stack) > self.top.ground else ()
        return (
            Key("⏎", "open", "screen.open"),
            Key("r", "runbook", "screen.runbook"),
            Key("m", "members", "screen.members"),
            Key("t", "time", "screen.time"),
            *self.filter_keys(),
            Key("c", "chart", "screen.chart"),
            Key("g", "registry", "screen.registry"),
            *back,
            HELP,
            QUIT,
        )

    # --- paint -----------------------------------------------------------------------------------

    def draw(self) -> None:
        """Show what is there now."""
        width, here = self.app.size.width, self.here()
        head = [*cluster.head(here, width), self.across(width)]
        self.query_one("#head", Rows).show(plain(*head))
        high(self.query_one("#head"), len(head))
        if (moment := here.moment) is not None:
            members = self._paint_members(moment, width)
            self._paint_incidents(here, moment, width)
            self._paint_slowly(here, moment, self.app.size.height - len(head) - members)
        self.paint_foot(width)

    def _paint_slowly(self, here: Here, moment: Moment, room: int) -> None:
        """Paint what takes longest: once a second, and at once when something else is wanted."""
        picked = self._incidents.key
        shown = (self.top.when, self.top.span, self._first, self.app.size, room, picked)
        if (drawn := (*shown, int(moment.at))) != self._drawn:
            self._drawn = drawn
            self._paint_charts(moment, self.width, room)
            self._paint_preview(here, moment, picked)

    def _paint_members(self, moment: Moment, width: int) -> int:
        rows = [*cluster.members(moment, width), *plain(self.across(width))]
        lines = min(len(rows), max(self.app.size.height // 2, 3))
        self.query_one("#members", Choice).show(rows)
        high(self.query_one("#members"), lines)
        return lines

    def _paint_charts(self, moment: Moment, width: int, room: int) -> None:
        panel = self.query_one("#charts", Rows)
        lines = len(moment.verdict.members) + 2
        if not moment.verdict.members or lines + LEAST + 2 > room:
            high(panel, 0)
            return
        span, measures = self.top.span, charts.turned(self._first, width)
        moments = self.trail.between(moment.at - span, moment.at)
        drawn = charts.charts(moments, moment.verdict, measures, moment.at, span, width)
        panel.show(plain(*drawn, self.across(width)))
        high(panel, lines)

    def _paint_incidents(self, here: Here, moment: Moment, width: int) -> None:
        listed = self._incidents
        rows = cluster.incidents(here, moment, self.words, width)
        if width >= WIDE and any(row.key for row in rows):
            rows = cluster.incidents(here, moment, self.words, width // 2)
        listed.show(rows)

    def _paint_preview(self, here: Here, moment: Moment, key: str) -> None:
        """Show beside the list what stands under its cursor, where there is room."""
        preview, shown = self.query_one("#preview", Rows), bool(key) and self.width >= WIDE
        if preview.display != shown:
            preview.display = shown
        if not shown:
            return
        width = self.width - self.width // 2 - 3
        found = cluster.find(here, key.removeprefix(INCIDENT)) if key.startswith(INCIDENT) else None
        blind = pages.blind(moment, width) if key.startswith(BLIND_SPOTS) else []
        rows = blind if found is None else pages.incident(here, found, width)
        side = Text(" │ ", DIM if here.when is None else travel.PAST)
        blank = [Row(Text())] * (self.app.size.height - len(rows))
        beside = (Text().append_text(side).append_text(r.text) for r in (*rows, *blank))
        preview.show(plain(*beside))

    # --- ways ------------------------------------------------------------------------------------

    def on_choice_moved(self) -> None:
        """Show the incident under the cursor beside the list."""
        self.paint()

    def on_choice_opened(self, event: Choice.Opened) -> None:
        """Open what was chosen."""
        key = event.key
        if key.startswith(INCIDENT):
            self.app.push_screen(IncidentView(self.trail, key.removeprefix(INCIDENT)))
        elif key.startswith(MEMBER):
            self.app.push_screen(MemberView(self.trail, key.removeprefix(MEMBER)))
        else:
            self.action_blind()

    def action_open(self) -> None:
        """Open what the cursor stands on."""
        focused = self.focused
        (focused if isinstance(focused, Choice) else self._incidents).action_open()

    def action_runbook(self) -> None:
        """Open the incident under the cursor at what to do."""
        if ident := self._picked:
            self.app.push_screen(IncidentView(self.trail, ident, runbook=True))

    def action_explain(self) -> None:
        """Open the manual page of the cause under the cursor."""
        if found := cluster.find(self.here(), self._picked):
            self.app.push_screen(Explained(self.trail, found.cause))

    def action_members(self) -> None:
        """Go to the members, or from them to the incidents."""
        members = self.query_one("#members", Choice)
        (self._incidents if members.has_focus else members).focus()

    def action_blind(self) -> None:
        """Show what could not be looked at."""
        self.app.push_screen(BlindView(self.trail))

    def action_registry(self) -> None:
        """Show who fills the database."""
        self.app.push_screen(KeysView(self.trail))

    def action_chart(self) -> None:
        """Show the next chart."""
        self._first = (self._first + 1) % len(charts.MEASURES)
        self.paint()

    @property
    def _incidents(self) -> Choice:
        return self.query_one("#incidents", Choice)

    @property
    def _picked(self) -> str:
        """Return the incident under the cursor, the first one where it stands elsewhere."""
        keys = [self._incidents.key, *(r.key for r in self._incidents.rows)]
        found = next((key for key in keys if key.startswith(INCIDENT)), "")
        return found.removeprefix(INCIDENT)


class FleetView(Filtered):
    """All clusters, the worst first."""

    chosen = "#clusters"

    def __init__(self, trails: Mapping[str, Trail]) -> None:
        super().__init__(next(iter(trails.values())))
        self.trails = trails

    def compose(self) -> ComposeResult:
        """Put the parts one below the other."""
        yield Rows(id="head")
        yield Choice(id="clusters")
        yield TimeBar(id="bar")
        yield self.filter_line()
        yield Rows(id="foot")

    def on_mount(self) -> None:
        """Let the keys go to the list."""
        super().on_mount()
        self.query_one("#clusters").focus()

    def keys(self) -> Sequence[Key]:
        """Return what the foot names."""
        return (
            Key("⏎", "open", "screen.open"),
            Key("t", "time", "screen.time"),
            *self.filter_keys(),
            HELP,
            QUIT,
        )

    def draw(self) -> None:
        """Show what is there now."""
        width = self.app.size.width
        clusters = [self.here(trail) for trail in self.trails.values()]
        # Time is that of a cluster that is watched, if there is one.
        watched = (t for t in self.trails.values() if t.now and not t.trouble)
        self.trail = next(watched, self.trail)
        head = [*fleet.head(self.here(), clusters, width), self.across(width)]
        self.query_one("#head", Rows).show(plain(*head))
        high(self.query_one("#head"), len(head))
        self.query_one("#clusters", Choice).show(fleet.rows(clusters, self.words, width))
        self.paint_foot(width)

    def action_open(self) -> None:
        """Open the cluster under the cursor."""
        self.query_one("#clusters", Choice).action_open()

    def on_choice_opened(self, event: Choice.Opened) -> None:
        """Open the cluster that was chosen."""
        self.app.push_screen(ClusterView(self.trails[event.key.removeprefix(fleet.CLUSTER)]))
