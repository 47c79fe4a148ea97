"""A trail that is fed by a running agent, over its API."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Final

from etcdscope.etcd.errors import EtcdError
from etcdscope.etcd.http import HttpAnswer, HttpClient
from etcdscope.model import contract, received
from etcdscope.model.incident import Effect, EffectKind, Incident
from etcdscope.surfaces.tui.trail import Moment, Trail

EVERY: Final = 1.0  # seconds from one look to the next
PATIENCE: Final = 5.0
MOST_BYTES: Final = 16 << 20
_BASE: Final = "/api/v1"


class AgentError(Exception):
    """The agent cannot be used. The message says what to write instead."""


@dataclass(frozen=True, slots=True)
class Agent:
    """A running agent. ``clusters``: path of each one's state, by name."""

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

    async def follow(self, trail: Trail) -> None:
        """Feed a trail until cancelled; what does not answer is told on it and asked again."""
        before: tuple[Incident, ...] = ()
        while True:
            try:
                answer = await self.get(self.clusters[trail.name])
                if answer.status == HTTPStatus.OK:
                    before = _fed(trail, answer.body, before)
                trail.trouble = ""
            except (AgentError, EtcdError, ValueError) as error:
                trail.trouble = f"the agent tells nothing: {_reason(error)}"
            await asyncio.sleep(EVERY)


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
    if answer.status == HTTPStatus.NOT_FOUND:  # it watches one, and has no list of them
        return {"": "/check"}
    try:
        rows = json.loads(answer.body)["clusters"]
        found = {row["key"]: f"/clusters/{row['key']}/check" for row in rows}
    except (ValueError, KeyError, TypeError):
        found = {}
    if answer.status != HTTPStatus.OK or not found:
        raise AgentError(f"--agent {url} is no agent of etcdscope: it answers {answer.status}.")
    return found


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
