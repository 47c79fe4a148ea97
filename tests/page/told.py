"""What an agent tells, made up in the shapes of its API: for views, sizes and times that no lab has."""

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


def member(key: str, number: int, *, leads: bool, trouble: bool) -> Json:
    """Return one member; in trouble the first one has a slow disk, the last one is down."""
    down = trouble and number == 2
    return {
        "id": f"{number + 1:x}c0ffee{hash(key) % 0xFFFF:08x}"[:16],
        "name": f"m{number + 1}",
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
    incidents: list[Json] = field(default_factory=list)

    @property
    def trouble(self) -> bool:
        return self.level == "critical"

    @property
    def rows(self) -> list[Json]:
        rows = [
            member(self.key, i, leads=i == self.leader, trouble=self.trouble)
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
                {"id": "fast", "kept": "no" if self.trouble else "unknown", "say": "m1 waits 412 ms for its disk" if self.trouble else "not measured here"},
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
            runs = [
                {"begin": begin, "end": middle, "role": first},
                {"begin": middle, "end": middle + 3, "role": "candidate" if row["mark"] == self.leader else "follower"},
                {"begin": middle + 3, "end": end, "role": row["role"]},
            ]
            lanes.append({"member": row["id"], "runs": [r for r in runs if r["role"] != "unknown"]})
        marks = [
            {"at": middle, "end": None, "kind": "election", "id": "e1", "say": "m1 leads since term 14", "severity": "info"},
            {"at": begin + 100, "end": begin + 190, "kind": "planned", "id": "p1", "say": "m2 is defragmented", "severity": "info"},
        ]
        marks += [
            {"at": _unix(i["since"]), "end": _unix(i["until"]) if "until" in i else None, "kind": "incident", "id": i["incident"], "say": i["summary"], "severity": i["severity"]}
            for i in self.incidents
        ]
        return {"lanes": lanes, "marks": marks}


def _unix(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def slow_disk(cluster: Cluster, since: float, until: float | None = None) -> Json:
    """Return an incident as ``watch --json`` prints it."""
    row = cluster.rows[0]
    return {
        "at": iso(since),
        "event": "opened" if until is None else "closed",
        "incident": f"wal-fsync-slow/member:{row['id']}/{since:.0f}",
        "cluster": "10e5e39849dab251",
        "cause": "wal-fsync-slow",
        "severity": "critical",
        "subject": {"kind": "member", "member": "m1", "member_id": row["id"]},
        "summary": "Writes are slow: m1 waits 412 ms for its WAL disk",
        "confidence": 0.94,
        "since": iso(since),
        **({} if until is None else {"until": iso(until), "seconds": until - since, "note": "No write was lost; 312 waited up to 1.4 s."}),
        "evidence": [
            {"signal": "wal_fsync_p99", "member": "m1", "value": 0.412, "unit": "s", "limit": 0.1, "source": "etcd_disk_wal_fsync_duration_seconds", "for": True},
            {"signal": "wal_fsync_p99", "member": "m2", "value": 0.0021, "unit": "s", "limit": 0.1, "source": "etcd_disk_wal_fsync_duration_seconds", "for": False, "says": "m2 writes as quickly as ever"},
            {"signal": "status_seconds", "member": "m1", "value": 0.002, "unit": "s", "source": "Maintenance.Status", "for": False, "says": "m1 answers quickly: its CPU is not starved"},
        ],
        "effects": ["proposals-piling", "leader-flapping"],
        "ruled_out": [
            {"cause": "cpu-starved", "by": "Status and /debug/vars of m1 answer within 2 ms"},
            {"cause": "storage-stalled-together", "by": "m2 and m3 write within 3 ms"},
        ],
        "impact": "Writes take six times as long; Kubernetes: deploys are slow, running pods go on",
        "runbook": [
            {"say": "See what else writes to that disk.", "run": "iostat -x 1 5"},
            {"say": "Let another member lead.", "run": "etcdctl --endpoints=https://10.0.0.1:2379 move-leader 2c0ffee"},
            {"say": "Move the WAL to a disk of its own (--wal-dir), one member after the other."},
        ],
        "next_test": "fio on the WAL's disk while m1 does not lead",
        "alternatives": [
            {"cause": "disk-shared", "confidence": 0.21, "why": "no host data of m1"},
        ],
        "test": {
            "say": "Look at what other processes write to the disk of m1.",
            "run": "iotop -obn 3",
            "then": [{"sees": "another writer", "cause": "disk-shared"}, {"sees": "etcd alone", "cause": "wal-fsync-slow"}],
        },
    }


def followed(cluster: Cluster, incident: Json) -> Json:
    """Return what ``/incidents/{id}`` gives."""
    since = _unix(incident["since"])
    until = _unix(incident["until"]) if "until" in incident else None
    evidence = incident["evidence"]
    story = [
        {"at": since, "event": "first-sign", "say": "WAL fsync of m1 rises past 100 ms", "evidence": evidence[:1]},
        {"at": since + 4, "event": "opened", "say": incident["summary"], "evidence": evidence},
        {"at": since + 9, "event": "effect", "say": "Proposals pile up on m1: 412 wait", "evidence": []},
        {"at": since + 21, "event": "changed", "say": "Severity is critical now", "evidence": []},
    ]
    if until is not None:
        story.append({"at": until, "event": "closed", "say": incident.get("note", "Over"), "evidence": []})
    end = until or cluster.now
    return {
        "incident": incident,
        "story": story,
        "charts": [{"chart": "wal-fsync-p99", "from": since - 60, "to": end + 30}, {"chart": "proposals-pending", "from": since - 60, "to": end + 30}],
        "logs": [
            {"at": since + 2.1, "member": "m1", "level": "warn", "message": "slow fdatasync took 412.1ms, expected-duration 1s"},
            {"at": since + 8.4, "member": "m1", "level": "warn", "message": "leader failed to send out heartbeat on time; took too long, leader is overloaded likely from slow disk"},
        ],
        "told": [{"at": since + 4.2, "sink": "alertmanager", "ok": True}, {"at": since + 4.3, "sink": "webhook", "ok": False}],
        "similar": [{"id": "wal-fsync-slow/old", "opened_at": since - 86_400 * 6, "closed_at": since - 86_400 * 6 + 95, "summary": "Writes are slow: m1 waits 210 ms for its WAL disk"}],
    }


def chart(cluster: Cluster, name: str, span: tuple[float, float], step: float) -> Json:
    """Return values that look like etcd's, the same ones for the same time."""
    base, unit, limit = _BASES.get(name, (0.01, "s", None))
    begin, end = span
    first, last = math.ceil(begin / step), math.floor(end / step)
    at = [i * step for i in range(first, last + 1)]
    lines = []
    for row in cluster.rows:
        values = [_value(cluster, row, name, base, when) for when in at]
        lines.append({"member": row["id"], "name": row["name"], "mark": row["mark"], "values": values})
    said = None if limit is None else {"value": limit, "say": "warning from here on"}
    return {"id": name, "unit": unit, "limit": said, "at": at, "lines": lines, "source": "etcd_x"}


def _value(cluster: Cluster, row: Json, name: str, base: float, when: float) -> float | None:
    if cluster.trouble and row["mark"] == 2 and when > cluster.now - 200:
        return None
    wave = 1 + 0.3 * math.sin(when / 40 + row["mark"]) + 0.2 * math.sin(when / 7.3 * (row["mark"] + 1))
    sick = cluster.trouble and row["mark"] == 0 and when > cluster.now - 240
    if name == "wal-fsync-p99" and sick:
        return 0.36 + 0.05 * math.sin(when)
    if name == "db-size":
        return 1.0e9 + (when - cluster.now + 90_000) * 3_000 - row["mark"] * 2e6
    if name == "db-in-use":
        return 0.78 - 0.01 * row["mark"]
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


def registry(now: float) -> Json:
    """Return a census as ``etcdscope registry --json`` gives it, with the tree for the map."""
    sizes = {
        "events": {"kube-system": 210, "shop": 180, "default": 60, "batch": 40},
        "secrets": {"shop": 160, "kube-system": 80, "ci": 55},
        "configmaps": {"shop": 70, "kube-system": 45, "ci": 20},
        "pods": {"shop": 66, "kube-system": 33, "batch": 12},
        "leases": {"kube-node-lease": 22, "kube-system": 6},
        "customresourcedefinitions": {"": 48},
        "replicasets": {"shop": 30, "ci": 11},
        "endpointslices": {"shop": 9, "kube-system": 5},
        "minions": {"": 12},
    }
    tiles = [
        _tile(name, [_tile(space, [], mega * 1_000_000) for space, mega in spaces.items()])
        for name, spaces in sizes.items()
    ]
    whole = _tile("", tiles)
    rows = [
        {"resource": t["name"], "prefix": f"/registry/{t['name']}/", **_counted(t)} for t in tiles
    ]
    spaces = {space for row in sizes.values() for space in row if space}
    return {
        "at": iso(now - 600),
        "of": "m2",
        "headline": "events hold 42 % of 1.2 GB in 299 000 keys.",
        "revision": 8_812_004,
        "complete": True,
        "sized": True,
        "seconds": 9.2,
        "keys": whole["keys"],
        "bytes": whole["bytes"],
        "key_bytes": 20_000_000,
        "value_bytes": whole["bytes"] - 20_000_000,
        "keys_with_lease": 12,
        "values": {"protobuf": 290_000, "json": 9_000},
        "resource": rows,
        "namespace": [
            {"namespace": space, **_counted(_tile(space, [], 90_000_000 + 1_000_000 * len(space)))}
            for space in sorted(spaces)
        ],
        "largest": [
            {
                "key": f"/registry/secrets/ci/sh.helm.release.v1.shop.v{i}",
                "resource": "secrets",
                "namespace": "ci",
                "value_bytes": 1_200_000 - i * 31_000,
                "key_bytes": 50,
                "version": 1,
                "create_revision": 1,
                "mod_revision": 1,
            }
            for i in range(8)
        ],
        "near_limit": [],
        "rewritten": [],
        "helm": {"keys": 40, "value_bytes": 21_000_000, "releases": 4, "longest": 10},
        "remarks": ["Events are 41 % of all keys, 40 % of them in kube-system."],
        "notes": [],
        "treemap": whole,
    }


def _tile(name: str, children: list[Json], size: int = 0) -> Json:
    total = sum(c["bytes"] for c in children) or size
    return {
        "name": name,
        "keys": total // 4_000,
        "bytes": total,
        "churn": total // 900,
        "children": children,
    }


def _counted(tile: Json) -> Json:
    return {
        "keys": tile["keys"],
        "bytes": tile["bytes"],
        "key_bytes": tile["keys"] * 60,
        "value_bytes": tile["bytes"] - tile["keys"] * 60,
        "largest_value_bytes": 1_200_000,
        "writes": tile["churn"],
        "keys_with_lease": 0,
    }


def diff(now: float) -> Json:
    """Return what grew in a day."""
    rows = [("events", 12_400, 61_000_000, 88_000), ("leases", 0, 0, 61_000), ("pods", -40, -210_000, 900)]
    moment = {"of": "m2", "revision": 1, "keys": 1, "bytes": 1, "complete": True}
    return {
        "headline": "+61 MB, +12 360 keys in 24 h: events grew most, by 61 MB.",
        "before": moment | {"at": iso(now - 86_400)},
        "after": moment | {"at": iso(now)},
        "seconds": 86_400.0,
        "revisions": 149_900,
        "keys": 12_360,
        "bytes": 60_790_000,
        "resource": [
            {
                "name": name,
                "keys": keys,
                "bytes": size,
                "writes": writes,
                "keys_before": 1,
                "keys_after": 1 + keys,
                "bytes_before": 1,
                "bytes_after": 1 + size,
            }
            for name, keys, size, writes in rows
        ],
        "namespace": [],
    }
