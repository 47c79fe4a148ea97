"""Hashes that members compare."""

from etcdscope.etcd.logs.known.row import ME, PEER, Row

ROWS: dict[str, Row] = {
    "hash-checked": Row(
        "members compared their hashes",
        (
            "storing new hash",
            "same compact revision then hashes must match",
            "finished peer corruption check",
            "enabled corruption checking",
            "starting initial corruption check",
            "initial corruption checking passed; no corruption",
            "finished compact hash check",
            r"~^finished peer corruption check",
            r"~^enabled corruption checking with",
            rf"~^{ME} (?:starting initial|succeeded on initial) corruption check",
        ),
    ),
    "hash-differs": Row(
        "two members hold different data at the same revision",
        (
            "found different hash values from remote peer",
            "found hash mismatch",
            "found different hash values of remote peer",
            "Detected compaction hash mismatch",
            "Corruption alarm raised",
            "Corruption check found mismatch",
            rf"~^hash \d+ at revision \d+ from member {PEER}, expected hash",
            rf"~^{ME} hash \d+ at revision \d+ .* mismatch",
        ),
        ("data-diverged", "alarm-corrupt"),
        True,
    ),
    "hash-check-failed": Row(
        "members could not compare their hashes",
        (
            "failed hash kv request",
            "failed to check hash KV",
            "failed to get peer hash KV",
            "failed peer hash kv request",
            r"~^failed to hash kv for peer",
            "checkInitialHashKV failed",
            "failed compact hash check",
            "failed periodic corruption",
        ),
    ),
    "inconsistent-start": Row(
        "the member did not start: its data differs from its peers'",
        (r"~found data inconsistency with peers",),
        ("data-diverged",),
        True,
    ),
}
