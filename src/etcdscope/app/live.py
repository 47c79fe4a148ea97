"""Watching until cancelled: `watch`, and `serve`, the agent."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING

from etcdscope.app.keeping import (
    UNKNOWN,
    make_outbox,
    open_history,
    open_recorder,
    own_health,
    resume,
)
from etcdscope.app.looking import open_engine
from etcdscope.app.reaching import endpoints_of
from etcdscope.app.settings import Settings
from etcdscope.app.showing import Ready, serve_http
from etcdscope.app.standing import count_keys, read_logs
from etcdscope.detect.catalog import DETECTORS
from etcdscope.diagnose.step import State
from etcdscope.engine import Deliver, Engine, SystemClock
from etcdscope.fleet import Shared, Tell, Watching, watch_all
from etcdscope.model.incident import Effect
from etcdscope.store.censuses import Censuses

if TYPE_CHECKING:
    from etcdscope.model.memory import Memory
    from etcdscope.sources.logs.opened import Logs

Named = Callable[[str], Tell]
# Is told the name of a cluster and why it cannot be watched; with nothing when it can be again.
Troubled = Callable[[str, str], None]

# What speaks of us alone. Sinks and store are asked for with one cluster only.
_OF_CLUSTERS = tuple(d for d in DETECTORS if d.id != "monitor-starved")


async def watch(
    settings: Settings,
    tell: Tell | None = None,
    *,
    named: Named | None = None,
    troubled: Troubled | None = None,
) -> None:
    """Watch until cancelled; ``tell`` gets the effects and the state of every judgement.

    ``named`` makes the ``tell`` of each cluster by its name, where there are several.
    """
    each = named or (lambda _: tell or _nobody)
    await _live(settings, each, handed=False, troubled=troubled)


async def serve(settings: Settings, named: Named, ready: Ready | None = None) -> None:
    """Be the agent, until cancelled: watch, keep history, tell receivers, answer over HTTP.

    ``ready`` hears where, once it answers.
    """
    await _live(settings, named, handed=True, ready=ready)


def _nobody(_: Sequence[Effect], __: State) -> None:
    """Tell nobody."""


async def _live(
    settings: Settings,
    named: Named,
    *,
    handed: bool,
    ready: Ready | None = None,
    troubled: Troubled | None = None,
) -> None:
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        history = await stack.enter_async_context(open_history(settings))
        outbox = make_outbox(settings, clock)
        shared = Shared(clock, history, outbox, open_recorder(settings, stack))
        watches = [
            watching_of(one, settings, shared, named, handed=handed, troubled=troubled)
            for one in settings.clusters
        ]
        await resume([watching for watching, _ in watches], history, outbox)
        if handed:
            await stack.enter_async_context(serve_http(settings, watches, shared, ready))
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(outbox.run()) if outbox else None
            try:
                await watch_all([watching for watching, _ in watches])
            finally:
                if outbox and sending:
                    await outbox.flush()
                    sending.cancel()


def watching_of(
    one: Settings,
    whole: Settings,
    shared: Shared,
    named: Named,
    *,
    handed: bool,
    troubled: Troubled | None = None,
) -> "tuple[Watching, Logs | None]":
    """Return the watch of one cluster, and what reads its logs (``handed``: over HTTP as well)."""
    alone = len(whole.clusters) == 1
    called = one.name or UNKNOWN
    # How we ourselves do is told once, with the first cluster.
    first = one is whole
    own = partial(own_health, shared.history, shared.outbox, shared.clock) if first else None
    start = State(DETECTORS if first else _OF_CLUSTERS, one.limits, called=called)
    logs = read_logs(one, lambda: watching.state.window) if handed or one.logs else None
    censuses = Censuses(shared.history)

    def opened(deliver: Deliver, memory: "Memory | None") -> AbstractAsyncContextManager[Engine]:
        counts = handed and whole.registry
        counting = partial(count_keys, shared.clock, censuses, memory) if counts else None
        return open_engine(
            one,
            shared.clock,
            deliver,
            own=own or tuple,
            logs=logs,
            start=start,
            counting=counting,
            known=memory.endpoints if memory else (),
        )

    watching = Watching(
        name=one.name,
        called=called,
        shared=shared,
        opened=opened,
        given=lambda: endpoints_of(one.access),
        tell=named(one.name),
        alone=alone,
        start=start,
        troubled=partial(troubled, one.name) if troubled else None,
    )
    watching.also_tell(lambda _, state: censuses.keep(state.window))
    return watching, logs
