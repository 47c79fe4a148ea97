"""Takes into the memory what a window shows. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from etcdscope.model.cluster import Certificate, Member
from etcdscope.model.memory import Change, Mark, Memory, Remembered
from etcdscope.model.signal import (
    CERTIFICATE,
    CLUSTER_ID,
    COMMITTED_INDEX,
    LINEARIZABLE_OK,
    RAFT_TERM,
    REVISION,
    VERSION,
    Signal,
)
from etcdscope.model.window import Window

# A linearizable read takes at most so long (the probe's patience): one that ended so much later
# than a value was shown began after it.
READ_BEGAN = 2.0
# How much of what changed is kept.
KEPT_SECONDS, KEPT = 7 * 86_400.0, 64


def remember(memory: Memory, window: Window) -> Memory:
    """Return the memory with what the window shows at its moment.

    Only members of the trusted list count, so that an endpoint of another cluster changes nothing.
    """
    if not window.members:
        return memory
    cluster = _cluster(window)
    if not cluster:
        return memory
    if memory.members and not _related(memory.members, window.members):
        memory = Memory()  # quite another cluster
    changes = [*_identity(memory, window, cluster), *_turns(memory, window)]
    went_back = {c.what for c in changes if c.what in ("revision", "index")}
    members = tuple(_member(memory.member(m.id), m, window) for m in window.members)
    looked_at = {endpoint for _, endpoint in window.looks if "://" in endpoint}
    changed = [*memory.changes, *changes]
    return Memory(
        home=memory.home or cluster,
        cluster=cluster,
        endpoints=memory.endpoints
        if looked_at <= set(memory.endpoints)
        else tuple(sorted(looked_at | set(memory.endpoints))),
        members=memory.members if members == memory.members else members,
        revision=_raised(Mark() if "revision" in went_back else memory.revision, window, REVISION),
        index=_raised(Mark() if went_back else memory.index, window, COMMITTED_INDEX),
        term=max([memory.term, *(m.term for m in members)]),
        changes=tuple(c for c in changed if c.at > window.now - KEPT_SECONDS)[-KEPT:],
    )


def _cluster(window: Window) -> str:
    votes: dict[str, int] = {}
    for m in window.members:
        if known := window.word(m.id, CLUSTER_ID):
            votes[known] = votes.get(known, 0) + 1
    return max(votes, key=lambda c: (votes[c], c)) if votes else ""


def _related(before: Sequence[Remembered], now: Sequence[Member]) -> bool:
    """Return whether a restore, a replacement or an upgrade can have made the one of the other."""
    known = {mark for m in before for mark in (m.id, m.name, *m.peer_urls) if mark}
    return any(not known.isdisjoint((m.id, m.name, *m.peer_urls)) for m in now)


def _identity(memory: Memory, window: Window, cluster: str) -> Iterable[Change]:
    now = window.now
    if memory.cluster and memory.cluster != cluster:
        yield Change("cluster", now, "", memory.cluster, cluster)
    listed = {m.id for m in window.members}
    for m in window.members:
        before = memory.member(m.id)
        if before is None:
            if old := _predecessor(memory, m, listed):
                yield Change("member", now, m.id, old.id, m.id)
            continue
        version = window.word(m.id, VERSION)
        if before.version and version and version != before.version:
            yield Change("version", now, m.id, before.version, version)
        for port, certificate in before.certificates:
            shown = _certificates(window, m.id).get(port)
            if shown and shown.fingerprint != certificate.fingerprint:
                yield Change(
                    "certificate", now, m.id, certificate.fingerprint, shown.fingerprint, port
                )


def _predecessor(memory: Memory, member: Member, listed: set[str]) -> Remembered | None:
    return next(
        (
            m
            for m in memory.members
            if m.id not in listed
            and (
                (member.name and m.name == member.name) or set(m.peer_urls) & set(member.peer_urls)
            )
        ),
        None,
    )


# --- what went back --------------------------------------------------------------------------


def _turns(memory: Memory, window: Window) -> Iterable[Change]:
    """Yield what is surely lower than it was: a quorum's marks against a read through a quorum."""
    for what, mark, signal in (
        ("revision", memory.revision, REVISION),
        ("index", memory.index, COMMITTED_INDEX),
    ):
        values = _fresh(window, signal)
        lower = mark.value and values and max(values.values()) < mark.value
        if lower and any(_confirmed(window, m, signal, mark) for m in values):
            yield Change(what, window.now, "", mark.value, max(values.values()))


def _fresh(window: Window, signal: Signal) -> Mapping[str, float]:
    numbers = {m.id: window.number(m.id, signal) for m in window.members}
    return {m: value for m, value in numbers.items() if value is not None}


def _confirmed(window: Window, member: str, signal: Signal, mark: Mark) -> bool:
    """Return whether the member has shown its value after a linearizable read after the mark.

    Such a read returns when all that was committed before it has been applied, so that a member
    which only lags cannot pass for one that went back.
    """
    shown = window.last(member, signal)
    return shown is not None and any(
        read.value == 1 and mark.at + READ_BEGAN < read.at < shown.at
        for read in window.points(member, LINEARIZABLE_OK)
    )


def _raised(mark: Mark, window: Window, signal: Signal) -> Mark:
    """Return the highest value that a quorum of the voters has shown."""
    fresh = _fresh(window, signal)
    values = sorted((fresh[m.id] for m in window.voters if m.id in fresh), reverse=True)
    if len(values) < window.quorum:
        return mark
    reached = values[window.quorum - 1]
    return Mark(reached, window.now) if reached > mark.value else mark


# --- one member ------------------------------------------------------------------------------


def _member(before: Remembered | None, member: Member, window: Window) -> Remembered:
    known = before or Remembered(member.id, member.name)
    version = window.word(member.id, VERSION) or known.version
    shown = _certificates(window, member.id)
    certificates = tuple(sorted((dict(known.certificates) | shown).items())) if shown else ()
    new = replace(
        known,
        name=member.name,
        peer_urls=member.peer_urls,
        client_urls=member.client_urls,
        version=version,
        version_at=known.version_at if version == known.version else window.now,
        revision=_highest(known.revision, window, member.id, REVISION),
        index=_highest(known.index, window, member.id, COMMITTED_INDEX),
        term=_highest(known.term, window, member.id, RAFT_TERM),
        certificates=certificates or known.certificates,
    )
    return known if new == known else new


def _highest(known: float, window: Window, member: str, signal: Signal) -> float:
    value = window.number(member, signal)
    return known if value is None else max(known, value)


def _certificates(window: Window, member: str) -> dict[str, Certificate]:
    ports = [port for port in window.keys(member, CERTIFICATE) if port != "ours"]
    points = {port: window.last(member, CERTIFICATE, port) for port in ports}
    return {
        port: point.value
        for port, point in points.items()
        if point and isinstance(point.value, Certificate)
    }
