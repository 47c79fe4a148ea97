"""The words of a verdict."""

import pytest
from tests.detect.windows import refused, window

from etcdscope.diagnose.verdict import verdict
from etcdscope.model.window import Window


@pytest.mark.parametrize(
    ("seen", "says"),
    [
        pytest.param(window(), "One member may be lost.", id="three of three"),
        pytest.param(window(away={"m2": refused()}), "No member may be lost.", id="two of three"),
        pytest.param(window(members="m1 m2 m3 m4 m5"), "2 members may be lost.", id="five of five"),
        pytest.param(
            window(away={"m2": refused(), "m3": refused()}),
            "Too few members take part to tell how many may be lost.",
            id="one of three, and not told yet",
        ),
    ],
)
def test_verdict_says_how_many_may_be_lost_and_never_less_than_none(
    seen: Window, says: str
) -> None:
    assert verdict(seen, ()).sentence.endswith(says)
