"""The recorded Kubernetes, read over HTTP and judged: quiet where it is well, bent to each id."""

from collections.abc import Callable

import pytest
from tests.kubernetes import recorded
from tests.kubernetes.judging import (
    World,
    counted,
    judged,
    members,
    serious,
    with_lines,
    with_value,
)
from tests.kubernetes.recorded import API_SERVICES, CRON_JOBS, NAMESPACES, NODES, PODS, RECORDED_AT
from tests.kubernetes.server import Trouble

from etcdscope.model.finding import Severity

HOUR = 3600.0
Bend = Callable[[World], None]


async def test_the_healthy_recording_is_quiet() -> None:
    world = World.well()
    world.bodies = recorded.raw("metrics.txt"), recorded.raw("metrics.t30.txt")

    found = await judged(world)

    assert not found.findings
    assert not found.blind_spots


async def test_the_misfits_of_the_recording_are_named_and_nothing_else() -> None:
    """cp-3 has no etcd pod though its member lives; worker-023's lease is stale; worker-017."""
    found = await judged(World())

    assert {(f.detector, f.subject.name, str(f.severity)) for f in found.findings} == {
        ("etcd-pod-missing", "a3", "warning"),
        ("node-leases-stale", "worker-023", "warning"),
        ("node-not-ready", "worker-017", "info"),
    }
    said = {f.detector: f.summary for f in found.findings}
    assert said["etcd-pod-missing"].startswith("etcd-3 lives on cp-3, which has no etcd pod")
    assert "37 min" in said["node-leases-stale"]
    assert "its kubelet says so itself" in said["node-not-ready"]


# --- bends: each makes one thing wrong -----------------------------------------------------------


def _node_deleted(w: World) -> None:
    w.api.lists[NODES].remove(w.node("cp-3"))
    w.api.lists[PODS] = [p for p in w.api.lists[PODS] if not p["metadata"]["name"].endswith("cp-3")]
    w.down = ("a3",)


def _member_removed(w: World) -> None:
    w.members = w.members[:2]
    w.api.lists[PODS].remove(w.pods("etcd-cp-3")[0])
    w.node("cp-3")["metadata"]["creationTimestamp"] = recorded.stamp(RECORDED_AT - 9 * HOUR)


def _readdressed(w: World) -> None:
    w.node("cp-2")["status"]["addresses"] = [
        {"type": "InternalIP", "address": "127.0.1.99"},
        {"type": "Hostname", "address": "cp-2"},
    ]
    for pod in w.pods("etcd-cp-2"):
        w.flag(pod, "listen-peer-urls", "https://127.0.1.99:2380")


def _pinned_elsewhere(w: World) -> None:
    w.flag(w.pods("kube-apiserver-cp-2")[0], "etcd-servers", "https://127.0.1.11:2379")


def _all_pinned(w: World) -> None:
    for pod in w.pods("kube-apiserver"):
        w.flag(pod, "etcd-servers", "https://127.0.1.13:2379")


def _drifted(w: World) -> None:
    w.flag(w.pods("etcd-cp-1")[0], "quota-backend-bytes", "8589934592")


def _kill_loop(w: World) -> None:
    pod = w.pods("etcd-cp-2")[0]
    pod["spec"]["containers"][0]["livenessProbe"]["httpGet"]["path"] = "/health"
    (status,) = pod["status"]["containerStatuses"]
    status["restartCount"] = 9
    status["lastState"] = {
        "terminated": {
            "exitCode": 0,
            "reason": "Completed",
            "startedAt": recorded.stamp(RECORDED_AT - 200),
            "finishedAt": recorded.stamp(RECORDED_AT - 100),
        }
    }


def _stalled(w: World) -> None:
    w.renewing = False
    for lease in w.api.lists[recorded.LEASES]:
        lease["spec"]["renewTime"] = recorded.stamp(RECORDED_AT - 2)


def _stuck(w: World) -> None:
    (one,) = [n for n in w.api.lists[NAMESPACES] if n["metadata"]["name"] == "media-dev"]
    one["metadata"]["deletionTimestamp"] = recorded.stamp(RECORDED_AT - 3 * HOUR)
    one["status"] = {
        "phase": "Terminating",
        "conditions": [
            {
                "type": "NamespaceDeletionDiscoveryFailure",
                "status": "True",
                "message": "metrics.k8s.io/v1beta1: stale GroupVersion discovery",
            }
        ],
    }
    condition = {"type": "Available", "status": "False", "message": "no endpoints"}
    service = {
        "metadata": {"name": "v1beta1.metrics.k8s.io"},
        "status": {"conditions": [condition]},
    }
    w.api.lists[API_SERVICES].append(service)


def _other_etcd(w: World) -> None:
    w.revision = -20_000.0


def _other_size(w: World) -> None:
    first, second = w.bodies[:2]
    name = "apiserver_storage_size_bytes"
    w.bodies = with_value(first, name, 4 << 30), with_value(second, name, 4 << 30)


def _uncounted(w: World) -> None:
    first, second = w.bodies[:2]
    name = "apiserver_storage_objects"
    w.bodies = with_value(first, name, -1), with_value(second, name, -1)


_FALLBACK = (
    'apiserver_watch_cache_consistent_read_total{fallback="true",resource="x",success="true"}'
)


def _falls_back(w: World) -> None:
    first, second = w.bodies[:2]
    w.bodies = with_lines(first, f"{_FALLBACK} 0"), with_lines(second, f"{_FALLBACK} 900")


_DIFFERS = 'apiserver_storage_consistency_checks_total{resource="pods",status="failure"}'


def _differs(w: World) -> None:
    first, second = w.bodies[:2]
    w.bodies = first, with_lines(second, f"{_DIFFERS} 1")


_SECONDS = "etcd_request_duration_seconds"


def _slow(w: World, resource: str = "pods", seconds: float = 1.8) -> None:
    labels = f'group="",operation="update",resource="{resource}"'
    first, second = w.bodies[:2]
    w.bodies = (
        counted(first, _SECONDS, labels, seconds, 0),
        counted(second, _SECONDS, labels, seconds, 400),
    )


def _events_slow(w: World) -> None:
    for pod in w.pods("kube-apiserver"):
        w.flag(pod, "etcd-servers-overrides", "/events#https://192.0.2.9:2379")
    _slow(w, "events", 0.0)
    labels = 'group="",operation="list",resource="events"'  # about many: not apiserver-etcd-slow
    first, second = w.bodies[:2]
    w.bodies = (
        counted(first, _SECONDS, labels, 2.5, 0),
        counted(second, _SECONDS, labels, 2.5, 4000),
    )


_FAILED = 'apiserver_request_total{code="500",resource="pods",verb="POST"}'


def _failing(w: World) -> None:
    first, second = w.bodies[:2]
    w.bodies = first, with_lines(second, f"{_FAILED} 100")  # it appears with the first failure


def _etcd_check_fails(w: World) -> None:
    w.api.ready = False
    w.api.readyz = b"[+]ping ok\n[-]etcd failed: reason withheld\n[+]log ok\nreadyz check failed\n"


def _no_backup(w: World) -> None:
    command = ["etcdctl", "snapshot", "save", "/backup/db"]
    container = {"name": "b", "image": "x/y:1", "command": command}
    pod = {"spec": {"containers": [container]}}
    job = {
        "metadata": {
            "name": "nightly",
            "namespace": "ops",
            "creationTimestamp": recorded.stamp(RECORDED_AT - 900 * HOUR),
        },
        "spec": {"schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": pod}}},
        "status": {"lastSuccessfulTime": recorded.stamp(RECORDED_AT - 80 * HOUR)},
    }
    w.api.lists[CRON_JOBS].append(job)


def _another_zone(w: World) -> None:
    for name, zone in (("cp-1", "far"), ("cp-2", "near"), ("cp-3", "near")):
        w.node(name)["metadata"]["labels"]["topology.kubernetes.io/zone"] = zone


BENDS = [
    pytest.param(_node_deleted, {("member-without-node", "a3")}, id="member-without-node"),
    pytest.param(_member_removed, {("node-without-member", "cp-3")}, id="node-without-member"),
    pytest.param(_readdressed, {("member-address-differs", "a2")}, id="member-address-differs"),
    pytest.param(_pinned_elsewhere, {("apiserver-pinned", "cp-2")}, id="apiserver-pinned: one"),
    pytest.param(_all_pinned, {("apiserver-pinned", "cluster")}, id="apiserver-pinned: all"),
    pytest.param(_drifted, {("flags-drift", "cluster")}, id="flags-drift"),
    pytest.param(_kill_loop, {("liveness-kill-loop", "a2")}, id="liveness-kill-loop"),
    pytest.param(_stalled, {("node-leases-stale", "cluster")}, id="node-leases-stale: all"),
    pytest.param(_stuck, {("namespace-stuck", "media-dev")}, id="namespace-stuck"),
    pytest.param(
        _other_etcd,
        {("apiserver-view-differs", f"cp-{i}") for i in (1, 2, 3)},
        id="apiserver-view-differs: revision",
    ),
    pytest.param(
        _other_size,
        {("apiserver-view-differs", f"cp-{i}") for i in (1, 2, 3)},
        id="apiserver-view-differs: size",
    ),
    pytest.param(
        _uncounted,
        {("apiserver-view-differs", f"cp-{i}") for i in (1, 2, 3)},
        id="apiserver-view-differs: counts",
    ),
    pytest.param(
        _falls_back,
        {("watch-cache-lagging", f"cp-{i}") for i in (1, 2, 3)},
        id="watch-cache-lagging: reads go past it",
    ),
    pytest.param(
        _differs,
        {("watch-cache-lagging", f"cp-{i}") for i in (1, 2, 3)},
        id="watch-cache-lagging: it differs from etcd",
    ),
    pytest.param(
        _slow, {("apiserver-etcd-slow", f"cp-{i}") for i in (1, 2, 3)}, id="apiserver-etcd-slow"
    ),
    pytest.param(_events_slow, {("storage-override-sick", "events")}, id="storage-override-sick"),
    pytest.param(
        _failing,
        {("apiserver-writes-failing", f"cp-{i}") for i in (1, 2, 3)},
        id="apiserver-writes-failing",
    ),
    pytest.param(
        _etcd_check_fails,
        {("apiserver-unready", f"cp-{i}") for i in (1, 2, 3)},
        id="apiserver-unready",
    ),
    pytest.param(_no_backup, {("backup-stale", "cluster")}, id="backup-stale"),
]


@pytest.mark.parametrize(("bend", "told"), BENDS)
async def test_what_is_bent_is_told_and_nothing_else(
    bend: Bend, told: set[tuple[str, str]]
) -> None:
    world = World.well()
    bend(world)

    found = await judged(world)

    assert serious(found) == told


async def test_a_leader_in_a_zone_of_its_own_is_a_note() -> None:
    world = World.well()
    _another_zone(world)
    world.bodies = (*world.bodies, world.bodies[1])  # it has led for a minute by then

    found = await judged(world)

    (note,) = found.findings
    assert (note.detector, note.severity) == ("leader-misplaced", Severity.INFO)
    assert "zone far" in note.summary


async def test_an_etcd_of_its_own_fits_no_node_and_that_is_well() -> None:
    world = World.well()
    world.members = members(one="192.0.2.1", two="192.0.2.2", three="192.0.2.3")
    for pod in world.pods("etcd-cp"):
        world.api.lists[PODS].remove(pod)
    servers = ",".join(f"https://192.0.2.{i}:2379" for i in (1, 2, 3))
    for pod in world.pods("kube-apiserver"):
        world.flag(pod, "etcd-servers", servers)

    found = await judged(world)

    assert not found.findings


async def test_a_managed_control_plane_is_judged_and_says_what_it_does_not_see() -> None:
    world = World.well()
    world.members = ()
    world.api.lists[PODS] = []
    _slow(world)

    found = await judged(world)

    assert serious(found) == {("apiserver-etcd-slow", "elsewhere")}
    (spot,) = found.blind_spots
    assert (spot.source, spot.detector) == ("etcd", "etcd-unseen")
    assert "API servers alone" in spot.why


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        pytest.param(NODES, 403, "nodes not seen: 127.0.0.1", id="one kind is denied"),
        pytest.param("*", 401, "token", id="nobody knows us"),
        pytest.param("/metrics", 403, "forbidden", id="metrics are denied"),
    ],
)
async def test_what_is_denied_is_a_blind_spot_and_never_a_fault(
    path: str, status: int, says: str
) -> None:
    world = World.well()
    world.api.troubles[path] = Trouble(status)

    found = await judged(world)

    assert serious(found) == set()
    assert any(says in spot.why for spot in found.blind_spots)
    assert all("docs/kubernetes.md" in spot.remedy for spot in found.blind_spots)
