"""A webhook: an event a POST, the line of ``watch --json`` in an envelope (docs/webhook.md)."""

import hashlib
import hmac
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import msgspec

from etcdscope.model import contract
from etcdscope.model.incident import Effect, EffectKind
from etcdscope.model.ports import Clock
from etcdscope.sinks.deliver import INCIDENTS, Lane
from etcdscope.sinks.http import NO_SECRET, Post, Receiver, Secret

VERSION: Final = 1
ID_HEADER: Final = "Idempotency-Key"
SIGNATURE_HEADER: Final = "X-Etcdscope-Signature-256"
EVERYTHING: Final = frozenset(EffectKind)


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """Where to post what. ``name``: where two webhooks share a host; ``secret``: signs the body."""

    receiver: Receiver
    name: str = ""
    secret: Secret = NO_SECRET
    events: frozenset[EffectKind] = INCIDENTS
    agent: str = field(default_factory=socket.gethostname)
    patience_seconds: float = 10.0


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """What is posted; byte for byte the same however often an event is sent."""

    version: Literal[1]
    id: str
    at: contract.Moment
    agent: str
    event: msgspec.Raw


def lane(settings: WebhookSettings, clock: Clock) -> Lane:
    """Return a webhook's lane; one event a delivery, so that none is repeated for another."""
    sink = WebhookSink(settings, clock)
    return Lane(
        sink,
        batch=1,
        patience=settings.patience_seconds,
        wants=settings.events,
        close=sink.post.close,
    )


class WebhookSink:
    """Posts each event. At least once: receivers tell repetitions by the id."""

    def __init__(self, settings: WebhookSettings, clock: Clock) -> None:
        self.settings = settings
        self.clock = clock
        self.post = Post(settings.receiver)
        self.name = settings.name or f"webhook {self.post.who}"

    async def deliver(self, effects: Sequence[Effect]) -> None:
        """Post the effects one after the other. Raises DeliveryError."""
        for effect in effects:
            body, headers = request(effect, self.settings)
            await self.post.send(body, headers, self.clock.now())


def request(effect: Effect, settings: WebhookSettings) -> tuple[bytes, dict[str, str]]:
    """Return the body and the headers that tell an effect. DeliveryError: no secret to be had."""
    event_id = identity(effect, settings.agent)
    body = msgspec.json.encode(
        Envelope(
            version=VERSION,
            id=event_id,
            at=contract.moment(effect.at),
            agent=settings.agent,
            event=msgspec.Raw(contract.line(effect, effect.cluster_name)),
        )
    )
    headers = {ID_HEADER: event_id}
    if settings.secret:
        key = settings.secret.read().encode()
        headers[SIGNATURE_HEADER] = "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()
    return body, headers


def identity(effect: Effect, agent: str) -> str:
    """Return an id that this event of this agent alone has, also after a restart."""
    about: object = effect.cluster
    if effect.incident:
        about = effect.incident.id
    elif effect.blind_spot:
        about = (effect.blind_spot.source, effect.blind_spot.subject)
    told = msgspec.json.encode((agent, effect.cluster, effect.kind, effect.at, about))
    return hashlib.sha256(told).hexdigest()[:32]


def schema() -> dict[str, Any]:
    """Return the JSON schema of the body."""
    lines = contract.schema()["watch-line.schema.json"]
    envelope = contract.schema_of("webhook", "What etcdscope posts to a webhook", Envelope)
    shape = envelope["$defs"]["Envelope"]
    shape["properties"]["event"] = {"oneOf": lines["oneOf"]}
    return {**envelope, "$defs": {"Envelope": shape, **lines["$defs"]}}
