"""Who looks on: the protocol, what it costs, and etcdscope itself."""

import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from bench.books import cpu_seconds, resident_mb
from bench.faults.facts import Cost, Notice, Seen, Sighting
from bench.watcher import Line, Watcher, watching
from etcdscope import __version__
from etcdscope.lab.cluster import Lab

NAME = "etcdscope"
TOLD = frozenset({"opened", "changed", "closed"})


class Observer(Protocol):
    """One observer, running. Notices and sightings are all so far, oldest first."""

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def pids(self) -> Sequence[int]: ...
    @property
    def running(self) -> bool: ...
    def notices(self) -> list[Notice]: ...
    def sightings(self) -> list[Sighting]: ...


@dataclass
class Meter:
    """Reads the kernel's books about an observer from now on."""

    observer: Observer
    _since: float = field(default_factory=time.monotonic)
    _before: float = 0.0

    def __post_init__(self) -> None:
        self._before = sum(map(cpu_seconds, self.observer.pids))

    def seen(self) -> Seen:
        """Return all that the observer told, with what it cost."""
        one = self.observer
        if not one.running:
            told = tuple(one.notices()), tuple(one.sightings())
            return Seen(one.version, *told, died=True)
        cost = Cost(
            time.monotonic() - self._since,
            sum(map(cpu_seconds, one.pids)) - self._before,
            sum(map(resident_mb, one.pids)),
        )
        return Seen(one.version, tuple(one.notices()), tuple(one.sightings()), cost)


@dataclass(frozen=True)
class Etcdscope:
    """``etcdscope watch --json``; what it told are the lines that arrived on our end."""

    watcher: Watcher
    name: str = NAME
    version: str = __version__

    @property
    def pids(self) -> Sequence[int]:
        return (self.watcher.pid,)

    @property
    def running(self) -> bool:
        return not self.watcher.ended

    def notices(self) -> list[Notice]:
        return [_notice(line) for line in self.watcher.lines if line.event in TOLD]

    def sightings(self) -> list[Sighting]:
        return []


@asynccontextmanager
async def etcdscope_beside(lab: Lab, recording: Path | None = None) -> AsyncIterator[Etcdscope]:
    """Run it for the length of the block, from its first verdict on."""
    flags: list[str] = []
    if files := lab.certificates:
        flags += ["--cacert", str(files.ca), "--cert", str(files.cert), "--key", str(files.key)]
    if recording:
        flags += ["--record", str(recording)]
    for member in lab.members:
        flags += ["--log", f"{member.name}={member.log_path}"]
    async with watching(",".join(lab.endpoints), *flags) as watcher:
        await watcher.until(lambda: any(line.event == "verdict" for line in watcher.lines), 20)
        yield Etcdscope(watcher)


def _notice(line: Line) -> Notice:
    body = line.body
    return Notice(
        at=line.at,
        event=line.event,
        key=body["incident"],
        name=body["cause"],
        severity=body["severity"],
        about=tuple(_about(body["subject"])),
        says=body["summary"],
    )


def _about(subject: dict[str, Any]) -> list[str]:
    fields = ("member", "member_id", "from", "to", "from_id", "to_id", "endpoint")
    return [subject[name] for name in fields if name in subject]


def incident_lines(lines: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what tells of incidents, among all lines of ``watch`` or ``replay``."""
    return [line for line in lines if line["event"] in TOLD]
