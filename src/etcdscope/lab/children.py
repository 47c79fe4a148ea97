"""Child processes that never outlive us."""

import asyncio
import contextlib
import functools
import os
import platform
import shutil
import signal
import subprocess
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

from etcdscope.lab.journal import MARK
from etcdscope.lab.spec import LabError

T = TypeVar("T")

# Ask the kernel to kill us with our parent, then become the program. The kernel forgets the
# wish only when a program with set-uid bits is executed, and none of ours has any.
_LEASH: Final = (
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 9); os.execvp(sys.argv[1], sys.argv[1:])"
)
# Where administrators' programs are, although an ordinary PATH does not say so.
_SBIN: Final = "/usr/local/sbin:/usr/sbin:/sbin"


@functools.cache
def which(program: str) -> str | None:
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:{_SBIN}")


@functools.cache
def leash() -> tuple[str, ...]:
    """The prefix under which a program dies with the thread that started it."""
    setpriv = which("setpriv")  # util-linux; BusyBox has one without --pdeathsig
    if setpriv:
        known = subprocess.run(
            [setpriv, "--pdeathsig", "KILL", "true"], capture_output=True, check=False
        )
        if known.returncode == 0:
            return (setpriv, "--pdeathsig", "KILL", "--")
    return (sys.executable, "-I", "-S", "-c", _LEASH)


async def spawn(
    argv: Sequence[str],
    *,
    lab_id: str,
    log: Path | None = None,
    talk: bool = False,
    line_bytes: int = 65_536,
) -> Process:
    """Start a child that dies with us, deaf to the terminal's Ctrl-C, its output in `log`.

    With `talk`, its standard input and output are pipes; its lines have at most `line_bytes`.
    """
    environment = {**_clean_environment(), MARK: lab_id}
    sink = log.open("ab") if log else None
    try:
        return await asyncio.create_subprocess_exec(
            *leash(),
            *argv,
            stdin=PIPE if talk else DEVNULL,
            stdout=PIPE if talk else (sink or DEVNULL),
            stderr=sink if talk and sink else (STDOUT if sink else DEVNULL),
            env=environment,
            start_new_session=True,
            limit=line_bytes,
        )
    finally:
        if sink:
            sink.close()


def _clean_environment() -> Mapping[str, str]:
    """Ours, without what etcd would take for its own settings."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("ETCD")}
    if platform.machine() in {"aarch64", "arm64"}:
        ours["ETCD_UNSUPPORTED_ARCH"] = "arm64"  # or etcd 3.4 refuses to start there
    return ours


async def end(process: Process | None, *, grace_s: float = 0.0) -> None:
    """End a child and wait for it: politely for `grace_s`, then by SIGKILL."""
    if process is None:
        return
    if grace_s:
        _signal(process, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                await process.wait()
    _signal(process, signal.SIGKILL)
    await process.wait()


def _signal(process: Process, what: signal.Signals) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(what)


async def run(argv: Sequence[str], *, text: str = "") -> str:
    """Run a short command to its end; a failure is a LabError with its last words."""
    process = await asyncio.create_subprocess_exec(*argv, stdin=PIPE, stdout=PIPE, stderr=PIPE)
    try:
        out, err = await process.communicate(text.encode())
    except asyncio.CancelledError:
        await end(process)
        raise
    if process.returncode:
        said = err.decode(errors="replace").strip().splitlines() or ["no message"]
        raise LabError(f"{Path(argv[0]).name} failed ({process.returncode}): {said[-1]}")
    return out.decode()


async def finish(work: "asyncio.Task[T]") -> T:
    """Wait for work that must reach its end even while we are being cancelled."""
    cancelled: asyncio.CancelledError | None = None
    while not work.done():
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError as error:
            if work.cancelled():
                raise
            cancelled = error
    if cancelled:
        raise cancelled
    return work.result()
