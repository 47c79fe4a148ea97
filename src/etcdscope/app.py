"""The composition root: settings become parts, and the parts run in one TaskGroup."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from etcdscope.detect.advertised import elsewhere
from etcdscope.detect.catalog import DETECTORS
from etcdscope.diagnose.step import State, step
from etcdscope.engine import Deliver, Engine, SystemClock
from etcdscope.etcd.client import EtcdClient
from etcdscope.etcd.http import HttpClient
from etcdscope.etcd.settings import Access
from etcdscope.model.census import REGISTRY_AT
from etcdscope.model.finding import BlindSpot, Limits, Severity
from etcdscope.model.incident import Effect, Incident, Verdict
from etcdscope.model.memory import Memory
from etcdscope.model.ports import Clock, Source, Sweep
from etcdscope.model.reading import Observation, Reading
from etcdscope.model.signal import MEMORY, SINK_DROPPED, SINK_FAILING, STORE_FAILING
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
from etcdscope.sources.status import StatusSource
from etcdscope.store.censuses import Censuses
from etcdscope.store.memories import Memories

if TYPE_CHECKING:
    from etcdscope.sinks.alertmanager import AlertmanagerSettings
    from etcdscope.sinks.outbox import Outbox
    from etcdscope.sinks.webhook import WebhookSettings
    from etcdscope.sources.logs.opened import Logs, LogSettings
    from etcdscope.sources.registry.source import RegistrySource
    from etcdscope.store.history import History
    from etcdscope.store.recording import Recorder

Tell = Callable[[Sequence[Effect], State], None]
log = logging.getLogger(__name__)

# `check` looks at a trouble for at most so long before it says what it has.
PATIENCE = 5.0
# Where nothing is wrong it does not wait for anything but the answers.
CHECK_TICK = 0.05
_UNKNOWN = "unknown"  # the cluster, before any member has said which


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the user asked for. ``data_dir``: where history and queues are kept, if they are.

    ``node_exporters``: URLs by the name of the member whose host they tell of.
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
    registry: bool = True  # whether the agent counts the keys of a Kubernetes cluster


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
        settings, clock, tell, tick=CHECK_TICK, presence=False, hashes=observe > 0, logs=logs
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


async def watch(settings: Settings, tell: Tell) -> None:
    """Watch until cancelled; ``tell`` gets the effects and the state of every judgement."""
    await _live(settings, tell, serve_http=False)


async def serve(settings: Settings, tell: Tell) -> None:
    """Be the agent, until cancelled: watch, keep history, tell receivers, answer over HTTP."""
    await _live(settings, tell, serve_http=True)


async def _live(settings: Settings, tell: Tell, *, serve_http: bool) -> None:
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        history = await stack.enter_async_context(_history(settings))
        outbox = _outbox(settings, clock)
        recorder = _recorder(settings, stack)
        remembering, censuses = Memories(history), Censuses(history)
        noticed: set[str] = set()

        def deliver(sweep: Sweep, effects: Sequence[Effect]) -> None:
            tell(effects, engine.state)
            for notice in set(engine.notices) - noticed:
                noticed.add(notice)
                log.warning("%s", notice)
            if history:
                remembering.keep(engine.state.window)
                censuses.keep(engine.state.window)
                history.append(_cluster(engine.state), sweep, effects)
            if outbox:
                outbox.put(effects)
            if recorder:
                _record(recorder, engine.state, sweep)

        own = partial(_own_health, history, outbox, clock)
        memory = await remembering.recall(await _given(settings.access))
        wanted = serve_http and settings.registry
        counting = await _counting(settings, clock, censuses, memory) if wanted else None
        logs = _logs(settings, lambda: engine.state.window) if serve_http or settings.logs else None
        engine = await stack.enter_async_context(
            _engine(settings, clock, deliver, own=own, logs=logs, counting=counting)
        )
        await _resume(engine, history, outbox, clock.now())
        if memory:
            engine.receive(Observation(MEMORY, memory))
        engine.remember(counting.remembered() if counting else ())
        if serve_http:
            await stack.enter_async_context(_http(settings, lambda: engine.state, clock, logs))
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(outbox.run()) if outbox else None
            try:
                await engine.run()
            finally:
                remembering.keep(engine.state.window, last=True)
                if outbox and sending:
                    await outbox.flush()
                    sending.cancel()


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
    presence: bool = True,
    hashes: bool = True,
    own: Callable[[], Iterable[Observation]] = tuple,
    logs: "Logs | None" = None,
    counting: "RegistrySource | None" = None,
) -> AsyncIterator[Engine]:
    """Open what it takes to look, and build the engine on it."""
    # 0.2 s, which in the midst of the first look would count as the member's time to answer.
    import aiohttp  # noqa: F401
    import grpc.aio  # noqa: F401

    access = settings.access
    async with AsyncExitStack() as stack:
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
            state=State(DETECTORS, settings.limits),
            sources=(
                *_sources(access, client, http, peer, presence=held),
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
                **({REGISTRY_AT: counting} if counting else {}),
            },
        )
        if counting:
            counting.look_at(lambda: engine.state.window)
        yield engine


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
    *,
    presence: PresenceSource | None,
) -> tuple[Source, ...]:
    """Return the sources in the order in which their first looks start."""
    security = access.security
    always: tuple[Source, ...] = (
        StatusSource(client),
        MembersSource(client),
        RaftvarsSource(http),
        MetricsSource(http),
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
    settings: Settings, clock: Clock, censuses: Censuses, memory: Memory | None
) -> "RegistrySource":
    from etcdscope.sources.registry.source import PATIENCE_OF_A_PAGE, RegistrySource

    def opens(endpoint: str) -> EtcdClient:
        security = settings.access.security
        return EtcdClient(endpoint, security, deadline_seconds=PATIENCE_OF_A_PAGE)

    return RegistrySource(opens, clock, await censuses.recall(memory.home if memory else ""))


def _names(window: Window, endpoint: str) -> tuple[str, ...]:
    """Return what the member behind an endpoint is called, nothing while it is not known."""
    member = window.endpoints.get(endpoint, "")
    return (window.label(member), member) if member else ()


def _cluster(state: State) -> str:
    return (state.verdict.cluster if state.verdict else "") or _UNKNOWN


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


def _record(recorder: "Recorder", state: State, sweep: Sweep) -> None:
    failed = bool(recorder.error)
    recorder.cluster = _cluster(state)  # counts until the first frame is written
    recorder.append(sweep)
    if recorder.error and not failed:
        log.error("%s", recorder.error)


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
    engine: Engine, history: "History | None", outbox: "Outbox | None", now: float
) -> None:
    """Take over the incidents that were open when an earlier life of ours ended."""
    incidents: tuple[Incident, ...] = ()
    if history:
        clusters = await history.archive.clusters()
        told = [await history.archive.open_incidents(cluster) for cluster in clusters]
        incidents = tuple(incident for one in told for incident in one)
        engine.state = engine.state.resumed(incidents, now)
        engine.remember(await _remembered(history, now))
    if outbox:
        outbox.resume(incidents)


async def _remembered(history: "History", now: float) -> tuple[Reading, ...]:
    from etcdscope.store.memory import remembered

    return await remembered(history.archive, now)


@asynccontextmanager
async def _http(
    settings: Settings, view: Callable[[], State], clock: Clock, logs: "Logs | None"
) -> AsyncIterator[None]:
    from etcdscope.surfaces.web.server import serving

    take = logs.take if logs else None
    async with serving(settings.listen, settings.token, view, clock.now, take) as url:
        log.info("listening on %s", url)
        yield


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
