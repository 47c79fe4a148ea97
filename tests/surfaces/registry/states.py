"""Censuses to show."""

from dataclasses import replace

from etcdscope.model.census import Cell, Census, File, Helm, Key, Orphan

AT = 1795330152.25
PODS = "/registry/pods"


def cell(resource: str, namespace: str, keys: int, size: int, **more: int) -> Cell:
    return Cell(
        f"/registry/{resource}",
        resource,
        namespace,
        keys,
        keys * 40,
        size,
        size // max(keys, 1),
        keys * 2,
        **more,
    )


def key(name: str, size: int, version: int = 1) -> Key:
    return Key(name, "configmaps", "shop", size, len(name), version, 100, 100 + version)


LIVE = Census(
    at=AT,
    of="http://10.0.0.2:2379 (follower)",
    revision=48_211,
    first_revision=48_211,
    cells=(
        cell("pods", "shop", 300, 3_000_000),
        cell("pods", "kube-system", 40, 500_000),
        cell("events", "shop", 900, 600_000, leased=900),
        cell("namespaces", "", 12, 6_000),
        cell("db.example.org/databases", "shop", 20, 40_000),
    ),
    largest=(key("/registry/configmaps/shop/huge", 1_400_000), key("/registry/pods/shop/a", 9_000)),
    rewritten=(key("/registry/leases/kube-node-lease/worker-1", 400, 5_000),),
    kinds=(("protobuf", 1_252), ("json", 20)),
    helm=Helm(60, 4_400_000, 12, 10),
    orphans=(Orphan("db.example.org/databases", 20, 40_800),),
    leases=30,
    leases_used=12,
    seconds=0.4,
)
FILE = replace(
    LIVE,
    of="snapshot.db",
    cells=tuple(
        replace(c, revisions=c.keys * 3, tombstones=1, kept_bytes=c.value_bytes * 2)
        for c in LIVE.cells
    ),
    compact_revision=40_000,
    file=File(90_071_072, 4096, 21_990, True),
)
PARTIAL = replace(
    LIVE,
    complete=False,
    orphans=None,
    notes=("It was interrupted.", "Only part was counted: 1272 of 9000 keys."),
)
COUNTED = replace(
    LIVE,
    cells=tuple(replace(c, namespace="", value_bytes=0, key_bytes=0) for c in LIVE.cells),
    sized=False,
    largest=(),
    rewritten=(),
    helm=Helm(),
    orphans=None,
)
EMPTY = Census(at=AT, of="http://10.0.0.2:2379", revision=1, first_revision=1)
LATER = replace(
    LIVE,
    at=AT + 7200,
    revision=60_000,
    since=48_211,
    cells=(
        cell("pods", "shop", 310, 3_100_000, changed=25),
        cell("pods", "kube-system", 40, 500_000),
        cell("events", "shop", 9_900, 6_600_000, changed=9_000),
        cell("namespaces", "", 12, 6_000),
        cell("secrets", "shop", 4, 300_000, changed=4),
    ),
)
