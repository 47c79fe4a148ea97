"""What an agent tells of a cluster, made up in the shapes of its API: sizes that no lab has."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]

QUOTA = 2_147_483_648
FAMILIES = ("disk", "network", "clients", "raft", "space", "kubernetes")
CHARTS: tuple[tuple[str, str, str, str, float | None], ...] = (
    ("wal-fsync-p99", "disk", "WAL fsync p99", "s", 0.1),
    ("backend-commit-p99", "disk", "Backend commit p99", "s", 0.25),
    ("peer-rtt", "network", "Round trip to peers p99", "s", 0.05),
    ("peer-bytes", "network", "Sent to peers", "B", None),
    ("requests", "clients", "Requests", "1/s", None),
    ("errors", "clients", "Refused requests", "1/s", 1.0),
    ("proposals-pending", "raft", "Proposals pending", "count", 100),
    ("apply-lag", "raft", "Committed, not yet applied", "count", 1000),
    ("db-size", "space", "Database", "B", QUOTA),
    ("db-in-use", "space", "In use", "ratio", None),
)

MEASURED = """# What was measured

All figures come from `the commands` shown, **which** anyone can *repeat*; see [more](more.md).

```
make bench   # all of it
```

- told: any page
- cause: a page with
  a right name

| fault | seconds |
|---|---:|
| kill-leader | 0.4 |
"""


def iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def member(key: str, number: int, *, leads: bool, trouble: bool, prefix: str = "m") -> Json:
    """Return one member; in trouble the first one has a slow disk, the last one is down."""
    down = trouble and number == 2
    return {
        "id": f"{number + 1:x}c0ffee{hash(key) % 0xFFFF:08x}"[:16],
        "name": f"{prefix}{number + 1}",
        "mark": number,
        "role": "unknown" if down else "leader" if leads else "follower",
        "learner": False,
        "reachable": not down,
        "endpoint": f"https://10.0.0.{number + 1}:2379",
        "state": "down" if down else "ok",
        "why": "connection refused" if down else None,
        "term": None if down else 14,
        "index": None if down else 88_120 - number,
        "applied": None if down else 88_120 - number,
        "lag": None if down else number,
        "db_size": 1_288_490_188 - number * 4096,
        "db_in_use": 998_490_188,
        "quota": QUOTA,
        "version": "3.5.30",
        "answers_in": None if down else 0.002,
        "wal_fsync_p99": None if down else 0.412 if trouble and number == 0 else 0.0021,
        "backend_commit_p99": None if down else 0.0183 if trouble and number == 0 else 0.006,
        "writes_per_s": None if down else 212.4,
        "certificate_ends": 1_800_000_000.0,
        "sources": {
            name: {"source": source, "age": 1.0}
            for name, source in {
                "term": "raftTerm of Maintenance.Status",
                "index": "raftIndex of Maintenance.Status",
                "db_size": "dbSize of Maintenance.Status",
                "wal_fsync_p99": "etcd_disk_wal_fsync_duration_seconds",
                "backend_commit_p99": "etcd_disk_backend_commit_duration_seconds",
            }.items()
        },
    }


@dataclass
class Cluster:
    """One cluster that is made up; ``members`` of them, the first leads."""

    key: str
    now: float
    level: str = "ok"
    members: int = 3
    labels: Mapping[str, str] = field(default_factory=dict)
    leader: int = 0
    term: int = 14
    prefix: str = "m"
    incidents: list[Json] = field(default_factory=list)

    @property
    def trouble(self) -> bool:
        return self.level == "critical"

    @property
    def rows(self) -> list[Json]:
        rows = [
            member(self.key, i, leads=i == self.leader, trouble=self.trouble, prefix=self.prefix)
            for i in range(self.members)
        ]
        for row in rows:
            row["term"] = row["term"] and self.term
        return rows

    @property
    def headline(self) -> str:
        lead = f"m{self.leader + 1}"
        return {
            "ok": f"etcd is fine. {self.members} of {self.members} members, {lead} leads. "
            "One member may be lost.",
            "warning": "The database of m2 is near its quota: 1.8 GB of 2.1 GB.",
            "critical": "Writes are slow: m1 waits 412 ms for its WAL disk. "
            "The other disks are fine (and 1 more).",
            "unknown": "We cannot judge this cluster: nothing has answered yet.",
        }[self.level]

    def standing(self) -> Json:
        blind = self.level == "unknown"
        quorum = self.members // 2 + 1
        lost = 1 if self.trouble else 0
        return {
            "key": self.key,
            "name": self.key,
            "labels": dict(self.labels),
            "cluster_id": "10e5e39849dab251",
            "level": self.level,
            "headline": self.headline,
            "margin": None if blind else self.members - quorum - lost,
            "voters": self.members,
            "quorum": quorum,
            "leader": None if blind else self.rows[self.leader]["id"],
            "leader_since": None if blind else self.now - 86_400 * 3,
            "term": None if blind else self.term,
            "version": "3.5.30",
            "db_size": 1_288_490_188,
            "db_in_use": 998_490_188,
            "quota": QUOTA,
            "quota_full": {"early": self.now + 86_400 * 9, "late": self.now + 86_400 * 12}
            if self.level == "warning" or self.trouble
            else None,
            "latency": [0.004 + 0.003 * abs(math.sin(i / 3)) for i in range(60)],
            "judged_at": self.now,
        }

    def counts(self) -> Json:
        return {
            word: sum(i["severity"] == word for i in self.incidents)
            for word in ("critical", "warning", "info")
        }

    def summary(self) -> Json:
        chips = ("id", "name", "mark", "role", "learner", "reachable")
        return {
            **self.standing(),
            "members": [{name: row[name] for name in chips} for row in self.rows],
            "incidents": self.counts(),
            "blind_spots": 0,
        }

    def live(self) -> Json:
        return {
            **self.standing(),
            "members": self.rows,
            "links": self.links(),
            "incidents": self.counts(),
            "blind_spots": len(self.spots()),
        }

    def whole(self) -> Json:
        return {
            **self.standing(),
            "members": self.rows,
            "links": self.links(),
            "counts": self.counts(),
            "incidents": [one for one in self.incidents if "until" not in one],
            "planned": [],
            "blind_spots": self.spots(),
            "promises": [
                {"id": "simple", "kept": "yes", "say": "3 voters of one version"},
                {"id": "secure", "kept": "yes", "say": "TLS; certificates last 61 d"},
                {
                    "id": "fast",
                    "kept": "no" if self.trouble else "unknown",
                    "say": "m1 waits 412 ms for its disk" if self.trouble else "not measured here",
                },
                {"id": "reliable", "kept": "yes", "say": "a member may be lost"},
            ],
            "forecast": None,
            "quorum_say": "2 of 3 voters are needed, 3 take part: one may be lost.",
            "as_of": None,
            "rebuilt_from": None,
        }

    def links(self) -> list[Json]:
        rows = self.rows
        return [
            {
                "from": a["id"],
                "to": b["id"],
                "state": self._link_state(a, b),
                "rtt": None if "down" in (a["state"], b["state"]) else 0.0004 + 0.0001 * a["mark"],
                "failures": 0.0,
                "sent_per_s": 21_000.0,
                "match": 88_120,
                "behind": b["lag"],
                "progress": "replicate",
            }
            for a in rows
            for b in rows
            if a is not b
        ]

    @staticmethod
    def _link_state(a: Json, b: Json) -> str:
        return "cut" if "down" in (a["state"], b["state"]) else "ok"

    def spots(self) -> list[Json]:
        if not self.trouble:
            return []
        spot = {
            "at": iso(self.now),
            "event": "blind-spot",
            "cluster": "10e5e39849dab251",
            "source": "metrics",
            "subject": {"kind": "member", "member": "m3", "member_id": self.rows[2]["id"]},
            "why": "metrics of m3 are refused: it listens on 127.0.0.1:2381 only",
            "remedy": "Start etcd with --listen-metrics-urls.",
            "hides": ["wal-fsync-slow", "backend-commit-slow"],
        }
        return [spot]

    def lanes(self, begin: float, end: float) -> Json:
        middle = begin + (end - begin) * 0.6
        rows = self.rows
        lanes = []
        for row in rows:
            first = "leader" if row["mark"] == (self.leader + 1) % self.members else "follower"
            runs: list[Json] = [
                {"begin": begin, "end": middle, "role": first},
                {
                    "begin": middle,
                    "end": middle + 3,
                    "role": "candidate" if row["mark"] == self.leader else "follower",
                },
                {"begin": middle + 3, "end": end, "role": row["role"]},
            ]
            lanes.append(
                {
                    "member": row["id"],
                    "name": row["name"],
                    "mark": row["mark"],
                    "runs": [r for r in runs if r["role"] != "unknown"],
                }
            )
        marks = [
            {
                "at": middle,
                "end": None,
                "kind": "election",
                "id": "e1",
                "say": "m1 leads since term 14",
                "severity": "info",
            },
            {
                "at": begin + 100,
                "end": begin + 190,
                "kind": "planned",
                "id": "p1",
                "say": "m2 is defragmented",
                "severity": "info",
            },
        ]
        marks += [
            {
                "at": unix(i["since"]),
                "end": unix(i["until"]) if "until" in i else None,
                "kind": "incident",
                "id": i["incident"],
                "say": i["summary"],
                "severity": i["severity"],
            }
            for i in self.incidents
        ]
        return {"lanes": lanes, "marks": marks}


def unix(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def chart(cluster: Cluster, name: str, span: tuple[float, float], step: float) -> Json:
    """Return values that look like etcd's, the same ones for the same time."""
    base, unit, limit = _BASES.get(name, (0.01, "s", None))
    begin, end = span
    first, last = math.ceil(begin / step), math.floor(end / step)
    at = [i * step for i in range(first, last + 1)]
    lines = []
    for row in cluster.rows:
        values = [_value(cluster, row, name, base, when) for when in at]
        lines.append(
            {name: row[name] for name in ("name", "mark")}
            | {"member": row["id"], "key": None, "values": values}
        )
    said = None if limit is None else {"value": limit, "say": "warning from here on"}
    return {"id": name, "unit": unit, "limit": said, "at": at, "lines": lines, "source": "history"}


def _value(cluster: Cluster, row: Json, name: str, base: float, when: float) -> float | None:
    if cluster.trouble and row["mark"] == 2 and when > cluster.now - 200:
        return None
    wave = (
        1 + 0.3 * math.sin(when / 40 + row["mark"]) + 0.2 * math.sin(when / 7.3 * (row["mark"] + 1))
    )
    sick = cluster.trouble and row["mark"] == 0 and when > cluster.now - 240
    if name == "wal-fsync-p99" and sick:
        return 0.36 + 0.05 * math.sin(when)
    if name == "db-size":
        return 1.0e9 + (when - cluster.now + 90_000) * 3_000 - float(row["mark"]) * 2e6
    if name == "db-in-use":
        return 0.78 - 0.01 * float(row["mark"])
    return float(base * wave)


_BASES: dict[str, tuple[float, str, float | None]] = {
    "wal-fsync-p99": (0.0021, "s", 0.1),
    "backend-commit-p99": (0.006, "s", 0.25),
    "peer-rtt": (0.0006, "s", 0.05),
    "peer-bytes": (21_000, "B", None),
    "requests": (212, "1/s", None),
    "errors": (0.02, "1/s", 1.0),
    "proposals-pending": (3, "count", 100),
    "apply-lag": (1, "count", 1000),
    "db-size": (1e9, "B", float(QUOTA)),
    "db-in-use": (0.8, "ratio", None),
}
