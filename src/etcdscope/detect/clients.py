"""Clients: what they are told, as far as etcd counts it.

etcd's metrics never say which client it is: that stands in its log ("request stats", remote).
"""

from collections.abc import Iterator

from etcdscope.detect.detector import detector
from etcdscope.detect.pace import COVER, recent
from etcdscope.detect.refusals import evidence, refused, sentence, told
from etcdscope.model.finding import CLUSTER, Finding, Limits, RuledOut, Severity, Subject
from etcdscope.model.incident import Step
from etcdscope.model.signal import (
    CLIENT_RECEIVED_BYTES,
    GRPC_ERRORS,
    GRPC_HANDLED,
    METRICS_SECONDS,
    PUT_BYTES,
)
from etcdscope.model.window import Window

_KV = "etcdserverpb.KV"
# --max-request-bytes by default: DefaultMaxRequestBytes in server/embed/config.go.
REQUEST_BYTES = 1.5 * 2**20


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
