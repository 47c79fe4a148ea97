"""The data: whether all members hold the same, and whether it is still what it was."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from etcdscope.detect.detector import detector
from etcdscope.detect.monitor import DENIED, SURE, back_since
from etcdscope.model.cluster import Alarm, Hashed
from etcdscope.model.finding import (
    CLUSTER,
    BlindSpot,
    Evidence,
    Finding,
    Limits,
    RuledOut,
    Severity,
    Subject,
)
from etcdscope.model.incident import Step
from etcdscope.model.memory import Change
from etcdscope.model.signal import (
    ALARMS,
    APPLIED_INDEX,
    AUTH_REVISION,
    CLUSTER_ID,
    COMMITTED_INDEX,
    HASHED,
    REVISION,
    STATUS_ERRORS,
    VERSION,
)
from etcdscope.model.window import Point, Window

# Looks of one round lie closer together than this, two rounds on schedule further apart.
ONE_ROUND = 45.0
# The same index shown this often, over so many seconds: nothing is being applied.
STEADY_LOOKS, STEADY_SECONDS = 4, 2.0
# Three scrapes: users and roles change seldom, and a scrape is not atomic with the next member's.
AUTH_STEADY = 11.0
# Whether clients were restarted after a restore cannot be seen from here; after this it is known.
TOLD_SECONDS = 3600.0
# A change of identity is news for so long.
NEWS_SECONDS = 60.0
# A member that comes back with an empty database shows less than this share of what it had.
EMPTY = 0.5

REPLACE = (
    Step(
        "Save every member's data first: a snapshot of each, also of the one that is wrong.",
        "for e in $(echo {endpoints} | tr , ' '); do etcdctl --endpoints $e snapshot save"
        " snapshot-$(echo $e | tr -dc a-z0-9).db; done",
    ),
    Step(
        "Hand leadership away from it, then take it out.",
        "etcdctl --endpoints {endpoints} member remove {member_id}",
    ),
    Step("Wipe its data directory, and add it as a new member; it then takes the leader's data."),
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the members' last comparable hashes say. ``odd``: who differs from a majority."""

    at: Hashed
    groups: tuple[tuple[str, ...], ...]  # of members with the same hash, the largest first
    odd: tuple[str, ...] = ()


def compared(window: Window) -> Comparison | None:
    """Return the last comparison of two or more members; None where there is none.

    Hashes of different versions are made differently (etcd 3.5.16 changed what a compaction keeps),
    so that only members of one version are compared.
    """
    last = {m.id: p for m in window.members if (p := window.last(m.id, HASHED))}
    rounds: dict[tuple[int, int, str], dict[str, Hashed]] = {}
    for member, point in last.items():
        if isinstance(point.value, Hashed):
            seen = point.value
            version = window.word(member, VERSION, within=900.0) or ""
            at = (seen.revision, seen.compact_revision, version)
            rounds.setdefault(at, {})[member] = seen
    if not rounds:
        return None
    newest = max(rounds, key=lambda at: (len(rounds[at]), at))
    hashes = rounds[newest]
    if len(hashes) < 2:
        return None
    groups: dict[int, list[str]] = {}
    for member, seen in hashes.items():
        groups.setdefault(seen.hash, []).append(member)
    ordered = sorted((tuple(g) for g in groups.values()), key=lambda g: (-len(g), g))
    majority = len(ordered[0]) * 2 > len(hashes)
    odd = tuple(m for g in ordered[1:] for m in g) if majority else ()
    return Comparison(next(iter(hashes.values())), tuple(ordered), odd)


def _sure(window: Window, one: str, other: str) -> bool:
    """Return whether two members differed in their last two comparisons, one soon after the other.

    What differs stays different: a second look costs seconds, and no hiccup passes for it.
    """
    pairs = [
        p.value.hash == q.value.hash
        for p in window.points(one, HASHED)[-4:]
        for q in window.points(other, HASHED)[-4:]
        if isinstance(p.value, Hashed) and isinstance(q.value, Hashed) and _together(p, q)
    ]
    return len(pairs) >= 2 and not any(pairs[-2:])


def _together(p: Point, q: Point) -> bool:
    one, other = p.value, q.value
    return (
        isinstance(one, Hashed)
        and isinstance(other, Hashed)
        and (one.revision, one.compact_revision) == (other.revision, other.compact_revision)
        and abs(p.at - q.at) < ONE_ROUND
    )


@detector(
    "data-diverged",
    needs=(HASHED,),
    closes_after=1.0,
    impact="Clients get different answers from different members, and every write builds on it."
    " In Kubernetes: objects flicker, controllers undo each other's work.",
    runbook=(
        Step(
            "See for yourself, in a moment without compaction.",
            "etcdctl --endpoints {endpoints} endpoint hashkv -w table",
        ),
        *REPLACE,
    ),
)
def data_diverged(window: Window, limits: Limits) -> Iterator[Finding | BlindSpot]:
    """Members hold different data, although they have applied the same log.

    Signal:  the hash of all keys at one revision and one compact revision, twice in a row; or the
             revision at the same applied index while nothing is being written.
    Source:  Maintenance.HashKV, one member after the other; Maintenance.Status.
    Means:   a bug of etcd (3.5.0 to 3.5.2 lose writes in a crash), a bit that flipped, a file that
             was edited or copied. etcd itself looks only where corruption checks are switched on.
    Alike:   a member that lags (its hash at the same revision is the same), a restore.
    """
    told = set()
    comparison = compared(window)
    if comparison and len(comparison.groups) > 1:
        for finding in _by_hash(window, comparison):
            told.add(finding.subject)
            yield finding
    if not told:
        yield from _by_revision(window)
    yield from _unseen(window, comparison)


def _by_hash(window: Window, comparison: Comparison) -> Iterator[Finding]:
    first = comparison.groups[0][0]
    others = [m for group in comparison.groups[1:] for m in group]
    sure = [m for m in others if _sure(window, first, m)]
    at = comparison.at
    where = f"at revision {at.revision} (compacted at {at.compact_revision})"
    evidence = tuple(
        window.evidence(m, HASHED, f"{_hash(window, m):08x}", name="hash_kv", says=where)
        for group in comparison.groups
        for m in group
    )
    ruled_out = (RuledOut("apply-lag", "all hashes are of the same revision"),)
    if comparison.odd:
        for m in comparison.odd:
            if m in sure:
                right = _names(window, comparison.groups[0])
                yield Finding(
                    Subject.member(m),
                    Severity.CRITICAL,
                    f"The data of {window.label(m)} is not that of {right}: their hashes differ"
                    f" {where}",
                    evidence,
                    ruled_out,
                    confidence=0.98,
                )
    elif sure:
        sides = " against ".join(_names(window, group) for group in comparison.groups)
        yield Finding(
            CLUSTER,
            Severity.CRITICAL,
            f"The members hold different data: {sides}, by their hashes {where}; no majority says"
            " which is right",
            evidence,
            ruled_out,
            confidence=0.95,
            next_test="Compare snapshots of the members key by key.",
        )


def _hash(window: Window, member: str) -> int:
    point = window.last(member, HASHED)
    return point.value.hash if point and isinstance(point.value, Hashed) else 0


def _by_revision(window: Window) -> Iterator[Finding]:
    steady = {m.id: seen for m in window.members if (seen := _steady(window, m.id))}
    if len(steady) < 2:
        return
    index = max(applied for applied, _ in steady.values())
    revisions = {m: revision for m, (applied, revision) in steady.items() if applied == index}
    groups: dict[float, list[str]] = {}
    for m, revision in revisions.items():
        groups.setdefault(revision, []).append(m)
    if len(groups) < 2:
        return
    ordered = sorted(groups.values(), key=lambda g: (-len(g), g))
    majority = len(ordered[0]) * 2 > len(revisions)
    evidence = tuple(
        window.evidence(m, REVISION, revision, says=f"at applied index {index:.0f}")
        for m, revision in revisions.items()
    )
    right = _names(window, ordered[0])
    for m in [m for group in ordered[1:] for m in group] if majority else [""]:
        yield Finding(
            Subject.member(m) if m else CLUSTER,
            Severity.CRITICAL,
            f"{window.label(m)} is at revision {revisions[m]:.0f} where {right} are at"
            f" {revisions[ordered[0][0]]:.0f}, at the same applied index: its data is another"
            if m
            else "The members are at different revisions at the same applied index, and no majority"
            " says which is right",
            evidence,
            (RuledOut("apply-lag", f"all have applied index {index:.0f}"),),
            confidence=0.95,
        )


def _steady(window: Window, member: str) -> tuple[float, float] | None:
    """Return applied index and revision of a member that has applied nothing for a while."""
    points = window.points(member, APPLIED_INDEX, over=STEADY_SECONDS + 1.0)
    pairs = tuple(window.paired(member, APPLIED_INDEX, REVISION, over=STEADY_SECONDS + 1.0))
    if len(pairs) < STEADY_LOOKS or len(set(pairs)) > 1:
        return None
    return pairs[0] if points[-1].at - points[0].at >= STEADY_SECONDS - 0.5 else None


def _unseen(window: Window, comparison: Comparison | None) -> Iterator[BlindSpot]:
    """Yield what could not be compared, and why; what was denied is told elsewhere."""
    for look in window.looks.values():
        failing = look.source == "hashes" and look.failures >= SURE and look.failure not in DENIED
        here = look.member and window.reachable(look.member)
        if failing and here and look.at > back_since(window, look.member):
            yield BlindSpot("hashes", Subject.member(look.member), look.detail)
    hashed = [m.id for m in window.members if window.fresh(m.id, HASHED)]
    if len(hashed) < 2 or comparison:
        return
    versions = sorted({window.word(m, VERSION, within=900.0) or "" for m in hashed})
    if window.now - max(window.began, _hashed_at(window, hashed)) > MIXED_FOR:
        why = (
            f"hashes of different versions ({', '.join(versions)}) cannot be compared"
            if len(versions) > 1
            else "compactions came between the looks, so that no two hashes can be compared"
        )
        yield BlindSpot("hashes", CLUSTER, why, "it is tried again every minute")


# An upgrade of one member takes less.
MIXED_FOR = 30.0


def _hashed_at(window: Window, members: Sequence[str]) -> float:
    return max((p.at for m in members if (p := window.last(m, HASHED))), default=0.0)


def _names(window: Window, members: Sequence[str]) -> str:
    return " and ".join(window.label(m) for m in members)


@detector(
    "alarm-corrupt",
    needs=(STATUS_ERRORS,),
    closes_after=1.0,
    impact='Writes, compactions and leases are refused with "corrupt cluster"; reads go on, so'
    " that clients which only read notice nothing.",
    runbook=(
        Step("Do not just disarm it: find the member whose data is wrong first."),
        *REPLACE,
        Step("Then take the alarm back.", "etcdctl --endpoints {endpoints} alarm disarm"),
    ),
)
def alarm_corrupt(window: Window, limits: Limits) -> Iterator[Finding]:
    """etcd has raised its CORRUPT alarm and refuses writes.

    Signal:  the alarm among Status.errors; before etcd 3.6 it names nobody, so that the hashes of
             the members say who is meant.
    Source:  Maintenance.Status; Maintenance.HashKV.
    Means:   a corruption check of etcd found different data, or somebody raised the alarm by hand.
    Next:    data-diverged names the member; where all hashes are the same the alarm may be old.
    """
    raised = [m for m in window.judgeable if _corrupt(window, m)]
    if not raised:
        return
    named = sorted({a.member for m in raised for a in _corrupt(window, m) if a.member})
    comparison = compared(window)
    odd = comparison.odd if comparison else ()
    who = (named or list(odd) or [""])[0]
    same = comparison is not None and len(comparison.groups) == 1
    say = (
        f"by the alarm it is {window.label(who)}"
        if named
        else f"by its hash the odd one is {window.label(who)}"
        if who
        else "the hashes of the members that could be compared are the same"
        if same
        else "it names nobody, and the hashes do not tell either"
    )
    yield Finding(
        Subject.member(who) if who else CLUSTER,
        Severity.CRITICAL,
        f"etcd has raised CORRUPT and refuses writes: {say}",
        tuple(window.evidence(m, STATUS_ERRORS, "CORRUPT", says="alarm raised") for m in raised),
        confidence=0.98,
        next_test="" if who or same else "Compare etcdctl endpoint hashkv of the members.",
    )


def _corrupt(window: Window, member: str) -> tuple[Alarm, ...]:
    point = window.last(member, ALARMS)
    alarms = point.value if point and isinstance(point.value, tuple) else ()
    return tuple(a for a in alarms if isinstance(a, Alarm) and a.kind == "CORRUPT")


@detector(
    "auth-diverged",
    closes_after=15.0,
    impact="Users that may on one member may not on another; clients fail on one endpoint only.",
    runbook=(
        Step(
            "See what each member knows of users and roles.",
            "for e in $(echo {endpoints} | tr , ' '); do etcdctl --endpoints $e role list; done",
        ),
        *REPLACE,
    ),
)
def auth_diverged(window: Window, limits: Limits) -> Iterator[Finding]:
    """Members hold different users and roles, although they have applied the same log.

    Signal:  the revision of the auth store, steady over three scrapes, on members that have since
             applied all that the others had.
    Source:  /metrics (etcd_debugging_auth_revision).
    Means:   a bug of etcd (fixed in 3.5.6), or a database that was edited.
    Alike:   a member that lags (it has not applied the change yet).
    """
    known = {
        m.id: revision
        for m in window.members
        if (revision := _steady_auth(window, m.id)) is not None and _caught_up(window, m.id)
    }
    groups: dict[float, list[str]] = {}
    for m, revision in known.items():
        groups.setdefault(revision, []).append(m)
    if len(groups) < 2:
        return
    ordered = sorted(groups.items(), key=lambda g: (-len(g[1]), g[1]))
    majority = len(ordered[0][1]) * 2 > len(known)
    evidence = tuple(window.evidence(m, AUTH_REVISION, r) for m, r in known.items())
    for m in [m for _, group in ordered[1:] for m in group] if majority else [""]:
        says = (
            f"The users and roles of {window.label(m)} are at revision {known[m]:.0f}, those of"
            f" {_names(window, ordered[0][1])} at {ordered[0][0]:.0f}"
            if m
            else "The members hold users and roles of different revisions"
        )
        yield Finding(
            Subject.member(m) if m else CLUSTER,
            Severity.CRITICAL,
            says,
            evidence,
            (RuledOut("apply-lag", "it has applied all that the others had"),),
            confidence=0.9,
        )


def _steady_auth(window: Window, member: str) -> float | None:
    points = window.points(member, AUTH_REVISION, over=AUTH_STEADY + 5.0)
    values = {p.value for p in points}
    if len(values) != 1 or points[-1].at - points[0].at < AUTH_STEADY:
        return None
    return window.number(member, AUTH_REVISION)


def _caught_up(window: Window, member: str) -> bool:
    """Return whether it has applied what anybody had committed when its last scrape began."""
    applied = window.number(member, APPLIED_INDEX)
    before = [
        float(p.value)
        for m in window.members
        for p in window.points(m.id, COMMITTED_INDEX)
        if p.at < window.now - AUTH_STEADY and isinstance(p.value, (int, float))
    ]
    return applied is not None and bool(before) and applied >= max(before)


# --- what was before -------------------------------------------------------------------------


@detector(
    "revision-rewound",
    closes_after=1.0,
    impact="Clients that remember a revision are ahead of the cluster: watches miss events or wait"
    " for ever, caches stay stale. In Kubernetes: informers of API servers, controllers and"
    " kubelets act on objects that are no more.",
    runbook=(
        Step("Restart every client that caches: API servers, controllers, schedulers, kubelets."),
        Step(
            "Better: restore once more, so that no revision comes twice (etcd 3.5.10 and later).",
            "etcdutl snapshot restore SNAPSHOT --bump-revision 1000000000 --mark-compacted …",
        ),
    ),
)
def revision_rewound(window: Window, limits: Limits) -> Iterator[Finding]:
    """The revision of the cluster, or its raft index, is lower than it was.

    Signal:  the highest revision that a quorum of the members ever showed, against what is shown
             after a linearizable read; remembered over restarts, etcd's and our own.
    Source:  Maintenance.Status; etcdscope's memory in its data directory.
    Means:   the cluster was restored from a backup: what was written since is lost, and clients
             hold revisions of a future that is no more. Told for an hour.
    Alike:   a member that lags (a read through the quorum tells it apart); a restore with
             --bump-revision (only the raft index is lower: a note).
    """
    change = _last(window, "revision") or _last(window, "index")
    if change is None:
        return
    ago = _ago(window.now - change.at)
    moved = _last(window, "cluster")
    note = f", and the cluster id is another one ({moved.after})" if moved else ""
    lost = change.what == "revision"
    signal = REVISION if lost else COMMITTED_INDEX
    yield Finding(
        CLUSTER,
        Severity.CRITICAL if lost else Severity.INFO,
        f"The revision of the cluster went back from {change.before:.0f} to {change.after:.0f}"
        f" {ago}{note}: it was restored from a backup, and clients that cache must be restarted"
        if lost
        else f"The raft index of the cluster began anew {ago}{note}, its revision did not: it was"
        " restored from a backup, as it should be",
        (
            window.evidence("", signal, change.before, says="was reached before"),
            window.evidence("", signal, change.after, says="after a read through a quorum"),
        ),
        (RuledOut("apply-lag", "a linearizable read has been answered since"),),
        confidence=0.95,
    )


def _last(window: Window, what: str) -> Change | None:
    told = [
        c for c in window.memory.changes if c.what == what and 0 <= window.now - c.at < TOLD_SECONDS
    ]
    return told[-1] if told else None


def _ago(seconds: float) -> str:
    return f"{seconds:.0f} s ago" if seconds < 120 else f"{seconds / 60:.0f} min ago"


@detector(
    "data-dir-empty",
    opens_after=1.0,
    closes_after=1.0,
    impact="Who uses this endpoint reads an empty database and writes into one that nobody else"
    " has; the cluster goes on with one voter less.",
    runbook=(
        Step("Stop it. See whether its volume is mounted, and whether --data-dir names it."),
        Step(
            "If its data is lost: take the old member out and add it anew.",
            "etcdctl --endpoints {endpoints} member remove {member_id}",
        ),
        Step("Start it with an empty data directory and --initial-cluster-state=existing."),
    ),
)
def data_dir_empty(window: Window, limits: Limits) -> Iterator[Finding]:
    """A member came back without its data, as a cluster of its own.

    Signal:  at the URL of a listed member somebody else answers: another member id and cluster id,
             with a fraction of the raft index that was there before.
    Source:  Maintenance.Status; etcdscope's memory.
    Means:   a volume that was not mounted, a wrong --data-dir, a wiped disk, and
             --initial-cluster-state=new.
    Alike:   cluster-id-mixed (that endpoint always belonged to another cluster).
    """
    listed = {m.id for m in window.members}
    for url, answering in window.endpoints.items():
        before = window.memory.at(url)
        if before is None or before.id == answering or before.id not in listed:
            continue
        cluster = window.word(answering, CLUSTER_ID)
        index = window.number(answering, COMMITTED_INDEX)
        if answering in listed or not cluster or cluster == window.memory.cluster or index is None:
            continue
        if index >= before.index * EMPTY:
            continue
        yield Finding(
            Subject.member(before.id),
            Severity.CRITICAL,
            f"{window.label(before.id)} came back without its data: at {url} member {answering} of"
            f" a new cluster ({cluster}) answers, at raft index {index:.0f} instead of"
            f" {before.index:.0f}",
            (
                window.evidence(answering, CLUSTER_ID, cluster),
                Evidence(
                    "committed_index",
                    index,
                    "entries",
                    before.index,
                    COMMITTED_INDEX.source,
                    answering,
                    says="it had more",
                ),
            ),
            (RuledOut("cluster-id-mixed", f"{url} was {window.label(before.id)}'s before"),),
            confidence=0.97,
        )


_NEWS = {
    "cluster": "The id of the cluster changed from {before} to {after}",
    "member": "{member} is another member than before: its id changed from {before} to {after}",
    "certificate": "{member} presents another certificate {port} ({before} before, {after} now)",
}
_PORTS = {"client": "on its client port", "peer": "on its peer port"}


@detector(
    "identity-changed",
    closes_after=1.0,
    impact="None by itself: a restore, a replacement or a renewal looks like this.",
    runbook=(Step("If nobody did this on purpose, find out who did."),),
)
def identity_changed(window: Window, limits: Limits) -> Iterator[Finding]:
    """The cluster, a member or its certificate is another one than before.

    Signal:  cluster id, member ids by name and peer URL, fingerprints against those remembered,
             also over restarts.
    Source:  Maintenance.Status, Cluster.MemberList, TLS handshakes; etcdscope's memory.
    Means:   a note for whoever looks later; told for a minute.
    Alike:   revision-rewound (a restore), data-dir-empty (a member that lost its data).
    """
    latest: dict[Subject, Change] = {}
    for change in window.memory.changes:
        if change.what in _NEWS and 0 <= window.now - change.at < NEWS_SECONDS:
            latest[Subject.member(change.member) if change.member else CLUSTER] = change
    for subject, change in latest.items():
        before, after = str(change.before), str(change.after)
        if change.what == "certificate":
            before, after = before[:12], after[:12]
        yield Finding(
            subject,
            Severity.INFO,
            _NEWS[change.what].format(
                member=window.label(change.member),
                before=before,
                after=after,
                port=_PORTS.get(change.key, change.key),
            ),
            (
                Evidence(
                    change.what,
                    after,
                    source="etcdscope's memory",
                    member=change.member,
                    says=f"before: {before}",
                ),
            ),
            confidence=1.0,
        )
