"""A thread that does blocking work one piece after the other."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, Self, TypeVar

T = TypeVar("T")


class Worker:
    """A daemon thread: unlike those of ``to_thread`` it never keeps the process from ending.

    A write to a hung disk does not return, and the agent must stop all the same.
    """

    def __init__(self, name: str) -> None:
        self._jobs: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    async def __aenter__(self) -> Self:
        self._thread.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._jobs.put(None)

    async def do(self, job: Callable[..., T], *args: object) -> T:
        """Return what ``job(*args)`` returns, or raise what it raises."""
        return await asyncio.wrap_future(self.submit(job, *args))

    def submit(self, job: Callable[..., T], *args: object) -> Future[T]:
        """Have ``job(*args)`` done; whoever takes the future answers for its error."""
        future: Future[T] = Future()
        self._jobs.put((future, lambda: job(*args)))
        return future

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            future, work = job
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = work()
            except BaseException as error:  # noqa: BLE001 - raised again where it is awaited
                outcome, value = future.set_exception, error
                with suppress(RuntimeError):  # the loop is gone
                    outcome(value)
            else:
                with suppress(RuntimeError):
                    future.set_result(result)
