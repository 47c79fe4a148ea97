"""Work that may block for as long as a disk hangs."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

R = TypeVar("R")


def in_thread(work: Callable[[], R]) -> "asyncio.Future[R]":
    """Do it in a thread that nobody must wait for, not even the end of the agent.

    Those of ``asyncio.to_thread`` are waited for.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[R] = loop.create_future()

    def give(result: R) -> None:
        if not done.cancelled():
            done.set_result(result)

    def fail(error: BaseException) -> None:
        if not done.cancelled():
            done.set_exception(error)

    def run() -> None:
        with suppress(RuntimeError):  # the loop is gone
            try:
                result = work()
            except BaseException as error:  # noqa: BLE001 - raised again where it is awaited
                loop.call_soon_threadsafe(fail, error)
            else:
                loop.call_soon_threadsafe(give, result)

    threading.Thread(target=run, name="blocking", daemon=True).start()
    return done
