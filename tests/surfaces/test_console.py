"""What standard output can take."""

from io import BytesIO, StringIO, TextIOWrapper

import pytest
from rich.text import Text

from etcdscope.surfaces import signs
from etcdscope.surfaces.console import Colour, open_console, say, width_of

LINE = Text.assemble(("✓ ", "bold green"), "m1 waits 412 ms · ♛ leader … ● ■ ▲ ◆ ★ ✚ ⬟ ▁█ − 水")


def printed(encoding: str, colour: Colour = "auto") -> str:
    raw = BytesIO()
    stream = TextIOWrapper(raw, encoding)
    say(open_console(stream, colour), [LINE])
    return raw.getvalue().decode(encoding)


def test_what_the_encoding_lacks_becomes_a_likeness() -> None:
    assert printed("ascii") == "+ m1 waits 412 ms - > leader . o # ^ x * + @ .# - ?\n"


def test_utf8_is_left_as_it_is() -> None:
    assert printed("utf-8") == f"{LINE.plain}\n"


@pytest.mark.parametrize("sign", [*signs.MARKS, *signs.LEVELS.values(), *signs.SEVERITIES.values()])
def test_every_sign_has_a_likeness_of_one_letter(sign: signs.Sign) -> None:
    assert len(signs.ASCII[sign.shape]) == 1


def test_states_and_members_never_share_a_shape() -> None:
    states = {sign.shape for sign in (*signs.LEVELS.values(), *signs.SEVERITIES.values())}

    assert states.isdisjoint(sign.shape for sign in signs.MARKS)


def test_a_pipe_has_no_width_and_no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    console = open_console(StringIO())

    assert width_of(console) is None
    say(console, [Text("long " * 60, style="red")])
    assert console.file.getvalue() == "long " * 60 + "\n"  # type: ignore[attr-defined]


def test_colour_may_be_asked_for_and_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)

    assert "\x1b[1;32m" in printed("utf-8", "always")
    assert "\x1b[" not in printed("utf-8", "never")


def test_no_color_takes_the_colours_and_leaves_the_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")

    assert "32m" not in printed("utf-8", "always")
    assert "\x1b[1m" in printed("utf-8", "always")
