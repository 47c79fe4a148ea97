"""The member list."""

from etcdscope.etcd.logs.known.row import ID, PEER, Row
from etcdscope.model import logs

ROWS: dict[str, Row] = {
    "member-added": Row(
        "a member was added, or is found again at a start",
        (
            "added member",
            "recovered/added member from store",
            "ignore already added member",
            rf"~^added member {PEER} \[",
        ),
    ),
    "member-removed": Row(
        "a member was removed",
        ("removed member", rf"~^removed member {PEER} from cluster"),
        ("membership-changing",),
        True,
    ),
    "member-promoted": Row(
        "a learner became a voter",
        ("promote member", "promoted member", rf"~^promote member {PEER} in cluster"),
        (),
        True,
    ),
    "promotion-refused": Row(
        "a learner was not promoted",
        (
            "rejecting promote learner: learner is not ready",
            "failed to promote a member",
            rf"~^error promoting member {PEER} \((?P<error>.*)\)",
        ),
        ("learner-stuck",),
        True,
    ),
    "configuration-refused": Row(
        "a change of the members was refused, because the cluster is not well enough for it",
        (
            "rejecting member add request; not enough healthy members",
            "rejecting member remove request; not enough healthy members",
            (
                "rejecting member add request; local member has not been connected to all peers,"
                " reconfigure breaks active quorum"
            ),
            (
                "rejecting member remove request; local member has not been connected to all peers,"
                " reconfigure breaks active quorum"
            ),
            "rejecting member promote request; not enough healthy members",
            r"~^(?:reconfigure breaks active quorum|not enough [\w ]+), rejecting",
            (
                "rejecting member add request; local member has not been connected to majority"
                " peers, reconfigure breaks active quorum"
            ),
            (
                "rejecting member remove request; local member has not been connected to majority"
                " peers, reconfigure breaks active quorum"
            ),
        ),
        ("reconfiguration-refused",),
        True,
    ),
    "configuration-applied": Row(
        "a change of the members was applied",
        (
            "applied a configuration change through raft",
            "checking and cleaning up zombie members if needed after confState changed",
            "checking and cleaning up zombie members after attribute update",
            "checking and cleaning up zombie members during snapshot restore",
            "Detected member only in v3store but missing in v2store",
            "updated attributes",
            "updated member",
            rf"~^updated member {ID} \[",
        ),
    ),
    logs.SELF_REMOVED: Row(
        "this very member was removed from the cluster; it ends for good",
        (
            "data-dir used by this member must be removed",
            r"~the member has been permanently removed from the cluster",
            r"~^the data-dir used by this member must be removed",
        ),
        ("member-removed-running",),
        True,
    ),
}
