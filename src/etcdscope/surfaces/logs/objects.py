"""``etcdscope logs --json``: the digest as one object. Times are unix seconds."""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from etcdscope.model.contract import schema_of
from etcdscope.surfaces.logs.digest import Digest, Episode
from etcdscope.surfaces.logs.text import sentence


class LogObject(Struct, omit_defaults=True):
    """One log: how much of it was read, and of which kinds; an empty one begins never."""

    name: str
    member_id: str
    lines: int
    unknown: int
    kinds: dict[str, int]
    begin: float | None = None
    end: float | None = None


class EpisodeObject(Struct, omit_defaults=True):
    """Events of one kind without a long pause between them; ``message`` is the worst one's."""

    since: float
    until: float
    log: str
    kind: str
    level: str
    count: int
    says: str
    message: str
    member: str | None = None
    peer: str | None = None
    term: int | None = None
    index: int | None = None
    seconds: float | None = None
    bytes: float | None = None
    error: str | None = None
    host: str | None = None


class RequestObject(Struct):
    """Slow requests of one client for one prefix: how many, and the largest of each measure."""

    client: str
    operation: str
    prefix: str
    count: int
    seconds: float
    bytes: float
    entries: float


class TraceObject(Struct):
    """Traced requests of one operation, and in which steps their time was spent."""

    operation: str
    count: int
    slowest_seconds: float
    seconds_by_step: dict[str, float]
    slowest_step: dict[str, int]


class UnknownObject(Struct):
    """A message that etcdscope does not know, numbers taken out."""

    message: str
    count: int


class LogsObject(Struct):
    """What ``etcdscope logs --json`` prints."""

    logs: list[LogObject]
    timeline: list[EpisodeObject]
    left_out: int
    requests: list[RequestObject]
    traces: list[TraceObject]
    unknown: list[UnknownObject]


def schema() -> dict[str, Any]:
    """Return the JSON schema of it."""
    return schema_of("logs", "What etcdscope logs --json prints", LogsObject)


def objects(digest: Digest) -> LogsObject:
    """Return what ``etcdscope logs --json`` prints."""
    names = digest.names
    return LogsObject(
        [
            LogObject(
                log.name,
                log.member,
                log.tally.lines,
                log.tally.unknown.total(),
                dict(log.tally.kinds.most_common()),
                log.begin if log.tally.lines else None,
                log.end if log.tally.lines else None,
            )
            for log in digest.logs
        ],
        [_episode(episode, names) for episode in digest.timeline],
        digest.dropped,
        [RequestObject(**_plain(row)) for row in digest.asked.values()],
        [
            TraceObject(row.operation, row.count, row.slowest, dict(row.seconds), dict(row.stages))
            for row in digest.traced.values()
        ],
        [UnknownObject(message, count) for message, count in digest.unknown.most_common()],
    )


def _episode(episode: Episode, names: Mapping[str, str]) -> EpisodeObject:
    event = episode.event
    return EpisodeObject(
        since=episode.since,
        until=episode.until,
        log=episode.log,
        kind=event.kind,
        level=event.level,
        count=episode.count,
        says=sentence(event, episode.count, names),
        message=event.text,
        member=event.member or None,
        peer=event.peer or None,
        term=event.term,
        index=event.index,
        seconds=event.seconds,
        bytes=event.bytes,
        error=event.error or None,
        host=event.host or None,
    )


def _plain(row: object) -> dict[str, Any]:
    names: Iterable[str] = type(row).__slots__  # type: ignore[attr-defined]
    return {name: getattr(row, name) for name in names}
