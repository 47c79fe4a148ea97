"""What one detector says of one subject, the evidence for it, and what it could not judge."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Self


class Severity(IntEnum):
    """How much it matters; ordered, so that the worst is ``max``."""

    INFO = 1  # worth knowing; a note, never a page
    WARNING = 2  # degraded, or one failure away
    CRITICAL = 3  # reads or writes refused or stalled, data at risk, or so within an hour

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True, order=True)
class Subject:
    """What a finding is about.

    ``kind``: cluster, member, link, endpoint, node, apiserver, namespace, resource, client or self.
    ``name``: a hex member id, or the address or name of the other kinds. ``to``: a link's far end.
    """

    kind: str = "cluster"
    name: str = ""
    to: str = ""

    @classmethod
    def member(cls, member_id: str) -> Self:
        """Return the subject of a member by its hex id."""
        return cls("member", member_id)

    @classmethod
    def link(cls, near: str, far: str) -> Self:
        """Return the subject of the direction from one member to another."""
        return cls("link", near, far)

    @classmethod
    def endpoint(cls, url: str) -> Self:
        """Return the subject of an address that could not be tied to a member."""
        return cls("endpoint", url)

    def touches(self, member_id: str) -> bool:
        """Return whether the member is this subject or an end of this link."""
        return member_id in (self.name, self.to)

    def key(self) -> str:
        """Return the part of an incident id that stands for this subject."""
        return "-".join(part for part in (self.name or self.kind, self.to) if part)


CLUSTER = Subject("cluster")
SELF = Subject("self", "etcdscope")


@dataclass(frozen=True, slots=True)
class Evidence:
    """One measured fact. ``for_``: speaks for the finding; False: against it, or for a look-alike.

    ``value`` is a number in ``unit`` or a word. ``source``: the metric, RPC or probe it came from.
    """

    signal: str
    value: float | str
    unit: str = ""
    limit: float | None = None
    source: str = ""
    member: str = ""
    for_: bool = True
    says: str = ""


@dataclass(frozen=True, slots=True)
class RuledOut:
    """A look-alike that this is not, and by what."""

    cause: str
    by: str


@dataclass(frozen=True, slots=True)
class Alternative:
    """What it may be instead: how sure that would be, 0 to 1, and what speaks for it."""

    cause: str
    confidence: float
    why: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a test may show, and which cause it then is."""

    sees: str
    cause: str


@dataclass(frozen=True, slots=True)
class NextTest:
    """What would tell causes apart that look alike: what to do, the command, what follows."""

    say: str
    run: str = ""
    then: tuple[Outcome, ...] = ()

    def __str__(self) -> str:
        follows = "; ".join(f"if {o.sees}, it is {o.cause}" for o in self.then)
        return f"{self.say}: {follows}." if follows else f"{self.say}."


@dataclass(frozen=True, slots=True)
class Finding:
    """One detector's judgement of one subject.

    ``confidence``: 0 to 1. ``next_test``: where two causes cannot be told apart, what would.
    ``alternatives``: what else the detector itself cannot exclude; diagnosis ranks them.
    ``detector``: its id, filled in by the detector's wrapper. ``traceback``: only of a detector
    that itself failed.
    """

    subject: Subject
    severity: Severity
    summary: str
    evidence: tuple[Evidence, ...] = ()
    ruled_out: tuple[RuledOut, ...] = ()
    confidence: float = 0.9
    next_test: str = ""
    detector: str = ""
    traceback: str = ""
    alternatives: tuple[Alternative, ...] = ()

    @property
    def key(self) -> tuple[str, Subject]:
        """Return what identifies this finding from one look to the next."""
        return self.detector, self.subject


@dataclass(frozen=True, slots=True)
class BlindSpot:
    """What we could not look at, why, and what would let us see it.

    ``source``: the source that gave nothing. ``hides``: ids of the detectors that could not judge
    ``subject`` for want of it; they and ``detector`` are filled in by the runner.
    """

    source: str
    subject: Subject
    why: str
    remedy: str = ""
    hides: tuple[str, ...] = ()
    detector: str = ""

    @property
    def key(self) -> tuple[str, Subject]:
        """Return what identifies this blind spot from one look to the next."""
        return self.source, self.subject


@dataclass(frozen=True, slots=True)
class Limits:
    """Numbers that a finding is graded by; users may override them by name."""

    values: Mapping[str, float] = field(default_factory=dict)

    def __getitem__(self, name: str) -> float:
        return self.values[name]

    def graded(self, value: float) -> Severity | None:
        """Return the severity that ``value`` has crossed; ``critical`` may be absent."""
        if value > self.values.get("critical", float("inf")):
            return Severity.CRITICAL
        if value > self.values.get("warning", float("inf")):
            return Severity.WARNING
        return None
