"""The loops: look, judge, deliver. One engine for live and once."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from etcdscope.diagnose.step import State, step
from etcdscope.model.cluster import Member
from etcdscope.model.finding import Finding
from etcdscope.model.incident import Effect
from etcdscope.model.ports import Clock, Leaves, Source, Sweep
from etcdscope.model.reading import Failure, Observation, Reading
from etcdscope.model.signal import LOOP_LAG
from etcdscope.model.window import Window
from etcdscope.sources.discover import choose

log = logging.getLogger(__name__)

TICK = 0.25
# What a source may take on top of its patience before the engine itself gives up on it.
GRACE = 0.25
AFTER_A_BUG = 1.0
# An endpoint that leads where another one leads is asked this often whether it still does.
LEFT_FOR = 60.0

Deliver = Callable[[Sweep, Sequence[Effect]], None]
At = tuple[str, str]  # a source, and where it looks


class SystemClock:
    """Wall time that never runs backwards: a step back of the wall clock is ridden out."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now(self) -> float:
        """Return unix seconds."""
        # A step forward (a machine that slept) is taken over; one back is not.
        self._offset = max(self._offset, time.time() - time.monotonic() - 1.0)
        return time.monotonic() + self._offset

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(max(seconds, 0.0))


class Engine:
    """Watches one cluster: a loop for each (source, endpoint), and one that judges.

    ``given``: the endpoints that the user named. ``deliver`` gets every sweep and its effects,
    and must not block. ``own``: what else is to be observed of ourselves, asked once a second.
    ``standing``: sources that belong to no URL of the cluster, such as logs, by their endpoint.
    ``left``: closes what is open to an endpoint at which nobody looks any more.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        state: State,
        sources: Sequence[Source],
        given: Sequence[str],
        deliver: Deliver,
        tick: float = TICK,
        own: Callable[[], Iterable[Observation]] = tuple,
        standing: Callable[[], Mapping[str, Source]] = dict,
        left: Callable[[str], Awaitable[None]] | None = None,
    ) -> None:
        self.state = state
        self.notices: tuple[str, ...] = ()
        self._clock = clock
        self._sources = sources
        self._given = tuple(given)
        self._deliver = deliver
        self._tick = tick
        self._own = own
        self._standing = standing
        self._close = left
        self._inbox: list[Reading] = []
        self._looking: dict[At, asyncio.Task[None]] = {}
        self._zoomed = asyncio.Event()
        self._left: dict[str, float] = {}  # endpoint → when we ceased to look at it
        self._noted, self._late = 0.0, 0.0

    async def run(self) -> None:
        """Look and judge until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._look_where_needed(group)
            woke = self._clock.now()
            while True:
                await self._clock.sleep(self._tick)
                late = self._clock.now() - woke - self._tick
                woke = self._clock.now()
                self._observe_ourselves(woke, max(late, 0.0))
                self.judge(woke)
                if self.state.judged_at == woke:  # else nothing has turned
                    self._look_where_needed(group)

    @property
    def given(self) -> tuple[str, ...]:
        """Return the endpoints that it began with."""
        return self._given

    def remember(self, readings: Sequence[Reading]) -> None:
        """Take in what an earlier life of ours had seen, to be judged with the first sweep."""
        self._inbox.extend(readings)

    @property
    def _patient(self) -> set[str]:
        """Return the sources that wait by themselves for something to happen."""
        return {s.name for s in self._sources if s.pace.cadence == 0}

    @property
    def complete(self) -> bool:
        """Return whether every look that the present topology asks for was made once."""
        patient = self._patient
        return bool(self._looking) and all(
            at in self.state.window.looks for at in self._looking if at[0] not in patient
        )

    def judge(self, now: float) -> None:
        """Judge what has arrived, and hand on what follows."""
        readings, self._inbox = tuple(self._inbox), []
        self.state, effects = step(self.state, readings, now)
        for finding in self.state.judged.findings:
            _report_bug(finding)
        if self.state.suspect:
            self._zoomed.set()
        else:
            self._zoomed.clear()
        self._deliver(Sweep(now, readings), effects)

    def receive(self, *observations: Observation) -> None:
        """Take in what comes from no look, such as what an earlier life of ours remembered."""
        self._inbox.append(Reading("self", "", self._clock.now(), observations=observations))

    def _observe_ourselves(self, now: float, late: float) -> None:
        """Note how late we run, once a second and whenever it is worse than before."""
        self._late = max(self._late, late)
        if now - self._noted < 1.0 and late < 0.1:
            return
        seen = (Observation(LOOP_LAG, self._late), *self._own())
        self._inbox.append(Reading("self", "", now, observations=seen))
        self._noted, self._late = now, 0.0

    # --- looking -------------------------------------------------------------------------------

    def _look_where_needed(self, group: asyncio.TaskGroup) -> None:
        wanted = {(s.name, e): s for e in self._endpoints() for s in self._sources}
        wanted |= {(s.name, e): s for e, s in self._standing().items()}
        done = [at for at in self._looking if at not in wanted and not self._awaited(at)]
        if done:
            group.create_task(self._leave({at: self._forget(at) for at in done}))
        for at, source in wanted.items():
            if at not in self._looking:
                self._looking[at] = group.create_task(self._keep_looking(source, at[1]))

    def _awaited(self, at: At) -> bool:
        """Return whether the first answer is still to come: it may tell two processes apart."""
        return at not in self.state.window.looks and at[0] not in self._patient

    def _endpoints(self) -> Mapping[str, str]:
        window = self.state.window
        status = {e: look for (s, e), look in window.looks.items() if s == "status"}
        answered = {e: look.member for e, look in status.items() if look.last_ok and look.member}
        now = self._clock.now()
        # What leads where another one leads is left for a while, and not found anew at once.
        left = {
            e: m
            for e in self._given
            if e not in status
            and now - self._left.get(e, 0.0) < LEFT_FOR
            and (m := window.endpoints.get(e, "")) in answered.values()
        }
        answered = left | answered
        failed = {e: look.failure for e, look in status.items() if look.failure is not None}
        choice = choose(self._given, window.members or _remembered(window), answered, failed)
        astray = tuple(
            f"{url} leads to no member that is known: {status[url].detail}"
            for url, member in choice.endpoints.items()
            if not member and window.members and url in failed
        )
        self.notices = choice.notices + astray
        return choice.endpoints

    def _forget(self, at: At) -> asyncio.Task[None]:
        """End a look, and drop what it saw last; return what is ending."""
        task = self._looking.pop(at)
        task.cancel()
        window = self.state.window
        self._left[at[1]] = self._clock.now()
        looks = {key: look for key, look in window.looks.items() if key != at}
        self.state = replace(self.state, window=replace(window, looks=looks))
        return task

    async def _leave(self, ending: Mapping[At, asyncio.Task[None]]) -> None:
        """Let go of what is open or kept where nobody looks any more, once the looks have ended."""
        await asyncio.wait(ending.values())
        by_name: Mapping[str, object] = {s.name: s for s in self._sources}
        for name, endpoint in ending.keys() - self._looking.keys():
            if isinstance(source := by_name.get(name), Leaves):
                source.leave(endpoint)
        if self._close is None:
            return
        for endpoint in {e for _, e in ending} - {e for _, e in self._looking}:
            await self._close(endpoint)

    async def _keep_looking(self, source: Source, endpoint: str) -> None:
        while True:
            began = self._clock.now()
            reading = await self._read(source, endpoint, began)
            self._inbox.append(reading)  # to the inbox of now: judging took the one of before
            if reading.failure is Failure.BUG:  # a source that waits by itself would spin
                await self._clock.sleep(AFTER_A_BUG)
            await self._pause(source, began)

    async def _pause(self, source: Source, began: float) -> None:
        pace = source.pace
        if pace.zoomed is None:
            await self._clock.sleep(began + pace.cadence - self._clock.now())
            return
        await self._clock.sleep(began + pace.zoomed - self._clock.now())
        rest = began + pace.cadence - self._clock.now()
        if rest > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(rest):
                    await self._zoomed.wait()

    async def _read(self, source: Source, endpoint: str, at: float) -> Reading:
        patience = source.pace.patience
        try:
            async with asyncio.timeout(patience + GRACE):
                return await source.read(endpoint, at)
        except TimeoutError:
            detail = f"{endpoint} gave no answer within {patience:.1f} s"
            return Reading.failed(
                source.name, endpoint, at, Failure.TIMEOUT, detail, self._clock.now() - at
            )
        except Exception:  # a bug in one source must not blind the others
            log.exception("%s failed on %s", source.name, endpoint)
            return Reading.failed(source.name, endpoint, at, Failure.BUG, "an error of etcdscope")


def _remembered(window: Window) -> tuple[Member, ...]:
    """Return the members of an earlier life of ours: the one that was named may be the one down."""
    return tuple(Member(m.id, m.name, m.peer_urls, m.client_urls) for m in window.memory.members)


def _report_bug(finding: Finding) -> None:
    if finding.traceback:
        log.error("%s\n%s", finding.summary, finding.traceback)
