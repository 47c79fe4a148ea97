"""Two looks at the recorded Kubernetes, half a minute apart, beside a healthy etcd; then judged."""

import re
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace

from tests.kubernetes import recorded
from tests.kubernetes.recorded import RECORDED_AT, Object
from tests.kubernetes.server import TOKEN, FakeKubernetes, serving

from etcdscope.detect.catalog import DETECTORS
from etcdscope.detect.runner import judge
from etcdscope.model.cluster import Member, MemberList
from etcdscope.model.finding import Severity
from etcdscope.model.incident import Judged
from etcdscope.model.reading import Failure, Observation, Reading
from etcdscope.model.signal import (
    CLUSTER_ID,
    COMMITTED_INDEX,
    DB_BYTES,
    LEADER,
    MEMBER_LIST,
    RAFT_LEAD,
    RAFT_STATE,
    REVISION,
    VERSION,
)
from etcdscope.model.signal_kubernetes import APISERVER_CACHE_REVISION, APISERVER_PREFIX, KUBERNETES
from etcdscope.model.window import Window, slide
from etcdscope.sources.kubernetes.apiserver import ApiserverSource, observed
from etcdscope.sources.kubernetes.client import KubernetesClient
from etcdscope.sources.kubernetes.kubeconfig import Credentials
from etcdscope.sources.kubernetes.source import KubernetesSource

FAMILIES = frozenset(
    {
        "placement",
        "static_pods",
        "kubelets",
        "apiservers",
        "apiserver_cache",
        "namespaces",
        "leader_place",
        "backups",
        "unseen",
    }
)
APART = 30.0
DB = 90_071_040.0  # what the recorded API server tells
Bodies = tuple[bytes, ...]


def members(**hosts: str) -> tuple[Member, ...]:
    """Return members of these names at these hosts; the recorded three where none is named."""
    hosts = hosts or {f"etcd-{i}": f"127.0.1.1{i}" for i in (1, 2, 3)}
    return tuple(
        Member(f"a{i}", name.replace("_", "-"), (f"https://{at}:2380",), (f"https://{at}:2379",))
        for i, (name, at) in enumerate(hosts.items(), 1)
    )


@dataclass
class World:
    """A Kubernetes and an etcd as they are at both looks. ``down``: members that do not answer."""

    api: FakeKubernetes = field(default_factory=FakeKubernetes)
    members: tuple[Member, ...] = field(default_factory=members)
    down: tuple[str, ...] = ()
    bodies: Bodies = field(
        default_factory=lambda: (recorded.slim("metrics.txt"), recorded.slim("metrics.t30.txt"))
    )
    revision: float = 0.0  # of etcd beyond what the API servers saw
    between: Callable[["World"], None] = lambda _: None
    renewing: bool = True
    at: float = RECORDED_AT

    @classmethod
    def well(cls) -> "World":
        """Return the recording without its misfits."""
        return cls(FakeKubernetes(lists=recorded.healthy(RECORDED_AT)))

    def pods(self, kind: str) -> list[Object]:
        """Return the static pods of a kind."""
        served = self.api.lists[recorded.PODS]
        return [p for p in served if p["metadata"]["name"].startswith(kind)]

    def flag(self, pod: Object, name: str, value: str) -> None:
        """Set a flag of a pod's command."""
        command = pod["spec"]["containers"][0]["command"]
        kept = [w for w in command if not w.startswith(f"--{name}=")]
        pod["spec"]["containers"][0]["command"] = [*kept, f"--{name}={value}"]

    def node(self, name: str) -> Object:
        """Return a node."""
        (found,) = [n for n in self.api.lists[recorded.NODES] if n["metadata"]["name"] == name]
        return found

    def lease(self, name: str) -> Object:
        """Return a node's lease."""
        (found,) = [n for n in self.api.lists[recorded.LEASES] if n["metadata"]["name"] == name]
        return found


async def judged(world: World) -> Judged:
    """Look twice at all of it, and judge."""
    window = await looked(world)
    detectors = [d for d in DETECTORS if d.family in FAMILIES]
    found = judge(detectors, window)
    assert not [f.traceback for f in found.findings if f.traceback]
    return found


async def looked(world: World) -> Window:
    """Return the window after two looks."""
    now = [world.at]
    window = Window(began=world.at - 600.0)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(serving(world.api))
        client = await stack.enter_async_context(
            KubernetesClient(Credentials(server=world.api.url, token=TOKEN))
        )
        source = KubernetesSource(client, lambda: now[0])
        stack.push_async_callback(source.aclose)
        for number, body in enumerate(world.bodies):
            if number:
                world.between(world)
                if world.renewing:
                    await _renew(world, now[0] + APART)
            now[0] = world.at + number * APART
            world.api.metrics = body
            readings = [
                *await _of_kubernetes(source, client, world, now[0]),
                *_of_etcd(world, body, now[0]),
            ]
            window = slide(window, readings, now[0] + 1.0)
    return window


async def _of_kubernetes(
    source: KubernetesSource, client: KubernetesClient, world: World, at: float
) -> list[Reading]:
    readings = [await source.read(KUBERNETES, at)]
    for name in source.apiservers() or {"elsewhere": ""}:
        one = ApiserverSource(client, world.api.url, name)
        readings.append(await one.read(f"{APISERVER_PREFIX}{name}", at))
    return [replace(r, took=0.1) for r in readings]


def _of_etcd(world: World, body: bytes, at: float) -> Iterable[Reading]:
    seen = [o.value for o in observed(body) if o.signal is APISERVER_CACHE_REVISION]
    revision = max((v for v in seen if isinstance(v, float)), default=0.0) + world.revision
    for member in world.members:
        url = member.client_urls[0]
        if member.id in world.down:
            yield Reading.failed("status", url, at + 0.5, Failure.REFUSED, "nobody listens")
            continue
        told = (
            Observation(CLUSTER_ID, "c1"),
            Observation(LEADER, world.members[0].id),
            Observation(VERSION, "3.5.30"),
            Observation(REVISION, revision),
            Observation(COMMITTED_INDEX, revision + 100.0),
            Observation(DB_BYTES, DB),
        )
        yield Reading("status", url, at + 0.5, 0.01, member.id, told)
        state = "leader" if member is world.members[0] else "follower"
        raft = (Observation(RAFT_LEAD, world.members[0].id), Observation(RAFT_STATE, state))
        yield Reading("raftvars", url, at + 0.5, 0.01, member.id, raft)
        listed = (Observation(MEMBER_LIST, MemberList(world.members, linearizable=True)),)
        yield Reading("members", url, at + 0.5, 0.01, member.id, listed)


async def _renew(world: World, at: float) -> None:
    """Renew what was renewed before: what is stale stays so."""
    for lease in list(world.api.lists[recorded.LEASES]):
        renewed = recorded.seconds(lease["spec"]["renewTime"])
        if world.at - renewed < 40.0:
            spec = {**lease["spec"], "renewTime": recorded.stamp(at - 3.0)}
            await world.api.put(recorded.LEASES, {**lease, "spec": spec})


def serious(found: Judged) -> set[tuple[str, str]]:
    """Return cause and subject of every warning and critical finding."""
    return {
        (f.detector, f.subject.name or f.subject.kind)
        for f in found.findings
        if f.severity > Severity.INFO
    }


# --- bending metrics -----------------------------------------------------------------------------


def counted(body: bytes, metric: str, labels: str, seconds: float, times: int) -> bytes:
    """Return the body with one more series of a histogram: so many requests that took so long."""
    pattern = rb'^%s_bucket\{[^}]*le="([^"]+)"' % metric.encode()
    bounds = sorted({float(b) for b in re.findall(pattern, body, re.MULTILINE)})
    lines = [
        f'{metric}_bucket{{{labels},le="{_bound(b)}"}} {times if b >= seconds else 0}'
        for b in bounds
    ]
    lines += [f"{metric}_sum{{{labels}}} {seconds * times}", f"{metric}_count{{{labels}}} {times}"]
    return body + "\n".join(lines).encode() + b"\n"


def _bound(bound: float) -> str:
    return "+Inf" if bound == float("inf") else f"{bound:g}"


def with_lines(body: bytes, *lines: str) -> bytes:
    """Return the body with more lines."""
    return body + "\n".join(lines).encode() + b"\n"


def with_value(body: bytes, metric: str, value: float) -> bytes:
    """Return the body with another value in all series of a metric."""
    pattern = rb"^(%s(?:\{[^}]*\})?) .*$" % metric.encode()
    return re.sub(pattern, rb"\1 %d" % value, body, flags=re.MULTILINE)
