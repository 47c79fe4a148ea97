"""Metrics of disks, the database, its revisions, watchers and leases."""

from etcdscope.surfaces.explain.metrics.note import Note

_NAMED = "gauge, although its name ends in _total"

DISK: tuple[Note, ...] = (
    Note(
        "etcd_disk_wal_fsync_duration_seconds",
        "histogram",
        "How long fsync of the write-ahead log takes: each write waits for it on the leader, and"
        " on a follower before it answers the leader.",
        "The last finite bucket ends at 8 s, and a call that hangs is counted only when it"
        " returns: a hung disk looks fine. A 300 ms disk never appears in the log (\"slow"
        " fdatasync\" begins at 1 s). Starved CPU lengthens it as well: compare with calls that"
        " touch no disk.",
        "p99 under 10 ms; over 100 ms is bad.",
        "histogram_quantile(0.99, rate(etcd_disk_wal_fsync_duration_seconds_bucket[5m]))",
        ("wal-fsync-slow", "storage-stalled-together", "disk-hung", "cpu-starved"),
    ),
    Note("etcd_disk_wal_write_duration_seconds", "histogram",
         "How long write() of the log takes, without the fsync behind it.",
         "It goes into the page cache, so it is slow only where memory is short or the kernel"
         " throttles writers.", "Well under a millisecond.", causes=("disk-shared",
         "memory-exhausted"), since="3.5.15"),
    Note("etcd_disk_wal_write_bytes_total", "gauge or counter by release; it grows either way",
         "Bytes written to the log since the process began.",
         "Entries count with their raft envelope; the database is written on top of it.",
         ask="rate(etcd_disk_wal_write_bytes_total[5m])", causes=("write-hotspot",)),
    Note(
        "etcd_disk_backend_commit_duration_seconds",
        "histogram",
        "How long a commit of the database takes: every 100 ms, or 10 000 operations, all that"
        " came since is written to the bbolt file.",
        "Clients do not wait for it, the apply loop does. It grows with a large free list and"
        " with many dirty pages while the WAL stays fast; then defragment. Defragmentation itself"
        " stalls it.",
        "p99 under 25 ms; over 250 ms is bad.",
        "histogram_quantile(0.99, rate(etcd_disk_backend_commit_duration_seconds_bucket[5m]))",
        ("backend-commit-slow", "db-fragmented", "defrag-blocking"),
    ),
    Note("etcd_debugging_disk_backend_commit_rebalance_duration_seconds", "histogram",
         "The part of a commit in which pages are merged.", "Large after mass deletes and"
         " compaction.", "Near 0.", causes=("backend-commit-slow",)),
    Note("etcd_debugging_disk_backend_commit_spill_duration_seconds", "histogram",
         "The part of a commit in which dirty pages are laid out, and free ones looked for.",
         "A long free list shows here, not in the write: the disk is innocent.", "Milliseconds.",
         causes=("backend-commit-slow", "db-fragmented")),
    Note("etcd_debugging_disk_backend_commit_write_duration_seconds", "histogram",
         "The part of a commit that is written and synced: here it is the disk.",
         "Compare with spill and rebalance before blaming it.", "Milliseconds.",
         causes=("backend-commit-slow", "disk-shared")),
    Note("etcd_disk_backend_snapshot_duration_seconds", "histogram",
         "How long streaming the database out takes: a backup, or a follower that is far behind.",
         "While it runs, a read transaction holds all free pages: the file may grow. Counted only"
         " at the end.", causes=("read-transaction-long", "snapshot-storm")),
    Note("etcd_disk_backend_defrag_duration_seconds", "histogram",
         "How long a defragmentation took; the member answered nothing meanwhile.",
         "Counted only at the end; the first bucket ends at 0.1 s, the last at 410 s.",
         causes=("defrag-blocking",)),
    Note("etcd_disk_defrag_inflight", "gauge, 0 or 1",
         "1 while this member is defragmenting: it neither reads nor writes then.",
         "Metrics are served meanwhile, client requests are not.", "0, and on one member at a"
         " time.", "etcd_disk_defrag_inflight == 1", ("defrag-blocking",)),
    Note("etcd_snap_fsync_duration_seconds", "histogram",
         "fsync of a raft snapshot file, once in 100 000 entries (10 000 since 3.6).",
         "Too rare for a rate.", causes=("wal-fsync-slow",)),
    Note("etcd_snap_db_fsync_duration_seconds", "histogram",
         "fsync of a database that was received from the leader.", "Only on a member that"
         " catches up.", causes=("snapshot-storm",)),
    Note("etcd_snap_db_save_total_duration_seconds", "histogram",
         "How long receiving and saving the leader's database took.", "Only on a member that"
         " catches up.", causes=("snapshot-storm", "link-saturated")),
    Note("etcd_debugging_snap_save_total_duration_seconds", "histogram",
         "Saving a raft snapshot (without the database), in all.", "Rare: see snapshot-count."),
    Note("etcd_debugging_snap_save_marshalling_duration_seconds", "histogram",
         "The part of that which is encoding.", "It is CPU, not disk."),
)  # fmt: skip

DATABASE: tuple[Note, ...] = (
    Note(
        "etcd_mvcc_db_total_size_in_bytes",
        "gauge",
        "The size of the database file, free pages included. The quota is judged by this number,"
        " member by member.",
        "It never shrinks by itself: compaction frees pages, only defragmentation gives them"
        " back. Members differ, and the largest one decides.",
        "Under 80 % of the quota.",
        "etcd_mvcc_db_total_size_in_bytes / etcd_server_quota_backend_bytes",
        ("quota-near", "quota-exhausted", "quota-forecast", "db-size-uneven"),
    ),
    Note("etcd_debugging_mvcc_db_total_size_in_bytes", "gauge",
         "The old name of etcd_mvcc_db_total_size_in_bytes.",
         "Rules that use it see nothing on 3.5 and later.", until="3.4"),
    Note(
        "etcd_mvcc_db_total_size_in_use_in_bytes",
        "gauge",
        "The pages in use: what a defragmentation would leave.",
        "Not what the quota is judged by: alerts that divide it by the quota warn too late. A long"
        " read or a snapshot pins pages, and it grows meanwhile.",
        "More than half of the file.",
        "etcd_mvcc_db_total_size_in_use_in_bytes / etcd_mvcc_db_total_size_in_bytes",
        ("db-fragmented", "quota-near", "read-transaction-long"),
        since="3.4",
    ),
    Note("etcd_mvcc_db_open_read_transactions", "gauge",
         "Read transactions that are open now.",
         "A scrape catches it by chance; one that stays open keeps old pages from being reused.",
         "0 or a few.", "min_over_time(etcd_mvcc_db_open_read_transactions[5m]) > 0",
         ("read-transaction-long",)),
    Note("etcd_debugging_mvcc_keys_total", _NAMED, "Live keys, all of the store.",
         "Past revisions of them do not count, so it says little about the size.",
         causes=("registry-growing", "write-hotspot")),
    Note("etcd_debugging_mvcc_current_revision", "gauge",
         "The store's revision: each write transaction raises it by one.",
         "After a restore it is lower than clients remember.", "Alike on all members.",
         "max(etcd_debugging_mvcc_current_revision) - etcd_debugging_mvcc_current_revision",
         ("revision-rewound", "compaction-stalled")),
    Note("etcd_debugging_mvcc_compact_revision", "gauge",
         "Up to where history was compacted away.",
         "Members compact at slightly different moments. Under Kubernetes the API server does it"
         " every 5 minutes; --auto-compaction-retention is another way, and off by default.",
         "It follows the current revision.",
         "etcd_debugging_mvcc_current_revision - etcd_debugging_mvcc_compact_revision",
         ("compaction-stalled", "watch-revision-compacted")),
    Note("etcd_debugging_mvcc_db_compaction_keys_total", "counter",
         "Revisions that compactions threw away.", "It grows in steps.", causes=
         ("compaction-stalled",)),
    Note("etcd_debugging_mvcc_db_compaction_last", "gauge, unix time",
         "When this member last compacted.", "0 since the start until the first one: not 1970.",
         "Minutes ago.", "time() - etcd_debugging_mvcc_db_compaction_last",
         ("compaction-stalled",), since="3.5"),
    Note("etcd_debugging_mvcc_db_compaction_pause_duration_milliseconds",
         "histogram in milliseconds",
         "How long single steps of a compaction held the database.", "Not seconds, unlike nearly"
         " all others.", "Under 10 ms.", causes=("compaction-pauses",)),
    Note("etcd_debugging_mvcc_db_compaction_total_duration_milliseconds",
         "histogram in milliseconds", "How long whole compactions took, pauses between the steps"
         " included.", "Long is not bad: it pauses on purpose.", causes=("compaction-pauses",)),
    Note("etcd_debugging_mvcc_index_compaction_pause_duration_milliseconds",
         "histogram in milliseconds", "How long compaction held the index of keys, and with it"
         " every request.", "It grows with the number of keys and of their past revisions.",
         "A few milliseconds.", causes=("compaction-pauses",)),
    Note("etcd_mvcc_hash_duration_seconds", "histogram",
         "How long hashing the whole database took.", "Reads the file once: expensive on a large"
         " one.", causes=("data-diverged",)),
    Note("etcd_mvcc_hash_rev_duration_seconds", "histogram",
         "How long hashing up to a revision (HashKV) took.", "Hashes compare only at the same"
         " revision and the same compact revision.", causes=("data-diverged",)),
    Note("etcd_debugging_auth_revision", "gauge",
         "The revision of users and roles.", "A member that differs for longer than a moment"
         " answers logins differently.", "Alike on all members.",
         "max(etcd_debugging_auth_revision) - min(etcd_debugging_auth_revision)",
         ("auth-diverged",), since="3.4"),
)  # fmt: skip

TRAFFIC: tuple[Note, ...] = (
    Note("etcd_mvcc_put_total", "counter",
         "Puts that this member applied: those of all clients of the cluster, its own or not.",
         "Each member counts them all; do not add members up. Puts within transactions count one"
         " by one. A member that caught up by snapshot did not count what it skipped.",
         ask="rate(etcd_mvcc_put_total[5m])", causes=("write-hotspot", "transaction-huge")),
    Note("etcd_mvcc_delete_total", "counter",
         "Deletes that this member applied, expired leases included.",
         "Each member counts them all. A peak one lease time after a peak of puts is expiry.",
         ask="rate(etcd_mvcc_delete_total[5m])", causes=("lease-expiry-storm",)),
    Note("etcd_mvcc_range_total", "counter",
         "Ranges that this member served, and those within transactions that it applied.",
         "Unlike puts they are counted where they are served; one range may be one key or all.",
         ask="rate(etcd_mvcc_range_total[5m])", causes=("list-storm", "range-expensive")),
    Note("etcd_mvcc_txn_total", "counter",
         "Transactions with more than one operation.",
         "Those with a single put or range do not count here: Kubernetes' creates and updates are"
         " mostly puts to it. Count transactions by"
         " grpc_server_handled_total{grpc_method=\"Txn\"}.",
         ask="rate(etcd_mvcc_txn_total[5m])", causes=("txn-conflicts", "transaction-huge")),
    Note("etcd_debugging_mvcc_put_total", "counter", "The old name of etcd_mvcc_put_total.",
         "Rules that use it see nothing on 3.5 and later.", until="3.4"),
    Note("etcd_debugging_mvcc_delete_total", "counter",
         "The old name of etcd_mvcc_delete_total.", "Rules that use it see nothing on 3.5 and"
         " later.", until="3.4"),
    Note("etcd_debugging_mvcc_txn_total", "counter", "The old name of etcd_mvcc_txn_total.",
         "Rules that use it see nothing on 3.5 and later.", until="3.4"),
    Note("etcd_debugging_mvcc_range_total", "counter", "The old name of etcd_mvcc_range_total.",
         "Rules that use it see nothing on 3.6 and later.", until="3.5"),
    Note("etcd_debugging_mvcc_total_put_size_in_bytes", "gauge that only grows",
         "Bytes of keys and values put since the process began; rate() works until a restart.",
         "Divide its growth by that of etcd_mvcc_put_total for the mean size of a write.",
         ask="rate(etcd_debugging_mvcc_total_put_size_in_bytes[5m])"
         " / rate(etcd_mvcc_put_total[5m])",
         causes=("objects-giant", "request-too-large")),
    Note("etcd_debugging_mvcc_events_total", "counter",
         "Events sent to watchers: one write watched by a thousand counts a thousand.",
         "High with few writes means many watchers on the same keys.",
         ask="rate(etcd_debugging_mvcc_events_total[5m])", causes=("watchers-slow",)),
    Note("etcd_debugging_mvcc_pending_events_total", _NAMED,
         "Events that watchers have not taken yet.",
         "It stands at 0 between bursts; what stays is a client that does not read.",
         "Near 0.", "min_over_time(etcd_debugging_mvcc_pending_events_total[1m]) > 0",
         ("watchers-slow",)),
    Note("etcd_debugging_mvcc_slow_watcher_total", _NAMED,
         "Watchers that are behind: they have not taken events, or still read old history.",
         "A new watch from an old revision counts for a moment and is harmless; the same number"
         " for half a minute is a client that does not read, or a member that cannot keep up.",
         "0.", "min_over_time(etcd_debugging_mvcc_slow_watcher_total[1m]) > 0",
         ("watchers-slow", "watch-revision-compacted")),
    Note("etcd_debugging_mvcc_watch_stream_total", _NAMED,
         "Open watch streams: about one a client process.",
         "It falls only when the server notices that a client is gone: a half-open connection"
         " stays until something is sent or a keep-alive fails.",
         causes=("connection-churn", "client-connection-half-open")),
    Note("etcd_debugging_mvcc_watcher_total", _NAMED,
         "Watchers in all streams.",
         "Each costs memory and, for every write to its keys, work. Kubernetes has one a resource"
         " and API server: hundreds, not tens of thousands.", causes=("watchers-slow",)),
    Note("etcd_debugging_lease_granted_total", "counter",
         "Leases that were granted, by all clients of the cluster.",
         "It starts anew with the process, while leases live on: granted less revoked is not the"
         " number of leases after a restart.",
         ask="rate(etcd_debugging_lease_granted_total[5m])", causes=("leases-piling",)),
    Note("etcd_debugging_lease_revoked_total", "counter",
         "Leases that were revoked, by clients or because they had expired.",
         "Starts anew with the process.", ask="rate(etcd_debugging_lease_revoked_total[5m])",
         causes=("leases-piling", "lease-expiry-storm")),
    Note("etcd_debugging_lease_renewed_total", "counter",
         "Keep-alives that the leader took.", "Only the leader counts.",
         ask="rate(etcd_debugging_lease_renewed_total[5m])", causes=("leases-piling",)),
    Note("etcd_debugging_lease_ttl_total", "histogram in seconds, although its name ends in _total",
         "The times to live of the leases that were granted.",
         "It counts grants, not living leases.", causes=("leases-piling", "lease-expiry-storm")),
    Note("etcd_debugging_server_lease_expired_total", "counter",
         "Leases that ran out. Only the leader counts, and only while it leads.",
         "At most 16 revocations run at a time, so a storm lasts while this grows at a few hundred"
         " a second.", ask="rate(etcd_debugging_server_lease_expired_total[1m])",
         causes=("lease-expiry-storm",)),
    Note("etcd_network_client_grpc_received_bytes_total", "counter",
         "Bytes of requests that this member read.",
         "Requests that gRPC refuses for their size are not read, and not counted.",
         ask="rate(etcd_network_client_grpc_received_bytes_total[5m])",
         causes=("request-too-large", "write-hotspot")),
    Note("etcd_network_client_grpc_sent_bytes_total", "counter",
         "Bytes of answers and events that this member sent.",
         "Lists, watch events and snapshots in one number.",
         ask="rate(etcd_network_client_grpc_sent_bytes_total[5m])",
         causes=("list-storm", "range-expensive")),
    *(
        Note(f"etcd_debugging_store_{name}", kind,
             f"The v2 store: {what}. Nothing of v3 counts here.",
             "etcd writes a little of its own there (members, versions), so a small number is no"
             " v2 client; growth under load is.")
        for name, kind, what in (
            ("expires_total", "counter", "keys that ran out"),
            ("reads_total", "counter by action", "reads served by this member"),
            ("writes_total", "counter by action", "writes applied"),
            ("watch_requests_total", "counter", "watches opened"),
            ("watchers", "gauge", "watchers open now"),
        )
    ),
    *(
        Note(f"etcd_grpc_proxy_{name}", kind,
             f"Of `etcd grpc-proxy`: {what}. A member shows it as 0.",
             "Only the proxy's own /metrics says anything.")
        for name, kind, what in (
            ("cache_hits_total", "gauge", "ranges answered from its cache"),
            ("cache_keys_total", "gauge", "keys and ranges in its cache"),
            ("cache_misses_total", "gauge", "ranges it had to ask for"),
            ("events_coalescing_total", "counter", "events sent to several clients at once"),
            ("watchers_coalescing_total", "gauge", "watchers that share one"),
        )
    ),
)  # fmt: skip
