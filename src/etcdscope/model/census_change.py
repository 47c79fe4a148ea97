"""What changed in the key space between two censuses."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from etcdscope.model.census import Cell, Census


@dataclass(frozen=True, slots=True)
class Change:
    """One resource, or one namespace, before and after. ``name``: of either."""

    name: str
    before: Cell
    after: Cell

    @property
    def keys(self) -> int:
        """Return how many keys more there are."""
        return self.after.keys - self.before.keys

    @property
    def bytes(self) -> int:
        """Return how many bytes more they have."""
        return self.after.bytes - self.before.bytes

    @property
    def writes(self) -> int:
        """Return at least how often it was written; keys that are gone took their writes along."""
        return max(self.after.writes - self.before.writes, self.after.changed, 0)


@dataclass(frozen=True, slots=True)
class Difference:
    """Two censuses and what changed, the largest change first; what is the same is left out."""

    before: Census
    after: Census
    resources: tuple[Change, ...]
    namespaces: tuple[Change, ...]

    @property
    def seconds(self) -> float:
        """Return the time between them."""
        return self.after.at - self.before.at

    @property
    def revisions(self) -> int:
        """Return how many revisions lie between them."""
        return self.after.revision - self.before.revision

    @property
    def total(self) -> Change:
        """Return the change of everything together."""
        return Change("", self.before.total, self.after.total)


def difference(before: Census, after: Census) -> Difference:
    """Compare two censuses."""
    return Difference(
        before,
        after,
        _changes({c.resource: c for c in before.by_resource()}, after.by_resource(), "resource"),
        _changes({c.namespace: c for c in before.by_namespace()}, after.by_namespace(), "namespace")
        if any(c.namespace for c in before.cells) and any(c.namespace for c in after.cells)
        else (),
    )


def _changes(old: Mapping[str, Cell], new: Iterable[Cell], by: str) -> tuple[Change, ...]:
    found = []
    gone = dict(old)
    for cell in new:
        name = getattr(cell, by)
        found.append(Change(name, gone.pop(name, _nothing(cell)), cell))
    found.extend(Change(name, cell, _nothing(cell)) for name, cell in gone.items())
    changed = [c for c in found if c.keys or c.bytes or c.writes]
    return tuple(sorted(changed, key=lambda c: (-abs(c.bytes), -abs(c.keys), -c.writes, c.name)))


def _nothing(like: Cell) -> Cell:
    return Cell(like.prefix, like.resource, like.namespace)
