"""What of Kubernetes, or of etcd beneath it, cannot be looked at."""

from collections.abc import Iterator

from etcdscope.detect.apiservers import apiserver, never_answered
from etcdscope.detect.detector import detector
from etcdscope.detect.monitor import DENIED
from etcdscope.detect.seats import nodes
from etcdscope.model.finding import CLUSTER, BlindSpot, Limits
from etcdscope.model.signal_kubernetes import (
    APISERVER_HEALTH,
    KUBE_DENIED,
    KUBE_UNSEEN,
    KUBERNETES,
)
from etcdscope.model.window import Look, Window


@detector("kubernetes-unseen", impact="What needs Kubernetes' own view is not judged.")
def kubernetes_unseen(window: Window, limits: Limits) -> Iterator[BlindSpot]:
    """Kubernetes, or an API server, cannot be looked at, or only in part (a blind spot).

    Signal:  lists, watches and pages that are denied or fail.
    Source:  Kubernetes API, API server /readyz and /metrics.
    Means:   members and nodes are not compared, impact is not measured; nothing is called healthy.
    Next:    the role in docs/kubernetes.md; the reason is told with it.
    """
    for look in window.looks.values():
        if look.failure is not None and look.source == "kubernetes":
            remedy = _ROLE if look.failure in DENIED else ""
            yield BlindSpot("kubernetes", CLUSTER, look.detail or str(look.failure), remedy)
        elif look.failure is not None and look.source == "apiserver" and _told(window, look):
            remedy = _ROLE if look.failure in DENIED else ""
            subject = apiserver(window, look.endpoint)
            yield BlindSpot("apiserver", subject, look.detail or str(look.failure), remedy)
    yield from _partly(window)


_ROLE = "give the account that etcdscope uses the role in docs/kubernetes.md"


def _told(window: Window, look: Look) -> bool:
    """Return whether the failure says something of our view; one that is down is a finding."""
    if look.failure in DENIED or never_answered(window, look.endpoint):
        return True
    fresh = window.last(look.endpoint, APISERVER_HEALTH)
    return fresh is not None and fresh.at >= look.at


def _partly(window: Window) -> Iterator[BlindSpot]:
    from_api = window.looks.get(("kubernetes", KUBERNETES))
    if from_api is None or from_api.failure is not None:
        return
    by_reason: dict[str, list[str]] = {}
    for kind in window.keys(KUBERNETES, KUBE_UNSEEN):
        if why := window.word(KUBERNETES, KUBE_UNSEEN, kind):
            by_reason.setdefault(why, []).append(kind)
    denied = any(
        window.number(KUBERNETES, KUBE_DENIED, kind)
        for kind in window.keys(KUBERNETES, KUBE_DENIED)
    )
    if by_reason:
        parts = [f"{', '.join(kinds)} not seen: {why}" for why, kinds in by_reason.items()]
        yield BlindSpot("kubernetes-part", CLUSTER, "; ".join(parts)[:600], _ROLE if denied else "")


@detector("etcd-unseen", impact="Quorum, members, disks and quota are not judged.")
def etcd_unseen(window: Window, limits: Limits) -> Iterator[BlindSpot]:
    """etcd itself is not looked at: it is judged from the API servers alone (a blind spot).

    Signal:  Kubernetes answers, and no member of etcd is known.
    Source:  Kubernetes API.
    Means:   a managed control plane, whose etcd belongs to the provider; or no endpoint was found.
    Next:    --endpoints with certificates, where etcd is yours.
    """
    asked = any(source == "status" for source, _ in window.looks)
    if not window.members and not asked and nodes(window) is not None:
        yield BlindSpot(
            "etcd",
            CLUSTER,
            "no member of etcd can be reached, as in a managed control plane: it is judged from the"
            " API servers alone, so that quorum, members, disks and quota are not seen",
            "give --endpoints and certificates, if this etcd is yours",
        )
