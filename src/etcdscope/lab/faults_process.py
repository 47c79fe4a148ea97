"""Faults of a member's process: gone, frozen, restarted again and again."""

import asyncio
import signal

from etcdscope.lab.injection import Injection, fault


@fault("kill", target="leader")
async def kill(on: Injection) -> None:
    """SIGKILL, as a crash or the OOM killer does; healed by a start with the same data."""
    for member in on.targets:
        on.undo.push_async_callback(member.start)
    await asyncio.gather(*(member.kill() for member in on.targets))


@fault("terminate", target="leader")
async def terminate(on: Injection) -> None:
    """SIGTERM, as a service manager does: a leader hands over first; healed by a start."""
    for member in on.targets:
        on.undo.push_async_callback(member.start)
    await asyncio.gather(*(member.stop() for member in on.targets))


@fault("freeze", target="leader")
async def freeze(on: Injection) -> None:
    """SIGSTOP, like a paused machine: ports still accept, nothing answers; healed by SIGCONT."""
    for member in on.targets:
        on.undo.callback(member.signal, signal.SIGCONT)
        member.signal(signal.SIGSTOP)


@fault("flap", target="leader", stop_s=3.0, run_s=5.0)
async def flap(on: Injection) -> None:
    """Freeze for stop_s, let run for run_s, and again; "leader" is whoever leads then."""
    on.background(_flap(on))


async def _flap(on: Injection) -> None:
    while True:
        targets = on.targets
        if on.asked == "leader":
            targets = [on.lab.member(await on.lab.leader())]
        try:
            for member in targets:
                member.signal(signal.SIGSTOP)
            await asyncio.sleep(on.number("stop_s"))
        finally:
            for member in targets:
                member.signal(signal.SIGCONT)
        await asyncio.sleep(on.number("run_s"))


@fault("restart-loop", target="follower", down_s=1.0, up_s=4.0)
async def restart_loop(on: Injection) -> None:
    """SIGKILL, down_s later a start, up_s later again, as a failing liveness probe does."""
    for member in on.targets:
        on.undo.push_async_callback(member.start)
    on.background(_restart(on))


async def _restart(on: Injection) -> None:
    while True:
        await asyncio.gather(*(member.kill() for member in on.targets))
        await asyncio.sleep(on.number("down_s"))
        await asyncio.gather(*(member.start() for member in on.targets))
        await asyncio.sleep(on.number("up_s"))


KINDS = (kill, terminate, freeze, flap, restart_loop)
