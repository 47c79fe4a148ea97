"""The data: whether all members hold the same."""

from collections.abc import Iterator, Sequence

from etcdscope.detect.comparison import Comparison, compared, hash_of, surely_differ
from etcdscope.detect.detector import detector
from etcdscope.detect.monitor import DENIED, SURE, back_since, refused_as_learner
from etcdscope.model.cluster import Alarm
from etcdscope.model.finding import (
    CLUSTER,
    BlindSpot,
    Finding,
    Limits,
    RuledOut,
    Severity,
    Subject,
)
from etcdscope.model.incident import Step
from etcdscope.model.reading import Failure
from etcdscope.model.signal import (
    ALARMS,
    APPLIED_INDEX,
    AUTH_REVISION,
    COMMITTED_INDEX,
    HASHED,
    REVISION,
    STATUS_ERRORS,
    VERSION,
)
from etcdscope.model.window import Window

# The same index shown this often, over so many seconds: nothing is being applied.
STEADY_LOOKS, STEADY_SECONDS = 4, 2.0
# Three scrapes: users and roles change seldom, and a scrape is not atomic with the next member's.
AUTH_STEADY = 11.0
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
    sure = [m for m in others if surely_differ(window, first, m)]
    at = comparison.at
    where = f"at revision {at.revision} (compacted at {at.compact_revision})"
    evidence = tuple(
        window.evidence(m, HASHED, f"{hash_of(window, m):08x}", name="hash_kv", says=where)
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
        certain = look.failures >= SURE or look.failure is Failure.TOO_LARGE
        failing = look.source == "hashes" and certain and look.failure not in DENIED
        here = window.reachable(look.member) and not refused_as_learner(window, look)
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
    impact="What a user may do differs from member to member; clients fail on one endpoint only.",
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
