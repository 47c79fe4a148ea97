"""What the words of a story do to the simulated cluster."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from tests.scenarios.cluster import Counters, Growing, Knobs, Process, Run, SimCluster, SimMember
from tests.scenarios.kubernetes import SimKubernetes
from tests.scenarios.kubernetes_verbs import concerns, happen_there
from tests.scenarios.looking import T0
from tests.scenarios.story import Event, StoryError, amount, value

from etcdscope.model.census import Cell, Census, Key, Orphan
from etcdscope.model.cluster import Role
from etcdscope.model.logs import LogEvent
from etcdscope.model.signal import TABLE

Settings = Mapping[str, str]
_KNOBS = frozenset(f.name for f in fields(Knobs))
_USUAL = Knobs()


def happen(cluster: SimCluster, event: Event, kubernetes: SimKubernetes | None = None) -> None:
    """Let one event of the story happen."""
    if kubernetes and concerns(kubernetes, event):
        happen_there(kubernetes, event)
        return
    if event.verb in _CLUSTER:
        _CLUSTER[event.verb](cluster, event)
        return
    if not event.who and "=" not in event.verb:
        _set_cluster(cluster, event.settings)
        return
    for name in [*cluster.members] if event.who == "all" else event.who.split(","):
        if event.verb == "added":
            _added(cluster, name, event)
            if kubernetes and "on" in event.settings:
                kubernetes.seat(cluster.members[name], event.settings["on"])
            continue
        if name not in cluster.members:
            raise StoryError(f"there is no member {name!r}")
        member = cluster.members[name]
        if event.verb:
            if event.verb not in _MEMBER:
                raise StoryError(f"a member cannot be {event.verb!r}")
            _MEMBER[event.verb](cluster, member, event)
        else:
            _set_member(cluster, member, event)


def _set_cluster(cluster: SimCluster, settings: Settings) -> None:
    for name, text in settings.items():
        if name == "writes":
            cluster.writes = amount(text)
        elif name == "lag":
            cluster.lag = amount(text)
        elif (own := TABLE.get(name.partition("[")[0])) and own.source == "etcdscope":
            cluster.own[own, name.rstrip("]").partition("[")[2]] = amount(text)
        else:
            raise StoryError(f"the cluster has no {name!r}: say writes=50/s or lag=1s")


def _set_member(cluster: SimCluster, member: SimMember, event: Event) -> None:
    for name, text in event.settings.items():
        signal, _, key = name.rstrip("]").partition("[")
        if name in _KNOBS:
            setattr(member.knobs, name, amount(text))
        elif signal not in TABLE:
            raise StoryError(f"there is no signal {signal!r}")
        elif text == "usual":
            member.overrides.pop((TABLE[signal], key), None)
            member.growing.pop((TABLE[signal], key), None)
        elif text.startswith("+"):
            before = member.shown(TABLE[signal], key, event.at)
            member.overrides.pop((TABLE[signal], key), None)
            member.growing[TABLE[signal], key] = Growing(before, amount(text[1:]), event.at)
        else:
            member.growing.pop((TABLE[signal], key), None)
            member.overrides[TABLE[signal], key] = value(text)


# --- members -------------------------------------------------------------------------------------


def _killed(cluster: SimCluster, m: SimMember, event: Event) -> None:
    m.process, m.farewell, m.closes_at = Process.DEAD, False, None
    m.ended = (event.at, 137)


def _stopped(cluster: SimCluster, m: SimMember, event: Event) -> None:
    """SIGTERM: leadership is handed over, the client port closes, then the process ends."""
    heirs = [v for v in cluster.voters if v is not m and cluster.connected(m, v)]
    if m.role is Role.LEADER and heirs:
        _handed(cluster, m, heirs[0])
    m.farewell, m.closes_at = True, event.at + 0.5
    m.ended = (m.closes_at, 0)


def _started(cluster: SimCluster, m: SimMember, event: Event) -> None:
    m.process, m.farewell, m.closes_at = Process.RUNNING, False, None
    if m.ended:
        m.runs, m.ended = (*m.runs, Run(m.started_at, *m.ended)), None
    m.ever_started, m.role, m.lead, m.transferee = True, Role.FOLLOWER, "", ""
    m.started_at, m.heard_leader = event.at, event.at
    m.ready_at = event.at + amount(event.settings.get("ready", "500ms"))
    m.counters, m.active, m.host_lost = Counters(), {}, False


def _frozen(cluster: SimCluster, m: SimMember, event: Event) -> None:
    m.process = Process.FROZEN


def _continued(cluster: SimCluster, m: SimMember, event: Event) -> None:
    m.process = Process.RUNNING
    m.heard_leader = m.heard_quorum = event.at  # its clock of ticks stood still


def _handed(cluster: SimCluster, old: SimMember, new: SimMember) -> None:
    new.term = old.term + 1
    old.transferee = new.id
    cluster.follow(new)


def _hands_over(cluster: SimCluster, m: SimMember, event: Event) -> None:
    _handed(cluster, m, cluster.members[event.settings["to"]])


def _elected(cluster: SimCluster, m: SimMember, event: Event) -> None:
    """Win an election without a visible reason."""
    m.term = max(x.term for x in cluster.listed) + 1
    cluster.follow(m)


def _switch(attribute: str, value: bool) -> Callable[[SimCluster, SimMember, Event], None]:
    def switched(cluster: SimCluster, m: SimMember, event: Event) -> None:
        setattr(m, attribute, value)

    return switched


def _host_back(cluster: SimCluster, m: SimMember, event: Event) -> None:
    _started(cluster, m, event)


def _starved(cluster: SimCluster, m: SimMember, event: Event) -> None:
    m.knobs.answers = amount(event.settings.get("answers", "400ms"))
    m.knobs.fsync = amount(event.settings.get("fsync", "60ms"))
    m.knobs.cpu = 0.02


def _usual(cluster: SimCluster, m: SimMember, event: Event) -> None:
    m.knobs, m.overrides, m.growing, m.blind = Knobs(), {}, {}, {}


def _alarm(cluster: SimCluster, m: SimMember, event: Event) -> None:
    for other in cluster.listed:
        other.alarms = (*other.alarms, (event.words[0], m.id))


def _blind(cluster: SimCluster, m: SimMember, event: Event) -> None:
    m.blind.update(event.settings)


def _sighted(cluster: SimCluster, m: SimMember, event: Event) -> None:
    m.blind.clear()


def _says(cluster: SimCluster, m: SimMember, event: Event) -> None:
    """Write a line to its log."""
    numbers = {k: amount(v) for k, v in event.settings.items() if k in _NUMBERS}
    words = {k: v.replace("_", " ") for k, v in event.settings.items() if k not in _NUMBERS}
    fields: dict[str, Any] = {**words, **numbers}
    m.said.append(LogEvent(T0 + event.at, event.words[0], **fields))


def _added(cluster: SimCluster, name: str, event: Event) -> None:
    if name in cluster.members:
        raise StoryError(f"{name} is a member already")
    m = cluster.join(name)
    m.ever_started, m.process, m.index_committed = False, Process.DEAD, 0.0
    m.learner = "learner" in event.words


def _removed(cluster: SimCluster, m: SimMember, event: Event) -> None:
    m.listed = False


def _promoted(cluster: SimCluster, m: SimMember, event: Event) -> None:
    m.learner = False


def _restored(cluster: SimCluster, m: SimMember, event: Event) -> None:
    """Take the data of an older day, while it is down."""
    m.index_committed = m.last_index = amount(event.settings["to"])
    m.match, m.term = {}, 1


def _lists(cluster: SimCluster, m: SimMember, event: Event) -> None:
    m.lists = () if event.words == ("all",) else tuple(event.words[0].split(","))


def _flagged(cluster: SimCluster, m: SimMember, event: Event) -> None:
    m.flags.update(event.settings)


def _advertises(cluster: SimCluster, m: SimMember, event: Event) -> None:
    m.advertised = "" if event.words == ("itself",) else event.words[0]


_NUMBERS = frozenset({"seconds", "bytes", "entries", "count", "term", "index"})
_MEMBER: Mapping[str, Callable[[SimCluster, SimMember, Event], None]] = {
    "killed": _killed,
    "stopped": _stopped,
    "started": _started,
    "frozen": _frozen,
    "continued": _continued,
    "hands-over": _hands_over,
    "elected": _elected,
    "isolated": _switch("isolated", True),
    "rejoined": _switch("isolated", False),
    "hidden": _switch("hidden", True),
    "visible": _switch("hidden", False),
    "host-lost": _switch("host_lost", True),
    "host-back": _host_back,
    "starved": _starved,
    "usual": _usual,
    "alarm": _alarm,
    "blind": _blind,
    "sighted": _sighted,
    "removed": _removed,
    "says": _says,
    "promoted": _promoted,
    "restored": _restored,
    "flagged": _flagged,
    "lists": _lists,
    "advertises": _advertises,
}


# --- the whole cluster ---------------------------------------------------------------------------


def _disarmed(cluster: SimCluster, event: Event) -> None:
    for m in cluster.listed:
        m.alarms = ()


def _link(cut: bool) -> Callable[[SimCluster, Event], None]:
    def cut_or_mend(cluster: SimCluster, event: Event) -> None:
        one, other = event.who.split("-")
        link = frozenset((cluster.members[one].id, cluster.members[other].id))
        cluster.cut = cluster.cut | {link} if cut else cluster.cut - {link}

    return cut_or_mend


def _counted(cluster: SimCluster, event: Event) -> None:
    """A census of the keys: ``pods=300,20MiB events@ci=30000,30MiB orphan:a.io/xs=41000,1GiB``."""
    cells, orphans, largest = [], [], []
    for name, text in event.settings.items():
        if name == "ago":
            continue
        keys, _, size = text.partition(",")
        if name.startswith("orphan:"):
            orphans.append(Orphan(name.partition(":")[2], int(keys), int(amount(size))))
        elif name.startswith("object:"):
            path = name.partition(":")[2]
            largest.append(Key(path, path.split("/")[2], "", int(amount(text)), len(path), 1, 1, 1))
        else:
            resource, _, namespace = name.partition("@")
            prefix = f"/registry/{resource}"
            cells.append(
                Cell(prefix, resource, namespace, int(keys), 0, int(amount(size)), 0, int(keys))
            )
    at = T0 + event.at - amount(event.settings.get("ago", "0s"))
    census = Census(at, "m2", 100, tuple(cells), tuple(largest), orphans=tuple(orphans))
    cluster.chronicle = cluster.chronicle.extended(census)


_CLUSTER: Mapping[str, Callable[[SimCluster, Event], None]] = {
    "counted": _counted,
    "disarmed": _disarmed,
    "cut": _link(cut=True),
    "mended": _link(cut=False),
}
