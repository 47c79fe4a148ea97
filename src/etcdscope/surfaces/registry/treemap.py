"""The key space as a tree of rectangles to be: resources, and the namespaces in each."""

from collections.abc import Iterable
from typing import TypedDict

from etcdscope.model.census import Cell, Census

# A map of more than a few hundred rectangles shows no more, and costs a page time.
MOST_RESOURCES, MOST_NAMESPACES = 40, 25


class Tile(TypedDict):
    """``churn``: writes since the keys were created. ``children`` is empty on the lowest level."""

    name: str
    keys: int
    bytes: int
    churn: int
    children: "list[Tile]"


def treemap(
    census: Census, resources: int = MOST_RESOURCES, namespaces: int = MOST_NAMESPACES
) -> Tile:
    """Return the tree, of at most ``resources`` times ``namespaces`` leaves and some more.

    The largest of each level have a tile of their own, the others share one. The bytes of a tile
    are those of its children together.
    """
    by_resource: dict[str, list[Cell]] = {}
    for cell in census.cells:
        by_resource.setdefault(cell.resource, []).append(cell)
    tiles = [_resource(name, cells, namespaces) for name, cells in by_resource.items()]
    return _parent("", _largest(tiles, resources))


def _resource(name: str, cells: Iterable[Cell], most: int) -> Tile:
    by_namespace: dict[str, Tile] = {}
    for cell in cells:
        tile = by_namespace.setdefault(cell.namespace, _tile(cell.namespace))
        tile["keys"] += cell.keys
        tile["bytes"] += cell.bytes
        tile["churn"] += cell.writes
    parent = _parent(name, _largest(by_namespace.values(), most))
    if set(by_namespace) == {""}:  # one that knows no namespaces
        parent["children"] = []
    return parent


def _largest(tiles: Iterable[Tile], most: int) -> list[Tile]:
    ordered = sorted(tiles, key=lambda t: (-t["bytes"], -t["keys"], t["name"]))
    kept, rest = ordered[:most], ordered[most:]
    return [*kept, {**_parent(f"{len(rest)} others", rest), "children": []}] if rest else kept


def _parent(name: str, children: list[Tile]) -> Tile:
    return {
        "name": name,
        "keys": sum(tile["keys"] for tile in children),
        "bytes": sum(tile["bytes"] for tile in children),
        "churn": sum(tile["churn"] for tile in children),
        "children": children,
    }


def _tile(name: str) -> Tile:
    return {"name": name, "keys": 0, "bytes": 0, "churn": 0, "children": []}
