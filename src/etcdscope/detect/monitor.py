"""Ourselves: what we cannot see, and whether we are fit to judge."""

from collections.abc import Iterator
from statistics import median

from etcdscope.detect.detector import detector
from etcdscope.model.census import REGISTRY_AT
from etcdscope.model.finding import CLUSTER, SELF, BlindSpot, Finding, Limits, Severity, Subject
from etcdscope.model.incident import Step
from etcdscope.model.reading import Failure
from etcdscope.model.signal import (
    HOST_UNREADABLE,
    HOST_VIEW,
    LOOP_LAG,
    SINK_DROPPED,
    SINK_FAILING,
    STORE_FAILING,
)
from etcdscope.model.window import ANSWERS, Look, Window

DENIED = frozenset({Failure.PERMISSION_DENIED, Failure.UNAUTHENTICATED})
# What fails there says nothing of etcd's own permissions; it is told by who knows of it.
ELSEWHERE = frozenset({"logs", "kubernetes", "apiserver", "backup", "registry"})
# Two looks in a row: a single failure is a hiccup, and is retried at once.
SURE = 2


@detector(
    "monitor-starved",
    # Half a second late is two judgements late; two seconds late is past our promise.
    limits={"info": 0.5, "warning": 2.0},
    opens_after=2.0,
    closes_after=5.0,
    impact="etcdscope may be late with what it tells; it takes its own delay off every silence.",
    runbook=(Step("Give this host, or this container, more CPU."),),
)
def monitor_starved(window: Window, limits: Limits) -> Iterator[Finding]:
    """etcdscope itself does not get the CPU that it needs.

    Signal:  how late its own event loop woke, at the median of the last ten seconds.
    Source:  etcdscope.
    Means:   silences may be our own; they are not told as somebody else's.
    Next:    more CPU, or fewer clusters for this agent.
    """
    lags = window.numbers("", LOOP_LAG, over=10.0)
    if len(lags) < 5 or (late := median(lags)) <= limits["info"]:
        return
    yield Finding(
        SELF,
        Severity.WARNING if late > limits["warning"] else Severity.INFO,
        f"etcdscope runs {late:.1f} s late: this machine has too little CPU for it",
        (window.evidence("", LOOP_LAG, round(late, 3), limit=limits["info"]),),
        confidence=0.95,
    )


@detector(
    "sink-failing",
    # A restart of the receiver takes seconds; after half a minute somebody may miss a page.
    limits={"warning": 30.0},
    closes_after=1.0,
    impact="What etcdscope finds does not reach the people on call through this receiver.",
    runbook=(
        Step("See why the receiver does not answer; what waits is on disk and is sent then."),
    ),
)
def sink_failing(window: Window, limits: Limits) -> Iterator[Finding]:
    """A receiver of alerts accepts nothing.

    Signal:  seconds since a delivery last succeeded while there was something to deliver.
    Source:  etcdscope's own queues.
    Means:   nobody is told through this receiver.
    Next:    the receiver's own log; our log has its answer.
    """
    for sink in window.keys("", SINK_FAILING):
        seconds = window.number("", SINK_FAILING, sink)
        if seconds is None or not (severity := limits.graded(seconds)):
            continue
        lost = window.number("", SINK_DROPPED, sink) or 0.0
        yield Finding(
            Subject("self", sink),
            severity,
            f"{sink} has taken nothing for {seconds:.0f} s"
            + (f", and {lost:.0f} messages are lost" if lost else ""),
            (
                window.evidence(
                    "", SINK_FAILING, seconds, limit=limits["warning"], name=f"{sink}_failing"
                ),
            ),
            confidence=1.0,
        )


@detector(
    "store-failing",
    limits={"warning": 10.0},
    closes_after=1.0,
    impact="History has a gap; judging and alerting go on.",
    runbook=(Step("See whether the disk of the data directory is full.", "df -h; df -i"),),
)
def store_failing(window: Window, limits: Limits) -> Iterator[Finding]:
    """History cannot be kept.

    Signal:  seconds since history was last written while there was something to write.
    Source:  etcdscope's own store.
    Means:   a full or read-only disk; what was not kept is counted.
    Next:    room on the disk; it goes on by itself.
    """
    seconds = window.number("", STORE_FAILING)
    if seconds is not None and (severity := limits.graded(seconds)):
        yield Finding(
            SELF,
            severity,
            f"History has not been kept for {seconds:.0f} s",
            (window.evidence("", STORE_FAILING, seconds, limit=limits["warning"]),),
            confidence=1.0,
        )


def _failing(window: Window) -> Iterator[tuple[Subject, Look]]:
    """Yield the sources that fail on members which otherwise answer."""
    for look in window.looks.values():
        if look.failure is None or look.failures < SURE:
            continue
        if not look.member or not window.reachable(look.member) or look.at < window.now - 30.0:
            continue
        if look.at > back_since(window, look.member) and not refused_as_learner(window, look):
            yield Subject.member(look.member), look


def refused_as_learner(window: Window, look: Look) -> bool:
    """Return whether etcd refuses the call to every learner, so that nothing is wrong there.

    It takes Status and local reads only: isRPCSupportedForLearner in api/v3rpc/util.go.
    """
    member = window.member(look.member)
    learns = member is not None and member.is_learner
    return learns and look.failure is Failure.UNSUPPORTED and look.source in ("members", "hashes")


def back_since(window: Window, member: str) -> float:
    """Return since when the member has been answering; what failed before tells of its absence."""
    answers = (look for look in window.looks_at(member).values() if look.source in ANSWERS)
    return min((look.since for look in answers if look.failure is None), default=window.now)


@detector("metrics-unreachable", impact="Disks, peers and quota of this member cannot be judged.")
def metrics_unreachable(window: Window, limits: Limits) -> Iterator[BlindSpot]:
    """A member answers, but its metrics cannot be read (a blind spot).

    Signal:  failed scrapes of a member whose gRPC API answers.
    Source:  /metrics.
    Means:   nothing is known of its disk, its peers and its quota; not that they are fine.
    Next:    start etcd with --listen-metrics-urls on an address that we reach.
    """
    for subject, look in _failing(window):
        if look.source == "metrics" and look.failure not in DENIED:
            yield BlindSpot(
                "metrics",
                subject,
                look.detail or str(look.failure),
                "start etcd with --listen-metrics-urls on an address that etcdscope reaches",
            )


@detector("monitor-permission-denied", impact="What needs the refused call cannot be judged.")
def monitor_permission_denied(window: Window, limits: Limits) -> Iterator[BlindSpot]:
    """etcd refuses a call to our user (a blind spot, not an outage).

    Signal:  permission denied, or authentication needed, from a member that is otherwise fine.
    Source:  gRPC API.
    Means:   auth is on; Status needs any user, HashKV and snapshots need root.
    Next:    give --user, or the roles that it lacks.
    """
    for look in window.looks.values():
        if look.source not in ELSEWHERE and look.failure in DENIED and look.failures >= 1:
            yield BlindSpot(
                look.source,
                Subject.member(look.member) if look.member else Subject.endpoint(look.endpoint),
                look.detail or str(look.failure),
                "give --user NAME:PASSWORD of a user with the role root: hashes need it"
                if look.source == "hashes"
                else "give --user NAME:PASSWORD of a user that may read the status",
            )


@detector("source-blind", impact="What this source brings cannot be judged for this member.")
def source_blind(window: Window, limits: Limits) -> Iterator[BlindSpot]:
    """Another source gives nothing from a member that answers (a blind spot).

    Signal:  failed looks of one source while another one succeeds.
    Source:  any.
    Means:   part of the picture is missing for this member.
    Next:    the reason is told with it.
    """
    for subject, look in _failing(window):
        told_elsewhere = ("metrics", "presence", "certificate", "hashes", "logs")
        if look.source not in told_elsewhere and look.failure not in DENIED:
            remedy = (
                "let etcdscope reach the client URL, or give etcd --listen-client-http-urls"
                if look.source == "raftvars"
                else ""
            )
            yield BlindSpot(look.source, subject, look.detail or str(look.failure), remedy)


@detector("log-unreadable", impact="What only a log tells cannot be judged for this member.")
def log_unreadable(window: Window, limits: Limits) -> Iterator[BlindSpot]:
    """A log that we were told to read cannot be read (a blind spot).

    Signal:  a look that gave no lines but an error.
    Source:  the file, journalctl, or standard input.
    Means:   causes that etcd only writes down, such as a WAL that cannot be read, are not seen.
    Next:    the reason is told with it; a file that appears later is read from then on.
    """
    for look in window.looks.values():
        if look.source == "logs" and look.failure is not None:
            yield BlindSpot(
                "logs",
                Subject.member(look.member) if look.member else Subject.endpoint(look.endpoint),
                look.detail or str(look.failure),
                "let this user read it, or correct the path of --log"
                if look.failure is not Failure.CLOSED
                else "",
            )


@detector("registry-uncounted", impact="Who fills the database is not known.")
def registry_uncounted(window: Window, limits: Limits) -> Iterator[BlindSpot]:
    """The keys could not be counted (a blind spot).

    Signal:  a census that failed.
    Source:  registry.
    Means:   floods, leftovers, giants and growth of single resources are not seen.
    Next:    the reason is told with it; where auth is on, reading /registry/ wants a role.
    """
    for look in window.looks.values():
        if look.source == "registry" and look.endpoint == REGISTRY_AT and look.failure is not None:
            yield BlindSpot(
                "registry",
                CLUSTER,
                look.detail or str(look.failure),
                "give --user of a user with a role that may read all keys",
            )


_RIGHTS = "run etcdscope as root, or with CAP_SYS_PTRACE"
_REMEDIES = {
    "pressure": "boot the kernel with psi=1",
    "block device": "put etcd's data on a file system of a disk",
}


@detector("host-unseen", impact="Memory, room on disks and other processes are not judged there.")
def host_unseen(window: Window, limits: Limits) -> Iterator[BlindSpot]:
    """The host of a member is not seen, or only in part (a blind spot).

    Signal:  looks that found neither the member's process on this machine nor a node_exporter.
    Source:  /proc, node_exporter.
    Means:   memory, room on disks, throttling and other writers are not judged there.
    Next:    --node-exporter MEMBER=URL, or run etcdscope on that host, as root.
    """
    hosts = [look for look in window.looks.values() if look.source == "host" and look.last_ok]
    looked = {look.member for look in hosts}
    blind = [m.label for m in window.members if m.id in looked and not window.word(m.id, HOST_VIEW)]
    if blind:
        remedy = "give --node-exporter MEMBER=http://HOST:9100, or run etcdscope there"
        yield BlindSpot("host", CLUSTER, f"host of {', '.join(blind)} not seen", remedy)
    partly: dict[str, list[str]] = {}
    for member in window.members:
        for what in window.keys(member.id, HOST_UNREADABLE):
            if window.number(member.id, HOST_UNREADABLE, what):
                partly.setdefault(what, []).append(member.label)
    if partly:
        parts = [f"{what} of {', '.join(names)} not readable" for what, names in partly.items()]
        remedies = dict.fromkeys(_REMEDIES.get(what, _RIGHTS) for what in partly)
        yield BlindSpot("proc", CLUSTER, "; ".join(parts), "; ".join(remedies))
