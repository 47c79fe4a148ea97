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
from etcdscope.surfaces.web.server import Served

# From the start of the watch until all is well: what a fresh cluster may take to settle.
SETTLED = 20.0


@dataclass(frozen=True, kw_only=True)
class Demo:
    """What to show. ``tell`` and ``say`` are the surface's; ``done`` hears each outcome.

    ``served`` hears where the page is, which shows what is said as well.
    """

    stops: Sequence[Stop]
    pace: Pace
    tell: app.Tell
    say: Say
    done: Callable[[Outcome], None]
    served: Callable[[str], None] = lambda _: None
    listen: str = "127.0.0.1:0"


class _Captions:
    """Says it on the surface and on the page, and on which stop of how many."""

    def __init__(self, shown: Demo) -> None:
        self._shown = shown
        self._page: Served | None = None
        self._said = ("", "")
        self.step = 0

    def say(self, title: str, text: str) -> None:
        self._said = (title, text)
        self._shown.say(title, text)
        if self._page:
            self._page.caption(title, text, self.step, len(self._shown.stops))

    def begin(self, page: Served) -> None:
        self._page = page
        self._shown.served(page.url)
        page.caption(*self._said, self.step, len(self._shown.stops))


async def demo(shown: Demo) -> None:
    """Bring a cluster up, watch it, break it by turns, and take it down again."""
    captions = _Captions(shown)
    captions.say(
        "Bringing up three members of etcd …", "A real cluster on this machine, with load."
    )
    async with Lab.start(LabSpec(members=3, load=LoadSpec())) as lab:
        witness = Witness()

        def tell(effects: Sequence[Effect], state: State) -> None:
            shown.tell(effects, state)
            witness.tell(effects)

        settings = app.Settings(
            access=Access(tuple(lab.endpoints)),
            listen=shown.listen,
            data_dir=lab.directory / "history",
        )
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(app.serve(settings, lambda _: tell, captions.begin))
            await _tour(shown, lab, witness, captions)
            serving.cancel()


async def _tour(shown: Demo, lab: Lab, witness: Witness, captions: _Captions) -> None:
    captions.say(
        f"etcd {lab.version}: three members, and a load of {LoadSpec().rate:.0f} writes a second.",
        "First a look at a healthy cluster.",
    )
    await witness.until(lambda: witness.level is Level.OK, SETTLED)
    await asyncio.sleep(shown.pace.look / 2)
    hit: frozenset[str] = frozenset()
    for step, stop in enumerate(shown.stops, 1):
        captions.step = step
        outcome = await take(stop, lab, witness, shown.pace, captions.say, hit)
        hit |= {*outcome.members} if outcome.fault == "kill" else set()
        shown.done(outcome)
    captions.say("The tour is over.", "The cluster and this agent end now.")
    await asyncio.sleep(shown.pace.rest)
