"""Metrics of the server itself, raft and the peers."""

from etcdscope.surfaces.explain.metrics.note import Note

_NAMED = "gauge, although its name ends in _total"

SERVER: tuple[Note, ...] = (
    Note(
        "etcd_server_has_leader",
        "gauge, 0 or 1",
        "1 while this member knows a leader. On 0 it answers neither writes nor linearizable"
        " reads.",
        "The value is written by raft's own loop. A leader whose disk hangs blocks that loop and"
        " goes on saying 1; a frozen process says nothing at all. The vote of one member says"
        " nothing about the cluster: a cut-off member says 0 while the others are fine.",
        "1 on every member; 0 for a second or two around an election.",
        "min by (instance) (etcd_server_has_leader) == 0",
        ("leader-missing", "member-isolated", "quorum-lost"),
    ),
    Note(
        "etcd_server_is_leader",
        "gauge, 0 or 1",
        "1 on the member that takes itself for the leader.",
        "Two members may say 1 for a moment: an old leader that is cut off learns of the new one"
        " only when it hears from it, or gives up after an election timeout. With a hung disk it"
        " never does. /debug/vars (raft.status) is what raft itself says.",
        "The sum over all members is 1.",
        "sum(etcd_server_is_leader)",
        ("leader-missing", "disk-hung"),
    ),
    Note(
        "etcd_server_is_learner",
        "gauge, 0 or 1",
        "1 while the member is a learner: it follows, and counts for no quorum.",
        "A learner that never starts has no metrics; ask the member list.",
        "0, or 1 for the minutes of a replacement.",
        "etcd_server_is_learner == 1",
        ("learner-stuck",),
        since="3.4",
    ),
    Note(
        "etcd_server_learner_promote_successes",
        "counter",
        "Learners that were made voters while this member led.",
        "It stays on the member that led then, and is gone with its restart.",
        "It grows by one a replacement.",
        since="3.4",
    ),
    Note(
        "etcd_server_leader_changes_seen_total",
        "counter since the process began",
        "How often this member saw the leader change.",
        "A restarted member starts from 0, and its first leader counts. A planned restart of the"
        " leader or a move-leader counts like a failure. Rules over 15 minutes with a limit of 4"
        " miss a cluster that loses its leader every five minutes.",
        "Flat for days; one at each planned restart of the leader.",
        "increase(etcd_server_leader_changes_seen_total[15m])",
        ("leader-changed", "leader-flapping"),
    ),
    Note(
        "etcd_server_heartbeat_send_failures_total",
        "counter",
        "How often the leader's raft loop came round late (over two heartbeats) to send its"
        " heartbeats.",
        "It measures the leader itself, not the network: sends never block, and a message that"
        " cannot be sent counts elsewhere (peer_sent_failures_total). Slow fsync, throttled CPU,"
        " garbage collection or a paused machine make it grow, on a healthy network.",
        "Flat. A few at start.",
        "rate(etcd_server_heartbeat_send_failures_total[5m])",
        ("wal-fsync-slow", "cpu-starved", "member-frozen"),
    ),
    Note(
        "etcd_server_slow_apply_total",
        "counter",
        "Requests that took over 100 ms to apply or to read, the wait for raft's read index"
        " included. It counts slow reads as well as slow writes.",
        'Its help text, "likely overloaded from slow disk", misleads: most of what it counts in'
        " practice are large or linearizable reads (warnOfExpensiveGenericRequest in etcd's"
        " txn/util.go also counts read-only ranges and transactions). A starved CPU, one client"
        " that lists everything, or a leader change make it grow while every disk is fast.",
        "Some an hour on a busy cluster. Look at it when it grows by several a second.",
        "rate(etcd_server_slow_apply_total[5m])",
        ("range-expensive", "list-storm", "apply-lag", "cpu-starved", "backend-commit-slow",
         "transaction-huge"),
    ),
    Note(
        "etcd_server_slow_read_indexes_total",
        "counter",
        "Read-index rounds that timed out, or whose answer came too late to be used.",
        "It misses most slow rounds: the retries after 500 ms are not counted, they stand only in"
        " the log (\"waiting for ReadIndex response took too long, retrying\").",
        "Flat; a few around an election.",
        "rate(etcd_server_slow_read_indexes_total[5m])",
        ("read-index-slow", "leader-missing", "link-lossy"),
    ),
    Note(
        "etcd_server_read_indexes_failed_total",
        "counter",
        "Read-index rounds that raft refused, and with them all linearizable reads that waited.",
        "A leader change fails the reads of that moment, and clients try again.",
        "Flat.",
        "rate(etcd_server_read_indexes_failed_total[5m])",
        ("leader-flapping", "read-index-slow"),
    ),
    Note(
        "etcd_server_proposals_committed_total",
        _NAMED,
        "The raft commit index as this member knows it, set after its WAL was saved.",
        "It is set, not counted, so rate() takes a restart for a reset and a restore for a jump."
        " It is the same number on every healthy member: the difference between members is the"
        " lag. Where a WAL write hangs, it stays behind Status.raftIndex, which is set before.",
        "It grows with the writes, alike on all members.",
        "max(etcd_server_proposals_committed_total) - etcd_server_proposals_committed_total",
        ("apply-lag", "link-lossy", "disk-hung"),
    ),
    Note(
        "etcd_server_proposals_applied_total",
        _NAMED,
        "The index of the last entry that this member has applied.",
        "Set, not counted. Past 5 000 behind the committed index etcd refuses writes (\"too many"
        " requests\"). Status gives both numbers from one moment; two metrics of one scrape do"
        " too.",
        "Within a few entries of the committed one.",
        "etcd_server_proposals_committed_total - etcd_server_proposals_applied_total",
        ("apply-lag",),
    ),
    Note(
        "etcd_server_proposals_pending",
        "gauge",
        "Proposals of this member that wait to be committed and applied.",
        "It counts what clients of this member wait for, so it is 0 on a member without clients,"
        " however sick the cluster is.",
        "Near the number of concurrent writers; hundreds that do not go away are a stall.",
        "etcd_server_proposals_pending",
        ("proposals-piling", "wal-fsync-slow", "quorum-lost"),
    ),
    Note(
        "etcd_server_proposals_failed_total",
        "counter",
        "Proposals of this member that did not get through: timed out, or dropped for want of a"
        " leader.",
        "A proposal that timed out may still be applied later. A client that ends while its write"
        " is on its way counts as well (processInternalRaftRequestOnce in etcd's v3_server.go).",
        "Flat, but for a handful at an election.",
        "rate(etcd_server_proposals_failed_total[5m])",
        ("proposals-failing", "leader-missing", "quorum-lost"),
    ),
    Note(
        "etcd_server_apply_duration_seconds",
        "histogram by version, op and success",
        "How long applying one request takes, by operation (Put, Txn, Range, Compaction,"
        " LeaseGrant, …).",
        "Its help says \"v2 apply\"; it is v3's as well. Entries are applied one after another:"
        " one slow Txn delays all that come behind it.",
        "Under a millisecond for Put and Txn.",
        "histogram_quantile(0.99, sum by (le, op)"
        " (rate(etcd_server_apply_duration_seconds_bucket[5m])))",
        ("transaction-huge", "apply-lag", "defrag-blocking"),
        since="3.5",
    ),
    Note(
        "etcd_server_range_duration_seconds",
        "histogram by success",
        "How long ranges take inside the store, without the wait for the read index.",
        "Ranges within transactions count too.",
        "Milliseconds; seconds are lists without a limit.",
        "histogram_quantile(0.99, sum by (le)"
        " (rate(etcd_server_range_duration_seconds_bucket[5m])))",
        ("range-expensive", "list-storm"),
        since="3.6",
    ),
    Note(
        "etcd_server_request_duration_seconds",
        "histogram by type and success",
        "How long etcd took for client requests, from their arrival to their answer.",
        "Only from 3.7 on; before, --metrics=extensive gives grpc_server_handling_seconds.",
        "Milliseconds.",
        causes=("range-expensive", "wal-fsync-slow", "apply-lag"),
        since="3.7",
    ),
    Note(
        "etcd_server_quota_backend_bytes",
        "gauge",
        "The member's quota, --quota-backend-bytes (2 GiB by default, 8 GiB at most advised).",
        "It is judged member by member, against the physical file size, free pages included. A"
        " member with another quota puts the whole cluster into NOSPACE alone.",
        "The same on every member.",
        "etcd_mvcc_db_total_size_in_bytes / etcd_server_quota_backend_bytes",
        ("quota-near", "quota-exhausted", "db-size-uneven", "flags-drift"),
    ),
    Note(
        "etcd_server_snapshot_apply_in_progress_total",
        _NAMED + ": 1 or 0",
        "1 while the member loads a snapshot that the leader sent, instead of single entries.",
        "Short ones fall between two scrapes.",
        "0; 1 while a new or long absent member comes up.",
        "max_over_time(etcd_server_snapshot_apply_in_progress_total[5m])",
        ("snapshot-storm", "learner-stuck"),
    ),
    Note(
        "etcd_server_client_requests_total",
        "counter by type (unary, stream) and client_api_version",
        "Requests by the version of the client library: it finds old clients before an upgrade.",
        "Only clients that say their version count under it; others are \"unknown\".",
        ask="sum by (client_api_version) (rate(etcd_server_client_requests_total[5m]))",
    ),
    Note(
        "etcd_server_health_success",
        "counter",
        "Times that /health answered well.",
        "It grows with whoever asks; nobody asking is not sickness.",
    ),
    Note(
        "etcd_server_health_failures",
        "counter",
        "Times that /health answered 503: an alarm, no leader, or a linearizable read that failed.",
        "NOSPACE fails /health but not /readyz. Probes with short time-outs against /health kill"
        " members that only wait for a leader.",
        "Flat.",
        "rate(etcd_server_health_failures[5m])",
        ("quota-exhausted", "leader-missing", "liveness-kill-loop"),
    ),
    Note("etcd_server_id", "gauge, always 1",
         "Whose metrics these are: the member's id in hex, in the label server_id.",
         "etcdctl prints ids in hex, the API in decimal."),
    Note("etcd_server_version", "gauge, always 1",
         "The member's own version, in the label server_version.",
         "It may be ahead of etcd_cluster_version during an upgrade.", "One version.",
         "count by (server_version) (etcd_server_version)", ("version-skew", "version-known-bad")),
    Note("etcd_server_go_version", "gauge, always 1",
         "The Go release that etcd was built with, in the label server_go_version.",
         "Distributions rebuild old etcd with new Go, whose defaults (TLS, garbage collection)"
         " differ from upstream's build."),
    Note("etcd_server_feature_enabled", "gauge, 0 or 1, by name and stage",
         "Which feature gates are on.", "Corruption checks are off by default, even in 3.6.",
         "Alike on all members.", "count by (name) (count_values by (name) (\"v\","
         " etcd_server_feature_enabled)) > 1", ("flags-drift",), since="3.6"),
    Note("etcd_cluster_version", "gauge, always 1",
         "The version that all members agreed on, in the label cluster_version: what the cluster"
         " may use.", "It stays at the oldest member's minor version until the last one is"
         " upgraded.", "major.minor of the members.", "count by (cluster_version)"
         " (etcd_cluster_version)", ("version-skew",)),
    Note("etcd_debugging_server_alarms", "gauge by server_id and alarm_type",
         "1 for each raised alarm: NOSPACE or CORRUPT.",
         "An alarm stays until it is disarmed, though its reason is gone. Without CORRUPT nothing"
         " is proved: the checks are off by default.", "No series with 1.",
         "etcd_debugging_server_alarms == 1", ("quota-exhausted", "alarm-corrupt"), since="3.6"),
)  # fmt: skip

PEERS: tuple[Note, ...] = (
    Note(
        "etcd_network_active_peers",
        "gauge, 0 or 1, by Local and Remote",
        "1 while this member has a live stream to that peer.",
        "rafthttp notices a silent peer after five seconds; a peer that was removed keeps its"
        " series. Bytes received tell within a second or two. It says nothing of the other"
        " direction: look at both members.",
        "1 for every peer, on every member.",
        "etcd_network_active_peers == 0",
        ("member-down", "member-isolated", "link-one-way"),
    ),
    Note(
        "etcd_network_known_peers",
        "gauge by Local and Remote",
        "Peers that this member knows of, itself left out.",
        "A member that has never started is known too.",
        "Members less one, alike everywhere.",
        "count by (instance) (etcd_network_known_peers)",
        ("membership-diverged", "member-never-started"),
        since="3.6",
    ),
    Note(
        "etcd_network_peer_sent_bytes_total",
        "counter by To",
        "Bytes sent to that peer over raft's streams.",
        "A leader sends every entry to every follower: with n members it is n - 1 times the write"
        " volume. Snapshots are counted elsewhere.",
        "Alike for all followers.",
        "rate(etcd_network_peer_sent_bytes_total[1m])",
        ("link-saturated", "link-lossy"),
    ),
    Note(
        "etcd_network_peer_received_bytes_total",
        "counter by From",
        "Bytes received from that peer. Heartbeats alone make it grow ten times a second, so it"
        " tells within a second or two whether a peer is heard.",
        'From="0" is traffic before the peer said who it is.',
        "It never stands still for a live peer.",
        "rate(etcd_network_peer_received_bytes_total[15s]) == 0",
        ("member-down", "member-isolated", "member-unreachable", "link-one-way"),
    ),
    Note(
        "etcd_network_peer_sent_failures_total",
        "counter by To",
        "Messages to that peer that could not be sent.",
        "The series exists only after the first failure, so increase() over its first sample is"
        " 0. Sends to a removed or never started peer count too.",
        "Absent or flat.",
        "rate(etcd_network_peer_sent_failures_total[5m])",
        ("link-lossy", "member-down", "member-never-started"),
    ),
    Note("etcd_network_peer_received_failures_total", "counter by From",
         "Messages of that peer that could not be read.", "Absent until the first.",
         "Absent or flat.", causes=("link-lossy",)),
    Note(
        "etcd_network_peer_round_trip_time_seconds",
        "histogram by To, of smoothed values",
        "The round trip to that peer, as its probers saw it.",
        "Each value is an average that moves by an eighth a probe and starts from 0; it is counted"
        " once in 30 s. Two probers, one over a fresh connection with a TLS handshake, write into"
        " one series: two humps, and a p99 that is often neither. Do not page on it.",
        "Well under the heartbeat interval (100 ms).",
        "histogram_quantile(0.9, rate(etcd_network_peer_round_trip_time_seconds_bucket[30m]))",
        ("link-slow", "rtt-metric-misleading"),
    ),
    Note("etcd_network_disconnected_peers_total", "counter by Remote",
         "How often the stream to that peer was lost.",
         "A restarted peer counts once or more; the series exists only after the first loss.",
         "Flat between restarts.", "increase(etcd_network_disconnected_peers_total[15m])",
         ("link-lossy", "member-restarting")),
    Note("etcd_network_snapshot_send_inflights_total", _NAMED + ", by To",
         "Snapshots that are being sent to that peer now.",
         "The series exists only after the first snapshot.", "0.",
         causes=("snapshot-storm", "learner-stuck")),
    Note("etcd_network_snapshot_send_total_duration_seconds", "histogram by To",
         "How long sending a snapshot to that peer took.",
         "Only finished ones; a long one shows late.", causes=("snapshot-storm", "link-saturated")),
    Note("etcd_network_snapshot_receive_total_duration_seconds", "histogram by From",
         "How long receiving a snapshot took.", "Only finished ones.", causes=("snapshot-storm",)),
    Note("etcd_network_snapshot_send_success", "counter by To",
         "Snapshots of the database that reached that peer.", "Absent until the first.",
         "Flat; one for a new or long absent member.", causes=("snapshot-storm",)),
    Note("etcd_network_snapshot_send_failures", "counter by To",
         "Snapshots of the database that did not reach that peer: it stays behind, and the leader"
         " tries again.", "Absent until the first.", "Absent or flat.",
         "increase(etcd_network_snapshot_send_failures[15m])", ("snapshot-storm", "link-lossy")),
    Note("etcd_network_snapshot_receive_success", "counter by From",
         "Snapshots of the database that this member received whole.", "Absent until the first.",
         causes=("snapshot-storm",)),
    Note("etcd_network_snapshot_receive_failures", "counter by From",
         "Snapshots of the database that broke off, or could not be saved here.",
         "A full disk on the receiver counts here too.", "Absent or flat.",
         causes=("snapshot-storm", "disk-full")),
    Note("etcd_network_snapshot_receive_inflights_total", _NAMED + ", by From",
         "Snapshots that are being received now.", "Absent until the first.", "0.",
         causes=("snapshot-storm", "learner-stuck")),
    Note("etcd_network_server_stream_failures_total", "counter by Type and API",
         "Watch and lease streams that broke on a read or a write.",
         "Clients that simply end are among them on older releases.", causes=("watchers-slow",)),
)  # fmt: skip
