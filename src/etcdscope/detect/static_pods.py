"""The static pods of the control plane: flags that drift, pins, and probes that kill."""

from collections.abc import Iterator, Mapping, Sequence

from etcdscope.detect.detector import detector
from etcdscope.detect.seats import dialled_by, hosts, is_itself, pods, said, seat_of
from etcdscope.model.amounts import size as mib
from etcdscope.model.finding import CLUSTER, Finding, Limits, RuledOut, Severity, Subject
from etcdscope.model.incident import Step
from etcdscope.model.kubernetes import APISERVER, ETCD, Ending, StaticPod
from etcdscope.model.signal import PROCESS_START, QUOTA_BYTES
from etcdscope.model.signal_kubernetes import KUBE_PODS, KUBERNETES
from etcdscope.model.window import Window

# What must differ from one node to the next, or is looked at only once in a member's life.
OWN_FLAGS = {
    ETCD: frozenset(
        {
            "name",
            "advertise-client-urls",
            "initial-advertise-peer-urls",
            "listen-client-urls",
            "listen-peer-urls",
            "listen-metrics-urls",
            "listen-client-http-urls",
            "initial-cluster",
            "initial-cluster-state",
            "data-dir",
            "wal-dir",
        }
    ),
    APISERVER: frozenset(
        {"advertise-address", "bind-address", "etcd-servers", "etcd-servers-overrides", "node-ip"}
    ),
}
QUOTA = "quota-backend-bytes"
# Manifests are changed node by node; what has stood so long is meant, or was forgotten.
ROLLING = 900.0
_MOST_ROWS = 12


@detector(
    "apiserver-pinned",
    closes_after=10.0,
    impact="When that one member is lost, or restarts, this API server fails with it, although etcd"
    " as a whole goes on.",
    runbook=(
        Step("Name all members in --etcd-servers of kube-apiserver, or the one on its own node."),
        Step("See what each API server dials.", "grep etcd-servers /etc/kubernetes/manifests/*"),
    ),
)
def apiserver_pinned(window: Window, limits: Limits) -> Iterator[Finding]:
    """An API server depends on a single member that is not its own node's.

    Signal:  --etcd-servers of the API servers' static pods against the member list.
    Source:  pods of kube-system in the Kubernetes API.
    Means:   a typo, or an example that was copied: one member is a single point of failure.
    Alike:   the member on the same node, which is how kubeadm sets up stacked control planes (not
             told); a balancer's address, behind which all members are (not judged).
    """
    if len(window.members) < 2:
        return
    pinned: dict[str, list[StaticPod]] = {}
    for pod in pods(window, APISERVER):
        dialled = dialled_by(window, pod)
        if dialled and len(dialled) == 1:
            pinned.setdefault(dialled[0], []).append(pod)
    for member, those in pinned.items():
        if all(_at_home(window, p) for p in those):
            continue  # as kubeadm sets it up
        everyone = len(those) > 1 and len(those) == len(pods(window, APISERVER))
        nodes = sorted(p.node for p in those if everyone or not _at_home(window, p))
        label = window.label(member)
        yield Finding(
            CLUSTER if everyone else Subject("apiserver", nodes[0]),
            Severity.WARNING,
            f"All {len(those)} API servers dial {label} alone: it is a single point of failure"
            if everyone
            else f"The API server on {', '.join(nodes)} dials {label} alone, of"
            f" {len(window.members)} members",
            tuple(
                said(KUBE_PODS, p.flag("etcd-servers"), f"--etcd-servers on {p.node}", member)
                for p in those
            ),
            confidence=0.95,
        )


def _at_home(window: Window, pod: StaticPod) -> bool:
    """Return whether it dials its own node, by that node's member or by its own address."""
    own = seat_of(window, pod.node)
    if own and dialled_by(window, pod) == (own.member.id,):
        return True
    at = hosts(pod.flag("etcd-servers").split(","))
    return all(host == pod.address or is_itself(host) for host in at)


@detector(
    "flags-drift",
    closes_after=10.0,
    impact="The members behave differently under the same load; with different quotas the smallest"
    " one stops all writes of the cluster.",
    runbook=(
        Step("Make the flags the same, and restart one member at a time."),
        Step("Compare the manifests.", "diff <(ssh A cat MANIFEST) <(ssh B cat MANIFEST)"),
    ),
)
def flags_drift(window: Window, limits: Limits) -> Iterator[Finding]:
    """Members, or API servers, of one cluster run with different flags.

    Signal:  command lines of the static pods, a row for every flag that differs; the quota as each
             member itself tells it.
    Source:  pods of kube-system in the Kubernetes API; /metrics.
    Means:   edits by hand, a change that stopped half-way. A note; a warning where the quotas have
             differed for a quarter of an hour.
    Alike:   flags that must differ (names, addresses, directories); versions alone (version-skew).
    """
    rows = [*_differing(pods(window, ETCD)), *_differing(pods(window, APISERVER))]
    quotas = _quotas(window)
    if not rows and not quotas:
        return
    told = [f"--{flag}" for _, flag, _ in rows]
    if quotas and f"--{QUOTA}" not in told:
        told.append(f"--{QUOTA}")
    differ = bool(quotas) or any(flag == QUOTA for _, flag, _ in rows)
    yield Finding(
        CLUSTER,
        Severity.WARNING if differ and _settled(window) else Severity.INFO,
        f"{len(told)} flag{'s' if len(told) > 1 else ''} of the control plane"
        f" differ{'s' if len(told) == 1 else ''} from node to node: {', '.join(told[:4])}"
        + (" …" if len(told) > 4 else "")
        + _smallest(window, quotas),
        (
            *(said(KUBE_PODS, values, f"{kind} --{flag}") for kind, flag, values in rows),
            *(window.evidence(member, QUOTA_BYTES, quota) for member, quota in quotas.items()),
        )[:_MOST_ROWS],
        confidence=0.97,
    )


def _differing(those: Sequence[StaticPod]) -> Iterator[tuple[str, str, str]]:
    """Yield kind, flag, and which node has which value, of every flag that differs."""
    if len(those) < 2:
        return
    by_pod = {p.node: dict(p.flags) for p in those}
    own = OWN_FLAGS[those[0].kind]
    for flag in sorted({name for flags in by_pod.values() for name in flags} - own):
        values = {node: flags.get(flag, "not given") for node, flags in by_pod.items()}
        if len(set(values.values())) > 1:
            told = "; ".join(f"{node} {value[:60]}" for node, value in sorted(values.items()))
            yield those[0].kind, flag, told


def _quotas(window: Window) -> dict[str, float]:
    """Return the members' own quotas where they differ."""
    seen = {m.id: window.number(m.id, QUOTA_BYTES, within=60.0) for m in window.members}
    known = {member: quota for member, quota in seen.items() if quota}
    return known if len(set(known.values())) > 1 else {}


def _smallest(window: Window, known: Mapping[str, float]) -> str:
    """Return whose quota is the smallest, where quotas differ: it is the one that counts."""
    if not known:
        return ""
    least = min(known, key=lambda m: known[m])
    sizes = f"{mib(known[least])}, of others up to {mib(max(known.values()))}"
    return f"; the quota of {window.label(least)} is {sizes}: the smallest one stops all writes"


def _settled(window: Window) -> bool:
    """Return whether no member was restarted of late, so that no change is under way."""
    starts = [window.number(m.id, PROCESS_START, within=60.0) for m in window.members]
    starts += [p.began or None for p in pods(window, ETCD)]
    known = [start for start in starts if start]
    return bool(known) and window.now - max(known) > ROLLING


@detector(
    "liveness-kill-loop",
    # Two may be an operator's work; a third in the same quarter of an hour is a rhythm.
    limits={"restarts": 3},
    closes_after=30.0,
    impact="The kubelet kills etcd again and again: a quorum that needs minutes to come back, or a"
    " snapshot that takes long to load, never gets them.",
    runbook=(
        Step("See what the kubelet says.", "kubectl -n kube-system describe pod etcd-NODE"),
        Step(
            "Probe what tells of the process alone: /livez, or /health?exclude=NOSPACE&serializable"
            "=true before etcd 3.5.11; give it a startupProbe with minutes.",
        ),
        Step("Until then, take the livenessProbe out of the manifest, on one node at a time."),
    ),
)
def liveness_kill_loop(window: Window, limits: Limits) -> Iterator[Finding]:
    """The kubelet restarts etcd in a rhythm, because its liveness probe fails.

    Signal:  restarts of the etcd container whose last run ended by SIGTERM (exit code 0 or 143) or
             by SIGKILL after the grace period (137), and was not killed for want of memory; the
             path and patience of its probe.
    Source:  pods of kube-system in the Kubernetes API.
    Means:   /health asks for a linearizable read and for no alarms, so that a lost quorum kills the
             members which could restore it; or the patience is too short for a start.
    Alike:   etcd that ends by itself (exit code 1 or 2: member-restarting), memory-exhausted
             (OOMKilled), a rolling restart (one each).
    """
    looped = [p for p in pods(window, ETCD) if _looped(window, p, limits["restarts"])]
    for pod in looped:
        seated, ending, probe = seat_of(window, pod.node), pod.ending, pod.probe
        assert ending is not None
        lived = ending.ended - ending.began
        strict = probe is not None and _asks_quorum(probe.path)
        every = (
            f"{probe.path} every {probe.period:.0f} s, {probe.failures} failures" if probe else ""
        )
        yield Finding(
            Subject.member(seated.member.id) if seated else Subject("node", pod.node),
            Severity.CRITICAL if 2 * len(looped) > len(pods(window, ETCD)) else Severity.WARNING,
            f"The kubelet on {pod.node} kills etcd again and again ({pod.restarts} restarts, the"
            f" last run {lived:.0f} s): its liveness probe "
            + (f"asks {probe.path}, which needs a quorum" if strict and probe else "fails"),
            (
                said(KUBE_PODS, f"exit code {ending.code}", ending.reason or "", member=""),
                said(KUBE_PODS, every or "not seen", "its liveness probe"),
            ),
            ruled_out=(
                RuledOut("member-restarting", f"it was told to end (exit code {ending.code})"),
                RuledOut("memory-exhausted", "it was not killed for want of memory"),
            ),
            confidence=0.9 if strict else 0.7,
        )


def _looped(window: Window, pod: StaticPod, least: float) -> bool:
    ending = pod.ending
    if ending is None or not _told_to_end(ending) or pod.probe is None:
        return False
    recent = window.now - ending.ended < ROLLING
    brief = 0 < ending.ended - ending.began < ROLLING
    return pod.restarts >= least and recent and brief and _again(window, pod)


def _told_to_end(ending: Ending) -> bool:
    return ending.code in {0, 137, 143} and ending.reason != "OOMKilled"


def _again(window: Window, pod: StaticPod) -> bool:
    """Return whether more than one restart falls into the last quarter of an hour.

    What we saw ourselves, else the last run: it began with a restart as well.
    """
    counts = [
        p.restarts
        for point in window.points(KUBERNETES, KUBE_PODS)
        if isinstance(point.value, tuple)
        for p in point.value
        if isinstance(p, StaticPod) and p.name == pod.name
    ]
    seen = pod.restarts - min(counts, default=pod.restarts)
    began = pod.ending.began if pod.ending else 0.0
    return seen >= 2 or window.now - began < ROLLING


def _asks_quorum(path: str) -> bool:
    """Return whether the probe's path fails without a quorum."""
    return path.startswith(("/health", "/readyz")) and "serializable=true" not in path
