"""Counts the key space of a watched cluster once an hour, on the follower with least to do."""

from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from statistics import median

from etcdscope.detect.testimony import leader
from etcdscope.etcd.errors import EtcdError
from etcdscope.etcd.operations import prefix_end
from etcdscope.model.census import REGISTRY_AT, Census, Chronicle
from etcdscope.model.ports import Clock, Pace
from etcdscope.model.reading import Failure, Observation, Reading
from etcdscope.model.signal import REGISTRY, REGISTRY_BYTES, REGISTRY_KEYS, STATUS_SECONDS
from etcdscope.model.window import Window
from etcdscope.sources.looking import Looking
from etcdscope.sources.registry.live import Effort, ReadsPages, Scan

HOUR = 3600.0
# By then every member has shown how quick it is, and a crash loop of ours does not count each time.
FIRST = 60.0
# What failed is tried again, but not so often that it becomes a load of its own.
RETRY = 900.0
POLL = 1.0
# So gentle that nobody notices: 2 GB take four minutes, in which the API server compacts once. A
# page is some 5 ms of our own loop.
GENTLE = Effort(page_keys=500, page_bytes=2 << 20, abreast=1, rate=8e6)
# A member that takes longer than this to say its status has something better to do.
BUSY = 0.1
PATIENCE_OF_A_PAGE = 30.0
TOLD = 12  # resources with a series of their own, for charts

Opens = Callable[[str], AbstractAsyncContextManager[ReadsPages]]


def calmest(window: Window) -> str:
    """Return where the follower with the quickest answers is, else the leader; or nothing."""
    lead = leader(window)
    quick: dict[str, float] = {}
    for member in window.voters:
        took = window.numbers(member.id, STATUS_SECONDS, over=60.0)
        if took and window.reachable(member.id) and window.dialled(member.id):
            quick[member.id] = median(took)
    if not lead or not quick:
        return ""
    best = min(quick, key=lambda m: (m == lead, round(quick[m], 3), m))
    return window.dialled(best) if quick[best] < BUSY else ""


class RegistrySource:
    """Gives the chronicle of censuses, an hour after the last of them.

    ``opens``: a client of an endpoint. ``before``: what was counted by an earlier life of ours.
    ``look_at`` tells where the cluster's window is; until then nobody is asked.
    Gives:   censuses, and keys and bytes of the largest resources; nothing where no API server
             keeps its objects.
    Errors:  none leave; a census that was not finished counts as failed.
    """

    name = "registry"
    pace = Pace(cadence=0.0, patience=2 * HOUR)  # waits by itself for its hour

    def __init__(self, opens: Opens, clock: Clock, before: Chronicle | None = None) -> None:
        self._opens = opens
        self._window: Callable[[], Window] = Window
        self._clock = clock
        self.chronicle = before or Chronicle()
        last = self.chronicle.last
        self._due = max(clock.now() + FIRST, last.at + HOUR if last else 0.0)

    def look_at(self, window: Callable[[], Window]) -> None:
        """Choose whom to ask by this window from now on."""
        self._window = window

    def remembered(self) -> tuple[Reading, ...]:
        """Return what was counted before as a reading of its own time."""
        last = self.chronicle.last
        if last is None:
            return ()
        seen = Observation(REGISTRY, self.chronicle)
        return (Reading(self.name, REGISTRY_AT, last.at, observations=(seen,)),)

    async def read(self, endpoint: str, at: float) -> Reading:  # noqa: ARG002 - it waits first
        """Wait for the hour, and count."""
        asked = await self._turn()
        looking = Looking(self.name, REGISTRY_AT, self._clock.now())
        self._due = self._clock.now() + RETRY
        try:
            async with self._opens(asked) as client:
                if not await _kubernetes(client):
                    self._due = self._clock.now() + HOUR
                    return looking.gave(())
                census = await self._count(client, asked)
        except EtcdError as error:
            return looking.failed(error)
        if not census.complete:
            return looking.blind(Failure.CLOSED, " ".join(census.notes))
        self._due = self._clock.now() + HOUR
        self.chronicle = self.chronicle.extended(census)
        return looking.gave(_observations(self.chronicle))

    async def _turn(self) -> str:
        while True:
            await self._clock.sleep(max(self._due - self._clock.now(), POLL))
            if self._clock.now() >= self._due and (asked := calmest(self._window())):
                return asked

    async def _count(self, client: ReadsPages, asked: str) -> Census:
        last = self.chronicle.last
        since = last.revision if last else 0
        # Names of Secrets do not belong into a history that others may read.
        return await Scan(client, asked, self._clock, GENTLE, hashed=True, since=since).census()


async def _kubernetes(client: ReadsPages) -> bool:
    for root in (b"/registry/namespaces/", b"/kubernetes.io/namespaces/"):
        if (await client.page(root, prefix_end(root), limit=1, keys_only=True)).size:
            return True
    return False


def _observations(chronicle: Chronicle) -> Iterator[Observation]:
    yield Observation(REGISTRY, chronicle)
    for row in chronicle.censuses[-1].by_resource()[:TOLD]:
        yield Observation(REGISTRY_KEYS, float(row.keys), row.resource)
        yield Observation(REGISTRY_BYTES, float(row.bytes), row.resource)
