"""What outlives a sweep: history, recording, and the way to the receivers."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from etcdscope.app.settings import Settings
from etcdscope.fleet import Watching
from etcdscope.model.ports import Clock
from etcdscope.model.reading import Observation
from etcdscope.model.signal import SINK_DROPPED, SINK_FAILING, STORE_FAILING

if TYPE_CHECKING:
    from etcdscope.sinks.outbox import Outbox
    from etcdscope.store.history import History
    from etcdscope.store.recording import Recorder

UNKNOWN = "unknown"  # the cluster, before any member has said which


@asynccontextmanager
async def open_history(settings: Settings) -> AsyncIterator["History | None"]:
    """Open the history, where the user wants one kept."""
    if settings.data_dir is None:
        yield None
        return
    from etcdscope.store.history import History

    async with History.open(settings.data_dir) as history:
        yield history


def open_recorder(settings: Settings, stack: AsyncExitStack) -> "Recorder | None":
    """Open the recording, where the user wants one."""
    if settings.record is None:
        return None
    from etcdscope.store.recording import Recorder

    return stack.enter_context(Recorder(settings.record, UNKNOWN))


def make_outbox(settings: Settings, clock: Clock) -> "Outbox | None":
    """Return what brings effects to the receivers that the user named, None without any."""
    if settings.alertmanager is None and not settings.webhooks:
        return None
    from etcdscope.sinks import alertmanager, webhook
    from etcdscope.sinks.outbox import Outbox

    lanes = [webhook.lane(one, clock) for one in settings.webhooks]
    if settings.alertmanager:
        lanes.extend(alertmanager.lanes(settings.alertmanager, clock))
    return Outbox(lanes, clock, settings.data_dir / "queue.db" if settings.data_dir else None)


async def resume(
    watches: Sequence[Watching], history: "History | None", outbox: "Outbox | None"
) -> None:
    """Take over the incidents that were open when an earlier life of ours ended."""
    clusters = await history.archive.clusters() if history else ()
    for one in watches:
        await one.recall(clusters)
    if outbox:
        outbox.resume([incident for one in watches for incident in one.incidents])


def own_health(
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
