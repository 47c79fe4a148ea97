"""All logs of one cluster: those that the user named, and those that come over HTTP."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from etcdscope.etcd.errors import SettingsError
from etcdscope.sources.logs.files import FileLines
from etcdscope.sources.logs.journal import JournalLines
from etcdscope.sources.logs.lines import Lines
from etcdscope.sources.logs.source import LogSource
from etcdscope.sources.logs.streams import HandedLines, PipedLines

_NAME = re.compile(r"[\w.\-]{1,63}")
_JOURNALD: Final = "journald:"
# So many different logs are taken over HTTP.
MOST_HANDED: Final = 64


@dataclass(frozen=True, slots=True)
class LogSettings:
    """One log: a member's name or hex id, and where: a path, ``journald:UNIT``, or ``-``."""

    named: str
    where: str


def parse(text: str) -> LogSettings:
    """Read ``NAME=PATH|journald:UNIT|-``. Errors: SettingsError."""
    named, mark, where = text.partition("=")
    if not mark or not _NAME.fullmatch(named) or where in ("", _JOURNALD):
        raise SettingsError(
            f"--log {text}: write NAME=PATH, NAME=journald:UNIT, or NAME=- for standard input,"
            " where NAME is the member's name or id."
        )
    return LogSettings(named, where)


def chosen(said: Sequence[LogSettings]) -> tuple[LogSettings, ...]:
    """Return the logs once each. Errors: SettingsError, of two for a name or two from stdin."""
    logs = tuple(dict.fromkeys(said))
    names = [log.named for log in logs]
    for name in names:
        if names.count(name) > 1:
            raise SettingsError(f"--log {name} is given twice; a member has one log.")
    if sum(log.where == "-" for log in logs) > 1:
        raise SettingsError("--log: only one log can come from standard input.")
    return logs


def _lines(where: str) -> Lines:
    if where == "-":
        return PipedLines()
    if where.startswith(_JOURNALD):
        return JournalLines(where.removeprefix(_JOURNALD))
    return FileLines(Path(where))


class Logs:
    """The sources of all logs, by their endpoint ``log:NAME``.

    ``identify``: the hex id of the member of that name, empty while it is not known.
    """

    def __init__(
        self, said: Sequence[LogSettings], identify: Callable[[str], str] = lambda _: ""
    ) -> None:
        self._identify = identify
        self._handed: dict[str, HandedLines] = {}
        self._sources: dict[str, LogSource] = {}
        for one in said:
            self._add(LogSource(one.named, _lines(one.where), identify))

    @property
    def sources(self) -> Mapping[str, LogSource]:
        """Return them; those that come over HTTP appear with their first line."""
        return self._sources

    def take(self, named: str, body: bytes) -> int | None:
        """Take lines of a member's log; returns how many, None where they cannot be taken."""
        lines = [line for line in body.split(b"\n") if line.strip()]
        if named not in self._handed:
            taken = f"log:{named}" in self._sources or len(self._handed) >= MOST_HANDED
            if taken or not _NAME.fullmatch(named):
                return None
            self._handed[named] = HandedLines()
            self._add(LogSource(named, self._handed[named], self._identify))
        self._handed[named].put(lines)
        return len(lines)

    async def aclose(self) -> None:
        """Let go of all of them."""
        for source in self._sources.values():
            await source.aclose()

    def _add(self, source: LogSource) -> None:
        self._sources[source.endpoint] = source
