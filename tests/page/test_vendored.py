"""What others wrote is what they published, under the licence that lies beside it."""

import tomllib
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

import etcdscope.surfaces.web

VENDOR = Path(etcdscope.surfaces.web.__file__).parent / "page" / "vendor"
TABLE: list[dict[str, Any]] = tomllib.loads((VENDOR / "vendored.toml").read_text())["file"]
WORDS = {"MIT": "Permission is hereby granted, free of charge", "Apache-2.0": "Apache License"}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row["path"])
def test_a_file_is_unchanged_and_has_its_licence(row: dict[str, Any]) -> None:
    assert sha256((VENDOR / row["path"]).read_bytes()).hexdigest() == row["sha256"]
    texts = [(VENDOR / name).read_text() for name in row["licence_files"]]
    assert WORDS[row["licence"]] in texts[0]


def test_nothing_else_lies_there() -> None:
    known = {row["path"] for row in TABLE} | {n for row in TABLE for n in row["licence_files"]}

    assert {path.name for path in VENDOR.iterdir()} == known | {"vendored.toml"}


def test_the_page_asks_for_nothing_from_elsewhere() -> None:
    own = [p for p in VENDOR.parent.rglob("*") if p.suffix in {".js", ".css", ".html"}]
    named = {
        (path.name, word)
        for path in own
        if path.parent != VENDOR
        for word in ("http://", "https://", "//cdn", "innerHTML", "eval(")
        if word in path.read_text()
    }

    assert not named
