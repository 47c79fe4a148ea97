"""A census that is made up, and what has changed since."""

from tests.page.told import Json, iso


def registry(now: float) -> Json:
    """Return a census as ``etcdscope registry --json`` gives it, with the tree for the map."""
    sizes = {
        "events": {"kube-system": 210, "shop": 180, "default": 60, "batch": 40},
        "secrets": {"shop": 160, "kube-system": 80, "ci": 55},
        "configmaps": {"shop": 70, "kube-system": 45, "ci": 20},
        "pods": {"shop": 66, "kube-system": 33, "batch": 12},
        "leases": {"kube-node-lease": 22, "kube-system": 6},
        "customresourcedefinitions": {"": 48},
        "replicasets": {"shop": 30, "ci": 11},
        "endpointslices": {"shop": 9, "kube-system": 5},
        "minions": {"": 12},
    }
    tiles = [
        _tile(name, [_tile(space, [], mega * 1_000_000) for space, mega in spaces.items()])
        for name, spaces in sizes.items()
    ]
    whole = _tile("", tiles)
    rows = [
        {"resource": t["name"], "prefix": f"/registry/{t['name']}/", **_counted(t)} for t in tiles
    ]
    spaces = {space for row in sizes.values() for space in row if space}
    return {
        "at": iso(now - 600),
        "of": "m2",
        "headline": "events hold 42 % of 1.2 GB in 299 000 keys.",
        "revision": 8_812_004,
        "complete": True,
        "sized": True,
        "seconds": 9.2,
        "keys": whole["keys"],
        "bytes": whole["bytes"],
        "key_bytes": 20_000_000,
        "value_bytes": whole["bytes"] - 20_000_000,
        "keys_with_lease": 12,
        "values": {"protobuf": 290_000, "json": 9_000},
        "resource": rows,
        "namespace": [
            {"namespace": space, **_counted(_tile(space, [], 90_000_000 + 1_000_000 * len(space)))}
            for space in sorted(spaces)
        ],
        "largest": [
            {
                "key": f"/registry/secrets/ci/sh.helm.release.v1.shop.v{i}",
                "resource": "secrets",
                "namespace": "ci",
                "value_bytes": 1_200_000 - i * 31_000,
                "key_bytes": 50,
                "version": 1,
                "create_revision": 1,
                "mod_revision": 1,
            }
            for i in range(8)
        ],
        "near_limit": [],
        "rewritten": [],
        "helm": {"keys": 40, "value_bytes": 21_000_000, "releases": 4, "longest": 10},
        "remarks": ["Events are 41 % of all keys, 40 % of them in kube-system."],
        "notes": [],
        "treemap": whole,
    }


def _tile(name: str, children: list[Json], size: int = 0) -> Json:
    total = sum(c["bytes"] for c in children) or size
    return {
        "name": name,
        "keys": total // 4_000,
        "bytes": total,
        "churn": total // 900,
        "children": children,
    }


def _counted(tile: Json) -> Json:
    return {
        "keys": tile["keys"],
        "bytes": tile["bytes"],
        "key_bytes": tile["keys"] * 60,
        "value_bytes": tile["bytes"] - tile["keys"] * 60,
        "largest_value_bytes": 1_200_000,
        "writes": tile["churn"],
        "keys_with_lease": 0,
    }


def diff(now: float) -> Json:
    """Return what grew in a day."""
    rows = [
        ("events", 12_400, 61_000_000, 88_000),
        ("leases", 0, 0, 61_000),
        ("pods", -40, -210_000, 900),
    ]
    moment = {"of": "m2", "revision": 1, "keys": 1, "bytes": 1, "complete": True}
    return {
        "headline": "+61 MB, +12 360 keys in 24 h: events grew most, by 61 MB.",
        "before": moment | {"at": iso(now - 86_400)},
        "after": moment | {"at": iso(now)},
        "seconds": 86_400.0,
        "revisions": 149_900,
        "keys": 12_360,
        "bytes": 60_790_000,
        "resource": [
            {
                "name": name,
                "keys": keys,
                "bytes": size,
                "writes": writes,
                "keys_before": 1,
                "keys_after": 1 + keys,
                "bytes_before": 1,
                "bytes_after": 1 + size,
            }
            for name, keys, size, writes in rows
        ],
        "namespace": [],
    }
