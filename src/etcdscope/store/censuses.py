"""Censuses of the key space over restarts: the agent keeps them, others read them beside it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from etcdscope.model.census import REGISTRY_AT, Census, Chronicle
from etcdscope.model.ports import StoreError
from etcdscope.model.signal import REGISTRY
from etcdscope.model.window import Window

if TYPE_CHECKING:
    from etcdscope.store.history import History

_KEY: Final = "registry"


class Censuses:
    """Keeps the chronicle of one cluster in the history, and finds it again."""

    def __init__(self, history: "History | None") -> None:
        self._history = history
        self._kept = Chronicle()

    async def recall(self, cluster: str) -> Chronicle:
        """Return what was counted before, of the cluster with that id."""
        found = await self._history.recall(cluster, _KEY) if self._history and cluster else None
        self._kept = found if isinstance(found, Chronicle) else Chronicle()
        return self._kept

    def keep(self, window: Window) -> None:
        """Write what the window has of it, if there is something new."""
        point, cluster = window.last(REGISTRY_AT, REGISTRY), window.memory.home
        known = point.value if point else None
        if self._history is None or not cluster or known is self._kept:
            return
        if isinstance(known, Chronicle):
            self._history.remember(cluster, _KEY, known)
            self._kept = known


async def nearest(directory: Path, at: float) -> Census:
    """Return the last census up to a moment from an agent's data directory. Errors: StoreError."""
    from etcdscope.store.archive import Archive  # noqa: PLC0415  # SQLite, which `check` is without

    async with Archive.open(directory) as archive:
        found = [await archive.recall(cluster, _KEY) for cluster in await archive.clusters()]
    known = [c for one in found if isinstance(one, Chronicle) for c in one.censuses]
    if not known:
        raise StoreError(
            f"{directory} holds no counts of the key space yet; the agent counts once an hour."
        )
    return _up_to(known, at)


def _up_to(known: Sequence[Census], at: float) -> Census:
    before = [census for census in known if census.at <= at]
    if not before:
        oldest = datetime.fromtimestamp(min(c.at for c in known), UTC)
        raise StoreError(f"Nothing was counted so long ago; the oldest is of {oldest:%FT%TZ}.")
    return max(before, key=lambda census: census.at)
