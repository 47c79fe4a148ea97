"""The composition root: settings become parts, and the parts run in one TaskGroup."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from etcdscope.detect.advertised import elsewhere
from etcdscope.detect.catalog import DETECTORS
from etcdscope.diagnose.step import REST, State, step
from etcdscope.engine import Deliver, Engine, SystemClock
from etcdscope.etcd.client import EtcdClient
from etcdscope.etcd.http import HttpClient
from etcdscope.etcd.settings import Access, Security
from etcdscope.fleet import Shared, Watching, watch_all
from etcdscope.model.census import REGISTRY_AT
from etcdscope.model.finding import BlindSpot, Limits, Severity
from etcdscope.model.incident import Effect, Incident, Verdict
from etcdscope.model.ports import Clock, Source, Sweep
from etcdscope.model.reading import Observation
from etcdscope.model.signal import SINK_DROPPED, SINK_FAILING, STORE_FAILING
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
from etcdscope.store.censuses import Censuses

if TYPE_CHECKING:
    from etcdscope.model.memory import Memory
    from etcdscope.sinks.alertmanager import AlertmanagerSettings
    from etcdscope.sinks.outbox import Outbox
    from etcdscope.sinks.webhook import WebhookSettings
    from etcdscope.sources.kubernetes.discovery import Found
    from etcdscope.sources.kubernetes.kubeconfig import KubernetesSettings
    from etcdscope.sources.kubernetes.opened import Kubernetes
    from etcdscope.sources.logs.opened import Logs, LogSettings
    from etcdscope.sources.registry.source import RegistrySource
    from etcdscope.store.history import History
    from etcdscope.store.recording import Recorder
    from etcdscope.surfaces.web.server import Served

Tell = Callable[[Sequence[Effect], State], None]
Named = Callable[[str], Tell]
# Is told the name of a cluster and why it cannot be watched; with nothing when it can be again.
Troubled = Callable[[str, str], None]
Ready = Callable[["Served"], None]
# Makes what counts the keys, of what it takes to reach etcd.
Counting = Callable[[Security], Awaitable["RegistrySource"]]
log = logging.getLogger(__name__)

# `check` looks at a trouble for at most so long before it says what it has.
PATIENCE = 5.0
# Where nothing is wrong it does not wait for anything but the answers.
CHECK_TICK = 0.05
# What speaks of us alone. Sinks and store are asked for with one cluster only.
_OF_CLUSTERS = tuple(d for d in DETECTORS if d.id != "monitor-starved")
_UNKNOWN = "unknown"  # the cluster, before any member has said which


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the user asked for. ``data_dir``: where history and queues are kept, if they are.

    ``node_exporters``: URLs by the name of the member whose host they tell of. ``name`` and
    ``labels``: what the user calls the cluster. ``also``: further clusters that the same agent
    watches; of their settings those count that are of a cluster.
    """

    access: Access
    limits: Mapping[str, Limits] = field(default_factory=dict)
    data_dir: Path | None = None
    record: Path | None = None
    listen: str = "127.0.0.1:2390"
    token: str = field(default="", repr=False)
    alertmanager: "AlertmanagerSettings | None" = None
    webhooks: tuple["WebhookSettings", ...] = ()
    logs: tuple["LogSettings", ...] = ()
    node_exporters: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    kubernetes: "KubernetesSettings | None" = None
    backups: tuple[Path, ...] = ()
    registry: bool = True  # whether the agent counts the keys of a Kubernetes cluster
    also: tuple["Settings", ...] = ()

    @property
    def clusters(self) -> tuple["Settings", ...]:
        """Return the settings of every cluster that is watched."""
        return (self, *self.also)


@dataclass(frozen=True, slots=True)
class Checked:
    """What one look found. ``seconds``: from the start to the verdict."""

    verdict: Verdict
    incidents: tuple[Incident, ...]
    blind_spots: tuple[BlindSpot, ...]
    notices: tuple[str, ...]
    at: float
    seconds: float


# --- once ----------------------------------------------------------------------------------------


async def check(
    settings: Settings, *, observe: float = 0.0, watched: Callable[[State], None] | None = None
) -> Checked:
    """Look once at every member, for ``observe`` seconds if asked to, and return the verdict.

    Where something is suspect it looks on, for at most ``PATIENCE`` seconds, until it is sure.
    """
    clock = SystemClock()
    began = clock.now()

    def tell(_: Sweep, __: Sequence[Effect]) -> None:
        if watched:
            watched(engine.state)

    logs = _logs(settings, lambda: engine.state.window) if settings.logs else None
    async with _engine(
        settings,
        clock,
        tell,
        tick=CHECK_TICK,
        rest=0.0,
        presence=False,
        hashes=observe > 0,
        logs=logs,
    ) as engine:
        running = asyncio.create_task(engine.run())
        try:
            while not running.done() and not _sure(engine, clock.now() - began, observe):
                await clock.sleep(CHECK_TICK / 2)
            if running.done():
                await running
            engine.judge(clock.now())
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        state = engine.state
        assert state.verdict is not None
        return Checked(
            state.verdict,
            state.incidents,
            state.judged.blind_spots,
            engine.notices,
            clock.now(),
            clock.now() - began,
        )


def _sure(engine: Engine, elapsed: float, observe: float) -> bool:
    if elapsed > observe + PATIENCE:
        return True
    if elapsed < observe or not engine.complete:
        return False
    state = engine.state
    opened = {(i.cause, i.subject) for i in state.incidents}
    explained = {effect for i in state.incidents for effect in i.effects}
    pending = any(
        f.severity > Severity.INFO and f.key not in opened and f.detector not in explained
        for f in state.judged.findings
    )
    lone = any(
        look.failure is not None and look.failures < 2 and look.source in ("status", "raftvars")
        for look in state.window.looks.values()
    )
    return not pending and not lone


# --- live ----------------------------------------------------------------------------------------


async def watch(
    settings: Settings,
    tell: Tell | None = None,
    *,
    named: Named | None = None,
    troubled: Troubled | None = None,
) -> None:
    """Watch until cancelled; ``tell`` gets the effects and the state of every judgement.

    ``named`` makes the ``tell`` of each cluster by its name, where there are several.
    """
    each = named or (lambda _: tell or _nobody)
    await _live(settings, each, serve_http=False, troubled=troubled)


async def serve(settings: Settings, named: Named, ready: Ready | None = None) -> None:
    """Be the agent, until cancelled: watch, keep history, tell receivers, answer over HTTP.

    ``ready`` hears where, once it answers.
    """
    await _live(settings, named, serve_http=True, ready=ready)


def _nobody(_: Sequence[Effect], __: State) -> None:
    """Tell nobody."""


async def _live(
    settings: Settings,
    named: Named,
    *,
    serve_http: bool,
    ready: Ready | None = None,
    troubled: Troubled | None = None,
) -> None:
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        history = await stack.enter_async_context(_history(settings))
        outbox = _outbox(settings, clock)
        shared = Shared(clock, history, outbox, _recorder(settings, stack))
        watches = [
            _watching(one, settings, shared, named, handed=serve_http, troubled=troubled)
            for one in settings.clusters
        ]
        await _resume([watching for watching, _ in watches], history, outbox)
        if serve_http:
            await stack.enter_async_context(_http(settings, watches, shared, ready))
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(outbox.run()) if outbox else None
            try:
                await watch_all([watching for watching, _ in watches])
            finally:
                if outbox and sending:
                    await outbox.flush()
                    sending.cancel()


def _watching(
    one: Settings,
    whole: Settings,
    shared: Shared,
    named: Named,
    *,
    handed: bool,
    troubled: Troubled | None = None,
) -> "tuple[Watching, Logs | None]":
    """Return the watch of one cluster, and what reads its logs (``handed``: over HTTP as well)."""
    alone = len(whole.clusters) == 1
    called = one.name or _UNKNOWN
    # How we ourselves do is told once, with the first cluster.
    first = one is whole
    own = partial(_own_health, shared.history, shared.outbox, shared.clock) if first else None
    start = State(DETECTORS if first else _OF_CLUSTERS, one.limits, called=called)
    logs = _logs(one, lambda: watching.state.window) if handed or one.logs else None
    censuses = Censuses(shared.history)

    def opened(deliver: Deliver, memory: "Memory | None") -> AbstractAsyncContextManager[Engine]:
        counts = handed and whole.registry
        counting = partial(_counting, shared.clock, censuses, memory) if counts else None
        return _engine(
            one,
            shared.clock,
            deliver,
            own=own or tuple,
            logs=logs,
            start=start,
            counting=counting,
            known=memory.endpoints if memory else (),
        )

    watching = Watching(
        name=one.name,
        called=called,
        shared=shared,
        opened=opened,
        given=lambda: _given(one.access),
        tell=named(one.name),
        alone=alone,
        start=start,
        troubled=partial(troubled, one.name) if troubled else None,
    )
    watching.also_tell(lambda _, state: censuses.keep(state.window))
    return watching, logs


async def replay(path: Path, tell: Tell, limits: Mapping[str, Limits] | None = None) -> str:
    """Judge a recording again, with the result that it had live; return what of it is lost."""
    from etcdscope.store.recording import open_recording

    state = State(DETECTORS, limits or {})
    recording = open_recording(path)
    for sweep in recording:
        state, effects = step(state, sweep.readings, sweep.now)
        tell(effects, state)
    return str(recording.loss)


# --- parts ---------------------------------------------------------------------------------------


@asynccontextmanager
async def _engine(
    settings: Settings,
    clock: Clock,
    deliver: Deliver,
    *,
    tick: float = 0.25,
    rest: float = REST,
    presence: bool = True,
    hashes: bool = True,
    own: Callable[[], Iterable[Observation]] = tuple,
    logs: "Logs | None" = None,
    start: State | None = None,
    counting: "Counting | None" = None,
    known: tuple[str, ...] = (),
) -> AsyncIterator[Engine]:
    """Open what it takes to look, and build the engine on it; ``known``: where etcd was before."""
    # 0.2 s, which in the midst of the first look would count as the member's time to answer.
    import aiohttp  # noqa: F401
    import grpc.aio  # noqa: F401

    async with AsyncExitStack() as stack:
        kubernetes = await _kubernetes(settings, clock, stack)
        access, found = await _access(settings, kubernetes, known)
        backups = _backups(settings)
        counted = await counting(access.security) if counting else None
        http = await stack.enter_async_context(HttpClient(access.security))
        clients: dict[str, EtcdClient] = {}

        def client(endpoint: str) -> EtcdClient:
            if endpoint not in clients:
                clients[endpoint] = EtcdClient(
                    endpoint, access.security, deadline_seconds=min(access.command_timeout, 1.0)
                )
                stack.push_async_callback(clients[endpoint].aclose)
            return clients[endpoint]

        def peer(endpoint: str) -> str:
            return _peer_url(engine.state.window, endpoint)

        def relieved() -> bool:
            return raft_is_seen(engine.state.window)

        def names(endpoint: str) -> tuple[str, ...]:
            return _names(engine.state.window, endpoint)

        # Not with etcd's certificates: a node_exporter is somebody else.
        plain = await stack.enter_async_context(HttpClient())
        hosts = HostSource(plain, settings.node_exporters, names)
        held = PresenceSource(access.security, peer) if presence else None
        if held:
            stack.push_async_callback(held.aclose)
        if logs:
            stack.push_async_callback(logs.aclose)
        anonymous = not (access.security.user or access.security.cert)
        compared = (
            (
                HashesSource(
                    client, clock, lambda: held_by(engine.state.window), anonymous=anonymous
                ),
            )
            if hashes
            else ()
        )
        engine = Engine(
            clock=clock,
            state=start or State(DETECTORS, settings.limits, rest=rest),
            sources=(
                *_sources(access, client, http, peer, relieved, presence=held, elsewhere=found),
                *compared,
                hosts,
                AdvertisedSource(
                    access.security, lambda endpoint: elsewhere(engine.state.window, endpoint)
                ),
            ),
            given=await _given(access),
            deliver=deliver,
            tick=tick,
            own=own,
            standing=lambda: {
                **(logs.sources if logs else {}),
                **(kubernetes.sources() if kubernetes else {}),
                **backups,
                **({REGISTRY_AT: counted} if counted else {}),
            },
        )
        if counted:
            counted.look_at(lambda: engine.state.window)
            engine.remember(counted.remembered())
        yield engine


async def _kubernetes(
    settings: Settings, clock: Clock, stack: AsyncExitStack
) -> "Kubernetes | None":
    if settings.kubernetes is None:
        return None
    from etcdscope.sources.kubernetes.opened import Kubernetes

    return await stack.enter_async_context(Kubernetes(settings.kubernetes, clock.now))


async def _access(
    settings: Settings, kubernetes: "Kubernetes | None", known: tuple[str, ...]
) -> tuple[Access, "Found | None"]:
    """Return how to reach etcd: as the user said, and what was left open as Kubernetes says.

    Where its API does not answer, etcd may be the reason: it is looked at where it was before.
    """
    said = settings.access
    if kubernetes is None or said.endpoints:
        return said, None
    from etcdscope.sources.kubernetes.errors import KubernetesError

    try:
        found = await kubernetes.find()
    except KubernetesError as error:
        if not known:
            raise
        log.warning("%s Until then etcd is looked at where it was: %s", error, ", ".join(known))
        return replace(said, endpoints=known), None
    for notice in found.notices:
        log.warning("%s", notice)
    own = bool(said.security.files)
    security = said.security if own or not found.security else found.security
    return replace(said, endpoints=found.endpoints, security=security), found


def _backups(settings: Settings) -> Mapping[str, Source]:
    if not settings.backups:
        return {}
    from etcdscope.model.signal_kubernetes import BACKUPS
    from etcdscope.sources.backups import BackupsSource

    return {BACKUPS: BackupsSource(settings.backups)}


async def _given(access: Access) -> tuple[str, ...]:
    if not access.discovery_srv:
        return access.endpoints
    from etcdscope.etcd.discovery import endpoints

    return await endpoints(access)


def _sources(
    access: Access,
    client: Callable[[str], EtcdClient],
    http: HttpClient,
    peer: Callable[[str], str],
    relieved: Callable[[], bool],
    *,
    presence: PresenceSource | None,
    elsewhere: "Found | None" = None,
) -> tuple[Source, ...]:
    """Return the sources in the order in which their first looks start."""
    security = access.security
    always: tuple[Source, ...] = (
        StatusSource(client, relieved),
        MembersSource(client),
        RaftvarsSource(http, elsewhere.pages if elsewhere else None),
        MetricsSource(http, elsewhere.metrics if elsewhere else None),
        PortsSource(security, peer),
        ProbeSource(client, http),
        CertificatesSource(security, peer),
    )
    return (*always, presence) if presence else always


def _peer_url(window: Window, endpoint: str) -> str:
    """Return the peer URL of the member behind an endpoint, empty while it is not known."""
    member = window.member(window.endpoints.get(endpoint, ""))
    return member.peer_urls[0] if member and member.peer_urls else ""


def _logs(settings: Settings, window: Callable[[], Window]) -> "Logs":
    from etcdscope.sources.logs.opened import Logs

    def identify(named: str) -> str:
        return next((m.id for m in window().members if named in (m.id, m.name)), "")

    return Logs(settings.logs, identify)


async def _counting(
    clock: Clock, censuses: Censuses, memory: "Memory | None", security: Security
) -> "RegistrySource":
    from etcdscope.sources.registry.source import PATIENCE_OF_A_PAGE, RegistrySource

    def opens(endpoint: str) -> EtcdClient:
        return EtcdClient(endpoint, security, deadline_seconds=PATIENCE_OF_A_PAGE)

    return RegistrySource(opens, clock, await censuses.recall(memory.home if memory else ""))


def _names(window: Window, endpoint: str) -> tuple[str, ...]:
    """Return what the member behind an endpoint is called, nothing while it is not known."""
    member = window.endpoints.get(endpoint, "")
    return (window.label(member), member) if member else ()


@asynccontextmanager
async def _history(settings: Settings) -> AsyncIterator["History | None"]:
    if settings.data_dir is None:
        yield None
        return
    from etcdscope.store.history import History

    async with History.open(settings.data_dir) as history:
        yield history


def _recorder(settings: Settings, stack: AsyncExitStack) -> "Recorder | None":
    if settings.record is None:
        return None
    from etcdscope.store.recording import Recorder

    return stack.enter_context(Recorder(settings.record, _UNKNOWN))


def _outbox(settings: Settings, clock: Clock) -> "Outbox | None":
    if settings.alertmanager is None and not settings.webhooks:
        return None
    from etcdscope.sinks import alertmanager, webhook
    from etcdscope.sinks.outbox import Outbox

    lanes = [webhook.lane(one, clock) for one in settings.webhooks]
    if settings.alertmanager:
        lanes.extend(alertmanager.lanes(settings.alertmanager, clock))
    return Outbox(lanes, clock, settings.data_dir / "queue.db" if settings.data_dir else None)


async def _resume(
    watches: Sequence[Watching], history: "History | None", outbox: "Outbox | None"
) -> None:
    """Take over the incidents that were open when an earlier life of ours ended."""
    clusters = await history.archive.clusters() if history else ()
    for one in watches:
        await one.recall(clusters)
    if outbox:
        outbox.resume([incident for one in watches for incident in one.incidents])


@asynccontextmanager
async def _http(
    settings: Settings,
    watches: "Sequence[tuple[Watching, Logs | None]]",
    shared: Shared,
    ready: Ready | None,
) -> AsyncIterator[None]:
    from etcdscope.surfaces.view.watched import ONLY, Watched
    from etcdscope.surfaces.web.server import serving

    archive = shared.history.archive if shared.history else None

    def watched(one: Settings, watching: Watching, logs: "Logs | None") -> Watched:
        return Watched(
            key=one.name or ONLY,
            name=one.name,
            labels=one.labels,
            state=lambda: watching.state,
            archive=archive,
            kept_as=lambda: watching.kept_as,
            trouble=lambda: watching.trouble,
            take=logs.take if logs else None,
        )

    shown = [
        watched(one, watching, logs)
        for one, (watching, logs) in zip(settings.clusters, watches, strict=True)
    ]
    async with serving(settings.listen, settings.token, shown, shared.clock.now, ready) as (
        url,
        tell,
    ):
        for one, (watching, _) in zip(shown, watches, strict=True):
            watching.also_tell(partial(_tell_page, tell, one.key))
        log.info("listening on %s", url)
        yield


def _tell_page(
    tell: Callable[[str, Sequence[Effect]], None], key: str, effects: Sequence[Effect], _: State
) -> None:
    tell(key, effects)


def _own_health(
    history: "History | None", outbox: "Outbox | None", clock: Clock
) -> Iterable[Observation]:
    """Observe how our own sinks and store do."""
    now = clock.now()
    for health in outbox.health() if outbox else ():
        since = health.failing_since
        yield Observation(SINK_FAILING, now - since if since else 0.0, health.name)
        yield Observation(SINK_DROPPED, float(health.dropped), health.name)
    if history:
        since = history.health().failing_since
        yield Observation(STORE_FAILING, now - since if since else 0.0)
