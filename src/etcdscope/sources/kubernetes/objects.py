"""Kubernetes' objects, as little of them as is looked at; unknown fields are skipped, not kept."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from urllib.parse import urlsplit, urlunsplit

import msgspec
from msgspec import Struct, field

from etcdscope.model.kubernetes import (
    APISERVER,
    ETCD,
    BackupJob,
    Ending,
    Leaving,
    LivenessProbe,
    Node,
    StaticPod,
)

Texts = dict[str, str]
_ROLE = "node-role.kubernetes.io/"
_ZONES = ("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone")
# Where k3s and RKE2 note what the member of a node is called and where it is.
_MEMBER_NAMES = ("etcd.k3s.cattle.io/node-name", "etcd.rke2.cattle.io/node-name")
_MEMBER_ADDRESSES = ("etcd.k3s.cattle.io/node-address", "etcd.rke2.cattle.io/node-address")
_VERSION = re.compile(r"v?(\d+\.\d+\.\d+[\w.-]*)")
# A value under such a name may be a secret; paths to secrets are none, but nobody needs them.
_SECRET = re.compile(r"token|password|secret|jwt|credential", re.IGNORECASE)
_MOST_TEXT = 300


class Meta(Struct, frozen=True, rename="camel"):
    """An object's metadata."""

    name: str = ""
    namespace: str = ""
    version: str = field(name="resourceVersion", default="")
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    labels: Texts | None = None
    annotations: Texts | None = None


class Thing(Struct, frozen=True, kw_only=True):
    """Any object."""

    metadata: Meta

    @property
    def key(self) -> str:
        """Return what names it among its kind."""
        meta = self.metadata
        return f"{meta.namespace}/{meta.name}" if meta.namespace else meta.name


class _Condition(Struct, frozen=True, rename="camel"):
    type: str = ""
    status: str = ""
    reason: str | None = None
    message: str | None = None
    last_transition_time: str | None = None


class _Address(Struct, frozen=True):
    type: str = ""
    address: str = ""


class _NodeStatus(Struct, frozen=True):
    conditions: list[_Condition] | None = None
    addresses: list[_Address] | None = None


class NodeThing(Thing, frozen=True, kw_only=True):
    """A Node."""

    status: _NodeStatus = _NodeStatus()


class _LeaseSpec(Struct, frozen=True, rename="camel"):
    lease_duration_seconds: float | None = None
    renew_time: str | None = None


class LeaseThing(Thing, frozen=True, kw_only=True):
    """A Lease."""

    spec: _LeaseSpec = _LeaseSpec()


class _NamespaceStatus(Struct, frozen=True):
    conditions: list[_Condition] | None = None


class NamespaceThing(Thing, frozen=True, kw_only=True):
    """A Namespace."""

    status: _NamespaceStatus = _NamespaceStatus()


class ApiServiceThing(Thing, frozen=True, kw_only=True):
    """An APIService."""

    status: _NamespaceStatus = _NamespaceStatus()


class _Get(Struct, frozen=True):
    path: str | None = None


class _Probe(Struct, frozen=True, rename="camel"):
    http_get: _Get | None = None
    period_seconds: float = 10.0
    timeout_seconds: float = 1.0
    failure_threshold: int = 3


class _Container(Struct, frozen=True, rename="camel"):
    name: str = ""
    image: str = ""
    command: list[str] | None = None
    args: list[str] | None = None
    liveness_probe: _Probe | None = None


class _PodSpec(Struct, frozen=True, rename="camel"):
    containers: list[_Container] | None = None
    node_name: str = ""


class _Terminated(Struct, frozen=True, rename="camel"):
    exit_code: int = 0
    reason: str | None = None
    started_at: str | None = None
    finished_at: str | None = None


class _Waiting(Struct, frozen=True):
    reason: str | None = None


class _Running(Struct, frozen=True, rename="camel"):
    started_at: str | None = None


class _RunState(Struct, frozen=True):
    running: _Running | None = None
    waiting: _Waiting | None = None
    terminated: _Terminated | None = None


class _ContainerStatus(Struct, frozen=True, rename="camel"):
    name: str = ""
    ready: bool = False
    restart_count: int = 0
    state: _RunState = _RunState()
    last_state: _RunState = _RunState()


class _PodStatus(Struct, frozen=True, rename="camel"):
    host_ip: str = field(name="hostIP", default="")
    container_statuses: list[_ContainerStatus] | None = None


class PodThing(Thing, frozen=True, kw_only=True):
    """A Pod."""

    spec: _PodSpec = _PodSpec()
    status: _PodStatus = _PodStatus()


class _JobTemplatePod(Struct, frozen=True):
    spec: _PodSpec = _PodSpec()


class _JobTemplateSpec(Struct, frozen=True):
    template: _JobTemplatePod = _JobTemplatePod()


class _JobTemplate(Struct, frozen=True):
    spec: _JobTemplateSpec = _JobTemplateSpec()


class _CronSpec(Struct, frozen=True, rename="camel"):
    schedule: str = ""
    suspend: bool | None = None
    job_template: _JobTemplate = _JobTemplate()


class _CronStatus(Struct, frozen=True, rename="camel"):
    last_successful_time: str | None = None


class CronThing(Thing, frozen=True, kw_only=True):
    """A CronJob."""

    spec: _CronSpec = _CronSpec()
    status: _CronStatus = _CronStatus()


class Endpoint(Struct, frozen=True):
    """One entry of an EndpointSlice."""

    addresses: list[str] | None = None


class Port(Struct, frozen=True):
    """A port of an EndpointSlice."""

    port: int | None = None


class Slice(Struct, frozen=True):
    """An EndpointSlice."""

    endpoints: list[Endpoint] | None = None
    ports: list[Port] | None = None


# --- into the model ------------------------------------------------------------------------------


def moment(text: str | None) -> float:
    """Return unix seconds of an RFC 3339 time, 0 where there is none."""
    if not text:
        return 0.0
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return 0.0
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def node(thing: NodeThing) -> Node:
    """Return what matters of a Node."""
    meta, status = thing.metadata, thing.status
    labels, notes = meta.labels or {}, meta.annotations or {}
    ready = next((c for c in status.conditions or () if c.type == "Ready"), _Condition())
    named = ("InternalIP", "Hostname", "InternalDNS", "ExternalIP")
    found = [a.address for a in status.addresses or () if a.type in named]
    found += [notes[name] for name in _MEMBER_ADDRESSES if name in notes]
    return Node(
        meta.name,
        tuple(dict.fromkeys(found)),
        tuple(sorted(key.removeprefix(_ROLE) for key in labels if key.startswith(_ROLE))),
        next((labels[z] for z in _ZONES if z in labels), ""),
        ready.status or "Unknown",
        ready.reason or "",
        (ready.message or "")[:_MOST_TEXT],
        moment(ready.last_transition_time),
        moment(meta.creation_timestamp),
        next((notes[name] for name in _MEMBER_NAMES if name in notes), ""),
    )


def ready(thing: NodeThing) -> str:
    """Return the status of the node's Ready condition."""
    return next((c.status for c in thing.status.conditions or () if c.type == "Ready"), "Unknown")


def is_server(thing: NodeThing) -> bool:
    """Return whether the node belongs to the control plane, or holds a member by its label."""
    labels = thing.metadata.labels or {}
    return any(f"{_ROLE}{role}" in labels for role in ("control-plane", "master", "etcd"))


def static_pod(thing: PodThing) -> StaticPod | None:
    """Return what matters of a static pod of etcd or the API server; None for any other pod."""
    for container in thing.spec.containers or ():
        if container.name in {ETCD, APISERVER} and _matches(thing, container.name):
            return _pod(thing, container)
    return None


def _matches(thing: PodThing, kind: str) -> bool:
    labels = thing.metadata.labels or {}
    return labels.get("component") == kind or thing.metadata.name.startswith(f"{kind}-")


def _pod(thing: PodThing, container: _Container) -> StaticPod:
    states = thing.status.container_statuses or ()
    status = next((s for s in states if s.name == container.name), _ContainerStatus())
    ended = status.last_state.terminated or status.state.terminated
    probe = container.liveness_probe
    tag = container.image.partition("@")[0].rpartition(":")[2]
    found = _VERSION.fullmatch(tag)
    return StaticPod(
        container.name,
        thing.metadata.name,
        thing.spec.node_name,
        thing.status.host_ip,
        found[1] if found else tag[:40],
        flags([*(container.command or ()), *(container.args or ())]),
        status.ready,
        status.restart_count,
        (status.state.waiting.reason or "waiting") if status.state.waiting else "",
        moment(status.state.running.started_at) if status.state.running else 0.0,
        Ending(
            ended.exit_code, ended.reason or "", moment(ended.started_at), moment(ended.finished_at)
        )
        if ended
        else None,
        LivenessProbe(
            probe.http_get.path or "/",
            probe.period_seconds,
            probe.timeout_seconds,
            probe.failure_threshold,
        )
        if probe and probe.http_get
        else None,
    )


def flags(words: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Return a command line's flags, sorted, without what may be a secret.

    ``--flag=value`` and ``--flag value``; a flag alone is "true". The last of two counts.
    """
    found: dict[str, str] = {}
    waiting = ""
    for word in words:
        if not word.startswith("-"):
            if waiting:
                found[waiting] = word
            waiting = ""
            continue
        name, given, value = word.lstrip("-").partition("=")
        found[name] = value if given else "true"
        waiting = "" if given else name
    return tuple(
        (name, _plain(value)) for name, value in sorted(found.items()) if not _SECRET.search(name)
    )


def _plain(value: str) -> str:
    """Take user and password out of URLs; nothing else of a value is hidden."""
    if "@" not in value:
        return value[: 4 * _MOST_TEXT]
    return ",".join(_without_userinfo(part) for part in value.split(","))[: 4 * _MOST_TEXT]


def _without_userinfo(url: str) -> str:
    split = urlsplit(url)
    if "@" not in split.netloc:
        return url
    return urlunsplit(split._replace(netloc=split.netloc.rpartition("@")[2]))


def leaving(thing: NamespaceThing) -> Leaving | None:
    """Return a namespace that is being deleted, None for the others."""
    since = moment(thing.metadata.deletion_timestamp)
    if not since:
        return None
    told = tuple(
        (c.type, (c.message or c.reason or "")[:_MOST_TEXT])
        for c in thing.status.conditions or ()
        if c.status == "True"
    )
    return Leaving(thing.metadata.name, since, told)


def unavailable(thing: ApiServiceThing) -> tuple[str, str] | None:
    """Return an APIService that is not available, with the reason; None for the others."""
    for condition in thing.status.conditions or ():
        if condition.type == "Available" and condition.status == "False":
            why = condition.message or condition.reason or "no reason"
            return thing.metadata.name, why[:_MOST_TEXT]
    return None


def backup_job(thing: CronThing) -> BackupJob | None:
    """Return a CronJob that saves etcd: it says both words, in its name or in what it runs."""
    spec = thing.spec.job_template.spec.template.spec
    runs = " ".join(
        word
        for c in spec.containers or ()
        for word in (c.image, *(c.command or ()), *(c.args or ()))
    )
    said = f"{thing.metadata.name} {runs}".lower()
    if "etcd" not in said or not any(word in said for word in ("snapshot", "backup")):
        return None
    return BackupJob(
        thing.metadata.namespace,
        thing.metadata.name,
        thing.spec.schedule,
        moment(thing.metadata.creation_timestamp),
        moment(thing.status.last_successful_time),
        bool(thing.spec.suspend),
    )


def lease_renewed(body: bytes) -> str:
    """Return when a single lease was renewed, as it stands there."""
    try:
        return _LEASE.decode(body).spec.renew_time or ""
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


_LEASE = msgspec.json.Decoder(LeaseThing)
_SLICE = msgspec.json.Decoder(Slice)
decode_slice = _SLICE.decode
DecodeError = msgspec.DecodeError
