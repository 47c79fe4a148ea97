"""Hashes at one revision, one member after the other, and not too often."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from tests.sources.fakes import HEADER, value, values
from tests.test_engine import VirtualClock, VirtualLoop

from etcdscope.etcd.answers import HashKV
from etcdscope.etcd.errors import EtcdError
from etcdscope.model.cluster import Hashed
from etcdscope.model.reading import Failure, Reading
from etcdscope.model.signal import AUTH_ON, HASHED
from etcdscope.sources.hashes import AGAIN, AGAIN_TIMES, CADENCE, FIRST, HashesSource, Held

M1, M2, M3 = (f"http://m{i}:2379" for i in (1, 2, 3))
COMPACTED = EtcdError(Failure.REJECTED, "no", "mvcc: required revision has been compacted")


@dataclass
class Cluster:
    """Members that hash; ``fails``: endpoint → error; ``takes``: seconds a hash."""

    held: Held = field(default_factory=lambda: Held(50))
    hashes: dict[str, int] = field(default_factory=dict)
    compact: dict[str, int] = field(default_factory=dict)
    fails: dict[str, EtcdError] = field(default_factory=dict)
    takes: float = 0.02
    calls: list[tuple[float, str, int]] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    def client(self, endpoint: str) -> "Member":
        return Member(self, endpoint)


@dataclass
class Member:
    cluster: Cluster
    endpoint: str

    async def hash_kv(self, revision: int = 0) -> HashKV:
        c = self.cluster
        c.calls.append((round(asyncio.get_running_loop().time(), 1), self.endpoint, revision))
        c.at_once += 1
        c.most_at_once = max(c.most_at_once, c.at_once)
        await asyncio.sleep(c.takes)
        c.at_once -= 1
        if self.endpoint in c.fails:
            raise c.fails[self.endpoint]
        return HashKV(HEADER, c.hashes.get(self.endpoint, 7), c.compact.get(self.endpoint, 9), None)


def looking(
    cluster: Cluster,
    seconds: float,
    *,
    anonymous: bool = True,
    meanwhile: Callable[[Cluster], None] | None = None,
) -> list[Reading]:
    """Look at three members as the engine does, for so many seconds of virtual time."""
    readings: list[Reading] = []

    async def run() -> None:
        clock = VirtualClock()
        source = HashesSource(cluster.client, clock, lambda: cluster.held, anonymous=anonymous)

        async def keep(endpoint: str) -> None:
            while True:
                readings.append(await source.read(endpoint, clock.now()))

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(keep(e)) for e in (M1, M2, M3)]
            await asyncio.sleep(seconds / 2)
            if meanwhile:
                meanwhile(cluster)
            await asyncio.sleep(seconds / 2)
            for task in tasks:
                task.cancel()

    loop = VirtualLoop()
    try:
        loop.run_until_complete(run())
    finally:
        loop.close()
    return readings


def test_first_round_is_soon_and_at_one_revision() -> None:
    cluster = Cluster()

    readings = looking(cluster, 9)

    assert {value(r, HASHED) for r in readings} == {Hashed(7, 50, 9)}
    assert min(at for at, _, _ in cluster.calls) >= FIRST
    assert max(at for at, _, _ in cluster.calls) < 10
    assert sorted(e for _, e, _ in cluster.calls) == [M1, M2, M3]


def test_members_hash_one_after_the_other() -> None:
    cluster = Cluster(takes=0.4)
    looking(cluster, 9)

    assert len(cluster.calls) == 3
    assert cluster.most_at_once == 1


def test_next_round_comes_after_a_minute_at_the_revision_of_then() -> None:
    def moves(cluster: Cluster) -> None:
        cluster.held = Held(80)

    cluster = Cluster()
    looking(cluster, 2 * 60, meanwhile=moves)

    assert [r for _, e, r in cluster.calls if e == M1] == [50, 80]


def test_slow_hashes_take_no_more_than_their_share_of_the_time() -> None:
    cluster = Cluster(takes=0.5)
    looking(cluster, 900)

    times = [at for at, e, _ in cluster.calls if e == M1]
    assert times[1] - times[0] == pytest.approx(0.5 / 0.001, rel=0.05)


def test_without_a_revision_that_all_hold_nobody_is_asked() -> None:
    cluster = Cluster(held=Held(0))

    assert looking(cluster, 100) == []
    assert cluster.calls == []


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param({"hashes": {M2: 8}}, id="another hash"),
        pytest.param({"compact": {M2: 10}}, id="a compaction came between"),
    ],
)
def test_what_differs_is_looked_at_again_soon_but_not_for_ever(
    odd: dict[str, dict[str, int]],
) -> None:
    cluster = Cluster(**odd)  # type: ignore[arg-type]
    looking(cluster, 50)

    times = [at for at, e, _ in cluster.calls if e == M1]
    assert len(times) == 1 + AGAIN_TIMES
    assert times[1] - times[0] < AGAIN + 1.0
    assert times[-1] < CADENCE / 2


def test_revision_that_is_compacted_is_chosen_anew_and_at_last_left_to_the_member() -> None:
    cluster = Cluster(fails={M2: COMPACTED})
    readings = looking(cluster, 30)

    asked = [r for _, e, r in cluster.calls if e == M2]
    assert asked == [50] * AGAIN_TIMES + [0]
    (failed,) = [r for r in readings if r.failure]
    assert failed.endpoint == M2


def test_revision_of_a_hash_without_one_is_what_the_member_says() -> None:
    readings = looking(Cluster(fails={M2: COMPACTED}), 30)

    last = [r for r in readings if r.endpoint == M1][-1]
    assert value(last, HASHED) == Hashed(7, HEADER.revision, 9)


def test_what_differs_is_always_asked_for_at_one_revision() -> None:
    cluster = Cluster(hashes={M2: 8})
    looking(cluster, 50)

    assert {revision for _, _, revision in cluster.calls} == {50}


def test_denial_is_told_and_shows_that_somebody_is_asked() -> None:
    denied = EtcdError(Failure.PERMISSION_DENIED, "the user may not", "permission denied")
    cluster = Cluster(fails=dict.fromkeys((M1, M2, M3), denied))
    readings = looking(cluster, 50)

    assert {r.failure for r in readings} == {Failure.PERMISSION_DENIED}
    assert values(readings[0], AUTH_ON) == {"": 1.0}
    assert len(cluster.calls) == 3


@pytest.mark.parametrize(("anonymous", "seen"), [(True, {"": 0.0}), (False, {})])
def test_answer_to_nobody_shows_that_nobody_is_asked(
    anonymous: bool, seen: dict[str, float]
) -> None:
    (reading, *_) = looking(Cluster(), 9, anonymous=anonymous)

    assert values(reading, AUTH_ON) == seen


def test_large_database_is_left_in_peace() -> None:
    cluster = Cluster(held=Held(50, bytes={M1: 2.0**31}))
    readings = looking(cluster, 9)

    assert {e for _, e, _ in cluster.calls} == {M2, M3}
    (large,) = [r for r in readings if r.failure]
    assert large.failure is Failure.TOO_LARGE
    assert "would commit nothing" in large.detail


def test_failing_member_is_asked_again_soon() -> None:
    cluster = Cluster(fails={M3: EtcdError(Failure.REFUSED, "nobody listens")})
    looking(cluster, 50)

    assert len([e for _, e, _ in cluster.calls if e == M3]) == 1 + AGAIN_TIMES


def test_restarted_member_is_compared_soon_and_a_crash_loop_not_each_time() -> None:
    def restarts(cluster: Cluster) -> None:
        cluster.held = Held(50, frozenset({1.0, 2.0, 4.0}))

    once = Cluster(held=Held(50, frozenset({1.0, 2.0, 3.0})))
    looking(once, 40, meanwhile=restarts)
    times = [at for at, e, _ in once.calls if e == M1]
    assert len(times) == 2
    assert 20 <= times[1] < 22

    class Looping(Cluster):
        @property
        def held(self) -> Held:
            return Held(50, frozenset({float(int(asyncio.get_running_loop().time()))}))

        @held.setter
        def held(self, _: Held) -> None: ...

    loops = Looping()
    looking(loops, 58)
    assert len([e for _, e, _ in loops.calls if e == M1]) <= 6
