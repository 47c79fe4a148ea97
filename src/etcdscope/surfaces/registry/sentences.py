"""What a census comes down to, in sentences."""

from collections.abc import Iterator

from etcdscope.model.census import EVENTS, OTHER, REQUEST_LIMIT, Cell, Census
from etcdscope.model.census_change import Change, Difference
from etcdscope.surfaces.words import count, duration, listed, share, size

# From here on an object is close to what etcd refuses.
NEAR = 0.8 * REQUEST_LIMIT
# History is worth a word from this share of all that is kept.
MUCH_HISTORY = 0.2
# A resource that has so many times the bytes of the next is named alone.
ALONE = 1.5


def headline(census: Census) -> str:
    """Return who fills the database, in one sentence."""
    total, rows = census.total, census.by_resource()
    if not total.keys:
        return "There are no keys." if census.complete else "No key was counted."
    if not census.sized:
        most = max(rows, key=lambda row: row.keys)
        return (
            f"{_called(most)} are {share(most.keys, total.keys)} of the {count(total.keys)} keys;"
            " sizes were not looked at."
        )
    who = _who(rows, total)
    keys = f"{count(total.keys)} key{'' if total.keys == 1 else 's'}"
    return f"{who} of {size(total.bytes)} in {keys}{_kept(census, rows)}."


def _who(rows: tuple[Cell, ...], total: Cell) -> str:
    first = max(rows, key=lambda row: row.bytes)
    others = sorted((r for r in rows if r is not first), key=lambda r: -r.bytes)
    if others and first.bytes < ALONE * others[0].bytes:
        both = first.bytes + others[0].bytes
        return f"{_called(first)} and {_called(others[0])} hold {share(both, total.bytes)}"
    return f"{_called(first)} hold{'' if _plural(first) else 's'} {share(first.bytes, total.bytes)}"


def _plural(row: Cell) -> bool:
    return row.resource.endswith("s") or row.resource == OTHER


def _called(row: Cell) -> str:
    return row.resource


def _kept(census: Census, rows: tuple[Cell, ...]) -> str:
    """Return whose old revisions the file keeps, where these are many."""
    total = census.total
    if total.kept_bytes is None or not total.kept_bytes:
        return ""
    old = total.kept_bytes - total.value_bytes
    if old < MUCH_HISTORY * total.kept_bytes:
        return ""
    most = max(rows, key=lambda row: (row.kept_bytes or 0) - row.value_bytes)
    own = (most.kept_bytes or 0) - most.value_bytes
    return f"; {size(old)} more are history, {share(own, old)} of it of {_called(most)}"


def remarks(census: Census) -> Iterator[str]:
    """Yield what is worth knowing beside the tables."""
    yield from _events(census)
    if census.helm.keys:
        helm = census.helm
        yield (
            f"Helm keeps {count(helm.keys)} secrets of {count(helm.releases)} releases,"
            f" {size(helm.bytes)}; at most {count(helm.longest)} of one (--history-max bounds it)."
        )
    near = [key for key in census.largest if key.value_bytes >= NEAR]
    if near:
        yield (
            f"{len(near)} object{'s are' if len(near) > 1 else ' is'} near the 1.5 MiB that etcd"
            " takes by default: the next change may be refused."
        )
    for orphan in census.orphans or ():
        yield (
            f"{orphan.resource}: {count(orphan.keys)} keys, {size(orphan.bytes)}, have no"
            " CustomResourceDefinition; no API shows or deletes them."
        )
    if census.leases and census.leases_used is not None:
        idle = census.leases - census.leases_used
        tail = f", {count(idle)} of them without keys" if idle > 0 else ""
        yield f"{count(census.total.leased)} keys end with {count(census.leases)} leases{tail}."
    encrypted = dict(census.kinds).get("encrypted", 0)
    if encrypted:
        yield f"{count(encrypted)} values are encrypted at rest; names and sizes are seen."


def _events(census: Census) -> Iterator[str]:
    events, total = census.of_resource(EVENTS), census.total
    if events.keys < total.keys / 3 or not census.kubernetes:
        return
    by_namespace = [c for c in census.cells if c.resource == EVENTS and c.namespace]
    most = max(by_namespace, key=lambda c: c.keys, default=None)
    where = f", {share(most.keys, events.keys)} of them in {most.namespace}" if most else ""
    yield f"Events are {share(events.keys, total.keys)} of all keys{where}."


def growth(difference: Difference) -> str:
    """Return what grew, in one sentence."""
    total = difference.total
    within = f" in {duration(difference.seconds)}" if difference.seconds > 0 else ""
    grown = [c for c in difference.resources if c.bytes > 0]
    if total.bytes > 0 and grown:
        most = max(grown, key=lambda c: c.bytes)
        return (
            f"{_signed(total)}{within}: {most.name} grew most, by {size(most.bytes)} and"
            f" {_keys(most)}{_churned(difference)}."
        )
    if total.bytes < 0:
        most = min(difference.resources, key=lambda c: c.bytes)
        return f"{_signed(total)}{within}, most of it {most.name}{_churned(difference)}."
    return f"It did not grow{within}{_churned(difference)}."


def _signed(change: Change) -> str:
    sign = "+" if change.bytes > 0 else "−"
    return f"{sign}{size(abs(change.bytes))}, {_keys(change)}"


def _keys(change: Change) -> str:
    return f"{'+' if change.keys >= 0 else '−'}{count(abs(change.keys))} keys"


def _churned(difference: Difference) -> str:
    """Return what was written most, where that is not what grew most."""
    busy = sorted(difference.resources, key=lambda c: -c.writes)[:2]
    if difference.revisions <= 0 or not busy or busy[0].writes <= 0:
        return ""
    names = listed(f"{c.name} ({count(c.writes)})" for c in busy if c.writes > 0)
    return f"; of {count(difference.revisions)} writes most were of {names}"
