"""The recorded snapshot of a Kubernetes cluster, and what other programs say of it."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import zstandard

from etcdscope.model.census import Cell, Census, Key

HERE = Path(__file__).parents[2] / "recorded" / "registry"


def snapshot(folder: Path) -> Path:
    """Unpack the snapshot into a folder."""
    path = folder / "snapshot.db"
    with (HERE / "snapshot.db.zst").open("rb") as packed, path.open("wb") as plain:
        zstandard.ZstdDecompressor().copy_stream(packed, plain)
    return path


@cache
def expected() -> Mapping[str, Any]:
    """Return what etcdctl, etcdutl and etcd-dump-db say."""
    told: Mapping[str, Any] = json.loads((HERE / "expected.json").read_text())
    return told


def agrees(census: Census) -> None:
    """Check everything that live keys can tell."""
    told, total = expected(), census.total
    assert census.complete
    assert census.revision == told["revision"]
    assert total.keys == told["keys_total"]
    assert total.value_bytes == told["value_bytes_total"]
    assert total.key_bytes == told["key_bytes_total"]
    assert total.leased == told["keys_with_lease"]
    assert {c.prefix: _prefix(c) for c in census.by_resource() if c.keys} == told["prefixes"]
    namespaces = [(c.namespace, _namespace(c)) for c in census.by_namespace() if c.keys]
    assert dict(namespaces) == told["namespaces_all"]
    top = [{"namespace": name, **row} for name, row in namespaces[:10]]
    assert top == told["namespaces_top10_by_value_bytes"]
    assert [_largest(key) for key in census.largest] == told["largest_keys_top20"]
    assert [_rewritten(key) for key in census.rewritten] == told["most_rewritten_top20"]
    assert dict(census.kinds) == {
        "protobuf": told["value_encodings"]["protobuf (k8s\\0)"],
        "json": told["value_encodings"]["json"],
        "other": told["value_encodings"]["other"],
    }


def history_agrees(census: Census) -> None:
    """Check what the file keeps of old revisions."""
    told, total = expected()["history"], census.total
    assert total.revisions == told["entries"]
    assert total.tombstones == told["tombstones"]
    assert total.kept_bytes == told["value_bytes_all_revisions"]
    assert {c.prefix: _history(c) for c in census.by_resource()} == told["prefixes"]


def _prefix(cell: Cell) -> Mapping[str, int]:
    return {
        "keys": cell.keys,
        "value_bytes": cell.value_bytes,
        "key_bytes": cell.key_bytes,
        "largest_value_bytes": cell.largest,
    }


def _namespace(cell: Cell) -> dict[str, int]:
    return {"keys": cell.keys, "value_bytes": cell.value_bytes}


def _history(cell: Cell) -> Mapping[str, int | None]:
    return {
        "revisions": cell.revisions,
        "tombstones": cell.tombstones,
        "value_bytes_all_revisions": cell.kept_bytes,
    }


def _largest(key: Key) -> Mapping[str, object]:
    return {
        "key": key.key,
        "value_bytes": key.value_bytes,
        "key_bytes": key.key_bytes,
        "version": key.version,
        "create_revision": key.create_revision,
        "mod_revision": key.mod_revision,
    }


def _rewritten(key: Key) -> Mapping[str, object]:
    return {"key": key.key, "version": key.version, "mod_revision": key.mod_revision}
