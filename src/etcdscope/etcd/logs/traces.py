"""``trace[…]`` lines: into which steps a slow request falls.

etcd writes a trace of a request that took over 100 ms, with the steps that took over a few ms
(pkg/traceutil/trace.go). The steps' words are those of server/etcdserver and server/storage/mvcc.
"""

import re
from collections.abc import Iterable

from etcdscope.etcd.logs.quantities import duration
from etcdscope.model.logs import TraceStep

# A step in quotes, perhaps fields in braces, then "(duration: 3.2ms)".
_STEP = re.compile(r"'(.+?)'\s+(?:\{.*\})?\s*\(duration: ([^)]+)\)")
# Where the time of a step goes; the first word that fits counts.
_STAGES = (
    ("agreement among raft nodes", "leader"),
    ("read index received", "leader"),
    ("applied index is now lower", "apply"),
    ("process raft request", "raft"),
    ("in-memory index tree", "index"),
    ("created_revision and leaseid", "index"),
    ("bolt db", "bolt"),
    ("previous kv pair", "bolt"),
    ("assemble the response", "reply"),
    ("filter and sort", "sort"),
    ("marshal", "marshal"),
    ("attach lease", "lease"),
    ("lease", "lease"),
    ("compaction", "compaction"),
    ("authentication", "auth"),
    ("compare", "compare"),
)
# What it means where a stage takes the most of a request's time.
VERDICTS = {
    "leader": "waited for the leader to confirm that it leads: the network, or the leader's disk",
    "apply": "waited until this member had applied what was committed: it lags behind",
    "raft": "waited for the write to be agreed on and applied: the leader's or a quorum's disks",
    "index": "searched the index in memory: many keys, or too little CPU",
    "bolt": "read or wrote the database file: a large range, or slow pages",
    "reply": "put the reply together: many or large values",
    "sort": "sorted the keys it had found",
    "marshal": "wrote the value into its stored form",
    "lease": "waited for the lessor",
    "compaction": "waited for a compaction that the client wants to see done",
    "auth": "looked up who asks",
    "compare": "compared the keys of a transaction",
    "between": "was spent between the steps that etcd logs: too little CPU is likely",
    "other": "was spent in a step that is not known here",
}


def steps(lines: Iterable[object]) -> tuple[TraceStep, ...]:
    """Return the steps of a trace; a line that is none is left out."""
    found = []
    for line in lines:
        match = _STEP.search(line) if isinstance(line, str) else None
        seconds = duration(match[2]) if match else None
        if match and seconds is not None:
            found.append(TraceStep(stage(match[1]), seconds, match[1][:120]))
    return tuple(found[:16])


def stage(says: str) -> str:
    """Return the stage that etcd's words of a step stand for."""
    wanted = says.lower()
    return next((name for words, name in _STAGES if words in wanted), "other")
