"""What a detector is: a pure function over a window, with what must be known about it beside it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from etcdscope.model.finding import BlindSpot, Finding, Limits
from etcdscope.model.incident import Step
from etcdscope.model.signal import Signal
from etcdscope.model.window import Window, once

Judge = Callable[[Window, Limits], Iterator[Finding | BlindSpot]]


@dataclass(frozen=True, slots=True)
class Detector:
    """One way in which a cluster can be in trouble, and how to see it.

    ``needs``: signals without which a member cannot be judged. ``over``: seconds of history before
    it can speak. ``opens_after``: seconds a finding must hold before it makes an incident; longer
    for symptoms, so that their cause can speak first. ``closes_after``: seconds of absence before
    it is over. ``momentary``: an event that was, which keeps no incident open. ``planned``: work
    that somebody does on purpose; what it explains is told as info. ``eases``: by what limits are
    multiplied for a finding that stands, so that it does not come and go at the edge.
    """

    id: str
    judge: Judge
    family: str
    needs: tuple[Signal, ...] = ()
    over: float = 0.0
    limits: Limits = field(default_factory=Limits)
    opens_after: float = 0.0
    closes_after: float = 3.0
    momentary: bool = False
    planned: bool = False
    impact: str = ""
    runbook: tuple[Step, ...] = ()
    eases: Mapping[str, float] = field(default_factory=dict)

    def eased(self, limits: Limits | None) -> Limits:
        """Return the limits at which a finding that stands is over."""
        values = (limits or self.limits).values
        return Limits({name: value * self.eases.get(name, 1.0) for name, value in values.items()})

    @property
    def manual(self) -> str:
        """Return the manual page: the judge's docstring."""
        return self.judge.__doc__ or ""

    def look(self, window: Window, limits: Limits | None = None) -> Iterator[Finding | BlindSpot]:
        """Judge the members of which all that is needed was seen."""
        for found in self.judge(_judgeable(window, self.needs), limits or self.limits):
            yield replace(found, detector=self.id)

    def __call__(self, window: Window, limits: Limits | None = None) -> list[Finding]:
        """Return the findings alone."""
        return [found for found in self.look(window, limits) if isinstance(found, Finding)]


@once
def _judgeable(window: Window, needs: tuple[Signal, ...]) -> Window:
    """Return the window as a detector gets it: with who can be judged by what it needs."""
    able = tuple(m.id for m in window.members if all(window.fresh(m.id, n) for n in needs))
    return replace(window, judgeable=able)


def detector(
    id: str,  # noqa: A002 - as the catalogue calls it
    *,
    needs: tuple[Signal, ...] = (),
    over: float = 0.0,
    limits: Mapping[str, float] | None = None,
    opens_after: float = 0.0,
    closes_after: float = 3.0,
    momentary: bool = False,
    planned: bool = False,
    impact: str = "",
    runbook: tuple[Step, ...] = (),
    eases: Mapping[str, float] | None = None,
) -> Callable[[Judge], Detector]:
    """Turn a judge into a detector; its family is the file it stands in."""

    def wrap(judge: Judge) -> Detector:
        return Detector(
            id=id,
            judge=judge,
            family=judge.__module__.rsplit(".", 1)[-1],
            needs=needs,
            over=over,
            limits=Limits(limits or {}),
            opens_after=opens_after,
            closes_after=closes_after,
            momentary=momentary,
            planned=planned,
            impact=impact,
            runbook=runbook,
            eases=eases or {},
        )

    return wrap
