"""When certificates end, whether they fit, and what is open to everybody."""

from dataclasses import replace

import pytest
from tests.detect.windows import NOW, Told, ago, found, look, window

from etcdscope.detect.security import (
    DAY,
    auth_off,
    certificate_expired,
    certificate_expiring,
    certificate_mismatched,
    fits,
    tls_off,
)
from etcdscope.model.cluster import Certificate, Member
from etcdscope.model.reading import Failure
from etcdscope.model.signal import (
    ACTIVE_PEERS,
    AUTH_ON,
    CERTIFICATE,
    CERTIFICATE_END,
    MEMBER_LIST,
    Signal,
)
from etcdscope.model.window import Look, Window


def ends_in(days: float, port: str = "client") -> Told:
    return {CERTIFICATE_END: {port: NOW + days * DAY}}


@pytest.mark.parametrize(
    ("days", "expiring", "expired"),
    [
        pytest.param(30.1, [], [], id="far away"),
        pytest.param(30, [("m1", "warning")], [], id="at the limit"),
        pytest.param(3.1, [("m1", "warning")], [], id="some days"),
        pytest.param(3, [("m1", "critical")], [], id="three days are no change window"),
        pytest.param(0, [], [("m1", "critical")], id="now"),
        pytest.param(-1, [], [("m1", "critical")], id="past its end"),
    ],
)
def test_certificate_is_graded_by_its_end(
    days: float, expiring: list[tuple[str, str]], expired: list[tuple[str, str]]
) -> None:
    seen = window({"m1": ends_in(days)})

    assert found(certificate_expiring, seen) == expiring
    assert found(certificate_expired, seen) == expired


@pytest.mark.parametrize(
    ("port", "whose"),
    [
        pytest.param("client", "of m1 on its client port", id="client"),
        pytest.param("peer", "of m1 on its peer port", id="peer"),
        pytest.param("ours", "that we present", id="ours"),
    ],
)
def test_certificate_is_named_by_where_it_is_presented(port: str, whose: str) -> None:
    (finding,) = certificate_expiring(window({"m1": ends_in(10, port)}))

    assert finding.summary == f"The certificate {whose} ends in 10 days"


def test_our_own_certificate_is_told_once() -> None:
    seen = window({m: ends_in(10, "ours") for m in ("m1", "m2", "m3")})

    assert found(certificate_expiring, seen) == [("etcdscope", "warning")]


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        pytest.param(Failure.TLS_EXPIRED, [("m1", "critical")], id="for its age"),
        pytest.param(Failure.TLS_UNTRUSTED, [], id="for another reason"),
    ],
)
def test_handshake_that_is_refused_for_age_tells_as_well(
    failure: Failure, said: list[tuple[str, str]]
) -> None:
    seen = window(looks=[look("status", "m1", failure, ok=60, detail="it has expired")])

    assert found(certificate_expired, seen) == said


def test_expired_certificate_of_an_unknown_member_is_told_of_its_endpoint() -> None:
    unknown = replace(look("status", "m9", Failure.TLS_EXPIRED), member="")

    assert found(certificate_expired, window(looks=[unknown])) == [("http://m9:2379", "critical")]


# --- certificates that do not fit ----------------------------------------------------------------


def presents(*names: str, port: str = "client", ca: str = "a", auto: bool = False) -> Told:
    shown = Certificate("f", "1", "m", f"authority {ca}", ca, names, NOW + 90 * DAY, auto)
    return {CERTIFICATE: {port: shown}}


def over_tls(seen: dict[str, Told] | None = None, *, looks: tuple[Look, ...] = ()) -> Window:
    """Return a cluster that advertises https everywhere."""
    plain = window(seen, looks=looks)
    members = tuple(
        replace(m, client_urls=(f"https://{m.id}:2379",), peer_urls=(f"https://{m.id}:2380",))
        for m in plain.members
    )
    safe = {
        at: replace(look, endpoint=look.endpoint.replace("http:", "https:"))
        for at, look in plain.looks.items()
    }
    return replace(plain, members=members, looks=safe)


@pytest.mark.parametrize(
    ("m3", "said"),
    [
        pytest.param(presents("m3", "localhost"), [], id="it is for its name"),
        pytest.param(presents("m1"), [("m3", "warning")], id="it is for another one"),
        pytest.param(presents(), [("m3", "warning")], id="it is for nobody"),
        pytest.param(presents("m1", port="peer"), [("m3", "warning")], id="on the peer port"),
        pytest.param(presents("other", auto=True), [], id="etcd made it itself"),
    ],
)
def test_certificate_that_is_not_for_its_address_is_told(
    m3: Told, said: list[tuple[str, str]]
) -> None:
    assert found(certificate_mismatched, over_tls({"m3": m3})) == said


def test_certificate_does_not_matter_where_nothing_speaks_tls() -> None:
    assert found(certificate_mismatched, window({"m3": presents("other")})) == []


@pytest.mark.parametrize(
    ("refusals", "said"),
    [
        pytest.param({"m3": Failure.TLS_UNTRUSTED}, [("m3", "warning")], id="we trust the others"),
        pytest.param({"m3": Failure.TLS_REJECTED}, [("m3", "warning")], id="others take ours"),
        pytest.param(
            dict.fromkeys(("m1", "m2", "m3"), Failure.TLS_UNTRUSTED), [], id="our own authority"
        ),
        pytest.param({"m3": Failure.REFUSED}, [], id="it is something else"),
    ],
)
def test_handshake_that_fails_with_one_member_alone_is_told(
    refusals: dict[str, Failure], said: list[tuple[str, str]]
) -> None:
    looks = tuple(look("status", m, why, ok=99, detail="it is so") for m, why in refusals.items())

    assert found(certificate_mismatched, over_tls(looks=looks)) == said


@pytest.mark.parametrize(
    ("authority", "active", "said"),
    [
        pytest.param("a", 0.0, [], id="the same authority"),
        pytest.param("b", 1.0, [], id="another one that all trust, as in a rotation"),
        pytest.param("b", 0.0, [("m3", "warning")], id="another one, and its peers have lost it"),
    ],
)
def test_other_authority_is_told_when_peers_do_not_trust_it(
    authority: str, active: float, said: list[tuple[str, str]]
) -> None:
    peers: dict[Signal, object] = {ACTIVE_PEERS: {"m3": ago((7, active), (1, active))}}
    seen = {
        "m1": presents("m1", port="peer") | peers,
        "m2": presents("m2", port="peer"),
        "m3": presents("m3", port="peer", ca=authority),
    }

    assert found(certificate_mismatched, over_tls(seen)) == said


@pytest.mark.parametrize(
    ("host", "names", "does"),
    [
        ("m1", ("m1",), True),
        ("M1.example", ("m1.example",), True),
        ("m1.example", ("*.example",), True),
        ("a.m1.example", ("*.example",), False),
        ("m1", ("*",), False),
        ("10.0.0.1", ("10.0.0.1",), True),
        ("10.0.0.1", ("10.0.0.2",), False),
        ("::1", ("::1",), True),
        ("m1", (), False),
    ],
)
def test_names_fit_as_go_has_it(host: str, names: tuple[str, ...], does: bool) -> None:
    assert fits(host, names) is does


# --- what is open --------------------------------------------------------------------------------


def advertising(*urls: str, auth: float | None = None) -> Window:
    members = tuple(Member(f"m{i}", f"m{i}", (u,), (u,)) for i, u in enumerate(urls, start=1))
    told: Told = {MEMBER_LIST: "seen"} | ({} if auth is None else {AUTH_ON: auth})
    return replace(window({m.id: told for m in members}), members=members)


@pytest.mark.parametrize(
    ("seen", "tls", "auth"),
    [
        pytest.param(advertising("http://10.0.0.1", auth=0), True, True, id="open to a network"),
        pytest.param(advertising("http://127.0.0.1", auth=0), False, False, id="one host alone"),
        pytest.param(advertising("http://localhost", auth=0), False, False, id="by its name"),
        pytest.param(advertising("https://10.0.0.1", auth=1), False, False, id="closed"),
        pytest.param(advertising("https://10.0.0.1"), False, False, id="not known who is asked"),
        pytest.param(
            advertising("https://10.0.0.1", "http://10.0.0.2", auth=0), True, True, id="half open"
        ),
    ],
)
def test_what_is_open_is_a_note(seen: Window, tls: bool, auth: bool) -> None:
    assert found(tls_off, seen) == [("cluster", "info")] * tls
    assert found(auth_off, seen) == [("cluster", "info")] * auth
