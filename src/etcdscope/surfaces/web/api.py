"""All that the API answers, put together; its OpenAPI document describes the same table."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from etcdscope.model.contract import CheckObject
from etcdscope.surfaces.view.chronicle import Chronicle
from etcdscope.surfaces.web import clusters, history, learning, registry
from etcdscope.surfaces.web.answers import Refusal
from etcdscope.surfaces.web.events import Hub
from etcdscope.surfaces.web.openapi import document
from etcdscope.surfaces.web.routes import Call, Glances, NoQuery, Route


class Api:
    """The routes below ``/api/v1``."""

    def __init__(
        self,
        glances: Glances,
        chronicles: Mapping[str, Chronicle],
        hub: Hub,
        now: Callable[[], float],
    ) -> None:
        self._glances = glances
        self._now = now
        self.routes: tuple[Route, ...] = (
            *self._own(),
            *clusters.routes(glances, hub, now),
            *history.routes(glances, chronicles, now),
            *registry.routes(glances),
            *learning.routes(),
        )
        self._document = msgspec.json.encode(document(self.routes))

    def _own(self) -> Iterator[Route]:
        yield Route(
            "/check",
            "What `etcdscope check --json` prints, where one cluster alone is watched.",
            self._check,
            CheckObject,
            missing="Several clusters are watched.",
        )

        yield Route(
            "/openapi.json",
            "This document.",
            self._openapi,
            dict[str, Any],
        )

    async def _openapi(self, _: Call[NoQuery]) -> bytes:
        return self._document

    async def _check(self, _: Call[NoQuery]) -> bytes:
        if len(self._glances) != 1:
            raise Refusal(404, "several clusters are watched: ask /api/v1/clusters/KEY/check")
        return clusters.checked(next(iter(self._glances.values())), self._now())
