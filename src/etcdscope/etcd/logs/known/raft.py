"""raft's own lines: free text, the same in every version."""

from etcdscope.etcd.logs.known.row import ID, ME, PEER, TERM, Row
from etcdscope.model import logs

ROWS: dict[str, Row] = {
    "raft-pre-candidate": Row(
        "the member asks whether it could win an election; it has not heard the leader",
        (rf"~^{ME} became pre-candidate {TERM}",),
        ("member-isolated", "leader-flapping"),
        True,
    ),
    "raft-candidate": Row(
        "the member stands for election",
        (rf"~^{ME} became candidate {TERM}",),
        ("leader-flapping", "leader-missing"),
        True,
    ),
    "raft-leader": Row(
        "the member won an election and leads",
        (rf"~^{ME} became leader {TERM}",),
        ("leader-changed", "leader-flapping"),
        True,
    ),
    "raft-follower": Row("the member follows", (rf"~^{ME} became follower {TERM}",)),
    "raft-election-started": Row(
        "the member's election timeout ran out",
        (
            rf"~^{ME} is starting a new election {TERM}",
            rf"~^{ME} \[term (?P<term>\d+)\] received MsgTimeoutNow from {PEER}",
        ),
        ("leader-flapping",),
    ),
    "leader-elected": Row(
        "the member learnt of a leader",
        (rf"~^raft\.node: {ME} elected leader {PEER} {TERM}",),
        ("leader-changed",),
        True,
    ),
    "leader-lost": Row(
        "the member knows no leader any more",
        (rf"~^raft\.node: {ME} lost leader {PEER} {TERM}",),
        ("leader-missing", "leader-changed"),
        True,
    ),
    "leader-changed": Row(
        "the member follows another leader",
        (rf"~^raft\.node: {ME} changed leader from {ID} to {PEER} {TERM}",),
        ("leader-changed",),
        True,
    ),
    "raft-vote-received": Row(
        "a peer voted for the member", (rf"~^{ME} received Msg\w*VoteResp from {PEER} {TERM}",)
    ),
    "raft-vote-refused": Row(
        "a peer did not vote for the member",
        (rf"~^{ME} received Msg\w*VoteResp rejection from {PEER} {TERM}",),
        ("leader-missing",),
    ),
    "raft-vote-tally": Row(
        "votes so far", (rf"~^{ME} has received \d+ Msg\w*VoteResp votes and \d+ vote rejections",)
    ),
    "raft-vote-cast": Row(
        "the member voted for a peer",
        (rf"~^{ME} \[.*\] cast Msg\w*Vote for {PEER} \[.*\] {TERM}",),
    ),
    "raft-vote-rejected": Row(
        "the member did not vote for a peer, whose log is older or who came late",
        (rf"~^{ME} \[.*\] rejected Msg\w*Vote from {PEER} \[.*\] {TERM}",),
        ("leader-missing",),
    ),
    "raft-vote-ignored": Row(
        "the member hears its leader, and ignores a peer that does not",
        (rf"~^{ME} \[.*\] ignored Msg\w*Vote from {PEER} \[.*\] {TERM}: lease is not expired",),
        ("member-isolated", "link-one-way"),
    ),
    "raft-vote-requested": Row(
        "the member asks a peer for its vote",
        (rf"~^{ME} \[.*\] sent Msg\w*Vote request to {PEER} {TERM}",),
    ),
    "raft-stepped-down": Row(
        "the leader stepped down: a quorum did not answer it",
        (rf"~^{ME} stepped down to follower since quorum is not active",),
        ("quorum-lost", "member-isolated", "member-frozen"),
        True,
    ),
    "raft-higher-term": Row(
        "a peer is in a later term",
        (
            (
                rf"~^{ME} \[term: \d+\] received a \w+ message with higher term from {PEER} "
                r"\[term: (?P<term>\d+)\]"
            ),
        ),
    ),
    "raft-lower-term": Row(
        "a message of an earlier term came late",
        (
            (
                rf"~^{ME} \[term: \d+\] ignored a \w+ message with lower term from {PEER} "
                r"\[term: (?P<term>\d+)\]"
            ),
            rf"~^{ME} \[term: \d+\] ignored entry appends from a \w+ message with lower term",
        ),
    ),
    "raft-no-leader": Row(
        "a linearizable read, or a proposal, was dropped: there is no leader",
        (rf"~^{ME} no leader {TERM}; dropping",),
        ("leader-missing", "quorum-lost"),
        True,
    ),
    "raft-configuration": Row(
        "who votes and who learns, as this member has applied it",
        (rf"~^{ME} switched to configuration voters=",),
    ),
    "raft-started": Row(
        "raft begins with what was on disk", (rf"~^newRaft {ME} \[.*term: (?P<term>\d+)",)
    ),
    "raft-snapshot-restored": Row(
        "the member's raft took over a snapshot",
        (
            rf"~^{ME} \[commit: \d+.*\] restored snapshot \[index: (?P<index>\d+)",
            r"~starts to restore snapshot \[index: (?P<index>\d+)",
        ),
        ("snapshot-storm",),
    ),
    "raft-conflict": Row(
        "entries that were never committed are replaced by the leader's",
        (
            r"~^found conflict at index (?P<index>\d+)",
            r"~^(?:replace|truncate) the unstable entries (?:from|before) index (?P<index>\d+)",
        ),
    ),
    "leader-handing-over": Row(
        "the leader hands its leadership over",
        (
            rf"~^{ME} \[term (?P<term>\d+)\] starts to transfer leadership to {PEER}",
            rf"~^{ME} sends MsgTimeoutNow to {PEER}",
            rf"~^{ME} \[term \d+\] (?:transfer leadership|abort transferring leadership)",
            "leadership transfer starting",
            rf"~^{ME} starts leadership transfer from {ID} to {PEER}",
        ),
    ),
    "leader-handed-over": Row(
        "leadership was handed over in order",
        (
            "leadership transfer finished",
            rf"~^{ME} finished leadership transfer from {ID} to {PEER}",
        ),
    ),
    "leader-hand-over-failed": Row(
        "leadership was not handed over in time; at a stop etcd often says so though it was",
        ("leadership transfer failed", rf"~^{ME} failed to transfer leadership"),
    ),
    "leader-hand-over-skipped": Row(
        "a member that does not lead is stopped",
        (
            "skipped leadership transfer; local server is not leader",
            "skipped leadership transfer for single voting member cluster",
            r"~^skipped leadership transfer for ",
        ),
    ),
    "raft-tick-missed": Row(
        "raft's loop was blocked for longer than a heartbeat: too little CPU, or a slow disk",
        (r"~^(?:" + ID + r" )?A tick missed to fire\. Node blocks too long",),
        ("cpu-starved", "wal-fsync-slow"),
        True,
    ),
    logs.RAFT_STATE_LOST: Row(
        "the member has lost entries that it had acknowledged: its disk was rolled back",
        (
            r"~tocommit\((?P<index>\d+)\) is out of range",
            r"~^" + ID + r" state\.commit \d+ is out of range",
        ),
        ("raft-state-rolled-back",),
        True,
    ),
}
