"""Requests of clients that were slow, or failed."""

from etcdscope.etcd.logs.known.row import Row
from etcdscope.model import logs

_REQUEST = (
    r'"(?P<request>.*?)" with res(?:ult|ponse) "(?P<response>.*?)"'
    r"(?: took too long)? (?:took )?\((?P<took>[^)]*)\)"
)
ROWS: dict[str, Row] = {
    logs.APPLY_SLOW: Row(
        "a request took over 100 ms to apply; for reads that includes waiting for the leader",
        (
            "apply request took too long",
            r"~^(?P<prefix>read-only range )?request " + _REQUEST + r" to execute$",
            r"~^(?P<prefix>read-only range )?request " + _REQUEST,
        ),
        ("range-expensive", "backend-commit-slow", "read-index-slow"),
        True,
    ),
    "apply-failed": Row(
        "a request could not be applied; the client got the error",
        (
            "failed to apply request",
            r"~^failed to apply request " + _REQUEST + r" to execute, err is (?P<error>.*)",
        ),
        ("errors-rising",),
    ),
    logs.REQUEST_SLOW: Row(
        "a client's request took over 300 ms in all; etcd names the client",
        (
            "request stats",
            (
                r"~^start time = .*?time spent = (?P<took>[^,]+), remote = (?P<remote>[^,]+),"
                r" response type = (?P<method>[^,]+),.*response size = (?P<size>\d+)"
            ),
        ),
        ("range-expensive", "request-too-large"),
        True,
    ),
    logs.TRACE: Row(
        "a request that took over 100 ms, by its steps",
        (r"~^trace\[\d+\] (?P<operation>.+)",),
        ("range-expensive", "read-index-slow", "backend-commit-slow"),
    ),
    "read-index-slow": Row(
        "a linearizable read waits for the leader to confirm that it leads",
        (
            "waiting for ReadIndex response took too long, retrying",
            (
                "ignored out-of-date read index response; local node read indexes queueing up and"
                " waiting to be in sync with leader"
            ),
            "timed out waiting for read index response (local node might have slow network)",
            r"~^waiting for ReadIndex response took too long, retrying",
            r"~^(?:ignored out-of-date read index response|timed out waiting for read index)",
        ),
        ("read-index-slow", "leader-missing"),
        True,
    ),
    logs.REVISION_COMPACTED: Row(
        "a client asked for a revision that is compacted already",
        (r"~mvcc: required revision has been compacted",),
        ("watch-revision-compacted",),
        True,
    ),
    "proxy-common-name": Row(
        "a certificate's common name is not taken as the user, for a request of the JSON gateway",
        (
            "ignoring common name in gRPC-gateway proxy request",
            r"~^ignoring common name in gRPC-gateway proxy request",
        ),
    ),
}
