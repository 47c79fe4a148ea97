"""Options of the whole suite."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let stories accept what is told now."""
    parser.addoption(
        "--rewrite",
        action="store_true",
        help="write what the core tells now into tests/scenarios/*.txt; review the diff",
    )
