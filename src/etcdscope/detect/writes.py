"""What clients write: huge transactions, some in vain, and keys that are written over and over."""

from collections.abc import Iterator

from etcdscope.detect.detector import detector
from etcdscope.detect.pace import COVER, mean, recent, steady
from etcdscope.detect.testimony import leader
from etcdscope.model.finding import CLUSTER, Finding, Limits, Severity
from etcdscope.model.incident import Step
from etcdscope.model.signal import (
    APPLIED_INDEX,
    GRPC_STARTED,
    KEYS,
    LEASES_GRANTED,
    LEASES_REVOKED,
    METRICS_SECONDS,
    PUTS,
    REVISION,
    TXN_APPLIES,
)
from etcdscope.model.window import Window

_KV = "etcdserverpb.KV"
# --max-txn-ops by default: DefaultMaxTxnOps in server/embed/config.go.
TXN_OPERATIONS = 128


def _calls(window: Window, method: str) -> float | None:
    """Return the calls a second of one KV method, over all members; None if any is not known."""
    rates = [mean(window, m.id, GRPC_STARTED, f"{_KV}/{method}") for m in window.members]
    known = [rate for rate in rates if rate is not None]
    return sum(known) if known and len(known) == len(rates) else None


@detector(
    "transaction-huge",
    needs=(PUTS, METRICS_SECONDS),
    over=COVER,
    # Half of etcd's own limit; past the limit somebody has raised --max-txn-ops. A quarter of a
    # second in which nothing else is applied is what other clients notice.
    limits={"operations": TXN_OPERATIONS / 2, "apply_seconds": 0.25},
    opens_after=1.0,
    closes_after=6.0,
    impact="While one is applied, every other write waits.",
    runbook=(
        Step('Find the client: etcd\'s log says "apply request took too long" with the request.'),
        Step("Split the transactions; 100 operations a piece is plenty."),
    ),
)
def transaction_huge(window: Window, limits: Limits) -> Iterator[Finding]:
    """Transactions write very many keys each.

    Signal:  puts that were applied beyond the Put calls, for each Txn call of the cluster; how
             long transactions take to apply.
    Source:  etcd_mvcc_put_total, grpc_server_started_total, etcd_server_apply_duration_seconds.
    Means:   a bulk load or a migration; each holds the apply loop for itself. A note, unless it
             takes over a quarter of a second.
    Alike:   a burst of single puts (Put calls grow as well).
    Next:    not seen: a single huge transaction among many small ones, and deletes in them.
    """
    txns, puts = _calls(window, "Txn"), _calls(window, "Put")
    if not txns or txns < 0.2 or puts is None:
        return
    applied = {m: rate for m in window.judgeable if (rate := mean(window, m, PUTS)) is not None}
    if not applied:
        return
    member = max(applied, key=lambda m: applied[m])
    operations = (applied[member] - puts) / txns
    if operations < limits["operations"]:
        return
    took = [q for m in window.judgeable if (q := window.mean(m, TXN_APPLIES, over=COVER))]
    slowest = max((q.value for q in took), default=0.0)
    slow = slowest > limits["apply_seconds"]
    yield Finding(
        CLUSTER,
        Severity.WARNING if slow else Severity.INFO,
        f"{txns:.1f} transactions a second write about {operations:.0f} keys each"
        + (f" and hold everything up for {1000 * slowest:.0f} ms" if slow else ""),
        (
            window.evidence(
                member, PUTS, round(operations), limit=limits["operations"], name="puts_a_txn"
            ),
            *((window.evidence(member, TXN_APPLIES, round(slowest, 4)),) if took else ()),
        ),
        confidence=0.85,
    )


@detector(
    "write-hotspot",
    needs=(PUTS, KEYS, METRICS_SECONDS),
    over=COVER,
    # Kubernetes' node leases, the busiest keys of a healthy cluster, are renewed every 10 s: a
    # store whose every key is rewritten twice as often has a few that are written all the time.
    limits={"rate": 100.0, "of_keys": 0.2},
    opens_after=3.0,
    closes_after=6.0,
    impact="None by itself: history, log and disk grow with every write until compaction.",
    runbook=(
        Step("See which keys are written.", "etcdctl --endpoints {endpoints} watch --prefix ''"),
        Step("Let the client write only what has changed."),
    ),
)
def write_hotspot(window: Window, limits: Limits) -> Iterator[Finding]:
    """A few keys are written over and over.

    Signal:  puts a second in every scrape of the last seven seconds or more, compared with the
             number of live keys.
    Source:  etcd_mvcc_put_total, etcd_debugging_mvcc_keys_total.
    Means:   a loop in a client, or status that is rewritten without a change. A note.
    Alike:   a bulk load (the number of keys grows with the puts).
    Next:    not seen: which keys, and hot keys in a large store.
    """
    for member in window.judgeable:
        keys, rate = window.number(member, KEYS), steady(window, member, PUTS)
        grown = recent(window, member, KEYS)
        added = sum(g.grown for g in grown) / sum(g.seconds for g in grown) if grown else rate
        if not keys or rate < limits["rate"] or rate - added < limits["of_keys"] * keys:
            continue
        yield Finding(
            CLUSTER,
            Severity.INFO,
            f"{rate:.0f} writes a second go to {keys:.0f} keys: each is rewritten every"
            f" {keys / rate:.1f} s on average, so a few are written all the time",
            (
                window.evidence(member, PUTS, round(rate, 1), limit=limits["rate"]),
                window.evidence(member, KEYS, keys),
            ),
            confidence=0.7,
        )
        return  # every member applies the same writes


@detector(
    "txn-conflicts",
    needs=(APPLIED_INDEX, REVISION),
    over=COVER,
    limits={"rate": 20.0, "share": 0.5},
    opens_after=3.0,
    closes_after=6.0,
    impact="None for others yet: clients try again and again, and raft carries every attempt.",
    runbook=(
        Step("Let the clients back off with jitter, or share the work instead of the key."),
        Step("Under Kubernetes look for conflicts (409).",
             "kubectl get --raw /metrics | grep 'apiserver_request_total.*code=\"409\"'"),
    ),
)  # fmt: skip
def txn_conflicts(window: Window, limits: Limits) -> Iterator[Finding]:
    """Most transactions fail their compare and change nothing.

    Signal:  raft entries that were applied without a new revision, less lease grants and
             revocations, compared with the Txn calls of the cluster.
    Source:  Maintenance.Status, grpc_server_started_total.
    Means:   many clients compare-and-swap the same key: a lock, a counter, an election. A note.
    Alike:   transactions that only read (they are no raft entries).
    Next:    not seen: which key. Transactions that succeed in writing nothing look alike.
    """
    txns = _calls(window, "Txn")
    if not txns or txns < limits["rate"]:
        return
    who = leader(window) or next(iter(window.judgeable), "")
    paired = [*window.paired(who, APPLIED_INDEX, REVISION, over=2 * COVER)]
    points = window.points(who, APPLIED_INDEX, over=2 * COVER)
    if who not in window.judgeable or len(paired) < 2 or points[-1].at - points[0].at < COVER:
        return
    seconds = points[-1].at - points[0].at
    entries, revisions = (paired[-1][i] - paired[0][i] for i in (0, 1))
    leases = sum(mean(window, who, s) or 0.0 for s in (LEASES_GRANTED, LEASES_REVOKED))
    failed = min((entries - revisions) / seconds - leases, txns)
    if failed < limits["rate"] or failed < limits["share"] * txns:
        return
    yield Finding(
        CLUSTER,
        Severity.INFO,
        f"{failed:.0f} of {txns:.0f} transactions a second change nothing: their compare fails",
        (
            window.evidence(
                who, APPLIED_INDEX, round(failed, 1), limit=limits["rate"],
                name="entries_without_revision", says="a second",
            ),
            window.evidence(who, GRPC_STARTED, round(txns, 1), says="Txn calls a second"),
        ),
        confidence=0.75,
    )  # fmt: skip
