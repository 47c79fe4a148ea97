"""A disk that does not answer: raft stands still while the member goes on talking."""

from collections.abc import Iterator
from dataclasses import dataclass

from etcdscope.detect.detector import detector
from etcdscope.detect.process import starved
from etcdscope.detect.testimony import leader, own_stall
from etcdscope.model.finding import Evidence, Finding, Limits, RuledOut, Severity, Subject
from etcdscope.model.incident import Step
from etcdscope.model.reading import Histogram
from etcdscope.model.signal import LEADER, RAFT_APPLIED, RAFT_COMMIT, RAFT_LEAD, WAL_FSYNC
from etcdscope.model.window import Window

# An fsync of 1.2 s lets raft move on every 1.2 s; what has not moved for longer than this, while
# there was something to save, waits for a disk that does not answer.
HANGS = 1.7
# The others depose a silent leader within 1 to 2 s; one that leads after this stops all writes.
ELECTS = 4.0


@dataclass(frozen=True, slots=True)
class _Blocked:
    """A raft loop that stands still: since when, at which index, and what shows it."""

    since: float
    applied: float
    commit: float
    follows: str  # whom raft follows, where Maintenance.Status still names another leader
    led: bool


@detector(
    "disk-hung",
    needs=(RAFT_APPLIED, RAFT_COMMIT),
    over=2.0,
    limits={"warning": HANGS},
    closes_after=1.5,
    impact="Nothing that goes through this member ends: reads and writes hang, while its metrics"
    " go on saying that all is well. It acknowledges nothing, so the margin is one smaller.",
    runbook=(
        Step(
            "See whether etcd waits for its disk (state D), and what the kernel says.",
            "ps -L -o stat,wchan:24,comm -C etcd | grep ^D; dmesg | tail -20   # on its host",
        ),
        Step(
            "Stop etcd there, so that its clients move to the others.",
            "systemctl stop etcd   # on the host of {member}",
        ),
        Step("Replace or reattach the disk, then start it again."),
    ),
)
def disk_hung(window: Window, limits: Limits) -> Iterator[Finding]:
    """The member waits for a disk that does not answer.

    Signal:  raft's applied index stands still while its commit index is ahead of it, or while
             raft follows another leader than Maintenance.Status names; /debug/vars answers.
    Source:  raft.status at /debug/vars, which raft's own goroutine serves; the WAL write, the
             ticks and Status' indexes share another one (server/etcdserver/raft.go).
    Means:   a device, multipath or network volume that hangs; a leader is deposed after a second
             and goes on calling itself leader.
    Alike:   member-frozen (nothing answers), wal-fsync-slow (fsyncs come back, late), link-lossy
             (the follower trails, but what it has it saves).
    """
    for member in window.judgeable:
        blocked = _blocked(window, member, limits["warning"])
        if blocked is None or not _fsyncs_stopped(window, member, blocked.since):
            continue
        if starved(window, member):
            continue
        seconds = window.now - blocked.since
        hung = [
            m.id
            for m in window.voters
            if m.id in window.judgeable and _blocked(window, m.id, limits["warning"])
        ]
        lost = len(window.voters) - len(hung) < window.quorum
        stuck = leader(window) == member and seconds > ELECTS
        contradiction = (
            f"; it still calls itself leader, but raft follows {window.label(blocked.follows)}"
            if blocked.follows and blocked.led
            else ""
        )
        yield Finding(
            Subject.member(member),
            Severity.CRITICAL if lost or stuck else Severity.WARNING,
            f"The disk of {window.label(member)} hangs: it answers, but has saved nothing for"
            f" {seconds:.1f} s{contradiction}",
            tuple(_signs(window, member, blocked, seconds, limits)),
            ruled_out=(
                RuledOut("member-frozen", "raft answers at /debug/vars"),
                RuledOut("wal-fsync-slow", f"no fsync has come back for {seconds:.1f} s"),
                RuledOut("link-lossy", "it receives entries; it does not save them"),
            ),
            confidence=0.95 if contradiction else 0.9,
        )


def _signs(
    window: Window, member: str, blocked: _Blocked, seconds: float, limits: Limits
) -> Iterator[Evidence]:
    yield window.evidence(
        member,
        RAFT_APPLIED,
        round(seconds, 1),
        limit=limits["warning"],
        name="raft_stands_still",
        says=f"seconds at applied index {blocked.applied:.0f}",
    )
    if blocked.commit > blocked.applied:
        yield window.evidence(
            member,
            RAFT_COMMIT,
            blocked.commit - blocked.applied,
            name="waiting_to_be_saved",
            says="entries that it knows to be committed and has not saved",
        )
    if blocked.follows:
        yield window.evidence(
            member,
            LEADER,
            window.label(window.word(member, LEADER) or ""),
            says=f"by Status; raft follows {window.label(blocked.follows)}",
        )
    yield window.evidence(member, WAL_FSYNC, 0.0, name="wal_fsyncs_since", says="fsyncs that ended")


def _blocked(window: Window, member: str, least: float) -> _Blocked | None:
    points = window.points(member, RAFT_APPLIED)
    last = window.last(member, RAFT_APPLIED, within=1.5)
    if last is None or len(points) < 3 or not isinstance(last.value, (int, float)):
        return None
    since = next((p.at for p in reversed(points) if p.value != last.value), points[0].at)
    shown = [p for p in points if p.at > since]  # looks that all found the same index
    if len(shown) < 3 or shown[-1].at - shown[0].at < least - 0.5:
        return None
    if window.now - shown[0].at < least + own_stall(window):
        return None
    began = shown[0].at
    ahead = [p.value for p in window.points(member, RAFT_COMMIT) if p.at >= began]
    commit = ahead[-1] if ahead else last.value
    waits = all(isinstance(c, (int, float)) and c > last.value for c in ahead)
    follows = _contradiction(window, member, began)
    if not follows and not (waits and ahead):
        return None
    assert isinstance(commit, (int, float))
    led = window.word(member, LEADER, within=60.0) == member
    return _Blocked(began, last.value, commit, follows, led)


def _contradiction(window: Window, member: str, since: float) -> str:
    """Return whom raft follows while Status named another leader, in two looks at least."""
    named = window.word(member, LEADER)
    raft = [p for p in window.points(member, RAFT_LEAD) if p.at >= since][-2:]
    status = [p for p in window.points(member, LEADER) if p.at >= since][-2:]
    if not named or len(raft) < 2 or len(status) < 2:
        return ""
    follows = {str(p.value) for p in raft}
    if len(follows) > 1 or "" in follows or any(p.value in follows for p in status):
        return ""
    return follows.pop()


def _fsyncs_stopped(window: Window, member: str, since: float) -> bool:
    """Return whether no fsync ended since; True where metrics have not been read twice since."""
    counts = [
        p.value.count
        for p in window.points(member, WAL_FSYNC)
        if p.at > since + 0.2 and isinstance(p.value, Histogram)
    ]
    return len(set(counts)) <= 1
