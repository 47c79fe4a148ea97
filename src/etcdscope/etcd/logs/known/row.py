"""What a row of the table says, and the pieces that patterns are made of."""

from typing import Final, NamedTuple


class Row(NamedTuple):
    """What a kind means, its messages (``~`` before a pattern), and what it is a witness of.

    ``matters``: it belongs on a timeline for people.
    """

    means: str
    says: tuple[str, ...]
    witnesses: tuple[str, ...] = ()
    matters: bool = False


# Hex ids. Named groups become fields of the event.
ID: Final = r"[0-9a-f]{1,16}"
PEER: Final = rf"(?P<peer>{ID})"
ME: Final = rf"(?P<member>{ID})"
TERM: Final = r"at term (?P<term>\d+)"
