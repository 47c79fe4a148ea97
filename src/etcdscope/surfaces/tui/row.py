"""A line of a view, and by which key it is picked, if it can be."""

from typing import NamedTuple

from rich.text import Text


class Row(NamedTuple):
    """A line; one with a key can be picked, and lines with the same key are picked as one."""

    text: Text
    key: str = ""


def plain(*texts: Text) -> list[Row]:
    """Return lines that cannot be picked."""
    return [Row(text) for text in texts]
