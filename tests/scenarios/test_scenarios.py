"""Every story is told as it was accepted. ``pytest --rewrite`` accepts what is told now."""

from pathlib import Path

import pytest
from tests.scenarios.replay import told
from tests.scenarios.story import RULE, read

STORIES = sorted(Path(__file__).parent.glob("*.txt"))


@pytest.mark.parametrize("path", [pytest.param(p, id=p.stem) for p in STORIES])
def test_the_story_is_told_as_before(path: Path, request: pytest.FixtureRequest) -> None:
    story = read(path)
    lines = told(story)
    if request.config.getoption("--rewrite"):
        text = "".join(f"{line}\n" for line in lines)
        path.write_text(f"{story.asked.rstrip()}\n{RULE}\n{text}")
        return

    assert lines == list(story.told)
