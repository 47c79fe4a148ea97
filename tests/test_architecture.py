"""Walks the map: what ARCHITECTURE.md names is there, and what is there it names."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAP = ROOT / "ARCHITECTURE.md"
PACKAGE = ROOT / "src" / "etcdscope"
# Code that has a slash in it or ends like a file: `detect/catalog.py`, `tests/scenarios/`.
_PATH = re.compile(r"`([\w.*<>-]+(?:/[\w.*<>-]*)+|[\w-]+\.(?:py|toml|md|txt))`")
ROOMS = sorted(p.name for p in PACKAGE.iterdir() if p.is_dir() and (p / "__init__.py").exists())
HALLS = sorted(p.name for p in PACKAGE.glob("*.py") if not p.name.startswith("__"))


def text() -> str:
    assert MAP.exists(), "ARCHITECTURE.md is missing: it is the map of the rooms, words and lists"
    return MAP.read_text()


def named() -> list[str]:
    return sorted(set(_PATH.findall(text()))) if MAP.exists() else []


def test_the_map_is_there() -> None:
    assert text()


@pytest.mark.parametrize("path", named())
def test_what_the_map_names_exists(path: str) -> None:
    """``<family>`` and ``*`` stand for any name."""
    pattern = re.sub(r"<[^>]+>", "*", path).rstrip("/")
    anywhere = [] if "/" in pattern else [*PACKAGE.rglob(pattern)]  # a file beside its room's name
    found = [*(p for base in (ROOT, PACKAGE) for p in base.glob(pattern)), *anywhere]

    assert found, f"ARCHITECTURE.md names {path}, which is nowhere"


@pytest.mark.parametrize("room", ROOMS)
def test_the_map_names_every_room(room: str) -> None:
    assert re.search(rf"\b{room}(?:/|\b)", text()), f"ARCHITECTURE.md does not name {room}/"


@pytest.mark.parametrize("hall", HALLS)
def test_the_map_names_every_module_outside_the_rooms(hall: str) -> None:
    assert hall in text(), f"ARCHITECTURE.md does not name {hall}"
