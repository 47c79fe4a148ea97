"""The tour's captions among the page's events, and whether a browser is opened for it."""

import json
from pathlib import Path

import pytest

from etcdscope.surfaces.browser import opener
from etcdscope.surfaces.web.events import Hub, Listener

DESKTOP = {"DISPLAY": ":0"}
USER, ROOT = 1000, 0


def captions(listener: Listener) -> list[dict[str, object]]:
    """Return what waits for a listener of the tour."""
    blocks = listener.taken().decode().split("\n\n")
    return [json.loads(one.split("data: ")[1]) for one in blocks if one.startswith("event: tour")]


def test_a_caption_reaches_who_listens_whatever_cluster_they_look_at() -> None:
    hub = Hub({}, lambda: 0.0)
    with hub.listening("", None) as all_of_them, hub.listening("prod", None) as one:
        hub.caption("Killing m1.", "As a crash does.", 1, 5)
        told = [captions(all_of_them), captions(one)]

    said = {"title": "Killing m1.", "text": "As a crash does.", "step": 1, "steps": 5}
    assert told == [[said], [said]]


def test_who_comes_later_sees_the_last_caption_and_no_earlier_one() -> None:
    hub = Hub({}, lambda: 0.0)
    hub.caption("Killing m1.", "", 1, 5)
    hub.caption("Healing m1.", "", 1, 5)
    with hub.listening("", None) as late:
        told = [one["title"] for one in captions(late)]

    assert told == ["Healing m1."]


def test_without_a_tour_no_caption_is_sent() -> None:
    with Hub({}, lambda: 0.0).listening("", None) as listener:
        assert captions(listener) == []


@pytest.mark.parametrize(
    ("environ", "user", "opened"),
    [
        pytest.param(DESKTOP, USER, True, id="X"),
        pytest.param({"WAYLAND_DISPLAY": "wayland-0"}, USER, True, id="Wayland"),
        pytest.param({}, USER, False, id="no desktop"),
        pytest.param(DESKTOP, ROOT, False, id="browsers refuse root"),
        pytest.param({**DESKTOP, "SSH_CONNECTION": "…"}, USER, False, id="over SSH"),
    ],
)
def test_a_browser_is_opened_only_where_somebody_sees_it(
    tmp_path: Path, environ: dict[str, str], user: int, opened: bool
) -> None:
    program = tmp_path / "xdg-open"
    program.touch(0o755)

    found = opener({**environ, "PATH": str(tmp_path)}, user)

    assert found == (str(program) if opened else None)


def test_a_desktop_without_an_opener_is_none() -> None:
    assert opener({**DESKTOP, "PATH": "/nonexistent"}, USER) is None
