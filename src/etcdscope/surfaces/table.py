"""The members of a cluster as a table of columns, as wide as there is room."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from rich.text import Text

from etcdscope.model.cluster import Role
from etcdscope.model.incident import Incident, MemberState, Verdict
from etcdscope.surfaces.glance import cut
from etcdscope.surfaces.members import out_of_action, role
from etcdscope.surfaces.signs import DIM, Sign, marks
from etcdscope.surfaces.words import count, duration, host, share, size

NAME, ROLE = 9, 10  # columns


class Column(NamedTuple):
    """``least``: the width of the screen from which on there is room for it."""

    head: str
    broad: int
    cell: Callable[[MemberState], str]
    least: int = 0


def _number(number: int | None, broad: int = 4) -> str:
    """Return a number in so many columns: its thousands apart, together, or in millions."""
    if number is None:
        return "–"
    said = (count(number), str(number), f"{number / 1e6:.0f} M")
    return next((text for text in said if len(text) <= broad), said[-1])


def _span(seconds: float | None) -> str:
    return "–" if seconds is None else duration(seconds)


def _size(octets: int | None) -> str:
    return "–" if octets is None else size(octets)


def _quota(member: MemberState) -> str:
    if member.db_bytes is None or not member.quota_bytes:
        return "–"
    return share(member.db_bytes, member.quota_bytes)


COLUMNS = (  # with name, role and the spaces between: 78 in all, and more from the right on
    Column("TERM", 4, lambda m: _number(m.term)),
    Column("INDEX", 8, lambda m: _number(m.committed_index, 8)),
    Column("LAG", 4, lambda m: _number(m.lag_entries)),
    Column("FSYNC", 7, lambda m: _span(m.fsync_p99)),
    Column("COMMIT", 7, lambda m: _span(m.commit_p99)),
    Column("RTT", 7, lambda m: _span(m.peer_rtt)),
    Column("DB", 7, lambda m: _size(m.db_bytes)),
    Column("QUOTA", 5, _quota),
    Column("ANSWERS", 7, lambda m: _span(m.answer_seconds), 88),
    Column("IN USE", 7, lambda m: _size(m.db_in_use_bytes), 120),
    Column("APPLIED", 13, lambda m: _number(m.applied_index, 13), 140),
    Column("VERSION", 8, lambda m: m.version or "–", 140),
)
ENDPOINT = 106  # from here on there is room for each member's endpoint as well


def heading(width: int) -> Text:
    """Return the line above the members."""
    heads = [f"{'MEMBER':{NAME}} {'ROLE':{ROLE}}"]
    heads += [f"{c.head:>{c.broad}}" for c in COLUMNS if c.least <= width]
    return cut(
        Text(" " + " ".join(heads) + ("  ENDPOINT" if width >= ENDPOINT else ""), DIM), width
    )


def rows(
    verdict: Verdict, incidents: Sequence[Incident], width: int
) -> Iterator[tuple[MemberState, Text]]:
    """Yield each member with its row, by name.

    An incident knows sooner that a member is gone than its numbers are too old to be shown.
    """
    out = out_of_action(incidents)
    signs = marks(m.id for m in verdict.members)
    for member in ordered(verdict):
        row = _row(member, signs[member.id], out.get(member.id, ""), width)
        if width >= ENDPOINT and member.reachable:
            row.append(f" {host(member.endpoint)}", style=DIM)
        yield member, cut(row, width)


def ordered(verdict: Verdict) -> list[MemberState]:
    """Return the members in the order in which they are always shown."""
    return sorted(verdict.members, key=lambda m: (m.name, m.id))


def marked(member: MemberState, sign: Sign) -> Text:
    """Return the first column: mark and name."""
    row = Text(" ").append(f"{sign.shape} ", style=sign.style)
    return row.append(f"{member.name:7.7} ", style="" if member.reachable else "strike")


def _row(member: MemberState, sign: Sign, out: str, width: int) -> Text:
    row = marked(member, sign)
    if not member.reachable:
        return row.append(f"{out or 'no answer':{ROLE}} ", "red").append(member.why_not, DIM)
    if out:
        row.append(f"{out:{ROLE}} ", style="red")
    else:
        row.append(f"{_role(member):{ROLE}} ", style="bold" if member.role is Role.LEADER else "")
    for column in COLUMNS:
        if column.least <= width:
            row.append(f"{column.cell(member):>{column.broad}} ", style=DIM if out else "")
    return row


def _role(member: MemberState) -> str:
    short = {Role.PRE_CANDIDATE: "pre-cand.", Role.UNKNOWN: "unknown"}
    return short.get(member.role) or role(member)
