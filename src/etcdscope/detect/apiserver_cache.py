"""What an API server believes of etcd: its watch cache, the size and the counts that it tells."""

from collections.abc import Iterator

from etcdscope.detect.apiservers import SPAN, grown, one_process
from etcdscope.detect.detector import detector
from etcdscope.detect.seats import apiservers, name_of, pods
from etcdscope.model.finding import Evidence, Finding, Limits, RuledOut, Severity, Subject
from etcdscope.model.incident import Step
from etcdscope.model.kubernetes import APISERVER
from etcdscope.model.signal import DB_BYTES, REVISION
from etcdscope.model.signal_kubernetes import (
    APISERVER_CACHE_CHECKS,
    APISERVER_CACHE_READS,
    APISERVER_CACHE_REVISION,
    APISERVER_CACHE_WAIT,
    APISERVER_DB_BYTES,
    APISERVER_OBJECTS,
)
from etcdscope.model.window import Point, Window

# Sizes are told every half minute; a defragmentation halves them in between.
APART = 2.0
SMALL_BYTES = 64 * 2.0**20
# The cache gives up waiting for etcd after 3 s (blockTimeout in the cacher) and asks etcd itself.
WAITS = 2.0
_LEAST_READS = 10.0


def _revisions(window: Window, endpoint: str, back: int = 0) -> Point | None:
    """Return the highest revision of its caches, at its newest scrape or ``back`` ones before.

    Resources that have an etcd of their own count revisions of their own.
    """
    apart = _apart(window)
    best: Point | None = None
    for key in window.keys(endpoint, APISERVER_CACHE_REVISION):
        group, _, resource = key.rpartition("/")
        points = window.points(endpoint, APISERVER_CACHE_REVISION, key)
        if (group, resource) in apart or len(points) <= back:
            continue
        point = points[-1 - back]
        if isinstance(point.value, (int, float)) and (best is None or point.value > _at(best)):
            best = point
    return best if best and best.at > window.now - 60.0 else None


def _at(point: Point) -> float:
    return point.value if isinstance(point.value, (int, float)) else 0.0


def _apart(window: Window) -> frozenset[tuple[str, str]]:
    """Return group and resource of what --etcd-servers-overrides puts elsewhere."""
    found: set[tuple[str, str]] = set()
    for pod in pods(window, APISERVER):
        for one in pod.flag("etcd-servers-overrides").split(","):
            group, _, resource = one.partition("#")[0].rpartition("/")
            if resource:
                found |= {(group, resource), ("events.k8s.io", resource)}
    return frozenset(found)


@detector(
    "apiserver-view-differs",
    closes_after=35.0,
    impact="Dashboards of Kubernetes and of etcd disagree; with revisions that this etcd never had,"
    " what Kubernetes shows is not what is kept here.",
    runbook=(
        Step(
            "See what it dials.", "grep etcd-servers /etc/kubernetes/manifests/kube-apiserver.yaml"
        ),
        Step(
            "See the members' own sizes and revisions.",
            "etcdctl --endpoints {endpoints} endpoint status -w table",
        ),
        Step("Restart the API server if etcd was restored under it: its caches are of before."),
    ),
)
def apiserver_view_differs(window: Window, limits: Limits) -> Iterator[Finding]:
    """An API server tells other things of etcd than etcd itself does.

    Signal:  a revision in its watch cache that no member has reached; a database size that no
             member has; resources that it cannot count (-1).
    Source:  API server /metrics; Maintenance.Status of the members.
    Means:   it dials another etcd than the one that is watched, or this one was restored from a
             backup under it (critical); counts fail where etcd's answers do.
    Alike:   members of different size (db-size-uneven): then its number is one of them.
    """
    for endpoint in apiservers(window):
        subject = Subject("apiserver", name_of(window, endpoint))
        name = subject.name
        if ahead := _ahead(window, endpoint):
            told, known = ahead
            yield Finding(
                subject,
                Severity.CRITICAL,
                f"The API server {name} has seen revision {told:.0f}, this etcd has come to"
                f" {known:.0f}: it uses another etcd, or this one was restored under it",
                (
                    Evidence(
                        APISERVER_CACHE_REVISION.name, told, "", known,
                        APISERVER_CACHE_REVISION.source,
                    ),
                ),
                ruled_out=(RuledOut("a late look", "etcd was asked after the API server"),),
                confidence=0.9,
            )  # fmt: skip
        elif size := _other_size(window, endpoint):
            sizes = ", ".join(f"{window.label(m)} {_mib(b)}" for m, b in _sizes(window).items())
            yield Finding(
                subject,
                Severity.WARNING,
                f"The API server {name} tells of a database of {_mib(size)}, which no member has"
                f" ({sizes})",
                (Evidence(APISERVER_DB_BYTES.name, size, "B", None, APISERVER_DB_BYTES.source),),
                confidence=0.75,
            )
        elif uncounted := _uncounted(window, endpoint):
            yield Finding(
                subject,
                Severity.WARNING,
                f"The API server {name} cannot count {len(uncounted)} resources in etcd:"
                f" {', '.join(uncounted[:3])}",
                (
                    Evidence(
                        APISERVER_OBJECTS.name, -1.0, "count", None, APISERVER_OBJECTS.source,
                        says=", ".join(uncounted[:6]),
                    ),
                ),
                confidence=0.7,
            )  # fmt: skip


def _ahead(window: Window, endpoint: str) -> tuple[float, float] | None:
    """Return its revision and etcd's, where it is ahead of what a quorum told afterwards."""
    cached = _revisions(window, endpoint)
    if cached is None:
        return None
    later = [
        _at(p)
        for m in window.voters
        if (p := window.last(m.id, REVISION)) and p.at > cached.at and window.reachable(m.id)
    ]
    if not later or len(later) < window.quorum or _at(cached) <= max(later):
        return None
    return _at(cached), max(later)


def _sizes(window: Window) -> dict[str, float]:
    seen = {m.id: window.number(m.id, DB_BYTES) for m in window.members}
    return {member: size for member, size in seen.items() if size}


def _other_size(window: Window, endpoint: str) -> float | None:
    """Return a size that it told at two scrapes, and that no member comes near to at either."""
    told = window.numbers(endpoint, APISERVER_DB_BYTES, "etcd-0", over=SPAN)
    if len(told) < 2 or len(_sizes(window)) < len(window.members) or not window.members:
        return None
    known = [
        n for m in window.members for n in window.numbers(m.id, DB_BYTES, over=SPAN + 30.0) if n
    ]
    for size in told[-2:]:
        if any(size <= k * APART and k <= size * APART for k in known):
            return None
        if all(abs(size - k) < SMALL_BYTES for k in known):
            return None
    return told[-1]


def _uncounted(window: Window, endpoint: str) -> list[str]:
    return [
        key
        for key in window.keys(endpoint, APISERVER_OBJECTS)
        if (n := window.numbers(endpoint, APISERVER_OBJECTS, key, over=SPAN))
        and len(n) >= 2
        and n[-1] < 0
        and n[-2] < 0
    ]


def _mib(size: float) -> str:
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"


@detector(
    "watch-cache-lagging",
    # Progress comes every 5 s where etcd is set up for it, so that twice that is late.
    limits={"seconds": 10.0, "fallback": 0.2},
    closes_after=35.0,
    impact="Reads wait for the cache, or go past it to etcd, whose load multiplies; watchers act on"
    " old state.",
    runbook=(
        Step("See whether etcd's own watchers are slow: then watchers-slow tells of it."),
        Step("Else it is that API server: see its CPU and memory, and restart it if it stays."),
    ),
)
def watch_cache_lagging(window: Window, limits: Limits) -> Iterator[Finding]:
    """An API server's watch cache is behind etcd, or its reads go past it.

    Signal:  how old the newest revision of its caches is, by when etcd came to it, at two scrapes;
             share of consistent reads that fell back to etcd; how long reads wait for the cache;
             failed comparisons of cache and etcd.
    Source:  API server /metrics; Maintenance.Status.
    Means:   a slow watch stream, or an API server without CPU. A note where only the age tells:
             revisions of other users of this etcd bring its caches nothing.
    Alike:   watchers-slow (etcd itself is late: then all API servers lag alike).
    """
    ends = apiservers(window)
    lags = {e: _lag(window, e) for e in ends}
    for endpoint in ends:
        if not one_process(window, endpoint):
            continue
        lag, fallback = lags[endpoint], _fallback(window, endpoint)
        waits = window.quantile(endpoint, APISERVER_CACHE_WAIT, 0.99, over=SPAN)
        differs = grown(window, endpoint, APISERVER_CACHE_CHECKS, "failure", over=300.0)
        late = lag is not None and lag > limits["seconds"]
        past = fallback is not None and fallback > limits["fallback"]
        waiting = waits is not None and waits.count >= _LEAST_READS and waits.value > WAITS
        if not (late or past or differs):
            continue
        alike = [e for e, seconds in lags.items() if (seconds or 0.0) > limits["seconds"]]
        name = name_of(window, endpoint)
        parts = [
            f"is {lag:.0f} s behind etcd" if late else "",
            f"sends {(fallback or 0) * 100:.0f} % of its consistent reads on to etcd"
            if past
            else "",
            "differs from etcd" if differs else "",
        ]
        yield Finding(
            Subject("apiserver", name),
            Severity.WARNING if past or differs or (late and waiting) else Severity.INFO,
            f"The watch cache of the API server {name} {' and '.join(p for p in parts if p)}",
            tuple(_evidence(lag, fallback, waits.value if waits else None, differs, limits)),
            ruled_out=()
            if len(alike) == len(ends) and len(ends) > 1
            else (RuledOut("watchers-slow", "the other API servers are up to date"),)
            if len(ends) > 1
            else (),
            confidence=0.8,
        )


def _evidence(
    lag: float | None, fallback: float | None, waits: float | None, differs: float, limits: Limits
) -> Iterator[Evidence]:
    source = APISERVER_CACHE_REVISION.source
    if lag is not None:
        yield Evidence("watch_cache_age", round(lag, 1), "s", limits["seconds"], source)
    if fallback is not None:
        share = round(fallback, 3)
        yield Evidence("watch_cache_fallback", share, "ratio", limits["fallback"], source)
    if waits is not None:
        yield Evidence("watch_cache_wait_p99", round(waits, 3), "s", WAITS, source)
    if differs:
        yield Evidence("watch_cache_checks_failed", differs, "count", 0.0, source)


def _lag(window: Window, endpoint: str) -> float | None:
    """Return how old its newest revision was at each of two scrapes, the lesser of both."""
    ages = [_age(window, point) for back in (0, 1) if (point := _revisions(window, endpoint, back))]
    known = [age for age in ages if age is not None]
    return min(known) if len(known) == 2 else None


def _age(window: Window, cached: Point) -> float | None:
    """Return for how long etcd had been past that revision when the cache was looked at."""
    best: float | None = None
    for member in window.voters:
        passed: float | None = None
        for point in reversed(window.points(member.id, REVISION)):
            if point.at > cached.at:
                continue
            if _at(point) <= _at(cached):
                break
            passed = point.at
        else:
            passed = None if passed is None else passed  # it was past it at our first look
        age = cached.at - passed if passed is not None else 0.0
        best = age if best is None else max(best, age)
    return best


def _fallback(window: Window, endpoint: str) -> float | None:
    past = grown(window, endpoint, APISERVER_CACHE_READS, "true")
    held = grown(window, endpoint, APISERVER_CACHE_READS, "false")
    return past / (past + held) if past + held >= _LEAST_READS else None
