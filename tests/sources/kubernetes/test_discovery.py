"""Where etcd is, by static pods of several kinds of clusters."""

from pathlib import Path

import pytest
from tests.kubernetes import recorded
from tests.kubernetes.server import TOKEN, FakeKubernetes, serving

from etcdscope.model.kubernetes import APISERVER, ETCD, Node, StaticPod
from etcdscope.sources.kubernetes.client import KubernetesClient
from etcdscope.sources.kubernetes.discovery import MANAGED, find
from etcdscope.sources.kubernetes.kubeconfig import Credentials
from etcdscope.sources.kubernetes.source import KubernetesSource


def etcd(node: str, **flags: str) -> StaticPod:
    told = tuple((name.replace("_", "-"), value) for name, value in flags.items())
    return StaticPod(ETCD, f"etcd-{node}", node, f"10.0.0.{node[-1]}", flags=told)


def apiserver(node: str, servers: str, **flags: str) -> StaticPod:
    told = tuple((name.replace("_", "-"), value) for name, value in flags.items())
    return StaticPod(
        APISERVER,
        f"kube-apiserver-{node}",
        node,
        f"10.0.0.{node[-1]}",
        flags=(("etcd-servers", servers), *told),
    )


def pki(folder: Path, *names: str) -> dict[str, str]:
    for name in names:
        (folder / f"{name}.crt").write_text("x")
        (folder / f"{name}.key").write_text("x")
    (folder / "ca.crt").write_text("x")
    return {
        "trusted_ca_file": f"{folder}/ca.crt",
        "cert_file": f"{folder}/server.crt",
        "key_file": f"{folder}/server.key",
    }


def test_etcd_is_where_its_pods_advertise_it() -> None:
    found = find(
        [etcd(f"n{i}", advertise_client_urls=f"http://10.0.0.{i}:2379") for i in (1, 2)], ()
    )

    assert found.endpoints == ("http://10.0.0.1:2379", "http://10.0.0.2:2379")
    assert found.security is None


@pytest.mark.parametrize(
    ("present", "shown"),
    [
        pytest.param(("server", "healthcheck-client"), "healthcheck-client", id="that of probes"),
        pytest.param(("server",), "server", id="a member's own where there is no other"),
        pytest.param((), "", id="none that may be read"),
    ],
)
def test_the_certificate_that_may_do_the_least_is_shown(
    tmp_path: Path, present: tuple[str, ...], shown: str
) -> None:
    pod = etcd("n1", advertise_client_urls="https://10.0.0.1:2379", **pki(tmp_path, *present))

    found = find([pod], ())

    assert (found.security is None) == (not shown)
    if found.security and found.security.cert:
        assert found.security.cert.stem == shown
    assert any((shown or "cannot be read") in n for n in found.notices)


def test_metrics_are_read_where_others_reach_them() -> None:
    url = "https://10.0.0.1:2379"
    near = etcd("n1", advertise_client_urls=url, listen_metrics_urls="http://127.0.0.1:2381")
    far = etcd("n1", advertise_client_urls=url, listen_metrics_urls="http://10.0.0.1:2381")

    assert find([near], ()).metrics == {}
    assert find([far], ()).metrics == {url: "http://10.0.0.1:2381"}


def test_without_pods_of_etcd_it_is_what_the_api_servers_dial() -> None:
    """A loopback of theirs is their node, as seen from here."""
    found = find([apiserver("n1", "https://127.0.0.1:2379"), apiserver("n2", "https://e:2379")], ())

    assert found.endpoints == ("https://10.0.0.1:2379", "https://e:2379")


def test_where_flags_stand_in_a_file_it_is_the_nodes_with_the_role() -> None:
    nodes = [Node("n1", ("10.0.0.1",), ("etcd",)), Node("n2", ("fd00::2",), ("control-plane",))]

    assert find([etcd("n1", config_file="/x")], nodes).endpoints == ("https://10.0.0.1:2379",)


def test_where_nothing_is_shown_it_is_managed_and_says_so() -> None:
    found = find((), (Node("w1", ("10.0.0.9",), ()),))

    assert (found.endpoints, found.notices) == ((), (MANAGED,))


async def test_the_recorded_cluster_tells_its_endpoints_and_its_api_servers() -> None:
    api = FakeKubernetes(lists=recorded.healthy(recorded.RECORDED_AT))
    async with serving(api), KubernetesClient(Credentials(server=api.url, token=TOKEN)) as client:
        source = KubernetesSource(client, lambda: recorded.RECORDED_AT)
        await source.pods()
        servers = source.apiservers()
        await source.aclose()

    assert servers == {f"cp-{i}": f"https://127.0.1.1{i}:6443" for i in (1, 2, 3)}
