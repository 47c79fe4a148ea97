"""Raft's own state, as real members tell it."""

from collections import Counter

import pytest
from tests.sources import recorded
from tests.sources.fakes import ENDPOINT, FakePages, value, values

from etcdscope.etcd.errors import EtcdError
from etcdscope.model import signal as s
from etcdscope.model.reading import Failure, Reading
from etcdscope.sources.raftvars import RaftvarsSource


async def read(body: bytes) -> Reading:
    return await RaftvarsSource(FakePages(body)).read(ENDPOINT, 100.0)


@pytest.mark.parametrize("version", recorded.RAFTVARS)
@pytest.mark.parametrize(
    ("name", "state", "leads"),
    [
        ("single", "leader", True),
        ("leader", "leader", True),
        ("follower", "follower", True),
        ("learner", "follower", True),
        ("no-quorum-pre-candidate", "pre-candidate", False),
    ],
)
async def test_a_recorded_member_tells_its_role(
    version: str, name: str, state: str, leads: bool
) -> None:
    reading = await read(recorded.raftvars(f"{version}/{name}"))

    assert value(reading, s.RAFT_STATE) == state
    assert bool(value(reading, s.RAFT_LEAD)) is leads
    assert value(reading, s.RAFT_TERM) == 2
    assert value(reading, s.RAFT_COMMIT) == value(reading, s.RAFT_APPLIED)
    assert len(reading.member) > 14
    assert value(reading, s.RAFTVARS_SECONDS) == 0.002


@pytest.mark.parametrize("version", recorded.RAFTVARS)
async def test_the_leader_tells_how_far_it_and_its_peers_are(version: str) -> None:
    reading = await read(recorded.raftvars(f"{version}/leader-learner-never-started"))

    assert Counter(values(reading, s.PROGRESS_STATE).values()) == {"probe": 1, "replicate": 2}
    assert Counter(values(reading, s.PROGRESS_MATCH).values()) == {0: 1, 9: 3}
    assert reading.member in values(reading, s.PROGRESS_MATCH)
    assert reading.member not in values(reading, s.PROGRESS_STATE)
    assert value(reading, s.LEAD_TRANSFEREE) == ""


async def test_a_follower_tells_of_no_peers() -> None:
    reading = await read(recorded.raftvars("3.5.30/follower"))

    assert not values(reading, s.PROGRESS_STATE)
    assert not values(reading, s.LEAD_TRANSFEREE)


async def test_words_of_other_versions_are_understood() -> None:
    reading = await read(
        b'{"cmdline": ["etcd"], "raft.status": {"id":"1","term":3,"lead":"1","commit":4,'
        b'"raftState":"StateLeader","applied":4,"leadtransferee":"a2","progress":'
        b'{"2":{"match":1,"next":2,"state":"ProgressStateSnapshot","extra":1}}}}'
    )

    assert value(reading, s.LEAD_TRANSFEREE) == "a2"
    assert values(reading, s.PROGRESS_STATE) == {"2": "snapshot"}


@pytest.mark.parametrize(
    ("cmdline", "kept"),
    [
        ('["etcd"]', ()),
        ('["etcd", "--name=m1", "--election-timeout=5000"]', (("election-timeout", "5000"),)),
        ('["etcd", "-heartbeat-interval", "500", "x"]', (("heartbeat-interval", "500"),)),
        ('["etcd", "--pre-vote"]', (("pre-vote", "true"),)),
        ('["etcd", "--pre-vote=false"]', (("pre-vote", "false"),)),
        ('["etcd", "--config-file", "/secret"]', (("config-file", "given"),)),
        ('["etcd", "--election-timeout=secret secret", "--election-timeout"]', ()),
        ('["etcd", "--initial-cluster-token=secret"]', ()),
    ],
)
async def test_of_the_command_line_only_rafts_settings_are_kept(
    cmdline: str, kept: tuple[tuple[str, str], ...]
) -> None:
    status = '{"id":"1","term":3,"lead":"1","commit":4,"raftState":"StateFollower","applied":4}'
    reading = await read(f'{{"cmdline": {cmdline}, "raft.status": {status}}}'.encode())

    assert value(reading, s.FLAGS) == kept
    assert "secret" not in str(reading)


@pytest.mark.parametrize(
    ("pages", "failure", "says"),
    [
        (FakePages(error=EtcdError(Failure.TIMEOUT, "late")), Failure.TIMEOUT, "late"),
        (FakePages(b"404 page not found", 404), Failure.UNSUPPORTED, "404"),
        (FakePages(b"<html></html>"), Failure.NOT_ETCD, "has no raft.status"),
        (FakePages(b'{"cmdline": ["secret"]}'), Failure.NOT_ETCD, "has no raft.status"),
        (FakePages(b'{"raft.status": {"id": 5}}'), Failure.NOT_ETCD, "has no raft.status"),
        (FakePages(b'{"raft.status": null}'), Failure.UNSUPPORTED, "not started"),
        (FakePages(b'{"raft.status": "\xff"}'), Failure.NOT_ETCD, "has no raft.status"),
    ],
)
async def test_a_refusal_is_a_reading(pages: FakePages, failure: Failure, says: str) -> None:
    reading = await RaftvarsSource(pages).read(ENDPOINT, 100.0)

    assert reading.failure is failure
    assert says in reading.detail
    assert "secret" not in reading.detail


async def test_the_page_may_be_on_a_listener_of_its_own() -> None:
    pages = FakePages(recorded.raftvars("3.5.30/leader"))

    await RaftvarsSource(pages, {ENDPOINT: "http://10.0.0.1:2382"}).read(ENDPOINT, 100.0)

    assert pages.asked == ["http://10.0.0.1:2382/debug/vars"]
