"""The views that one goes into: an incident, a member, an explanation, blind spots, the keys."""

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType

from etcdscope.surfaces.explain import explain, page
from etcdscope.surfaces.tui import foot, pages
from etcdscope.surfaces.tui.cluster import INCIDENT, find
from etcdscope.surfaces.tui.foot import Key
from etcdscope.surfaces.tui.row import Row, plain
from etcdscope.surfaces.tui.rows import Choice
from etcdscope.surfaces.tui.trail import Trail
from etcdscope.surfaces.tui.views import BACK, HELP, QUIT, Page


class IncidentView(Page):
    """One incident. ``runbook``: begin at what to do."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "runbook", show=False),
        Binding("c,y", "copy", show=False),
        Binding("e", "explain", show=False),
    ]

    def __init__(self, trail: Trail, ident: str, *, runbook: bool = False) -> None:
        super().__init__(trail)
        self.ident = ident
        self._runbook = runbook
        incident = next(
            (e.incident for e in reversed(trail.events) if e.incident.id == ident), None
        )
        self.cause = incident.cause if incident else ident.partition("/")[0]
        self.place = self.cause

    def keys(self) -> Sequence[Key]:
        """Return what the foot names."""
        return (
            Key("⏎", "copy command", "screen.copy"),
            Key("r", "runbook", "screen.runbook"),
            Key("e", "explain", "screen.explain"),
            Key("t", "time", "screen.time"),
            BACK,
            HELP,
            QUIT,
        )

    def body(self) -> list[Row]:
        """Return the incident as it was then."""
        here = self.here()
        found = find(here, self.ident)
        if found is None:
            return plain(Text(), Text("   This incident had not begun by then.", "dim"))
        self.cause = self.place = found.cause
        return pages.incident(here, found, self.width)

    def on_mount(self) -> None:
        """Show the page, from the runbook on if that was asked for."""
        super().on_mount()
        if self._runbook:
            self.call_after_refresh(self.action_runbook)

    def action_runbook(self) -> None:
        """Go to what to do."""
        body = self.query_one("#body", Choice)
        at = next(
            (i for i, r in enumerate(body.rows) if r.text.plain.strip() == "what to do"), None
        )
        if at is None:
            self.top.say("There is nothing to do about it.")
            return
        commands = [r.key for r in body.rows[at:] if r.key]
        body.scroll_to(y=at, animate=False)
        if commands:
            body.pick(commands[0], follow=False)

    def action_copy(self) -> None:
        """Copy the command under the cursor."""
        if command := pages.command_of(self.query_one("#body", Choice).key):
            self.app.copy_to_clipboard(command)
            self.top.say(f"Copied, if your terminal lets us: {command}")
        else:
            self.top.say("There is no command to copy.")

    def action_explain(self) -> None:
        """Show the manual page of the cause."""
        self.app.push_screen(Explained(self.trail, self.cause))

    def on_choice_opened(self) -> None:
        """Copy the command that was chosen."""
        self.action_copy()


class MemberView(Page):
    """One member."""

    def __init__(self, trail: Trail, member: str) -> None:
        super().__init__(trail)
        self.member = member

    def keys(self) -> Sequence[Key]:
        """Return what the foot names."""
        return (
            Key("⏎", "open incident", "screen.open"),
            Key("+ -", "more or less time", "screen.span(1)"),
            Key("t", "time", "screen.time"),
            BACK,
            HELP,
            QUIT,
        )

    def body(self) -> list[Row]:
        """Return what is known of the member then."""
        here = self.here()
        moment = here.moment
        known = moment.verdict.members if moment else ()
        shown = next((m for m in known if m.id == self.member), None)
        if moment is None or shown is None:
            return plain(Text(), Text("   It was no member then.", "dim"))
        self.place = shown.name
        return pages.member(here, moment, shown, self.top.span, self.width)

    def action_open(self) -> None:
        """Open the incident under the cursor."""
        self.query_one("#body", Choice).action_open()

    def on_choice_opened(self, event: Choice.Opened) -> None:
        """Open the incident that was chosen."""
        ident = event.key.removeprefix(INCIDENT)
        self.app.push_screen(IncidentView(self.trail, ident))


class Explained(Page):
    """The manual page of a cause."""

    def __init__(self, trail: Trail, cause: str) -> None:
        super().__init__(trail)
        self.cause = cause
        self.place = f"explain {cause}"

    def body(self) -> list[Row]:
        """Return the page."""
        found = explain(self.cause)
        if found is None:
            return plain(Text("   There is no page about it.", "dim"))
        return pages.lines_of(page(found, min(self.width - 3, pages.READABLE)))


class BlindView(Page):
    """What could not be looked at."""

    place = "not judged"

    def body(self) -> list[Row]:
        """Return all blind spots."""
        moment = self.here().moment
        return pages.blind(moment, self.width) if moment else []


class Help(Page):
    """The keys and signs."""

    place = "help"

    def body(self) -> list[Row]:
        """Return the page."""
        return foot.manual(self.width)

    def action_help(self) -> None:
        """Asked for again it goes away."""
        self.action_back()
