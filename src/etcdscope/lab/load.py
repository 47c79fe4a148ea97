"""The handle of the background load: what it did, and how to change it."""

import asyncio
import json
import sys
from asyncio.subprocess import Process
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from etcdscope.lab import load_process
from etcdscope.lab.certificates import Certificates
from etcdscope.lab.children import end, spawn
from etcdscope.lab.spec import LoadSpec

SECONDS_KEPT: Final = 3_600
# A line holds the latencies of a second.
LINE_BYTES: Final = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What the load did in some time; latencies in seconds, of what succeeded, sorted.

    `missed` is what was due while all connections were busy waiting.
    """

    seconds: int
    failed: int
    missed: int
    latencies: tuple[float, ...] = field(repr=False)

    @property
    def ok(self) -> int:
        return len(self.latencies)

    def quantile(self, q: float) -> float | None:
        if not self.latencies:
            return None
        return self.latencies[min(int(q * self.ok), self.ok - 1)]


class Load:
    """A running load process."""

    def __init__(self, process: Process, spec: LoadSpec) -> None:
        self.spec = spec
        self._process = process
        self._seconds: deque[dict[str, Any]] = deque(maxlen=SECONDS_KEPT)
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def start(
        cls,
        spec: LoadSpec,
        endpoints: Sequence[str],
        certificates: Certificates | None,
        *,
        lab_id: str,
        log: Path,
    ) -> "Load":
        program = (sys.executable, "-I", "-S", load_process.__file__)
        process = await spawn(program, lab_id=lab_id, log=log, talk=True, line_bytes=LINE_BYTES)
        load = cls(process, spec)
        first: dict[str, Any] = {**asdict(spec), "endpoints": list(endpoints)}
        if certificates:
            first |= {name: str(path) for name, path in asdict(certificates).items()}
        load._tell(first)
        return load

    @property
    def pid(self) -> int:
        return self._process.pid

    def change(self, **changes: Any) -> None:  # noqa: ANN401
        """Change rate, shape, period_s, low, reads or keys while it runs."""
        self.spec = replace(self.spec, **changes)
        self._tell(changes)

    def report(self, since: datetime | None = None) -> LoadReport:
        """All whole seconds that began at or after `since`, of the last hour."""
        begin = since.timestamp() + 1 if since else 0.0
        seconds = [second for second in self._seconds if second["at"] >= begin]
        return LoadReport(
            seconds=len(seconds),
            failed=sum(second["failed"] for second in seconds),
            missed=sum(second["missed"] for second in seconds),
            latencies=tuple(sorted(took for second in seconds for took in second["latencies"])),
        )

    def history(self) -> list[tuple[datetime, LoadReport]]:
        """Second by second, each under the time of its end."""
        return [
            (
                datetime.fromtimestamp(second["at"], UTC),
                LoadReport(
                    1, second["failed"], second["missed"], tuple(sorted(second["latencies"]))
                ),
            )
            for second in self._seconds
        ]

    async def stop(self) -> None:
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)
        await end(self._process)

    def _tell(self, what: dict[str, Any]) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(what).encode() + b"\n")

    async def _listen(self) -> None:
        assert self._process.stdout
        while line := await self._process.stdout.readline():
            self._seconds.append(json.loads(line))
