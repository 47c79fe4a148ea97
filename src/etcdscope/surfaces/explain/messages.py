"""Pages of what etcd writes into its log: a message by its words, or a whole line."""

from dataclasses import dataclass

from etcdscope.detect.catalog import DETECTORS
from etcdscope.etcd.logs.messages import TABLE, Known, recognise
from etcdscope.model import logs
from etcdscope.model.incident import Step
from etcdscope.surfaces.explain.causes import known, runbook
from etcdscope.surfaces.explain.page import Page

_BY_TEXT = {text.lower(): one for one in TABLE.values() for text in one.says}
_BY_ID = {detector.id: detector for detector in DETECTORS}
# So many causes lend their first step; more would be a list of everything.
_MOST_STEPS = 3
# Less of a message than this could be anything.
_ENOUGH = 12


@dataclass(frozen=True, slots=True)
class Advice:
    """What one who has read many of these lines adds: why it comes, and what it is not."""

    because: tuple[str, ...]
    isnt: str = ""
    first: Step | None = None


ADVICE: dict[str, Advice] = {
    logs.APPLY_SLOW: Advice(
        (
            "a read-only range that is large: the line has its prefix, and the response's size",
            "a read that waited for the leader to confirm that it leads",
            "a write: the backend's commit was slow, so the disk, or a very large transaction",
            "many kinds of request at once, on one member: too little CPU, or a defragmentation",
        ),
        "a sign of a slow disk by itself. Under 1 s, now and then, it is ordinary where somebody"
        " lists without a limit",
        Step(
            "Put the lines together: by client and prefix, and in which step the time went.",
            "etcdscope logs etcd.log",
        ),
    ),
    logs.HEARTBEAT_LATE: Advice(
        (
            "the leader waits for its WAL fsync: heartbeats go out after it",
            "the process got no CPU: a limit of its cgroup, or a busy host",
            "the machine or its hypervisor stood still for a moment",
        ),
        "proof of a slow disk, although etcd's line says so: it only guesses",
        Step("Compare fsync and answers from memory.", "etcdscope check --for 10s"),
    ),
    logs.FSYNC_SLOW: Advice(
        (
            "somebody else writes to the same disk: a backup, an image pull, a database",
            "network storage, or a volume that has used up its burst credit",
            "a disk that is about to fail: look at the kernel's log",
        ),
        "a matter of etcd's load: etcd writes a few MB/s at the most",
        Step("Measure the disk by itself.", "iostat -x 1; dmesg -T | tail"),
    ),
    logs.REQUEST_SLOW: Advice(
        (
            "one client reads large ranges: the line has its address, the count and the size",
            "the member waited for the leader, and every request with it",
        ),
        "slow by etcd's own fault as a rule: look at the size first",
        Step("See which client causes most.", "etcdscope logs etcd.log"),
    ),
    "leader-lost": Advice(
        (
            "the leader's process ended, hangs, or its host is gone",
            "the link to the leader is cut or loses packets",
            "the leader's disk or CPU is so slow that its heartbeats came too late",
        ),
        "a fault of the member that writes it: look at the one that it lost",
    ),
    "raft-election-started": Advice(
        ("no heartbeat came for one to two election timeouts, as when a leader is stopped",),
        "a fault where a restart or an upgrade is going on",
    ),
    "peer-unreachable": Advice(
        (
            "that member's process is down, or not started yet",
            "its peer port is closed by a firewall, or its advertised peer URL is wrong",
            "TLS: the certificate has ended, or its names do not fit",
        ),
        "a fault of the member that writes it",
        Step("Knock on the peer port from this host.", "nc -vz PEER_HOST 2380"),
    ),
    logs.CLOCK_DRIFT: Advice(
        (
            "one of the two hosts has no time service",
            "the answer itself was slow: loss on the link looks like a clock that runs ahead",
        ),
        "a danger to raft, which uses no wall clock; leases and certificates do",
        Step("Ask both hosts.", "chronyc tracking"),
    ),
    "quota-exceeded": Advice(
        (
            "history was not compacted, or free pages were never given back",
            "somebody writes more than before: events, or a controller in a loop",
        ),
        "a full disk",
        Step("Sizes of all members.", "etcdctl endpoint status --cluster -w table"),
    ),
}


def message_page(said: str) -> Page | None:
    """Return the page of the message that a text is, or that a line of a log carries."""
    found = _BY_TEXT.get(said.lower()) or _within(said)
    return _page(found) if found and found.kind != logs.UNKNOWN else None


def _within(said: str) -> Known | None:
    if (found := recognise(said)[0]).kind != logs.UNKNOWN:
        return found
    from etcdscope.etcd.logs.reader import Reader  # noqa: PLC0415  # msgspec, for a line alone

    event = Reader().read(said, 0.0)
    if event and event.kind != logs.UNKNOWN:
        return TABLE.get(event.kind)
    # A piece of a line, as people copy them: its message may stand in the middle.
    low = said.lower()
    inside = [text for text in _BY_TEXT if len(text) >= _ENOUGH and text in low]
    return _BY_TEXT[max(inside, key=len)] if inside else None


def _page(found: Known) -> Page:
    advice = ADVICE.get(found.kind)
    witnessed = known(found.witnesses)
    steps = [advice.first] if advice and advice.first else []
    steps += [step for cause in witnessed for step in runbook(_BY_ID[cause])[:1]]
    return Page(
        found.says[0] if found.says else found.kind,
        "message",
        "etcd's log",
        f"{found.means[0].upper()}{found.means[1:]}.",
        {
            "Kind": found.kind,
            "Worth": "a look: it belongs on the timeline of an incident"
            if found.matters
            else "little alone: etcd writes it in ordinary times too",
            **({"Also written": "; ".join(found.says[1:4])} if len(found.says) > 1 else {}),
        },
        runbook=tuple(dict.fromkeys(steps))[:_MOST_STEPS],
        because=advice.because if advice else (),
        isnt=advice.isnt if advice else "",
        causes=witnessed,
    )
