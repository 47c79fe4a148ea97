import hashlib
import hmac
import json
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from jsonschema import Draft202012Validator
from tests.sinks.fakes import AT, FakeClock, closed, incident, opened, receiving

from etcdscope.model.contract import IncidentLine, line, parse_line
from etcdscope.model.finding import CLUSTER, BlindSpot
from etcdscope.model.incident import Effect, EffectKind, Level, Verdict
from etcdscope.model.ports import DeliveryError
from etcdscope.sinks.deliver import Delivery, encoded
from etcdscope.sinks.http import Receiver, Secret
from etcdscope.sinks.queue import Queue
from etcdscope.sinks.webhook import EVERYTHING, WebhookSettings, identity, lane, request

ROOT = Path(__file__).parents[2]
SETTINGS = WebhookSettings(Receiver("http://there"), agent="agent-1")
EFFECTS = [
    opened(incident()),
    closed(incident(), AT + 60),
    Effect(EffectKind.BLIND_SPOT, AT, "c1", blind_spot=BlindSpot("metrics", CLUSTER, "refused")),
    Effect(EffectKind.VERDICT, AT, "c1", verdict=Verdict(Level.OK, "fine")),
]


@pytest.mark.parametrize("effect", EFFECTS, ids=lambda effect: effect.kind)
def test_the_body_is_the_line_in_an_envelope(effect: Effect) -> None:
    body, headers = request(effect, SETTINGS)

    told = json.loads(body)
    schema = json.loads((ROOT / "schemas" / "webhook.schema.json").read_text())
    Draft202012Validator(schema).validate(told)
    assert list(told) == ["version", "id", "at", "agent", "event"]
    assert told["event"] == json.loads(line(effect))
    assert headers == {"Idempotency-Key": told["id"]}


@pytest.mark.parametrize("effect", EFFECTS, ids=lambda effect: effect.kind)
def test_where_several_clusters_are_watched_an_event_says_which(effect: Effect) -> None:
    body, _ = request(replace(effect, cluster_name="prod"), SETTINGS)
    alone, _ = request(effect, SETTINGS)

    schema = json.loads((ROOT / "schemas" / "webhook.schema.json").read_text())
    Draft202012Validator(schema).validate(json.loads(body))
    assert json.loads(body)["event"]["cluster_name"] == "prod"
    assert "cluster_name" not in json.loads(alone)["event"]


def test_what_an_earlier_version_left_in_the_queue_is_told() -> None:
    """It knew no names of clusters."""
    kept = msgspec.msgpack.decode(encoded(EFFECTS[0]))
    del kept["cluster_name"], kept["incident"]["cluster_name"]

    assert msgspec.msgpack.decode(msgspec.msgpack.encode(kept), type=Effect) == EFFECTS[0]


def test_an_event_has_one_id_however_often_it_is_sent() -> None:
    ids = {identity(effect, "agent-1") for effect in EFFECTS}

    assert len(ids) == len(EFFECTS)
    assert identity(opened(incident()), "agent-1") in ids
    assert identity(opened(incident()), "agent-2") not in ids
    assert request(EFFECTS[0], SETTINGS) == request(opened(incident()), SETTINGS)


def test_a_body_is_signed_with_the_secret() -> None:
    signed = WebhookSettings(Receiver("http://there"), secret=Secret(text="hunter2"), agent="a")

    body, headers = request(opened(incident()), signed)

    expected = hmac.new(b"hunter2", body, hashlib.sha256).hexdigest()
    assert headers["X-Etcdscope-Signature-256"] == f"sha256={expected}"
    assert "hunter2" not in repr(signed)


async def test_each_event_is_posted_by_itself_and_again_if_it_was_not_taken() -> None:
    clock = FakeClock()
    async with receiving(usual=500) as there:
        settings = WebhookSettings(Receiver(f"{there.url}/hook"), events=EVERYTHING)
        way = lane(settings, clock)
        queue = Queue(clock)
        for effect in EFFECTS:
            queue.put(way.sink.name, encoded(effect))
        delivery = Delivery(way, queue, clock)
        await delivery.deliver_once()
        there.usual = 204
        for _ in EFFECTS:
            await delivery.deliver_once()
        await way.close()

    told = [json.loads(heard.body) for heard in there.heard]
    assert [t["event"]["event"] for t in told] == [
        "opened", "opened", "closed", "blind-spot", "verdict",
    ]  # fmt: skip
    assert told[0] == told[1]
    assert there.heard[1].headers["Idempotency-Key"] == told[1]["id"]
    assert delivery.health().delivered == 4


def test_verdicts_and_blind_spots_are_posted_only_where_wanted() -> None:
    assert lane(SETTINGS, FakeClock()).wants == {"opened", "changed", "closed"}


def test_a_missing_secret_is_told_and_tried_again() -> None:
    settings = WebhookSettings(Receiver("http://there"), secret=Secret(file=Path("/nowhere")))

    with pytest.raises(DeliveryError, match="cannot read the secret"):
        request(opened(incident()), settings)


def test_the_example_in_the_manual_is_true() -> None:
    page = (ROOT / "docs" / "webhook.md").read_text()
    example = page.split("```json\n")[1].split("```")[0]

    told = json.loads(example)
    schema = json.loads((ROOT / "schemas" / "webhook.schema.json").read_text())
    Draft202012Validator(schema).validate(told)
    assert isinstance(parse_line(json.dumps(told["event"])), IncidentLine)
    for name in ("Idempotency-Key", "X-Etcdscope-Signature-256"):
        assert name in page
