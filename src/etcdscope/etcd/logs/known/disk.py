"""The WAL, the database file, the disk under them."""

from etcdscope.etcd.logs.known.row import PEER, Row
from etcdscope.model import logs

ROWS: dict[str, Row] = {
    logs.FSYNC_SLOW: Row(
        "a WAL fsync took over a second",
        ("slow fdatasync", r"~^sync duration of (?P<took>\S+), expected less than"),
        ("wal-fsync-slow", "disk-hung"),
        True,
    ),
    logs.HEARTBEAT_LATE: Row(
        "the leader's heartbeat went out late. etcd guesses a slow disk; too little CPU and a"
        " paused process look the same",
        (
            (
                "leader failed to send out heartbeat on time; took too long, leader is overloaded"
                " likely from slow disk"
            ),
            (
                r"~^failed to send out heartbeat on time \(exceeded the \S+ timeout for "
                rf"(?P<took>[^,]+), to {PEER}\)"
            ),
        ),
        ("wal-fsync-slow", "cpu-starved", "member-frozen"),
        True,
    ),
    "overloaded": Row(
        "3.4 adds this guess to a late heartbeat; it says nothing more",
        ("server is likely overloaded",),
    ),
    logs.DISK_FULL: Row(
        "the file system that holds the data is full",
        (r"~no space left on device",),
        ("disk-full",),
        True,
    ),
    logs.WAL_CORRUPT: Row(
        "the WAL cannot be read",
        (
            "failed to read WAL, cannot be repaired",
            "failed to open WAL",
            "failed to read WAL",
            "failed to repair WAL",
            "failed to verify WAL",
            "failed to verify snapshot in WAL",
            r"~^read wal error \((?P<error>.*)\) and cannot be repaired",
            r"~^open wal error: (?P<error>.*)",
            r"~^read wal error: (?P<error>.*)",
            r"~(?:walpb|wal): crc mismatch",
            r"~wal: conflicting metadata found|wal: max entry size limit exceeded",
            r"~wal: slice bounds out of range|wal: record not found|wal: snapshot (?:mismatch|not)",
        ),
        ("wal-corrupt",),
        True,
    ),
    logs.WAL_REPAIRED: Row(
        "a torn end of the WAL was cut off, as after a power loss; no acknowledged entry is lost"
        " unless the disk lied",
        ("repaired WAL", "repaired", r"~^repaired WAL error", r"~^repairing (?:\S+)$", "repairing"),
        ("wal-corrupt",),
        True,
    ),
    logs.BACKEND_CORRUPT: Row(
        "the database file cannot be used",
        (
            "failed to open database",
            r"~freepages: failed to get all reachable pages",
            r"~page \d+ already freed",
            r"~(?:^|: )invalid database\b",
            r"~page expected to be: \d+, but self identifies as",
            r"~invalid page type: \d+|unexpected page type|page \d+: multiple references",
            r"~assertion failed: Page expected to be",
            r"~cannot open database at \S+ \((?P<error>.*)\)",
            r"~(?:^|: )(?:invalid|checksum|file size too small)(?: error)?$",
            "failed to recover v3 backend from snapshot",
            "failed to find [SNAPSHOT-INDEX].snap.db",
            r"~database file \(.*\) (?:of the backend is missing|does not match with snapshot)",
            r"~^recover(?:ing)? backend from snapshot error: (?P<error>.*)",
        ),
        ("backend-corrupt",),
        True,
    ),
    "snapshot-corrupt": Row(
        "a raft snapshot file cannot be read, and another one is tried",
        (
            "snap file is corrupt",
            "renamed to a broken snap file",
            "failed to read a snap file",
            r"~^(?:cannot read|renamed) file \S+\.snap",
            r"~^corrupted snapshot file",
        ),
        ("backend-corrupt",),
        True,
    ),
    "file-locked": Row(
        "another process holds the database file",
        (
            "db file is flocked by another process, or taking too long",
            r"~^another etcd process is using \S+",
        ),
        ("member-restarting",),
        True,
    ),
    "save-failed": Row(
        "raft's state could not be written: the disk is full or broken; the process ends",
        (
            "failed to save Raft hard state and entries",
            "failed to save Raft snapshot",
            "failed to preallocate space when creating a new WAL",
            "failed to commit tx",
            (
                r"~^(?:save state and entries|raft save (?:state and entries|snapshot)) error: "
                r"(?P<error>.*)"
            ),
        ),
        ("disk-full", "disk-hung"),
        True,
    ),
    "files-recovered": Row(
        "what was on disk is read at a start",
        (
            "opened backend db",
            "restore consistentIndex",
            "kvstore restored",
            "recovered v3 backend",
            "recovered v2 store from snapshot",
            "recovered v3 backend from snapshot",
            "No snapshot found. Recovering WAL from scratch!",
            "Bootstrapping WAL from snapshot",
            "bootstrapping storage",
            "bootstrapping raft",
            "bootstrapping cluster",
            "bootstrap successfully",
            "set cluster version from store",
            "Failed to detect schema version",
            r"~^Opening (?:bbolt db|db file) ",
            r"~^recovered store from snapshot",
            r"~^set the cluster version to \S+ from store",
            r"~^ignored file \S+ in wal",
            r"~^the server is already initialized as member before",
            "server has been already initialized",
            "server has already been initialized",
        ),
    ),
    "file-purged": Row(
        "old WAL or snapshot files are removed",
        (
            "purged",
            "started to purge file",
            "found orphaned .snap.db file; deleting",
            "found orphaned defragmentation file; deleting",
            r"~^started to purge file",
            r"~^purged file \S+ successfully",
        ),
    ),
    "files-many": Row(
        "most file descriptors are used",
        (
            "80% of file descriptors are used",
            r"~^80%+ of the file descriptor limit is used",
            r"~too many open files",
        ),
        ("file-descriptors-exhausted",),
        True,
    ),
}
