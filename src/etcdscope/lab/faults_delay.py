"""Slow networks between members: latency and narrow lines, packet by packet.

Many kernels lack netem, so the firewall hands the packets to a program of ours, `pacer`, which
lets them go when their time has come. Traffic of clients is not touched.
"""

import asyncio
import itertools
import sys
from collections.abc import Sequence
from typing import Final

from etcdscope.lab import pacer
from etcdscope.lab.children import end, spawn
from etcdscope.lab.injection import Injection, fault
from etcdscope.lab.member import Member
from etcdscope.lab.network import Rule
from etcdscope.lab.spec import KIB, LabError

GRACE_S: Final = 5.0
READY_S: Final = 10.0
SIDES: Final = {"out": ("OUTPUT", "-d"), "in": ("INPUT", "-s")}

# Two faults on one member must not take packets from one and the same queue.
_queues = itertools.count(1)


@fault(
    "latency",
    target="leader",
    needs="namespaces",
    delay_s=0.1,
    jitter_s=0.0,
    direction="both",
)
async def latency(on: Injection) -> None:
    """Delay all packets between each target and the other members by delay_s, each way.

    jitter_s: up to so much more or less, without reordering. direction=out: only what the target
    sends; in: only what it receives; both: the round trip grows by twice delay_s. Of several faults
    on one link, latency or bandwidth that comes after a loss applies to what is not lost.
    """
    delay, jitter = on.number("delay_s"), on.number("jitter_s")
    if delay < 0 or not 0 <= jitter <= delay:
        raise LabError("latency: delay_s is at least 0, and jitter_s not above it")
    await _pace(on, (delay, jitter, 0.0, 0.0))


@fault(
    "bandwidth",
    target="leader",
    needs="namespaces",
    bytes_per_s=100 * KIB,
    buffer_bytes=64 * KIB,
    direction="both",
)
async def bandwidth(on: Injection) -> None:
    """Narrow the line between each target and all other members to bytes_per_s, each way.

    What finds buffer_bytes waiting before it is lost, as before any narrow line.
    """
    rate = on.number("bytes_per_s")
    if rate <= 0 or on.number("buffer_bytes") <= 0:
        raise LabError("bandwidth: bytes_per_s and buffer_bytes are above 0")
    await _pace(on, (0.0, 0.0, rate, on.number("buffer_bytes")))


async def _pace(on: Injection, line: Sequence[float]) -> None:
    direction = on.text("direction")
    if direction not in (*SIDES, "both"):
        raise LabError(f"direction={direction}: write {', '.join(SIDES)} or both")
    await on.lab.network.arm()
    rules: list[tuple[Member, list[Rule]]] = []
    for member in on.targets:
        # Between two targets every packet waits once: where it is sent.
        its: list[Rule] = []
        queues: list[str] = []
        for side in SIDES if direction == "both" else (direction,):
            others = [
                m for m in on.lab.members if m is not member and (side == "out" or m in on.others)
            ]
            if others:
                number = str(next(_queues) % 65_536)
                queues += [number, *map(str, line)]
                its += [_queued(side, other, number) for other in others]
        await _start(on, member, queues)
        rules.append((member, its))
    on.begins()
    await asyncio.gather(*(_apply(on, member, its) for member, its in rules))


def _queued(side: str, other: Member, number: str) -> Rule:
    chain, which = SIDES[side]
    # With the program gone, packets pass: a fault that cannot be healed would be worse.
    target = ("-j", "NFQUEUE", "--queue-num", number, "--queue-bypass")
    return (chain, which, other.address, *target)


async def _apply(on: Injection, member: Member, rules: Sequence[Rule]) -> None:
    await on.lab.network.block(member.place, rules)
    on.undo.push_async_callback(on.lab.network.unblock, member.place, rules)


async def _start(on: Injection, member: Member, queues: Sequence[str]) -> None:
    program = (sys.executable, "-I", "-S", pacer.__file__, *queues)
    process = await spawn(
        (*on.lab.network.inside(member.place), *program),
        lab_id=on.lab.lab_id,
        log=on.lab.directory / f"pacer-{member.name}.log",
        talk=True,
    )
    on.undo.push_async_callback(end, process, grace_s=GRACE_S)
    assert process.stdout
    try:
        async with asyncio.timeout(READY_S):
            said = await process.stdout.readline()
    except TimeoutError:
        said = b""
    if said != b"ready\n":
        raise LabError("latency and bandwidth need a kernel with nfnetlink_queue")


KINDS = (latency, bandwidth)
