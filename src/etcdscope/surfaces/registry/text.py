"""``etcdscope registry`` as text: the owner on top, then tables, then what is worth knowing."""

from collections.abc import Callable, Iterable, Sequence
from datetime import tzinfo

from rich.cells import cell_len
from rich.text import Text

from etcdscope.model.census import Cell, Census, Key
from etcdscope.model.census_change import Change, Difference
from etcdscope.surfaces.lines import EMPTY, Line, fold, indented, line
from etcdscope.surfaces.registry.sentences import growth, headline, remarks
from etcdscope.surfaces.signs import DIM
from etcdscope.surfaces.words import count, duration, moment, share, size

ROWS = 12
# A name longer than this is cut in the middle: its end tells as much as its beginning.
LONGEST, SHORTEST = 60, 24
_BAR = 10
WIDE = 110  # from here on there is room for bars beside the columns of a file
_Column = tuple[str, bool]  # its head, and whether it is a name


def registry(
    census: Census, *, rows: int = ROWS, width: int | None = None, zone: tzinfo | None = None
) -> list[Text]:
    """Return the lines that are printed. ``rows``: of each table at most."""
    total = census.total
    lines = [line("", (headline(census), "bold")), line("", (_where(census, zone), DIM)), EMPTY]
    if census.notes:
        lines += [*(line("△ ", (note, "yellow")) for note in census.notes), EMPTY]
    lines += _cells(census.by_resource(), total, "resource", census, rows, width)
    if namespaces := census.by_namespace():
        lines += _cells(namespaces, total, "namespace", census, rows, width)
    if census.largest:
        lines += _keys(census.largest[:rows], "largest values", _value, width)
    if census.rewritten:
        lines += _keys(census.rewritten[:rows], "written most often", _times, width)
    said = [*remarks(census)]
    if said:
        lines += [line("worth knowing"), *indented((line("· ", one) for one in said), 2)]
    return fold(lines, width)


def _where(census: Census, zone: tzinfo | None) -> str:
    parts = [census.of, f"revision {count(census.revision)}"]
    if census.compact_revision:
        parts.append(f"history from {count(census.compact_revision)} on")
    if census.file:
        parts.append(f"{size(census.file.bytes)} file")
        if census.file.intact:
            parts.append("checksum right")
    parts.append(f"{moment(census.at, zone):%Y-%m-%d %H:%M}")
    if census.seconds:
        parts.append(f"counted in {duration(census.seconds)}")
    return " · ".join(parts)


# --- tables --------------------------------------------------------------------------------------


def _cells(
    cells: Sequence[Cell], total: Cell, what: str, census: Census, rows: int, width: int | None
) -> list[Line]:
    history = total.revisions is not None
    bars = width is None or width >= (WIDE if history else 80)
    columns: list[_Column] = [(what, True), ("keys", False)]
    if census.sized:
        columns += [("bytes", False), ("share", False), *([("", True)] if bars else [])]
        columns += [("largest", False), ("writes", False)]
    if history:
        columns += [("kept", False), ("history", False)]
    shown = cells[:rows] if census.sized else sorted(cells, key=lambda c: -c.keys)[:rows]
    table = [_cell(cell, total, what, census, bars=bars) for cell in shown]
    lines = _table(columns, table, width)
    if rest := len(cells) - len(shown):
        lines.append(line("  ", (f"… and {count(rest)} more", DIM)))
    return [*lines, EMPTY]


def _cell(cell: Cell, total: Cell, what: str, census: Census, *, bars: bool) -> list[str]:
    row = [getattr(cell, what), count(cell.keys)]
    if census.sized:
        part = cell.bytes / total.bytes if total.bytes else 0.0
        row += [size(cell.bytes), share(cell.bytes, total.bytes or 1)]
        row += [_bar(part)] if bars else []
        row += [size(cell.largest), count(cell.writes)]
    if cell.revisions is not None:
        row += [count(cell.revisions), size((cell.kept_bytes or 0) - cell.value_bytes)]
    return row


def _bar(part: float) -> str:
    return "█" * round(part * _BAR) or ("▏" if part > 0 else "")


def _keys(
    keys: Iterable[Key], what: str, told: Callable[[Key], list[str]], width: int | None
) -> list[Line]:
    columns: list[_Column] = [(what, True), ("value", False), ("writes", False), ("last at", False)]
    return [*_table(columns, [[key.key, *told(key)] for key in keys], width), EMPTY]


def _value(key: Key) -> list[str]:
    return [size(key.value_bytes), count(key.version), count(key.mod_revision)]


_times = _value


def _table(columns: Sequence[_Column], rows: Sequence[list[str]], width: int | None) -> list[Line]:
    """Return a head and rows; names to the left, numbers to the right, none wider than allowed."""
    heads = [head for head, _ in columns]
    widths = [max(map(cell_len, column)) for column in zip(heads, *rows, strict=True)]
    others = sum(widths[1:]) + 2 * len(widths)
    room = LONGEST if width is None else max(width - others, SHORTEST)
    widths[0] = min(widths[0], room)
    lines = [Line(body=Text(_row(heads, columns, widths), style=DIM), whole=True)]
    lines += [Line(body=Text(_row(row, columns, widths)), whole=True) for row in rows]
    return indented(lines, 2)


def _row(cells: Sequence[str], columns: Sequence[_Column], widths: Sequence[int]) -> str:
    parts = []
    for cell, (_, name), wide in zip(cells, columns, widths, strict=True):
        text = _cut(cell, wide)
        gap = " " * (wide - cell_len(text))
        parts.append(text + gap if name else gap + text)
    return "  ".join(parts).rstrip()


def _cut(text: str, wide: int) -> str:
    if cell_len(text) <= wide:
        return text
    end = (wide - 1) // 2
    return f"{text[: wide - 1 - end]}…{text[len(text) - end :]}"


# --- two of them ---------------------------------------------------------------------------------


def diff(
    difference: Difference,
    *,
    rows: int = ROWS,
    width: int | None = None,
    zone: tzinfo | None = None,
) -> list[Text]:
    """Return what changed between two censuses."""
    lines = [
        line("", (growth(difference), "bold")),
        line("before  ", (_where(difference.before, zone), DIM)),
        line("after   ", (_where(difference.after, zone), DIM)),
        EMPTY,
    ]
    for census in (difference.before, difference.after):
        if not census.complete:
            lines += [line("△ ", (f"{census.of} was not counted to its end.", "yellow")), EMPTY]
    for what, changes in (
        ("resource", difference.resources),
        ("namespace", difference.namespaces),
    ):
        if changes:
            lines += _changes(changes, what, rows, width)
    return fold(lines, width)


def _changes(changes: Sequence[Change], what: str, rows: int, width: int | None) -> list[Line]:
    columns: list[_Column] = [
        (what, True), ("keys", False), ("", False), ("bytes", False), ("", False),
        ("written", False),
    ]  # fmt: skip
    table = [
        [
            c.name,
            count(c.after.keys),
            _signed(c.keys, count),
            size(c.after.bytes),
            _signed(c.bytes, size),
            count(max(c.writes, 0)),
        ]
        for c in changes[:rows]
    ]
    lines = _table(columns, table, width)
    if len(changes) > rows:
        lines.append(line("  ", (f"… and {count(len(changes) - rows)} more", DIM)))
    return [*lines, EMPTY]


def _signed(number: int, said: Callable[[float], str]) -> str:
    if not number:
        return "·"
    return f"{'+' if number > 0 else '−'}{said(abs(number))}"
