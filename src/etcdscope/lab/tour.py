"""A walk through five faults: what is done, what should be told, and when it was.

The tour does harm and heals; who watches tells it what was seen through ``Witness.tell``.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from etcdscope.lab.cluster import Fault, Lab
from etcdscope.lab.spec import LabError
from etcdscope.model.finding import Severity
from etcdscope.model.incident import Effect, EffectKind, Incident, Level

# As many as make a quorum impossible, of those that were not killed before: to kill one a second
# time would rightly be told as an incident of its own.
SPARED: Final = "spared"


@dataclass(frozen=True, slots=True)
class Harm:
    """One fault of the lab, and the cause that should be named for it.

    ``target``: as the lab reads it, or SPARED.
    """

    fault: str
    target: str
    expected: str
    doing: str  # {members}
    teaches: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stop:
    """One stop of the tour. ``instead``: where this machine cannot do the first (not root)."""

    name: str
    harm: Harm
    instead: Harm | None = None


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds: until a fault's cause must be named, to look at it, and to rest when it is over."""

    patience: float = 20.0
    look: float = 15.0
    rest: float = 5.0
    recovery: float = 60.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one stop; None: did not happen in time."""

    stop: str
    fault: str
    members: tuple[str, ...]
    expected: str
    told_after: float | None
    named: str = ""
    subject: str = ""
    named_after: float | None = None
    closed_after: float | None = None

    @property
    def right(self) -> bool:
        """Return whether the cause that was named is the one that was made."""
        return self.named == self.expected


SLOW: Final = Pace()
FAST: Final = Pace(look=1.5, rest=0.5)

STOPS: Final = (
    Stop(
        "kill",
        Harm(
            "kill",
            "leader",
            "member-down",
            "Killing the leader {members}, as a crash does",
            "Its host refuses connections at once: no need to wait and see.",
        ),
    ),
    Stop(
        "freeze",
        Harm(
            "freeze",
            "follower",
            "member-frozen",
            "Freezing {members}, as a paused machine is",
            "Its ports still accept connections, but nothing answers: frozen, not gone.",
        ),
    ),
    Stop(
        "isolate",
        Harm(
            "isolate",
            "leader",
            "member-isolated",
            "Cutting {members}, the leader, off from its peers",
            "It still answers us and calls itself leader, until the others elect a new one.",
        ),
        Harm(
            "unstarted",
            "",
            "member-never-started",
            "Adding a voter {members} that never starts",
            "Three members run as before, but now four count: no one may be lost any more.",
        ),
    ),
    Stop(
        "slow",
        Harm(
            "slow-disk",
            "leader",
            "wal-fsync-slow",
            "Slowing the disk of the leader {members}",
            "Every write waits for the leader's disk; the others' prove that it is only this one.",
        ),
        Harm(
            "fragment",
            "",
            "db-fragmented",
            "Writing a lot and deleting it again",
            "etcd keeps the pages: the file stays large until it is defragmented.",
        ),
    ),
    Stop(
        "quorum",
        Harm(
            "kill",
            SPARED,
            "quorum-lost",
            "Killing two of three: {members}",
            "One incident with one cause, not seven alerts: nothing else matters now.",
        ),
    ),
)


class Witness:
    """What was told, so that the tour can wait for it.

    ``first``: when the first incident of this stop was opened. ``began``, ``ended``: when a cause
    was first named, and when no incident had it any more. Unix seconds.
    """

    def __init__(self) -> None:
        self.open: dict[str, Incident] = {}
        self.first: float | None = None
        self.began: dict[str, float] = {}
        self.ended: dict[str, float] = {}
        self.level: Level | None = None
        self._news = asyncio.Event()

    def tell(self, effects: Sequence[Effect]) -> None:
        """Take what one judgement told."""
        for effect in effects:
            self._take(effect)
        if effects:
            self._news.set()

    def _take(self, effect: Effect) -> None:
        if effect.verdict is not None:
            self.level = effect.verdict.level
        incident = effect.incident
        if incident is None:
            return
        before = self.open.pop(incident.id, None)
        if effect.kind is not EffectKind.CLOSED and incident.severity > Severity.INFO:
            self.open[incident.id] = incident
            self.began.setdefault(incident.cause, effect.at)
            if before is None and self.first is None:
                self.first = effect.at
        if before and self.named(before.cause) is None:  # over, or found to be something else
            self.ended[before.cause] = effect.at

    def forget(self) -> None:
        """Begin a new stop: what was told before does not count."""
        self.first = None
        self.began.clear()
        self.ended.clear()

    def named(self, cause: str) -> Incident | None:
        """Return the open incident with that cause."""
        return next((i for i in self.open.values() if i.cause == cause), None)

    async def until(self, seen: Callable[[], bool], patience: float) -> bool:
        """Wait until it was seen; False if that took too long."""
        try:
            async with asyncio.timeout(patience):
                while not seen():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return False
        return True


Say = Callable[[str, str], None]


async def take(
    stop: Stop,
    lab: Lab,
    witness: Witness,
    pace: Pace,
    say: Say,
    hit: frozenset[str] = frozenset(),
) -> Outcome:
    """Do harm, wait until it is told, heal, wait until it is over; ``hit``: who was hit before."""
    witness.forget()
    harm, fault = await _harm(stop, lab, say, hit)
    began = fault.at.timestamp()
    members = " and ".join(fault.members)
    doing = f"{harm.doing.format(members=members)}."
    say(doing, harm.teaches)
    await witness.until(lambda: witness.named(harm.expected) is not None, pace.patience)
    named = witness.named(harm.expected) or _worst(witness)
    told = _after(witness.first, began)
    say(doing, _told(told, named))
    await asyncio.sleep(pace.look)
    healed = datetime.now(UTC).timestamp()
    say(f"Healing {members or 'the cluster'} …", "")
    await lab.heal(fault)
    say(
        f"Healed {members or 'the cluster'}.",
        "Nothing is over until everything is seen to be well.",
    )
    if named:
        await witness.until(lambda: witness.named(named.cause) is None, pace.recovery)
    closed = _after(witness.ended.get(named.cause), healed) if named else None
    say("Not over yet." if closed is None else f"Over {_seconds(closed)}.", "")
    await lab.ready()
    await asyncio.sleep(pace.rest)
    return Outcome(
        stop=stop.name,
        fault=fault.name,
        members=fault.members,
        expected=harm.expected,
        told_after=told,
        named=named.cause if named else "",
        subject=named.subject.name if named else "",
        named_after=_after(witness.began.get(named.cause), began) if named else None,
        closed_after=closed,
    )


async def _harm(stop: Stop, lab: Lab, say: Say, hit: frozenset[str]) -> tuple[Harm, Fault]:
    for harm in (stop.harm, stop.instead):
        if harm is None:
            continue
        target = _spared(lab, hit) if harm.target == SPARED else harm.target
        say(f"Next: {harm.fault} {target}".rstrip() + " …", "")
        try:
            return harm, await lab.fault(harm.fault, target, **harm.options)
        except LabError:
            if stop.instead is None or harm is stop.instead:
                raise
    raise AssertionError(stop)


def _spared(lab: Lab, hit: frozenset[str]) -> str:
    ordered = sorted(lab.members, key=lambda member: (member.name in hit, member.name))
    return ",".join(member.name for member in ordered[: len(ordered) // 2 + 1])


def _worst(witness: Witness) -> Incident | None:
    return max(witness.open.values(), key=lambda i: (i.severity, i.confidence), default=None)


def _after(at: float | None, began: float) -> float | None:
    return None if at is None else max(at - began, 0.0)


def _told(after: float | None, named: Incident | None) -> str:
    if after is None or named is None:
        return "Nothing was told."
    return f"Told {_seconds(after)}: {named.cause}. {named.summary}."


def _seconds(after: float | None) -> str:
    return "at once" if after is None else f"after {after:.1f} s"
