"""The last line of a view: its keys, which can be clicked as well. Also the page that tells all."""

from collections.abc import Sequence
from typing import NamedTuple

from rich.style import Style
from rich.text import Text

from etcdscope.surfaces.glance import cut
from etcdscope.surfaces.lines import EMPTY, Line, fold, line
from etcdscope.surfaces.signs import BLIND, CROWN, DIM, LANES, LEVELS, SEVERITIES
from etcdscope.surfaces.tui.row import Row, plain


class Key(NamedTuple):
    """A key, what it does in a word, and the action of the view that does it."""

    key: str
    word: str
    action: str


def foot(keys: Sequence[Key], width: int, say: str = "") -> Text:
    """Return the line of keys, or what is to be said just now; the last keys always fit."""
    if say:
        return cut(Text(f" {say}", "bold cyan"), width)
    shown = list(keys)
    while len(shown) > 2 and 1 + sum(len(k.key) + len(k.word) + 3 for k in shown) > width:
        del shown[-3]  # help and quit stay
    text = Text(" ")
    for one in shown:
        text.append(one.key, Style(bold=True, meta={"@click": one.action}))
        text.append(f" {one.word}", Style(dim=True, meta={"@click": one.action}))
        text.append("  ")
    return cut(text, width)


_KEYS = (
    ("↑ ↓  j k", "move; past what can be picked, scroll"),
    ("⏎, click", "open; on a command, copy it to the clipboard"),
    ("esc", "back; leave a filter; back to now"),
    ("tab, m", "between incidents and members"),
    ("r", "what to do about the incident under the cursor"),
    ("e", "explain its cause: signal, look-alikes, limits"),
    ("c", "the next chart; in an incident, copy the command"),
    ("+ -", "charts over 1, 5, 15 or 60 minutes"),
    ("g", "who fills the database: resources, namespaces, the largest values"),
    ("b", "what could not be looked at, and what would help"),
    ("/", "show only what has these words in it: a cause, a member, open, over, critical"),
    ("t", "stop time, and look at any moment of this run; again: back to now"),
    ("← →", "a second back or on; with shift, or [ and ], ten"),
    ("p n", "to what happened before, or next"),
    ("q", "quit"),
)


def manual(width: int) -> list[Row]:
    """Return the page of keys and signs."""
    lines: list[Line] = [line(" ", ("keys", "bold"))]
    lines += [Line(Text(f"   {key:10}", "bold"), Text(says)) for key, says in _KEYS]
    lines += [EMPTY, line(" ", ("signs", "bold"))]
    states = [
        (LEVELS["ok"], "fine, or over"),  # type: ignore[index]  # a StrEnum is its word
        *((sign, str(severity)) for severity, sign in SEVERITIES.items()),
        (BLIND, "could not be judged"),
    ]
    lines += [Line(Text(f"   {sign.shape:10}", sign.style), Text(say)) for sign, say in states]
    roles = [f"{sign} {role}" for role, sign in LANES.items()]
    lines.append(Line(Text(f"   {'roles':10}", DIM), Text(", ".join(roles))))
    lines += [
        EMPTY,
        line(" ", ("columns", "bold")),
        line(
            "   ",
            f"{CROWN} leads. INDEX is the committed index, LAG what a member is behind the"
            " highest one, in entries. FSYNC and COMMIT are the 99th percentile of the last 15 s."
            " RTT is the leader's own measure of the way to that member; it smooths, and is late"
            " by half a minute. QUOTA is how full the database is. ANSWERS is how soon the member"
            " answers us.",
        ),
    ]
    return plain(*fold(lines, min(width - 2, 100)))
