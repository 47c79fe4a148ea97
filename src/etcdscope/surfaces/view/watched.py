"""What surfaces are given of a cluster: its state, its history, and never the engine."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from etcdscope.diagnose.step import State
from etcdscope.store.archive import Archive

# Takes lines of a member's log; how many, None where it cannot.
Take = Callable[[str, bytes], int | None]
ONLY = "default"  # the key of a cluster that nobody named


@dataclass(frozen=True, slots=True)
class Watched:
    """One cluster that is watched.

    ``key``: what it is called in URLs. ``kept_as``: under which names its history is kept, the
    newest first. ``trouble``: why it is not judged at the moment, empty while it is.
    """

    key: str
    state: Callable[[], State]
    name: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    archive: Archive | None = None
    kept_as: Callable[[], tuple[str, ...]] = tuple
    trouble: Callable[[], str] = str
    take: Take | None = None
