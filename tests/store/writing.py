"""A program that writes history until it is killed: ``python writing.py DIRECTORY``.

After every second of sweeps that is surely written it prints how many sweeps that makes.
"""

import asyncio
import sys
from pathlib import Path

from tests.store.sweeps import Cluster

from etcdscope.store.history import History


async def main() -> None:
    """Write as fast as it goes."""
    cluster = Cluster(seed=7)
    async with History.open(Path(sys.argv[1])) as history:
        written = 0
        while True:
            for _ in range(4):
                history.append("c", cluster.sweep())
            await history.flush()
            written += 4
            sys.stdout.write(f"{written}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
