"""Which URLs are dialled."""

from collections.abc import Mapping, Sequence

import pytest

from etcdscope.model.cluster import Member
from etcdscope.model.reading import Failure
from etcdscope.sources.discover import choose, normalised

M1 = Member("1", "m1", (), ("http://10.0.0.1:2379",))
M2 = Member("2", "m2", (), ("http://10.0.0.2:2379",))
M3 = Member("3", "m3", (), ("http://10.0.0.3:2379",))
U1, U2, U3 = (m.client_urls[0] for m in (M1, M2, M3))
REFUSED = Failure.REFUSED


@pytest.mark.parametrize(
    ("given", "members", "answered", "failed", "chosen"),
    [
        pytest.param([U1, U2], [], {}, {}, {U1: "", U2: ""}, id="nothing known yet"),
        pytest.param(
            [U1], [M1, M2, M3], {U1: "1"}, {}, {U1: "1", U2: "2", U3: "3"}, id="one finds all"
        ),
        pytest.param(
            ["http://lb:2379"], [M1, M2], {"http://lb:2379": "2"}, {},
            {"http://lb:2379": "2", U1: "1"}, id="a given endpoint stands before advertised ones",
        ),
        pytest.param(
            ["HTTP://10.0.0.1:2379/", U1], [M1], {U1: "1"}, {}, {U1: "1"}, id="written twice"
        ),
        pytest.param(
            ["http://a:2379", U1], [M1], {"http://a:2379": "1", U1: "1"}, {},
            {"http://a:2379": "1"}, id="two names of one member",
        ),
        pytest.param(
            ["http://a:2379", U1], [M1], {U1: "1"}, {"http://a:2379": REFUSED},
            {"http://a:2379": "", U1: "1"}, id="nobody knows where the other leads",
        ),
        pytest.param(
            ["http://a:2379", U1], [M1], {"http://a:2379": "1", U1: "1"},
            {"http://a:2379": REFUSED}, {U1: "1"}, id="of two names the one that works",
        ),
        pytest.param(
            [U1, U2], [M1, M2], {U1: "1"}, {U2: REFUSED}, {U1: "1", U2: "2"},
            id="a member that is down is known by its advertised URL",
        ),
        pytest.param(
            [U1], [M1, Member("4", "", ("http://10.0.0.4:2380",))], {U1: "1"}, {}, {U1: "1"},
            id="a member that never started has nothing to dial",
        ),
        pytest.param(
            [U1], [M1, Member("2", "m2", (), ("http://10.9.0.2:2379", U2))], {U1: "1"},
            {"http://10.9.0.2:2379": Failure.UNREACHABLE}, {U1: "1", U2: "2"},
            id="of two advertised URLs the one that has not failed",
        ),
        pytest.param(
            [U1], [M1, Member("2", "m2", (), ("http://10.9.0.2:2379", U2))], {U1: "1"},
            {"http://10.9.0.2:2379": REFUSED, U2: REFUSED}, {U1: "1", "http://10.9.0.2:2379": "2"},
            id="if both failed, the first",
        ),
        pytest.param(
            ["http://127.0.0.1:2379"],
            [Member("1", "m1", (), ("http://127.0.0.1:2379",)),
             Member("2", "m2", (), ("http://127.0.0.1:22379",))],
            {"http://127.0.0.1:2379": "1"}, {},
            {"http://127.0.0.1:2379": "1", "http://127.0.0.1:22379": "2"},
            id="loopback is dialled from loopback",
        ),
        pytest.param(
            ["http://[::1]:2379"], [M1, M2], {"http://[::1]:2379": "1"}, {},
            {"http://[::1]:2379": "1", U2: "2"}, id="through a tunnel",
        ),
    ],
)  # fmt: skip
def test_one_url_a_member_is_dialled(
    given: Sequence[str],
    members: Sequence[Member],
    answered: Mapping[str, str],
    failed: Mapping[str, Failure],
    chosen: Mapping[str, str],
) -> None:
    assert choose(given, members, answered, failed).endpoints == chosen


@pytest.mark.parametrize(
    "advertised",
    [
        "http://127.0.0.1:2379", "http://localhost:2379", "http://[::1]:2379", "http://0.0.0.0:2379",
        "http://[::]:2379", "unix:///run/etcd.sock", "http://m2", "",
    ],
)  # fmt: skip
def test_an_advertised_url_that_leads_nowhere_from_here_is_a_notice(advertised: str) -> None:
    lost = Member("2", "m2", (), (advertised,) if advertised else ())

    choice = choose([U1], [M1, lost], {U1: "1"}, {})

    assert choice.endpoints == {U1: "1"}
    (notice,) = choice.notices
    assert notice.startswith("m2 (2) advertises")
    assert "--endpoints" in notice


def test_unspecified_is_never_dialled() -> None:
    odd = Member("2", "m2", (), ("http://0.0.0.0:2379",))

    assert choose(["http://127.0.0.1:1"], [odd], {}, {}).endpoints == {"http://127.0.0.1:1": ""}


def test_a_stranger_behind_a_given_endpoint_is_told() -> None:
    choice = choose([U1, U3], [M1, M2], {U1: "1", U3: "f00"}, {})

    assert choice.endpoints == {U1: "1", U3: "f00", U2: "2"}
    (notice,) = choice.notices
    assert "answers as member f00, which is not in the member list" in notice


def test_another_member_behind_an_advertised_url_is_told() -> None:
    choice = choose([U1], [M1, M2], {U1: "1", U2: "f00"}, {})

    assert choice.endpoints == {U1: "1"}
    assert choice.notices == (f"{U2} is advertised by m2 (2), but f00 answers there.",)


def test_dropping_a_given_endpoint_is_told() -> None:
    choice = choose(["http://a:2379", U1], [M1], {"http://a:2379": "1", U1: "1"}, {})

    assert choice.notices == (
        "http://10.0.0.1:2379 is not used: it leads to the same member as http://a:2379.",
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://Host:2379/", "http://host:2379"),
        ("HTTPS://host:2379", "https://host:2379"),
        ("host:2379", "http://host:2379"),
        ("http://[::1]:2379/", "http://[::1]:2379"),
    ],
)
def test_urls_of_one_listener_are_equal(one: str, other: str) -> None:
    assert normalised(one) == normalised(other) == other
