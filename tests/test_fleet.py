"""The watch of one of several clusters: what it takes up, and what it does with its own trouble."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from tests.sinks.fakes import FakeSink
from tests.surfaces.states import LEADER_DOWN
from tests.surfaces.watching import BEGAN, readings

from etcdscope.app.live import watching_of
from etcdscope.app.settings import Settings
from etcdscope.detect.catalog import DETECTORS
from etcdscope.diagnose.step import State, step
from etcdscope.engine import Deliver, Engine
from etcdscope.etcd.errors import EtcdError
from etcdscope.etcd.settings import Access
from etcdscope.fleet import FIRST_PAUSE, LONGEST_PAUSE, Shared, Watching, watch_all
from etcdscope.model.incident import Effect, EffectKind
from etcdscope.model.memory import Memory
from etcdscope.model.ports import Sweep
from etcdscope.model.reading import Failure
from etcdscope.model.signal import CLUSTER_ID
from etcdscope.sinks.deliver import Lane
from etcdscope.sinks.outbox import Outbox
from etcdscope.store.history import History


class Still:
    """A clock that only moves when somebody sleeps, and then at once."""

    def __init__(self) -> None:
        self.at = BEGAN
        self.slept: list[float] = []

    def now(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds
        await asyncio.sleep(0)


Run = Callable[[Engine, Deliver], None]


def opened(clock: Still, *lives: Run | Exception) -> Callable[[Deliver, Memory | None], object]:
    """Return what opens an engine: each life goes as it is told, the last for ever."""
    left = list(lives)

    @asynccontextmanager
    async def open_engine(deliver: Deliver, _: Memory | None) -> AsyncIterator[Engine]:
        life = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(life, Exception):
            raise life
        engine = Engine(
            clock=clock, state=State(DETECTORS), sources=(), given=(), deliver=deliver, tick=1.0
        )
        life(engine, deliver)
        yield engine

    return open_engine


def watching(
    clock: Still,
    *lives: Run | Exception,
    name: str = "a",
    alone: bool = False,
    history: History | None = None,
    outbox: Outbox | None = None,
) -> Watching:
    async def given() -> tuple[str, ...]:
        return ()

    def tell(_: Sequence[Effect], __: State) -> None:
        """Tell nobody."""

    return Watching(
        name=name,
        called=name,
        shared=Shared(clock, history, outbox),
        opened=opened(clock, *lives),  # type: ignore[arg-type]
        given=given,
        tell=tell,
        alone=alone,
        start=State(DETECTORS, called=name),
    )


def calm(_: Engine, __: Deliver) -> None:
    """Watch, and nothing happens."""


async def until(holds: Callable[[], object]) -> None:
    for _ in range(2_000):
        if holds():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came")


@asynccontextmanager
async def running(*watches: Watching) -> AsyncIterator[None]:
    task = asyncio.create_task(watch_all(watches))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


# --- trouble ---------------------------------------------------------------------------------


async def test_what_cannot_be_watched_says_so_and_is_tried_again_while_others_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Still()
    no_name = EtcdError(Failure.DNS, "no such name")
    bad, good = watching(clock, no_name, no_name, calm), watching(clock, calm, name="b")
    async with running(bad, good):
        await until(lambda: bad.trouble)
        trouble = bad.trouble
        await until(lambda: bad.state.window.now)
        await until(lambda: good.state.window.now)

    assert trouble == "etcdscope cannot watch this cluster: no such name."
    assert bad.trouble == ""
    assert [record.getMessage() for record in caplog.records] == [f"a: {trouble}"]
    assert FIRST_PAUSE in clock.slept
    assert 2 * FIRST_PAUSE in clock.slept


async def test_a_bug_of_ours_is_told_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    clock = Still()
    bad, good = watching(clock, ValueError("a bug"), calm), watching(clock, calm, name="b")
    async with running(bad, good):
        await until(lambda: bad.state.window.now)

    (record,) = caplog.records
    assert record.exc_info
    assert good.state.window.now


async def test_it_never_waits_longer_than_a_minute() -> None:
    clock = Still()
    bad = watching(clock, ValueError("a bug"))
    async with running(bad):
        await until(lambda: len(clock.slept) > 12)

    assert max(clock.slept) == LONGEST_PAUSE


async def test_the_trouble_of_the_only_one_is_the_agents() -> None:
    bad = watching(Still(), EtcdError(Failure.DNS, "no such name"), alone=True)
    with pytest.raises(ExceptionGroup) as failed:
        await watch_all([bad])

    assert failed.value.subgroup(EtcdError)


def test_what_ails_ourselves_is_told_with_the_first_cluster_alone() -> None:
    a, b = (Settings(access=Access((f"http://{name}:1",)), name=name) for name in "ab")
    whole = replace(a, also=(b,))

    def nobody(_: Sequence[Effect], __: State) -> None:
        """Hear nothing."""

    first, second = (
        {d.id for d in watching_of(one, whole, Shared(Still()), lambda _: nobody, handed=False)[0]
         .state.detectors}
        for one in whole.clusters
    )  # fmt: skip

    assert first - second == {"monitor-starved"}
    assert not second - first


@dataclass
class Heard(FakeSink):
    """Says when something has arrived."""

    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def deliver(self, effects: Sequence[Effect]) -> None:
        await super().deliver(effects)
        self.arrived.set()


@pytest.mark.parametrize(("alone", "called"), [(False, "prod"), (True, "")])
async def test_receivers_hear_of_which_of_several_clusters_it_is(
    alone: bool, called: str, tmp_path: Path
) -> None:
    clock, sink, judged = Still(), Heard(), asyncio.Event()
    outbox = Outbox([Lane(sink)], clock)

    def down(engine: Engine, deliver: Deliver) -> None:
        def judge(now: float) -> None:
            Engine.judge(engine, now)
            if not judged.is_set():
                deliver(Sweep(now, ()), [Effect(EffectKind.OPENED, now, "cdf8", LEADER_DOWN)])
                judged.set()

        engine.judge = judge  # type: ignore[method-assign]

    async with History.open(tmp_path) as history:
        told = [Effect(EffectKind.OPENED, BEGAN, "cdf8", replace(LEADER_DOWN, cluster="cdf8"))]
        history.append("prod", Sweep(BEGAN, ()), told)
        await history.flush()
        one = watching(clock, down, name="prod", alone=alone, history=history, outbox=outbox)
        await one.recall(("prod",))
        async with running(one):
            sending = asyncio.create_task(outbox.run())
            async with asyncio.timeout(10):  # the outbox writes in a thread
                await sink.arrived.wait()
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    (effect,) = sink.told[0]
    assert effect.incident
    assert (effect.cluster_name, effect.incident.cluster_name) == (called, called)
    assert [i.cluster_name for i in one.incidents] == [called]


# --- what goes on ----------------------------------------------------------------------------


def failing(engine: Engine, _: Deliver) -> None:
    """Watch for two seconds, then fail."""

    def judge(now: float) -> None:
        if now > BEGAN + 2:
            raise ValueError("a bug")
        Engine.judge(engine, now)

    engine.judge = judge  # type: ignore[method-assign]


async def test_what_was_open_goes_on_after_a_failure_of_ours() -> None:
    one = watching(Still(), failing, calm)
    one.incidents = (LEADER_DOWN,)
    async with running(one):
        await until(lambda: one.trouble)
        between = one.state.incidents
        await until(lambda: not one.trouble and one.state.window.now > BEGAN + 5)
        after = one.state.incidents

    assert between == (LEADER_DOWN,)
    assert after == (LEADER_DOWN,)


def seen(cluster: str) -> State:
    """Return a cluster of that id after a few seconds."""
    state = State(DETECTORS)
    for second in range(8):
        looks = [
            replace(
                look,
                observations=tuple(
                    replace(o, value=cluster) if o.signal is CLUSTER_ID else o
                    for o in look.observations
                ),
            )
            for look in readings(BEGAN + second, second)
        ]
        state, _ = step(state, looks, BEGAN + second)
    return state


async def test_its_history_is_found_again_by_its_name(tmp_path: Path) -> None:
    """Two clusters in one file: each takes up its own incidents, and not the other's."""
    clock = Still()
    async with History.open(tmp_path) as history:
        for name, cluster in (("a", "cdf8"), ("b", "beef")):
            down = replace(LEADER_DOWN, id=f"member-down/{cluster}/m2/1", cluster=cluster)
            told = [Effect(EffectKind.OPENED, BEGAN, cluster, down)]
            one = watching(clock, calm, name=name, history=history)
            history.append(cluster, Sweep(BEGAN, ()), told)
            one._memories.keep(seen(cluster).window, last=True)
        await history.flush()

    async with History.open(tmp_path) as history:
        clusters = await history.archive.clusters()
        found = {}
        for name in ("a", "b", "c"):
            one = watching(clock, calm, name=name, history=history)
            await one.recall(clusters)
            found[name] = ({i.cluster for i in one.incidents}, one.kept_as)

    assert found["a"] == ({"cdf8"}, ("cdf8", "a"))
    assert found["b"] == ({"beef"}, ("beef", "b"))
    assert found["c"] == (set(), ("c",))
