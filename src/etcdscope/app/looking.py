"""What looks at one cluster: the engine, on its sources, on the clients that they ask through."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from etcdscope.app.reaching import access_to, endpoints_of, open_kubernetes
from etcdscope.app.settings import Settings
from etcdscope.app.standing import backups_of
from etcdscope.detect.advertised import elsewhere
from etcdscope.detect.catalog import DETECTORS
from etcdscope.diagnose.step import REST, State
from etcdscope.engine import TICK, Deliver, Engine
from etcdscope.etcd.clients import Clients
from etcdscope.etcd.http import HttpClient
from etcdscope.etcd.settings import Access, Security
from etcdscope.model.census import REGISTRY_AT
from etcdscope.model.ports import Clock, Source
from etcdscope.model.reading import Observation
from etcdscope.model.window import Window
from etcdscope.sources.certificates import CertificatesSource
from etcdscope.sources.hashes import HashesSource, held_by
from etcdscope.sources.host import HostSource
from etcdscope.sources.members import MembersSource
from etcdscope.sources.metrics import MetricsSource
from etcdscope.sources.ports import AdvertisedSource, PortsSource
from etcdscope.sources.presence import PresenceSource
from etcdscope.sources.probe import ProbeSource
from etcdscope.sources.raftvars import RaftvarsSource
from etcdscope.sources.status import StatusSource, raft_is_seen

if TYPE_CHECKING:
    from etcdscope.sources.kubernetes.discovery import Found
    from etcdscope.sources.logs.opened import Logs
    from etcdscope.sources.registry.source import RegistrySource

# Makes what counts the keys, of what it takes to reach etcd.
Counting = Callable[[Security], Awaitable["RegistrySource"]]


@asynccontextmanager
async def open_engine(
    settings: Settings,
    clock: Clock,
    deliver: Deliver,
    *,
    tick: float = TICK,
    rest: float = REST,
    presence: bool = True,
    hashes: bool = True,
    own: Callable[[], Iterable[Observation]] = tuple,
    logs: "Logs | None" = None,
    start: State | None = None,
    counting: Counting | None = None,
    known: tuple[str, ...] = (),
) -> AsyncIterator[Engine]:
    """Open what it takes to look, and build the engine on it; ``known``: where etcd was before."""
    # 0.2 s, which in the midst of the first look would count as the member's time to answer.
    import aiohttp  # noqa: F401
    import grpc.aio  # noqa: F401

    def window() -> Window:
        return engine.state.window

    async with AsyncExitStack() as stack:
        kubernetes = await open_kubernetes(settings, clock, stack)
        access, found = await access_to(settings, kubernetes, known)
        backups = backups_of(settings)
        counted = await counting(access.security) if counting else None
        clients = Clients(access)
        stack.push_async_callback(clients.aclose)
        http = await stack.enter_async_context(HttpClient(access.security))
        # Not with etcd's certificates: a node_exporter is somebody else.
        plain = await stack.enter_async_context(HttpClient())
        held = PresenceSource(access.security, partial(_peer_url, window)) if presence else None
        if held:
            stack.push_async_callback(held.aclose)
        if logs:
            stack.push_async_callback(logs.aclose)
        engine = Engine(
            clock=clock,
            state=start or State(DETECTORS, settings.limits, rest=rest),
            sources=(
                *_of_members(access, clients, http, window, found),
                *((held,) if held else ()),
                *((_hashes(access, clients, clock, window),) if hashes else ()),
                HostSource(plain, settings.node_exporters, partial(_names, window)),
                AdvertisedSource(access.security, lambda e: elsewhere(window(), e)),
            ),
            given=await endpoints_of(access),
            deliver=deliver,
            tick=tick,
            own=own,
            left=clients.leave,
            standing=lambda: {
                **(logs.sources if logs else {}),
                **(kubernetes.sources() if kubernetes else {}),
                **backups,
                **({REGISTRY_AT: counted} if counted else {}),
            },
        )
        if counted:
            counted.look_at(window)
            engine.remember(counted.remembered())
        yield engine


def _of_members(
    access: Access,
    clients: Clients,
    http: HttpClient,
    window: Callable[[], Window],
    found: "Found | None",
) -> tuple[Source, ...]:
    """Return the sources of every member, in the order in which their first looks start.

    ``found``: where Kubernetes says that their pages are, if not at the client URLs.
    """
    peer = partial(_peer_url, window)
    return (
        StatusSource(clients, lambda: raft_is_seen(window())),
        MembersSource(clients),
        RaftvarsSource(http, found.pages if found else None),
        MetricsSource(http, found.metrics if found else None),
        PortsSource(access.security, peer),
        ProbeSource(clients, http),
        CertificatesSource(access.security, peer),
    )


def _hashes(
    access: Access, clients: Clients, clock: Clock, window: Callable[[], Window]
) -> HashesSource:
    anonymous = not (access.security.user or access.security.cert)
    return HashesSource(clients, clock, lambda: held_by(window()), anonymous=anonymous)


def _peer_url(window: Callable[[], Window], endpoint: str) -> str:
    """Return the peer URL of the member behind an endpoint, empty while it is not known."""
    member = window().member(window().endpoints.get(endpoint, ""))
    return member.peer_urls[0] if member and member.peer_urls else ""


def _names(window: Callable[[], Window], endpoint: str) -> tuple[str, ...]:
    """Return what the member behind an endpoint is called, nothing while it is not known."""
    member = window().endpoints.get(endpoint, "")
    return (window().label(member), member) if member else ()
