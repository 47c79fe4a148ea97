"""What changed in the key space between two censuses."""

from collections.abc import Iterable
from dataclasses import dataclass

from etcdscope.model.census import Cell, Census


@dataclass(frozen=True, slots=True)
class Change:
    """One resource, or one namespace, before and after. ``name``: of either.

    ``since``: whether what is there now knows which of its keys were written since.
    """

    name: str
    before: Cell
    after: Cell
    since: bool = False

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
        """Return how often it was written at least: keys that are gone took their writes along."""
        changed = self.after.changed if self.since else 0
        return max(self.after.writes - self.before.writes, changed)


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
    since = 0 < after.since == before.revision
    named = all(any(cell.namespace for cell in one.cells) for one in (before, after))
    return Difference(
        before,
        after,
        _changes(before.by_resource(), after.by_resource(), "resource", since),
        _changes(before.by_namespace(), after.by_namespace(), "namespace", since) if named else (),
    )


def _changes(old: Iterable[Cell], new: Iterable[Cell], by: str, since: bool) -> tuple[Change, ...]:
    found = []
    gone = {getattr(cell, by): cell for cell in old}
    for cell in new:
        name = getattr(cell, by)
        found.append(Change(name, gone.pop(name, _nothing(cell)), cell, since))
    found.extend(Change(name, cell, _nothing(cell)) for name, cell in gone.items())
    changed = [c for c in found if c.keys or c.bytes or c.writes > 0]
    return tuple(sorted(changed, key=lambda c: (-abs(c.bytes), -abs(c.keys), -c.writes, c.name)))


def _nothing(like: Cell) -> Cell:
    return Cell(like.prefix, like.resource, like.namespace)
