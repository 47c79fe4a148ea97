"""The app: it knows the trails and the time that is looked at, and lets the front view paint."""

import asyncio
import signal
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from datetime import tzinfo
from typing import Any, ClassVar

from rich.segment import Segment
from textual.app import App
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.filter import LineFilter

from etcdscope.surfaces.live import log_held
from etcdscope.surfaces.signs import ASCII
from etcdscope.surfaces.tui.charts import SPANS
from etcdscope.surfaces.tui.driver import Terminal, let_go
from etcdscope.surfaces.tui.overview import ClusterView, FleetView
from etcdscope.surfaces.tui.reading import Help
from etcdscope.surfaces.tui.trail import Trail
from etcdscope.surfaces.tui.views import View

FRAME = 0.25
SAID_FOR = 4.0  # seconds that a message stands in place of the keys


class Top(App[None]):
    """``top``. A feed tells the trails; ``clock``: unix seconds; ``letters``: ASCII only.

    ``gone``: the terminal went away, and that ended it.
    """

    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+c", "quit", show=False, priority=True)]
    CSS = """
    Screen { layout: vertical; background: ansi_default; }
    Rows { background: ansi_default; color: ansi_default; width: 1fr; }
    #head, #charts, #bar, #foot { height: 1; }
    #members { height: 2; }
    #below, #clusters, #body { height: 1fr; }
    #incidents, #preview { height: 1fr; }
    #preview { display: none; }
    #bar { display: none; }
    #filter { height: 1; background: ansi_default; padding: 0 1; }
    """

    def __init__(
        self,
        trails: Sequence[Trail],
        *,
        zone: tzinfo | None = None,
        clock: Callable[[], float] = time.time,
        letters: bool = False,
    ) -> None:
        super().__init__(driver_class=Terminal, ansi_color=True)
        self.theme = "ansi-dark"
        self.trails = {trail.name: trail for trail in trails}
        self.zone = zone
        self.clock = clock
        self.when: float | None = None
        self.gone = False
        self.ground = 2  # the default screen of Textual, and the view that one begins with
        self._span = 0
        self._said, self._said_at = "", 0.0
        self._letters = letters

    @property
    def span(self) -> float:
        """Return how many seconds charts show."""
        return SPANS[self._span]

    def widen(self, by: int) -> None:
        """Let charts show more, or less."""
        self._span = min(max(self._span + by, 0), len(SPANS) - 1)

    @property
    def said(self) -> str:
        """Return what is to be said just now."""
        return self._said if self.clock() - self._said_at < SAID_FOR else ""

    def say(self, words: str) -> None:
        """Say something in place of the keys, for a while."""
        self._said, self._said_at = words, self.clock()
        self.paint()

    def on_mount(self) -> None:
        """Show the cluster; the fleet first, where there are several."""
        several = len(self.trails) > 1
        first = FleetView(self.trails) if several else ClusterView(next(iter(self.trails.values())))
        self.push_screen(first)
        self.set_interval(FRAME, self._follow)

    def _follow(self) -> None:
        if isinstance(self.screen, View):
            self.screen.follow()

    def paint(self) -> None:
        """Let the front view show what is there now."""
        if isinstance(self.screen, View):
            self.screen.paint()

    def terminal_is_gone(self) -> None:
        """End as by the SIGHUP that this brings to the leader of a session alone."""
        if not self.gone:
            self.gone = True
            signal.raise_signal(signal.SIGHUP)

    def help(self, trail: Trail) -> None:
        """Show the keys and signs."""
        self.push_screen(Help(trail))

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Return what is done to every line before it is written."""
        return [*super().get_line_filters(), *([_LETTERS] if self._letters else [])]


class _Letters(LineFilter):
    """Writes a likeness in ASCII in place of signs that the terminal has none of."""

    _table: ClassVar = str.maketrans(dict(ASCII))

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002
        return [
            Segment(_plain(s.text.translate(self._table)), s.style, s.control) for s in segments
        ]


def _plain(text: str) -> str:
    return text if text.isascii() else text.encode("ascii", "replace").decode()


_LETTERS = _Letters()


async def show(app: Top, feed: Coroutine[Any, Any, None]) -> None:
    """Run the app beside what feeds its trails, until somebody leaves it or the terminal is gone.

    The end of the feed is the end of the app.
    Errors: those of the feed, once the terminal has been given back.
    """
    fed = asyncio.create_task(feed)
    with log_held():
        fed.add_done_callback(lambda _: app.exit())
        try:
            await app.run_async()
        finally:
            if app.gone:
                let_go()
            fed.cancel()
            await asyncio.gather(fed, return_exceptions=True)
    # Textual ends in order when it is cancelled, as if somebody had left it.
    if (own := asyncio.current_task()) and own.cancelling():
        raise asyncio.CancelledError
    with suppress(asyncio.CancelledError):
        fed.result()
