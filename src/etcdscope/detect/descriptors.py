"""File descriptors: a connection needs one, and so does every file."""

from collections.abc import Iterator
from dataclasses import dataclass

from etcdscope.detect.detector import detector
from etcdscope.model.finding import Evidence, Finding, Limits, Severity, Subject
from etcdscope.model.incident import Step
from etcdscope.model.signal import (
    FDS_LIMIT,
    FDS_USED,
    PROC_FDS,
    PROC_FDS_LIMIT,
    Signal,
)
from etcdscope.model.window import Window

# etcd gives its clients the limit less 150, and keeps these for peers and files
# (reservedInternalFDNum in server/embed/etcd.go). It uses some tens of them.
RESERVED = 150
# Below this, the reserve says nothing: a limit so small was set after the start.
SMALL = 1000
SMALL_SHARE = 0.95


@dataclass(frozen=True, slots=True)
class Use:
    """How many descriptors are open, of how many, and who says so."""

    used: float
    limit: float
    signal: Signal

    @property
    def share(self) -> float:
        """Return the share in use."""
        return self.used / self.limit

    @property
    def full(self) -> bool:
        """Return whether etcd takes no further client."""
        small = self.limit < SMALL
        return self.used >= (SMALL_SHARE * self.limit if small else self.limit - RESERVED)


@detector(
    "file-descriptors-exhausted",
    needs=(FDS_USED,),
    # etcd's own log warns at 80 % (monitorFileDescriptor in server/etcdserver/metrics.go), but
    # looks only every ten minutes.
    limits={"share": 0.8},
    closes_after=4.0,
    # purgeFile in server/etcdserver/server.go, every 30 s: "failed to purge snap file".
    impact="New clients wait in vain; those that are connected go on. With none left etcd cannot"
    " open its own files either, and ends within half a minute.",
    runbook=(
        Step(
            "Count the connections of each client.",
            "ss -Htn state established '( sport = :{client_port} )' | awk '{{print $4}}' |"
            " sed 's/:[0-9]*$//' | sort | uniq -c | sort -rn | head   # on the host of {member}",
        ),
        Step("Fix or restart the client that leaks them."),
        Step("Raise LimitNOFILE of etcd's service; it is read at the start."),
    ),
)
def file_descriptors_exhausted(window: Window, limits: Limits) -> Iterator[Finding]:
    """The member has nearly as many files and connections open as it may.

    Signal:  open descriptors against their limit; from the limit less 150 on, etcd takes no
             further client.
    Source:  process_open_fds, process_max_fds; /proc/PID/fd where the host is seen, since a process
             without descriptors cannot count its own.
    Means:   a client that leaks connections, very many clients, or a limit that is too low.
    Alike:   member-frozen (those that are connected get no answer either).
    """
    for member in window.members:
        use = descriptors(window, member.id)
        if use is None or use.share < limits["share"]:
            continue
        left = max(use.limit - use.used, 0.0)
        yield Finding(
            Subject.member(member.id),
            Severity.CRITICAL if use.full else Severity.WARNING,
            f"{member.label} {'takes no new clients' if use.full else 'runs out of descriptors'}:"
            f" {use.used:.0f} of its {use.limit:.0f} file descriptors are open",
            (
                window.evidence(
                    member.id, use.signal, use.used, limit=use.limit, says=f"{left:.0f} are left"
                ),
                Evidence(
                    "share", round(use.share, 2), "ratio", limits["share"], use.signal.source,
                    member.id,
                ),
            ),
            confidence=0.97,
        )  # fmt: skip


def descriptors(window: Window, member: str) -> Use | None:
    """Return how many are open: by the kernel, else by etcd itself."""
    used, limit = window.number(member, PROC_FDS), window.number(member, PROC_FDS_LIMIT)
    if used is not None and limit:
        return Use(used, limit, PROC_FDS)
    used, limit = window.number(member, FDS_USED), window.number(member, FDS_LIMIT)
    return Use(used, limit, FDS_USED) if used is not None and limit else None
