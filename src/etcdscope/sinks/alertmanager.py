"""Alertmanager: incidents as alerts, kept alive by telling them again.

An alert is its labels. They say what is wrong with what, and nothing of who says so, so that
Alertmanager sees one alert where several agents watch one cluster. ``cluster`` is etcd's id of it,
``cluster_name`` what the user calls it, where an agent watches several: a pair of agents must call
them the same. When cause, severity or subject
of an incident becomes clearer its labels change: the old alert is ended and the new one begun in
one request, and the annotations ``became`` and ``was`` tie them together.

An alert lives four resend intervals past the last time it was told. So it outlives a restart of the
agent, and ends by itself if the agent is gone for good. Alertmanager forgets its alerts when it
restarts; the next resend tells it all of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import quote

import msgspec

from etcdscope.model.contract import moment, subject_object
from etcdscope.model.finding import Evidence, Severity
from etcdscope.model.incident import Effect, EffectKind, Incident
from etcdscope.model.ports import Clock
from etcdscope.sinks.deliver import Lane
from etcdscope.sinks.http import Post, Receiver, RefusedError

API: Final = "/api/v2/alerts"
LIVES_RESENDS: Final = 4
# Events folded into one request; the request tells all that is open, whatever their number.
_BATCH: Final = 1_000

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class AlertmanagerSettings:
    """Which Alertmanagers, all of one HA group, and what to tell them.

    ``labels`` go on every alert; agents that watch the same cluster must give the same ones.
    ``link``: an incident's page, with ``{incident}`` where its id belongs (``generatorURL``).
    """

    receivers: tuple[Receiver, ...]
    resend_seconds: float = 60.0
    lowest: Severity = Severity.WARNING
    labels: Mapping[str, str] = field(default_factory=dict)
    link: str = ""
    patience_seconds: float = 10.0


class Alert(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """One alert, as Alertmanager takes it."""

    labels: dict[str, str]
    annotations: dict[str, str]
    starts_at: str
    ends_at: str
    generator_url: str = msgspec.field(default="", name="generatorURL")


def lanes(settings: AlertmanagerSettings, clock: Clock) -> tuple[Lane, ...]:
    """Return a lane for each Alertmanager."""
    return tuple(_lane(AlertmanagerSink(r, settings, clock), settings) for r in settings.receivers)


def _lane(sink: "AlertmanagerSink", settings: AlertmanagerSettings) -> Lane:
    return Lane(
        sink,
        batch=_BATCH,
        patience=settings.patience_seconds,
        again=settings.resend_seconds,
        resume=sink.resume,
        close=sink.post.close,
    )


class AlertmanagerSink:
    """Tells one Alertmanager which incidents are open.

    Every request tells all of them; what is given to ``deliver`` only changes what "all" is, so
    that a delivery may be repeated, and an outage ends with the present state and not a flood.
    """

    def __init__(self, receiver: Receiver, settings: AlertmanagerSettings, clock: Clock) -> None:
        receiver = receiver.without_userinfo()
        url = receiver.url.rstrip("/").removesuffix(API) + API
        self.post = Post(replace(receiver, url=url))
        self.name = f"alertmanager {self.post.who}"
        self.settings = settings
        self.clock = clock
        self._open: dict[str, Incident] = {}
        self._ended: dict[str, Incident] = {}
        self._was: dict[str, str] = {}
        self._told: dict[Labels, Incident] = {}
        self._resumed: tuple[float, frozenset[str]] | None = None

    def resume(self, incidents: Sequence[Incident]) -> None:
        """Take up the incidents that go on; queued events of others end them."""
        self._resumed = (self.clock.now(), frozenset(i.id for i in incidents))
        self._open |= {i.id: i for i in incidents if i.severity >= self.settings.lowest}

    async def deliver(self, effects: Sequence[Effect]) -> None:
        """Tell what is open and what has ended. Raises DeliveryError."""
        for effect in effects:
            if effect.incident is not None:
                self._take(effect, effect.incident)
        wanted = {self._labels(i): i for i in reversed(list(self._open.values()))}
        alerts = self._alerts(wanted)
        try:
            if alerts:
                await self.post.send(msgspec.json.encode(alerts), {}, self.clock.now())
        except RefusedError:  # the valid ones among them were taken nevertheless
            self._settle(wanted)
            raise
        self._settle(wanted)

    def _take(self, effect: Effect, incident: Incident) -> None:
        over = effect.kind is EffectKind.CLOSED or self._is_of_an_earlier_life(effect, incident)
        if over or incident.severity < self.settings.lowest:
            self._open.pop(incident.id, None)
            self._ended[incident.id] = incident
        else:
            self._open[incident.id] = incident

    def _is_of_an_earlier_life(self, effect: Effect, incident: Incident) -> bool:
        if self._resumed is None:
            return False
        began, going_on = self._resumed
        return effect.at < began and incident.id not in going_on

    def _alerts(self, wanted: Mapping[Labels, Incident]) -> list[Alert]:
        """Return what to post: what ends, then what is open, each set of labels once."""
        now = self.clock.now()
        before = {i.id: labels for labels, i in self._told.items()}
        alerts: dict[Labels, Alert] = {}
        for labels, incident in self._told.items():
            ended = self._ended.get(incident.id, incident)
            now_labels = self._labels(self._open.get(incident.id, ended))
            became = _known_as(now_labels) if now_labels != labels else ""
            ends = min(ended.closed_at or now, now)
            alerts[labels] = self._alert(labels, ended, ends, became=became)
        for incident in self._ended.values():  # told in an earlier life, or in no life at all
            labels = self._labels(incident)
            if labels not in alerts and incident.severity >= self.settings.lowest:
                alerts[labels] = self._alert(labels, incident, min(incident.closed_at or now, now))
        lives = LIVES_RESENDS * self.settings.resend_seconds
        for labels, incident in wanted.items():
            if before.get(incident.id, labels) != labels:
                self._was[incident.id] = _known_as(before[incident.id])
            was = self._was.get(incident.id, "")
            alerts[labels] = self._alert(labels, incident, now + lives, was=was)
        return list(alerts.values())

    def _settle(self, wanted: Mapping[Labels, Incident]) -> None:
        """Remember what Alertmanager now knows."""
        self._told = dict(wanted)
        self._was = {k: v for k, v in self._was.items() if k in self._open}
        self._ended.clear()

    def _labels(self, incident: Incident) -> Labels:
        """Return what identifies the alert: the same for every agent that sees the same."""
        about = msgspec.to_builtins(subject_object(incident.subject, incident.names))
        labels = {
            **self.settings.labels,
            "alertname": incident.cause,
            "job": "etcdscope",
            "severity": str(incident.severity),
            "cluster": incident.cluster,
            "cluster_name": incident.cluster_name,
            "subject": about.pop("kind"),
            **about,
        }
        return tuple(sorted((k, v) for k, v in labels.items() if v))

    def _alert(
        self, labels: Labels, incident: Incident, ends: float, *, was: str = "", became: str = ""
    ) -> Alert:
        # Their clock decides. If it is off from ours, what lives must not seem over to them, and
        # what is over must not seem to live.
        alive = ends > self.clock.now()
        ends += max(self.post.ahead, 0.0) if alive else min(self.post.ahead, 0.0)
        link = self.settings.link.replace("{incident}", quote(incident.id, safe=""))
        return Alert(
            labels=dict(labels),
            annotations=annotations(incident, was=was, became=became),
            starts_at=moment(min(incident.since, ends)),
            ends_at=moment(ends),
            generator_url=link,
        )


def annotations(incident: Incident, *, was: str = "", became: str = "") -> dict[str, str]:
    """Return what a human should read; nothing here identifies the alert."""
    texts = {
        "summary": incident.summary,
        "why": "; ".join(_fact(e, incident.names) for e in incident.evidence if e.for_),
        "ruled_out": "; ".join(f"{r.cause}: {r.by}" for r in incident.ruled_out),
        "alternatives": "; ".join(
            f"{a.cause} ({a.confidence:.0%}): {a.why}" for a in incident.alternatives
        ),
        "effects": ", ".join(incident.effects),
        "impact": incident.impact,
        "runbook": "\n".join(
            f"{n}. {step.say}" + (f"\n   {step.run}" if step.run else "")
            for n, step in enumerate(incident.runbook, 1)
        ),
        "next_test": incident.next_test,
        "confidence": f"{incident.confidence:.0%}",
        "incident": incident.id,
        "was": was,
        "became": became,
        "note": incident.note,
    }
    return {k: v for k, v in texts.items() if v}


def _fact(evidence: Evidence, names: Mapping[str, str]) -> str:
    value = evidence.value
    text = f"{value:.4g}" if isinstance(value, float) else names.get(str(value), str(value))
    of = f" of {names.get(evidence.member, evidence.member)}" if evidence.member else ""
    limit = "" if evidence.limit is None else f" (limit {evidence.limit:.4g})"
    says = f", {evidence.says}" if evidence.says else ""
    return f"{evidence.signal}{of} = {text} {evidence.unit}".rstrip() + limit + says


def _known_as(labels: Labels) -> str:
    named = dict(labels)
    return f"{named['alertname']}, {named['severity']}"
