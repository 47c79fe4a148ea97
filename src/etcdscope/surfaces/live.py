"""The live view: one screen that follows what is told, four times a second."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress

from rich.console import Console, Group
from rich.live import Live

from etcdscope.diagnose.step import State
from etcdscope.model.incident import Effect, EffectKind, Incident
from etcdscope.surfaces.screen import Caption, Shown, screen

FRAME = 0.25
# More than fit on any screen.
REMEMBERED = 100


class View:
    """What is on the screen; ``tell`` takes what the watch tells."""

    def __init__(self, title: str = "") -> None:
        self.title = title
        self.caption = Caption()
        self._state: State | None = None
        self._past: deque[Incident] = deque(maxlen=REMEMBERED)

    def tell(self, effects: Sequence[Effect], state: State) -> None:
        """Take the effects and the state of one judgement."""
        self._state = state
        for effect in effects:
            if effect.kind is EffectKind.CLOSED and effect.incident is not None:
                self._past.appendleft(effect.incident)

    def frame(self, console: Console) -> Group:
        """Return the present screen."""
        shown = Shown(self._state, time.time(), tuple(self._past), self.caption, self.title)
        return Group(*screen(shown, console.width, console.height))


@asynccontextmanager
async def open_live(console: Console, view: View) -> AsyncIterator[View]:
    """Show the view on its own screen, and give the terminal back as it was, whatever happens."""
    live = Live(
        view.frame(console),
        console=console,
        screen=True,
        auto_refresh=False,
        redirect_stdout=False,
        redirect_stderr=False,
    )

    async def keep_drawing() -> None:
        while True:
            live.update(view.frame(console), refresh=True)
            await asyncio.sleep(FRAME)

    with log_held(), live:
        drawing = asyncio.create_task(keep_drawing())
        try:
            yield view
        finally:
            drawing.cancel()
            with suppress(asyncio.CancelledError):
                await drawing


@contextmanager
def log_held() -> Iterator[None]:
    """Keep the log off the screen; what came meanwhile is told afterwards."""
    root = logging.getLogger()
    handlers, held = root.handlers[:], _Held()
    root.handlers[:] = [held]
    try:
        yield
    finally:
        root.handlers[:] = handlers
        for record in held.records:
            root.handle(record)


class _Held(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: deque[logging.LogRecord] = deque(maxlen=REMEMBERED)

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
