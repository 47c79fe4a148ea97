"""Clients: what they are told, and what they do to the cluster, as far as etcd counts it.

etcd's metrics never say which client it is: that stands in its log ("request stats", remote).
"""

from collections.abc import Iterator

from etcdscope.detect.detector import detector
from etcdscope.detect.pace import COVER, mean, recent, steady
from etcdscope.detect.refusals import evidence, refused, sentence, told
from etcdscope.detect.testimony import leader
from etcdscope.detect.watches import stuck
from etcdscope.model.finding import CLUSTER, Finding, Limits, RuledOut, Severity, Subject
from etcdscope.model.incident import Step
from etcdscope.model.signal import (
    APPLIED_INDEX,
    CLIENT_RECEIVED_BYTES,
    CLIENT_SENT_BYTES,
    EVENTS_PENDING,
    EVENTS_SENT,
    GRPC_ERRORS,
    GRPC_HANDLED,
    GRPC_STARTED,
    KEYS,
    LEASES_EXPIRED,
    LEASES_GRANTED,
    LEASES_REVOKED,
    METRICS_SECONDS,
    PUT_BYTES,
    PUTS,
    REVISION,
    SLOW_APPLIES,
    SLOW_WATCHERS,
    SNAPSHOT_MESSAGES,
    TXN_APPLIES,
)
from etcdscope.model.window import Window

_KV = "etcdserverpb.KV"
# --max-request-bytes by default: DefaultMaxRequestBytes in server/embed/config.go.
REQUEST_BYTES = 1.5 * 2**20
# --max-txn-ops by default: DefaultMaxTxnOps there.
TXN_OPERATIONS = 128
# etcd sends snapshots in pieces of this size: snapshotSendBufferSize in v3rpc/maintenance.go.
SNAPSHOT_PIECE = 32 * 1024


# --- errors ------------------------------------------------------------------------------------


@detector(
    "errors-rising",
    needs=(GRPC_HANDLED, METRICS_SECONDS),
    over=COVER,
    # A single client that retries once a second stays below; 5 % is what etcd-mixin pages on.
    limits={"server_rate": 1.0, "server_share": 0.05, "impatient": 0.2, "client_rate": 3.0,
            "client_share": 0.2, "times_before": 3.0, "refused": 5.0},
    opens_after=2.0,
    closes_after=6.0,
    momentary=True,  # counted over seconds: it outlasts its cause, and must not keep it open
    impact="Those calls fail; clients see the error that is named.",
    runbook=(
        Step(
            "See which method gives which code.",
            "curl -s {endpoint}/metrics | grep grpc_server_handled_total | grep -v ' 0$'",
        ),
        Step("Have the error explained.", "etcdscope explain 'the error or the code'"),
        Step("Find the client: etcd's log names its address in \"request stats\"."),
    ),
)  # fmt: skip
def errors_rising(window: Window, limits: Limits) -> Iterator[Finding]:
    """Calls end with errors, steadily, and more than usual.

    Signal:  calls a second by method and code, over every scrape of the last seven seconds or
             more; their share of the method's calls; what our own looks are told. etcd's own
             failures (Unavailable, Internal, DataLoss, ResourceExhausted) count from 5 % on,
             DeadlineExceeded and Unknown from 20 % on, since clients with too little patience give
             them; a client's mistakes (InvalidArgument, PermissionDenied, …) from 20 % on, as a
             note, and only where they are three times what they were before: what has gone on for
             minutes is a client's habit. What may be our own looks is left out.
    Source:  grpc_server_handled_total, grpc_server_started_total.
    Means:   clients are refused; the code is told in etcd's words. Canceled, NotFound and
             OutOfRange are normal traffic, and so are all errors of streams (Watch,
             LeaseKeepAlive): 3.4 and 3.5 count streams so that merely ended.
    Alike:   a cause that says why (no leader, the quota, a slow disk) explains this one.
    Next:    not seen: calls that hang have not ended, and messages over 2 MiB are refused before
             they are counted.
    """
    found = [one for member in window.judgeable for one in told(window, limits, member)]
    ours = list(refused(window, limits))
    if not found and not ours:
        return
    found.sort(key=lambda one: (one.severity, one.rate), reverse=True)
    severity = max([*(one.severity for one in found), *(Severity.WARNING for _ in ours)])
    yield Finding(
        CLUSTER,
        severity,
        sentence(window, found) if found else ours[0].says,
        (*(evidence(window, one) for one in found[:6]), *ours),
        confidence=0.7,
    )


@detector(
    "request-too-large",
    needs=(GRPC_HANDLED, CLIENT_RECEIVED_BYTES, METRICS_SECONDS),
    over=COVER,
    limits={"times": 3.0},
    opens_after=0.5,
    closes_after=6.0,
    impact="One object can no longer be written, however often its client tries; all others are"
    " fine.",
    runbook=(
        Step("Find the client that is refused: its own log names the object."),
        Step("Split or shrink it: prune Helm histories, move data out of ConfigMaps and status."),
        Step("Raise --max-request-bytes on all members only to gain time."),
    ),
)
def request_too_large(window: Window, limits: Limits) -> Iterator[Finding]:
    """A client sends requests over etcd's limit of 1.5 MiB, again and again.

    Signal:  Put and Txn calls that end with InvalidArgument in every scrape of the last seven
             seconds or more, while the member reads at least 1.5 MiB for each of them beyond all
             that was stored.
    Source:  grpc_server_handled_total, etcd_network_client_grpc_received_bytes_total.
    Means:   "etcdserver: request is too large"; the same request is refused every time.
    Alike:   other wrong requests end with InvalidArgument too, but are small.
    Next:    not seen: requests over 2 MiB, which gRPC refuses before they are counted; which object
             it is; and few of them while very much is written through other members, since what
             was stored is counted for the whole cluster. With another --max-request-bytes only
             requests over 1.5 MiB are recognised.
    """
    for member in window.judgeable:
        growths = [
            recent(window, member, GRPC_ERRORS, f"{_KV}/{method}/InvalidArgument")
            for method in ("Put", "Txn")
        ]
        refused = [growth for growth in growths if growth and all(g.grown for g in growth)]
        times = sum(g.grown for growth in refused for g in growth)
        if not refused or times < limits["times"]:
            continue
        read = sum(g.grown for g in recent(window, member, CLIENT_RECEIVED_BYTES))
        stored = sum(g.grown for g in recent(window, member, PUT_BYTES))
        size = (read - stored) / times
        if size < REQUEST_BYTES:
            continue
        seconds = sum(g.seconds for g in refused[0])
        yield Finding(
            Subject.member(member),
            Severity.WARNING,
            f"A client of {window.label(member)} sends requests of about {size / 2**20:.1f} MiB,"
            f" over etcd's limit of 1.5 MiB: {times:.0f} were refused in {seconds:.0f} s",
            (
                window.evidence(member, GRPC_ERRORS, times, says=f"in {seconds:.0f} s"),
                window.evidence(
                    member,
                    CLIENT_RECEIVED_BYTES,
                    round(size),
                    limit=REQUEST_BYTES,
                    name="bytes_a_refusal",
                ),
            ),
            ruled_out=(RuledOut("quota-exhausted", "the code is InvalidArgument"),),
            confidence=0.9,
        )


# --- writes ------------------------------------------------------------------------------------


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


# --- watches, lists ------------------------------------------------------------------------------


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


# --- leases --------------------------------------------------------------------------------------


@detector(
    "leases-piling",
    needs=(LEASES_GRANTED, LEASES_REVOKED, KEYS, METRICS_SECONDS),
    over=COVER,
    # More leases than keys means that most hold nothing. At 50 000 an election takes seconds
    # longer, since the new leader extends and sorts them all.
    limits={"leases": 2_000, "warning": 50_000, "a_second": 5.0},
    opens_after=1.0,
    closes_after=6.0,
    impact="Memory grows on every member, and each election takes longer.",
    runbook=(
        Step("See them.", "etcdctl --endpoints {endpoints} lease list | wc -l"),
        Step("Look at one: has it any keys, and how long does it live?",
             "etcdctl --endpoints {endpoints} lease timetolive LEASE --keys"),
        Step("Let the client reuse one lease, revoke it at its end, or choose a shorter one."),
    ),
)  # fmt: skip
def leases_piling(window: Window, limits: Limits) -> Iterator[Finding]:
    """Leases are granted faster than they end, and there are more of them than keys.

    Signal:  leases granted less those revoked or expired, since the process began; that it grew in
             every scrape of the last seven seconds or more; the number of live keys.
    Source:  etcd_debugging_lease_granted_total, etcd_debugging_lease_revoked_total.
    Means:   clients grant leases and forget them: more leases than keys hold no key. A note until
             there are 50 000.
    Alike:   many clients with a session each (keys grow as well).
    Next:    not seen: leases from before the last restart of the member, and who grants them.
    """
    piled: dict[str, tuple[float, float]] = {}
    for member in window.judgeable:
        granted, revoked = (window.number(member, s) for s in (LEASES_GRANTED, LEASES_REVOKED))
        grown = [
            g.rate - r.rate
            for g, r in zip(
                recent(window, member, LEASES_GRANTED),
                recent(window, member, LEASES_REVOKED),
                strict=False,
            )
        ]
        if granted is not None and revoked is not None and grown:
            piled[member] = granted - revoked, min(grown)
    if not piled:
        return
    member = max(piled, key=lambda m: piled[m])
    leases, rate = piled[member]
    keys = window.number(member, KEYS) or 0.0
    if leases < max(limits["leases"], keys) or rate < limits["a_second"]:
        return
    yield Finding(
        CLUSTER,
        Severity.WARNING if leases > limits["warning"] else Severity.INFO,
        f"At least {leases:.0f} leases are alive and {rate:.0f} more come a second, beside"
        f" {keys:.0f} keys: most hold nothing",
        (
            window.evidence(member, LEASES_GRANTED, leases, limit=limits["leases"],
                            name="leases_alive"),
            window.evidence(member, KEYS, keys),
        ),
        confidence=0.85,
    )  # fmt: skip


@detector(
    "lease-expiry-storm",
    needs=(LEASES_EXPIRED, METRICS_SECONDS),
    momentary=True,
    # At most 16 revocations run at a time (maxPendingRevokes in server/etcdserver/server.go), so
    # this many keep raft busy for seconds.
    limits={"expired": 300, "a_second": 50.0},
    closes_after=10.0,
    impact="Writes share raft with the revocations for some seconds; all keys of those leases are"
    " deleted at once, and every watcher of them is told.",
    runbook=(
        Step("Give leases that are granted together times to live that differ by a tenth."),
        Step("See whether their clients died, or could not renew (no leader at that time?)."),
    ),
)
def lease_expiry_storm(window: Window, limits: Limits) -> Iterator[Finding]:
    """Very many leases ran out at the same time.

    Signal:  leases that expired between the last two scrapes, on the leader.
    Source:  etcd_debugging_server_lease_expired_total.
    Means:   they were granted together with one time to live, or their clients went away together.
    Alike:   leases that are revoked by clients (only expired ones count).
    Next:    look for a peak of grants one time to live before.
    """
    for member in window.judgeable:
        growths = recent(window, member, LEASES_EXPIRED)
        newest = growths[0] if growths else None
        if not newest or newest.grown < limits["expired"] or newest.rate < limits["a_second"]:
            continue
        yield Finding(
            CLUSTER,
            Severity.INFO,
            f"{newest.grown:.0f} leases ran out within {newest.seconds:.0f} s",
            (
                window.evidence(
                    member, LEASES_EXPIRED, newest.grown, limit=limits["expired"],
                    says=f"in {newest.seconds:.0f} s",
                ),
            ),
            confidence=0.95,
        )  # fmt: skip
