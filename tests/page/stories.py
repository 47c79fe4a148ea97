"""Incidents that are made up, and their stories."""

from tests.page.told import Cluster, Json, iso, unix


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
        **(
            {}
            if until is None
            else {
                "until": iso(until),
                "seconds": until - since,
                "note": "No write was lost; 312 waited up to 1.4 s.",
            }
        ),
        "evidence": [
            {
                "signal": "wal_fsync_p99",
                "member": "m1",
                "value": 0.412,
                "unit": "s",
                "limit": 0.1,
                "source": "etcd_disk_wal_fsync_duration_seconds",
                "for": True,
            },
            {
                "signal": "wal_fsync_p99",
                "member": "m2",
                "value": 0.0021,
                "unit": "s",
                "limit": 0.1,
                "source": "etcd_disk_wal_fsync_duration_seconds",
                "for": False,
                "says": "m2 writes as quickly as ever",
            },
            {
                "signal": "status_seconds",
                "member": "m1",
                "value": 0.002,
                "unit": "s",
                "source": "Maintenance.Status",
                "for": False,
                "says": "m1 answers quickly: its CPU is not starved",
            },
        ],
        "effects": ["proposals-piling", "leader-flapping"],
        "ruled_out": [
            {"cause": "cpu-starved", "by": "Status and /debug/vars of m1 answer within 2 ms"},
            {"cause": "storage-stalled-together", "by": "m2 and m3 write within 3 ms"},
        ],
        "impact": "Writes take six times as long; Kubernetes: deploys are slow, running pods go on",
        "runbook": [
            {"say": "See what else writes to that disk.", "run": "iostat -x 1 5"},
            {
                "say": "Let another member lead.",
                "run": "etcdctl --endpoints=https://10.0.0.1:2379 move-leader 2c0ffee",
            },
            {"say": "Move the WAL to a disk of its own (--wal-dir), one member after the other."},
        ],
        "next_test": "fio on the WAL's disk while m1 does not lead",
        "alternatives": [
            {"cause": "disk-shared", "confidence": 0.21, "why": "no host data of m1"},
        ],
        "test": {
            "say": "Look at what other processes write to the disk of m1.",
            "run": "iotop -obn 3",
            "then": [
                {"sees": "another writer", "cause": "disk-shared"},
                {"sees": "etcd alone", "cause": "wal-fsync-slow"},
            ],
        },
    }


def followed(cluster: Cluster, incident: Json) -> Json:
    """Return what ``/incidents/{id}`` gives."""
    since = unix(incident["since"])
    until = unix(incident["until"]) if "until" in incident else None
    evidence = incident["evidence"]
    story = [
        {
            "at": since,
            "event": "first-sign",
            "say": "WAL fsync of m1 rises past 100 ms",
            "evidence": evidence[:1],
        },
        {"at": since + 4, "event": "opened", "say": incident["summary"], "evidence": evidence},
        {
            "at": since + 9,
            "event": "effect",
            "say": "Proposals pile up on m1: 412 wait",
            "evidence": [],
        },
        {"at": since + 21, "event": "changed", "say": "Severity is critical now", "evidence": []},
    ]
    if until is not None:
        story.append(
            {"at": until, "event": "closed", "say": incident.get("note", "Over"), "evidence": []}
        )
    end = until or cluster.now
    return {
        "incident": incident,
        "story": story,
        "charts": [
            {"chart": "wal-fsync-p99", "from": since - 60, "to": end + 30},
            {"chart": "proposals-pending", "from": since - 60, "to": end + 30},
        ],
        "logs": [
            {
                "at": since + 2.1,
                "member": cluster.rows[0]["id"],
                "name": "m1",
                "level": "warn",
                "kind": "slow",
                "count": 1,
                "message": "slow fdatasync took 412.1ms, expected-duration 1s",
            },
            {
                "at": since + 8.4,
                "member": cluster.rows[0]["id"],
                "name": "m1",
                "level": "warn",
                "kind": "slow",
                "count": 1,
                "message": "leader failed to send out heartbeat on time; took too long, leader is"
                " overloaded likely from slow disk",
            },
        ],
        "logs_read": True,
        "similar": [
            {
                "id": "wal-fsync-slow/old",
                "opened_at": since - 86_400 * 6,
                "closed_at": since - 86_400 * 6 + 95,
                "severity": "warning",
                "subject": incident["subject"],
                "summary": "Writes are slow: m1 waits 210 ms for its WAL disk",
            }
        ],
    }
