"""The verdict where etcd itself cannot be reached: by its API servers alone."""

from collections.abc import Sequence

from etcdscope.detect.apiservers import SINGLE, SPAN, health
from etcdscope.detect.seats import apiservers, nodes
from etcdscope.model.finding import Severity
from etcdscope.model.incident import Incident
from etcdscope.model.signal_kubernetes import APISERVER_ETCD_SECONDS
from etcdscope.model.window import Window


def by_api_servers(window: Window, incidents: Sequence[Incident]) -> str:
    """Return what the API servers say of their etcd; empty where that is not how it is judged.

    It is not where any endpoint of etcd was given or found, nor where no API server answers.
    """
    if window.members or any(source == "status" for source, _ in window.looks):
        return ""
    states = [state for e in apiservers(window) if (state := health(window, e))]
    if not states or nodes(window) is None:
        return ""
    serious = [i for i in incidents if i.severity > Severity.INFO]
    if serious:
        first = max(serious, key=lambda i: (i.severity, i.confidence, -i.opened_at))
        more = f" (and {len(serious) - 1} more)" if len(serious) > 1 else ""
        return f"{first.summary}{more}; etcd itself is not seen."
    ready = sum(state.ready for state in states)
    waits = _waits(window)
    took = f"etcd answers them in {waits * 1000:.0f} ms (p99). " if waits is not None else ""
    return (
        f"Judged from the API servers alone: {ready} of {len(states)} ready. {took}"
        "Quorum, members and disks are not seen."
    )


def _waits(window: Window) -> float | None:
    """Return how long the API servers wait for etcd's answers about single objects, at worst."""
    seen = [
        q.value
        for e in apiservers(window)
        for op in SINGLE
        if (q := window.quantile(e, APISERVER_ETCD_SECONDS, 0.99, op, over=SPAN))
    ]
    return max(seen, default=None)
