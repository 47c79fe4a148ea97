"""Status, as observations."""

from dataclasses import replace

import pytest
from tests.sources.fakes import ENDPOINT, FakeClient, value, values

from etcdscope.etcd.answers import Status
from etcdscope.etcd.errors import EtcdError
from etcdscope.model import signal as s
from etcdscope.model.cluster import Alarm
from etcdscope.model.reading import Failure
from etcdscope.model.window import Look, Window
from etcdscope.sources.status import StatusSource, alarms, parse, raft_is_seen

STATUS = Status(
    cluster_id="cdf818194e3a8c32", member_id="8e9e05c52164694d", revision=7, version="3.5.30",
    db_bytes=20480, db_in_use_bytes=16384, leader="8e9e05c52164694d", raft_index=9,
    raft_applied_index=8, raft_term=2, is_learner=False,
)  # fmt: skip


async def test_a_status_is_a_reading_of_its_member() -> None:
    reading = await StatusSource(lambda _: FakeClient(told=STATUS)).read(ENDPOINT, 100.0)

    assert (reading.member, reading.at, reading.failure) == ("8e9e05c52164694d", 100.0, None)
    assert value(reading, s.COMMITTED_INDEX) == 9
    assert value(reading, s.APPLIED_INDEX) == 8
    assert value(reading, s.APPLIED_TERM) == 2
    assert value(reading, s.DB_BYTES) == 20480
    assert value(reading, s.DB_IN_USE_BYTES) == 16384
    assert value(reading, s.IS_LEARNER) == 0.0
    assert value(reading, s.ALARMS) == ()
    took = value(reading, s.STATUS_SECONDS)
    assert isinstance(took, float)
    assert 0 < took <= reading.took


async def test_nothing_leaves_but_a_reading() -> None:
    client = FakeClient(told=EtcdError(Failure.TLS_EXPIRED, "a certificate has ended"))

    reading = await StatusSource(lambda _: client).read(ENDPOINT, 100.0)

    assert reading.failure is Failure.TLS_EXPIRED
    assert reading.detail == "a certificate has ended"
    assert reading.took > 0


def test_zeros_are_values_and_no_leader_is_a_word() -> None:
    seen = tuple(parse(replace(STATUS, leader="", raft_index=0, revision=0)))

    assert value(seen, s.LEADER) == ""
    assert value(seen, s.COMMITTED_INDEX) == 0
    assert value(seen, s.REVISION) == 0


def test_what_a_version_lacks_is_not_seen() -> None:
    old = replace(STATUS, version="3.3.27", db_in_use_bytes=None, raft_applied_index=None)

    seen = tuple(parse(old))

    assert not values(seen, s.APPLIED_INDEX)
    assert not values(seen, s.DB_IN_USE_BYTES)
    assert not values(seen, s.QUOTA_BYTES)
    assert value(tuple(parse(replace(STATUS, db_quota=2 << 30))), s.QUOTA_BYTES) == 2 << 30


@pytest.mark.parametrize(
    ("errors", "raised"),
    [
        ((), ()),
        (("memberID:4029825426299138825 alarm:NOSPACE ",), (Alarm("NOSPACE", "37ecd0dfd165b309"),)),
        (("alarm:CORRUPT ",), (Alarm("CORRUPT"),)),  # before 3.6 it names nobody
        (("etcdserver: no leader",), ()),
        (
            ("memberID:1 alarm:NOSPACE ", "etcdserver: no leader", "memberID:2 alarm:CORRUPT "),
            (Alarm("NOSPACE", "1"), Alarm("CORRUPT", "2")),
        ),
        (("memberID:x alarm:NOSPACE ",), ()),
    ],
)
def test_alarms_are_read_from_the_errors(
    errors: tuple[str, ...], raised: tuple[Alarm, ...]
) -> None:
    assert alarms(errors) == raised


@pytest.mark.parametrize(
    ("raftvars", "cadence"),
    [
        pytest.param({"m1": None, "m2": None}, 1.0, id="raft's own status comes of all"),
        pytest.param({"m1": None, "m2": Failure.UNSUPPORTED}, 0.5, id="of one it does not"),
        pytest.param({"m1": None}, 0.5, id="one was not asked yet"),
        pytest.param({}, 0.5, id="nobody was"),
    ],
)
def test_status_is_asked_less_often_where_raft_is_seen(
    raftvars: dict[str, Failure | None], cadence: float
) -> None:
    asked: list[tuple[str, str, Failure | None]] = [("status", "m1", None), ("status", "m2", None)]
    asked += [("raftvars", endpoint, failure) for endpoint, failure in raftvars.items()]
    looks = {(s, e): Look(s, e, e, at=1.0, since=1.0, failure=f) for s, e, f in asked}

    source = StatusSource(
        lambda _: FakeClient(told=STATUS), lambda: raft_is_seen(Window(looks=looks))
    )

    assert source.pace.cadence == cadence
    assert (source.pace.zoomed or source.pace.cadence) == 0.5
