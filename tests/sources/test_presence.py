"""Staying with a member that is a fake."""

import asyncio
from dataclasses import dataclass, field

import pytest
from tests.sources.fakes import ENDPOINT, value, values

from etcdscope.etcd.endpoint import Endpoint
from etcdscope.etcd.errors import EtcdError
from etcdscope.etcd.presence import Departure
from etcdscope.etcd.settings import Security
from etcdscope.model import signal as s
from etcdscope.model.reading import Failure
from etcdscope.sources.presence import LONG_PAUSE_SECONDS, PAUSE_SECONDS, PresenceSource

PEER = "http://10.0.0.1:2380"


@dataclass
class FakeStay:
    """A conversation that ends with what stands in ``left``, or does not."""

    left: Departure | None = None
    asked: list[str] = field(default_factory=list)
    closed: bool = False

    def close(self) -> None:
        self.closed = True

    async def departure(self, peer_url: str = "") -> Departure:
        self.asked.append(peer_url)
        if self.left is None:
            await asyncio.Event().wait()
        assert self.left
        return self.left


class World:
    """Gives conversations, or refuses them, one after the other; and remembers pauses."""

    def __init__(self, *arrivals: FakeStay | EtcdError, peer: str = PEER) -> None:
        self.arrivals = list(arrivals)
        self.slept: list[float] = []
        self.source = PresenceSource(
            Security(), lambda _: peer, self.arrive, self.sleep, stay_seconds=0.01
        )

    async def arrive(self, endpoint: Endpoint, security: Security) -> FakeStay:
        arrival = self.arrivals.pop(0)
        if isinstance(arrival, EtcdError):
            raise arrival
        return arrival

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


async def test_one_conversation_is_held_from_look_to_look() -> None:
    stay = FakeStay()
    world = World(stay)

    readings = [await world.source.read(ENDPOINT, at) for at in (100.0, 105.0)]

    assert [value(reading, s.PRESENCE) for reading in readings] == ["present", "present"]
    assert stay.asked == [PEER, PEER]
    assert not world.slept
    await world.source.aclose()
    assert stay.closed


async def test_where_nobody_looks_any_more_it_hangs_up_and_comes_anew() -> None:
    stay, again = FakeStay(), FakeStay()
    world = World(stay, again)
    await world.source.read(ENDPOINT, 100.0)

    world.source.leave(ENDPOINT)
    assert stay.closed

    await world.source.read(ENDPOINT, 200.0)
    assert again.asked
    assert not world.slept


@pytest.mark.parametrize(
    ("peer", "asked"),
    [
        pytest.param(PEER, PEER, id="as usual"),
        pytest.param("", "", id="not known yet"),
        pytest.param("http://10.0.0.1:99999", "", id="a port that is none"),
        pytest.param("unix://m1.sock:1", "", id="no port of TCP"),
    ],
)
async def test_peer_port_is_looked_at_where_there_is_one(peer: str, asked: str) -> None:
    """What a member advertises may be no URL of ours."""
    stay = FakeStay()

    await World(stay, peer=peer).source.read(ENDPOINT, 100.0)

    assert stay.asked == [asked]


@pytest.mark.parametrize(
    ("left", "farewell", "ports"),
    [
        (Departure(True, "refused", "refused", 9.0), 1.0, {"client": "refused", "peer": "refused"}),
        (Departure(False, "refused", "open", 9.0), 1.0, {"client": "refused", "peer": "open"}),
        (
            Departure(False, "refused", "refused", 9.0),
            0.0,
            {"client": "refused", "peer": "refused"},
        ),
        (Departure(False, "open", "", 9.0), 0.0, {"client": "open"}),
    ],
)
async def test_a_departure_is_told_with_its_ports(
    left: Departure, farewell: float, ports: dict[str, str]
) -> None:
    world = World(FakeStay(left), FakeStay())

    gone = await world.source.read(ENDPOINT, 100.0)
    back = await world.source.read(ENDPOINT, 101.0)

    assert value(gone, s.PRESENCE) == "gone"
    assert value(gone, s.FAREWELL) == farewell
    assert values(gone, s.PORT_STATE) == ports
    assert gone.failure is Failure.CLOSED  # what has left does not answer
    assert value(back, s.PRESENCE) == "present"
    assert world.slept == [PAUSE_SECONDS]


@pytest.mark.parametrize(
    ("failure", "pause"),
    [(Failure.REFUSED, PAUSE_SECONDS), (Failure.TIMEOUT, LONG_PAUSE_SECONDS)],
)
async def test_a_member_that_is_away_is_not_asked_without_a_pause(
    failure: Failure, pause: float
) -> None:
    world = World(*(EtcdError(failure, "away") for _ in range(3)))

    readings = [await world.source.read(ENDPOINT, 100.0) for _ in range(3)]

    assert {reading.failure for reading in readings} == {failure}
    assert world.slept == [pause, pause]


async def test_a_look_that_is_given_up_keeps_the_conversation() -> None:
    world = World(FakeStay())
    source = PresenceSource(Security(), arriving=world.arrive, stay_seconds=60.0)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await source.read(ENDPOINT, 100.0)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await source.read(ENDPOINT, 100.0)

    assert not world.arrivals


def test_its_patience_covers_all_its_waits() -> None:
    assert PresenceSource.pace.patience > 5.0 + 2.0 + LONG_PAUSE_SECONDS
