"""How members know each other, by their logs: names that must resolve, and who was removed."""

from collections.abc import Iterator

from etcdscope.detect import journal
from etcdscope.detect.detector import detector
from etcdscope.model.finding import Finding, Limits, Severity, Subject
from etcdscope.model.incident import Step
from etcdscope.model.logs import PEER_NAME_UNRESOLVED, PEER_WAS_REMOVED, SELF_REMOVED, LogEvent
from etcdscope.model.signal import LOG_EVENT
from etcdscope.model.window import Window

# While it fails, rafthttp's prober says so every 5 s (statusErrorInterval in
# rafthttp/probing_status.go), and of many such lines ours come together every 10 s.
TRIED = 60.0
STILL = 25.0
# A single failed look-up is a hiccup of a resolver; two, so far apart, are not.
APART = 4.0


@detector(
    "peer-name-unresolvable",
    needs=(LOG_EVENT,),
    limits={"times": 2.0},
    closes_after=5.0,
    impact="Connections that are open go on, and hide it. After the next restart or break the"
    " members no longer find each other.",
    runbook=(
        Step("See what that host's resolver says.", "getent hosts {peer_host}"),
        Step("Correct the record, or the resolver; or name peers by address.",
             "etcdctl member update {member_id} --peer-urls {peer_scheme}://ADDRESS:{peer_port}"),
    ),
)  # fmt: skip
def peer_name_unresolvable(window: Window, limits: Limits) -> Iterator[Finding]:
    """The name in a member's peer URL does not resolve.

    Signal:  failed look-ups of a peer's name, at least twice, and still.
    Source:  the members' logs: etcd tries every few seconds.
    Means:   a missing or renamed record, or a resolver that is down. If one member alone fails, it
             is that host's resolver; if several do, it is the name.
    Alike:   member-down (the name resolves, and nobody answers there).
    Next:    getent hosts on the host that fails.
    """
    failing: dict[tuple[str, str], dict[str, LogEvent]] = {}
    for writer in journal.writers(window):
        seen = journal.events(window, writer, PEER_NAME_UNRESOLVED, within=TRIED)
        for host in {event.host for event in seen}:
            of_host = [event for event in seen if event.host == host]
            often = sum(event.count for event in of_host)
            still = window.now - of_host[-1].at <= STILL
            lasted = of_host[-1].at - of_host[0].began
            if still and often >= limits["times"] and lasted >= APART:
                peer = next((event.peer for event in of_host if event.peer), "")
                failing.setdefault((host, peer or _owner(window, host)), {})[writer] = of_host[-1]
    for (host, peer), by_writer in failing.items():
        writers = sorted(by_writer)
        who = ", ".join(journal.called(window, writer) for writer in writers)
        of = f"of {window.label(peer)}'s peer URL, {host}" if peer else f"of a peer URL, {host}"
        yield Finding(
            Subject.member(peer) if peer else journal.about(window, writers[0]),
            Severity.WARNING,
            f"{who} cannot resolve the name {of}: no new stream can be made to it",
            tuple(journal.witness(window, w, event, host) for w, event in by_writer.items()),
            confidence=0.95,
            next_test="getent hosts on each member's host: if one alone fails, it is its resolver",
        )


@detector(
    "member-removed-running",
    needs=(LOG_EVENT,),
    # Seconds for which it has gone on. Who removes a member on purpose stops it then as well.
    limits={"info": 10.0, "warning": 60.0},
    closes_after=10.0,
    impact="Clients that have it among their endpoints get errors from it; it takes no part in the"
    " cluster, and its data grows stale.",
    runbook=(
        Step("Stop it and what starts it: the unit, or the static pod's manifest."),
        Step("Take it out of all clients' endpoints."),
        Step("Set its data aside; it can only come back as a new member.",
             "etcdctl --endpoints {endpoints} member list -w table"),
    ),
)  # fmt: skip
def member_removed_running(window: Window, limits: Limits) -> Iterator[Finding]:
    """A member that was removed from the cluster is still started.

    Signal:  it, or those it knocks at, say again and again that it was removed.
    Source:  its own log, or the other members' logs.
    Means:   a supervisor knows nothing of the member list. etcd ends by itself, each time.
    Alike:   member-never-started (it is in the list, and never came).
    Next:    the unit or the manifest on that host.
    """
    told: dict[str, list[tuple[str, LogEvent]]] = {}
    listed = {m.id for m in window.members}
    for writer in journal.writers(window):
        for event in journal.events(window, writer, SELF_REMOVED, PEER_WAS_REMOVED, within=600.0):
            removed = event.peer if event.kind == PEER_WAS_REMOVED else writer
            if removed and removed not in listed:
                told.setdefault(removed, []).append((writer, event))
    for removed, said in told.items():
        first = min(event.began for _, event in said)
        writer, newest = max(said, key=lambda pair: pair[1].at)
        # A supervisor that backs off starts it every few minutes at worst (CrashLoopBackOff: 5).
        if window.now - newest.at > max(30.0, min(newest.at - first, 300.0)):
            continue
        lasted = newest.at - first
        severity = _by_seconds(limits, lasted)
        if severity is None:
            continue
        name = journal.called(window, removed)
        yield Finding(
            Subject.member(removed)
            if not removed.startswith("log:")
            else Subject.endpoint(removed),
            severity,
            f"{name} was removed from the cluster and is still started, for {lasted:.0f} s by now",
            (journal.witness(window, writer, newest),),
            confidence=0.95,
        )


def _by_seconds(limits: Limits, lasted: float) -> Severity | None:
    if lasted > limits["warning"]:
        return Severity.WARNING
    return Severity.INFO if lasted > limits["info"] else None


def _owner(window: Window, host: str) -> str:
    """Return the member in whose peer URL the name stands."""
    return next(
        (m.id for m in window.members if any(f"//{host}:" in url for url in m.peer_urls)), ""
    )
