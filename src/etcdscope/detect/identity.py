"""What was before: whether the cluster, its members and its data are still those that they were."""

from collections.abc import Iterator

from etcdscope.detect.detector import detector
from etcdscope.model.cluster import MemberList
from etcdscope.model.finding import CLUSTER, Evidence, Finding, Limits, RuledOut, Severity, Subject
from etcdscope.model.incident import Step
from etcdscope.model.memory import Change
from etcdscope.model.signal import CLUSTER_ID, COMMITTED_INDEX, MEMBER_LIST, PROCESS_AT, REVISION
from etcdscope.model.window import Window

# Whether clients were restarted after a restore cannot be seen from here; after this it is known.
TOLD_SECONDS = 3600.0
# A change of identity is news for so long.
NEWS_SECONDS = 60.0
# A member that comes back with an empty database shows less than this share of what it had.
EMPTY = 0.5

# Clocks of two hosts may differ by so much and more is told (clock-skewed).
CLOCKS = 2.0
# The second of two endpoints of one member is asked once a minute.
DUPLICATE_SEEN = 150.0


@detector(
    "revision-rewound",
    closes_after=1.0,
    impact="Clients that remember a revision are ahead of the cluster: watches miss events or wait"
    " for ever, caches stay stale. In Kubernetes: informers of API servers, controllers and"
    " kubelets act on objects that no longer exist.",
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
             hold revisions that no longer exist. Told for an hour.
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
    impact="Clients of this endpoint read an empty database and write into one that nobody else"
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
             with a fraction of the raft index that was there before, while others go on.
    Source:  Maintenance.Status; etcdscope's memory.
    Means:   a volume that was not mounted, a wrong --data-dir, a wiped disk, and
             --initial-cluster-state=new.
    Alike:   cluster-id-mixed (that endpoint always belonged to another cluster), revision-rewound
             (all members came back as others: a restore).
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
        if index >= before.index * EMPTY or not _others_went_on(window, before.id, answering):
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


def _others_went_on(window: Window, gone: str, stranger: str) -> bool:
    """Return whether another member has answered as itself since the stranger was first seen.

    In a restore all of them are stopped before the first comes back as another one.
    """
    since = window.points(stranger, CLUSTER_ID)[0].at
    others = [window.answered(m.id) for m in window.members if m.id != gone]
    return any(answered is not None and answered > since for answered in others)


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


# --- who is who -----------------------------------------------------------------------------------


@detector(
    "member-id-duplicate",
    closes_after=1.0,
    impact="Two processes vote with one voice: entries that were acknowledged may be lost.",
    runbook=(
        Step("Stop the one that is the copy, at once, and wipe its data directory."),
        Step(
            "See which address the cluster knows.",
            "etcdctl --endpoints {endpoints} member list -w table",
        ),
    ),
)
def member_id_duplicate(window: Window, limits: Limits) -> Iterator[Finding]:
    """Two processes run with the same member id, from copies of one data directory.

    Signal:  two endpoints answer with one member id, and the process of each had been running
             already when the other one answered.
    Source:  Maintenance.Status, /metrics (process start) of both endpoints.
    Means:   a virtual machine or a volume was cloned, or a backup was started beside the original.
    Alike:   one member with two addresses (one process), a member that moved (one after the other).
    """
    for member in window.members:
        seen = {
            url: point
            for url in window.keys(member.id, PROCESS_AT)
            if (point := window.last(member.id, PROCESS_AT, url, within=DUPLICATE_SEEN))
        }
        for one, p in seen.items():
            for other, q in seen.items():
                if not isinstance(p.value, float) or not isinstance(q.value, float):
                    continue
                # The one that started later ran before the earlier one was last heard.
                if p.value < q.value < p.at - CLOCKS and p.value + CLOCKS < q.value:
                    yield Finding(
                        Subject.member(member.id),
                        Severity.CRITICAL,
                        f"Two processes run as {member.label} ({member.id}): one at {one}, one at"
                        f" {other}",
                        (
                            window.evidence(member.id, PROCESS_AT, p.value, says=f"at {one}"),
                            window.evidence(member.id, PROCESS_AT, q.value, says=f"at {other}"),
                        ),
                        confidence=0.93,
                    )
                    return


def astray(window: Window) -> dict[str, str]:
    """Return who answers, with which member id, that is in nobody's list: id by URL.

    Of the same cluster: a member that was removed and still runs. (Status and lists tell no more;
    the logs of both sides say when it was removed.)
    """
    listed = {m.id for m in window.members} | {
        m.id
        for teller in window.members
        if (point := window.last(teller.id, MEMBER_LIST)) and isinstance(point.value, MemberList)
        for m in point.value.members
    }
    known = {c for m in window.members if (c := window.word(m.id, CLUSTER_ID))}
    return {
        url: member
        for url, member in window.endpoints.items()
        if member not in listed and window.word(member, CLUSTER_ID) in known
    }
