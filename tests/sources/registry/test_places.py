"""Where a key belongs, and how its value is stored."""

import pytest

from etcdscope.sources.registry import envelopes
from etcdscope.sources.registry.places import group_and_plural, kubernetes, place


@pytest.mark.parametrize(
    ("key", "prefix", "resource", "namespace"),
    [
        ("/registry/pods/default/web-0", "/registry/pods", "pods", "default"),
        ("/registry/minions/cp-1", "/registry/minions", "minions", ""),
        ("/registry/namespaces/default", "/registry/namespaces", "namespaces", ""),
        ("/registry/services/specs/a/web", "/registry/services/specs", "services/specs", "a"),
        (
            "/registry/services/endpoints/a/web",
            "/registry/services/endpoints",
            "services/endpoints",
            "a",
        ),
        ("/registry/ranges/serviceips", "/registry/ranges/serviceips", "ranges/serviceips", ""),
        ("/registry/masterleases/192.0.2.1", "/registry/masterleases", "masterleases", ""),
        (
            "/registry/leases/kube-node-lease/cp-1",
            "/registry/leases",
            "leases",
            "kube-node-lease",
        ),
        (
            "/registry/db.example.org/databases/shop/main",
            "/registry/db.example.org/databases",
            "db.example.org/databases",
            "shop",
        ),
        (
            "/registry/policy.example.org/clusterpolicies/one",
            "/registry/policy.example.org/clusterpolicies",
            "policy.example.org/clusterpolicies",
            "",
        ),
        (
            "/registry/apiextensions.k8s.io/customresourcedefinitions/databases.db.example.org",
            "/registry/apiextensions.k8s.io/customresourcedefinitions",
            "apiextensions.k8s.io/customresourcedefinitions",
            "",
        ),
        (
            "/kubernetes.io/pods/default/web-0",
            "/kubernetes.io/pods",
            "kubernetes.io/pods",
            "default",
        ),
        ("/registry/health", "/registry/health", "health", ""),
        ("compact_rev_key", "compact_rev_key", "compact_rev_key", ""),
        ("/traefik/http/routers/a", "/traefik", "/traefik", ""),
        ("service/web/leader", "service", "service", ""),
        ("/", "/", "/", ""),
    ],
)
def test_a_key_belongs_to_a_resource(key: str, prefix: str, resource: str, namespace: str) -> None:
    found = place(key.encode())

    assert (found.prefix, found.resource, found.namespace) == (prefix.encode(), resource, namespace)


def test_a_name_need_not_be_text() -> None:
    assert place(b"/registry/pods/\xff/x").namespace == "\\xff"


@pytest.mark.parametrize(
    ("key", "mine"),
    [(b"/registry/pods", True), (b"/openshift.io/x", True), (b"registry/x", False), (b"/a", False)],
)
def test_kubernetes_has_its_roots(key: bytes, mine: bool) -> None:
    assert kubernetes(key) is mine


@pytest.mark.parametrize(
    ("resource", "found"),
    [
        ("db.example.org/databases", ("db.example.org", "databases")),
        ("services/specs", None),
        ("pods", None),
        ("kubernetes.io/db.example.org/databases", None),
    ],
)
def test_only_custom_resources_have_a_group(resource: str, found: tuple[str, str] | None) -> None:
    assert group_and_plural(resource) == found


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"k8s\0\n\x0c\n\x02v1", envelopes.PROTOBUF),
        (b'{"apiVersion":"v1"', envelopes.JSON),
        (b' \n{"apiVersion"', envelopes.JSON),
        (b"\xd9\xd9\xf7\xa4", envelopes.CBOR),
        (b"k8s:enc:kms:v2:key:", envelopes.ENCRYPTED),
        (b"k8s:enc:aescbc:v1:k", envelopes.ENCRYPTED),
        (b"", envelopes.EMPTY),
        (b"5608", envelopes.UNKNOWN),
        (b"k8s", envelopes.UNKNOWN),
    ],
)
def test_a_value_tells_by_its_first_bytes_how_it_is_stored(start: bytes, kind: str) -> None:
    assert envelopes.kind(start) == kind
