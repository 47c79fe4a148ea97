"""One coroutine from its start to its end, whatever ends it."""

import asyncio
import gc
import os
import signal
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")
TERMINATED, HUNG_UP = 143, 129
STARTED = 2.0  # seconds after which all is imported; a `check` is over by then


def run(
    work: Coroutine[Any, Any, Result],
    *,
    terminated: int = TERMINATED,
    hung_up: int | None = None,
    within: float | None = None,
) -> Result:
    """Run it; SIGTERM cancels it, as Ctrl-C does, and ends us with the exit code ``terminated``.

    ``hung_up``: the same for SIGHUP, where that is to be heard. ``within``: seconds after such a
    signal in which we end, whatever still waits for something.
    """
    told: int | None = None

    async def until_told() -> Result:
        def tell(code: int) -> None:
            nonlocal told
            told = code if told is None else told
            task.cancel()
            if within is not None:
                _end_within(within, code)

        task = asyncio.ensure_future(work)
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, tell, terminated)
        if hung_up is not None:
            loop.add_signal_handler(signal.SIGHUP, tell, hung_up)
        loop.call_later(STARTED, _collect)
        return await task

    try:
        return asyncio.run(until_told())
    except asyncio.CancelledError:
        if told is not None:
            raise SystemExit(told) from None
        raise


def _end_within(seconds: float, code: int) -> None:
    """End us by then: a name server that does not answer holds a thread, and that the exit."""
    last = threading.Timer(seconds, os._exit, [code])
    last.daemon = True
    last.start()


def _collect() -> None:
    """Begin to collect garbage; what is there by now stays, and need not be looked through."""
    gc.freeze()
    gc.enable()
