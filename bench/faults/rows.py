"""What a row of the table says: who is harmed, how, and what would be right to tell of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

# Targets that the lab does not know: a follower that this row has not hit yet, and the first two.
SPARE: Final = "spare"
TWO_FOLLOWERS: Final = "two followers"


class About(Enum):
    """Whom a page must be about to be right."""

    TARGET = "a member that was hit, or an end of the link that was"
    OTHERS = "a member that was not hit"
    CLUSTER = "the cluster: any subject will do"


@dataclass(frozen=True, slots=True)
class Truth:
    """What is right to tell of one kind of harm.

    ``causes`` are etcdscope's ids and ``alerts`` the mixin's names, any of which names the cause.
    ``effects``, of both vocabularies, follow from it: telling them is neither right nor wrong.
    """

    causes: tuple[str, ...]
    alerts: tuple[str, ...] = ()
    effects: frozenset[str] = frozenset()
    about: About = About.TARGET

    @property
    def names(self) -> frozenset[str]:
        return frozenset((*self.causes, *self.alerts))


@dataclass(frozen=True, slots=True)
class Harm:
    """One injection through the lab; ``fault`` "": the cluster is so from its start.

    ``target`` as the lab reads it ("" is the fault's own default), or SPARE, or TWO_FOLLOWERS.
    """

    fault: str
    target: str
    truth: Truth
    options: Mapping[str, Any] = field(default_factory=dict)


class Haste(Enum):
    """How soon it should be told; the value is our own goal in seconds (docs/benchmarks.md)."""

    HARD = 2
    SOFT = 10
    # For its first minute it is what planned work looks like, or a forecast must look on first.
    PATIENT = 70


@dataclass(frozen=True, slots=True)
class Row:
    """A fault, or two at once; ``window`` is for how many seconds it lasts.

    Rows of one ``pair`` look alike: telling them apart is a feat of its own. ``spec`` is a name in
    ``specs.SPECS``.
    """

    id: str
    haste: Haste
    harms: tuple[Harm, ...]
    window: float = 60.0
    spec: str = "three"
    pair: str = ""

    @property
    def double(self) -> bool:
        return len(self.harms) > 1


def row(
    id: str,  # noqa: A002
    haste: Haste,
    *harms: Harm,
    window: float = 60.0,
    spec: str = "three",
    pair: str = "",
) -> Row:
    """Return a row; so that one fault is one line of the table."""
    return Row(id, haste, harms, window, spec, pair)


def harm(fault: str, target: str, truth: Truth, **options: Any) -> Harm:  # noqa: ANN401
    """Return one injection with its options."""
    return Harm(fault, target, truth, options)
