"""Lines of text with a head that stays and a body that is broken below itself."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from rich.cells import cell_len
from rich.text import Text

# Narrower than this a body is not broken any further.
NARROWEST = 16


@dataclass(frozen=True, slots=True)
class Line:
    """``head``: before the first line only. ``whole``: never broken, as commands must not be."""

    head: Text = field(default_factory=Text)
    body: Text = field(default_factory=Text)
    whole: bool = False


EMPTY = Line()


def line(head: str, *body: str | Text | tuple[str, str], whole: bool = False) -> Line:
    """Return a line: a plain head, and a body of parts that are plain, styled or (text, style)."""
    return Line(Text(head), Text.assemble(*body), whole)


def indented(lines: Iterable[Line], by: int) -> list[Line]:
    """Return the lines further to the right; empty ones stay empty."""
    space = Text(" " * by)
    return [Line(space + one.head, one.body, one.whole) if one != EMPTY else one for one in lines]


def fold(lines: Iterable[Line], width: int | None) -> list[Text]:
    """Return the lines as they are printed, none wider than ``width`` if it can be helped."""
    return [text for one in lines for text in _folded(one, width)]


def _folded(one: Line, width: int | None) -> Iterator[Text]:
    room = None if width is None or one.whole else max(width - one.head.cell_len, NARROWEST)
    parts = [one.body] if room is None else _broken(one.body, room)
    for index, part in enumerate(parts):
        head = one.head if index == 0 else Text(" " * one.head.cell_len)
        yield Text().append_text(head).append_text(part)  # a sum would style the part like the head


def _broken(body: Text, room: int) -> Sequence[Text]:
    """Break at spaces, so that every part fits into the room."""
    cuts, start, last = [0], 0, 0
    for space in [*(i for i, sign in enumerate(body.plain) if sign == " "), len(body.plain)]:
        if cell_len(body.plain[start:space]) > room and last > start:
            start = last + 1
            cuts.append(start)
        last = space
    return [_stripped(body[a:b]) for a, b in pairwise([*cuts, len(body.plain)])]


def _stripped(part: Text) -> Text:
    blanks = len(part.plain) - len(part.plain.lstrip(" "))
    part = part[blanks:] if 0 < blanks < len(part.plain) else part
    part.rstrip()
    return part
