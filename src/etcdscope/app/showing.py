"""What is shown over HTTP: every cluster that is watched, its history beside it."""

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from etcdscope.app.settings import Settings
from etcdscope.diagnose.step import State
from etcdscope.fleet import Shared, Watching
from etcdscope.model.incident import Effect

if TYPE_CHECKING:
    from etcdscope.sources.logs.opened import Logs
    from etcdscope.surfaces.web.server import Served

Ready = Callable[["Served"], None]
log = logging.getLogger(__name__)


@asynccontextmanager
async def serve_http(
    settings: Settings,
    watches: "Sequence[tuple[Watching, Logs | None]]",
    shared: Shared,
    ready: Ready | None,
) -> AsyncIterator[None]:
    """Answer over HTTP; ``ready`` hears where, once it does."""
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
