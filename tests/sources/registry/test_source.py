"""The agent's census: when, on whom, and what becomes of failures."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from tests.detect.windows import Told, ago, window
from tests.sources.registry.fakes import Etcd
from tests.sources.registry.test_live import PODS
from tests.sources.registry.test_tally import stored
from tests.test_engine import VirtualClock, VirtualLoop

from etcdscope.etcd.errors import EtcdError
from etcdscope.model.census import REGISTRY_AT, Chronicle
from etcdscope.model.reading import Failure, Observation, Reading
from etcdscope.model.signal import (
    RAFT_LEAD,
    RAFT_STATE,
    REGISTRY,
    REGISTRY_BYTES,
    REGISTRY_KEYS,
    STATUS_SECONDS,
)
from etcdscope.model.window import Window
from etcdscope.sources.registry.source import FIRST, HOUR, RETRY, RegistrySource, calmest

NAMESPACE = stored("/registry/namespaces/default")
SECRET = stored("/registry/secrets/a/password", 5000)


def member(lead: str, name: str, seconds: float) -> Told:
    return {
        RAFT_STATE: "leader" if lead == name else "follower",
        RAFT_LEAD: lead,
        STATUS_SECONDS: ago((20.0, seconds), (10.0, seconds), (0.5, seconds)),
    }


def seen(**seconds: float) -> Window:
    return window({name: member("m1", name, took) for name, took in seconds.items()})


WELL = seen(m1=0.001, m2=0.004, m3=0.002)


@pytest.mark.parametrize(
    ("looked", "best"),
    [
        pytest.param(WELL, "http://m3:2379", id="the quicker follower"),
        pytest.param(seen(m1=0.001, m2=0.5, m3=0.4), "", id="followers that are busy"),
        pytest.param(window(), "", id="nothing is known"),
    ],
)
def test_the_calmest_follower_is_asked(looked: Window, best: str) -> None:
    assert calmest(looked) == best


def test_a_single_member_is_asked_itself() -> None:
    alone = window({"m1": member("m1", "m1", 0.001)}, members="m1")
    assert calmest(alone) == "http://m1:2379"


@dataclass
class Agent:
    """A source on an etcd in memory, and the readings that it gave."""

    etcd: Etcd
    before: Chronicle | None = None
    looked: Window = WELL
    asked: list[str] = field(default_factory=list)
    readings: list[tuple[float, Reading]] = field(default_factory=list)

    @asynccontextmanager
    async def opens(self, endpoint: str) -> AsyncIterator[Etcd]:
        self.asked.append(endpoint)
        yield self.etcd

    def during(self, seconds: float) -> list[tuple[float, Reading]]:
        loop = VirtualLoop()
        clock = VirtualClock()

        async def look() -> None:
            source = RegistrySource(self.opens, clock, self.before)
            source.look_at(lambda: self.looked)
            began = clock.now()
            while True:
                reading = await source.read(REGISTRY_AT, clock.now())
                self.readings.append((clock.now() - began, reading))

        async def until() -> None:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(look(), seconds)

        try:
            loop.run_until_complete(until())
        finally:
            loop.close()
        return self.readings


def chronicle(reading: Reading) -> Chronicle:
    (found,) = [o.value for o in reading.observations if o.signal is REGISTRY]
    assert isinstance(found, Chronicle)
    return found


def test_it_counts_once_an_hour_on_the_calmest_follower() -> None:
    agent = Agent(Etcd([*PODS, NAMESPACE]))

    readings = agent.during(2.5 * HOUR)

    assert [round(at / HOUR, 1) for at, _ in readings] == [0.0, 1.0, 2.0]
    assert readings[0][0] >= FIRST
    assert set(agent.asked) == {"http://m3:2379"}
    assert [len(chronicle(reading).censuses) for _, reading in readings] == [1, 2, 3]
    last = chronicle(readings[-1][1]).last
    assert last
    assert last.of_resource("pods").keys == 900
    assert all(reading.endpoint == REGISTRY_AT and not reading.member for _, reading in readings)


def test_the_largest_resources_have_series_of_their_own() -> None:
    ((_, reading),) = Agent(Etcd([*PODS, NAMESPACE])).during(HOUR)

    assert Observation(REGISTRY_KEYS, 900.0, "pods") in reading.observations
    pods = [o.value for o in reading.observations if (o.signal, o.key) == (REGISTRY_BYTES, "pods")]
    assert pods == [float(sum(len(k.key) + k.value_bytes for k in PODS))]


def test_names_of_secrets_stay_out_of_it() -> None:
    ((_, reading),) = Agent(Etcd([SECRET, NAMESPACE])).during(HOUR)

    assert "password" not in repr(reading)
    assert "/registry/secrets/a/sha256:" in repr(reading)


def test_no_values_are_read_where_no_api_server_keeps_its_objects() -> None:
    etcd = Etcd([stored("/app/a"), stored("/app/b")])
    agent = Agent(etcd)

    readings = agent.during(1.5 * HOUR)

    assert [reading.observations for _, reading in readings] == [(), ()]
    assert [reading.failure for _, reading in readings] == [None, None]
    assert len(etcd.asked) == 4  # two small questions each time


def test_a_refusal_is_told_and_tried_again_later() -> None:
    etcd = Etcd([NAMESPACE])
    etcd.fails[1] = EtcdError(Failure.PERMISSION_DENIED, "the user may not do this")

    readings = Agent(etcd).during(RETRY + 2 * FIRST)

    assert [reading.failure for _, reading in readings] == [Failure.PERMISSION_DENIED, None]
    assert round(readings[1][0] - readings[0][0]) == RETRY


def test_half_a_census_counts_for_nothing() -> None:
    whole, etcd = Etcd([*PODS, NAMESPACE]), Etcd([*PODS, NAMESPACE])
    Agent(whole).during(HOUR)
    etcd.fails[len(whole.asked)] = EtcdError(Failure.TIMEOUT, "m3 gave no answer")  # the last page

    first, second = Agent(etcd).during(RETRY + 2 * FIRST)

    assert first[1].failure is Failure.CLOSED
    assert "m3 gave no answer" in first[1].detail
    assert len(chronicle(second[1]).censuses) == 1


def test_nobody_is_asked_while_nobody_is_fit() -> None:
    agent = Agent(Etcd([NAMESPACE]), looked=window())
    assert agent.during(2 * HOUR) == []
    assert agent.asked == []


def test_what_an_earlier_life_counted_is_taken_over() -> None:
    ((_, reading),) = Agent(Etcd([*PODS, NAMESPACE])).during(HOUR)
    before = chronicle(reading)
    assert before.last

    agent = Agent(Etcd([*PODS, NAMESPACE]), before=before)
    readings = agent.during(1.5 * HOUR)

    assert readings[0][0] > 0.9 * HOUR  # an hour after the last one, not after the start
    assert len(chronicle(readings[0][1]).censuses) == 2
