"""What is remembered of clusters over restarts: written as it changes, found by endpoint."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from etcdscope.model.memory import Memory
from etcdscope.model.window import Window

if TYPE_CHECKING:
    from etcdscope.store.history import History

# Revisions grow with every write; what else is remembered is written when it changes.
REMEMBER_EVERY: Final = 5.0
_MEMORY: Final = "memory"
_NAME: Final = "name"


class Memories:
    """Keeps a cluster's memory in the history, and finds it again by where it was looked at.

    ``name``: what the user calls the cluster, if anything; it is found again by that as well.
    """

    def __init__(self, history: "History | None", name: str = "") -> None:
        self._history = history
        self._name, self._named = name, ""
        self._kept, self._at = Memory(), 0.0

    async def claimed(self, clusters: Sequence[str]) -> tuple[str, ...]:
        """Return which of these clusters have had this name."""
        if self._history is None or not self._name:
            return ()
        names = [await self._history.recall(cluster, _NAME) for cluster in clusters]
        return tuple(c for c, name in zip(clusters, names, strict=True) if name == self._name)

    async def recall(self, given: Sequence[str], claimed: Sequence[str] = ()) -> Memory | None:
        """Return the memory of the cluster at these endpoints, or of one of those claimed."""
        if self._history is None:
            return None
        clusters = await self._history.archive.clusters()
        found = [(c, await self._history.recall(c, _MEMORY)) for c in clusters]
        known = [
            m
            for cluster, m in found
            if isinstance(m, Memory) and (cluster in claimed or set(given) & set(m.endpoints))
        ]
        return max(known, key=lambda m: m.index.at, default=None)

    def keep(self, window: Window, *, last: bool = False) -> None:
        """Write it if it changed: at once, or now and then where only numbers grew."""
        memory = window.memory
        if self._history is None or not memory.home or memory is self._kept:
            return
        same = _lasting(memory) == _lasting(self._kept)
        if not same or last or window.now - self._at >= REMEMBER_EVERY:
            self._history.remember(memory.home, _MEMORY, memory)
            if self._name and self._named != memory.home:
                self._history.remember(memory.home, _NAME, self._name)
                self._named = memory.home
            self._kept, self._at = memory, window.now


def _lasting(memory: Memory) -> object:
    """Return what of a memory does not grow with every write."""
    members = tuple((m.id, m.name, m.version, m.certificates) for m in memory.members)
    return memory.cluster, members, memory.changes, memory.endpoints
