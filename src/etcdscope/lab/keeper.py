"""The process that holds a lab between commands: `python -m etcdscope.lab.keeper NAME`.

Reads the spec from standard input; writes one line to standard output, the status or why there is
no lab, and closes it; then answers on the socket until `down`, SIGTERM or Ctrl-C.
"""

import asyncio
import contextlib
import os
import signal
import sys
from asyncio import StreamReader, StreamWriter
from pathlib import Path
from typing import Any

import msgspec

from etcdscope.lab.cluster import Lab
from etcdscope.lab.remote import socket_path
from etcdscope.lab.spec import LabError, LabSpec, LoadSpec
from etcdscope.lab.status import fault_status, look

# A spec or the options of a fault; nobody writes more.
LINE_BYTES = 1024 * 1024


class Keeper:
    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.over = asyncio.Event()

    async def answer(self, reader: StreamReader, writer: StreamWriter) -> None:
        """One request, one answer."""
        with contextlib.closing(writer), contextlib.suppress(ConnectionError):
            line = await reader.readline()
            if not line:
                return
            request = msgspec.json.decode(line)
            try:
                answer = {"ok": await self.do(request)}
            except LabError as error:
                answer = {"error": str(error)}
            writer.write(msgspec.json.encode(answer, enc_hook=str) + b"\n")
            await writer.drain()
            if request["do"] == "down":
                self.over.set()

    async def do(self, request: dict[str, Any]) -> Any:  # noqa: ANN401
        match request:
            case {"do": "ping" | "down"}:
                return os.getpid()
            case {"do": "status"}:
                return await self.status()
            case {"do": "fault", "kind": kind, "member": member, "options": options}:
                return fault_status(await self.lab.fault(kind, member, **options))
            case {"do": "heal", "number": number}:
                await self.heal(number)
                return await self.status()
            case {"do": "load", "spec": spec}:
                await self.load(spec)
                return await self.status()
        raise LabError(f"the lab's keeper does not know {request.get('do')!r}")

    async def status(self) -> Any:  # noqa: ANN401
        return await look(self.lab, os.getpid())

    async def heal(self, number: int | None) -> None:
        if number is None:
            await self.lab.heal()
        else:
            named = [fault for fault in self.lab.faults if fault.number == number]
            if not named:
                known = ", ".join(str(fault.number) for fault in self.lab.faults) or "none"
                raise LabError(f"no fault {number}; in effect: {known}")
            await self.lab.heal(named[0])
        if not self.lab.faults:
            await self.lab.ready()

    async def load(self, spec: dict[str, Any] | None) -> None:
        if spec is None:
            await self.lab.stop_load()
        else:
            await self.lab.start_load(msgspec.convert(spec, LoadSpec))


async def keep(name: str, spec: LabSpec) -> None:
    path = socket_path(name)
    loop = asyncio.get_running_loop()
    me = asyncio.current_task()
    assert me
    for ending in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(ending, me.cancel)
    with contextlib.suppress(asyncio.CancelledError, BrokenPipeError):
        try:
            async with Lab.start(spec) as lab:
                keeper = Keeper(lab)
                path.unlink(missing_ok=True)
                async with await asyncio.start_unix_server(keeper.answer, path, limit=LINE_BYTES):
                    path.chmod(0o600)
                    say({"ok": await keeper.status()})
                    await keeper.over.wait()
        except LabError as error:
            say({"error": str(error)})
        finally:
            path.unlink(missing_ok=True)


def say(answer: dict[str, Any]) -> None:
    """Tell `up`, once, and let go of it; where it is gone already, BrokenPipeError ends the lab."""
    os.write(1, msgspec.json.encode(answer, enc_hook=str) + b"\n")
    with Path(os.devnull).open("w") as nothing:
        os.dup2(nothing.fileno(), 1)


def main() -> None:
    spec = LabSpec.from_json(sys.stdin.read())
    if os.fork():
        os._exit(0)  # so that the keeper is nobody's child that nobody waits for
    asyncio.run(keep(sys.argv[1], spec))


if __name__ == "__main__":
    main()
