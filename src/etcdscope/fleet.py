"""One agent, several clusters: each is watched by itself, and the trouble of one stops no other."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from etcdscope.diagnose.step import State
from etcdscope.engine import Deliver, Engine
from etcdscope.etcd.errors import EtcdError, SettingsError
from etcdscope.model.incident import Effect, Incident
from etcdscope.model.ports import Clock, Sweep
from etcdscope.model.reading import Observation, Reading
from etcdscope.model.signal import MEMORY
from etcdscope.store.memories import Memories

if TYPE_CHECKING:
    from etcdscope.model.memory import Memory
    from etcdscope.sinks.outbox import Outbox
    from etcdscope.store.history import History
    from etcdscope.store.recording import Recorder

Tell = Callable[[Sequence[Effect], State], None]
# Takes what is to be given every sweep, and what is remembered of the cluster.
Open = Callable[[Deliver, "Memory | None"], AbstractAsyncContextManager[Engine]]
log = logging.getLogger(__name__)

# A watch that failed begins again after so long, and after twice as long each time it fails anew.
FIRST_PAUSE: Final = 2.0
LONGEST_PAUSE: Final = 60.0


@dataclass(frozen=True, slots=True)
class Shared:
    """What all clusters of one agent have in common."""

    clock: Clock
    history: "History | None" = None
    outbox: "Outbox | None" = None
    recorder: "Recorder | None" = None


class Watching:
    """The watch of one cluster, for as long as the agent lives.

    ``called``: what the cluster is called until it has said its id. ``opened``: builds the engine
    anew. ``alone``: it is the only one, and its failure is the agent's. ``troubled``: is told why
    it cannot be watched, and with nothing that it can be again.
    """

    def __init__(
        self,
        *,
        name: str,
        called: str,
        shared: Shared,
        opened: Open,
        given: Callable[[], Awaitable[tuple[str, ...]]],
        tell: Tell,
        alone: bool,
        start: State,
        troubled: Callable[[str], None] | None = None,
    ) -> None:
        self.trouble = ""
        self.incidents: tuple[Incident, ...] = ()
        self._name, self._called = name, called
        self._shared = shared
        self._opened = opened
        self._given = given
        self._tells = [tell]
        self._alone = alone
        self._troubled = troubled or (lambda _: None)
        self._state = start
        self._engine: Engine | None = None
        self._memories = Memories(shared.history, name)
        self._memory: Memory | None = None
        self._before: tuple[Reading, ...] = ()
        self._claimed: tuple[str, ...] = ()
        self._noticed: set[str] = set()

    @property
    def state(self) -> State:
        """Return what is known now, or was known last."""
        return self._engine.state if self._engine else self._state

    @property
    def kept_as(self) -> tuple[str, ...]:
        """Return the names under which the history holds this cluster, the newest first."""
        memory = self.state.window.memory
        known = (self._cluster(), memory.cluster, memory.home, *self._claimed, self._called)
        return tuple(dict.fromkeys(name for name in known if name))

    def also_tell(self, tell: Tell) -> None:
        """Tell somebody else, too, from now on."""
        self._tells.append(tell)

    async def recall(self, clusters: Sequence[str]) -> None:
        """Take up what an earlier life of ours knew of it; ``clusters``: all in the history."""
        history = self._shared.history
        if history is None:
            return
        from etcdscope.store.memory import remembered

        self._claimed = await self._memories.claimed(clusters)
        self._memory = await self._memories.recall(await self._addresses(), self._claimed)
        homes = (self._memory.home, self._memory.cluster) if self._memory else ()
        own = {*self._claimed, *homes, self._called} & {*clusters}
        own = {*clusters} if self._alone else own
        told = [await history.archive.open_incidents(cluster) for cluster in sorted(own)]
        self.incidents = tuple(self._named(incident) for one in told for incident in one)
        self._before = await remembered(history.archive, self._shared.clock.now(), sorted(own))

    async def _addresses(self) -> tuple[str, ...]:
        try:
            return await self._given()
        except Exception:
            if self._alone:
                raise
            return ()  # it is told when the watch begins

    # --- watching --------------------------------------------------------------------------------

    async def run(self) -> None:
        """Watch until cancelled. Only where it is alone does an error end it."""
        clock, pause = self._shared.clock, FIRST_PAUSE
        while True:
            began = clock.now()
            try:
                await self._watch()
            except Exception as error:  # the trouble of one cluster must stop no other
                if self._alone:
                    raise
                self._complain(error)
            if clock.now() - began > LONGEST_PAUSE:
                pause = FIRST_PAUSE
            await clock.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _complain(self, error: Exception) -> None:
        """Say once what is wrong; a bug of ours with all that may help to find it."""
        trouble = f"etcdscope cannot watch this cluster: {_why(error)}"
        bug = not isinstance(error, (EtcdError, SettingsError))
        if bug or trouble != self.trouble:
            log.error("%s: %s", self._name, trouble, exc_info=error if bug else None)
        self.trouble = trouble
        self._troubled(trouble)

    async def _watch(self) -> None:
        async with self._opened(self._deliver, self._memory) as engine:
            # Where it is may only have been found out now.
            self._memory = self._memory or await self._memories.recall(engine.given, self._claimed)
            self._engine = engine
            engine.state = engine.state.resumed(self.incidents, self._shared.clock.now())
            engine.remember(self._before)
            if self._memory:
                engine.receive(Observation(MEMORY, self._memory))
            self.trouble = ""
            self._troubled("")
            try:
                await engine.run()
            finally:
                self._memories.keep(engine.state.window, last=True)
                # Another watch begins with what this one knew.
                self._engine, self._state = None, engine.state
                self.incidents, self._before = engine.state.incidents, ()
                self._memory = engine.state.window.memory

    def _deliver(self, sweep: Sweep, effects: Sequence[Effect]) -> None:
        engine, shared = self._engine, self._shared
        assert engine is not None
        for tell in self._tells:
            tell(effects, engine.state)
        for notice in set(engine.notices) - self._noticed:
            self._noticed.add(notice)
            log.warning("%s", notice if self._alone else f"{self._name}: {notice}")
        if shared.history:
            self._memories.keep(engine.state.window)
            shared.history.append(self._cluster() or self._called, sweep, effects)
        if shared.outbox:
            shared.outbox.put(self._of_this_one(effect) for effect in effects)
        if shared.recorder:
            self._record(shared.recorder, sweep)

    def _named(self, incident: Incident) -> Incident:
        """Return the incident with what the user calls its cluster, where there are several."""
        return incident if self._alone else replace(incident, cluster_name=self._name)

    def _of_this_one(self, effect: Effect) -> Effect:
        """Return the effect as it is told to receivers, who hear of all clusters."""
        if self._alone:
            return effect
        incident = self._named(effect.incident) if effect.incident else None
        return replace(effect, incident=incident, cluster_name=self._name)

    def _record(self, recorder: "Recorder", sweep: Sweep) -> None:
        failed = bool(recorder.error)
        # What it is called counts until the first frame is written.
        recorder.cluster = self._cluster() or self._called
        recorder.append(sweep)
        if recorder.error and not failed:
            log.error("%s", recorder.error)

    def _cluster(self) -> str:
        verdict = self.state.verdict
        return verdict.cluster if verdict else ""


def _why(error: BaseException) -> str:
    """Return the first reason in a sentence; a group's is that of its first member."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{str(error) or type(error).__name__}".rstrip(".") + "."


async def watch_all(watches: Sequence[Watching]) -> None:
    """Watch all of them until cancelled."""
    async with asyncio.TaskGroup() as group:
        for one in watches:
            group.create_task(one.run())
