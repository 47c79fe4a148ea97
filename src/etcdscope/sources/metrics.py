"""Reads a member's ``/metrics``."""

from collections.abc import Mapping

from etcdscope.etcd.errors import EtcdError
from etcdscope.model.ports import Pace
from etcdscope.model.reading import Failure, Observation, Reading
from etcdscope.model.signal import (
    BESIDE,
    BY_METRIC,
    METRICS_SECONDS,
    PROCESS_AT,
    PROCESS_START,
    Signal,
)
from etcdscope.sources.exposition import Layout, MalformedError, Names
from etcdscope.sources.looking import Looking
from etcdscope.sources.pages import Pages, page, page_url

# Fifty times what the largest member was seen to give (260 kB with --metrics=extensive).
MAX_BYTES = 16 << 20


class MetricsSource:
    """Reads ``/metrics`` of one member; keeps only what the table of signals names.

    ``urls``: where an endpoint's metrics are, if not on the endpoint itself
    (``--listen-metrics-urls``).
    Gives:   a Reading; counters and gauges as they stand, histograms whole.
    Errors:  none leave; NOT_ETCD for an answer that is no exposition of etcd's.
    """

    name = "metrics"
    pace = Pace(cadence=5.0, patience=4.0, zoomed=1.0)

    def __init__(
        self,
        http: Pages,
        urls: Mapping[str, str] | None = None,
        signals: Mapping[str, Signal] = BY_METRIC,
    ) -> None:
        self._http = http
        self._urls = urls or {}
        self._names = Names(signals, BESIDE if signals is BY_METRIC else ())
        self._shared: dict[bytes, bytes] = {}
        self._layouts: dict[str, Layout] = {}

    async def read(self, endpoint: str, at: float) -> Reading:
        """Scrape once."""
        looking = Looking(self.name, endpoint, at)
        url = page_url(endpoint, "/metrics", self._urls)
        try:
            answer = await page(self._http, url, MAX_BYTES)
        except EtcdError as error:
            return looking.failed(error)
        layout = self._layouts.setdefault(endpoint, Layout(self._names, self._shared))
        try:
            seen = layout.read(answer.body)
        except MalformedError as error:
            return looking.blind(Failure.NOT_ETCD, f"{url} gives no metrics: {error}.")
        if not any(is_etcds(observation) for observation in seen):
            return looking.blind(Failure.NOT_ETCD, f"{url} gives metrics, but none of etcd's.")
        # Two endpoints of one member are told apart by this, should two processes run as one.
        here = [
            Observation(PROCESS_AT, o.value, endpoint) for o in seen if o.signal is PROCESS_START
        ]
        took = Observation(METRICS_SECONDS, answer.seconds)
        return looking.gave((*seen, *here, took), layout.member)

    def leave(self, endpoint: str) -> None:
        """Forget how its page is laid out."""
        self._layouts.pop(endpoint, None)


def is_etcds(observation: Observation) -> bool:
    """Return whether only etcd has such a series; any Go process has ``process_*``."""
    return any(name.startswith("etcd_") for name in observation.signal.metrics)
