"""Who is asked for which list."""

import asyncio
from collections.abc import Sequence

import pytest
from tests.sources.fakes import HEADER, FakeClient, value

from etcdscope.etcd.errors import EtcdError
from etcdscope.model.cluster import Member, MemberList
from etcdscope.model.reading import Failure
from etcdscope.model.signal import MEMBER_LIST
from etcdscope.sources.members import MembersSource

ONE = (Member("1", "m1"),)
TWO = (*ONE, Member("2", "m2"))
OWN, CONFIRMED = MemberList(ONE), MemberList(TWO, linearizable=True)
A, B = "http://a:2379", "http://b:2379"
NO_LEADER = EtcdError(Failure.REJECTED, "no leader", "etcdserver: no leader")


def source(**clients: FakeClient) -> MembersSource:
    return MembersSource(lambda url: clients[url[len("http://")]])


async def test_a_confirmed_list_replaces_the_members_own() -> None:
    reading = await source(a=FakeClient(lists=[OWN, CONFIRMED])).read(A, 100.0)

    assert value(reading, MEMBER_LIST) == CONFIRMED
    assert (reading.source, reading.member) == ("members", HEADER.member_id)


async def test_only_one_endpoint_is_asked_to_confirm() -> None:
    first, second = (FakeClient(lists=[OWN, CONFIRMED]) for _ in "ab")
    looks = source(a=first, b=second)

    await looks.read(A, 100.0)
    reading = await looks.read(B, 100.0)

    assert value(reading, MEMBER_LIST) == OWN
    assert second.calls == ["list"]


async def test_where_one_cannot_confirm_the_next_is_asked() -> None:
    alone = FakeClient(lists=[OWN, NO_LEADER])
    looks = source(a=alone, b=FakeClient(lists=[OWN, CONFIRMED]))

    own = await looks.read(A, 100.0)
    confirmed = await looks.read(B, 100.0)
    await looks.read(A, 105.0)

    assert value(own, MEMBER_LIST) == OWN
    assert value(confirmed, MEMBER_LIST) == CONFIRMED
    assert alone.calls == ["list", "linearizable list", "list"]


@pytest.mark.parametrize("gone", [EtcdError(Failure.REFUSED, "nobody"), asyncio.CancelledError()])
async def test_where_one_is_gone_the_next_is_asked(gone: BaseException) -> None:
    leaving = FakeClient(lists=[OWN, CONFIRMED])
    looks = source(a=leaving, b=FakeClient(lists=[OWN, CONFIRMED]))
    await looks.read(A, 100.0)

    leaving.lists = _Raising(gone)
    if isinstance(gone, EtcdError):
        assert (await looks.read(A, 105.0)).failure is Failure.REFUSED
    else:
        with pytest.raises(asyncio.CancelledError):
            await looks.read(A, 105.0)

    assert value(await looks.read(B, 105.0), MEMBER_LIST) == CONFIRMED


async def test_who_is_asked_no_more_keeps_no_turn_to_confirm() -> None:
    looks = source(a=FakeClient(lists=[OWN, CONFIRMED]), b=FakeClient(lists=[OWN, CONFIRMED]))
    await looks.read(A, 100.0)

    looks.leave(A)

    assert value(await looks.read(B, 105.0), MEMBER_LIST) == CONFIRMED


async def test_before_3_5_a_linearizable_read_confirms_the_list() -> None:
    old = FakeClient(lists=[OWN, OWN])

    reading = await source(a=old).read(A, 100.0)

    assert value(reading, MEMBER_LIST) == MemberList(ONE, linearizable=True)
    assert old.calls == ["list", "linearizable list", "get", "list"]


@pytest.mark.parametrize(
    ("refused", "confirmed"),
    [
        (EtcdError(Failure.PERMISSION_DENIED, "may not", "etcdserver: permission denied"), True),
        (EtcdError(Failure.UNAUTHENTICATED, "who", "etcdserver: user name is empty"), True),
        (EtcdError(Failure.UNAUTHENTICATED, "who", "etcdserver: invalid auth token"), False),
        (NO_LEADER, False),
    ],
)
async def test_before_3_5_a_read_that_is_refused_in_the_end_confirms_too(
    refused: EtcdError, confirmed: bool
) -> None:
    old = FakeClient(lists=[OWN, OWN], reads={False: refused})

    reading = await source(a=old).read(A, 100.0)

    assert value(reading, MEMBER_LIST) == MemberList(ONE, linearizable=confirmed)


class _Raising(Sequence[MemberList | EtcdError]):
    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __getitem__(self, index: object) -> MemberList | EtcdError:  # type: ignore[override]
        raise self.error

    def __len__(self) -> int:
        return 2
