"""One coroutine from its start to its end, whatever ends it."""

import asyncio
import gc
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")
TERMINATED = 143
STARTED = 2.0  # seconds after which all is imported; a `check` is over by then


def run(work: Coroutine[Any, Any, Result], *, terminated: int = TERMINATED) -> Result:
    """Run it; SIGTERM cancels it, as Ctrl-C does, and ends us with the exit code ``terminated``."""
    told = False

    async def until_told() -> Result:
        def tell() -> None:
            nonlocal told
            told = True
            task.cancel()

        task = asyncio.ensure_future(work)
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, tell)
        loop.call_later(STARTED, _collect)
        return await task

    try:
        return asyncio.run(until_told())
    except asyncio.CancelledError:
        if told:
            raise SystemExit(terminated) from None
        raise


def _collect() -> None:
    """Begin to collect garbage; what is there by now stays, and need not be looked through."""
    gc.freeze()
    gc.enable()
