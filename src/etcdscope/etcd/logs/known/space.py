"""Quota, alarms, defragmentation, compaction, snapshots."""

from etcdscope.etcd.logs.known.row import PEER, Row

ROWS: dict[str, Row] = {
    "quota-exceeded": Row(
        "a write met the quota: an alarm follows, and the cluster takes reads and deletes only",
        (
            "message exceeded backend quota; raising alarm",
            "applying raft message exceeded backend quota",
        ),
        ("quota-exhausted",),
        True,
    ),
    "alarm-raised": Row(
        "an alarm was raised",
        ("alarm raised", rf"~^alarm (?P<alarm>\w+) raised by peer {PEER}"),
        ("quota-exhausted", "alarm-corrupt"),
        True,
    ),
    "alarm-disarmed": Row(
        "an alarm was disarmed",
        ("alarm disarmed", r"~^alarm disarmed action:DEACTIVATE"),
        (),
        True,
    ),
    "quota-set": Row(
        "the quota that applies",
        ("enabled backend quota", "enabled backend quota with default value"),
    ),
    "defragmentation": Row(
        "a defragmentation began; this member answers nothing until it ends",
        (
            "starting defragment",
            "defragmenting",
            r"~^starting to defragment the storage backend",
        ),
        ("defrag-blocking",),
        True,
    ),
    "defragmented": Row(
        "a defragmentation ended",
        (
            "finished defragment",
            "finished defragmenting directory",
            "defragmented",
            r"~^finished defragmenting the storage backend",
        ),
        ("defrag-blocking",),
        True,
    ),
    "compaction": Row(
        "a compaction began", ("compact tree index", r"~^store\.index: compact (?P<index>\d+)")
    ),
    "compacted": Row(
        "a compaction ended",
        (
            "finished scheduled compaction",
            r"~^finished scheduled compaction at (?P<index>\d+) \(took (?P<took>[^)]+)\)",
            "skip compaction since there is an inflight snapshot",
        ),
        ("compaction-pauses",),
    ),
    "compaction-failed": Row(
        "automatic compaction failed",
        (
            "failed auto periodic compaction",
            "failed auto revision compaction",
            "failed to compact",
            r"~^Failed (?:auto-)?compaction",
        ),
        ("compaction-stalled",),
        True,
    ),
    "raft-log-compacted": Row(
        "old raft entries were dropped after a snapshot; every snapshot-count entries",
        (
            "compacted Raft logs",
            "saved snapshot",
            "saved snapshot to disk",
            "triggering snapshot",
            r"~^compacted raft log at (?P<index>\d+)",
            r"~^saved snapshot at index (?P<index>\d+)",
            r"~^start to snapshot \(applied: (?P<index>\d+)",
        ),
    ),
    "snapshot-sent": Row(
        "the leader sends the whole database to a member that is too far behind",
        (
            "sending database snapshot",
            "sent database snapshot",
            "sent database snapshot to writer",
            "sending merged snapshot",
            "sent merged snapshot",
            rf"~^start to send database snapshot \[index: (?P<index>\d+), to {PEER}",
            rf"~^database snapshot \[index: (?P<index>\d+), to: {PEER}\] sent out successfully",
            r"~^wrote database snapshot out",
        ),
        ("snapshot-storm",),
        True,
    ),
    "snapshot-failed": Row(
        "a snapshot could not be sent or received",
        (
            "failed to send database snapshot",
            "failed to receive database snapshot",
            "failed to save incoming database snapshot",
            "failed to read raft message",
            "snapshotting taking too long to transfer",
            r"~^database snapshot .* failed to be sent out",
        ),
        ("snapshot-storm",),
        True,
    ),
    "snapshot-received": Row(
        "this member was too far behind and gets the whole database",
        (
            "receiving database snapshot",
            "received and saved database snapshot",
            "saved database snapshot to disk",
            "applying snapshot",
            "applied snapshot",
            "applySnapshot: opened snapshot backend",
            "applied incoming Raft snapshot",
            "restoring mvcc store",
            "restored mvcc store",
            "restoring alarm store",
            "restored alarm store",
            "restoring auth store",
            "restored auth store",
            "restoring v2 store",
            "restored v2 store",
            "restoring lease store",
            "restored lease store",
            "restoring cluster configuration",
            "restored cluster configuration",
            "closing old backend file",
            "closed old backend file",
            r"~^receiving database snapshot \[index: (?P<index>\d+)",
            r"~^successfully received and saved database snapshot \[index: (?P<index>\d+)",
            r"~^saved database snapshot to disk",
            r"~^(?:finished )?applying (?:incoming )?snapshot ",
            r"~^finished applying incoming snapshot",
            r"~^raft applied incoming snapshot",
            (
                r"~^(?:finished )?(?:recovering|restoring) "
                r"(?:alarms|auth store|lessor|store v2|mvcc store|cluster configuration)"
            ),
            r"~^(?:finished )?closing old backend",
        ),
        ("snapshot-storm",),
    ),
}
