"""Names that must resolve, and members that were removed."""

import pytest
from tests.detect.logs import heard, said
from tests.detect.windows import found, window

from etcdscope.detect.peers import member_removed_running, peer_name_unresolvable
from etcdscope.model.logs import PEER_NAME_UNRESOLVED, PEER_WAS_REMOVED, SELF_REMOVED, LogEvent


def unresolved(*ages: float, peer: str = "m3") -> list[LogEvent]:
    return [said(age, PEER_NAME_UNRESOLVED, host="m3", peer=peer) for age in ages]


@pytest.mark.parametrize(
    ("by_writer", "accused"),
    [
        pytest.param({}, [], id="nobody complains"),
        pytest.param({"m1": unresolved(20)}, [], id="once is a hiccup"),
        pytest.param({"m1": unresolved(3, 2.5)}, [], id="two lines of one attempt"),
        pytest.param({"m1": unresolved(200, 150, 100)}, [], id="it was, and is over"),
        pytest.param({"m1": unresolved(55, 40, 30)}, [], id="it resolves again, for half a minute"),
        pytest.param({"m1": unresolved(40, 10)}, ["m3"], id="one host cannot"),
        pytest.param({"m1": unresolved(40, 10), "m2": unresolved(35, 5)}, ["m3"], id="nobody can"),
        pytest.param(
            {"m1": [said(a, PEER_NAME_UNRESOLVED, host="x") for a in (40, 10)]},
            ["m1"],
            id="nobody's name that is listed",
        ),
        pytest.param(
            {"m1": unresolved(40, 10, peer=""), "m2": unresolved(35, 5, peer="")},
            ["m3"],
            id="whose name it is, by the member list",
        ),
    ],
)
def test_a_name_that_does_not_resolve(
    by_writer: dict[str, list[LogEvent]], accused: list[str]
) -> None:
    seen = heard(window(), by_writer)

    assert found(peer_name_unresolvable, seen) == [(who, "warning") for who in accused]


def own(*ages: float) -> list[LogEvent]:
    return [said(age, SELF_REMOVED) for age in ages]


def knocks(*ages: float, peer: str = "gone") -> list[LogEvent]:
    return [said(age, PEER_WAS_REMOVED, peer=peer) for age in ages]


@pytest.mark.parametrize(
    ("by_writer", "severities"),
    [
        pytest.param({"gone": own(3)}, [], id="it ends, as it should"),
        pytest.param({"m1": knocks(1.2, 1.1, 1.0)}, [], id="its last knocks"),
        pytest.param({"gone": own(300, 250)}, [], id="it was started, and is stopped by now"),
        pytest.param({"gone": own(30, 20, 10, 1)}, ["info"], id="somebody starts it"),
        pytest.param({"gone": own(90, 60, 30, 1)}, ["warning"], id="for a minute and more"),
        pytest.param({"m1": knocks(90, 60, 30, 1)}, ["warning"], id="as others tell"),
        pytest.param({"gone": own(320, 150)}, ["warning"], id="a supervisor that backs off"),
        pytest.param({"m1": knocks(90, 30, 1, peer="m2")}, [], id="it is in the list again"),
        pytest.param({"m2": own(90, 30, 1)}, [], id="a member of the list"),
    ],
)
def test_a_removed_member_that_is_still_started(
    by_writer: dict[str, list[LogEvent]], severities: list[str]
) -> None:
    seen = heard(window(), by_writer)

    assert found(member_removed_running, seen) == [("gone", severity) for severity in severities]
