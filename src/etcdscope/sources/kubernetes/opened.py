"""One Kubernetes, opened: its client, and the sources that look at it and at its API servers."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Self
from urllib.parse import urlsplit

from etcdscope.model.ports import Source
from etcdscope.model.reading import Failure
from etcdscope.model.signal_kubernetes import APISERVER_PREFIX, KUBERNETES
from etcdscope.sources.kubernetes import objects
from etcdscope.sources.kubernetes.apiserver import ApiserverSource
from etcdscope.sources.kubernetes.client import KubernetesClient
from etcdscope.sources.kubernetes.discovery import Found, find
from etcdscope.sources.kubernetes.errors import KubernetesError
from etcdscope.sources.kubernetes.kubeconfig import KubernetesSettings, credentials
from etcdscope.sources.kubernetes.source import KubernetesSource

FIND_SECONDS = 15.0
_SLICES = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes"
_MOST_SERVERS = 32


class Kubernetes:
    """Looks at one Kubernetes. Errors at the start: SettingsError, KubernetesError."""

    def __init__(self, settings: KubernetesSettings, now: Callable[[], float]) -> None:
        self._client = KubernetesClient(credentials(settings))
        self._source = KubernetesSource(self._client, now)
        self._servers: dict[str, ApiserverSource] = {}
        self._listed: dict[str, str] = {}

    @property
    def server(self) -> str:
        """Return where the API is."""
        return self._client.server

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._source.aclose()
        await self._client.aclose()

    async def find(self) -> Found:
        """Return where etcd is; nothing where its servers are somebody else's.

        Errors: KubernetesError where the API does not answer at all, or not in time: one whose etcd
        is in trouble takes connections and hangs, and is no managed control plane.
        """
        try:
            async with asyncio.timeout(FIND_SECONDS):
                things = await self._source.pods()
                servers = await self._source.servers()
        except TimeoutError:
            late = f"{self.server} lists no pods and nodes within {FIND_SECONDS:.0f} s"
            raise KubernetesError(
                Failure.TIMEOUT, f"{late}; see whether the API server and its etcd run."
            ) from None
        failure = self._source.failure
        if not things and not servers and failure:
            raise failure
        pods = [pod for thing in things if (pod := objects.static_pod(thing))]
        found = find(pods, [objects.node(n) for n in servers])
        if not pods:
            self._listed = await self._endpoints()
        return found

    def sources(self) -> Mapping[str, Source]:
        """Return the sources by their endpoints; API servers come and go with their pods."""
        wanted = self._source.apiservers() or self._listed
        wanted = dict(list(wanted.items())[:_MOST_SERVERS])
        known = [s for at in wanted if (s := self._servers.get(f"{APISERVER_PREFIX}{at}"))]
        if len(known) == len(wanted) and all(one.away for one in known):
            # Their own addresses are not for us, as outside of the cluster's network; or none is
            # known. Then it is the one that we speak with.
            wanted[self._host()] = self._client.server
        for name, url in wanted.items():
            at = f"{APISERVER_PREFIX}{name}"
            if at not in self._servers or self._servers[at].server != url:
                self._servers[at] = ApiserverSource(self._client, url, name)
        for at in set(self._servers) - {f"{APISERVER_PREFIX}{name}" for name in wanted}:
            del self._servers[at]
        return {KUBERNETES: self._source, **self._servers}

    def _host(self) -> str:
        return urlsplit(self._client.server).netloc

    async def _endpoints(self) -> dict[str, str]:
        """Return the API servers behind the service ``kubernetes``: address → URL."""
        try:
            async with asyncio.timeout(FIND_SECONDS):
                _, body = await self._client.get(_SLICES)
            told = objects.decode_slice(body)
        except (KubernetesError, TimeoutError, objects.DecodeError):
            return {}
        port = next((p.port for p in told.ports or () if p.port), 443)
        hosts = [a for e in told.endpoints or () for a in e.addresses or ()]
        named = [f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host in hosts]
        return {name: f"https://{name}" for name in named}
