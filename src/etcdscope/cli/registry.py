"""registry."""

import asyncio
import signal
import sys
from contextlib import AsyncExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from etcdscope.cli import FAILED, INTERRUPTED
from etcdscope.cli.access import Cluster, Output
from etcdscope.cli.running import run
from etcdscope.etcd.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from etcdscope.etcd.client import EtcdClient
    from etcdscope.model.census import Census
    from etcdscope.sources.registry.live import Effort

LIVE = "live"
# A page of large values over a slow line may take longer than other calls.
PAGE_SECONDS = 30.0


def registry(
    *what: Annotated[
        str,
        Parameter(
            help="A snapshot or member/snap/db; nothing for the live cluster. Or: diff A B, each a"
            " file, what --json printed, live, or with --data-dir a moment: 24h (ago), now."
        ),
    ],
    json: Annotated[bool, Parameter(help="Print JSON; its schema is stable.", negative="")] = False,
    csv: Annotated[
        bool, Parameter(help="Print one row a resource and namespace.", negative="")
    ] = False,
    counts: Annotated[
        bool, Parameter(help="Only count keys, which takes a moment.", negative="")
    ] = False,
    rows: Annotated[int, Parameter(help="So many rows of each table at most.")] = 12,
    hash_secrets: Annotated[
        bool, Parameter(help="Show the names of Secrets as hashes.", negative="")
    ] = False,
    rate: Annotated[
        str, Parameter(help="Read at most so much a second from a member: 20MB; 0 is no limit.")
    ] = "200MB",
    data_dir: Annotated[Path | None, Parameter(help="Where an agent keeps its history.")] = None,
    cluster: Cluster = Cluster(),
    output: Output = Output(),
) -> int:
    """Tell who fills the database: keys and bytes by resource, namespace and object, never values.

    Live it is read page by page from the least busy follower, with reads that cost no consensus;
    Ctrl-C ends it early and shows what was counted. A file may be one that etcd has open.
    """
    output.open_log()
    if json and csv:
        raise SettingsError("registry: --json and --csv exclude each other.")
    asked = Asked(cluster, _octets(rate), counts=counts, hashed=hash_secrets, data_dir=data_dir)
    shown = Shown(json=json, csv=csv, rows=max(rows, 1), output=output)
    if what[:1] == ("diff",):
        if len(what) != 3:
            raise SettingsError("registry diff: name two files or moments: registry diff A B.")
        if csv:
            raise SettingsError("registry diff: --csv is not to be had; use --json.")
        before = asked.one(what[1])
        shown.diff(before, asked.one(what[2], since=before.revision))
        return 0
    if len(what) > 1:
        raise SettingsError(f"registry {' '.join(what)}: name one file, or diff A B.")
    census = asked.one(what[0] if what else LIVE)
    shown.census(census)
    if asked.interrupted:
        return INTERRUPTED
    return 0 if census.complete else FAILED


class Asked:
    """Brings a census from wherever it is wanted."""

    def __init__(
        self, cluster: Cluster, rate: float, *, counts: bool, hashed: bool, data_dir: Path | None
    ) -> None:
        self.interrupted = False
        self._cluster = cluster
        self._rate = rate
        self._counts = counts
        self._hashed = hashed
        self._data_dir = data_dir

    def one(self, where: str, since: int = 0) -> "Census":
        """Return the census of a file, of what was printed, of a moment, or of the cluster.

        ``since``: what was written after this revision counts as changed, where that can be told.
        """
        if where == LIVE:
            return run(self._live(since))
        path = Path(where)
        if path.is_file():
            return self._printed(path) or self._file(path, since)
        if self._data_dir and (at := _moment(where)) is not None:
            return run(self._kept(self._data_dir, at))
        raise SettingsError(
            f"registry: {where} is no file"
            + ("" if self._data_dir else "; moments such as 24h want --data-dir as well")
            + "."
        )

    def _printed(self, path: Path) -> "Census | None":
        with path.open("rb") as file:
            if file.read(1) != b"{":
                return None
            import msgspec

            from etcdscope.surfaces.registry.objects import census_of

            try:
                return census_of(b"{" + file.read(1 << 28))
            except msgspec.DecodeError:
                raise SettingsError(
                    f"registry: {path} is neither a database nor what --json printed."
                ) from None

    def _file(self, path: Path, since: int) -> "Census":
        from etcdscope.sources.registry.offline import census

        with bar("reading", "bytes") as told:
            return census(path, hashed=self._hashed, since=since, told=told)

    async def _kept(self, directory: Path, at: float) -> "Census":
        from etcdscope.store.censuses import nearest

        return await nearest(directory, at)

    async def _live(self, since: int) -> "Census":
        from etcdscope.cli.access import access_of
        from etcdscope.cli.settings import read_configuration
        from etcdscope.etcd.client import EtcdClient
        from etcdscope.etcd.discovery import endpoints
        from etcdscope.sources.registry.asked import least_busy
        from etcdscope.sources.registry.live import Effort

        access, notices = access_of(self._cluster, read_configuration(self._cluster.config))
        for notice in notices:
            sys.stderr.write(f"etcdscope: {notice}\n")
        given = await endpoints(access) if access.discovery_srv else access.endpoints
        async with AsyncExitStack() as stack:
            clients: dict[str, EtcdClient] = {}

            def client(endpoint: str) -> EtcdClient:
                if endpoint not in clients:
                    clients[endpoint] = EtcdClient(
                        endpoint, access.security, deadline_seconds=access.command_timeout
                    )
                    stack.push_async_callback(clients[endpoint].aclose)
                return clients[endpoint]

            endpoint, role = await least_busy(given, client)
            patient = await stack.enter_async_context(
                EtcdClient(
                    endpoint,
                    access.security,
                    deadline_seconds=max(access.command_timeout, PAGE_SECONDS),
                )
            )
            effort = Effort(rate=self._rate)
            return await self._scan(patient, f"{endpoint} ({role})", effort, since)

    async def _scan(self, client: "EtcdClient", of: str, effort: "Effort", since: int) -> "Census":
        from etcdscope.engine import SystemClock
        from etcdscope.sources.registry.live import Progress, Scan

        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        with bar("counting", "keys") as told:

            def tell(progress: Progress) -> None:
                told(progress.keys, progress.of_keys)

            scan = Scan(
                client,
                of,
                SystemClock(),
                effort,
                hashed=self._hashed,
                since=since,
                told=tell,
                stop=stop.is_set,
            )

            def end() -> None:
                """Stop after this page; a second Ctrl-C does not wait for it."""
                stop.set()
                loop.remove_signal_handler(signal.SIGINT)

            loop.add_signal_handler(signal.SIGINT, end)
            try:
                return await (scan.counts() if self._counts else scan.census())
            finally:
                loop.remove_signal_handler(signal.SIGINT)
                self.interrupted = stop.is_set()


class Shown:
    """Prints a census, or what changed between two."""

    def __init__(self, *, json: bool, csv: bool, rows: int, output: Output) -> None:
        self._json = json
        self._csv = csv
        self._rows = rows
        self._colour = output.color

    def census(self, census: "Census") -> None:
        """Print one."""
        if self._json:
            from etcdscope.surfaces.registry.objects import encoded, registry_object

            _write(encoded(registry_object(census)) + b"\n")
        elif self._csv:
            from etcdscope.surfaces.registry.table import table

            _write(table(census).encode())
            for note in census.notes:
                sys.stderr.write(f"etcdscope: {note}\n")
        else:
            from etcdscope.surfaces.console import open_console, say, width_of
            from etcdscope.surfaces.registry.text import registry as lines

            console = open_console(colour=self._colour)
            say(console, lines(census, rows=self._rows, width=width_of(console)))

    def diff(self, before: "Census", after: "Census") -> None:
        """Print what changed from one to the other."""
        from etcdscope.model.census_change import difference

        found = difference(before, after)
        if self._json:
            from etcdscope.surfaces.registry.objects import diff_object, encoded

            _write(encoded(diff_object(found)) + b"\n")
            return
        from etcdscope.surfaces.console import open_console, say, width_of
        from etcdscope.surfaces.registry.text import diff as lines

        console = open_console(colour=self._colour)
        say(console, lines(found, rows=self._rows, width=width_of(console)))


def _write(octets: bytes) -> None:
    sys.stdout.flush()
    sys.stdout.buffer.write(octets)
    sys.stdout.buffer.flush()


@contextmanager
def bar(what: str, unit: str) -> "Iterator[Callable[[int, int], None]]":
    """Show how far it is and how long it will take, where standard error is a terminal."""
    if not sys.stderr.isatty():
        yield lambda _, __: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    amount = DownloadColumn() if unit == "bytes" else MofNCompleteColumn()
    columns = (TextColumn("{task.description}"), BarColumn(), amount, TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total or None)


_UNITS = {"": 1, "B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


def _octets(text: str) -> float:
    """Return 20MB as a number."""
    number = text.strip().rstrip("BbKkMmGgIi")
    unit = text.strip()[len(number) :].upper()
    try:
        octets = float(number) * _UNITS[unit]
    except (ValueError, KeyError):
        octets = -1.0
    if not 0 <= octets < 1e15:
        raise SettingsError(f"--rate {text} is no amount; write 20MB, or 0 for no limit.")
    return octets


def _moment(text: str) -> float | None:
    """Return what "now", "24h" (ago) or an ISO time means, None if it is none of these."""
    from etcdscope.etcd.settings import parse_duration

    now = datetime.now(UTC)
    if text == "now":
        return now.timestamp()
    try:
        return (now - timedelta(seconds=parse_duration(text.lstrip("-")))).timestamp()
    except ValueError:
        pass
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (at if at.tzinfo else at.astimezone()).timestamp()
