"""What a trial brought to light: facts only, from which scores can be taken again at any time."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

SERIOUS = frozenset({"warning", "critical"})


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing that an observer told, as it arrived where a pager would be.

    ``at`` in unix seconds. ``event``: opened, changed or closed. ``key`` is the incident's or the
    alert's own identity, ``name`` its cause or alert name; ``about`` holds names, ids or addresses
    of the members that it names.
    """

    at: float
    event: str
    key: str
    name: str
    severity: str
    about: tuple[str, ...] = ()
    says: str = ""

    @property
    def pages(self) -> bool:
        return self.event != "closed" and self.severity in SERIOUS


@dataclass(frozen=True, slots=True)
class Sighting:
    """An alert inside Prometheus: ``state`` pending or firing, ``since`` its expression is true."""

    at: float
    state: str
    name: str
    since: float
    about: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cost:
    """What an observer used from the end of its warming up to the end of the trial; MB are 10^6."""

    seconds: float
    cpu_seconds: float
    rss_mb: float


@dataclass(frozen=True, slots=True)
class Seen:
    """One observer's part. ``died``: its process ended before it was asked to."""

    version: str
    notices: tuple[Notice, ...]
    sightings: tuple[Sighting, ...] = ()
    cost: Cost | None = None
    died: bool = False


@dataclass(frozen=True, slots=True)
class Trial:
    """One run of one row, of one planned work, or of nothing at all ("healthy").

    ``began``: one moment an injection. ``hit``: member names, one group an injection.
    ``identities``: what else a member is called (id, address). ``replay``: whether the recording
    told the same again; None: it was not recorded. ``error``: why there is no result.
    """

    id: str
    kind: str  # fault, work or healthy
    number: int
    spec: str
    etcd: str
    started: float
    ended: float
    began: tuple[float, ...] = ()
    healed: float = 0.0
    hit: tuple[tuple[str, ...], ...] = ()
    identities: dict[str, tuple[str, ...]] = field(default_factory=dict)
    observers: dict[str, Seen] = field(default_factory=dict)
    replay: bool | None = None
    load: float = 0.0  # of the machine, at the end
    error: str = ""


def still_open(notices: Sequence[Notice]) -> dict[str, Notice]:
    """Return what pages and was not closed, by key."""
    latest = {notice.key: notice for notice in notices}
    return {key: notice for key, notice in latest.items() if notice.pages}


def to_json(trial: Trial) -> dict[str, Any]:
    """Return plain data."""
    return asdict(trial)


def from_json(data: dict[str, Any]) -> Trial:
    """Return what ``to_json`` was given; unknown fields of a newer benchmark are left out."""
    known = {one.name: data[one.name] for one in fields(Trial) if one.name in data}
    known["began"] = tuple(known.get("began", ()))
    known["hit"] = tuple(tuple(group) for group in known.get("hit", ()))
    known["identities"] = {name: tuple(also) for name, also in known.get("identities", {}).items()}
    known["observers"] = {name: _seen(one) for name, one in known.get("observers", {}).items()}
    return Trial(**known)


def _seen(data: dict[str, Any]) -> Seen:
    return Seen(
        data["version"],
        tuple(Notice(**one | {"about": tuple(one["about"])}) for one in data["notices"]),
        tuple(Sighting(**one | {"about": tuple(one["about"])}) for one in data["sightings"]),
        Cost(**data["cost"]) if data["cost"] else None,
        data["died"],
    )
