"""The view of the keys: who fills the database."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from etcdscope.surfaces.tui import keys, pages
from etcdscope.surfaces.tui.foot import Key
from etcdscope.surfaces.tui.row import Row
from etcdscope.surfaces.tui.rows import Choice
from etcdscope.surfaces.tui.trail import Trail
from etcdscope.surfaces.tui.views import BACK, HELP, QUIT, Page

if TYPE_CHECKING:
    from etcdscope.surfaces.tui.counted import Keys

# Keys are counted once an hour; who waits for the first count sees it soon all the same.
ASKED_EVERY = 10.0


class KeysView(Page):
    """Who fills the database, by the last count; it is that of now, wherever one is in time."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c,y", "copy", show=False),
        Binding("g", "back", show=False),
    ]
    place = "registry"

    def __init__(self, trail: Trail) -> None:
        super().__init__(trail)
        self._known: Keys | None = None

    def keys(self) -> Sequence[Key]:
        """Return what the foot names."""
        copy = (Key("⏎", "copy command", "screen.copy"),)
        return (*(copy if self._known and self._known.run else ()), BACK, HELP, QUIT)

    def body(self) -> list[Row]:
        """Return what is known of the keys."""
        return keys.page(self._known, self.width, self.zone)

    def on_mount(self) -> None:
        """Ask at once, and again while this is looked at."""
        super().on_mount()
        self._ask()
        self.set_interval(ASKED_EVERY, self._ask)

    def _ask(self) -> None:
        self.run_worker(self._asked(), exclusive=True)

    async def _asked(self) -> None:
        self._known = await self.trail.keys()
        self.paint()

    def action_copy(self) -> None:
        """Copy the command under the cursor."""
        if command := pages.command_of(self.query_one("#body", Choice).key):
            self.app.copy_to_clipboard(command)
            self.top.say(f"Copied, if your terminal lets us: {command}")

    def on_choice_opened(self) -> None:
        """Copy the command that was chosen."""
        self.action_copy()
