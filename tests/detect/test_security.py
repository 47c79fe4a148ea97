"""When certificates end."""

from dataclasses import replace

import pytest
from tests.detect.windows import NOW, Told, found, look, window

from etcdscope.detect.security import DAY, certificate_expired, certificate_expiring
from etcdscope.model.reading import Failure
from etcdscope.model.signal import CERTIFICATE_END


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
