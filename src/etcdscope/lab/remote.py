"""Labs that outlive the command that started them: what `etcdscope lab …` calls.

`up` starts a keeper, a process of its own that holds the lab; the other functions speak with it
over a socket in the state directory, one JSON object a line each way. All of them block, for a
command has nothing else to do; inside an event loop, use `asyncio.to_thread`.

Errors: LabError only.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from etcdscope.lab import journal
from etcdscope.lab.spec import LabError, LabSpec, LoadSpec
from etcdscope.lab.status import FaultStatus, LabStatus

T = TypeVar("T")

UP_S: Final = 120.0
ANSWER_S: Final = 120.0
DEFAULT: Final = "default"


def up(spec: LabSpec | None = None, *, name: str = DEFAULT) -> LabStatus:
    """Start a lab that lives until `down`; returns when its cluster is ready."""
    journal.reap()
    if _answers(name):
        raise LabError(
            f"a lab named {name!r} runs already: lab down ends it, --name starts another"
        )
    spec = spec or LabSpec()
    if spec.directory:  # the keeper has a working directory of its own
        spec = replace(spec, directory=spec.directory.resolve())
    log = journal.state_directory() / f"{name}.log"
    with (
        log.open("wb") as sink,
        subprocess.Popen(
            (sys.executable, "-m", "etcdscope.lab.keeper", name),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=sink,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(_paths())},
            start_new_session=True,
        ) as keeper,
    ):
        try:
            # The keeper closes its output when the lab is up. If we are not there to read it,
            # because of Ctrl-C, it ends the lab: nobody would know of it.
            said, _ = keeper.communicate(spec.to_json().encode(), timeout=UP_S)
        except subprocess.TimeoutExpired:
            raise LabError(f"the lab was not up within {UP_S:.0f} s; see {log}") from None
    if not said:
        raise LabError(f"the keeper of the lab ended without a word; see {log}")
    return _read(said, LabStatus)


def status(*, name: str = DEFAULT) -> LabStatus:
    return _read(_ask(name, {"do": "status"}), LabStatus)


def fault(
    kind: str,
    *,
    member: str | None = None,
    options: Mapping[str, Any] | None = None,
    name: str = DEFAULT,
) -> FaultStatus:
    """Inject a fault (`faults.FAULTS` lists them); option values may be text."""
    request = {"do": "fault", "kind": kind, "member": member, "options": dict(options or {})}
    return _read(_ask(name, request), FaultStatus)


def heal(number: int | None = None, *, name: str = DEFAULT) -> LabStatus:
    """Undo one fault, or all, and wait until the cluster is well again."""
    return _read(_ask(name, {"do": "heal", "number": number}), LabStatus)


def load(spec: LoadSpec | None, *, name: str = DEFAULT) -> LabStatus:
    """Give the background load another shape; None ends it."""
    wanted = msgspec.to_builtins(spec) if spec else None
    return _read(_ask(name, {"do": "load", "spec": wanted}), LabStatus)


def down(*, name: str = DEFAULT) -> None:
    """End the lab and wait until all of it is gone; what dead labs left goes as well."""
    try:
        keeper = _read(_ask(name, {"do": "down"}), int)
        deadline = time.monotonic() + ANSWER_S
        while journal.started(keeper) is not None:
            if time.monotonic() > deadline:
                raise LabError(f"the keeper of lab {name!r}, process {keeper}, does not end")
            time.sleep(0.02)
    finally:
        journal.reap()


def running() -> Sequence[str]:
    """The names of the labs that run."""
    names = sorted(path.stem for path in journal.state_directory().glob("*.sock"))
    return [name for name in names if _answers(name)]


def socket_path(name: str) -> Path:
    if not name.isascii() or not name.replace("-", "").isalnum() or len(name) > 30:
        raise LabError(f"lab name {name!r}: write up to 30 letters, digits and dashes")
    return journal.state_directory() / f"{name}.sock"


def _answers(name: str) -> bool:
    with contextlib.suppress(LabError):
        _ask(name, {"do": "ping"})
        return True
    return False


def _named(name: str) -> str:
    return "" if name == "default" else f" --name {name}"


def _ask(name: str, request: Mapping[str, Any]) -> bytes:
    path = socket_path(name)
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(ANSWER_S)
            connection.connect(str(path))
            connection.sendall(json.dumps(request, default=str).encode() + b"\n")
            with connection.makefile("rb") as answers:
                said = answers.readline()
    except TimeoutError:
        raise LabError(f"lab {name!r} did not answer within {ANSWER_S:.0f} s") from None
    except OSError:
        raise LabError(
            f"no lab named {name!r} runs; `etcdscope lab up{_named(name)}` starts one."
        ) from None
    if not said:
        raise LabError(f"lab {name!r} ended before it answered")
    return said


def _read(said: bytes, kind: type[T]) -> T:
    answer = msgspec.json.decode(said)
    if "error" in answer:
        raise LabError(answer["error"])
    return msgspec.convert(answer["ok"], kind, dec_hook=lambda path, text: path(text))


def _paths() -> list[str]:
    """Where this package is imported from, for a keeper started elsewhere."""
    return [str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
