"""Shapes and colours: each state and each member has one of both, so that colour is never alone."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from etcdscope.model.cluster import Role
from etcdscope.model.finding import Severity
from etcdscope.model.incident import Level


@dataclass(frozen=True, slots=True)
class Sign:
    """One character, and its colour in rich's words.

    States take the terminal's own sixteen colours, which its owner made readable on its background.
    """

    shape: str
    style: str


OK = Sign("✓", "green")
LEVELS: Mapping[Level, Sign] = {
    Level.OK: OK,
    Level.WARNING: Sign("△", "yellow"),
    Level.CRITICAL: Sign("✖", "red"),
    Level.UNKNOWN: Sign("▒", "bright_black"),
}
SEVERITIES: Mapping[Severity, Sign] = {
    Severity.INFO: Sign("○", "cyan"),
    Severity.WARNING: LEVELS[Level.WARNING],
    Severity.CRITICAL: LEVELS[Level.CRITICAL],
}
BLIND = LEVELS[Level.UNKNOWN]
DIM = "dim"

# Okabe and Ito's colours, which people of every colour vision can tell apart.
MARKS = (
    Sign("●", "#0072b2"),
    Sign("■", "#e69f00"),
    Sign("▲", "#009e73"),
    Sign("◆", "#cc79a7"),
    Sign("★", "#56b4e9"),
    Sign("✚", "#d55e00"),
    Sign("⬟", "#f0e442"),
)
CROWN = "♛"
# What a role looks like in a lane over time.
LANES: Mapping[str, str] = {
    Role.LEADER: CROWN,
    Role.FOLLOWER: "█",
    Role.CANDIDATE: "▒",
    Role.PRE_CANDIDATE: "░",
}
BARS = "▁▂▃▄▅▆▇█"
# A time at which nothing could be seen.
GAP = "·"

# For terminals that know letters only. One for one, so that columns stay columns.
ASCII: Mapping[str, str] = {
    **dict(zip("●■▲◆★✚⬟", "o#^x*+@", strict=True)),
    **dict(zip(BARS, "._-:=+*#", strict=True)),
    **dict(zip("✓△✖▒░○♛", "+!X?:i>", strict=True)),
    **dict(zip("·…−–→←≥≤×─│µ°“”’▸↑↓⏎◀▶", "-.--><>~x-|u'\"\"'>^v~<>", strict=True)),
}


def marks(members: Iterable[str]) -> Mapping[str, Sign]:
    """Return every member's mark; by sorted id, so that it is the same everywhere."""
    return {member: MARKS[i % len(MARKS)] for i, member in enumerate(sorted(members))}
