"""The terminal, or whatever else standard output is: width, colours, and what it can encode."""

import codecs
import sys
from collections.abc import Iterable
from io import TextIOWrapper
from typing import IO, Literal

from rich.console import Console
from rich.text import Text

from etcdscope.surfaces.signs import ASCII

Colour = Literal["auto", "always", "never"]
_ERRORS = "etcdscope-ascii"


def _plainer(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    return "".join(ASCII.get(sign, "?") for sign in missing), error.end


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Let it through: how we end then is not for a console to say."""
        raise  # noqa: PLE0704  # rich calls this while it handles BrokenPipeError


def open_console(stream: IO[str] | None = None, colour: Colour = "auto") -> Console:
    """Return a console on the stream; what its encoding lacks becomes a likeness in ASCII.

    ``auto`` does as rich does: by ``NO_COLOR``, ``FORCE_COLOR``, ``TERM``, and on terminals only.
    """
    stream = stream or sys.stdout
    codecs.register_error(_ERRORS, _plainer)
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(errors=_ERRORS)
    return _Console(
        file=stream,
        force_terminal=True if colour == "always" else None,
        color_system=None if colour == "never" else "auto",
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )


def width_of(console: Console) -> int | None:
    """Return how wide lines may be; None for a pipe or a file, whose lines are never broken."""
    return console.width if console.is_terminal else None


def say(console: Console, lines: Iterable[Text]) -> None:
    """Print the lines as they are, and at once."""
    for line in lines:
        console.print(line, soft_wrap=True)
    console.file.flush()
