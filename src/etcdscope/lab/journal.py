"""What would outlive a lab's processes, written down before it is made, and how it is removed.

A lab that ends well removes its things itself. When it dies (`kill -9`), the kernel ends its
children and its network namespaces; directories and cgroups are left, and the *janitor* removes
them: a shell of a megabyte that waits for the end of the lab and then runs this file. Whatever
even the janitor misses goes at the start of the next lab, by `reap`.

This file is also a program, `python -I journal.py RECORD`, so it imports the standard library only.
"""

import asyncio
import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

# Every child carries it in its environment, so that it is found whatever became of its parent.
MARK: Final = "ETCDSCOPE_LAB"
PATIENCE_S: Final = 5.0


def state_directory() -> Path:
    """Where labs of this user keep their records and sockets; ours alone, mode 0700."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    base = Path(runtime) if runtime else Path(tempfile.gettempdir())
    path = base / ("etcdscope-lab" if runtime else f"etcdscope-lab-{os.geteuid()}")
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.is_symlink() or path.stat().st_uid != os.geteuid():
        raise PermissionError(f"{path} belongs to somebody else: set XDG_RUNTIME_DIR")
    path.chmod(0o700)
    return path


@contextlib.asynccontextmanager
async def exclusive() -> AsyncIterator[None]:
    """Hold what labs must not choose at the same time, such as subnets."""
    with (state_directory() / "lock").open("w") as lock:
        # Asked again and again: two labs of one process must not block each other's loop.
        while not _locked(lock.fileno()):  # noqa: ASYNC110 (flock tells no event)
            await asyncio.sleep(0.01)
        yield


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class Journal:
    """The record of one lab: its owner, its directories, its cgroups, its mounts."""

    def __init__(self, lab_id: str) -> None:
        self.lab_id = lab_id
        self.path = state_directory() / f"{lab_id}.journal"
        self._record: dict[str, Any] = {
            "lab": lab_id,
            "owner": _identity(os.getpid()),
            "directories": [],
            "cgroups": [],
            "mounts": [],
        }
        self._write()

    def directory(self, path: Path) -> None:
        self._record["directories"].append(str(path))
        self._write()

    def cgroup(self, path: Path) -> None:
        self._record["cgroups"].append(str(path))
        self._write()

    def mount(self, path: Path) -> None:
        self._record["mounts"].append(str(path))
        self._write()

    def sweep(self) -> None:
        """Remove all that was written down, and the record itself."""
        _remove(self._record)
        self.path.unlink(missing_ok=True)

    def _write(self) -> None:
        draft = self.path.with_suffix(".draft")
        draft.write_text(json.dumps(self._record))
        draft.replace(self.path)


class Janitor:
    """A shell that reads a word from us; at the end of input without one, we have died."""

    def __init__(self, journal: Journal) -> None:
        wait = 'read -r word || exec "$@"'
        program = (sys.executable, "-I", __file__, str(journal.path))
        self._shell = subprocess.Popen(
            ("sh", "-c", wait, "janitor", *program),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # it must survive what ends us
        )

    def dismiss(self) -> None:
        """All is clean already."""
        with contextlib.suppress(subprocess.TimeoutExpired, BrokenPipeError):
            self._shell.communicate(b"done\n", timeout=PATIENCE_S)


def reap() -> list[str]:
    """Remove what dead labs of this user have left; returns their ids."""
    return [path.stem for path in sorted(state_directory().glob("*.journal")) if _reap(path)]


def _reap(path: Path) -> bool:
    try:
        record = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):  # a neighbour was faster
        return False
    if _may_live(record["owner"]):
        return False
    _remove(record)
    path.unlink(missing_ok=True)
    return True


def _remove(record: dict[str, Any]) -> None:
    _end_processes(record["lab"])
    for mount in record.get("mounts", ()):
        if os.path.ismount(mount):
            umount = shutil.which("umount", path="/usr/bin:/bin:/usr/sbin:/sbin") or "umount"
            subprocess.run([umount, "--lazy", mount], check=False)
    for cgroup in record["cgroups"]:
        _persist(cgroup, os.rmdir)
    for directory in record["directories"]:
        _persist(directory, lambda path: shutil.rmtree(path, ignore_errors=True))


def _end_processes(lab_id: str) -> None:
    """Kill what carries the lab's mark; it is all ours, and its owner is dead or asks for it."""
    deadline = time.monotonic() + PATIENCE_S
    while (left := _marked(lab_id)) and time.monotonic() < deadline:
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def _marked(lab_id: str) -> list[int]:
    mark = f"{MARK}={lab_id}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        if process.name == str(os.getpid()):
            continue
        with contextlib.suppress(OSError):
            if mark in (process / "environ").read_bytes().split(b"\0"):
                found.append(int(process.name))
    return found


def _persist(path: str, remove: Callable[[str], object]) -> None:
    """Dying processes hold cgroups, and write files, for a few more milliseconds."""
    deadline = time.monotonic() + PATIENCE_S
    while os.path.lexists(path) and time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            remove(path)
        time.sleep(0 if not os.path.lexists(path) else 0.05)


def _identity(pid: int) -> dict[str, Any]:
    """Who a process is: a bare pid may be somebody else's by tomorrow."""
    return {
        "pid": pid,
        "started": started(pid),
        "boot": Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
        "pid_namespace": str(Path("/proc/self/ns/pid").readlink()),
    }


def _may_live(owner: dict[str, Any]) -> bool:
    here = _identity(os.getpid())
    if owner["boot"] != here["boot"]:
        return False
    if owner["pid_namespace"] != here["pid_namespace"]:
        return True  # a container that shares our temporary directory: we cannot see its owner
    return bool(started(owner["pid"]) == owner["started"])


def started(pid: int) -> int | None:
    """Clock ticks from boot to its start; None for a process that is gone or a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    state, *rest = stat.rpartition(")")[2].split()
    return None if state in "ZX" else int(rest[18])


def clean_up_after(path: Path) -> None:
    """What the janitor runs. Its owner's files close a moment before the owner counts as dead."""
    deadline = time.monotonic() + PATIENCE_S
    while not _reap(path) and path.exists() and time.monotonic() < deadline:
        time.sleep(0.01)


if __name__ == "__main__":
    clean_up_after(Path(sys.argv[1]))
