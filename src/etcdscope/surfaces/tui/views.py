"""What all views have in common: a heading, a foot, time that can be travelled, a way back."""

from collections.abc import Sequence
from datetime import tzinfo
from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widget import Widget

from etcdscope.surfaces.glance import heading, rule
from etcdscope.surfaces.signs import DIM
from etcdscope.surfaces.tui import foot, travel
from etcdscope.surfaces.tui.cluster import Here
from etcdscope.surfaces.tui.foot import Key
from etcdscope.surfaces.tui.row import Row, plain
from etcdscope.surfaces.tui.rows import Choice, Rows
from etcdscope.surfaces.tui.trail import Trail

if TYPE_CHECKING:
    from etcdscope.surfaces.tui.app import Top

# A screen so high shows the bar of time always; a lower one only to those who travel.
HIGH = 30
HELP, QUIT = Key("?", "help", "screen.help"), Key("q", "quit", "app.quit")
BACK = Key("esc", "back", "screen.back")
TRAVEL = (
    Key("←", "earlier", "screen.travel(-1)"),
    Key("→", "later", "screen.travel(1)"),
    Key("p", "event before", "screen.turn(-1)"),
    Key("n", "next event", "screen.turn(1)"),
    Key("esc", "now", "screen.back"),
    HELP,
    QUIT,
)


def high(widget: Widget, lines: int) -> None:
    """Give a widget so many lines; laying out anew costs, so only if it is another number."""
    if widget.display != bool(lines):
        widget.display = bool(lines)
    if (now := widget.styles.height) is None or now.value != lines:
        widget.styles.height = lines


class TimeBar(Rows):
    """The bar of time; a click on it goes there."""

    def on_click(self, event: events.Click) -> None:
        """Travel to the time that was clicked."""
        cast("View", self.screen).go_to_column(int(event.x))


class View(Screen[None]):
    """One view of one cluster, or of all; ``draw`` is each view's own, and cheap."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace", "back", show=False),
        Binding("question_mark,h,f1", "help", show=False),
        Binding("t", "time", show=False),
        Binding("left", "travel(-1)", show=False),
        Binding("right", "travel(1)", show=False),
        Binding("shift+left,left_square_bracket", "travel(-10)", show=False),
        Binding("shift+right,right_square_bracket", "travel(10)", show=False),
        Binding("p", "turn(-1)", show=False),
        Binding("n", "turn(1)", show=False),
        Binding("plus,equals_sign", "span(1)", show=False),
        Binding("minus", "span(-1)", show=False),
        Binding("q", "app.quit", show=False),
    ]

    def __init__(self, trail: Trail) -> None:
        super().__init__()
        self.trail = trail
        self._ready = False

    @property
    def top(self) -> "Top":
        """Return the app that this is a view of."""
        return cast("Top", self.app)

    @property
    def width(self) -> int:
        """Return how many columns the screen has."""
        return self.app.size.width

    @property
    def zone(self) -> tzinfo | None:
        """Return whose clock is shown."""
        return self.top.zone

    def here(self, trail: Trail | None = None) -> Here:
        """Return from where one looks now."""
        return Here(trail or self.trail, self.top.when, self.top.clock(), self.zone)

    def paint(self) -> None:
        """Show what is there now, while the parts of the view are there."""
        if self._ready and self.query("#foot"):
            self.draw()

    def draw(self) -> None:
        """Show what is there now."""
        raise NotImplementedError

    def follow(self) -> None:
        """Show what is new; called four times a second."""
        self.paint()

    def keys(self) -> Sequence[Key]:
        """Return what the foot names."""
        return (BACK, HELP, QUIT)

    # --- parts -----------------------------------------------------------------------------------

    def across(self, width: int) -> Text:
        """Return a line across; it is of another colour in the past."""
        return rule(width, DIM if self.top.when is None else travel.PAST)

    def paint_foot(self, width: int) -> None:
        """Show the keys, and the bar of time where there is room for it."""
        bar = self.query_one(TimeBar)
        travelling = self.top.when is not None
        shown = self.trail.now is not None and (travelling or self.top.size.height >= HIGH)
        high(bar, int(shown))
        if shown:
            bar.show(plain(travel.bar(self.trail, self.top.when, width, self.zone)))
        keys = TRAVEL if travelling else self.keys()
        self.query_one("#foot", Rows).show(plain(foot.foot(keys, width, self.top.said)))

    def on_mount(self) -> None:
        """Show what there is at once."""
        self._ready = True
        self.paint()

    def on_resize(self) -> None:
        """Use the room that there is now."""
        self.call_after_refresh(self.paint)

    def on_screen_resume(self) -> None:
        """Show what happened while another view was in front."""
        self.paint()

    # --- ways ------------------------------------------------------------------------------------

    def action_back(self) -> None:
        """Go back to now, else to where one came from."""
        if self.top.when is not None:
            self.top.when = None
            self.paint()
        elif len(self.app.screen_stack) > self.top.ground:
            self.app.pop_screen()

    def action_help(self) -> None:
        """Show the keys."""
        self.top.help(self.trail)

    def action_time(self) -> None:
        """Stop time here, or go on from now."""
        self._at(self.trail.now.at if self.top.when is None and self.trail.now else None)

    def action_travel(self, seconds: int) -> None:
        """Go so many seconds back or on."""
        if self.trail.now is not None:
            now = self.trail.now.at
            self._at(now + seconds if self.top.when is None else self.top.when + seconds)

    def action_turn(self, by: int) -> None:
        """Go to the last time before, or the next one after, that something happened."""
        here = self.here().at
        turns = [at for at in self.trail.turns() if (at < here - 0.01 if by < 0 else at > here)]
        if turns:
            self._at(turns[-1] if by < 0 else turns[0])
        elif by > 0:
            self._at(None)
        else:
            self.top.say("Nothing happened before, as far back as this run has seen.")

    def action_span(self, by: int) -> None:
        """Let charts show more time, or less."""
        self.top.widen(by)
        self.paint()

    def go_to_column(self, x: int) -> None:
        """Travel to a column of the bar."""
        if self.trail.now is not None:
            now = self.trail.now.at
            at = travel.Bar(self.trail.began, now, self.app.size.width).moment(x)
            self._at(at if at < now - 0.5 else None)

    def _at(self, when: float | None) -> None:
        now = self.trail.now.at if self.trail.now else 0.0
        if when is not None and self.top.when is not None and when >= now:
            when = None  # who walks to the end is back in the present
        self.top.when = None if when is None else max(when, self.trail.began)
        self.paint()


class Page(View):
    """A view that is one long page: a heading, and lines below it."""

    place = ""
    _second = 0

    def follow(self) -> None:
        """Show what is new once a second: a page is read, not watched."""
        if (second := int(self.top.clock())) != self._second:
            self._second = second
            self.paint()

    def compose(self) -> ComposeResult:
        """Put the parts one below the other."""
        yield Rows(id="head")
        yield Choice(id="body")
        yield TimeBar(id="bar")
        yield Rows(id="foot")

    def on_mount(self) -> None:
        """Let the keys go to the page."""
        super().on_mount()
        self.query_one("#body").focus()

    def draw(self) -> None:
        """Show what is there now."""
        width, here = self.width, self.here()
        moment = here.moment
        title = " ▸ ".join(filter(None, (self.trail.name, self.place)))
        right = travel.standing(self.trail, here.when, here.now, self.zone)
        top = heading(title, moment.verdict if moment else None, right, width)
        self.query_one("#head", Rows).show(plain(top, self.across(width)))
        high(self.query_one("#head"), 2)
        self.query_one("#body", Choice).show(self.body())
        self.paint_foot(width)

    def body(self) -> list[Row]:
        """Return the lines of the page."""
        raise NotImplementedError
