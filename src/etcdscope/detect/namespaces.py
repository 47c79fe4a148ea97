"""Namespaces that do not go away."""

from collections.abc import Iterator

from etcdscope.detect.detector import detector
from etcdscope.detect.seats import fact, said
from etcdscope.model.finding import Evidence, Finding, Limits, Severity, Subject
from etcdscope.model.incident import Step
from etcdscope.model.kubernetes import Apis, Leaving, Namespaces
from etcdscope.model.signal_kubernetes import KUBE_APIS, KUBE_NAMESPACES
from etcdscope.model.window import Window

_MOST = 10
_DISCOVERY = "NamespaceDeletionDiscoveryFailure"
_REMAINING = ("NamespaceFinalizersRemaining", "NamespaceContentRemaining")


@detector(
    "namespace-stuck",
    # Many objects take minutes; an hour is nobody's patience.
    limits={"info": 600.0, "warning": 3600.0},
    closes_after=12.0,
    impact="What is left in it stays in etcd, and its name cannot be used again. An APIService that"
    " is not available keeps every deletion of a namespace, and garbage collection, from ending.",
    runbook=(
        Step("See what it waits for.", "kubectl get namespace NAME -o jsonpath='{{.status}}'"),
        Step("See which APIServices are not available.", "kubectl get apiservices | grep False"),
        Step(
            "Mend or remove the APIService, or the controller of the finalizer; delete what is left"
            " through the API. Taking finalizers away by hand leaves keys that no API shows."
        ),
    ),
)
def namespace_stuck(window: Window, limits: Limits) -> Iterator[Finding]:
    """A namespace has been terminating for long.

    Signal:  age of its deletion, and the conditions that say what it waits for.
    Source:  namespaces and APIServices of the Kubernetes API.
    Means:   a finalizer whose controller is gone, or an APIService that does not answer. A note; a
             warning after an hour where an APIService is the reason, since then all of them hang.
    Alike:   a large namespace that is still being emptied (10 minutes are given).
    """
    known = fact(window, KUBE_NAMESPACES, Namespaces)
    for one in (known.leaving if known else ())[:_MOST]:
        lasted = window.now - one.since
        if lasted <= limits["info"]:
            continue
        broken = _broken(window, one)
        grave = broken and lasted > limits["warning"]
        yield Finding(
            Subject("namespace", one.name),
            Severity.WARNING if grave else Severity.INFO,
            f"The namespace {one.name} has been terminating for {_duration(lasted)}:"
            f" {_why(one, broken)}",
            (
                Evidence("terminating", round(lasted), "s", limits["info"], KUBE_NAMESPACES.source),
                *(said(KUBE_NAMESPACES, name, text) for name, text in one.conditions[:3]),
                *(said(KUBE_APIS, name, why) for name, why in broken[:3]),
            ),
            confidence=0.9 if broken or one.conditions else 0.7,
        )


def _broken(window: Window, one: Leaving) -> tuple[tuple[str, str], ...]:
    if not any(name == _DISCOVERY for name, _ in one.conditions):
        return ()
    apis = fact(window, KUBE_APIS, Apis)
    found = apis.unavailable if apis else ()
    return found or (("an APIService", "its discovery fails"),)


def _why(one: Leaving, broken: tuple[tuple[str, str], ...]) -> str:
    if broken:
        return f"{', '.join(name for name, _ in broken[:3])} is not available"
    told = dict(one.conditions)
    left = next((told[name] for name in _REMAINING if told.get(name)), "")
    return left[:160] or "it does not say what it waits for"


def _duration(seconds: float) -> str:
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} days"
