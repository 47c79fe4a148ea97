"""What surfaces print, kept beside the tests: ``pytest --rewrite`` accepts what they print now."""

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from rich.text import Text

SEEN = Path(__file__).parent / "seen"
Shows = Callable[[str, Iterable[Text]], None]


@pytest.fixture
def shows(request: pytest.FixtureRequest) -> Shows:
    """Compare lines with what is kept under that name."""

    def compare(name: str, lines: Iterable[Text]) -> None:
        path = SEEN / f"{name}.txt"
        printed = "".join(f"{line.plain.rstrip()}\n" for line in lines)
        if request.config.getoption("--rewrite"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(printed)
        assert printed == path.read_text()

    return compare
