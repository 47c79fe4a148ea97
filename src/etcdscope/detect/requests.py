"""Requests that cost more than they should, as the members' logs tell them, and their clients."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from etcdscope.detect import journal
from etcdscope.detect.detector import detector
from etcdscope.model.finding import Evidence, Finding, Limits, Severity, Subject
from etcdscope.model.incident import Step
from etcdscope.model.logs import APPLY_SLOW, REQUEST_SLOW, TRACE, LogEvent
from etcdscope.model.signal import GRPC_HANDLED, LOG_EVENT
from etcdscope.model.window import Window

SPAN = 60.0
# Steps of a trace in which a read waits for others: then it is slow, but not for what it asks.
_WAITS = frozenset({"leader", "apply", "raft", "between"})


@dataclass(frozen=True, slots=True)
class Reads:
    """Large reads of one prefix by one client: how many, and the largest of them."""

    client: str
    prefix: str
    times: int
    entries: float
    bytes: float
    seconds: float
    last: tuple[str, LogEvent]


@detector(
    "range-expensive",
    needs=(LOG_EVENT,),
    # A page of Kubernetes' reflectors has 500 objects, one of the API server's own lists 10,000.
    # One large list is a start of somebody; several a minute are a habit. etcd's answer is built
    # in memory in full, so that a second of it is a second of a core and as much memory again.
    limits={"entries": 10_000, "bytes": 8e6, "times": 3.0, "seconds": 1.0},
    closes_after=10.0,
    impact="Each such read is put together in memory in full: other requests wait, and memory grows"
    " by a multiple of the answer.",
    runbook=(
        Step("Find the client by its address, and let it read in pages or watch instead."),
        Step("See how large the prefix is, without reading it.",
             "etcdctl --endpoints {endpoints} get PREFIX --prefix --count-only"),
    ),
)  # fmt: skip
def range_expensive(window: Window, limits: Limits) -> Iterator[Finding]:
    """A client reads a large prefix in one piece, again and again.

    Signal:  slow reads of the last minute with many keys or large answers, by client and prefix.
    Source:  etcd's log: request stats (with the client; not in 3.4), slow applies, traces.
    Means:   a controller or a script lists without pages. Warning where reads take a second.
    Alike:   read-index-slow (small answers that wait for the leader; traces tell).
    Next:    who is at that address.
    """
    for reads in _large_reads(window, limits):
        if reads.times < limits["times"]:
            continue
        slow = reads.seconds >= limits["seconds"] and not _waited(window, reads)
        writer, event = reads.last
        who = f"Client {reads.client} reads" if reads.client else "A client reads"
        yield Finding(
            Subject("client", reads.client) if reads.client else journal.about(window, writer),
            Severity.WARNING if slow else Severity.INFO,
            f"{who} {reads.prefix or 'keys'} in one piece, {reads.times} times a minute: "
            f"{_size(reads)}, up to {reads.seconds:.1f} s each",
            (
                Evidence(
                    "range_seconds",
                    round(reads.seconds, 3),
                    "s",
                    limits["seconds"],
                    "etcd's log",
                    "" if writer.startswith("log:") else writer,
                    says=f"of {reads.times} reads of {reads.prefix}",
                ),
                Evidence("range_entries", reads.entries, "keys", limits["entries"], "etcd's log"),
                Evidence("range_bytes", reads.bytes, "B", limits["bytes"], "etcd's log"),
                *_steps(window, reads.prefix, writer),
                journal.witness(window, writer, event),
            ),
            confidence=0.9 if reads.client else 0.8,
        )


@detector(
    "watch-revision-compacted",
    needs=(GRPC_HANDLED,),
    # Kubernetes' own lists expire now and then; ten a minute are clients that cannot keep up.
    limits={"info": 10.0},
    closes_after=20.0,
    impact="Clients that ask for such a revision have to begin anew: in Kubernetes with a full"
    " list (410"
    " Gone), which costs more than the watch it replaces.",
    runbook=(
        Step("See who falls behind; a longer retention is a stop-gap only."),
        Step("Compare with the times of compactions.", "etcdscope logs /var/log/etcd.log"),
    ),
)
def watch_revision_compacted(window: Window, limits: Limits) -> Iterator[Finding]:
    """Clients ask for revisions that are compacted already.

    Signal:  calls that ended with OutOfRange within the last minute, on one member.
    Source:  grpc_server_handled_total; etcd does not log it, and counts no cancelled watches.
    Means:   readers and watchers are slower than the compaction window, or older than a restore.
    Alike:   revision-rewound (clients are ahead of the cluster, not behind).
    Next:    the clients' own logs: "too old resource version", relists.
    """
    for member in window.judgeable:
        grown = window.increase(member, GRPC_HANDLED, "OutOfRange", over=SPAN)
        if grown is None or grown <= limits["info"]:
            continue
        yield Finding(
            Subject.member(member),
            Severity.INFO,
            f"{grown:.0f} calls to {window.label(member)} within a minute asked for revisions that"
            " are compacted, or not there yet",
            (
                window.evidence(
                    member, GRPC_HANDLED, grown, limit=limits["info"], name="out_of_range"
                ),
            ),
            confidence=0.7,
        )


def _large_reads(window: Window, limits: Limits) -> Iterator[Reads]:
    """Yield the large reads by client and prefix; those without a client where none is named."""
    found: dict[tuple[str, str], list[tuple[str, LogEvent]]] = {}
    for writer in journal.writers(window):
        for event in journal.events(window, writer, REQUEST_SLOW, APPLY_SLOW, within=SPAN):
            large = (event.entries or 0) >= limits["entries"] or (event.bytes or 0) >= limits[
                "bytes"
            ]
            if large and event.operation == "range":
                found.setdefault((event.client, event.prefix), []).append((writer, event))
    named = {prefix for client, prefix in found if client}
    for (client, prefix), seen in found.items():
        if not client and prefix in named:  # the same reads, told a second time
            continue
        events = [event for _, event in seen]
        yield Reads(
            client,
            prefix,
            sum(event.count for event in events),
            _most(event.entries for event in events),
            _most(event.bytes for event in events),
            _most(event.seconds for event in events),
            max(seen, key=lambda pair: pair[1].at),
        )


def _most(numbers: Iterable[float | None]) -> float:
    return max((n for n in numbers if n is not None), default=0.0)


def _shares(window: Window, prefix: str, writer: str) -> Mapping[str, float]:
    """Return how many seconds the traced reads of a prefix spent in which stage."""
    spent: dict[str, float] = {}
    for trace in journal.events(window, writer, TRACE, within=SPAN):
        if trace.prefix == prefix and trace.operation == "range":
            for step in trace.steps:
                spent[step.stage] = spent.get(step.stage, 0.0) + step.seconds
    return spent


def _waited(window: Window, reads: Reads) -> bool:
    """Return whether the reads spent most of their time waiting for others, as far as is traced."""
    spent = _shares(window, reads.prefix, reads.last[0])
    waiting = sum(seconds for stage, seconds in spent.items() if stage in _WAITS)
    return waiting > sum(spent.values()) / 2


def _steps(window: Window, prefix: str, writer: str) -> Iterator[Evidence]:
    spent = _shares(window, prefix, writer)
    if spent:
        stage = max(spent, key=lambda name: spent[name])
        yield Evidence(
            "range_step", stage, source="etcd's log", says=f"{spent[stage]:.1f} s of the traces"
        )


def _size(reads: Reads) -> str:
    parts = []
    if reads.entries:
        parts.append(f"{reads.entries:,.0f} keys")
    if reads.bytes:
        parts.append(f"{reads.bytes / 1e6:.1f} MB")
    return ", ".join(parts)
