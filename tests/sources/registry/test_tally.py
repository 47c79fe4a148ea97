"""What a tally makes of keys."""

import pytest

from etcdscope.etcd.mvcc import Stored
from etcdscope.model.census import OTHER, Orphan
from etcdscope.sources.registry import tally as room
from etcdscope.sources.registry.tally import TOP, Tally

CRD = "/registry/apiextensions.k8s.io/customresourcedefinitions/"
API = "/registry/apiregistration.k8s.io/apiservices/"


def stored(
    key: str, size: int = 10, *, version: int = 1, revision: int = 5, lease: int = 0
) -> Stored:
    return Stored(key.encode(), revision, revision, version, size, lease, b"k8s\0")


def counted(*keys: str | Stored, hashed: bool = False, since: int = 0) -> Tally:
    tally = Tally(since, hashed)
    for key in keys:
        tally.live(stored(key) if isinstance(key, str) else key)
    return tally


def test_keys_add_up_by_resource_and_namespace() -> None:
    pods = ["/registry/pods/a/1", "/registry/pods/a/2", "/registry/pods/b/1"]
    cells = counted(*pods, "/registry/minions/n").cells()

    assert [(c.resource, c.namespace, c.keys, c.value_bytes) for c in cells] == [
        ("pods", "a", 2, 20),
        ("pods", "b", 1, 10),
        ("minions", "", 1, 10),
    ]


def test_the_heaviest_are_kept_whatever_order_they_come_in() -> None:
    keys = [stored(f"/registry/pods/a/{n:03}", n % 40, version=1 + n % 30) for n in range(200)]
    one, other = counted(*keys), counted(*reversed(keys))

    assert one.largest == other.largest
    assert one.rewritten == other.rewritten
    sizes = sorted((n % 40 for n in range(200)), reverse=True)
    assert [key.value_bytes for key in one.largest] == sizes[:TOP]


def test_what_was_never_rewritten_is_not_among_the_rewritten() -> None:
    assert counted("/registry/pods/a/1").rewritten == ()


def test_names_of_secrets_can_be_hidden_and_stay_the_same() -> None:
    key = "/registry/secrets/shop/database-password"
    shown = {k.key for k in counted(key, "/registry/pods/a/web", hashed=True).largest}

    assert "/registry/pods/a/web" in shown
    assert not any("database-password" in name for name in shown)
    hidden = next(name for name in shown if "secrets" in name)
    assert hidden.startswith("/registry/secrets/shop/sha256:")
    assert hidden in {k.key for k in counted(key, hashed=True).largest}


def test_helm_releases_are_counted_by_name() -> None:
    names = [
        f"/registry/secrets/shop/sh.helm.release.v1.{n}" for n in ("web.v1", "web.v2", "a.b.v9")
    ]
    helm = counted(*names, "/registry/secrets/shop/web", "/registry/pods/a/sh.helm.release.v1.x.v1")

    assert (helm.helm.keys, helm.helm.releases, helm.helm.longest) == (3, 2, 2)


def test_leases_and_changes_are_counted() -> None:
    tally = counted(
        stored("/registry/events/a/1", lease=7, revision=9),
        stored("/registry/events/a/2", lease=7, revision=10),
        stored("/registry/events/a/3", lease=8, revision=11),
        since=9,
    )
    cell = tally.cells()[0]
    assert (cell.leased, len(tally.leases), cell.changed) == (3, 2, 2)


@pytest.mark.parametrize(
    ("keys", "orphaned"),
    [
        pytest.param(
            ["/registry/db.example.org/databases/a/1"],
            ["db.example.org/databases"],
            id="no definition at all",
        ),
        pytest.param(
            ["/registry/db.example.org/databases/a/1", f"{CRD}databases.db.example.org"],
            [],
            id="defined",
        ),
        pytest.param(
            [
                "/registry/db.example.org/databases/a/1",
                "/registry/db.example.org/users/a/1",
                f"{CRD}users.db.example.org",
                f"{API}v1.db.example.org",
            ],
            ["db.example.org/databases"],
            id="the group lives on with another resource",
        ),
        pytest.param(
            ["/registry/wardle.example.com/flunders/a/1", f"{API}v1alpha1.wardle.example.com"],
            [],
            id="may be an aggregated API server's",
        ),
        pytest.param([f"{CRD}x.example.org", f"{API}v1.apps"], [], id="the API server's own"),
        pytest.param(["/registry/pods/a/1", "/registry/services/specs/a/1"], [], id="built in"),
        pytest.param(["/other/example.org/x"], [], id="not Kubernetes'"),
    ],
)
def test_custom_resources_without_a_definition_are_orphans(
    keys: list[str], orphaned: list[str]
) -> None:
    assert [orphan.resource for orphan in counted(*keys).orphans()] == orphaned


def test_orphans_come_with_their_size() -> None:
    tally = counted("/registry/a.io/xs/n/1", "/registry/a.io/xs/m/1", "/registry/b.io/ys/1")
    assert tally.orphans()[0] == Orphan("a.io/xs", 2, 2 * (10 + len("/registry/a.io/xs/n/1")))


def test_memory_is_bounded_by_what_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    foreign = counted(*(f"key-{n}" for n in range(3 * room.MOST_FOREIGN)))
    assert len(foreign.cells()) == room.MOST_FOREIGN + 1
    assert foreign.seen == 3 * room.MOST_FOREIGN
    assert {c.resource for c in foreign.cells()} >= {OTHER}

    monkeypatch.setattr(room, "MOST_CELLS", 50)
    many = counted(*(f"/registry/pods/ns-{n}/x" for n in range(200)))
    assert len(many.cells()) == 51
    assert sum(c.keys for c in many.cells()) == 200
