"""A trail that is fed by a running agent, over its API."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

import msgspec

from etcdscope.etcd.errors import EtcdError
from etcdscope.etcd.http import HttpAnswer, HttpClient
from etcdscope.model import contract, received
from etcdscope.model.incident import Effect, EffectKind, Incident
from etcdscope.surfaces.registry.objects import DiffObject, RegistryObject
from etcdscope.surfaces.tui.counted import Keys
from etcdscope.surfaces.tui.trail import Moment, Trail
from etcdscope.surfaces.view.watched import ONLY

EVERY: Final = 1.0  # seconds from one look to the next
PATIENCE: Final = 5.0
MOST_BYTES: Final = 16 << 20
# Growth is told over a day, else over an hour; counts are an hour apart, give or take a little.
GROWN: Final = (24 * 3600.0, 3300.0)
_BASE: Final = "/api/v1"


class AgentError(Exception):
    """The agent cannot be used. The message says what to write instead."""


@dataclass(frozen=True, slots=True)
class Agent:
    """A running agent. ``clusters``: path of each one in the API, by name."""

    url: str
    http: HttpClient
    token: str
    clusters: dict[str, str]

    async def get(self, path: str) -> HttpAnswer:
        """Ask. Errors: AgentError, and EtcdError where it cannot be reached."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        try:
            async with asyncio.timeout(PATIENCE):
                answer = await self.http.get(
                    self.url + _BASE + path, max_bytes=MOST_BYTES, headers=headers
                )
        except TimeoutError:
            raise AgentError(f"{self.url} gave no answer within {PATIENCE:.0f} s.") from None
        if answer.status == HTTPStatus.UNAUTHORIZED:
            raise AgentError(
                f"the agent at {self.url} wants its token: set ETCDSCOPE_TOKEN, or give"
                " --token-file FILE."
            )
        return answer

    async def follow(self, trails: Sequence[Trail]) -> None:
        """Feed trails until cancelled; what does not answer is told on them and asked again."""
        async with asyncio.TaskGroup() as group:
            for trail in trails:
                trail.keys = partial(self.keys, trail.name)
                group.create_task(self._follow(trail))

    async def _follow(self, trail: Trail) -> None:
        before: tuple[Incident, ...] = ()
        while True:
            try:
                answer = await self.get(f"{self.clusters[trail.name]}/check")
                if answer.status == HTTPStatus.OK:
                    before = _fed(trail, answer.body, before)
                    trail.trouble = ""
                else:
                    trail.trouble = _refusal(answer)
            except (AgentError, EtcdError, ValueError) as error:
                trail.trouble = f"the agent tells nothing: {_reason(error)}"
            await asyncio.sleep(EVERY)

    async def keys(self, name: str) -> Keys:
        """Return what the agent counted of a cluster's keys, and what grew within a day."""
        try:
            answer = await self.get(f"{self.clusters[name]}/registry")
            if answer.status != HTTPStatus.OK:
                return Keys(why=_refusal(answer))
            counted = msgspec.json.decode(answer.body, type=RegistryObject)
            return Keys(counted, await self._grown(name, contract.unix(counted.at)))
        except (AgentError, EtcdError, ValueError) as error:
            return Keys(why=f"The agent tells nothing: {_reason(error)}")

    async def _grown(self, name: str, at: float) -> DiffObject | None:
        for before in GROWN:
            query = f"a={max(at - before, 0.0):.3f}&b={at + 1:.3f}"
            answer = await self.get(f"{self.clusters[name]}/registry/diff?{query}")
            if answer.status == HTTPStatus.OK:
                return msgspec.json.decode(answer.body, type=DiffObject)
        return None


@asynccontextmanager
async def agent(url: str, token: str = "") -> AsyncIterator[Agent]:
    """Reach an agent and see which clusters it watches. Errors: AgentError."""
    if not url.startswith(("http://", "https://")):
        raise AgentError(f"--agent {url} is no URL; write http://{url.rpartition('/')[2]}.")
    url = url.rstrip("/")
    async with HttpClient() as http:
        found = Agent(url, http, token, {})
        try:
            answer = await found.get("/clusters")
        except EtcdError as error:
            raise AgentError(f"--agent {url}: {error.detail}") from None
        yield replace(found, clusters=_clusters(url, answer))


def _clusters(url: str, answer: HttpAnswer) -> dict[str, str]:
    try:
        rows = json.loads(answer.body)["clusters"]
        keys = {row["name"]: str(row["key"]) for row in rows}
    except (ValueError, KeyError, TypeError):
        keys = {}
    if answer.status != HTTPStatus.OK or not keys:
        raise AgentError(f"--agent {url} is no agent of etcdscope: it answers {answer.status}.")
    if [*keys.values()] == [ONLY]:  # nobody gave it that name
        keys = {"": ONLY}
    return {name: f"/clusters/{quote(key, safe='')}" for name, key in keys.items()}


def _refusal(answer: HttpAnswer) -> str:
    """Return why, as the agent says it."""
    try:
        return str(json.loads(answer.body)["error"])
    except (ValueError, KeyError, TypeError):
        return f"the agent answers {answer.status}."


def _fed(trail: Trail, body: bytes, before: Sequence[Incident]) -> tuple[Incident, ...]:
    """Put one state on the trail, and what happened since the one before it."""
    said = contract.parse_check(body)
    at = contract.unix(said.at)
    now = received.incidents(said)
    trail.happened(_changes(before, now, at))
    trail.take(Moment(at, received.verdict(said), now, received.blind_spots(said)))
    return now


def _changes(before: Sequence[Incident], now: Sequence[Incident], at: float) -> list[Effect]:
    old, new = {i.id: i for i in before}, {i.id: i for i in now}
    told = []
    for ident, incident in new.items():
        was = old.get(ident)
        if was is None:
            told.append((EffectKind.OPENED, incident.opened_at, incident))
        elif (was.cause, was.severity, was.subject) != (
            incident.cause, incident.severity, incident.subject,
        ):  # fmt: skip
            told.append((EffectKind.CHANGED, at, incident))
    for ident, incident in old.items():
        if ident not in new:
            lasted = at - incident.since
            over = replace(incident, closed_at=at, note=f"Over after {lasted:.0f} s.")
            told.append((EffectKind.CLOSED, at, over))
    return [Effect(kind, when, one.cluster, incident=one) for kind, when, one in told]


def _reason(error: Exception) -> str:
    return error.detail if isinstance(error, EtcdError) else str(error)
