"""Lines of text on the screen: scrolled, picked from, and only painted again where they change."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from etcdscope.surfaces.tui.row import Row

PICKED = Style(reverse=True)


class Rows(ScrollView, can_focus=False):
    """Lines that are shown as they are. Whoever wants to pick from them uses ``Choice``."""

    DEFAULT_CSS = """
    Rows { overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 0; }
    """

    def __init__(self, **named: str) -> None:
        super().__init__(**named)  # type: ignore[arg-type]  # id and classes
        self.rows: Sequence[Row] = ()
        self._seen: list[tuple[object, ...]] = []

    def show(self, rows: Sequence[Row]) -> None:
        """Show these lines; those that are the same as before are not painted again."""
        seen: list[tuple[object, ...]] = [
            (r.text.plain, r.text.style, tuple(r.text.spans), r.key) for r in rows
        ]
        before, self._seen, self.rows = self._seen, seen, rows
        if len(before) != len(rows):
            self.virtual_size = Size(self.size.width, len(rows))
        for y in range(max(len(before), len(rows))):
            if before[y : y + 1] != seen[y : y + 1]:
                self.refresh_line(y)

    def render_line(self, y: int) -> Strip:
        """Return one line of the screen."""
        index, base = y + self.scroll_offset.y, self.rich_style
        if not 0 <= index < len(self.rows):
            return Strip.blank(self.size.width, base)
        strip = Strip(Segment.apply_style(_drawn(self.rows[index].text, self.app.console), base))
        if self.is_picked(index):
            # Without its colours: reversed, each would be a patch of its own.
            base += PICKED
            strip = Strip(Segment(part.text, _bare(part.style) + PICKED) for part in strip)
        return strip.adjust_cell_length(self.size.width, base)

    def is_picked(self, _: int) -> bool:
        """Return whether the cursor stands on that line."""
        return False


def _drawn(text: Text, console: Console) -> Iterable[Segment]:
    """Return a line's segments; of a text that has a style and no spans rich forgets the style."""
    if text.spans:
        return text.render(console, end="")
    return [Segment(text.plain, console.get_style(text.style))]


def _bare(style: Style | None) -> Style:
    return Style(bold=style.bold, meta=style.meta or None) if style else Style()


class Choice(Rows, can_focus=True):
    """Lines of which some can be picked, by keys or the mouse."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("enter", "open", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown,space", "page(1)", show=False),
        Binding("home", "end(-1)", show=False),
        Binding("end", "end(1)", show=False),
    ]

    @dataclass
    class Opened(Message):
        """A line was chosen."""

        key: str

    class Moved(Message):
        """The cursor stands elsewhere."""

    def __init__(self, **named: str) -> None:
        super().__init__(**named)
        self.key = ""

    @property
    def cursor(self) -> int | None:
        """Return the line of the cursor, if there is one."""
        return next((i for i, r in enumerate(self.rows) if r.key and r.key == self.key), None)

    def show(self, rows: Sequence[Row]) -> None:
        """Show these lines; the cursor stays with what it stood on, wherever that moved to."""
        before = self.cursor or 0
        super().show(rows)
        if self.cursor is None:
            at = min(before, max(len(rows) - 1, 0))
            near = [*range(at, len(rows)), *range(at, -1, -1)]
            self.pick(next((rows[i].key for i in near if rows[i].key), ""), follow=False)

    def pick(self, key: str, *, follow: bool = True) -> None:
        """Put the cursor on the line with that key."""
        if key == self.key:
            return
        before, self.key = self.cursor, key
        for line in (before, self.cursor):
            if line is not None:
                self.refresh_line(line)
        if follow and self.cursor is not None:
            self._into_view(self.cursor)
        self.post_message(self.Moved())

    def is_picked(self, index: int) -> bool:
        """Return whether the cursor stands there; it shows only where the keys go."""
        return self.has_focus and bool(self.key) and self.rows[index].key == self.key

    # --- keys and mouse ------------------------------------------------------------------------

    def action_move(self, by: int) -> None:
        """Go to the next line that can be picked if it is near, else scroll by a line."""
        at = self.cursor
        if at is None:
            self.scroll_relative(y=by, animate=False)
            return
        lines = range(at + by, len(self.rows) if by > 0 else -1, by)
        target = next((i for i in lines if self.rows[i].key), None)
        top, high = self.scroll_offset.y, self.size.height
        if target is not None and top - 1 <= target <= top + high:
            self.pick(self.rows[target].key)
        else:
            self.scroll_relative(y=by, animate=False)

    def action_page(self, by: int) -> None:
        """Scroll by a screenful; the cursor comes along."""
        self.scroll_relative(y=by * max(self.size.height - 1, 1), animate=False)
        self._picks_from(self.scroll_target_y)

    def action_end(self, by: int) -> None:
        """Go to the first or the last line."""
        self.scroll_to(y=0 if by < 0 else len(self.rows), animate=False)
        keys = [r.key for r in self.rows if r.key]
        if keys:
            self.pick(keys[0 if by < 0 else -1], follow=False)

    def action_open(self) -> None:
        """Open what the cursor stands on."""
        if self.key:
            self.post_message(self.Opened(self.key))

    def on_click(self, event: events.Click) -> None:
        """Open the line that was clicked."""
        index = int(event.y) + self.scroll_offset.y
        if 0 <= index < len(self.rows) and (key := self.rows[index].key):
            self.pick(key, follow=False)
            self.post_message(self.Opened(key))

    def on_focus(self) -> None:
        """Show the cursor."""
        self.refresh()

    def on_blur(self) -> None:
        """Hide the cursor."""
        self.refresh()

    def _picks_from(self, top: float) -> None:
        keys = [r.key for r in self.rows[int(top) : int(top) + self.size.height] if r.key]
        if keys:
            self.pick(keys[0], follow=False)

    def _into_view(self, line: int) -> None:
        top, high = self.scroll_offset.y, self.size.height
        if line < top:
            self.scroll_to(y=line, animate=False)
        elif line >= top + high:
            self.scroll_to(y=line - high + 1, animate=False)
