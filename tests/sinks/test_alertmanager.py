import json
from collections.abc import Iterable
from typing import Any

import pytest
from aiohttp import web
from tests.sinks.fakes import (
    AT,
    M1,
    FakeClock,
    FakeReceiver,
    changed,
    closed,
    incident,
    opened,
    receiving,
)

from etcdscope.model.contract import moment
from etcdscope.model.finding import (
    CLUSTER,
    Alternative,
    Evidence,
    RuledOut,
    Severity,
    Subject,
)
from etcdscope.model.incident import Effect, Step
from etcdscope.model.ports import DeliveryError
from etcdscope.sinks.alertmanager import AlertmanagerSettings, AlertmanagerSink, annotations, lanes
from etcdscope.sinks.http import Receiver, RefusedError

ALIVE = moment(AT + 240)


class Told:
    """A sink, its clock, and the alerts of the last request."""

    def __init__(self, there: FakeReceiver, **settings: Any) -> None:  # noqa: ANN401
        receiver = Receiver(there.url)
        self.there = there
        self.clock = FakeClock()
        settings_ = AlertmanagerSettings((receiver,), **settings)
        self.sink = AlertmanagerSink(receiver, settings_, self.clock)

    async def tell(self, *effects: Effect) -> list[dict[str, Any]]:
        requests = len(self.there.heard)
        await self.sink.deliver(effects)
        return self.alerts if len(self.there.heard) > requests else []

    async def close(self) -> None:
        await self.sink.post.close()

    @property
    def alerts(self) -> list[dict[str, Any]]:
        return json.loads(self.there.heard[-1].body)  # type: ignore[no-any-return]


@pytest.fixture
async def told() -> Any:  # noqa: ANN401
    async with receiving() as there:
        told = Told(there)
        yield told
        await told.close()


def brief(alerts: Iterable[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [(a["labels"]["alertname"], a["labels"]["severity"], a["endsAt"]) for a in alerts]


async def test_an_opened_incident_is_an_alert(told: Told) -> None:
    (alert,) = await told.tell(opened(incident()))

    assert told.there.heard[0].path == "/api/v2/alerts"
    assert alert["labels"] == {
        "alertname": "wal-fsync-slow",
        "cluster": "c1",
        "job": "etcdscope",
        "member": "m1",
        "member_id": M1,
        "severity": "warning",
        "subject": "member",
    }
    assert (alert["startsAt"], alert["endsAt"]) == (moment(AT - 2), ALIVE)


async def test_where_several_clusters_are_watched_an_alert_says_which(told: Told) -> None:
    (alert,) = await told.tell(opened(incident(cluster_name="prod")))

    assert (alert["labels"]["cluster"], alert["labels"]["cluster_name"]) == ("c1", "prod")


async def test_two_agents_tell_the_same_alert() -> None:
    async with receiving() as there:
        one, other = Told(there), Told(there)
        (first,) = await one.tell(opened(incident()))
        (second,) = await other.tell(
            opened(incident(id="leader-flapping/c1/m1/1", since=AT - 9, confidence=0.5))
        )
        await one.close()
        await other.close()

    assert first["labels"] == second["labels"]


@pytest.mark.parametrize(
    ("subject", "labels"),
    [
        (CLUSTER, {"subject": "cluster"}),
        (
            Subject.link(M1, "a2"),
            {"subject": "link", "from": "m1", "from_id": M1, "to": "a2", "to_id": "a2"},
        ),
        (Subject("apiserver", "10.0.0.1"), {"subject": "apiserver", "apiserver": "10.0.0.1"}),
    ],
)
async def test_labels_say_what_it_is_about(
    told: Told, subject: Subject, labels: dict[str, str]
) -> None:
    (alert,) = await told.tell(opened(incident(subject=subject)))

    always = {"alertname", "cluster", "job", "severity"}
    assert {k: v for k, v in alert["labels"].items() if k not in always} == labels


async def test_a_resend_keeps_what_is_open_alive(told: Told) -> None:
    await told.tell(opened(incident()), opened(incident(2)))
    told.clock.advance(60)

    alerts = await told.tell()

    assert [a["endsAt"] for a in alerts] == [moment(AT + 300)] * 2


async def test_with_nothing_open_nothing_is_told(told: Told) -> None:
    assert await told.tell() == []
    assert told.there.heard == []


async def test_a_change_of_severity_ends_one_alert_and_begins_another(told: Told) -> None:
    await told.tell(opened(incident()))
    told.clock.advance(10)
    now = told.clock.now()

    alerts = await told.tell(changed(incident(severity=Severity.CRITICAL)))

    assert brief(alerts) == [
        ("wal-fsync-slow", "warning", moment(now)),
        ("wal-fsync-slow", "critical", moment(now + 240)),
    ]
    assert alerts[0]["annotations"]["became"] == "wal-fsync-slow, critical"
    assert alerts[1]["annotations"]["was"] == "wal-fsync-slow, warning"
    assert alerts[1]["startsAt"] == moment(AT - 2)

    (again,) = await told.tell()
    assert again["annotations"]["was"] == "wal-fsync-slow, warning"


async def test_a_clearer_cause_ends_one_alert_and_begins_another(told: Told) -> None:
    await told.tell(opened(incident(cause="leader-flapping", subject=CLUSTER)))

    alerts = await told.tell(changed(incident()))

    assert brief(alerts) == [
        ("leader-flapping", "warning", moment(AT)),
        ("wal-fsync-slow", "warning", ALIVE),
    ]


async def test_what_changes_beside_the_labels_is_told_in_place(told: Told) -> None:
    await told.tell(opened(incident()))

    (alert,) = await told.tell(changed(incident(summary="worse", confidence=0.99)))

    assert alert["endsAt"] == ALIVE
    assert alert["annotations"]["summary"] == "worse"
    assert "was" not in alert["annotations"]


async def test_a_closed_incident_ends_its_alert_once(told: Told) -> None:
    await told.tell(opened(incident()))
    told.clock.advance(30)

    alerts = await told.tell(closed(incident(note="fast again"), AT + 29))

    assert brief(alerts) == [("wal-fsync-slow", "warning", moment(AT + 29))]
    assert alerts[0]["annotations"]["note"] == "fast again"
    assert await told.tell() == []


async def test_an_incident_closed_by_an_agent_that_never_opened_it_is_ended(told: Told) -> None:
    alerts = await told.tell(closed(incident()))

    assert brief(alerts) == [("wal-fsync-slow", "warning", moment(AT))]


async def test_info_is_not_sent_unless_wanted(told: Told) -> None:
    info = incident(severity=Severity.INFO)
    assert await told.tell(opened(info), closed(info)) == []

    eager = Told(told.there, lowest=Severity.INFO)
    assert brief(await eager.tell(opened(info))) == [("wal-fsync-slow", "info", ALIVE)]
    await eager.close()


async def test_an_incident_that_calms_down_to_info_ends_its_alert(told: Told) -> None:
    await told.tell(opened(incident()))

    alerts = await told.tell(changed(incident(severity=Severity.INFO)))

    assert brief(alerts) == [("wal-fsync-slow", "warning", moment(AT))]
    assert alerts[0]["annotations"]["became"] == "wal-fsync-slow, info"


async def test_after_an_outage_the_present_state_is_told_in_one_request(told: Told) -> None:
    told.there.usual = 500
    flood = [opened(incident(n)) for n in range(1, 50)] + [
        closed(incident(n)) for n in range(1, 49)
    ]
    for _ in range(3):
        with pytest.raises(DeliveryError):
            await told.tell(*flood)
    told.there.usual = 200

    alerts = await told.tell(*flood)

    assert len(alerts) == 49
    assert [a["labels"]["member"] for a in alerts if a["endsAt"] == ALIVE] == ["31"]
    (again,) = await told.tell()
    assert again["labels"]["member"] == "31"


async def test_an_alert_that_begins_again_at_once_is_not_ended(told: Told) -> None:
    await told.tell(opened(incident()))

    alerts = await told.tell(closed(incident()), opened(incident(id="a new one")))

    assert brief(alerts) == [("wal-fsync-slow", "warning", ALIVE)]


async def test_of_two_incidents_with_the_same_labels_the_alert_lives_as_long_as_one(
    told: Told,
) -> None:
    await told.tell(opened(incident()), opened(incident(id="twin")))

    (alert,) = await told.tell(closed(incident()))

    assert (alert["endsAt"], alert["annotations"]["incident"]) == (ALIVE, "twin")


async def test_what_was_refused_is_not_told_again_and_again(told: Told) -> None:
    await told.tell(opened(incident()))
    told.there.answers.append(web.Response(status=400, text="bad alert"))

    with pytest.raises(RefusedError, match="bad alert"):
        await told.tell(closed(incident()))

    assert await told.tell() == []


async def test_after_a_restart_what_goes_on_is_told_and_what_does_not_is_ended(told: Told) -> None:
    told.sink.resume([incident(1)])
    old = AT - 100

    alerts = await told.tell(opened(incident(1), old), opened(incident(2), old))

    assert sorted((a["labels"]["member"], a["endsAt"]) for a in alerts) == [
        ("1", ALIVE),
        ("2", moment(AT)),
    ]
    (again,) = await told.tell()
    assert again["labels"]["member"] == "1"
    assert len(await told.tell(opened(incident(2), AT + 1))) == 2


@pytest.mark.parametrize(
    ("ahead", "lives_until", "ended_at"), [(600.0, AT + 840, AT), (-600.0, AT + 240, AT - 600)]
)
async def test_an_alert_lives_and_ends_by_the_clock_of_the_receiver_too(
    told: Told, ahead: float, lives_until: float, ended_at: float
) -> None:
    told.sink.post.ahead = ahead
    (alive,) = await told.tell(opened(incident()))
    told.sink.post.ahead = ahead
    (ended,) = await told.tell(closed(incident()))

    assert alive["endsAt"] == moment(lives_until)
    assert ended["endsAt"] == moment(ended_at)
    assert ended["startsAt"] <= ended["endsAt"]


async def test_an_alert_never_ends_before_it_begins(told: Told) -> None:
    (alert,) = await told.tell(closed(incident(since=AT + 50), AT + 50))

    assert alert["startsAt"] <= alert["endsAt"] == moment(AT)


def test_annotations_say_why_and_what_to_do() -> None:
    seen = incident(
        evidence=(
            Evidence("wal_fsync_p99", 0.41234567, "s", 0.1, "/metrics", M1),
            Evidence("cpu", 0.1, for_=False),
            Evidence("leader", "lost", says="the leader lost m1"),
        ),
        ruled_out=(RuledOut("cpu-starved", "the CPU is idle"),),
        runbook=(Step("Move the leader.", "etcdctl move-leader a1"), Step("Replace the disk.")),
        alternatives=(Alternative("disk-shared", 0.05, "others may use the disk"),),
    )

    assert annotations(seen) == {
        "summary": "m1's disk is slow",
        "why": "wal_fsync_p99 of m1 = 0.4123 s (limit 0.1); leader = lost, the leader lost m1",
        "ruled_out": "cpu-starved: the CPU is idle",
        "alternatives": "disk-shared (5%): others may use the disk",
        "effects": "leader-flapping",
        "impact": "writes wait",
        "runbook": "1. Move the leader.\n   etcdctl move-leader a1\n2. Replace the disk.",
        "confidence": "93%",
        "incident": seen.id,
    }


async def test_own_labels_and_a_link_are_added() -> None:
    async with receiving() as there:
        told = Told(there, labels={"env": "prod"}, link="http://scope/#/incident/{incident}")
        (alert,) = await told.tell(opened(incident(id="a/b")))
        await told.close()

    assert alert["labels"]["env"] == "prod"
    assert alert["generatorURL"] == "http://scope/#/incident/a%2Fb"


def test_every_alertmanager_has_a_lane_of_its_own() -> None:
    settings = AlertmanagerSettings(
        (Receiver("http://u:p@am1:9093/prefix/"), Receiver("http://am2:9093/api/v2/alerts"))
    )
    both = lanes(settings, FakeClock())

    assert [lane.sink.name for lane in both] == [
        "alertmanager http://am1:9093",
        "alertmanager http://am2:9093",
    ]
    sinks = [lane.sink for lane in both]
    assert [s.post.receiver.url for s in sinks if isinstance(s, AlertmanagerSink)] == [
        "http://am1:9093/prefix/api/v2/alerts",
        "http://am2:9093/api/v2/alerts",
    ]
