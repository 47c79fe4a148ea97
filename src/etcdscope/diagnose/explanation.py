"""What a row of the causal table means, and whether two findings meet as it asks.

A row reads: *cause* explains *effect*, where they meet, if the effect came no earlier than
``before`` seconds ahead of the cause, for ``within`` seconds after the cause was last seen, and
while the effect itself has not lasted longer than ``lasting``. A fault in its own right that begins
``afterwards``, when the cause is over, is not its effect.
"""

from dataclasses import dataclass
from enum import Enum

from etcdscope.model.finding import CLUSTER, Finding

# Faults in their own right; the other effects are symptoms and states, which outlast a cause.
FAULTS = frozenset(
    {
        "member-down",
        "member-frozen",
        "member-isolated",
        "member-unreachable",
        "member-never-started",
        "wal-fsync-slow",
        "cpu-starved",
        "link-lossy",
        "link-one-way",
        "link-slow",
        "link-saturated",
    }
)


class Where(Enum):
    """How the subjects of cause and effect must meet."""

    ANYWHERE = "anywhere in the cluster"
    SAME = "the same subject"
    WITHIN = "the same subject, or the cause is the whole cluster's"
    TOUCHING = "the cause's member is the effect's subject or an end of it, or the other way round"


@dataclass(frozen=True, slots=True)
class Explanation:
    """One row of the table; times in seconds."""

    cause: str
    effect: str
    where: Where
    before: float = 15.0
    within: float = 10.0
    lasting: float = float("inf")
    afterwards: bool = True


def meet(where: Where, cause: Finding, effect: Finding) -> bool:
    """Return whether the two findings meet in the way that a row asks for."""
    if where is Where.ANYWHERE:
        return True
    if where is Where.SAME:
        return cause.subject == effect.subject
    if where is Where.WITHIN:
        return cause.subject in (effect.subject, CLUSTER)
    return effect.subject.touches(cause.subject.name) or cause.subject.touches(effect.subject.name)
