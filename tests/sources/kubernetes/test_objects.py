"""What is kept of Kubernetes' objects, by recordings and by the shapes of distributions."""

import json
from typing import Any, TypeVar

import msgspec
import pytest
from tests.kubernetes import recorded

from etcdscope.sources.kubernetes import objects
from etcdscope.sources.kubernetes.objects import CronThing, NodeThing, PodThing, flags

T = TypeVar("T")


def decoded(kind: type[T], one: dict[str, Any]) -> T:
    return msgspec.json.decode(json.dumps(one), type=kind)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        pytest.param(["etcd", "--name=a"], {"name": "a"}, id="with an equals sign"),
        pytest.param(
            ["etcd", "--name", "a", "-debug"], {"name": "a", "debug": "true"}, id="without"
        ),
        pytest.param(["etcd", "--a=1", "--a=2"], {"a": "2"}, id="the last counts"),
        pytest.param(["etcd", "--a=b=c"], {"a": "b=c"}, id="only the first equals sign"),
        pytest.param(
            ["x", "--token-auth-file=/t", "--initial-cluster-token=s", "--auth-token=jwt,p=1"],
            {},
            id="what may be a secret is not kept",
        ),
        pytest.param(
            ["x", "--etcd-servers=https://u:pw@a:2379,https://b:2379"],
            {"etcd-servers": "https://a:2379,https://b:2379"},
            id="no user and no password of a URL",
        ),
    ],
)
def test_flags_are_read_as_go_reads_them(words: list[str], told: dict[str, str]) -> None:
    assert dict(flags(words)) == told


def test_the_recorded_pods_tell_kind_node_version_and_probe() -> None:
    found = [objects.static_pod(decoded(PodThing, p)) for p in recorded.items("pods-kube-system")]
    pods = {p.name: p for p in found if p}

    assert sorted(pods) == [
        "etcd-cp-1",
        "etcd-cp-2",
        "kube-apiserver-cp-1",
        "kube-apiserver-cp-2",
        "kube-apiserver-cp-3",
    ]
    etcd = pods["etcd-cp-1"]
    assert (etcd.node, etcd.address, etcd.version) == ("cp-1", "127.0.1.11", "3.5.30-0")
    assert etcd.probe
    assert (etcd.probe.path, etcd.probe.period, etcd.probe.failures) == ("/livez", 10.0, 3)
    assert etcd.flag("listen-metrics-urls") == "http://127.0.1.11:2381"
    assert etcd.restarts == 1


def test_every_recorded_node_is_read() -> None:
    found = [objects.node(decoded(NodeThing, n)) for n in recorded.items("nodes")]

    assert len(found) == 43
    assert all(n.addresses and n.zone and n.created for n in found)
    assert [n.name for n in found if n.ready != "True"] == ["worker-017"]


def test_nodes_of_k3s_tell_the_members_name_and_address() -> None:
    node = decoded(
        NodeThing,
        {
            "metadata": {
                "name": "n1",
                "labels": {"node-role.kubernetes.io/etcd": "true"},
                "annotations": {
                    "etcd.k3s.cattle.io/node-name": "n1-4f2a",
                    "etcd.k3s.cattle.io/node-address": "10.0.0.7",
                },
            }
        },
    )

    told = objects.node(node)

    assert (told.etcd_name, told.addresses, told.roles) == ("n1-4f2a", ("10.0.0.7",), ("etcd",))
    assert told.ready == "Unknown"


@pytest.mark.parametrize(
    ("name", "command", "is_one"),
    [
        pytest.param("etcd-backup", ["sh"], True, id="by its name"),
        pytest.param("nightly", ["etcdctl", "snapshot", "save", "/b"], True, id="by its command"),
        pytest.param("etcd-defrag", ["etcdctl", "defrag"], False, id="other work on etcd"),
        pytest.param("backup", ["velero"], False, id="a backup of something else"),
    ],
)
def test_a_job_saves_etcd_if_it_says_so(name: str, command: list[str], is_one: bool) -> None:
    spec = {"containers": [{"image": "r/x:1", "command": command}]}
    job = {
        "metadata": {"name": name, "namespace": "ops"},
        "spec": {"jobTemplate": {"spec": {"template": {"spec": spec}}}},
    }

    assert (objects.backup_job(decoded(CronThing, job)) is not None) == is_one


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-11-22T06:48:43.113545Z", 1_795_330_123.113545),
        ("2026-11-22T06:48:43Z", 1_795_330_123.0),
        ("yesterday", 0.0),
        (None, 0.0),
    ],
)
def test_times_are_read_with_their_zone(text: str | None, seconds: float) -> None:
    assert objects.moment(text) == pytest.approx(seconds)
