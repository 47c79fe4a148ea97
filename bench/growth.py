"""Records how a real etcd fills its quota, for bench.forecast: ``python -m bench.growth [NAME …]``.

One member a recipe, all at once; a quota of 48 to 96 MiB, a look at the sizes every second; about
three and a half minutes.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from etcdscope.lab.cluster import Lab
from etcdscope.lab.gateway import encoded
from etcdscope.lab.spec import KIB, MIB, LabError, LabSpec

GROWTH = Path(__file__).parent / "growth"
VALUE = 32 * KIB


@dataclass(frozen=True)
class Recipe:
    """Bytes a second of new keys and of overwrites, and seconds between what is done on purpose."""

    says: str
    quota: int
    new: float
    churn: float = 0.0
    compaction: float = 0.0
    defrag: float = 0.0
    new_ends: float = 1e9
    seconds: float = 200.0


RECIPES = {
    "steady": Recipe("48 MiB at 0.3 MiB/s", 48 * MIB, 0.3 * MIB),
    "saw-tooth": Recipe(
        "48 MiB, growth and churn, compacted every 10 s", 48 * MIB, 0.25 * MIB, 0.5 * MIB, 10.0
    ),
    "churn": Recipe("64 MiB, churn alone, compacted every 10 s", 64 * MIB, 0.0, 1.0 * MIB, 10.0),
    "defragmented": Recipe(
        "40 MiB, growth and churn, defragmented once a minute",
        40 * MIB, 0.2 * MIB, 0.5 * MIB, 10.0, 60.0,
    ),
    "stops": Recipe("96 MiB, a load that ends after 70 s", 96 * MIB, 0.4 * MIB, new_ends=70.0),
}  # fmt: skip


async def record(name: str) -> None:
    """Record one recipe into its file."""
    recipe = RECIPES[name]
    points: list[tuple[float, int, int]] = []
    full: float | None = None
    async with Lab.start(LabSpec(members=1, quota_bytes=recipe.quota, version="3.5")) as lab:
        began = time.monotonic()

        def elapsed() -> float:
            return round(time.monotonic() - began, 2)

        tasks = [
            asyncio.create_task(task)
            for task in (
                _write(lab, "new", recipe.new, lambda: elapsed() < recipe.new_ends),
                _write(lab, "churn", recipe.churn, lambda: True),
                _every(recipe.compaction, lambda: _compact(lab)),
                _every(recipe.defrag, lambda: lab.call("maintenance/defragment")),
            )
        ]
        while elapsed() < recipe.seconds and full is None:
            await asyncio.sleep(1.0)
            said = await lab.call("maintenance/status")
            points.append((elapsed(), int(said["dbSize"]), int(said["dbSizeInUse"])))
            if "NOSPACE" in str(said.get("errors", "")):
                full = elapsed()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    GROWTH.mkdir(exist_ok=True)
    told = {"name": recipe.says, "quota": recipe.quota, "full": full, "points": points}
    (GROWTH / f"{name}.json").write_text(json.dumps(told) + "\n")
    print(name, "full after", full, "of", len(points), "points")


async def _write(lab: Lab, prefix: str, rate: float, may: Callable[[], bool]) -> None:
    """Put distinct keys (new), or the same few again and again (churn)."""
    due, count = time.monotonic(), 0
    while rate:
        due += VALUE / rate
        await asyncio.sleep(max(due - time.monotonic(), 0.0))
        if not may():
            return
        key = f"{prefix}/{count if prefix == 'new' else count % 20:06}"
        count += 1
        try:
            await lab.call("kv/put", key=encoded(key.encode()), value=encoded(os.urandom(VALUE)))
        except LabError as error:
            if "space exceeded" not in str(error):
                raise
            return


async def _every(seconds: float, work: Callable[[], Awaitable[object]]) -> None:
    while seconds:
        await asyncio.sleep(seconds)
        await work()


async def _compact(lab: Lab) -> None:
    said = await lab.call("maintenance/status")
    await lab.call("kv/compaction", revision=said["header"]["revision"])


async def main() -> None:
    """Record the recipes that were named, or all."""
    await asyncio.gather(*(record(name) for name in sys.argv[1:] or RECIPES))


if __name__ == "__main__":
    asyncio.run(main())
