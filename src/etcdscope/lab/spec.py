"""What a lab is to be: members, network, TLS, load; and the one error a lab raises."""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final, Literal, get_args

NetworkKind = Literal["auto", "loopback", "namespaces"]
LoadShape = Literal["steady", "sine", "steps"]

KIB: Final = 1024
MIB: Final = 1024 * KIB


class LabError(Exception):
    """The lab cannot do what was asked; one sentence that says why and what to do instead."""


@dataclass(frozen=True, slots=True)
class LoadSpec:
    """Background puts over all members: a bounded set of keys, keep-alive connections.

    `rate` is puts a second at the height of the shape: `steady` holds it, `sine` swings between
    `low` x rate and rate once in `period_s`, `steps` jumps between the two every half period.
    `reads` is the share of linearizable reads in place of puts. Each member gets `workers`
    connections; what finds all of them busy is counted as missed, not queued.
    """

    rate: float = 50.0
    shape: LoadShape = "steady"
    period_s: float = 20.0
    low: float = 0.2
    reads: float = 0.0
    keys: int = 1_000
    value_bytes: int = 256
    workers: int = 4

    def __post_init__(self) -> None:
        if self.shape not in get_args(LoadShape):
            raise LabError(f"load shape {self.shape!r}: write {_either(LoadShape)}")
        if self.rate < 0 or not 0 <= self.reads <= 1 or not 0 <= self.low <= 1:
            raise LabError("load: rate is at least 0; reads and low are shares from 0 to 1")
        if min(self.keys, self.value_bytes, self.workers) < 1 or self.period_s <= 0:
            raise LabError("load: keys, value_bytes and workers are at least 1, period_s above 0")


@dataclass(frozen=True, slots=True)
class LabSpec:
    """The cluster that a lab brings up.

    `network="auto"` takes namespaces where we may make them (root, with `ip` and
    `nsenter`), for only they allow network faults, and loopback addresses elsewhere.
    `version` is what `programs.find` understands ("3.4", "3.5.21"; None: the first there is).
    The lab makes a directory of its own below `directory` (None: the temporary directory) and
    removes it in the end unless `keep` is set. `metrics_listener` adds `--listen-metrics-urls`
    on port 2381; etcd goes on serving /metrics on its client port as well. `certificate_days`
    may be small, or negative for certificates that have ended already.
    """

    members: int = 3
    version: str | None = None
    network: NetworkKind = "auto"
    tls: bool = False
    certificate_days: float = 365.0
    quota_bytes: int | None = None
    load: LoadSpec | None = None
    directory: Path | None = None
    extra_flags: tuple[str, ...] = ()
    heartbeat_ms: int = 100
    election_ms: int = 1_000
    metrics_listener: bool = False
    keep: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.members <= 9:
            raise LabError(f"{self.members} members: a lab has 1 to 9")
        if self.network not in get_args(NetworkKind):
            raise LabError(f"network {self.network!r}: write {_either(NetworkKind)}")
        if self.election_ms < 5 * self.heartbeat_ms:  # etcd's own rule (embed/config.go)
            raise LabError("election_ms is at least five times heartbeat_ms; etcd refuses less")

    def to_json(self) -> str:
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> "LabSpec":
        known: dict[str, Any] = json.loads(text)
        known["extra_flags"] = tuple(known["extra_flags"])
        known["directory"] = Path(known["directory"]) if known["directory"] else None
        known["load"] = LoadSpec(**known["load"]) if known["load"] else None
        return cls(**{field.name: known[field.name] for field in fields(cls)})


def _either(literal: Any) -> str:  # noqa: ANN401
    return " or ".join(get_args(literal))
