"""Faults of a member's machine: a slow or hung disk, too little CPU."""

import asyncio
import contextlib
import errno
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from etcdscope.lab.children import end, spawn, which
from etcdscope.lab.injection import Injection, fault
from etcdscope.lab.member import Member
from etcdscope.lab.spec import LabError

ATTACHED_WITHIN_S: Final = 10.0
GRACE_S: Final = 5.0
HANG_S: Final = 3_600.0
PERIOD_US: Final = 100_000
CGROUPS: Final = Path("/sys/fs/cgroup")


@fault("slow-disk", target="leader", needs="ptrace", delay_s=0.3, files="all")
async def slow_disk(on: Injection) -> None:
    """Every fsync of the target takes delay_s longer; files=all, wal or db.

    strace holds the calls up. Tracing alone (delay 0) costs what it stops: at 200 puts/s a put took
    2.2 ms in place of 1.1, etcd 18 % more of a core, strace 24 % of one. files=wal knows the
    segments that exist now, not those after a rotation (64 MB on).
    """
    await _delay_fsync(on, on.number("delay_s"))


@fault("disk-hang", target="leader", needs="ptrace", files="all")
async def disk_hang(on: Injection) -> None:
    """No fsync of the target comes back, until it is healed; files=all, wal or db."""
    await _delay_fsync(on, HANG_S)


async def _delay_fsync(on: Injection, delay_s: float) -> None:
    strace = which("strace")
    if not strace:
        raise LabError("slow disks need the program strace (Debian: strace)")
    calls = "fsync,fdatasync"
    inject = f"inject={calls}:delay_enter={int(delay_s * 1e6)}"
    for member in on.targets:
        if not member.pid:
            raise LabError(f"{member.name} does not run: heal it first")
        argv = (strace, "-f", "-p", str(member.pid), *_only(member, on.text("files")))
        await _attach(on, member, (*argv, "-e", f"trace={calls}", "-e", inject))
    on.begins()


def _only(member: Member, files: str) -> Sequence[str]:
    if files == "all":
        return ()
    named = {
        "wal": sorted((member.data_dir / "member" / "wal").glob("*.wal")),
        "db": [member.data_dir / "member" / "snap" / "db"],
    }
    named["backend"] = named["db"]  # as it was called first
    if files not in named:
        raise LabError(f"files={files}: write all, wal or db")
    return [word for path in named[files] for word in ("-P", str(path))]


async def _attach(on: Injection, member: Member, argv: Sequence[str]) -> None:
    log = on.lab.directory / f"strace-{member.name}.log"
    log.unlink(missing_ok=True)
    tracer = await spawn((*argv, "-o", "/dev/null"), lab_id=on.lab.lab_id, log=log)
    # SIGTERM lets strace detach; a member in the middle of a delay goes on at once.
    on.undo.push_async_callback(end, tracer, grace_s=GRACE_S)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(ATTACHED_WITHIN_S):
            while tracer.returncode is None:
                if " attached" in log.read_text(errors="replace"):
                    return
                await asyncio.sleep(0.01)
    said = log.read_text(errors="replace").strip().splitlines() or ["no message"]
    raise LabError(f"strace could not attach to {member.name}: {said[-1]} (root may)")


@fault("cpu-quota", target="leader", needs="cgroup", fraction=0.05)
async def cpu_quota(on: Injection) -> None:
    """The target gets this fraction of one core (its cgroup's quota, in periods of 100 ms)."""
    if not 0 < on.number("fraction") <= 16:
        raise LabError("cpu-quota: fraction is a share of one core, above 0")
    for member in on.targets:
        if member.pid:
            await asyncio.to_thread(_throttle, on, member, member.pid)
    on.begins()


def _throttle(on: Injection, member: Member, pid: int) -> None:
    name = f"etcdscope-lab-{on.lab.lab_id}-{member.name}"
    quota = max(int(PERIOD_US * on.number("fraction")), 1_000)  # the kernel takes no less than 1 ms
    first = CGROUPS / "cpu" / "cpu.cfs_quota_us"
    base = first.parent if first.exists() else CGROUPS
    group = base / name
    on.lab.journal.cgroup(group)
    try:
        home = base / cgroup_home(pid, "cpu" if first.exists() else "")
        group.mkdir()
        on.undo.callback(release, group, home)
        if first.exists():
            (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
            (group / "cpu.cfs_quota_us").write_text(str(quota))
        else:
            with contextlib.suppress(OSError):  # it may be on already, or not ours to switch on
                (base / "cgroup.subtree_control").write_text("+cpu")
            (group / "cpu.max").write_text(f"{quota} {PERIOD_US}")
        (group / "cgroup.procs").write_text(str(pid))
    except OSError as error:
        raise LabError(
            f"cpu-quota makes a cgroup, and may not ({error}): start the lab as root"
        ) from error


def cgroup_home(pid: int, controller: str) -> str:
    """The cgroup that a process is in, relative to the controller's root."""
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(",") or (not controller and not controllers):
            return path.lstrip("/")
    return ""


def release(group: Path, home: Path) -> None:
    for pid in (group / "cgroup.procs").read_text().split():
        try:
            (home / "cgroup.procs").write_text(pid)
        except OSError as error:
            if error.errno != errno.ESRCH:  # it ended meanwhile
                raise
    group.rmdir()


KINDS = (slow_disk, disk_hang, cpu_quota)
