"""What a member's host says of its troubles, where it is seen: evidence for other families."""

from etcdscope.model.finding import Evidence
from etcdscope.model.signal import (
    CGROUP_PRESSURE,
    CPU_LIMIT,
    CPU_PERIODS,
    CPU_PERIODS_THROTTLED,
    CPU_STOLEN,
    CPU_THROTTLED,
    CPUS,
    DISK_BUSY,
    DISK_NAME,
    DISK_WRITE_SECONDS,
    DISK_WRITES,
    DISK_WRITTEN,
    PRESSURE,
    PROC_PID,
    PROC_STATE,
    PROC_WRITTEN,
    THREADS_BLOCKED,
    Signal,
)
from etcdscope.model.window import Window

# Two looks at the slow cadence and a little.
SPAN = 6.0
# Pressure is the share of time in which somebody waited; a quiet host is under a hundredth, a busy
# one that serves well under a tenth.
FELT = 0.05
STOLEN = 0.05


def share(window: Window, member: str, signal: Signal, key: str = "") -> float | None:
    """Return which share of the last seconds a counter of seconds counted."""
    return window.rate(member, signal, key, over=SPAN)


def throttled(window: Window, member: str) -> float | None:
    """Return in which share of its periods the cgroup's CPU limit was reached."""
    periods = window.increase(member, CPU_PERIODS, over=SPAN)
    hit = window.increase(member, CPU_PERIODS_THROTTLED, over=SPAN)
    return hit / periods if periods and hit is not None else None


def cpu_evidence(window: Window, member: str) -> tuple[Evidence, ...]:
    """Return what its host says for a want of CPU: throttling, stolen time, pressure."""
    found: list[Evidence] = []
    hit = throttled(window, member)
    if hit is not None and hit > FELT:
        limit, lost = window.number(member, CPU_LIMIT), share(window, member, CPU_THROTTLED)
        cores = f"its cgroup may use {limit:.2g} cores" if limit else "by its cgroup's limit"
        stood = f", and stood still for {lost:.1f} s a second in all" if lost else ""
        found.append(
            Evidence("cpu_throttled", round(hit, 2), "ratio", FELT, "host", member,
                     says=f"of its periods were cut short: {cores}{stood}")
        )  # fmt: skip
    stolen, cpus = share(window, member, CPU_STOLEN), window.number(member, CPUS) or 1.0
    if stolen is not None and stolen / cpus > STOLEN:
        found.append(
            Evidence("cpu_stolen", round(stolen / cpus, 2), "ratio", STOLEN, "host", member,
                     says="of the CPU time went to other machines of its hypervisor")
        )  # fmt: skip
    return (*found, *_pressure(window, member, "cpu", "for want of CPU"))


def disk_evidence(window: Window, member: str) -> tuple[Evidence, ...]:
    """Return what its host says of the WAL's disk: how busy, how slow a write, who waits."""
    name = window.word(member, DISK_NAME) or "its disk"
    found: list[Evidence] = []
    waits = write_seconds(window, member)
    if waits is not None:
        found.append(
            Evidence("disk_await", round(waits, 4), "s", source="host", member=member,
                     says=f"a write to {name} takes on average")
        )  # fmt: skip
    busy = share(window, member, DISK_BUSY)
    if busy is not None:
        found.append(
            Evidence("disk_busy", round(min(busy, 1.0), 2), "ratio", source="host", member=member,
                     says=f"of the time {name} had something to do")
        )  # fmt: skip
    return (*found, *_pressure(window, member, "io", "for I/O"))


def write_seconds(window: Window, member: str) -> float | None:
    """Return what a write to the WAL's device took, as the block layer counts it."""
    writes = window.increase(member, DISK_WRITES, over=SPAN)
    took = window.increase(member, DISK_WRITE_SECONDS, over=SPAN)
    return took / writes if writes and took is not None else None


def foreign_bytes(window: Window, member: str) -> float | None:
    """Return how many bytes a second others than this etcd write to the WAL's device."""
    written = window.rate(member, DISK_WRITTEN, over=SPAN)
    own = window.rate(member, PROC_WRITTEN, over=SPAN)
    return None if written is None else max(written - (own or 0.0), 0.0)


def state_evidence(window: Window, member: str) -> tuple[Evidence, ...]:
    """Return what the kernel says of a process that does not answer: stopped, or stuck."""
    state, pid = window.word(member, PROC_STATE), window.number(member, PROC_PID) or 0.0
    if state == "T":  # "t" is a tracer, which lets it go on at once
        how = "stopped (SIGSTOP, or a debugger)"
        return (window.evidence(member, PROC_STATE, state, says=f"process {pid:.0f} is {how}"),)
    blocked = window.numbers(member, THREADS_BLOCKED, over=SPAN)
    if len(blocked) > 1 and min(blocked) > 0:
        return (
            window.evidence(
                member,
                THREADS_BLOCKED,
                blocked[-1],
                says=f"threads of process {pid:.0f} wait in the kernel: for a disk, mostly",
            ),
        )
    return ()


def _pressure(window: Window, member: str, resource: str, what: str) -> tuple[Evidence, ...]:
    """Return the pressure of its own cgroup, else of the host, where it is felt."""
    for signal, who in ((CGROUP_PRESSURE, "its cgroup"), (PRESSURE, "its host")):
        waited = share(window, member, signal, resource)
        if waited is not None and waited > FELT:
            told = round(min(waited, 1.0), 2)
            says = f"of the time some task of {who} waited {what}"
            return (
                Evidence(
                    f"{signal.name}_{resource}", told, "ratio", FELT, "host", member, True, says
                ),
            )
    return ()
