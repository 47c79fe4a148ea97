"""Files of a member that cannot be used: etcd says so, and ends. Its log is the only witness."""

from collections.abc import Iterator

from etcdscope.detect import journal
from etcdscope.detect.detector import detector
from etcdscope.model.finding import Evidence, Finding, Limits, RuledOut, Severity
from etcdscope.model.incident import Step
from etcdscope.model.logs import (
    BACKEND_CORRUPT,
    DISK_FULL,
    RAFT_STATE_LOST,
    SERVER_READY,
    WAL_CORRUPT,
    LogEvent,
)
from etcdscope.model.signal import LOG_EVENT
from etcdscope.model.window import Window

# A member that lives on and cannot write says so with every attempt.
STILL = 60.0
_ANEW = (
    Step(
        "Take the damaged member out; the others hold all that was committed.",
        "etcdctl --endpoints {leader_url} member remove {member_id}",
    ),
    Step("Set its data aside, for whoever looks for the reason."),
    Step(
        "Add it again.",
        "etcdctl --endpoints {leader_url} member add {member} --peer-urls {peer_url}",
    ),
    Step(
        "Start it with an empty data directory and --initial-cluster-state=existing; it gets"
        " everything from the leader."
    ),
    Step(
        "Look for the reason before it takes the next member.",
        "dmesg -T | grep -iE 'error|mce|ecc'",
    ),
)


@detector(
    "wal-corrupt",
    needs=(LOG_EVENT,),
    closes_after=2.0,
    impact="The member cannot start, and the margin is one smaller. The other members hold the same"
    " entries; a cluster of one has lost what came after its last snapshot.",
    runbook=_ANEW,
)
def wal_corrupt(window: Window, limits: Limits) -> Iterator[Finding]:
    """The member's write-ahead log cannot be read, so the member does not start.

    Signal:  the last process of the member ended over its WAL, and it has not answered since.
    Source:  etcd's log: a checksum that does not match, records that do not fit together.
    Means:   bytes rotted or were overwritten; a torn end alone is cut off and repaired by etcd.
    Alike:   backend-corrupt (the database file), raft-state-rolled-back (files that are whole, but
             too old), disk-full.
    Next:    the kernel's log of that host, for I/O and memory errors.
    """
    yield from _ended(
        window, WAL_CORRUPT, "cannot start: its WAL is damaged", "backend-corrupt", "its WAL"
    )


@detector(
    "backend-corrupt",
    needs=(LOG_EVENT,),
    closes_after=2.0,
    impact="The member cannot start, and the margin is one smaller. The other members hold the same"
    " data; a cluster of one needs its last snapshot.",
    runbook=_ANEW,
)
def backend_corrupt(window: Window, limits: Limits) -> Iterator[Finding]:
    """The member's database file is damaged, so the member does not start or panics.

    Signal:  the last process of the member ended over its database, and it has not answered since.
    Source:  etcd's log: bbolt's panics, an invalid database, a file that does not fit the snapshot.
    Means:   pages rotted, or a disk lied about what it had written before a power loss.
    Alike:   wal-corrupt; another process that holds the file (etcd waits, then, and does not end).
    Next:    bbolt check on the stopped member's file, and on a fresh snapshot of another member.
    """
    yield from _ended(
        window,
        BACKEND_CORRUPT,
        "cannot start: its database file is damaged",
        "wal-corrupt",
        "its database file",
    )


@detector(
    "raft-state-rolled-back",
    needs=(LOG_EVENT,),
    closes_after=2.0,
    impact="The member lost entries that it had acknowledged. If enough members did, writes that"
    " clients were told are safe would be gone.",
    runbook=(Step("Do not start it again on this data: it must not vote with it."), *_ANEW),
)
def raft_state_rolled_back(window: Window, limits: Limits) -> Iterator[Finding]:
    """The member's disk is older than what the member had acknowledged.

    Signal:  raft stopped the member, since the leader knows of entries that it no longer has.
    Source:  etcd's log: tocommit is out of range.
    Means:   a VM snapshot or a copy of the data directory was put back, or fsync is not honest.
    Alike:   wal-corrupt (the files themselves are damaged; here they are whole).
    Next:    who restored that disk; --unsafe-no-fsync; a write cache without battery.
    """
    for writer in journal.writers(window):
        if (event := journal.fatal(window, writer, RAFT_STATE_LOST)) is None:
            continue
        lost = f" (up to entry {event.index:.0f})" if event.index is not None else ""
        yield Finding(
            journal.about(window, writer),
            Severity.CRITICAL,
            f"{journal.called(window, writer)} lost raft entries that it had acknowledged{lost}:"
            " its disk was put back to an older state",
            (journal.witness(window, writer, event),),
            ruled_out=(RuledOut("wal-corrupt", "its files could be read"),),
            confidence=0.95,
        )


def full_by_log(window: Window) -> Iterator[Finding]:
    """Yield whose log says that there is no room: now, or as its last words."""
    for writer in journal.writers(window):
        ended = journal.fatal(window, writer, DISK_FULL)
        event = ended or journal.last(window, writer, DISK_FULL, within=STILL)
        ready = journal.last(window, writer, SERVER_READY)
        if event is None or (ready is not None and ready.at > event.at):
            continue
        yield Finding(
            journal.about(window, writer),
            _severity(window),
            f"{journal.called(window, writer)} cannot write: the file system of its data is full",
            (journal.witness(window, writer, event),),
            ruled_out=(RuledOut("quota-exhausted", "the kernel refused, not etcd's quota"),),
            confidence=0.95,
        )


def _ended(window: Window, kind: str, what: str, not_: str, which: str) -> Iterator[Finding]:
    for writer in journal.writers(window):
        if (event := journal.fatal(window, writer, kind)) is None:
            continue
        yield Finding(
            journal.about(window, writer),
            _severity(window),
            f"{journal.called(window, writer)} {what}{_where(event)}{_others(window)}",
            (
                journal.witness(window, writer, event),
                *_attempts(window, writer),
            ),
            ruled_out=(RuledOut(not_, f"etcd names {which}"),),
            confidence=0.95,
        )


def _severity(window: Window) -> Severity:
    """Return how bad it is to be without one member: all there is, or one of several."""
    return Severity.WARNING if len(window.voters) > 1 else Severity.CRITICAL


def _where(event: LogEvent) -> str:
    for sign, says in (
        ("crc mismatch", " (a checksum does not match)"),
        ("invalid database", " (its meta pages are not bbolt's)"),
        ("freepages", " (its list of free pages is wrong)"),
        ("does not match with snapshot", " (it is older than the snapshot beside it)"),
        ("is missing", " (it is missing)"),
    ):
        if sign in event.error or sign in event.text:
            return says
    return ""


def _others(window: Window) -> str:
    return "; the other members hold the same data" if len(window.voters) > 1 else ""


def _attempts(window: Window, writer: str) -> Iterator[Evidence]:
    if (starts := journal.starts(window, writer, 600.0)) > 1:
        yield Evidence("starts", float(starts), source="etcd's log", says="in the last ten minutes")
