"""A real cluster of the lab with the real app watching it, in one process."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from etcdscope import app
from etcdscope.diagnose.step import State
from etcdscope.etcd.settings import Access, Security
from etcdscope.lab.cluster import Lab, LabSpec
from etcdscope.model.finding import Severity
from etcdscope.model.incident import Effect, EffectKind, Incident

# Long enough for rates to have a past.
WARM_SECONDS = 7.0


@dataclass
class Watched:
    """A lab, and what was told of it so far."""

    lab: Lab
    effects: list[Effect] = field(default_factory=list)
    state: State | None = None
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, effects: Sequence[Effect], state: State) -> None:
        """Take what a judgement said."""
        self.effects.extend(effects)
        self.state = state
        self._news.set()

    @property
    def serious(self) -> list[Incident]:
        """Return the open incidents of severity warning or critical."""
        incidents = self.state.incidents if self.state else ()
        return [i for i in incidents if i.severity > Severity.INFO]

    def told(self, since: int = 0, *, notes: bool = False) -> list[Incident]:
        """Return the serious incidents as they were told, oldest first; ``notes``: all of them."""
        return [
            e.incident
            for e in self.effects[since:]
            if e.incident
            and e.kind in (EffectKind.OPENED, EffectKind.CHANGED)
            and (notes or e.incident.severity > Severity.INFO)
        ]

    async def until(self, holds: Callable[[], bool], seconds: float) -> float | None:
        """Wait until something holds; return the seconds it took, None if it did not in time."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(seconds):
                while not holds():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return None
        return time.monotonic() - began

    async def quiet(self, seconds: float = 60.0) -> bool:
        """Wait until no serious incident is open."""
        return await self.until(lambda: not self.serious, seconds) is not None


@asynccontextmanager
async def watching(spec: LabSpec, data_dir: Path | None = None) -> AsyncIterator[Watched]:
    """Bring a lab up, and watch it from one of its endpoints."""
    async with Lab.start(spec) as lab:
        watched = Watched(lab)
        given = lab.certificates
        security = Security(given.ca, given.cert, given.key) if given else Security()
        settings = app.Settings(access=Access((lab.endpoints[0],), security), data_dir=data_dir)
        task = asyncio.create_task(app.watch(settings, watched.tell))
        try:
            await asyncio.sleep(WARM_SECONDS)
            yield watched
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
