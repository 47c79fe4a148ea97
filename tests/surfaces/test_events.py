"""Live events: built once for all, resumed by id, and nobody who is slow holds anybody up."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest
from tests.surfaces.states import AT, LEADER_DOWN, effect, healthy, leader_killed

from etcdscope.diagnose.step import State
from etcdscope.model.incident import Effect, EffectKind
from etcdscope.model.window import Window
from etcdscope.surfaces.view.cluster import Glance
from etcdscope.surfaces.view.watched import Watched
from etcdscope.surfaces.web.events import RING, WAITING, Hub, Listener, stream

OPENED = effect(EffectKind.OPENED, AT, incident=LEADER_DOWN)
CALM = State((), verdict=healthy(), window=Window(now=AT))


@dataclass
class World:
    """Two clusters, a clock that stands still, and how often a state was looked at."""

    now: float = AT
    state: State = CALM
    looked: int = 0
    hub: Hub = field(init=False)

    def __post_init__(self) -> None:
        glances = {key: Glance(Watched(key, self._look)) for key in ("a", "b")}
        self.hub = Hub(glances, lambda: self.now, at_once=0.0)

    def _look(self) -> State:
        self.looked += 1
        return self.state

    def later(self, seconds: float, state: State | None = None) -> None:
        """Let time pass; something was judged at its end."""
        self.now += seconds
        self.state = replace(state or self.state, window=Window(now=self.now))


def parsed(told: bytes) -> Iterator[tuple[str, int | None, dict[str, object]]]:
    """Yield name, id and data of every event."""
    for block in filter(None, told.decode().split("\n\n")):
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        number = int(fields["id"]) if "id" in fields else None
        yield fields["event"], number, json.loads(fields["data"])


def names(listener: Listener) -> list[str]:
    """Return what has come for a listener, by name; it is taken then."""
    return [name for name, _, _ in parsed(listener.taken())]


@asynccontextmanager
async def shown(world: World) -> AsyncIterator[None]:
    running = asyncio.create_task(world.hub.run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


# --- what a listener hears -------------------------------------------------------------------


def test_it_begins_with_how_everything_stands() -> None:
    world = World()
    with world.hub.listening("", None) as everybody, world.hub.listening("b", None) as one:
        first = list(parsed(everybody.taken()))
        second = list(parsed(one.taken()))

    assert [name for name, _, _ in first] == ["hello", "cluster", "cluster"]
    assert [data["key"] for _, _, data in first[1:]] == ["a", "b"]
    assert first[0][1] is None  # hello has no id: what was missed is still to come
    assert [data["key"] for _, _, data in second[1:]] == ["b"]
    assert "links" in second[1][2]
    assert "links" not in first[1][2]


def test_an_incident_goes_at_once_to_those_whom_it_concerns() -> None:
    world = World()
    with (
        world.hub.listening("", None) as everybody,
        world.hub.listening("a", None) as its_own,
        world.hub.listening("b", None) as another,
    ):
        for listener in (everybody, its_own, another):
            listener.taken()
        world.hub.tell("a", [OPENED])
        ((name, _, data),) = parsed(everybody.taken())

        assert names(its_own) == ["incident"]
        assert not another.news.is_set()

    assert name == "incident"
    assert next(iter(data)) == "key"
    assert (data["key"], data["event"], data["incident"]) == ("a", "opened", LEADER_DOWN.id)


@pytest.mark.parametrize(
    ("told", "name"),
    [
        (OPENED, "incident"),
        (effect(EffectKind.VERDICT, AT, verdict=healthy()), "verdict"),
    ],
)
def test_an_event_is_called_by_what_it_is(told: Effect, name: str) -> None:
    world = World()
    with world.hub.listening("", None) as listener:
        listener.taken()
        world.hub.tell("a", [told])

        assert names(listener) == [name]


# --- coming back -----------------------------------------------------------------------------


def test_who_comes_back_gets_what_was_missed_and_nothing_twice() -> None:
    world = World()
    with world.hub.listening("a", None) as listener:
        listener.taken()
        world.hub.tell("a", [OPENED])
        ((_, seen, _),) = parsed(listener.taken())
    world.hub.tell("a", [effect(EffectKind.CLOSED, AT + 1, incident=LEADER_DOWN)])
    world.hub.tell("b", [OPENED])

    with world.hub.listening("a", seen) as again:
        told = list(parsed(again.taken()))

    assert [name for name, _, _ in told] == ["hello", "incident", "cluster"]
    assert told[1][2]["event"] == "closed"


@pytest.mark.parametrize("last", [0, 5, int(AT * 1000) - 1, int(AT * 1000) + 10**6])
def test_a_number_of_another_life_is_not_taken_for_one_of_this(last: int) -> None:
    with World().hub.listening("", last) as listener:
        assert names(listener) == ["hello", "reset", "cluster", "cluster"]


def test_what_has_left_the_ring_is_said_to_be_unknown() -> None:
    world = World()
    world.hub.tell("a", [OPENED])
    first = int(AT * 1000) + 1
    world.hub.tell("a", [OPENED] * RING)  # the first one falls out
    with world.hub.listening("a", first) as just:
        assert names(just)[:2] == ["hello", "incident"]
    with world.hub.listening("a", first - 1) as late:
        assert names(late)[:2] == ["hello", "reset"]


# --- what it costs ---------------------------------------------------------------------------


async def test_while_nobody_listens_nothing_is_looked_at() -> None:
    world = World()
    async with shown(world):
        world.hub.tell("a", [OPENED])
        for _ in range(3):
            world.later(1.0)
            await asyncio.sleep(0)

    assert world.looked == 0


async def test_a_cluster_is_shown_once_a_second_and_at_once_with_news() -> None:
    world = World()

    async def until_shown() -> list[str]:
        for _ in range(10):
            await asyncio.sleep(0)
        return names(listener)

    async with shown(world):
        with world.hub.listening("a", None) as listener:
            listener.taken()
            world.later(5.0)
            first = await until_shown()
            world.later(0.25)
            too_soon = await until_shown()
            world.hub.tell("a", [OPENED])
            news = await until_shown()
            world.later(0.75)
            not_yet = await until_shown()
            world.later(0.5)
            in_time = await until_shown()

    assert first == ["cluster"]
    assert too_soon == []
    assert news == ["incident", "cluster"]
    assert not_yet == []
    assert in_time == ["cluster"]


async def test_to_all_clusters_numbers_alone_are_no_news() -> None:
    world = World()
    heard: list[int] = []
    async with shown(world):
        with world.hub.listening("", None) as listener:
            for seconds, state in ((5.0, None), (1.0, None), (1.0, None), (1.0, "worse")):
                listener.taken()
                worse = State((), verdict=leader_killed()) if state else None
                world.later(seconds, worse)
                for _ in range(10):
                    await asyncio.sleep(0)
                heard.append(len(listener.pictures))

    assert heard == [2, 0, 0, 2]


# --- who is slow -----------------------------------------------------------------------------


async def test_who_does_not_keep_up_is_let_go_and_holds_nobody_up() -> None:
    world = World()
    with world.hub.listening("a", None) as slow, world.hub.listening("a", None) as quick:
        for _ in range(WAITING):
            world.hub.tell("a", [OPENED])
            quick.taken()
        told = [some async for some in stream(slow)]

        assert slow.gone
        assert told == []  # what came after a gap must not look as if there was none
        assert not quick.gone
        assert len(slow.waiting) == WAITING


async def test_where_nothing_happens_a_heartbeat_comes() -> None:
    with World().hub.listening("", None) as listener:
        told = stream(listener, heartbeat=0.01)
        first = await anext(told)
        second = await anext(told)

    assert first.startswith(b"event: hello\n")
    assert second == b": still here\n\n"


async def test_the_end_of_the_agent_ends_the_stream() -> None:
    world = World()
    with world.hub.listening("", None) as listener:
        listener.taken()
        waiting = asyncio.create_task(anext(stream(listener), b"the end"))
        await asyncio.sleep(0)
        world.hub.close()

        assert await waiting == b"the end"
