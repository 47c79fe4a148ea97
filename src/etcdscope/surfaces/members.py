"""The members of a cluster as rows of text."""

from collections.abc import Mapping, Sequence

from rich.text import Text

from etcdscope.model.cluster import Role
from etcdscope.model.finding import Severity
from etcdscope.model.incident import Incident, Level, MemberState, Verdict
from etcdscope.surfaces.lines import Line, line
from etcdscope.surfaces.signs import CROWN, DIM, Sign, marks
from etcdscope.surfaces.words import duration, host, share, size

Cell = tuple[str, str]
# Whoever has one of these leads nobody any more, whatever the others still believe.
OUT_OF_ACTION = frozenset({"member-down", "member-frozen", "member-isolated"})


def standing(verdict: Verdict) -> str:
    """Return how many voters may still be lost."""
    quorum = f"{verdict.quorum} of {verdict.voters}"
    if verdict.voters == 1:
        return "a single voter"
    if verdict.margin is None:
        return f"margin unknown, quorum {quorum}"
    if verdict.margin < 0:
        return f"no quorum ({quorum} needed)"
    return f"margin {verdict.margin}, quorum {quorum}"


def out_of_action(incidents: Sequence[Incident]) -> Mapping[str, str]:
    """Return the members that are known to take no part, and what they are: down, frozen, …"""
    return {
        i.subject.name: i.cause.removeprefix("member-")
        for i in incidents
        if i.cause in OUT_OF_ACTION and i.open
    }


def rows(verdict: Verdict, incidents: Sequence[Incident], width: int | None) -> list[Line]:
    """Return a row a member; with trouble, those that are well share one line at the end."""
    signs = marks(m.id for m in verdict.members)
    ordered = sorted(verdict.members, key=lambda m: (m.name, m.id))
    serious = [i for i in incidents if i.severity > Severity.INFO]
    involved = [
        m for m in ordered if not _well_placed(m) or any(i.subject.touches(m.id) for i in serious)
    ]
    calm = verdict.level is Level.OK and not involved
    shown = ordered if calm else involved
    lines = _table([_cells(m, signs[m.id], verdict) for m in shown], width)
    well = [m for m in ordered if m not in shown]
    return [*lines, _well(well, signs)] if well else lines


def _well_placed(member: MemberState) -> bool:
    return member.reachable and member.role in (Role.LEADER, Role.FOLLOWER)


def _cells(member: MemberState, sign: Sign, verdict: Verdict) -> list[Cell]:
    name = (f"{sign.shape} {member.name}", sign.style)
    if not member.reachable:
        return [name, ("no answer", "red"), (host(member.endpoint), ""), (member.why_not, "")]
    uniform = len({m.version for m in verdict.members if m.version}) < 2
    return [
        name,
        (role(member), "bold" if member.role is Role.LEADER else ""),
        (host(member.endpoint), DIM),
        *([] if uniform else [(member.version or "", "")]),
        (_database(member), ""),
        (f"answers in {duration(member.answer_seconds)}" if member.answer_seconds else "", ""),
    ]


def role(member: MemberState) -> str:
    """Return the role in a word, the leader with its crown."""
    if member.is_learner:
        return "learner"
    if member.role is Role.LEADER:
        return f"{CROWN} leader"
    return "role unknown" if member.role is Role.UNKNOWN else str(member.role)


def _database(member: MemberState) -> str:
    if member.db_bytes is None:
        return ""
    if not member.quota_bytes:
        return f"db {size(member.db_bytes)}"
    return f"db {size(member.db_bytes)} ({share(member.db_bytes, member.quota_bytes)} of quota)"


def _table(cells: Sequence[Sequence[Cell]], width: int | None) -> list[Line]:
    broad = _widths(cells)
    if width is not None and sum(broad) + 2 * len(broad) > width:
        cells = [[(text.replace(" of quota)", ")"), style) for text, style in row] for row in cells]
        broad = _widths(cells)
    return [_tabled(row, broad) for row in cells]


def _widths(cells: Sequence[Sequence[Cell]]) -> list[int]:
    columns = max((len(row) for row in cells), default=0)
    return [max(len(row[i][0]) for row in cells if i < len(row)) for i in range(columns)]


def _tabled(row: Sequence[Cell], broad: Sequence[int]) -> Line:
    """Return a row: name and role stay, the rest is broken where there is no room for it."""
    head, body = Text("  "), Text()
    for index, (text, style) in enumerate(row):
        part = head if index < 2 else body
        part.append(f"{text:{broad[index]}}", style=style)
        if part is head or index < len(row) - 1:
            part.append("  ")
    body.rstrip()
    return Line(head, body)


def _well(members: Sequence[MemberState], signs: Mapping[str, Sign]) -> Line:
    """One line for all that nothing is wrong with."""
    parts: list[str | tuple[str, str]] = []
    for member in members:
        sign = signs[member.id]
        parts += [(sign.shape, sign.style), f" {member.name} {role(member)}, "]
    slowest = max((m.answer_seconds or 0.0 for m in members), default=0.0)
    answer = f"answer{'s' if len(members) == 1 else ''} in {duration(slowest)}" if slowest else ""
    return line("  nothing wrong with ", *parts, answer)
