"""What an incident means in Kubernetes: said where it is looked at, with what is measured."""

import pytest
from tests.detect.windows import NOW, Told, ago, window

from etcdscope.detect.catalog import DETECTORS
from etcdscope.diagnose.impact import SAYS, in_kubernetes
from etcdscope.diagnose.verdict import verdict
from etcdscope.model.finding import CLUSTER, Finding, Severity, Subject
from etcdscope.model.incident import Level
from etcdscope.model.kubernetes import APISERVER, Health, Leases, Node, Nodes, StaticPod
from etcdscope.model.signal_kubernetes import (
    APISERVER_HEALTH,
    APISERVER_REQUESTS,
    APISERVER_START,
    KUBE_LEASES,
    KUBE_NODES,
    KUBE_PODS,
    KUBERNETES,
)
from etcdscope.model.window import Look, Window

AT = "apiserver:n1"
PODS = (
    StaticPod(APISERVER, "kube-apiserver-n1", "n1", flags=(("etcd-servers", "http://m1:2379"),)),
)


def looks(*sources: tuple[str, str]) -> tuple[Look, ...]:
    return tuple(Look(s, e, "", at=NOW - 1, since=NOW - 60, last_ok=NOW - 1) for s, e in sources)


def seen(failing: float = 0.0, quiet: float = 3.0, members: str = "m1 m2 m3") -> Window:
    """Return a window with an API server whose writes fail by that share."""
    failed, done = 600 * failing, 600 * (1 - failing)
    told: dict[str, Told] = {
        KUBERNETES: {
            KUBE_LEASES: Leases(43, 1, NOW - quiet, NOW - 300),
            KUBE_NODES: Nodes(43, 43, (Node("n1", ("m1",), ready="True"),)),
            KUBE_PODS: PODS,
        },
        AT: {
            APISERVER_HEALTH: Health(True, True),
            APISERVER_START: ago((40, 5.0), (1, 5.0)),
            APISERVER_REQUESTS: {
                "POST/201": ago((40, 0.0), (1, done)),
                "POST/500": ago((40, 0.0), (1, failed)),
            },
        },
    }
    return window(told, members=members, looks=looks(("kubernetes", KUBERNETES), ("apiserver", AT)))


def finding(cause: str, subject: Subject = CLUSTER) -> Finding:
    return Finding(subject, Severity.CRITICAL, "x", detector=cause)


def test_nothing_is_said_where_kubernetes_is_not_looked_at() -> None:
    assert in_kubernetes(window(), finding("quorum-lost")) == ""


def test_a_lost_quorum_is_told_in_kubernetes_words_and_measured() -> None:
    told = in_kubernetes(seen(failing=0.9, quiet=30), finding("quorum-lost"))

    assert "nothing can be deployed" in told
    assert "running pods go on" in told
    assert "Measured: 90 % of the writes through n1 fail." in told
    assert "Measured: no node lease was renewed for 30 s." in told


def test_what_is_well_is_measured_as_well() -> None:
    told = in_kubernetes(seen(), finding("wal-fsync-slow", Subject.member("m1")))

    assert "Measured: 42 of 43 nodes renew their leases." in told
    assert "writes through" not in told


def test_an_api_server_that_dials_the_member_alone_is_named() -> None:
    told = in_kubernetes(seen(), finding("member-down", Subject.member("m1")))
    other = in_kubernetes(seen(), finding("member-down", Subject.member("m2")))

    assert "The API server on n1 fails with it" in told
    assert "fails with it" not in other


# What concerns the monitor, is a note, or speaks of Kubernetes by itself.
_ELSEWHERE = {
    "voters-even", "voters-too-many", "leader-changed", "rtt-metric-misleading", "clock-skewed",
    "advertised-url-unreachable", "snapshot-files-orphaned", "identity-changed", "tls-off",
    "auth-off", "version-known-bad", "membership-changing", "leader-transferred", "flags-drift",
}  # fmt: skip
_KUBERNETES = {
    "placement", "static_pods", "kubelets", "apiservers", "apiserver_cache", "namespaces",
    "monitor", "registry", "unseen",
}  # fmt: skip


@pytest.mark.parametrize("cause", [d.id for d in DETECTORS if d.family not in _KUBERNETES])
def test_every_incident_of_etcd_has_its_words(cause: str) -> None:
    assert cause in SAYS or cause in _ELSEWHERE


def test_no_word_is_for_a_cause_that_there_is_not() -> None:
    assert set(SAYS) <= {d.id for d in DETECTORS}


# --- the verdict of a managed control plane ------------------------------------------------------


def test_a_managed_control_plane_is_judged_by_its_api_servers() -> None:
    said = verdict(seen(members=""), ())

    assert said.level is Level.OK
    assert said.sentence.startswith("Judged from the API servers alone: 1 of 1 ready.")
    assert "Quorum, members and disks are not seen." in said.sentence
    assert said.margin is None


def test_an_etcd_that_was_named_and_does_not_answer_stays_unknown() -> None:
    base = seen(members="")
    failing = Look("status", "http://x:2379", "", at=NOW, since=NOW - 9, detail="nobody listens")
    named = {**base.looks, ("status", "http://x:2379"): failing}
    said = verdict(Window(now=NOW, series=base.series, looks=named), ())

    assert said.level is Level.UNKNOWN
