"""The loops, in virtual time: nothing sleeps, a day passes in a moment."""

import asyncio
import selectors
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from etcdscope.detect.catalog import DETECTORS
from etcdscope.diagnose.step import State, step
from etcdscope.engine import GRACE, LEFT_FOR, TICK, Engine
from etcdscope.model.cluster import Member, MemberList
from etcdscope.model.incident import Effect
from etcdscope.model.memory import Memory, Remembered
from etcdscope.model.ports import Pace, Source, Sweep
from etcdscope.model.reading import Failure, Observation, Reading
from etcdscope.model.signal import LOOP_LAG, MEMBER_LIST, MEMORY, SINK_FAILING

T0 = 1_795_330_000.0
HALF_A_SECOND = Pace(cadence=0.5, patience=1.0)
M1, M2 = "http://m1:2379", "http://m2:2379"


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time jumps to whatever is due next."""

    def __init__(self) -> None:
        self.passed = 0.0
        super().__init__(_Jumping(self))

    def time(self) -> float:
        return self.passed


class _Jumping(selectors.SelectSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if not events and timeout:
            self._loop.passed += timeout
        return events


class VirtualClock:
    """The engine's clock on the loop's time; ``jump`` is a stall of ours."""

    def __init__(self) -> None:
        self.jump = 0.0

    def now(self) -> float:
        return T0 + asyncio.get_running_loop().time() + self.jump

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(seconds, 0.0))


@dataclass
class Fake:
    """A source whose looks take ``takes`` seconds; keeps when it looked where."""

    name: str = "status"
    pace: Pace = HALF_A_SECOND
    takes: float = 0.01
    gives: tuple[Observation, ...] = ()
    fails: Failure | None = None
    raises: Exception | None = None
    members: Mapping[str, str] = field(default_factory=lambda: {M1: "a1", M2: "a2"})
    looked: list[tuple[float, str]] = field(default_factory=list)

    async def read(self, endpoint: str, at: float) -> Reading:
        self.looked.append((round(at - T0, 2), endpoint))
        await asyncio.sleep(self.takes)
        if self.raises:
            raise self.raises
        if self.fails:
            return Reading.failed(self.name, endpoint, at, self.fails, took=self.takes)
        return Reading(self.name, endpoint, at, self.takes, self.members[endpoint], self.gives)

    def times(self, endpoint: str = M1) -> list[float]:
        return [at for at, where in self.looked if where == endpoint]


class Watch:
    """An engine that runs for so many seconds, and what it delivered."""

    def __init__(
        self,
        *sources: Source,
        given: Sequence[str] = (M1,),
        left: Callable[[str], Awaitable[None]] | None = None,
    ) -> None:
        self.clock = VirtualClock()
        self.sweeps: list[Sweep] = []
        self.effects: list[Effect] = []
        self.own: tuple[Observation, ...] = ()
        self.standing: dict[str, Source] = {}
        self.engine = Engine(
            clock=self.clock,
            state=State(DETECTORS),
            sources=sources,
            given=given,
            deliver=self.deliver,
            own=lambda: self.own,
            standing=lambda: self.standing,
            left=left,
        )

    def deliver(self, sweep: Sweep, effects: Sequence[Effect]) -> None:
        self.sweeps.append(sweep)
        self.effects += effects

    async def run(self, *parts: tuple[float, object]) -> None:
        """Run; at each of these times call what stands beside it, at the last one end."""
        async with asyncio.TaskGroup() as group:
            running = group.create_task(self.engine.run())
            for at, then in parts:
                await asyncio.sleep(at - asyncio.get_running_loop().time())
                if callable(then):
                    then()
            running.cancel()

    def readings(self, source: str, endpoint: str = M1) -> list[Reading]:
        return [
            r
            for sweep in self.sweeps
            for r in sweep.readings
            if (r.source, r.endpoint) == (source, endpoint)
        ]


def watch(seconds: float, *sources: Source, given: Sequence[str] = (M1,)) -> Watch:
    """Return what was delivered in so many seconds."""
    watching = Watch(*sources, given=given)
    _run(watching, (seconds, None))
    return watching


def _run(watching: Watch, *parts: tuple[float, object]) -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner, suppress(asyncio.CancelledError):
        runner.run(watching.run(*parts))


def test_judging_goes_on_at_its_tick_whatever_the_sources_do() -> None:
    seen = watch(3.1, Fake(takes=60.0))

    assert [round(s.now - T0, 2) for s in seen.sweeps] == [TICK * i for i in range(1, 13)]


def test_slow_source_delays_no_other() -> None:
    slow, quick = Fake("metrics", takes=60.0), Fake("status")
    watch(3.1, slow, quick)

    assert quick.times() == [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0]


def test_frozen_member_delays_no_other() -> None:
    class Half(Fake):
        async def read(self, endpoint: str, at: float) -> Reading:
            self.takes = 60.0 if endpoint == M1 else 0.01
            return await super().read(endpoint, at)

    source = Half()
    watch(3.1, source, given=(M1, M2))

    assert len(source.times(M2)) == 7
    assert len(source.times(M1)) == 3


def test_second_endpoint_of_a_member_is_left_after_each_source_has_answered_once() -> None:
    both = {M1: "a1", M2: "a1"}
    status, slow = Fake("status", members=both), Fake("metrics", takes=0.8, members=both)
    patient = Fake("hashes", pace=Pace(0.0, 60.0), takes=30.0, members=both)
    seen = watch(70.0, status, slow, patient, given=(M1, M2))

    assert len(seen.readings("metrics", M2)) == 2
    first, second = status.times(M2)
    assert first == 0.0
    assert LEFT_FOR <= second < LEFT_FOR + 2  # asked once a minute whether it still does
    assert len(slow.times(M1)) > 3


def test_look_that_outlasts_its_patience_is_a_timeout() -> None:
    seen = watch(2.0, Fake(takes=60.0, pace=Pace(cadence=0.5, patience=1.0)))
    (reading,) = seen.readings("status")

    assert reading.failure is Failure.TIMEOUT
    assert reading.took == pytest.approx(1.0 + GRACE)
    assert reading.at == T0


def test_next_look_begins_at_its_cadence_and_never_before_the_last_one_ended() -> None:
    source = Fake(takes=0.7, pace=Pace(cadence=0.5, patience=1.0))
    watch(2.2, source)

    assert source.times() == [0.0, 0.7, 1.4, 2.1]


def test_source_that_raises_is_a_bug_of_ours_and_stops_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    broken, fine = Fake("metrics", raises=ZeroDivisionError("oh")), Fake("status")
    seen = watch(2.1, broken, fine)

    assert {r.failure for r in seen.readings("metrics")} == {Failure.BUG}
    assert len(fine.times()) == 5
    assert "metrics failed on http://m1:2379" in caplog.text


def test_source_that_raises_without_a_cadence_does_not_spin(
    caplog: pytest.LogCaptureFixture,
) -> None:
    broken = Fake("presence", pace=Pace(0.0, 5.0), takes=0.0, raises=ZeroDivisionError("oh"))
    watch(3.1, broken)

    assert len(broken.times()) <= 4


def test_suspicion_wakes_the_metrics_and_its_end_lets_them_rest() -> None:
    status = Fake("status")
    metrics = Fake("metrics", pace=Pace(cadence=5.0, patience=4.0, zoomed=1.0))
    watching = Watch(status, metrics)

    def fail() -> None:
        status.fails = Failure.REFUSED

    def heal() -> None:
        status.fails = None

    _run(watching, (2.1, fail), (6.0, heal), (16.0, None))
    woken = metrics.times()

    assert woken[0] == 0.0
    assert woken[1] == pytest.approx(2.75, abs=0.3)  # at the judgement that saw the failure
    assert [round(b - a) for a, b in pairwise(woken[1:5])] == [1, 1, 1]
    assert woken[-1] - woken[-2] == pytest.approx(5.0)


def listed(*ids: str) -> tuple[Observation, ...]:
    urls = {"a1": M1, "a2": M2}
    return (Observation(MEMBER_LIST, MemberList(tuple(Member(i, i, (), (urls[i],)) for i in ids))),)


def test_member_that_is_listed_is_looked_at_and_one_that_is_removed_is_not() -> None:
    source = Fake(gives=listed("a1", "a2"))
    watching = Watch(source)

    def remove() -> None:
        source.gives = listed("a1")

    _run(watching, (3.0, remove), (8.0, None))
    there = source.times(M2)

    assert there[0] == TICK
    assert there[-1] < 4.0
    assert ("status", M2) not in watching.engine.state.window.looks
    assert source.times(M1)[-1] == 8.0


def test_where_nobody_looks_any_more_is_let_go_of_once_the_looks_have_ended() -> None:
    events: list[tuple[str, str]] = []

    class Keeping(Fake):
        async def read(self, endpoint: str, at: float) -> Reading:
            try:
                return await super().read(endpoint, at)
            except asyncio.CancelledError:
                await asyncio.sleep(0.1)
                events.append(("ended", endpoint))
                raise

        def leave(self, endpoint: str) -> None:
            events.append(("source", endpoint))

    async def close(endpoint: str) -> None:
        events.append(("clients", endpoint))

    status = Fake(gives=listed("a1", "a2"))
    watching = Watch(status, Keeping("presence", Pace(0.0, 9.0), takes=8.0), left=close)

    def remove() -> None:
        status.gives = listed("a1")

    _run(watching, (3.0, remove), (8.0, None))

    assert events[:3] == [("ended", M2), ("source", M2), ("clients", M2)]
    assert ("clients", M1) not in events


def test_members_of_an_earlier_life_are_looked_at_where_the_one_that_was_named_is_down() -> None:
    known = Memory(
        home="c1",
        endpoints=(M1,),
        members=(Remembered("a1", "m1", (), (M1,)), Remembered("a2", "m2", (), (M2,))),
    )

    class HalfDown(Fake):
        async def read(self, endpoint: str, at: float) -> Reading:
            if endpoint == M1:
                return Reading.failed(self.name, endpoint, at, Failure.REFUSED)
            return await super().read(endpoint, at)

    status, members = HalfDown(), HalfDown("members", gives=listed("a2"))
    watching = Watch(status, members)

    def recall() -> None:
        watching.engine.receive(Observation(MEMORY, known))

    _run(watching, (1.0, recall), (3.0, lambda: None))

    assert status.times(M2)
    # Once somebody answers, his list counts and not what is remembered.
    assert [m.id for m in watching.engine.state.window.members] == ["a2"]


def test_first_sweep_is_complete_when_every_look_was_made_once() -> None:
    watching = Watch(Fake(gives=listed("a1", "a2")), Fake("metrics", takes=0.6))
    complete: list[bool] = []

    def note() -> None:
        complete.append(watching.engine.complete)

    _run(watching, (0.01, note), (0.4, note), (1.2, note))

    assert complete == [False, False, True]


def test_a_source_that_stands_by_itself_is_looked_at_where_it_stands_while_it_does() -> None:
    log = Fake("logs", Pace(cadence=0.25, patience=2.0), members={"log:m1": "a1"})
    watching = Watch(Fake(gives=listed("a1", "a2")))

    def begin() -> None:
        watching.standing["log:m1"] = log

    _run(watching, (1.0, begin), (3.0, watching.standing.clear), (5.0, None))

    assert {where for _, where in log.looked} == {"log:m1"}
    assert log.looked[0][0] == pytest.approx(1.0, abs=TICK)
    assert log.looked[-1][0] == pytest.approx(3.0, abs=TICK)
    assert ("logs", "log:m1") not in watching.engine.state.window.looks
    assert "log:m1" not in watching.engine.state.window.endpoints


def test_lateness_of_our_own_is_observed() -> None:
    watching = Watch(Fake())

    def stall() -> None:
        watching.clock.jump = 3.0

    _run(watching, (2.1, stall), (4.0, None))
    lags = [o.value for r in watching.readings("self", "") for o in r.observations]

    assert max(lags) == pytest.approx(3.0)  # type: ignore[type-var]
    assert lags[0] == pytest.approx(0.0)


def test_what_else_is_known_of_ourselves_is_observed_once_a_second() -> None:
    watching = Watch(Fake())
    watching.own = (Observation(SINK_FAILING, 40.0, "pager"),)
    _run(watching, (3.1, None))
    own = watching.readings("self", "")

    assert [o.signal for o in own[0].observations] == [LOOP_LAG, SINK_FAILING]
    assert len(own) == 3


def test_replay_of_what_was_recorded_has_the_same_effects() -> None:
    source = Fake(gives=listed("a1", "a2"))
    watching = Watch(source)

    def fail() -> None:
        source.fails = Failure.REFUSED

    _run(watching, (3.0, fail), (8.0, None))
    state, effects = State(DETECTORS), list[Effect]()
    for sweep in watching.sweeps:
        state, told = step(state, sweep.readings, sweep.now)
        effects += told

    assert watching.effects
    assert effects == watching.effects
