"""What clients read: watches that nobody takes from, and lists without end."""

from collections.abc import Iterator

from etcdscope.detect.detector import detector
from etcdscope.detect.pace import COVER, mean, steady
from etcdscope.detect.watches import stuck
from etcdscope.model.finding import Finding, Limits, Severity, Subject
from etcdscope.model.incident import Step
from etcdscope.model.signal import (
    CLIENT_SENT_BYTES,
    EVENTS_PENDING,
    EVENTS_SENT,
    GRPC_STARTED,
    METRICS_SECONDS,
    PUT_BYTES,
    PUTS,
    SLOW_APPLIES,
    SLOW_WATCHERS,
    SNAPSHOT_MESSAGES,
)
from etcdscope.model.window import Window

_KV = "etcdserverpb.KV"
# etcd sends snapshots in pieces of this size: snapshotSendBufferSize in v3rpc/maintenance.go.
SNAPSHOT_PIECE = 32 * 1024


@detector(
    "watchers-slow",
    needs=(SLOW_WATCHERS, METRICS_SECONDS),
    over=COVER,
    opens_after=0.5,
    closes_after=6.0,
    impact="Their clients act on old state. When compaction overtakes them, they must list anew.",
    runbook=(
        Step(
            "See how many are behind, and how much waits.",
            "curl -s {endpoint}/metrics | grep -E 'slow_watcher|pending_events|watch_stream'",
        ),
        Step(
            "Find the client that does not read: its connection has bytes waiting.",
            "ss -tn state established '( sport = :2379 )' | sort -k2 -n | tail",
        ),
        Step("Restart that client. With TLS and many streams use etcd 3.5.13 or later."),
    ),
)
def watchers_slow(window: Window, limits: Limits) -> Iterator[Finding]:
    """Watchers stay behind: they do not take their events.

    Signal:  slow watchers in every scrape of the last four seconds or more, three scrapes at least,
             while neither they nor the events that wait for them become fewer.
    Source:  etcd_debugging_mvcc_slow_watcher_total, etcd_debugging_mvcc_pending_events_total.
    Means:   a client that does not read, or not fast enough; the store itself is up to date.
    Alike:   new watches from an old revision (their number falls at once).
    Next:    not seen: a client that reads, but acts late; and who it is.
    """
    for member in window.judgeable:
        if (behind := stuck(window, member)) is None:
            continue
        slow, seconds = behind
        waiting = window.number(member, EVENTS_PENDING) or 0.0
        yield Finding(
            Subject.member(member),
            Severity.WARNING,
            f"{slow:.0f} watchers on {window.label(member)} have been behind for"
            f" {seconds:.0f} s; {waiting:.0f} events wait for them",
            (
                window.evidence(member, SLOW_WATCHERS, slow, limit=0.0),
                window.evidence(member, EVENTS_PENDING, waiting),
            ),
            confidence=0.9,
        )


@detector(
    "list-storm",
    needs=(CLIENT_SENT_BYTES, METRICS_SECONDS),
    over=COVER,
    # What a page of 500 objects of Kubernetes weighs; several a second are no coincidence.
    limits={"bytes_a_second": 5 * 2**20, "bytes_a_range": 256 * 2**10, "ranges": 4.0, "slow": 1.0},
    opens_after=1.0,
    closes_after=6.0,
    impact="CPU, memory and network of the member go into copying the same lists out.",
    runbook=(
        Step(
            'See who lists: etcd\'s log has "request stats" with remote and response size.',
            "journalctl -u etcd -S -5min | grep 'request stats'",
        ),
        Step("Let clients page (--limit), or list once and watch."),
        Step("Restart API servers and operators one after another, not together."),
    ),
)
def list_storm(window: Window, limits: Limits) -> Iterator[Finding]:
    """Clients read large lists again and again.

    Signal:  bytes sent to clients, less watch events and snapshots, for each range, in every
             scrape of the last seven seconds or more; slow requests beside them.
    Source:  etcd_network_client_grpc_sent_bytes_total, grpc_server_started_total.
    Means:   lists without a limit: API servers or operators that start together, or list instead
             of watching. A note, unless requests have become slow.
    Alike:   a backup (snapshots are left out), many watchers (their events are left out).
    Next:    not seen: who, and which prefix; small reads beside them make lists look smaller.
    """
    for member in window.judgeable:
        if steady(window, member, CLIENT_SENT_BYTES) < limits["bytes_a_second"]:
            continue
        ranges = steady(window, member, GRPC_STARTED, f"{_KV}/Range")
        sent = _listed(window, member)
        if ranges < limits["ranges"] or sent < limits["bytes_a_second"]:
            continue
        if sent / ranges < limits["bytes_a_range"]:
            continue
        slow = steady(window, member, SLOW_APPLIES)
        yield Finding(
            Subject.member(member),
            Severity.WARNING if slow >= limits["slow"] else Severity.INFO,
            f"{window.label(member)} sends {sent / 2**20:.0f} MiB a second of lists:"
            f" {ranges:.0f} ranges a second of {sent / ranges / 2**10:.0f} KiB on average",
            (
                window.evidence(
                    member, CLIENT_SENT_BYTES, round(sent), limit=limits["bytes_a_second"],
                    says="a second, without events and snapshots",
                ),
                window.evidence(member, GRPC_STARTED, round(ranges, 1), says="ranges a second"),
                *((window.evidence(member, SLOW_APPLIES, round(slow, 1), says="a second"),)
                  if slow else ()),
            ),
            confidence=0.8,
        )  # fmt: skip


def _listed(window: Window, member: str) -> float:
    """Return the bytes a second that answers to ranges take, at least."""
    sent = steady(window, member, CLIENT_SENT_BYTES)
    snapshots = (mean(window, member, SNAPSHOT_MESSAGES) or 0.0) * SNAPSHOT_PIECE
    puts, stored = mean(window, member, PUTS), mean(window, member, PUT_BYTES)
    events = mean(window, member, EVENTS_SENT) or 0.0
    size = stored / puts if puts and stored else 0.0
    return sent - snapshots - events * size
