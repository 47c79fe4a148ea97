"""The API servers as etcd's clients: whether they are ready, what fails, and how long they wait.

What they wait for etcd is held against what etcd itself takes: the difference is the network, or
the API server.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from etcdscope.detect.detector import detector
from etcdscope.detect.monitor import DENIED
from etcdscope.detect.seats import apiservers, name_of, pods
from etcdscope.model.finding import (
    Evidence,
    Finding,
    Limits,
    RuledOut,
    Severity,
    Subject,
)
from etcdscope.model.incident import Step
from etcdscope.model.kubernetes import APISERVER, Health
from etcdscope.model.signal import BACKEND_COMMIT, LINEARIZABLE_SECONDS, WAL_FSYNC, Signal
from etcdscope.model.signal_kubernetes import (
    APISERVER_DB_BYTES,
    APISERVER_ETCD_ERRORS,
    APISERVER_ETCD_REQUESTS,
    APISERVER_ETCD_SECONDS,
    APISERVER_EVENTS_ERRORS,
    APISERVER_EVENTS_REQUESTS,
    APISERVER_EVENTS_SECONDS,
    APISERVER_HEALTH,
    APISERVER_OTHERS_SECONDS,
    APISERVER_PREFIX,
    APISERVER_REQUESTS,
    APISERVER_START,
)
from etcdscope.model.window import Window

# Four scrapes at the slow cadence.
SPAN = 60.0
# Fewer requests than this in the span have no p99 worth a word.
LEAST = 20.0
WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE", "APPLY"})
# Requests about single objects; a list takes as long as it is large.
SINGLE = ("create", "update", "delete", "get")


def apiserver(window: Window, endpoint: str) -> Subject:
    """Return an API server as what a finding is about."""
    return Subject("apiserver", name_of(window, endpoint))


def one_process(window: Window, endpoint: str, over: float = SPAN) -> bool:
    """Return whether one process answered all the time: behind a balancer they may take turns."""
    return len(set(window.numbers(endpoint, APISERVER_START, over=over))) == 1


def grown(
    window: Window, endpoint: str, signal: Signal, key: str = "", over: float = SPAN
) -> float:
    """Return how much a counter grew; one that only appears when it grows stood at 0 before."""
    points = window.points(endpoint, signal, key)
    starts = window.points(endpoint, APISERVER_START, over=over)
    increase = window.increase(endpoint, signal, key, over=over) or 0.0
    if points and starts and points[0].at > starts[0].at:
        first = points[0].value
        increase += first if isinstance(first, (int, float)) else 0.0
    return increase


def rate(window: Window, endpoint: str, signal: Signal, key: str = "") -> float:
    """Return how much a counter grew a second; 0 where it was scraped only once."""
    starts = window.points(endpoint, APISERVER_START, over=SPAN)
    seconds = starts[-1].at - starts[0].at if starts else 0.0
    return grown(window, endpoint, signal, key) / seconds if seconds > 0 else 0.0


def health(window: Window, endpoint: str) -> Health | None:
    """Return what it last said of itself."""
    point = window.last(endpoint, APISERVER_HEALTH)
    return point.value if point and isinstance(point.value, Health) else None


@detector(
    "apiserver-unready",
    # A restart takes 20 to 60 s; one of several is missed by nobody for two minutes. With none
    # left Kubernetes stands still, and a restart of the only one is over by then.
    # With etcd among what fails it is no restart of its own; one that is pinned to a member fails
    # for as long as that restarts.
    limits={"one": 120.0, "all": 45.0, "etcd": 30.0},
    closes_after=20.0,
    impact="One of several: clients move to the others, those pinned to it fail. All: nothing can"
    " be deployed or healed; running pods go on.",
    runbook=(
        Step("See which check fails.", "kubectl get --raw '/readyz?verbose'"),
        Step("See its log on that node.", "crictl logs $(crictl ps -a -q --name kube-apiserver)"),
    ),
)
def apiserver_unready(window: Window, limits: Limits) -> Iterator[Finding]:
    """An API server does not answer, or says that it is not ready.

    Signal:  /readyz of every API server, with the checks that fail.
    Source:  API server /readyz.
    Means:   with the check etcd among them it cannot use etcd: told soon. Else it starts, ends,
             or waits for something of its own.
    Alike:   a restart (two minutes are given, three quarters of one where it is the only one); an
             API server that does not let us ask, or that has never answered us at its own address
             while Kubernetes calls its pod ready (blind spots).
    """
    ends = [e for e in apiservers(window) if not never_answered(window, e) or _pod_fails(window, e)]
    bad = {e: found for e in ends if (found := _unready(window, e))}
    none_left = bool(ends) and len(bad) == len(ends)
    patience = limits["all"] if none_left else limits["one"]
    for endpoint, (since, why, by_etcd) in bad.items():
        lasted = window.now - since
        soon = 0.0 if none_left else limits["etcd"]
        if lasted < (min(soon, patience) if by_etcd else patience):
            continue
        name = name_of(window, endpoint)
        yield Finding(
            apiserver(window, endpoint),
            Severity.CRITICAL if none_left else Severity.WARNING,
            f"The API server {name} {why}"
            + (", and no other is ready" if none_left and len(ends) > 1 else ""),
            (Evidence("unready_for", round(lasted), "s", patience, APISERVER_HEALTH.source),),
            confidence=0.95,
        )


def _unready(window: Window, endpoint: str) -> tuple[float, str, bool] | None:
    """Return since when it is not ready, why, and whether etcd is the reason."""
    look = window.looks[("apiserver", endpoint)]
    state = health(window, endpoint)
    fresh = window.last(endpoint, APISERVER_HEALTH)
    if look.failure and look.failure not in DENIED and (fresh is None or fresh.at < look.at):
        return (
            (look.since, f"does not answer: {str(look.detail or look.failure).rstrip('.')}", False)
            if (look.failures > 1)
            else None
        )
    if state is None or state.ready:
        return None
    since = look.at
    for point in reversed(window.points(endpoint, APISERVER_HEALTH)):
        if isinstance(point.value, Health) and point.value.ready:
            break
        since = point.at
    failing = ", ".join(state.failing[:4]) or "no check named"
    by_etcd = any(check.startswith("etcd") for check in state.failing)
    why = f"is not ready: {failing} fail{'s' if len(state.failing) == 1 else ''}"
    return since, why, by_etcd


def never_answered(window: Window, endpoint: str) -> bool:
    """Return whether it has not answered us once at its own address."""
    look = window.looks[("apiserver", endpoint)]
    return look.last_ok is None and not window.points(endpoint, APISERVER_HEALTH)


def _pod_fails(window: Window, endpoint: str) -> bool:
    """Return whether Kubernetes itself says that its pod is not ready."""
    name = endpoint.removeprefix(APISERVER_PREFIX)
    return any(p.node == name and not p.ready for p in pods(window, APISERVER))


@detector(
    "apiserver-etcd-slow",
    # Kubernetes' own objective is 1 s for all of a call about one object, etcd's part included.
    limits={"warning": 1.0, "critical": 5.0},
    closes_after=35.0,
    impact="Every call through this API server waits at least that long; at 10 s clients give up.",
    runbook=(
        Step("Compare with the other API servers, and with etcd's own times in the evidence."),
        Step(
            "Network: see the way from that node to etcd.", "ping -c 20 ETCD; ss -ti dport = 2379"
        ),
        Step(
            "API server: see its CPU, and who asks it for lists.", "kubectl top pod -n kube-system"
        ),
    ),
)
def apiserver_etcd_slow(window: Window, limits: Limits) -> Iterator[Finding]:
    """An API server waits long for etcd's answers.

    Signal:  p99 of etcd's answers about single objects as the API server measures them, beside what
             etcd itself takes: linearizable reads, WAL fsync, backend commit.
    Source:  API server /metrics; probes and /metrics of etcd.
    Means:   where etcd itself is quick, it is the network or the API server's own waiting; where it
             is slow as well, etcd's own incident says why. Without a view of etcd it is etcd's side
             as a whole.
    Alike:   lists, which take as long as they are large (not counted).
    """
    for endpoint in apiservers(window):
        slow = [s for op in SINGLE if (s := _slow(window, endpoint, op, limits))]
        if not slow:
            continue
        waits, op, severity = max(slow)
        own = own_seconds(window)
        yield Finding(
            apiserver(window, endpoint),
            severity,
            f"The API server {name_of(window, endpoint)} waits {_ms(waits)} (p99) for etcd's"
            f" answers to {op}: {_blames(waits, own)}",
            (
                Evidence(
                    f"{APISERVER_ETCD_SECONDS.name}_p99_{op}",
                    round(waits, 3),
                    "s",
                    limits["warning"],
                    APISERVER_ETCD_SECONDS.source,
                ),
                *own_evidence(window),
            ),
            confidence=0.85 if own else 0.75,
        )


def _slow(
    window: Window, endpoint: str, op: str, limits: Limits
) -> tuple[float, str, Severity] | None:
    if not one_process(window, endpoint):
        return None
    seen = window.quantile(endpoint, APISERVER_ETCD_SECONDS, 0.99, op, over=SPAN)
    if seen is None or seen.count < LEAST or not (severity := limits.graded(seen.value)):
        return None
    return seen.value, op, severity


def own_seconds(window: Window) -> float | None:
    """Return what etcd itself takes for one request at worst, as far as it is seen."""
    return max((e.value for e in own_evidence(window) if isinstance(e.value, float)), default=None)


def own_evidence(window: Window) -> tuple[Evidence, ...]:
    """Return what etcd itself takes: the slowest member's, each by its own measure."""
    found: list[Evidence] = []
    for signal in (WAL_FSYNC, BACKEND_COMMIT):
        seen = [
            (q.value, m.id)
            for m in window.members
            if (q := window.quantile(m.id, signal, 0.99, over=SPAN))
        ]
        if seen:
            value, member = max(seen)
            name = f"{signal.name}_p99"
            found.append(window.evidence(member, signal, round(value, 4), for_=False, name=name))
    reads = [
        (max(n), m.id)
        for m in window.members
        if (n := window.numbers(m.id, LINEARIZABLE_SECONDS, over=15.0))
    ]
    if reads:
        value, member = max(reads)
        found.append(window.evidence(member, LINEARIZABLE_SECONDS, round(value, 4), for_=False))
    return tuple(found)


def _blames(waits: float, own: float | None) -> str:
    if own is None:
        return "etcd's side is not seen"
    if own < waits / 2:
        return f"etcd itself takes {_ms(own)}, the rest is the network or the API server"
    return f"etcd itself takes {_ms(own)}"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


@detector(
    "apiserver-writes-failing",
    # One in twenty is past any retry that ends by chance; half is an outage.
    limits={"warning": 0.05, "critical": 0.5},
    closes_after=35.0,
    impact="Deployments, status updates and lease renewals through this API server fail;"
    " controllers try again, so that work is late rather than lost.",
    runbook=(
        Step("See what the API server is told.", "kubectl get --raw /metrics | grep request_total"),
        Step("See its log for etcdserver errors.", "crictl logs APISERVER 2>&1 | grep etcdserver"),
    ),
)
def apiserver_writes_failing(window: Window, limits: Limits) -> Iterator[Finding]:
    """Writes through an API server end in errors of the server.

    Signal:  share of POST, PUT, PATCH, APPLY and DELETE that end with 5xx, in the last minute and
             still between the last two scrapes; share of its own requests that etcd did not do.
             Critical where no other API server writes well.
    Source:  API server /metrics.
    Means:   usually etcd refuses or does not answer: no quorum, no leader, quota used up. Without a
             view of etcd this is how its trouble shows.
    Alike:   conflicts (409), refusals by webhooks (4xx), throttling (429): not counted.
    """
    ends = apiservers(window)
    writing = {e: found for e in ends if (found := failing_share(window, e))}
    failing = {
        e: found for e, found in writing.items() if min(found.share, found.now) > limits["warning"]
    }
    for endpoint, found in failing.items():
        severity = limits.graded(found.share)
        outage = severity is Severity.CRITICAL and len(failing) == len(writing)
        yield Finding(
            apiserver(window, endpoint),
            Severity.CRITICAL if outage else Severity.WARNING,
            f"{found.now * 100:.0f} % of the writes through the API server"
            f" {name_of(window, endpoint)} fail ({found.each:.1f} a second)",
            (
                Evidence(
                    "apiserver_write_errors", round(found.share, 3), "ratio", limits["warning"],
                    APISERVER_REQUESTS.source, says="of the writes of the last minute",
                ),
                *(
                    (
                        Evidence(
                            "apiserver_etcd_errors", round(found.of_etcd, 3), "ratio", None,
                            APISERVER_ETCD_ERRORS.source, says="of its requests to etcd",
                        ),
                    )
                    if found.of_etcd is not None
                    else ()
                ),
            ),
            confidence=0.7,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Failing:
    """Writes that fail: their share in the last minute, and between the last two scrapes.

    ``each``: how many a second now. ``of_etcd``: which share of its requests etcd does not do.
    """

    share: float
    now: float
    each: float
    of_etcd: float | None


def failing_share(window: Window, endpoint: str) -> Failing | None:
    """Return which share of the writes fails; None where there are too few to tell."""
    if not one_process(window, endpoint):
        return None
    done = failed = done_now = failed_now = 0.0
    for key in window.keys(endpoint, APISERVER_REQUESTS):
        verb, _, code = key.partition("/")
        if verb in WRITES:
            each = rate(window, endpoint, APISERVER_REQUESTS, key)
            now = _rate_now(window, endpoint, APISERVER_REQUESTS, key)
            done, done_now = done + each, done_now + now
            if code.startswith("5"):
                failed, failed_now = failed + each, failed_now + now
    if done * SPAN < LEAST or not done_now:
        return None
    asked = _sum(window, endpoint, APISERVER_ETCD_REQUESTS)
    refused = _sum(window, endpoint, APISERVER_ETCD_ERRORS)
    of_etcd = refused / asked if asked else None
    return Failing(failed / done, failed_now / done_now, failed_now, of_etcd)


def _rate_now(window: Window, endpoint: str, signal: Signal, key: str) -> float:
    """Return how much a counter grew a second between the last two scrapes."""
    scrapes = window.points(endpoint, APISERVER_START)[-2:]
    seen = {p.at: p.value for p in window.points(endpoint, signal, key)[-2:]}
    if len(scrapes) < 2:
        return 0.0
    before, after = (seen.get(scrape.at, 0.0) for scrape in scrapes)
    if not isinstance(before, (int, float)) or not isinstance(after, (int, float)):
        return 0.0
    return max(after - before, 0.0) / (scrapes[1].at - scrapes[0].at)


def _sum(window: Window, endpoint: str, signal: Signal) -> float:
    keys = window.keys(endpoint, signal)
    return sum(rate(window, endpoint, signal, key) for key in keys)


@detector(
    "storage-override-sick",
    limits={"warning": 1.0, "share": 0.1},
    closes_after=35.0,
    impact="Only events are slow or lost: kubectl describe and alerts on events are blind, all else"
    " is fine.",
    runbook=(
        Step("Watch the etcd of --etcd-servers-overrides as a cluster of its own."),
        Step("It may be emptied in an emergency: events live for an hour only."),
    ),
)
def storage_override_sick(window: Window, limits: Limits) -> Iterator[Finding]:
    """The etcd that holds the events alone is sick, not the main one.

    Signal:  p99 and errors of requests about events against all others, where events have an etcd
             of their own (--etcd-servers-overrides, or two storages in the metrics).
    Source:  API server /metrics; static pods' flags.
    Means:   the events' etcd has one of the faults that this catalogue tells of the main one.
    Alike:   the main etcd (then other resources are slow as well).
    """
    for endpoint in apiservers(window):
        if not _overridden(window, endpoint) or not one_process(window, endpoint):
            continue
        events = window.quantile(endpoint, APISERVER_EVENTS_SECONDS, 0.99, over=SPAN)
        others = window.quantile(endpoint, APISERVER_OTHERS_SECONDS, 0.99, over=SPAN)
        asked = rate(window, endpoint, APISERVER_EVENTS_REQUESTS)
        failed = rate(window, endpoint, APISERVER_EVENTS_ERRORS)
        slow = events is not None and events.count >= LEAST and events.value > limits["warning"]
        alone = others is None or (events is not None and others.value < events.value / 4)
        failing = asked * SPAN >= LEAST and failed / asked > limits["share"]
        mains = _sum(window, endpoint, APISERVER_ETCD_ERRORS) - failed
        if not ((slow and alone) or (failing and mains < failed / 4)):
            continue
        took = f"p99 {_ms(events.value)}" if events else "no answer"
        yield Finding(
            Subject("resource", "events"),
            Severity.WARNING,
            f"Only the etcd of the events is sick: {took}"
            + (f", {failed / asked * 100:.0f} % fail" if failing else "")
            + (f", all else {_ms(others.value)}" if others else ""),
            (
                Evidence(
                    "apiserver_events_p99", round(events.value, 3) if events else 0.0, "s",
                    limits["warning"], APISERVER_EVENTS_SECONDS.source,
                ),
                Evidence(
                    "apiserver_others_p99", round(others.value, 3) if others else 0.0, "s", None,
                    APISERVER_OTHERS_SECONDS.source, for_=False,
                ),
            ),
            ruled_out=(RuledOut("the main etcd", "other resources are quick"),),
            confidence=0.9,
        )  # fmt: skip
        return


def _overridden(window: Window, endpoint: str) -> bool:
    flags = (p.flag("etcd-servers-overrides") for p in pods(window, APISERVER))
    return any("events" in flag for flag in flags) or (
        len(window.keys(endpoint, APISERVER_DB_BYTES)) > 1
    )
