"""What the words of a story do to the simulated Kubernetes."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from tests.scenarios.kubernetes import SimKubernetes, SimNode, SimServer
from tests.scenarios.looking import T0
from tests.scenarios.story import Event, StoryError, amount, value

from etcdscope.model.kubernetes import BackupJob, Leaving, Snapshot
from etcdscope.model.signal import TABLE

# What a story may turn on an API server; seconds, shares, revisions.
_KNOBS = {
    "waits": "waits",
    "events-wait": "events_wait",
    "fails": "fails",
    "lags": "lags",
    "past": "past",
    "ahead": "ahead",
}
_GROUPS = ("nodes", "servers", "workers")
_DISCOVERY = "NamespaceDeletionDiscoveryFailure"


def concerns(kubernetes: SimKubernetes, event: Event) -> bool:
    """Return whether the event is about Kubernetes."""
    first = event.who.split(",")[0]
    named = first in kubernetes.nodes or first.startswith("cp-") or first in _GROUPS
    return named or event.verb in _ALL


def happen_there(kubernetes: SimKubernetes, event: Event) -> None:
    """Let one event of the story happen."""
    if event.verb in _ALL:
        _ALL[event.verb](kubernetes, event)
        return
    for name in kubernetes.called(event.who):
        node = kubernetes.server(name) if name.startswith("cp-") else kubernetes.nodes.get(name)
        if node is None:
            raise StoryError(f"there is no node {name!r}")
        if event.verb in _NODE:
            _NODE[event.verb](kubernetes, node, event)
        elif event.verb in _SERVER:
            _SERVER[event.verb](kubernetes.servers[name], event)
        elif event.verb:
            raise StoryError(f"a node cannot be {event.verb!r}")
        else:
            _set(kubernetes, node, event)


def _set(kubernetes: SimKubernetes, node: SimNode, event: Event) -> None:
    for name, text in event.settings.items():
        if name == "address":
            node.address = text
        elif name == "zone":
            node.zone = text
        elif node.name in kubernetes.servers:
            _set_server(kubernetes.servers[node.name], name, text)
        else:
            raise StoryError(f"a worker has no {name!r}: say address= or zone=")


def _set_server(server: SimServer, name: str, text: str) -> None:
    whose, _, flag = name.partition(":")
    signal, _, key = name.rstrip("]").partition("[")
    if name in _KNOBS:
        setattr(server, _KNOBS[name], amount(text))
    elif name == "dials":
        server.dials = tuple(text.split(","))
    elif name == "probe":
        server.probe = replace(server.probe, path=text)
    elif flag:
        flags = server.etcd_flags if whose == "etcd" else server.flags
        flags[flag] = text
    elif signal not in TABLE:
        raise StoryError(f"an API server has no {name!r}")
    elif text == "usual":
        server.overrides.pop((TABLE[signal], key), None)
    else:
        server.overrides[TABLE[signal], key] = value(text)


# --- nodes ---------------------------------------------------------------------------------------


def _deleted(kubernetes: SimKubernetes, node: SimNode, event: Event) -> None:
    """Take the Node object away; what runs there goes on."""
    del kubernetes.nodes[node.name]


def _joined(kubernetes: SimKubernetes, node: SimNode, event: Event) -> None:
    """Be there, without a member, since ``ago``."""
    node.created = event.at - amount(event.settings.get("ago", "0s"))
    node.renewed = event.at


def _silent(silent: bool) -> Callable[[SimKubernetes, SimNode, Event], None]:
    def switched(kubernetes: SimKubernetes, node: SimNode, event: Event) -> None:
        node.silent = silent

    return switched


def _unready(kubernetes: SimKubernetes, node: SimNode, event: Event) -> None:
    node.ready, node.ready_since, node.reason = "False", event.at, "KubeletNotReady"
    node.message = " ".join(event.words).replace("_", " ")


def _ready(kubernetes: SimKubernetes, node: SimNode, event: Event) -> None:
    node.ready, node.ready_since, node.reason, node.message = "True", event.at, "KubeletReady", ""


_NODE: Mapping[str, Callable[[SimKubernetes, SimNode, Event], None]] = {
    "deleted": _deleted,
    "joined": _joined,
    "silent": _silent(True),
    "heard": _silent(False),
    "unready": _unready,
    "ready": _ready,
}


# --- what runs on servers ------------------------------------------------------------------------


def _apiserver(running: bool) -> Callable[[SimServer, Event], None]:
    def switched(server: SimServer, event: Event) -> None:
        server.running = running
        server.began = event.at if running else server.began

    return switched


def _manifest(there: bool) -> Callable[[SimServer, Event], None]:
    def moved(server: SimServer, event: Event) -> None:
        server.manifest = there

    return moved


_SERVER: Mapping[str, Callable[[SimServer, Event], None]] = {
    "apiserver-stopped": _apiserver(running=False),
    "apiserver-started": _apiserver(running=True),
    "manifest-gone": _manifest(there=False),
    "manifest-back": _manifest(there=True),
}


# --- all of it -----------------------------------------------------------------------------------


def _controllers(act: bool) -> Callable[[SimKubernetes, Event], None]:
    def switched(kubernetes: SimKubernetes, event: Event) -> None:
        kubernetes.controlled = act

    return switched


def _denies(kubernetes: SimKubernetes, event: Event) -> None:
    kubernetes.unseen = dict.fromkeys(event.words, "forbidden")


def _terminating(kubernetes: SimKubernetes, event: Event) -> None:
    """``media-dev terminating ago=3h api=v1.metrics.k8s.io``, or ``finalizer=acme.io/cleanup``."""
    since = T0 + event.at - amount(event.settings.get("ago", "0s"))
    conditions = []
    if api := event.settings.get("api"):
        kubernetes.unavailable[api] = "no endpoints"
        conditions.append((_DISCOVERY, f"{api}: stale GroupVersion discovery"))
    if finalizer := event.settings.get("finalizer"):
        left = f"Some content in the namespace has finalizers remaining: {finalizer} in 1 resource"
        conditions.append(("NamespaceFinalizersRemaining", left))
    kubernetes.leaving[event.who] = Leaving(event.who, since, tuple(conditions))


def _gone(kubernetes: SimKubernetes, event: Event) -> None:
    kubernetes.leaving.pop(event.who)
    kubernetes.unavailable.clear()


def _ran(kubernetes: SimKubernetes, event: Event) -> None:
    """``nightly ran ago=80h``: the last success of a CronJob that saves etcd every night."""
    last = T0 + event.at - amount(event.settings.get("ago", "0s"))
    kubernetes.job = BackupJob("ops", event.who, "0 3 * * *", T0 - 9e6, last)


def _saved(kubernetes: SimKubernetes, event: Event) -> None:
    """``backup saved ago=27h bytes=24MiB``, or ``broken=has_no_hash``: the newest file."""
    at = T0 + event.at - amount(event.settings.get("ago", "0s"))
    why = event.settings.get("broken", "").replace("_", " ")
    size = int(amount(event.settings.get("bytes", "30MiB")))
    path = f"/var/backups/{event.who}.db"
    kubernetes.saved = Snapshot(path, at, size, whole=not why, why=why)


_ALL: Mapping[str, Callable[[SimKubernetes, Event], None]] = {
    "controllers-stop": _controllers(act=False),
    "controllers-act": _controllers(act=True),
    "denies": _denies,
    "terminating": _terminating,
    "gone": _gone,
    "ran": _ran,
    "saved": _saved,
}
