"""The demo: a lab, the watch of the app on it, and a tour of faults, in one TaskGroup."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from etcdscope import app
from etcdscope.diagnose.step import State
from etcdscope.etcd.settings import Access
from etcdscope.lab.cluster import Lab, LabSpec, LoadSpec
from etcdscope.lab.tour import Outcome, Pace, Say, Stop, Witness, take
from etcdscope.model.incident import Effect, Level

# From the start of the watch until all is well: what a fresh cluster may take to settle.
SETTLED = 20.0


@dataclass(frozen=True, kw_only=True)
class Demo:
    """What to show. ``tell`` and ``say`` are the surface's; ``done`` hears each outcome."""

    stops: Sequence[Stop]
    pace: Pace
    tell: app.Tell
    say: Say
    done: Callable[[Outcome], None]


async def demo(shown: Demo) -> None:
    """Bring a cluster up, watch it, break it by turns, and take it down again."""
    shown.say("Bringing up three members of etcd …", "A real cluster on this machine, with load.")
    async with Lab.start(LabSpec(members=3, load=LoadSpec())) as lab:
        witness = Witness()

        def tell(effects: Sequence[Effect], state: State) -> None:
            shown.tell(effects, state)
            witness.tell(effects)

        settings = app.Settings(access=Access(tuple(lab.endpoints)))
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(app.watch(settings, tell))
            await _tour(shown, lab, witness)
            watching.cancel()


async def _tour(shown: Demo, lab: Lab, witness: Witness) -> None:
    shown.say(
        f"etcd {lab.version}: three members, and a load of {LoadSpec().rate:.0f} writes a second.",
        "First a look at a healthy cluster.",
    )
    await witness.until(lambda: witness.level is Level.OK, SETTLED)
    await asyncio.sleep(shown.pace.look / 2)
    hit: frozenset[str] = frozenset()
    for stop in shown.stops:
        outcome = await take(stop, lab, witness, shown.pace, shown.say, hit)
        hit |= {*outcome.members} if outcome.fault == "kill" else set()
        shown.done(outcome)
