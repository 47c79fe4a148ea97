"""Adds keys up to a census, one at a time, in memory that does not grow with their number."""

import hashlib
import heapq
import re
from collections import Counter
from dataclasses import dataclass, field

from etcdscope.etcd.mvcc import Stored
from etcdscope.model.census import OTHER, Cell, Helm, Key, Orphan
from etcdscope.sources.registry.envelopes import kind
from etcdscope.sources.registry.places import Place, group_and_plural, kubernetes, place, text

TOP = 20
# More (resource, namespace) pairs than this are told as one; 5,000 namespaces have about so many.
MOST_CELLS = 50_000
# Of clusters that hold no Kubernetes: so many top-level names are told apart.
MOST_FOREIGN = 500
MOST_RELEASES = 100_000
MOST_LEASES = 1_000_000
DEFINITIONS = "apiextensions.k8s.io/customresourcedefinitions"
SERVICES = "apiregistration.k8s.io/apiservices"
# Groups of the API server itself, which keep their objects where custom ones are.
BUILT_IN = frozenset({"apiextensions.k8s.io", "apiregistration.k8s.io"})
_HELM = re.compile(rb"/sh\.helm\.release\.v1\.(.+)\.v(\d+)$")
_SECRETS = b"/secrets/"
_BACKWARDS = bytes(range(255, -1, -1))

# A weight, the key's name so that it sorts from the last to the first, and the key.
Ranked = tuple[int, bytes, Stored]


@dataclass(slots=True)
class _Row:
    """A cell that grows; ``revisions`` and the next two count what is kept, live or not."""

    place: Place
    keys: int = 0
    key_bytes: int = 0
    value_bytes: int = 0
    largest: int = 0
    writes: int = 0
    changed: int = 0
    leased: int = 0
    revisions: int = 0
    tombstones: int = 0
    kept_bytes: int = 0


@dataclass(slots=True)
class Tally:
    """What was counted so far.

    ``since``: keys written after this revision count as changed. ``hashed``: names of Secrets are
    told as hashes. ``with_history``: superseded revisions are counted too.
    """

    since: int = 0
    hashed: bool = False
    with_history: bool = False
    revision: int = 0
    leases: set[int] = field(default_factory=set)
    _rows: dict[tuple[bytes, str], _Row] = field(default_factory=dict)
    _by_parent: dict[bytes, _Row] = field(default_factory=dict)
    _foreign: int = 0
    _kinds: Counter[str] = field(default_factory=Counter)
    _largest: list[Ranked] = field(default_factory=list)
    _rewritten: list[Ranked] = field(default_factory=list)
    _releases: Counter[bytes] = field(default_factory=Counter)
    _helm: list[int] = field(default_factory=lambda: [0, 0])
    _definitions: set[str] = field(default_factory=set)
    _services: set[str] = field(default_factory=set)

    # ---- taking in

    def live(self, key: Stored) -> None:
        """Count the latest version of a key."""
        row = self._row(key.key)
        row.keys += 1
        row.key_bytes += len(key.key)
        row.value_bytes += key.value_bytes
        row.writes += key.version
        row.largest = max(row.largest, key.value_bytes)
        if key.mod_revision > self.since:
            row.changed += 1
        if key.lease:
            row.leased += 1
            if len(self.leases) < MOST_LEASES:
                self.leases.add(key.lease)
        self._kinds[kind(key.start)] += 1
        _keep(self._largest, key.value_bytes, key)
        if key.version > 1:
            _keep(self._rewritten, key.version, key)
        resource = row.place.resource
        if resource == "secrets":
            self._release(key)
        elif resource == DEFINITIONS:
            self._definitions.add(text(key.key.rpartition(b"/")[2]))
        elif resource == SERVICES:  # v1.example.org
            self._services.add(text(key.key.rpartition(b"/")[2]).partition(".")[2])

    def kept(self, key: bytes, value_bytes: int, tombstone: bool) -> None:
        """Count an entry of the history, live or not."""
        row = self._row(key)
        row.revisions += 1
        row.kept_bytes += value_bytes
        row.tombstones += tombstone

    def counted(self, found: Place, keys: int) -> None:
        """Count keys of which nothing else is known."""
        self._at(found).keys += keys

    def _row(self, key: bytes) -> _Row:
        parent = key[: key.rfind(b"/") + 1]
        row = self._by_parent.get(parent)
        if row is None:
            found = place(key)
            row = self._at(found)
            if found.shared and len(self._by_parent) < MOST_CELLS:
                self._by_parent[parent] = row
        return row

    def _at(self, found: Place) -> _Row:
        row = self._rows.get((found.prefix, found.namespace))
        if row is not None:
            return row
        self._foreign += not kubernetes(found.prefix)
        if len(self._rows) >= MOST_CELLS or self._foreign > MOST_FOREIGN:
            found = Place(OTHER.encode(), OTHER, "", False)
        return self._rows.setdefault((found.prefix, found.namespace), _Row(found))

    def _release(self, key: Stored) -> None:
        named = _HELM.search(key.key)
        if named is None:
            return
        self._helm[0] += 1
        self._helm[1] += key.value_bytes
        release = key.key[: named.end(1)]
        if release in self._releases or len(self._releases) < MOST_RELEASES:
            self._releases[release] += 1

    # ---- giving out

    def cells(self) -> tuple[Cell, ...]:
        """Return one cell a resource and namespace."""
        return tuple(self._cell(row) for row in self._rows.values())

    def _cell(self, row: _Row) -> Cell:
        history = (row.revisions, row.tombstones, row.kept_bytes)
        revisions, tombstones, kept = history if self.with_history else (None, None, None)
        return Cell(
            text(row.place.prefix),
            row.place.resource,
            row.place.namespace,
            row.keys,
            row.key_bytes,
            row.value_bytes,
            row.largest,
            row.writes,
            row.changed,
            row.leased,
            revisions,
            tombstones,
            kept,
        )

    @property
    def seen(self) -> int:
        """Return how many live keys were counted."""
        return sum(row.keys for row in self._rows.values())

    @property
    def kinds(self) -> tuple[tuple[str, int], ...]:
        """Return how values are stored, the most frequent first."""
        return tuple(self._kinds.most_common())

    @property
    def helm(self) -> Helm:
        """Return what Helm's history takes."""
        longest = max(self._releases.values(), default=0)
        return Helm(self._helm[0], self._helm[1], len(self._releases), longest)

    @property
    def largest(self) -> tuple[Key, ...]:
        """Return the largest values, largest first."""
        return tuple(self._named(key) for key in _falling(self._largest))

    @property
    def rewritten(self) -> tuple[Key, ...]:
        """Return the keys that were written most often since they were created."""
        return tuple(self._named(key) for key in _falling(self._rewritten))

    def _named(self, key: Stored) -> Key:
        found = place(key.key)
        return Key(
            self._name(key.key),
            found.resource,
            found.namespace,
            key.value_bytes,
            len(key.key),
            key.version,
            key.create_revision,
            key.mod_revision,
        )

    def _name(self, key: bytes) -> str:
        if self.hashed and _SECRETS in key:
            parent, _, name = key.rpartition(b"/")
            return f"{text(parent)}/sha256:{hashlib.sha256(name).hexdigest()[:12]}"
        return text(key)

    def orphans(self) -> tuple[Orphan, ...]:
        """Return the custom resources without a definition.

        A group that is served, and has no definition at all, may be an aggregated API server's,
        which keeps its objects in this etcd.
        """
        groups = {name.partition(".")[2] for name in self._definitions}
        found: dict[str, list[int]] = {}
        for row in self._rows.values():
            custom = group_and_plural(row.place.resource)
            if custom is None or not row.keys or custom[0] in BUILT_IN:
                continue
            group, plural = custom
            if f"{plural}.{group}" in self._definitions:
                continue
            if group in self._services and group not in groups:
                continue
            total = found.setdefault(row.place.resource, [0, 0])
            total[0] += row.keys
            total[1] += row.key_bytes + row.value_bytes
        rows = [Orphan(name, keys, size) for name, (keys, size) in found.items()]
        return tuple(sorted(rows, key=lambda o: (-o.bytes, -o.keys, o.resource)))


def _keep(heap: list[Ranked], weight: int, key: Stored) -> None:
    """Keep the heaviest; of equals those that come first by name, in whatever order they came."""
    if len(heap) == TOP and weight < heap[0][0]:
        return
    ranked = (weight, key.key.translate(_BACKWARDS) + b"\xff", key)
    if len(heap) < TOP:
        heapq.heappush(heap, ranked)
    elif ranked > heap[0]:
        heapq.heapreplace(heap, ranked)


def _falling(heap: list[Ranked]) -> list[Stored]:
    return [key for _, _, key in sorted(heap, reverse=True)]
