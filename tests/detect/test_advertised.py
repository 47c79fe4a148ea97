"""Addresses that members advertise: right, wrong for everybody, or out of our reach."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from tests.detect.windows import Away, Told, ago, found, look, refused, window

from etcdscope.detect.advertised import advertised_url_unreachable, elsewhere
from etcdscope.model.signal import ADVERTISED_STATE, PORT_STATE
from etcdscope.model.window import Window

OWN = "http://m3:2379"
OTHER = "http://10.0.0.9:2379"
LOCAL = "http://127.0.0.1:2379"


def advertises(
    *urls: str,
    told: Told | None = None,
    peers: Sequence[str] = (),
    away: dict[str, Away] | None = None,
) -> Window:
    """Return a window in which we look at m3 at its own URL, and it advertises these."""
    seen = window({"m3": told or {}}, away=away)
    members = tuple(
        replace(m, client_urls=urls, peer_urls=tuple(peers) or m.peer_urls) if m.id == "m3" else m
        for m in seen.members
    )
    return replace(seen, members=members)


def at(url: str, state: str) -> Told:
    return {ADVERTISED_STATE: {url: state}}


REFUSES: Told = {PORT_STATE: {"peer": ago(*((age, "refused") for age in (14.0, 7.0, 0.1)))}}
REFUSED_BEFORE: Told = {PORT_STATE: {"peer": ago(*((a, "refused") for a in (34.0, 27.0, 20.0)))}}
REFUSED_ONCE: Told = {PORT_STATE: {"peer": ago((7.0, "open"), (0.1, "refused"))}}


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        pytest.param(advertises(OWN), None, id="where we look at it"),
        pytest.param(advertises(f"{OWN}/"), None, id="the same, written otherwise"),
        pytest.param(advertises(OTHER), None, id="elsewhere, not knocked on yet"),
        pytest.param(advertises(OTHER, told=at(OTHER, "open")), None, id="elsewhere, and open"),
        pytest.param(advertises(LOCAL), "warning", id="loopback"),
        pytest.param(advertises("http://0.0.0.0:2379"), "warning", id="no address at all"),
        pytest.param(advertises(OTHER, told=at(OTHER, "refused")), "warning", id="wrong port"),
        pytest.param(advertises(OTHER, told=at(OTHER, "silent")), "info", id="out of our reach"),
        pytest.param(advertises(OTHER, told=at(OTHER, "unresolved")), "info", id="no name here"),
        pytest.param(advertises(OWN, LOCAL), "info", id="one of two"),
        pytest.param(advertises(LOCAL, away={"m3": refused(9.0)}), None, id="it is down"),
        pytest.param(advertises(), None, id="it advertises nothing"),
        pytest.param(advertises(OWN, peers=["http://localhost:2380"]), "warning", id="peer URL"),
        pytest.param(advertises(OWN, told=REFUSES), "warning", id="its peer port refuses"),
        pytest.param(advertises(OWN, told=REFUSED_ONCE), None, id="for a moment"),
        pytest.param(advertises(OWN, told=REFUSED_BEFORE), None, id="it was down, and is back"),
    ],
)
def test_advertised_url_is_judged_by_who_could_reach_it(seen: Window, said: str | None) -> None:
    assert found(advertised_url_unreachable, seen) == ([("m3", said)] if said else [])


def test_loopback_is_right_where_everything_is_local() -> None:
    """A log that is read is no place from which anybody looks."""
    seen = advertises("http://127.0.0.1:23790", peers=["http://127.0.0.1:23800"])
    looks = {
        (s, f"http://127.0.0.1:{i}"): replace(seen_at, endpoint=f"http://127.0.0.1:{i}")
        for i, ((s, _), seen_at) in enumerate(seen.looks.items())
    }

    assert found(advertised_url_unreachable, replace(seen, looks=looks)) == []

    log = look("logs", "m3")
    looks[log.source, "log:m3"] = replace(log, endpoint="log:m3")
    assert found(advertised_url_unreachable, replace(seen, looks=looks)) == []


def test_only_what_leads_elsewhere_is_knocked_on() -> None:
    seen = advertises(OWN, OTHER, LOCAL)

    assert elsewhere(seen, OWN) == (OTHER,)
    assert elsewhere(seen, "http://nobody:2379") == ()
