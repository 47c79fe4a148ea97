"""The cgroups of a process, of either kind: what it may use, and what that cost it."""

from collections.abc import Iterator, Mapping

from etcdscope.model.reading import Observation
from etcdscope.model.signal import (
    CGROUP_PRESSURE,
    CPU_LIMIT,
    CPU_PERIODS,
    CPU_PERIODS_THROTTLED,
    CPU_THROTTLED,
    MEMORY_LIMIT,
    MEMORY_USED,
    OOM_KILLS,
)
from etcdscope.sources.procfs.files import Files, counts
from etcdscope.sources.procfs.pressure import waited

CGROUP = "cgroup"
UNIFIED = ""
# What version 1 says for "no limit": the largest number of whole pages.
_NO_LIMIT = 1 << 60


def groups(files: Files, group: bytes) -> dict[str, str]:
    """Return the folder of each controller by /proc/PID/cgroup; version 2's has no name."""
    mounts = _mounts(files.read(f"{files.proc}/self/mountinfo"))  # as we see them
    found: dict[str, str] = {}
    for line in group.decode(errors="replace").splitlines():
        _, controllers, path = line.split(":", 2)
        if path == "/":
            continue  # the root limits nothing, and its pressure is the machine's
        for controller in controllers.split(","):
            if controller in mounts:
                found[controller] = _folder(*mounts[controller], path)
    return found


def _folder(root: str, mount: str, path: str) -> str:
    """Return where a cgroup is; what is mounted may be a part of the tree only."""
    below = path.removeprefix(root) if root != "/" else path
    return mount + ("" if below == "/" else below)


def _mounts(mountinfo: bytes) -> dict[str, tuple[str, str]]:
    """Return root and mount point of each controller's tree (proc_pid_mountinfo(5))."""
    found: dict[str, tuple[str, str]] = {}
    for line in mountinfo.decode(errors="replace").splitlines():
        before, _, after = line.partition(" - ")
        words, kind = before.split(), after.split()
        if len(words) < 5 or len(kind) < 3:
            continue
        if kind[0] == "cgroup2":
            found.setdefault(UNIFIED, (words[3], words[4]))
        elif kind[0] == "cgroup":
            for option in kind[2].split(","):
                found.setdefault(option, (words[3], words[4]))
    return found


def cgroup(files: Files, folders: Mapping[str, str]) -> Iterator[Observation]:
    """Yield what the cgroups limit, and how often that was felt."""
    if two := folders.get(UNIFIED):
        yield from _cpu_two(files, two)
        yield from _memory_two(files, two)
        for resource in ("cpu", "io", "memory"):
            if (seconds := waited(files.read(f"{two}/{resource}.pressure"))) is not None:
                yield Observation(CGROUP_PRESSURE, seconds, resource)
    if one := folders.get("cpu"):
        yield from _cpu_one(files, one)
    if one := folders.get("memory"):
        yield from _memory_one(files, one)


def _cpu_two(files: Files, folder: str) -> Iterator[Observation]:
    quota, _, period = files.read(f"{folder}/cpu.max").partition(b" ")
    if quota.isdigit():
        yield Observation(CPU_LIMIT, int(quota) / int(period))
        stat = dict(counts(files.read(f"{folder}/cpu.stat")))
        yield from _throttled(stat, stat.get("throttled_usec", 0) / 1e6)


def _cpu_one(files: Files, folder: str) -> Iterator[Observation]:
    quota = _number(files.read(f"{folder}/cpu.cfs_quota_us"))
    period = _number(files.read(f"{folder}/cpu.cfs_period_us"))
    if quota > 0 and period > 0:
        yield Observation(CPU_LIMIT, quota / period)
        stat = dict(counts(files.read(f"{folder}/cpu.stat")))
        yield from _throttled(stat, stat.get("throttled_time", 0) / 1e9)


def _throttled(stat: Mapping[str, int], seconds: float) -> Iterator[Observation]:
    yield Observation(CPU_THROTTLED, seconds)
    yield Observation(CPU_PERIODS, float(stat.get("nr_periods", 0)))
    yield Observation(CPU_PERIODS_THROTTLED, float(stat.get("nr_throttled", 0)))


def _memory_two(files: Files, folder: str) -> Iterator[Observation]:
    events = dict(counts(files.read(f"{folder}/memory.events")))
    if "oom_kill" in events:
        yield Observation(OOM_KILLS, float(events["oom_kill"]), CGROUP)
    used = _number(files.read(f"{folder}/memory.current"))
    limit = _number(files.read(f"{folder}/memory.max"))
    stat = dict(counts(files.read(f"{folder}/memory.stat")))
    cached = ("active_file", "inactive_file", "slab_reclaimable")
    yield from _memory(used - sum(stat.get(name, 0) for name in cached), limit)


def _memory_one(files: Files, folder: str) -> Iterator[Observation]:
    events = dict(counts(files.read(f"{folder}/memory.oom_control")))
    if "oom_kill" in events:
        yield Observation(OOM_KILLS, float(events["oom_kill"]), CGROUP)
    used = _number(files.read(f"{folder}/memory.usage_in_bytes"))
    limit = _number(files.read(f"{folder}/memory.limit_in_bytes"))
    stat = dict(counts(files.read(f"{folder}/memory.stat")))
    cached = ("total_active_file", "total_inactive_file")
    limit = min(limit, stat.get("hierarchical_memory_limit", limit))
    yield from _memory(used - sum(stat.get(name, 0) for name in cached), limit)


def _memory(used: int, limit: int) -> Iterator[Observation]:
    """Tell of a limit only where there is one. Cached files can be taken back at any time."""
    if 0 < limit < _NO_LIMIT and used >= 0:
        yield Observation(MEMORY_USED, float(used), CGROUP)
        yield Observation(MEMORY_LIMIT, float(limit), CGROUP)


def _number(text: bytes) -> int:
    text = text.strip()
    return int(text) if text.lstrip(b"-").isdigit() else 0
