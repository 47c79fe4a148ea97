"""Gives what Kubernetes says of itself: nodes, leases, static pods, namespaces, API groups."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from etcdscope.model.kubernetes import APISERVER, Apis, Leases, Namespaces, NodeLease, Nodes
from etcdscope.model.ports import Pace
from etcdscope.model.reading import Failure, Observation, Reading
from etcdscope.model.signal_kubernetes import (
    KUBE_APIS,
    KUBE_ASKED,
    KUBE_BACKUP_JOBS,
    KUBE_DENIED,
    KUBE_LEASES,
    KUBE_NAMESPACES,
    KUBE_NODES,
    KUBE_PODS,
    KUBE_RENEWALS,
    KUBE_UNSEEN,
)
from etcdscope.sources.kubernetes import objects
from etcdscope.sources.kubernetes.client import KubernetesClient
from etcdscope.sources.kubernetes.errors import KubernetesError
from etcdscope.sources.kubernetes.mirror import Mirror
from etcdscope.sources.looking import Looking

if TYPE_CHECKING:
    from etcdscope.model.signal import Signal

_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
# A kubelet renews every 10 s: a quarter of the 40 s of its lease.
QUIET_SECONDS = 15.0
# How often one lease is read while none is renewed.
ASK_SECONDS = 5.0
# What has not answered by then is told as not seen, so that nobody waits for one kind of object.
FIRST_SECONDS = 3.0
_MOST_NAMED = 50
_DURATION = 40.0
_DENIED = {Failure.PERMISSION_DENIED, Failure.UNAUTHENTICATED}
STATIC_PODS = "component in (etcd,kube-apiserver)"


class KubernetesSource:
    """Follows one Kubernetes API and tells what it has.

    ``now``: unix seconds, by the clock that readings carry.
    Gives:   a Reading of what is known, at once after the first lists; kinds that cannot be read
             are told by name, with the reason.
    Errors:  none leave; a failure only where no kind could be read, or none any longer.
    """

    name = "kubernetes"
    pace = Pace(cadence=5.0, patience=12.0, zoomed=2.0)

    def __init__(self, client: KubernetesClient, now: Callable[[], float]) -> None:
        self._client = client
        self._now = now
        self._seen: dict[str, float] = {}  # node → when we saw its lease renewed
        self._renewals = 0
        self._asked_at = 0.0
        self._watched = 0.0
        self._nodes = Mirror(client, "/api/v1/nodes", objects.NodeThing)
        self._leases = Mirror(client, _LEASES, objects.LeaseThing, heard=self._renewed)
        self._pods = Mirror(
            client,
            "/api/v1/namespaces/kube-system/pods",
            objects.PodThing,
            params={"labelSelector": STATIC_PODS},
        )
        self._namespaces = Mirror(client, "/api/v1/namespaces", objects.NamespaceThing)
        self._api_services = Mirror(
            client, "/apis/apiregistration.k8s.io/v1/apiservices", objects.ApiServiceThing
        )
        self._resources = Mirror(
            client,
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
            objects.Thing,
            metadata_only=True,
        )
        self._cron_jobs = Mirror(client, "/apis/batch/v1/cronjobs", objects.CronThing)
        self._mirrors: Mapping[str, Mirror[Any]] = {
            "nodes": self._nodes,
            "leases": self._leases,
            "pods": self._pods,
            "namespaces": self._namespaces,
            "apiservices": self._api_services,
            "customresourcedefinitions": self._resources,
            "cronjobs": self._cron_jobs,
        }
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def read(self, endpoint: str, at: float) -> Reading:
        """Tell what is known now; the first time, once everything was asked for."""
        looking = Looking(self.name, endpoint, at)
        self._follow()
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_SECONDS):
                await asyncio.gather(*(m.tried.wait() for m in self._mirrors.values()))
        unseen = tuple(self._unseen())
        failures = [m.failure for m in self._mirrors.values()]
        if (why := failures[0]) and all(failures):
            return replace(looking.blind(why.failure, why.detail), observations=unseen)
        asked = await self._ask(at)
        return looking.gave((*unseen, *asked, *self._told(at)))

    async def pods(self) -> tuple[objects.PodThing, ...]:
        """Return the static pods, once they were asked for; nothing where they are not seen."""
        self._follow()
        await self._pods.tried.wait()
        return tuple(self._pods.items.values())

    async def servers(self) -> tuple[objects.NodeThing, ...]:
        """Return the nodes of the control plane, once they were asked for."""
        self._follow()
        await self._nodes.tried.wait()
        return tuple(n for n in self._nodes.items.values() if objects.is_server(n))

    @property
    def failure(self) -> KubernetesError | None:
        """Return why the static pods are not seen."""
        return self._pods.failure

    def apiservers(self) -> Mapping[str, str]:
        """Return the API servers that run as static pods: node → URL."""
        found: dict[str, str] = {}
        for thing in self._pods.items.values():
            pod = objects.static_pod(thing)
            if pod and pod.kind == APISERVER:
                host = pod.flag("advertise-address") or pod.address
                host = f"[{host}]" if ":" in host else host
                if host:
                    found[pod.node] = f"https://{host}:{pod.flag('secure-port') or 6443}"
        return found

    async def aclose(self) -> None:
        """Stop following."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _follow(self) -> None:
        """Start what does not run; a bug that ended one of them is raised here, and told."""
        for kind, mirror in self._mirrors.items():
            task = self._tasks.get(kind)
            if task is None or task.done():
                self._tasks[kind] = asyncio.create_task(mirror.run())
            if task is not None and task.done():
                task.result()

    # --- what is told --------------------------------------------------------------------------

    def _unseen(self) -> Iterator[Observation]:
        for kind, mirror in self._mirrors.items():
            late = "" if mirror.known else "it has not answered yet"
            why = mirror.failure.detail if mirror.failure else late
            denied = mirror.failure is not None and mirror.failure.failure in _DENIED
            yield Observation(KUBE_UNSEEN, why, kind)
            yield Observation(KUBE_DENIED, float(denied), kind)

    def _told(self, now: float) -> Iterator[Observation]:
        """Yield a fact for every kind that is kept up to date."""
        ready = {n.metadata.name: objects.ready(n) for n in self._nodes.items.values()}
        facts: tuple[tuple[Mirror[Any], Signal, Callable[[], Any]], ...] = (
            (self._nodes, KUBE_NODES, self._all_nodes),
            (self._leases, KUBE_LEASES, lambda: self._judgeable(now, ready)),
            (self._pods, KUBE_PODS, self._static_pods),
            (self._namespaces, KUBE_NAMESPACES, self._all_namespaces),
            (self._api_services, KUBE_APIS, self._apis),
            (self._cron_jobs, KUBE_BACKUP_JOBS, self._backup_jobs),
        )
        if self._leases.failure:
            self._watched = 0.0
        for mirror, signal, fact in facts:
            if mirror.known and mirror.failure is None:
                yield Observation(signal, fact())
        yield Observation(KUBE_RENEWALS, float(self._renewals))

    def _all_nodes(self) -> Nodes:
        hosts = {p.spec.node_name for p in self._pods.items.values()}
        return nodes(self._nodes.items.values(), hosts)

    def _static_pods(self) -> object:
        found = (objects.static_pod(p) for p in self._pods.items.values())
        return tuple(sorted((p for p in found if p), key=lambda p: p.name))

    def _all_namespaces(self) -> Namespaces:
        things = self._namespaces.items.values()
        leaving = sorted(
            (one for n in things if (one := objects.leaving(n))), key=lambda one: one.since
        )
        return Namespaces(len(things), tuple(leaving[:_MOST_NAMED]))

    def _apis(self) -> Apis:
        found = (objects.unavailable(a) for a in self._api_services.items.values())
        return Apis(tuple(sorted(self._resources.items)), tuple(sorted(u for u in found if u)))

    def _backup_jobs(self) -> object:
        found = (objects.backup_job(c) for c in self._cron_jobs.items.values())
        return tuple(sorted((j for j in found if j), key=lambda j: (j.namespace, j.name)))

    # --- leases --------------------------------------------------------------------------------

    def _renewed(self, now: objects.LeaseThing, before: objects.LeaseThing | None) -> None:
        if before is not None and now.spec.renew_time != before.spec.renew_time:
            self._seen[now.metadata.name] = self._now()
            self._renewals += 1

    def _judgeable(self, now: float, ready: Mapping[str, str]) -> Leases:
        self._watched = self._watched or now
        found = [
            NodeLease(
                lease.metadata.name,
                objects.moment(lease.spec.renew_time),
                lease.spec.lease_duration_seconds or _DURATION,
                self._seen.get(lease.metadata.name, 0.0),
                ready.get(lease.metadata.name, ""),
            )
            for lease in self._leases.items.values()
        ]
        stale = sorted(
            (one for one in found if one.age(now) > one.duration), key=lambda one: -one.age(now)
        )
        newest = max((now - one.age(now) for one in found), default=0.0)
        return Leases(len(found), len(stale), newest, self._watched, tuple(stale[:_MOST_NAMED]))

    async def _ask(self, now: float) -> tuple[Observation, ...]:
        """Read one lease while none is seen to be renewed: is it the kubelets, or our watch?"""
        leases = self._leases
        if not leases.items or leases.failure or now - self._asked_at < ASK_SECONDS:
            return ()
        told = self._judgeable(now, {})
        if now - told.newest <= QUIET_SECONDS:
            return ()
        self._asked_at = now
        known = max(leases.items.values(), key=lambda lease: lease.spec.renew_time or "")
        try:
            async with asyncio.timeout(ASK_SECONDS):
                _, body = await self._client.get(f"{_LEASES}/{known.metadata.name}")
        except KubernetesError as error:
            return (Observation(KUBE_ASKED, error.detail),)
        except TimeoutError:
            late = f"{self._client.server} gave no lease within {ASK_SECONDS:.0f} s"
            return (Observation(KUBE_ASKED, late),)
        if objects.lease_renewed(body) == (known.spec.renew_time or ""):
            return (Observation(KUBE_ASKED, "same"),)
        leases.doubt()  # our watch is late: begin anew
        return (Observation(KUBE_ASKED, "newer"),)


def nodes(things: Iterable[objects.NodeThing], hosts: Collection[str] = ()) -> Nodes:
    """Condense nodes: servers one by one, of the others the counts and those that are not ready.

    ``hosts``: nodes that have static pods of the control plane, whatever their labels say.
    """
    every = list(things)
    ready = sum(objects.ready(n) == "True" for n in every)
    servers = [n for n in every if objects.is_server(n) or n.metadata.name in hosts]
    named = {n.metadata.name for n in servers}
    unready = [n for n in every if objects.ready(n) != "True" and n.metadata.name not in named]
    return Nodes(
        len(every),
        ready,
        tuple(objects.node(n) for n in sorted(servers, key=lambda n: n.key)),
        tuple(objects.node(n) for n in sorted(unready, key=lambda n: n.key)[:_MOST_NAMED]),
    )
