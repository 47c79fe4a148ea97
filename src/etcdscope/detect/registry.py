"""What fills the database, by the keys: floods, leftovers, giants, growth."""

from collections.abc import Iterator
from itertools import pairwise
from statistics import median

from etcdscope.detect.detector import detector
from etcdscope.detect.owner import HOUR, NEARLY, Digest, digest
from etcdscope.model.amounts import size as mib
from etcdscope.model.census import EVENTS, REQUEST_LIMIT, Cell, Census
from etcdscope.model.finding import (
    CLUSTER,
    Evidence,
    Finding,
    Limits,
    RuledOut,
    Severity,
    Subject,
)
from etcdscope.model.incident import Step
from etcdscope.model.signal import DB_BYTES, QUOTA_BYTES, REGISTRY
from etcdscope.model.window import Window

MIB = 2.0**20
# A census is an hour old at most, and says nothing of the seconds before or after it.
CLOSES_AFTER = 1.0


def _counted(name: str, value: float, unit: str, limit: float | None, says: str = "") -> Evidence:
    return Evidence(name, value, unit, limit, REGISTRY.source, says=says)


# --- events --------------------------------------------------------------------------------------


@detector(
    "events-flood",
    needs=(REGISTRY,),
    # Events live for an hour, so their number is that of the last hour. A cluster of a thousand
    # nodes has some ten thousand; CI clusters have more for ever, so that what is usual decides,
    # unless events are half of everything.
    limits={"keys": 20_000, "share": 0.5, "share_unusual": 0.2, "times_usual": 3.0},
    closes_after=CLOSES_AFTER,
    impact="Events take room, writes and watch traffic from everything else; listing them is slow.",
    runbook=(
        Step(
            "See who writes them.",
            "kubectl get events -A --sort-by=.lastTimestamp | tail -50",
        ),
        Step("Silence the source: a crash loop, failing probes, a noisy controller."),
        Step("Give events an etcd of their own.", "kube-apiserver --etcd-servers-overrides=…"),
    ),
)
def events_flood(window: Window, limits: Limits) -> Iterator[Finding]:
    """Kubernetes events fill the database.

    Signal:  keys and bytes of events, against everything and against what is usual here.
    Source:  registry (a census an hour).
    Means:   events live for an hour, so the flood is of the last hour, or goes on.
    Alike:   a busy cluster (as many events as always), leases-piling (leases without keys).
    """
    seen = digest(window)
    events = seen.rows.get(EVENTS) if seen else None
    if seen is None or events is None or not seen.kubernetes or events.keys < limits["keys"]:
        return
    share, usual = events.bytes / (seen.total.bytes or 1), _usual(seen)
    unusual = usual is not None and events.keys >= limits["times_usual"] * usual
    half = share >= limits["share"]
    if not half and not (unusual and share >= limits["share_unusual"]):
        return
    times = f", {events.keys / usual:.0f} times as many as usual" if unusual and usual else ""
    yield Finding(
        Subject("resource", EVENTS),
        Severity.WARNING if half else Severity.INFO,
        f"{events.keys} events take {share:.0%} of the live data ({mib(events.bytes)})"
        f"{times}{_where(seen.last, EVENTS)}",
        (
            _counted("event_keys", events.keys, "count", limits["keys"]),
            _counted("event_share", round(share, 3), "ratio", limits["share"]),
            *((_counted("usual_event_keys", usual, "count", None),) if usual is not None else ()),
        ),
        ruled_out=(RuledOut("leases-piling", "the keys are there, not only their leases"),),
        confidence=0.95 if unusual or usual is None else 0.85,
    )


def _usual(seen: Digest) -> float | None:
    """Return the median number of events before, None with too few censuses to say."""
    before = [rows[EVENTS].keys if EVENTS in rows else 0 for _, rows in seen.before]
    return median(before) if len(before) >= 3 else None


def _where(last: Census, resource: str) -> str:
    """Return the namespace that holds most of a resource, if it holds most."""
    cells = [c for c in last.cells if c.resource == resource and c.namespace]
    most = max(cells, key=lambda c: c.bytes, default=None)
    whole = sum(c.bytes for c in cells)
    if most is None or most.bytes < 0.5 * whole:
        return ""
    return f", {most.bytes / whole:.0%} of them in namespace {most.namespace}"


# --- orphans -------------------------------------------------------------------------------------


@detector(
    "keys-orphaned",
    needs=(REGISTRY,),
    limits={"keys": 10_000, "bytes": 100 * MIB},
    closes_after=CLOSES_AFTER,
    impact="They take room for ever: no API shows or deletes them, and a definition that comes back"
    " brings them back to life.",
    runbook=(
        Step("Save a snapshot first.", "etcdctl --endpoints {endpoints} snapshot save before.db"),
        Step(
            "Create the CustomResourceDefinition again, delete the objects through the API, then"
            " the definition."
        ),
        Step("Delete raw keys only as the last resort: nothing in Kubernetes hears of it."),
    ),
)
def keys_orphaned(window: Window, limits: Limits) -> Iterator[Finding]:
    """Objects of a custom resource are left whose definition is gone.

    Signal:  keys under /registry/GROUP/PLURAL without the key of PLURAL.GROUP among the
             CustomResourceDefinitions, at one revision.
    Source:  registry (a census an hour).
    Means:   a definition was deleted with its finalizer taken off by hand, or restored without.
    Alike:   an aggregated API server that keeps its objects in this etcd (its group is served
             and has no definitions at all: not told).
    """
    seen = digest(window)
    for orphan in (seen.last.orphans if seen and seen.kubernetes else None) or ():
        many = orphan.keys >= limits["keys"] or orphan.bytes >= limits["bytes"]
        yield Finding(
            Subject("resource", orphan.resource),
            Severity.WARNING if many else Severity.INFO,
            f"{orphan.keys} keys of {orphan.resource} ({mib(orphan.bytes)}) belong to no"
            " CustomResourceDefinition",
            (
                _counted("orphaned_keys", orphan.keys, "count", limits["keys"]),
                _counted("orphaned_bytes", orphan.bytes, "B", limits["bytes"]),
            ),
            confidence=0.9,
        )


# --- giants --------------------------------------------------------------------------------------


@detector(
    "objects-giant",
    needs=(REGISTRY,),
    # etcd refuses requests over 1.5 MiB by default. From 90 % of it the next change may be too
    # much; 1 MiB is Kubernetes' own bound for Secrets and ConfigMaps.
    limits={
        "warning": round(0.9 * REQUEST_LIMIT),
        "info": 2**20,
        "share": 0.5,
        "share_from": 100 * MIB,
    },
    closes_after=CLOSES_AFTER,
    impact="The next change of such an object may be refused (etcdserver: request is too large);"
    " each list and watch carries it whole.",
    runbook=(
        Step("See the largest objects.", "etcdscope registry --endpoints {endpoints}"),
        Step("Split the object, or shorten what it keeps; for Helm: --history-max."),
    ),
)
def objects_giant(window: Window, limits: Limits) -> Iterator[Finding]:
    """A few objects are very large: near what etcd takes, or most of the database.

    Signal:  size of the largest values; the share of the twenty largest.
    Source:  registry (a census an hour).
    Means:   a change may be refused; --max-request-bytes moves the bound, and is not seen here.
    Alike:   request-too-large (refused already), many middling objects (registry-growing).
    """
    seen = digest(window)
    if seen is None or not seen.last.largest:
        return
    last, total = seen.last, seen.total.bytes
    first = last.largest[0]
    near = [key for key in last.largest if key.value_bytes > limits["info"]]
    share = sum(key.value_bytes for key in last.largest) / total if total else 0.0
    heavy = share >= limits["share"] and total >= limits["share_from"]
    if not near and not heavy:
        return
    named = ", ".join(f"{key.key} ({mib_of(key.value_bytes)})" for key in last.largest[:3])
    what = (
        f"{len(near)} object{'s are' if len(near) > 1 else ' is'} larger than 1 MiB"
        if near
        else f"{len(last.largest)} objects hold {share:.0%} of the live data"
    )
    yield Finding(
        CLUSTER,
        Severity.WARNING if first.value_bytes > limits["warning"] else Severity.INFO,
        f"{what}: {named}",
        (
            _counted("largest_value", first.value_bytes, "B", limits["warning"], first.key),
            _counted("share_of_largest", round(share, 3), "ratio", limits["share"]),
        ),
        confidence=0.95,
    )


def mib_of(size: float) -> str:
    """Return a size of about a MiB with two digits."""
    return f"{size / MIB:.2f} MiB"


# --- growth --------------------------------------------------------------------------------------


@detector(
    "registry-growing",
    needs=(REGISTRY,),
    # Six hours tell growth from a roll-out. A fifth more and 32 MiB are worth a note; what fills
    # the rest of the quota within three days at this pace wants hands before the weekend is over.
    limits={"hours": 6.0, "share": 0.2, "bytes": 32 * MIB, "days": 3.0},
    closes_after=CLOSES_AFTER,
    impact="The database fills; at its quota every write is refused.",
    runbook=(
        Step("See what grows.", "etcdscope registry diff 24h now --data-dir DIR"),
        Step("Find who creates these objects and never deletes them."),
    ),
)
def registry_growing(window: Window, limits: Limits) -> Iterator[Finding]:
    """One kind of object grows steadily.

    Signal:  live bytes of each resource over six hours and more; every step between censuses up.
    Source:  registry (a census an hour), etcd_server_quota_backend_bytes.
    Means:   something creates objects and nothing deletes them.
    Alike:   quota-forecast (the file grows, by history too), events-flood (events come and go).
    """
    seen = digest(window)
    span = seen.earlier(limits["hours"] * HOUR * NEARLY) if seen else ()
    if seen is None or not span:
        return
    (began, before), least = span[0], limits["bytes"]
    for resource, after in seen.rows.items():
        if after.bytes < least:
            continue
        row = before.get(resource, Cell(after.prefix, resource))
        gained = after.bytes - row.bytes
        if gained < least or gained < limits["share"] * row.bytes:
            continue
        sizes = [rows[resource].bytes if resource in rows else 0 for _, rows in span]
        if len(sizes) >= 3 and all(b > a for a, b in pairwise([*sizes, after.bytes])):
            yield _growing(window, seen.last, row, after, seen.last.at - began, limits)


def _growing(
    window: Window, last: Census, before: Cell, after: Cell, seconds: float, limits: Limits
) -> Finding:
    gained = after.bytes - before.bytes
    rate = gained / seconds
    room = _room(window)
    days = room / rate / 86400.0 if room is not None else None
    soon = days is not None and days < limits["days"]
    fills = f"; at this pace the quota is full in {days:.1f} days" if days and soon else ""
    return Finding(
        Subject("resource", after.resource),
        Severity.WARNING if soon else Severity.INFO,
        f"{after.resource} grew by {mib(gained)} and {after.keys - before.keys} keys in"
        f" {seconds / HOUR:.0f} h, to {mib(after.bytes)}{fills}{_where(last, after.resource)}",
        (
            _counted("resource_grew", gained, "B", limits["bytes"], after.resource),
            _counted("resource_bytes", after.bytes, "B", None),
            *((_counted("quota_left", room, "B", None),) if room is not None else ()),
        ),
        confidence=0.85,
    )


def _room(window: Window) -> float | None:
    """Return what is left of the quota where least is left."""
    left = [
        quota - size
        for m in window.members
        if (quota := window.number(m.id, QUOTA_BYTES)) and (size := window.number(m.id, DB_BYTES))
    ]
    return min(left, default=None)
