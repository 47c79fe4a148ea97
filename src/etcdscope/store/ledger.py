"""What was told (effects, incidents), what is to be remembered, and what could not be kept."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import apsw
import msgspec

from etcdscope.model.incident import Effect, Incident
from etcdscope.store.database import transaction
from etcdscope.store.facts import Made, UnknownFact, made, plain

_SLICE: Final = 256


@dataclass(frozen=True, slots=True)
class Gap:
    """Sweeps that were judged but could not be kept, and why."""

    begin: float
    end: float
    sweeps: int
    why: str


def packed(value: object) -> bytes:
    """Return any value of the model as bytes; what cannot be kept raises ``UnknownFact``."""
    try:
        return msgspec.msgpack.encode(plain(value))
    except UnicodeEncodeError as error:
        raise UnknownFact(str(error)) from error


def unpacked(data: bytes) -> Made:
    """Return what was packed; raises ``UnknownFact`` where this version does not know it."""
    try:
        return made(msgspec.msgpack.decode(data))
    except (msgspec.MsgspecError, RecursionError) as error:
        raise UnknownFact(str(error)) from error


def cluster_id(connection: apsw.Connection, name: str) -> int:
    """Return the number of a cluster in this file, a new one if need be."""
    connection.execute("INSERT OR IGNORE INTO cluster (name) VALUES (?)", (name,))
    return known_cluster(connection, name) or 0


def known_cluster(connection: apsw.Connection, name: str) -> int | None:
    """Return the number of a cluster in this file, None if it is not there."""
    return connection.execute("SELECT id FROM cluster WHERE name = ?", (name,)).get  # type: ignore[no-any-return]


def keep_effect(connection: apsw.Connection, cluster: int, effect: Effect) -> None:
    """Write one effect, and its incident as it is now."""
    incident = effect.incident
    connection.execute(
        "INSERT INTO effect (cluster, at, kind, incident, data) VALUES (?, ?, ?, ?, ?)",
        (cluster, effect.at, effect.kind.value, incident.id if incident else None, packed(effect)),
    )
    if incident:
        connection.execute(
            "INSERT OR REPLACE INTO incident (id, cluster, opened_at, closed_at, data) "
            "VALUES (?, ?, ?, ?, ?)",
            (incident.id, cluster, incident.opened_at, incident.closed_at, packed(incident)),
        )


def effects(
    connection: apsw.Connection, cluster: int, begin: float, end: float, limit: int
) -> list[Effect]:
    """Return the newest ``limit`` effects of a span, oldest first."""
    rows = connection.execute(
        "SELECT data FROM effect WHERE cluster = ? AND at >= ? AND at < ? "
        "ORDER BY at DESC, id DESC LIMIT ?",
        (cluster, begin, end, limit),
    ).fetchall()
    return [effect for effect in _all(reversed(rows)) if isinstance(effect, Effect)]


def incidents(
    connection: apsw.Connection, cluster: int, begin: float, end: float, limit: int
) -> list[Incident]:
    """Return the newest ``limit`` incidents that were open at some time of the span."""
    rows = connection.execute(
        "SELECT data FROM incident WHERE cluster = ? AND opened_at < ? "
        "AND (closed_at IS NULL OR closed_at >= ?) ORDER BY opened_at DESC LIMIT ?",
        (cluster, end, begin, limit),
    ).fetchall()
    return [one for one in _all(reversed(rows)) if isinstance(one, Incident)]


def incident(connection: apsw.Connection, cluster: int, name: str) -> Incident | None:
    """Return the incident of that id, None where there is none."""
    rows = connection.execute(
        "SELECT data FROM incident WHERE id = ? AND cluster = ?", (name, cluster)
    ).fetchall()
    return next((one for one in _all(rows) if isinstance(one, Incident)), None)


def told_of(connection: apsw.Connection, cluster: int, one: Incident, limit: int) -> list[Effect]:
    """Return the first ``limit`` effects of one incident, oldest first."""
    rows = connection.execute(
        "SELECT data FROM effect WHERE cluster = ? AND at >= ? AND at <= ? AND incident = ? "
        "ORDER BY at, id LIMIT ?",
        (cluster, one.opened_at - 1.0, _end(one), one.id, limit),
    ).fetchall()
    return [effect for effect in _all(rows) if isinstance(effect, Effect)]


def _end(one: Incident) -> float:
    return float("inf") if one.closed_at is None else one.closed_at + 1.0


def open_incidents(connection: apsw.Connection, cluster: int) -> list[Incident]:
    """Return the incidents that had not ended when the store was last written."""
    rows = connection.execute(
        "SELECT data FROM incident WHERE cluster = ? AND closed_at IS NULL ORDER BY opened_at",
        (cluster,),
    ).fetchall()
    return [one for one in _all(rows) if isinstance(one, Incident)]


def _all(rows: Iterable[tuple[Any, ...]]) -> Iterator[Made]:
    for (data,) in rows:
        try:
            yield unpacked(data)
        except UnknownFact:  # of a newer version
            continue


def remember(connection: apsw.Connection, cluster: int, key: str, data: bytes) -> None:
    """Write one thing to be remembered over restarts."""
    connection.execute("INSERT OR REPLACE INTO memory VALUES (?, ?, ?)", (cluster, key, data))


def recall(connection: apsw.Connection, cluster: int, key: str) -> bytes | None:
    """Return what was remembered."""
    return connection.execute(  # type: ignore[no-any-return]
        "SELECT data FROM memory WHERE cluster = ? AND key = ?", (cluster, key)
    ).get


def keep_gap(connection: apsw.Connection, cluster: int, gap: Gap) -> None:
    """Write that some sweeps could not be kept."""
    connection.execute(
        "INSERT INTO gap (cluster, begin, end, sweeps, why) VALUES (?, ?, ?, ?, ?)",
        (cluster, gap.begin, gap.end, gap.sweeps, gap.why),
    )


def gaps(connection: apsw.Connection, cluster: int, begin: float, end: float) -> list[Gap]:
    """Return what could not be kept of a span."""
    rows = connection.execute(
        "SELECT begin, end, sweeps, why FROM gap WHERE cluster = ? AND end >= ? AND begin < ? "
        "ORDER BY id",
        (cluster, begin, end),
    )
    return [Gap(*row) for row in rows]


def forget(connection: apsw.Connection, before: float) -> None:
    """Remove some effects and closed incidents that are too old."""
    with transaction(connection):
        connection.execute(
            "DELETE FROM effect WHERE id IN (SELECT id FROM effect WHERE at < ? LIMIT ?)",
            (before, _SLICE),
        )
        connection.execute(
            "DELETE FROM incident WHERE id IN "
            "(SELECT id FROM incident WHERE closed_at < ? LIMIT ?)",
            (before, _SLICE),
        )


def joined(one: Gap | None, other: Gap | None) -> Gap | None:
    """Return one gap that covers both."""
    if one is None or other is None:
        return one or other
    begin, end = min(one.begin, other.begin), max(one.end, other.end)
    return Gap(begin, end, one.sweeps + other.sweeps, other.why)
