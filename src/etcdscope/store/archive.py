"""The side of the history that reads; another process may be writing meanwhile."""

from collections.abc import AsyncIterator, Callable, Generator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Concatenate, Final, ParamSpec, TypeVar

import apsw

from etcdscope.model.incident import Effect, Incident
from etcdscope.model.ports import StoreError, Sweep
from etcdscope.store import charts, flight, ledger
from etcdscope.store.charts import Wanted
from etcdscope.store.codec import Tally
from etcdscope.store.database import FILE, open_for_reading, translated
from etcdscope.store.facts import Made, UnknownFact
from etcdscope.store.recording import Recorded, write_recording
from etcdscope.store.series import How, Points, Run
from etcdscope.store.worker import Worker

T = TypeVar("T")
P = ParamSpec("P")
_MOST: Final = 1_000
_AT_ONCE: Final = 64  # sweeps handed to the loop at a time


@dataclass(frozen=True, slots=True)
class Span:
    """What the flight recorder holds of a cluster."""

    begin: float
    end: float
    sweeps: int
    bytes: int


class Archive:
    """Reads the history at ``path``; every answer comes from one consistent state of it."""

    def __init__(self, path: Path, worker: Worker) -> None:
        self._path = path
        self._worker = worker

    @classmethod
    @asynccontextmanager
    async def open(cls, directory: Path) -> AsyncIterator["Archive"]:
        """Open the history in a data directory, while its agent may be running."""
        async with Worker("history-reader") as worker:
            archive = cls(directory / FILE, worker)
            await archive.clusters()
            yield archive

    async def clusters(self) -> list[str]:
        """Return the clusters that have a history here."""
        return await self._ask(lambda c: [n for (n,) in c.execute("SELECT name FROM cluster")])

    # --- the flight recorder ---------------------------------------------------------------------

    async def sweeps(
        self, cluster: str, begin: float, end: float, tally: Tally | None = None
    ) -> AsyncIterator[Sweep]:
        """Yield the sweeps with ``begin <= now < end`` in the order in which they were judged."""
        source = self._flight(cluster, begin, end, tally or Tally())
        try:
            while some := await self._worker.do(_some, source):
                for sweep in some:
                    yield sweep
        finally:
            await self._worker.do(source.close)

    def _flight(self, cluster: str, begin: float, end: float, tally: Tally) -> Generator[Sweep]:
        with self._reading() as connection:
            known = ledger.known_cluster(connection, cluster)
            if known is not None:
                yield from flight.read(connection, known, begin, end, tally)

    async def span(self, cluster: str) -> Span | None:
        """Return what the flight recorder holds, None for nothing."""
        return await self._of(_span, cluster)

    async def gaps(self, cluster: str, begin: float, end: float) -> list[ledger.Gap]:
        """Return which sweeps of a span could not be kept."""
        return await self._of(ledger.gaps, cluster, begin, end)

    async def export(self, cluster: str, begin: float, end: float, path: Path) -> Recorded:
        """Write a span of the flight recorder as a recording; an existing file is replaced."""
        return await self._worker.do(self._export, cluster, begin, end, path)

    def _export(self, cluster: str, begin: float, end: float, path: Path) -> Recorded:
        with self._reading() as connection:
            known = ledger.known_cluster(connection, cluster)
            if known is None:
                raise StoreError(f"{self._path} holds nothing of cluster {cluster}")
            lost = sum(gap.sweeps for gap in ledger.gaps(connection, known, begin, end))
        return write_recording(
            path, cluster, self._flight(cluster, begin, end, Tally()), {"lost_sweeps": str(lost)}
        )

    # --- charts ----------------------------------------------------------------------------------

    async def series(
        self,
        cluster: str,
        member: str,
        signal: str,
        key: str = "",
        *,
        begin: float,
        end: float,
        step: float,
        how: How = "mean",
    ) -> Points:
        """Return one series, one value a ``step`` (rounded up to whole slots of five seconds)."""
        wanted = [Wanted(member, signal, key, how)]
        return (await self.charts(cluster, wanted, begin=begin, end=end, step=step))[0]

    async def charts(
        self, cluster: str, wanted: Sequence[Wanted], *, begin: float, end: float, step: float
    ) -> list[Points]:
        """Return several series at the same points in time."""
        return await self._of(charts.draw, cluster, wanted, (begin, end), step)

    async def runs(
        self, cluster: str, member: str, signal: str, key: str = "", *, begin: float, end: float
    ) -> list[Run]:
        """Return in which spans a state was which word."""
        return await self._of(charts.lane, cluster, Wanted(member, signal, key), begin, end)

    async def known_series(self, cluster: str) -> list[Wanted]:
        """Return the series that have samples."""
        return await self._of(charts.known_series, cluster)

    # --- what was told ---------------------------------------------------------------------------

    async def effects(
        self, cluster: str, begin: float, end: float, limit: int = _MOST
    ) -> list[Effect]:
        """Return the newest effects of a span, oldest first."""
        return await self._of(ledger.effects, cluster, begin, end, limit)

    async def incidents(
        self, cluster: str, begin: float, end: float, limit: int = _MOST
    ) -> list[Incident]:
        """Return the newest incidents that were open at some time of the span, oldest first."""
        return await self._of(ledger.incidents, cluster, begin, end, limit)

    async def incident(self, cluster: str, name: str) -> Incident | None:
        """Return the incident of that id, None where there is none."""
        return await self._of(ledger.incident, cluster, name)

    async def told_of(self, cluster: str, incident: Incident, limit: int = 200) -> list[Effect]:
        """Return the first effects of one incident, oldest first."""
        return await self._of(ledger.told_of, cluster, incident, limit)

    async def open_incidents(self, cluster: str) -> list[Incident]:
        """Return the incidents that had not ended when the store was last written."""
        return await self._of(ledger.open_incidents, cluster)

    async def recall(self, cluster: str, key: str) -> Made:
        """Return what was remembered under ``key``, None for nothing."""
        data = await self._of(ledger.recall, cluster, key)
        try:
            return None if data is None else ledger.unpacked(data)
        except UnknownFact:  # of a newer version
            return None

    # --- how -------------------------------------------------------------------------------------

    @contextmanager
    def _reading(self) -> Iterator[apsw.Connection]:
        connection = open_for_reading(self._path)
        try:
            with translated(self._path):
                connection.execute("BEGIN")
                yield connection
        except ValueError as error:
            raise StoreError(f"{self._path} is damaged: {error}") from error
        finally:
            connection.close()

    async def _ask(self, question: Callable[[apsw.Connection], T]) -> T:
        def answer() -> T:
            with self._reading() as connection:
                return question(connection)

        return await self._worker.do(answer)

    async def _of(
        self,
        question: Callable[Concatenate[apsw.Connection, int, P], T],
        cluster: str,
        *args: P.args,
        **named: P.kwargs,
    ) -> T:
        """Ask about a cluster; one that is not there has nothing."""
        return await self._ask(
            lambda c: question(c, ledger.known_cluster(c, cluster) or 0, *args, **named)
        )


def _some(sweeps: Iterator[Sweep]) -> list[Sweep]:
    return list(islice(sweeps, _AT_ONCE))


def _span(connection: apsw.Connection, cluster: int) -> Span | None:
    begin, end, sweeps, size = connection.execute(
        "SELECT min(begin), max(end), sum(sweeps), sum(length(data)) FROM ("
        "SELECT begin, end, sweeps, data FROM flight WHERE cluster = ?1 UNION ALL "
        "SELECT begin, end, sweeps, data FROM flight_fresh WHERE cluster = ?1)",
        (cluster,),
    ).get
    return None if begin is None else Span(begin, end, sweeps, size)
