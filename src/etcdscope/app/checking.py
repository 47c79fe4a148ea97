"""One look at every member, and the verdict: `check`."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from etcdscope.app.looking import open_engine
from etcdscope.app.settings import Settings
from etcdscope.app.standing import read_logs
from etcdscope.diagnose.step import State
from etcdscope.diagnose.verdict import unmet
from etcdscope.engine import Engine, SystemClock
from etcdscope.model.finding import BlindSpot, Severity
from etcdscope.model.incident import Effect, Incident, Verdict
from etcdscope.model.ports import Sweep

# `check` looks at a trouble for at most so long before it says what it has.
PATIENCE = 5.0
# Where nothing is wrong it does not wait for anything but the answers.
CHECK_TICK = 0.05


@dataclass(frozen=True, slots=True)
class Checked:
    """What one look found. ``seconds``: from the start to the verdict."""

    verdict: Verdict
    incidents: tuple[Incident, ...]
    blind_spots: tuple[BlindSpot, ...]
    notices: tuple[str, ...]
    at: float
    seconds: float


async def check(
    settings: Settings, *, observe: float = 0.0, watched: Callable[[State], None] | None = None
) -> Checked:
    """Look once at every member, for ``observe`` seconds if asked to, and return the verdict.

    Where something is suspect it looks on, for at most ``PATIENCE`` seconds, until it is sure.
    """
    clock = SystemClock()
    began = clock.now()

    def tell(_: Sweep, __: Sequence[Effect]) -> None:
        if watched:
            watched(engine.state)

    logs = read_logs(settings, lambda: engine.state.window) if settings.logs else None
    async with open_engine(
        settings,
        clock,
        tell,
        tick=CHECK_TICK,
        rest=0.0,
        presence=False,
        hashes=observe > 0,
        logs=logs,
    ) as engine:
        running = asyncio.create_task(engine.run())
        try:
            while not running.done() and not _sure(engine, clock.now() - began, observe):
                await clock.sleep(CHECK_TICK / 2)
            if running.done():
                await running
            engine.judge(clock.now())
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        state = engine.state
        assert state.verdict is not None
        return Checked(
            state.verdict,
            state.incidents,
            state.judged.blind_spots,
            engine.notices,
            clock.now(),
            clock.now() - began,
        )


def _sure(engine: Engine, elapsed: float, observe: float) -> bool:
    if elapsed > observe + PATIENCE:
        return True
    state = engine.state
    if elapsed < observe or not engine.complete or unmet(state.window):
        return False
    opened = {(i.cause, i.subject) for i in state.incidents}
    explained = {effect for i in state.incidents for effect in i.effects}
    pending = any(
        f.severity > Severity.INFO and f.key not in opened and f.detector not in explained
        for f in state.judged.findings
    )
    lone = any(
        look.failure is not None and look.failures < 2 and look.source in ("status", "raftvars")
        for look in state.window.looks.values()
    )
    return not pending and not lone
