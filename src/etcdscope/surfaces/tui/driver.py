"""Textual's terminal, but one that may go away, or not be read, without holding us up.

Textual's own (8.x) reads the end of a terminal that hung up for ever, and waits for ever to write
to one that is gone or not read; meanwhile no signal is heard.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from textual.drivers.linux_driver import LinuxDriver

from etcdscope.surfaces.tui.outlet import Outlet

if TYPE_CHECKING:
    from etcdscope.surfaces.tui.app import Top

# What a terminal that is not read may delay our end, twice, in seconds.
PATIENCE: Final = 0.3


class Terminal(LinuxDriver):
    """The terminal that we run on."""

    _app: "Top"
    _outlet: Outlet | None = None

    def start_application_mode(self) -> None:
        """Take the terminal."""
        self._outlet = Outlet(
            self.fileno,
            lambda: self._tell(self._app.terminal_is_gone),
            lambda: self._tell(self._app.refresh),
        )
        super().start_application_mode()  # type: ignore[no-untyped-call]

    def write(self, data: str) -> None:
        """Write; never wait."""
        if self._outlet:
            self._outlet.write(data)

    def run_input_thread(self) -> None:
        """Read keys until told to end, or the terminal is gone."""
        try:
            super().run_input_thread()
        except OSError:
            self._tell(self._app.terminal_is_gone)

    def stop_application_mode(self) -> None:
        """Give the terminal back; what it has not read by now it need not read any more."""
        if self._outlet and not self._outlet.drained(PATIENCE):
            self._outlet.forget()
        super().stop_application_mode()

    def close(self) -> None:
        """End the threads."""
        super().close()
        if self._outlet:
            self._outlet.close(PATIENCE)
            self._outlet = None

    def _tell(self, what: Callable[[], object]) -> None:
        with suppress(RuntimeError):  # the loop has ended already
            self._loop.call_soon_threadsafe(what)


def let_go() -> None:
    """Point what stood for the terminal at nothing: who writes to it now need not fail."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for file in range(3):
        os.dup2(nothing, file)
    os.close(nothing)
