"""``etcdscope logs --json``: the digest as one object. Times are unix seconds."""

from collections.abc import Iterable, Mapping

from etcdscope.surfaces.logs.digest import Digest, Episode
from etcdscope.surfaces.logs.text import sentence


def objects(digest: Digest) -> Mapping[str, object]:
    """Return what ``etcdscope logs --json`` prints."""
    names = digest.names
    return {
        "logs": [
            {
                "name": log.name,
                "member_id": log.member,
                "lines": log.tally.lines,
                "unknown": log.tally.unknown.total(),
                "begin": log.begin if log.tally.lines else None,
                "end": log.end if log.tally.lines else None,
                "kinds": dict(log.tally.kinds.most_common()),
            }
            for log in digest.logs
        ],
        "timeline": [_episode(episode, names) for episode in digest.timeline],
        "left_out": digest.dropped,
        "requests": [_plain(row) for row in digest.asked.values()],
        "traces": [
            {
                "operation": row.operation,
                "count": row.count,
                "slowest_seconds": row.slowest,
                "seconds_by_step": dict(row.seconds),
                "slowest_step": dict(row.stages),
            }
            for row in digest.traced.values()
        ],
        "unknown": [{"message": m, "count": n} for m, n in digest.unknown.most_common()],
    }


def _episode(episode: Episode, names: Mapping[str, str]) -> Mapping[str, object]:
    event = episode.event
    told: dict[str, object] = {
        "since": episode.since,
        "until": episode.until,
        "log": episode.log,
        "kind": event.kind,
        "level": event.level,
        "count": episode.count,
        "says": sentence(event, episode.count, names),
        "message": event.text,
    }
    return told | {
        name: value
        for name in ("member", "peer", "term", "index", "seconds", "bytes", "error", "host")
        if (value := getattr(event, name)) not in ("", None)
    }


def _plain(row: object) -> Mapping[str, object]:
    names: Iterable[str] = type(row).__slots__  # type: ignore[attr-defined]
    return {name: getattr(row, name) for name in names}
