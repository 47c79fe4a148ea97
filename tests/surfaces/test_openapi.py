"""The OpenAPI document; rewrite it with ``python -m tests.surfaces.test_openapi``."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from etcdscope.surfaces.web.api import Api
from etcdscope.surfaces.web.events import Hub
from etcdscope.surfaces.web.openapi import document

FILE = Path(__file__).parents[2] / "schemas" / "openapi.json"
PAGE = Path(__file__).parents[2] / "docs" / "api.md"


def made() -> dict[str, Any]:
    api = Api({}, {}, Hub({}, lambda: 0.0), lambda: 0.0)
    return document(api.routes)


def references(part: object) -> set[str]:
    """Return the names of all shapes that are referred to, at any depth."""
    if isinstance(part, dict):
        own = {part["$ref"]} if isinstance(part.get("$ref"), str) else set[str]()
        return own.union(*map(references, part.values()))
    if isinstance(part, list):
        return set[str]().union(*map(references, part))
    return set()


def test_the_committed_document_is_what_the_code_answers() -> None:
    assert json.loads(FILE.read_text()) == json.loads(json.dumps(made())), (
        "stale: python -m tests.surfaces.test_openapi"
    )


def test_what_is_referred_to_is_there() -> None:
    whole = made()
    known = {f"#/components/schemas/{name}" for name in whole["components"]["schemas"]}

    assert references(whole) <= known


def test_every_operation_has_a_name_of_its_own_and_says_what_it_does() -> None:
    operations = [one for path in made()["paths"].values() for one in path.values()]
    ids = [one["operationId"] for one in operations]

    assert len(ids) == len(set(ids))
    assert all(one["summary"].endswith(".") for one in operations)
    assert all({"401", "403"} <= one["responses"].keys() for one in operations)


@pytest.mark.parametrize("path", sorted(made()["paths"]))
def test_what_stands_in_a_path_is_a_parameter(path: str) -> None:
    for operation in made()["paths"][path].values():
        said = [p["name"] for p in operation.get("parameters", ()) if p["in"] == "path"]

        assert said == re.findall(r"{(\w+)}", path)


@pytest.mark.parametrize("path", sorted(made()["paths"]))
def test_the_manual_has_every_question(path: str) -> None:
    question = path.removeprefix("/api/v1")
    known = (f"`{question}`", f"`{question}?", f"/api/v1{question}", f"POST {question}`")

    assert any(one in PAGE.read_text() for one in known), f"docs/api.md lacks {path}"


if __name__ == "__main__":
    FILE.write_text(json.dumps(made(), indent=2) + "\n")
