"""What is in etcd's key space at one moment: counts and sizes, names where they matter, no values.

A census is taken of a live member or of a database file. Sizes are bytes; a key's size is that of
its name, a value's that of its latest version.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import reduce

# Where a window keeps censuses: they are of the cluster, whichever member was asked.
REGISTRY_AT = "registry:"
EVENTS = "events"
OTHER = "(other)"  # what was too much to be told apart
# etcd's default for --max-request-bytes; gRPC's own overhead is on top of it.
REQUEST_LIMIT = 1_572_864


@dataclass(frozen=True, slots=True)
class Cell:
    """One resource in one namespace, or added up over several.

    ``prefix``: where its keys are, ``resource``: what it is called: "/registry/pods", "pods".
    ``writes``: how often its live keys were written since each was created (their versions).
    ``changed``: how many live keys were written after the revision ``Census.since``.
    ``revisions``: entries that are kept of it, old ones and ``tombstones`` included, and
    ``kept_bytes`` of values in them; None where only live keys were seen.
    """

    prefix: str
    resource: str
    namespace: str = ""
    keys: int = 0
    key_bytes: int = 0
    value_bytes: int = 0
    largest: int = 0
    writes: int = 0
    changed: int = 0
    leased: int = 0
    revisions: int | None = None
    tombstones: int | None = None
    kept_bytes: int | None = None

    @property
    def bytes(self) -> int:
        """Return the size of keys and values."""
        return self.key_bytes + self.value_bytes

    def __add__(self, other: "Cell") -> "Cell":
        """Return both together, under the names of this one."""
        return Cell(
            self.prefix,
            self.resource,
            self.namespace,
            self.keys + other.keys,
            self.key_bytes + other.key_bytes,
            self.value_bytes + other.value_bytes,
            max(self.largest, other.largest),
            self.writes + other.writes,
            self.changed + other.changed,
            self.leased + other.leased,
            _sum(self.revisions, other.revisions),
            _sum(self.tombstones, other.tombstones),
            _sum(self.kept_bytes, other.kept_bytes),
        )


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other


@dataclass(frozen=True, slots=True)
class Key:
    """One key, of which it is worth knowing the name. ``version``: how often it was written."""

    key: str
    resource: str
    namespace: str
    value_bytes: int
    key_bytes: int
    version: int
    create_revision: int
    mod_revision: int


@dataclass(frozen=True, slots=True)
class Helm:
    """Secrets in which Helm keeps the history of its releases."""

    keys: int = 0
    bytes: int = 0
    releases: int = 0
    longest: int = 0  # most versions of one release


@dataclass(frozen=True, slots=True)
class Orphan:
    """Custom resources whose definition is gone: no API shows or deletes them."""

    resource: str
    keys: int
    bytes: int


@dataclass(frozen=True, slots=True)
class File:
    """The database file that was read. ``damaged``: what could not be read, and where.

    ``intact``: whether its checksum is right; None where it has none.
    """

    bytes: int
    page_size: int
    pages: int
    intact: bool | None = None
    damaged: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Census:
    """Who fills the database.

    ``at``: unix seconds. ``of``: the endpoint or file. ``first_revision``: lower than ``revision``
    where a compaction overtook the reading. ``complete``: False if it was cut short; then what is
    here was seen, and more there is. ``sized``: False where keys were only counted.
    ``since``: after which revision keys count as changed; 0 where nobody asked.
    ``kinds``: live values by how they are stored. ``orphans``: None if it could not be told.
    ``leases``: leases that etcd holds, None if not known; ``leases_used``: those that have keys.
    """

    at: float
    of: str
    revision: int
    cells: tuple[Cell, ...] = ()
    largest: tuple[Key, ...] = ()
    rewritten: tuple[Key, ...] = ()
    kinds: tuple[tuple[str, int], ...] = ()
    helm: Helm = Helm()
    orphans: tuple[Orphan, ...] | None = None
    leases: int | None = None
    leases_used: int | None = None
    first_revision: int = 0
    since: int = 0
    compact_revision: int | None = None
    complete: bool = True
    sized: bool = True
    seconds: float = 0.0
    file: File | None = None
    notes: tuple[str, ...] = ()

    @property
    def total(self) -> Cell:
        """Return everything together."""
        return reduce(Cell.__add__, self.cells) if self.cells else Cell("", "")

    @property
    def kubernetes(self) -> bool:
        """Return whether an API server keeps its objects here."""
        return any(cell.resource == "namespaces" and cell.keys for cell in self.cells)

    def by_resource(self) -> tuple[Cell, ...]:
        """Return one row a resource, the largest first."""
        rows = _grouped((replace(cell, namespace="") for cell in self.cells), "prefix")
        return tuple(sorted(rows, key=_weight))

    def by_namespace(self) -> tuple[Cell, ...]:
        """Return one row a namespace, the largest first; what has none is left out."""
        named = (replace(cell, prefix="", resource="") for cell in self.cells if cell.namespace)
        return tuple(sorted(_grouped(named, "namespace"), key=_weight))

    def of_resource(self, resource: str) -> Cell:
        """Return the row of one resource, zeros if it has no keys."""
        mine = [cell for cell in self.cells if cell.resource == resource]
        return replace(reduce(Cell.__add__, mine), namespace="") if mine else Cell("", resource)

    def bounded(self, cells: int) -> "Census":
        """Return it with the largest cells alone; of each resource the others are put together."""
        ordered = sorted(self.cells, key=_weight)
        rest = (replace(cell, namespace=OTHER) for cell in ordered[cells:])
        return replace(self, cells=(*ordered[:cells], *_grouped(rest, "prefix")))

    def slim(self, rows: int) -> "Census":
        """Return it without what only the newest census is asked for: the largest resources."""
        ordered = self.by_resource()
        others = (replace(cell, prefix=OTHER, resource=OTHER) for cell in ordered[rows:])
        cells = (*ordered[:rows], *_grouped(others, "prefix"))
        return replace(self, cells=cells, largest=(), rewritten=(), notes=(), orphans=None)


# What is kept of them, so that a chronicle is small: the newest with so many cells, the others with
# so many resources; each hour of a day, and one a day of a fortnight.
NEWEST_CELLS, SLIM_ROWS = 1_000, 60
HOURLY, DAILY = 26 * 3600.0, 15 * 86400.0
DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Chronicle:
    """Censuses of one cluster, oldest first; all but the newest are slim."""

    censuses: tuple[Census, ...] = ()

    def extended(self, census: Census) -> "Chronicle":
        """Return it with one more census, and without those that are no longer needed."""
        old = [c if c is not self.last else c.slim(SLIM_ROWS) for c in self.censuses]
        kept: list[Census] = []
        for one in reversed(old):  # of each older day its last
            age = census.at - one.at
            same_day = kept and int(kept[-1].at // DAY) == int(one.at // DAY)
            if 0 < age <= HOURLY or (age <= DAILY and age > 0 and not same_day):
                kept.append(one)
        return Chronicle((*reversed(kept), census.bounded(NEWEST_CELLS)))

    @property
    def last(self) -> Census | None:
        """Return the newest."""
        return self.censuses[-1] if self.censuses else None

    def before(self, seconds: float) -> Census | None:
        """Return the newest that is at least so much older than the last; else None."""
        last = self.last
        old = [c for c in self.censuses if last and c.at <= last.at - seconds]
        return old[-1] if old else None


def _weight(cell: Cell) -> tuple[int, int, str]:
    return -cell.value_bytes, -cell.keys, cell.prefix or cell.namespace


def _grouped(cells: Iterable[Cell], by: str) -> Iterator[Cell]:
    found: dict[str, Cell] = {}
    for cell in cells:
        name = getattr(cell, by)
        found[name] = found[name] + cell if name in found else cell
    yield from found.values()
