"""Who fills the database, as one page: the owner, then tables. Pure: what was counted in."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import tzinfo
from itertools import zip_longest
from typing import TypeVar

from rich.cells import cell_len
from rich.text import Text

from etcdscope.model.contract import unix
from etcdscope.surfaces.glance import cut
from etcdscope.surfaces.lines import EMPTY, Line, fold, indented, line
from etcdscope.surfaces.registry.objects import DiffObject, KeyObject, RegistryObject, RowObject
from etcdscope.surfaces.signs import DIM
from etcdscope.surfaces.tui.counted import Keys
from etcdscope.surfaces.tui.pages import READABLE, commanded
from etcdscope.surfaces.tui.row import Row, plain
from etcdscope.surfaces.words import count, duration, moment, share, size

MOST = 12  # rows of a table; `etcdscope registry --rows` prints them all
# So wide a screen shows resources and namespaces side by side.
WIDE = 150
_BAR = 10
AnyRow = TypeVar("AnyRow", bound=RowObject)


def page(known: Keys | None, width: int, zone: tzinfo | None = None) -> list[Row]:
    """Return the lines of the page."""
    if known is None:
        return plain(Text("   Asking …", DIM))
    if known.counted is None:
        return _uncounted(known, width)
    told = known.counted
    rows = plain(*fold(_lead(told, known.grown, zone), min(width - 2, READABLE)), Text())
    rows += plain(*_tables(told, known.grown, width))
    rows += plain(*_named(told.largest, "largest values", width))
    rows += plain(*_named(told.rewritten, "written most often", width))
    if told.remarks:
        said = [line(" ", ("worth knowing", "bold"))]
        said += indented((line("· ", one) for one in told.remarks), 3)
        rows += plain(*fold(said, min(width - 2, READABLE)))
    return rows


def _uncounted(known: Keys, width: int) -> list[Row]:
    lines = [line(" ", ("who fills the database", "bold")), line("   ", known.why)]
    if known.run:
        lines += [EMPTY, line("     ", (known.run, "cyan"), whole=True)]
    return list(commanded(lines, min(width - 2, READABLE)))


def _lead(told: RegistryObject, grown: DiffObject | None, zone: tzinfo | None) -> list[Line]:
    """Return who owns most, what grew, and what was counted where and when."""
    lines = [line(" ", (told.headline, "bold"))]
    if grown:
        lines.append(line(" ", grown.headline))
    parts = [told.of, f"revision {count(told.revision)}"]
    parts.append(f"{moment(unix(told.at), zone):%Y-%m-%d %H:%M}")
    parts.append(f"counted in {duration(told.seconds)}")
    lines.append(line(" ", (" · ".join(parts), DIM)))
    return lines + [line(" △ ", (note, "yellow")) for note in told.notes]


# --- tables --------------------------------------------------------------------------------------


def _tables(told: RegistryObject, grown: DiffObject | None, width: int) -> list[Text]:
    """Return resources and namespaces, side by side where there is room."""
    of_resources = {c.name: c.bytes for c in grown.resource} if grown else None
    of_namespaces = {c.name: c.bytes for c in grown.namespace} if grown else None
    both = width >= WIDE and bool(told.namespace)
    room = width // 2 - 1 if both else width
    left = _cells(told, told.resource, "resource", lambda r: r.resource, of_resources, room)
    right = _cells(told, told.namespace, "namespace", lambda n: n.namespace, of_namespaces, room)
    if not both:
        return [*left, Text(), *([*right, Text()] if told.namespace else [])]
    beside = []
    for one, other in zip_longest(left, right, fillvalue=Text()):
        whole = one.copy()
        whole.pad_right(max(room - whole.cell_len, 0))
        beside.append(whole.append("  ").append_text(other))
    return [*beside, Text()]


def _cells(
    told: RegistryObject,
    rows: Sequence[AnyRow],
    what: str,
    name: Callable[[AnyRow], str],
    grown: Mapping[str, int] | None,
    width: int,
) -> list[Text]:
    bars = told.sized and width >= 72
    heads = [what, "keys"]
    if told.sized:
        heads += ["bytes", "share", *([""] if bars else []), "largest", "writes"]
    if grown is not None:
        heads.append("grew")
    table = []
    for row in rows[:MOST]:
        cells = [name(row), count(row.keys)]
        if told.sized:
            whole = told.bytes or 1
            cells += [size(row.bytes), share(row.bytes, whole)]
            cells += [_bar(row.bytes / whole)] if bars else []
            cells += [size(row.largest_value_bytes), count(row.writes)]
        if grown is not None:
            cells.append(_signed(grown.get(name(row), 0)))
        table.append(cells)
    lines = _columns(heads, table, width)
    if rest := len(rows) - MOST:
        lines += [Text(f"   … and {count(rest)} more", DIM)] if rest > 0 else []
    return lines


def _bar(part: float) -> str:
    return ("█" * round(part * _BAR) or ("▏" if part > 0 else "")).ljust(_BAR)


def _signed(octets: int) -> str:
    return f"{'+' if octets > 0 else '−'}{size(abs(octets))}" if octets else "·"


def _named(keys: Sequence[KeyObject], what: str, width: int) -> list[Text]:
    if not keys:
        return []
    table = [[k.key, size(k.value_bytes), count(k.version)] for k in keys[:MOST]]
    return [*_columns([what, "value", "writes"], table, width), Text()]


def _columns(heads: Sequence[str], rows: Iterable[Sequence[str]], width: int) -> list[Text]:
    """Return a head and rows: a name that is cut in its middle, then numbers to the right."""
    table = [heads, *rows]
    widths = [max(map(cell_len, column)) for column in zip(*table, strict=True)]
    widths[0] = max(min(widths[0], width - 4 - sum(w + 2 for w in widths[1:])), 8)
    lines = []
    for number, cells in enumerate(table):
        name = _shortened(cells[0], widths[0])
        parts = [name + " " * (widths[0] - cell_len(name))]
        parts += [cell.rjust(wide) for cell, wide in zip(cells[1:], widths[1:], strict=True)]
        lines.append(cut(Text("   " + "  ".join(parts), "" if number else DIM), width))
    return lines


def _shortened(text: str, wide: int) -> str:
    if cell_len(text) <= wide:
        return text
    end = (wide - 1) // 2
    return f"{text[: wide - 1 - end]}…{text[len(text) - end :]}"
