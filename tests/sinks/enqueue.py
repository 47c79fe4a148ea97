"""Puts numbered messages until it is killed, and says which ones the queue has acknowledged."""

import asyncio
import sys
from pathlib import Path

from tests.sinks.fakes import RealClock

from etcdscope.sinks.journal import Journal
from etcdscope.sinks.queue import Queue


async def main(path: Path) -> None:
    queue = Queue(RealClock(), journal=Journal(path))
    async with asyncio.TaskGroup() as group:
        group.create_task(queue.keep())
        for number in range(1_000_000):
            queue.put("one" if number % 2 else "two", b"%d" % number)
            if number % 5 == 0:
                await queue.saved()
                sys.stdout.write(f"{number}\n")
                sys.stdout.flush()


asyncio.run(main(Path(sys.argv[1])))
