"""One look under way: it knows when it began, and becomes a reading."""

from collections.abc import Iterable
from dataclasses import replace
from time import perf_counter

from etcdscope.etcd.errors import EtcdError
from etcdscope.model.reading import Failure, Observation, Reading


class Looking:
    """Begins when it is made; ``at`` is the moment in unix seconds."""

    def __init__(self, source: str, endpoint: str, at: float) -> None:
        self._source = source
        self._endpoint = endpoint
        self._at = at
        self._began = perf_counter()

    @property
    def seconds(self) -> float:
        """Return how long it has been going on."""
        return perf_counter() - self._began

    def gave(self, observations: Iterable[Observation], member: str = "") -> Reading:
        """End with what was seen."""
        seen = tuple(observations)
        return Reading(self._source, self._endpoint, self._at, self.seconds, member, seen)

    def failed(self, error: EtcdError, observations: Iterable[Observation] = ()) -> Reading:
        """End with why there was no answer, and with what was seen all the same."""
        return replace(self.blind(error.failure, error.detail), observations=tuple(observations))

    def blind(self, failure: Failure, detail: str) -> Reading:
        """End with why nothing was seen, said in one sentence."""
        return Reading.failed(
            self._source, self._endpoint, self._at, failure, detail, took=self.seconds
        )
