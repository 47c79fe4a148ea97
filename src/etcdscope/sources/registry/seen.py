"""Which keys were seen already, in eight bytes a key."""

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.int64]


class Seen:
    """A set of hashes that grows in batches: sorted runs, each at least twice as long as the next.

    Two of a million keys have the same hash of 64 bits once in tens of millions of censuses.
    """

    def __init__(self) -> None:
        self._runs: list[Hashes] = []

    def __len__(self) -> int:
        return sum(len(run) for run in self._runs)

    def new(self, hashes: Hashes) -> npt.NDArray[np.bool_]:
        """Return which of the batch come for the first time, and take them in."""
        first = np.zeros(len(hashes), dtype=np.bool_)
        unique, at = np.unique(hashes, return_index=True)
        fresh = np.ones(len(unique), dtype=np.bool_)
        for run in self._runs:
            where = np.minimum(np.searchsorted(run, unique), len(run) - 1)
            fresh &= run[where] != unique
        first[at[fresh]] = True
        if fresh.any():
            self._take(unique[fresh])
        return first

    def _take(self, run: Hashes) -> None:
        while self._runs and len(self._runs[-1]) < 2 * len(run):
            run = np.concatenate([self._runs.pop(), run])
            run.sort(kind="stable")  # which merges what is sorted already
        self._runs.append(run)
