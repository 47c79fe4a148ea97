"""Work that is done on purpose."""

import pytest
from tests.detect.windows import Seen, ago, found, look, refused, window

from etcdscope.detect.planned import (
    leader_transferred,
    left_in_order,
    member_stopped,
    membership_changing,
    started_again,
)
from etcdscope.model.cluster import Member, MemberList
from etcdscope.model.signal import (
    FAREWELL,
    LEAD_TRANSFEREE,
    MEMBER_LIST,
    PORT_STATE,
    PROCESS_START,
)


def listed(names: str) -> MemberList:
    return MemberList(tuple(Member(n, n) for n in names.split()))


@pytest.mark.parametrize(
    ("farewell", "seconds"),
    [
        pytest.param(ago((5, 1.0)), 5.0, id="it took its leave"),
        pytest.param(ago((60, 1.0)), 60.0, id="a minute is still expected"),
        pytest.param(ago((61, 1.0)), None, id="past that it is not"),
        pytest.param(ago((5, 0.0)), None, id="it went without a word"),
        pytest.param(ago((50, 1.0), (5, 0.0)), None, id="only the last departure counts"),
    ],
)
def test_member_left_in_order_if_it_took_its_leave(farewell: Seen, seconds: float | None) -> None:
    assert left_in_order(window({"m1": {FAREWELL: farewell}}), "m1") == seconds


@pytest.mark.parametrize(
    ("peer", "stopped"),
    [
        pytest.param(
            ago((5.9, "open"), (4, "refused"), (0.4, "refused")), True, id="both are gone"
        ),
        pytest.param(ago((5.9, "open"), (3, "open"), (0.4, "open")), False, id="peers are served"),
    ],
)
def test_a_client_port_that_refuses_is_no_farewell_while_peers_are_served(
    peer: Seen, stopped: bool
) -> None:
    ports = {"client": ago((5.9, "refused"), (3, "refused"), (0.4, "refused")), "peer": peer}
    seen = window({"m2": {FAREWELL: ago((6, 1.0)), PORT_STATE: ports}}, away={"m2": refused(6)})

    assert (left_in_order(seen, "m2") is not None) is stopped


def test_member_that_was_stopped_in_order_is_a_note() -> None:
    seen = window({"m2": {FAREWELL: ago((5, 1.0))}}, away={"m2": refused(5.5)})

    assert found(member_stopped, seen) == [("m2", "info")]


@pytest.mark.parametrize(
    ("back_for", "said"),
    [
        pytest.param(14, [("m2", "info")], id="it may still catch up"),
        pytest.param(16, [], id="it is settled"),
    ],
)
def test_member_that_is_back_is_settling_for_a_while(
    back_for: float, said: list[tuple[str, str]]
) -> None:
    seen = window(
        {"m2": {FAREWELL: ago((30, 1.0))}},
        looks=[look("status", "m2", since=back_for)],
    )

    assert found(member_stopped, seen) == said


@pytest.mark.parametrize(
    ("lists", "said"),
    [
        pytest.param(ago((30, listed("m1 m2 m3"))), [], id="nobody left"),
        pytest.param(ago((30, listed("m1 m2 m3 m9"))), [("cluster", "info")], id="m9 was removed"),
        pytest.param(ago((30, listed("m1 m2"))), [], id="m3 was added"),
        pytest.param(ago((700, listed("m1 m9"))), [], id="m9 was removed long ago"),
    ],
)
def test_removal_announces_a_replacement(lists: Seen, said: list[tuple[str, str]]) -> None:
    assert found(membership_changing, window({"m1": {MEMBER_LIST: lists}})) == said


@pytest.mark.parametrize(
    ("transferee", "said"),
    [
        pytest.param(ago((5, ""), (1, "")), [], id="to nobody"),
        pytest.param(ago((5, "m2"), (1, "")), [("cluster", "info")], id="to m2"),
        pytest.param(ago((30, "m2"), (1, "")), [], id="long ago"),
    ],
)
def test_handover_is_a_note(transferee: Seen, said: list[tuple[str, str]]) -> None:
    assert found(leader_transferred, window({"m1": {LEAD_TRANSFEREE: transferee}})) == said


@pytest.mark.parametrize(
    ("starts", "times"),
    [
        pytest.param([10.0, 10.0], 0, id="one start"),
        pytest.param([10.0, 20.0, 20.0, 30.0], 2, id="two more"),
    ],
)
def test_starts_are_counted_by_process_start(starts: Seen, times: int) -> None:
    assert started_again(window({"m1": {PROCESS_START: starts}}), "m1", 60.0) == times


def test_member_of_whom_no_start_was_seen_did_not_start_again() -> None:
    assert started_again(window(), "m1", 60.0) == 0
