"""``etcdscope registry --json``: one object.

As in the other contracts, fields may be added and are never renamed, and what is unknown is left
out. Sizes are bytes; ``bytes`` is that of keys and values together.
"""

from typing import Any

import msgspec
from msgspec import Struct

from etcdscope.model.census import Cell, Census, Helm, Key, Orphan
from etcdscope.model.census_change import Change, Difference
from etcdscope.model.contract import Moment, moment, schema_of, unix
from etcdscope.surfaces.registry.sentences import NEAR, growth, headline, remarks


class RowObject(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What all rows have. ``writes``: how often the live keys were written since each was created.

    ``changed``: live keys that were written since the census before, where there was one.
    ``revisions``, ``tombstones`` and ``value_bytes_all_revisions`` only of files, which keep them.
    """

    keys: int
    bytes: int
    key_bytes: int
    value_bytes: int
    largest_value_bytes: int
    writes: int
    changed: int | None = None
    keys_with_lease: int
    revisions: int | None = None
    tombstones: int | None = None
    value_bytes_all_revisions: int | None = None


class ResourceObject(RowObject, frozen=True, kw_only=True, omit_defaults=True):
    """One resource; ``prefix``: where its keys are."""

    resource: str
    prefix: str


class NamespaceObject(RowObject, frozen=True, kw_only=True, omit_defaults=True):
    """One namespace."""

    namespace: str


class KeyObject(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One key; of a Secret its name may be a hash."""

    key: str
    resource: str
    namespace: str | None = None
    value_bytes: int
    key_bytes: int
    version: int
    create_revision: int
    mod_revision: int


class HelmObject(Struct, frozen=True, kw_only=True):
    """Secrets that hold Helm's releases; ``longest``: most versions of one release."""

    keys: int
    value_bytes: int
    releases: int
    longest: int


class OrphanObject(Struct, frozen=True, kw_only=True):
    """Custom resources without a definition."""

    resource: str
    keys: int
    bytes: int


class FileObject(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The file that was read; ``intact`` is left out where it has no checksum."""

    bytes: int
    page_size: int
    pages: int
    intact: bool | None = None
    damaged: tuple[str, ...]


class RegistryObject(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who fills the database. ``of``: the file or endpoint. ``sized``: False for mere counts."""

    at: Moment
    of: str
    headline: str
    revision: int
    first_revision: int | None = None
    compact_revision: int | None = None
    complete: bool
    sized: bool
    seconds: float
    keys: int
    bytes: int
    key_bytes: int
    value_bytes: int
    keys_with_lease: int
    revisions: int | None = None
    tombstones: int | None = None
    value_bytes_all_revisions: int | None = None
    leases: int | None = None
    leases_with_keys: int | None = None
    values: dict[str, int]
    resource: tuple[ResourceObject, ...]
    namespace: tuple[NamespaceObject, ...]
    largest: tuple[KeyObject, ...]
    near_limit: tuple[str, ...]
    rewritten: tuple[KeyObject, ...]
    helm: HelmObject
    orphans: tuple[OrphanObject, ...] | None = None
    file: FileObject | None = None
    remarks: tuple[str, ...]
    notes: tuple[str, ...]


class ChangeObject(Struct, frozen=True, kw_only=True):
    """What changed of one resource or namespace; ``keys`` and ``bytes``: after less before."""

    name: str
    keys: int
    bytes: int
    writes: int
    keys_before: int
    keys_after: int
    bytes_before: int
    bytes_after: int


class MomentObject(Struct, frozen=True, kw_only=True):
    """One of the two censuses that are compared."""

    at: Moment
    of: str
    revision: int
    keys: int
    bytes: int
    complete: bool


class DiffObject(Struct, frozen=True, kw_only=True):
    """What changed between two censuses."""

    headline: str
    before: MomentObject
    after: MomentObject
    seconds: float
    revisions: int
    keys: int
    bytes: int
    resource: tuple[ChangeObject, ...]
    namespace: tuple[ChangeObject, ...]


def registry_object(census: Census) -> RegistryObject:
    """Return a census as others get it."""
    total = census.total
    return RegistryObject(
        at=moment(census.at),
        of=census.of,
        headline=headline(census),
        revision=census.revision,
        first_revision=census.first_revision if census.first_revision != census.revision else None,
        compact_revision=census.compact_revision,
        complete=census.complete,
        sized=census.sized,
        seconds=round(census.seconds, 3),
        keys=total.keys,
        bytes=total.bytes,
        key_bytes=total.key_bytes,
        value_bytes=total.value_bytes,
        keys_with_lease=total.leased,
        revisions=total.revisions,
        tombstones=total.tombstones,
        value_bytes_all_revisions=total.kept_bytes,
        leases=census.leases,
        leases_with_keys=census.leases_used,
        values=dict(census.kinds),
        resource=tuple(
            ResourceObject(resource=c.resource, prefix=c.prefix, **_row(c, census.since))
            for c in census.by_resource()
        ),
        namespace=tuple(
            NamespaceObject(namespace=c.namespace, **_row(c, census.since))
            for c in census.by_namespace()
        ),
        largest=tuple(map(_key, census.largest)),
        near_limit=tuple(key.key for key in census.largest if key.value_bytes >= NEAR),
        rewritten=tuple(map(_key, census.rewritten)),
        helm=_helm(census.helm),
        orphans=None if census.orphans is None else tuple(map(_orphan, census.orphans)),
        file=FileObject(
            bytes=census.file.bytes,
            page_size=census.file.page_size,
            pages=census.file.pages,
            intact=census.file.intact,
            damaged=census.file.damaged,
        )
        if census.file
        else None,
        remarks=tuple(remarks(census)),
        notes=census.notes,
    )


def _row(cell: Cell, since: int) -> dict[str, Any]:
    return {
        "keys": cell.keys,
        "bytes": cell.bytes,
        "key_bytes": cell.key_bytes,
        "value_bytes": cell.value_bytes,
        "largest_value_bytes": cell.largest,
        "writes": cell.writes,
        "changed": cell.changed if since else None,
        "keys_with_lease": cell.leased,
        "revisions": cell.revisions,
        "tombstones": cell.tombstones,
        "value_bytes_all_revisions": cell.kept_bytes,
    }


def _key(key: Key) -> KeyObject:
    return KeyObject(
        key=key.key,
        resource=key.resource,
        namespace=key.namespace or None,
        value_bytes=key.value_bytes,
        key_bytes=key.key_bytes,
        version=key.version,
        create_revision=key.create_revision,
        mod_revision=key.mod_revision,
    )


def _helm(helm: Helm) -> HelmObject:
    return HelmObject(
        keys=helm.keys, value_bytes=helm.bytes, releases=helm.releases, longest=helm.longest
    )


def _orphan(orphan: Orphan) -> OrphanObject:
    return OrphanObject(resource=orphan.resource, keys=orphan.keys, bytes=orphan.bytes)


# --- two of them ---------------------------------------------------------------------------------


def diff_object(difference: Difference) -> DiffObject:
    """Return a comparison as others get it."""
    total = difference.total
    return DiffObject(
        headline=growth(difference),
        before=_moment(difference.before),
        after=_moment(difference.after),
        seconds=round(difference.seconds, 3),
        revisions=difference.revisions,
        keys=total.keys,
        bytes=total.bytes,
        resource=tuple(map(_change, difference.resources)),
        namespace=tuple(map(_change, difference.namespaces)),
    )


def _moment(census: Census) -> MomentObject:
    total = census.total
    return MomentObject(
        at=moment(census.at),
        of=census.of,
        revision=census.revision,
        keys=total.keys,
        bytes=total.bytes,
        complete=census.complete,
    )


def _change(change: Change) -> ChangeObject:
    return ChangeObject(
        name=change.name,
        keys=change.keys,
        bytes=change.bytes,
        writes=max(change.writes, 0),
        keys_before=change.before.keys,
        keys_after=change.after.keys,
        bytes_before=change.before.bytes,
        bytes_after=change.after.bytes,
    )


# --- as text -------------------------------------------------------------------------------------


def encoded(value: RegistryObject | DiffObject) -> bytes:
    """Return an object as one line of JSON."""
    return msgspec.json.encode(value)


def census_of(text: bytes) -> Census:
    """Return what ``--json`` printed as a census of resources, to compare it with another.

    Errors: msgspec.DecodeError where it is something else.
    """
    told = msgspec.json.decode(text, type=RegistryObject)
    return Census(
        at=unix(told.at),
        of=told.of,
        revision=told.revision,
        first_revision=told.first_revision or told.revision,
        cells=tuple(
            Cell(
                row.prefix,
                row.resource,
                "",
                row.keys,
                row.key_bytes,
                row.value_bytes,
                row.largest_value_bytes,
                row.writes,
                0,
                row.keys_with_lease,
                row.revisions,
                row.tombstones,
                row.value_bytes_all_revisions,
            )
            for row in told.resource
        ),
        complete=told.complete,
        sized=told.sized,
    )


def schema() -> dict[str, dict[str, Any]]:
    """Return the JSON schemas of both objects, by file name."""
    return {
        "registry.schema.json": schema_of(
            "registry", "What etcdscope registry --json prints", RegistryObject
        ),
        "registry-diff.schema.json": schema_of(
            "registry-diff", "What etcdscope registry diff --json prints", DiffObject
        ),
    }
