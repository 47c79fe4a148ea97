"""What a new start of ours remembers."""

from pathlib import Path

from etcdscope.diagnose.step import State
from etcdscope.engine import Engine, SystemClock
from etcdscope.model.ports import Sweep
from etcdscope.model.reading import Observation, Reading
from etcdscope.model.signal import DB_BYTES, DB_BYTES_LONG
from etcdscope.model.window import Window, slide
from etcdscope.store.history import History
from etcdscope.store.memory import remembered
from etcdscope.store.sampler import Sampler

C = "10e5e39849dab251"
START = 1_795_330_000.0
URL = "http://m1:2379"
OLD = Reading("history", "", START, member="a1", observations=(Observation(DB_BYTES_LONG, 1.0),))


def sizes(begin: float, seconds: int) -> list[Sweep]:
    """Return sweeps of a database that grows by a byte a second, one every five seconds."""
    return [
        Sweep(
            begin + t,
            (Reading("status", URL, begin + t, 0.0, "a1", (Observation(DB_BYTES, float(t)),)),),
        )
        for t in range(0, seconds, 5)
    ]


async def test_sizes_of_before_a_restart_are_remembered(tmp_path: Path) -> None:
    async with History.open(tmp_path) as history:
        for number, sweep in enumerate(sizes(START, 1800)):
            history.append(C, sweep)
            if number % 8 == 0:
                await history.flush()
        await history.flush()

        readings = await remembered(history.archive, START + 1800)

    window = slide(Window(), readings, START + 1800)
    points = window.points("a1", DB_BYTES_LONG)
    assert 27 <= len(points) <= 30
    assert all(abs(p.value - (p.at - START)) < 60 for p in points if isinstance(p.value, float))
    assert not window.endpoints


async def test_nothing_is_remembered_where_nothing_was_kept(tmp_path: Path) -> None:
    async with History.open(tmp_path) as history:
        assert await remembered(history.archive, START) == ()


def test_what_was_remembered_is_not_sampled_again() -> None:
    sampler = Sampler()

    sampler.add(Sweep(START, (OLD,)))

    assert sampler.rest() is None


def test_engine_judges_what_it_remembers_with_the_first_sweep() -> None:
    told: list[Sweep] = []
    engine = Engine(
        clock=SystemClock(),
        state=State(()),
        sources=(),
        given=(),
        deliver=lambda sweep, _: told.append(sweep),
    )

    engine.remember([OLD])
    engine.judge(START + 60)

    assert told[0].readings == (OLD,)
    assert engine.state.window.points("a1", DB_BYTES_LONG)
