"""The membership: who was added and never came, who stays a learner, who belongs elsewhere."""

from collections.abc import Iterator

from etcdscope.detect.detector import detector
from etcdscope.detect.testimony import leader
from etcdscope.model.cluster import Member, MemberList
from etcdscope.model.finding import Evidence, Finding, Limits, RuledOut, Severity, Subject
from etcdscope.model.incident import Step
from etcdscope.model.signal import (
    CLUSTER_ID,
    MEMBER_LIST,
    PROGRESS_MATCH,
    PROGRESS_STATE,
    RAFT_COMMIT,
)
from etcdscope.model.window import Window

# A member that is added by hand or by a tool starts within seconds.
COMES_WITHIN = 6.0
# etcd calls a learner ready at 90 % of the leader's match index (readyPercent in server.go).
READY = 0.9
PROMOTED_WITHIN = 300.0


def listed_for(window: Window, member: str) -> float:
    """Return for how many seconds the id has been in any member list; as long as we know."""
    first = window.now
    for teller in window.members:
        for point in window.points(teller.id, MEMBER_LIST):
            if isinstance(point.value, MemberList) and any(
                m.id == member for m in point.value.members
            ):
                first = min(first, point.at)
                break
    # In the first look there is no history: it has been there for longer than we have.
    at_start = first - window.began < 1.0
    return float("inf") if at_start else window.now - first


@detector(
    "member-never-started",
    closes_after=1.0,
    impact="The quorum counts a voter that is not there: the margin has shrunk.",
    runbook=(
        Step(
            "Start it with the peer URL under which it was added and"
            " --initial-cluster-state=existing."
        ),
        Step("Or take it out again.", "etcdctl --endpoints {endpoints} member remove {member_id}"),
        Step(
            "Next time add it as a learner first.",
            "etcdctl member add NAME --learner --peer-urls=…",
        ),
    ),
)
def member_never_started(window: Window, limits: Limits) -> Iterator[Finding]:
    """A voter was added and has never joined.

    Signal:  a member list entry without a name; etcd learns the name when the member joins.
    Source:  Cluster.MemberList.
    Means:   it counts for the quorum but cannot vote.
    Alike:   member-down (has a name: it was there once), an addition that is just being done.
    """
    for member in window.voters:
        since = listed_for(window, member.id)
        if member.started or since < COMES_WITHIN:
            continue
        url = ", ".join(member.peer_urls) or "no peer URL"
        yield Finding(
            Subject.member(member.id),
            Severity.WARNING,
            f"The voter at {url} was added but has never joined: {len(window.voters)} voters need"
            f" {window.quorum}",
            (
                Evidence(
                    "started",
                    "never",
                    source=MEMBER_LIST.source,
                    member=member.id,
                    says="it has no name, which etcd learns when a member joins",
                ),
            ),
            ruled_out=(RuledOut("member-down", "it has no name yet, so it never ran"),),
            confidence=0.97,
        )


@detector(
    "learner-stuck",
    closes_after=1.0,
    impact="The new member does not count for the quorum; another learner cannot be added.",
    runbook=(
        Step("See whether the learner runs and reaches the leader's peer port."),
        Step(
            "Promote it once it has caught up.",
            "etcdctl --endpoints {leader_url} member promote {member_id}",
        ),
        Step(
            "Or take it out and start over.",
            "etcdctl --endpoints {endpoints} member remove {member_id}",
        ),
    ),
)
def learner_stuck(window: Window, limits: Limits) -> Iterator[Finding]:
    """A learner does not become a voter.

    Signal:  a learner that never joined, whose match index does not move, or that is ready and is
             not promoted.
    Source:  Cluster.MemberList; the leader's progress at /debug/vars.
    Means:   a join that failed half-way, or a promotion that nobody asked for.
    Alike:   a learner that is catching up (its match index moves).
    """
    lead = leader(window)
    for member in window.members:
        since = listed_for(window, member.id)
        if not member.is_learner or since < COMES_WITHIN:
            continue
        if found := _stuck(window, member, lead, since):
            yield found


def _stuck(window: Window, member: Member, lead: str, since: float) -> Finding | None:
    match = window.points(lead, PROGRESS_MATCH, member.id, over=10.0)
    commit = window.number(lead, RAFT_COMMIT)
    state = window.word(lead, PROGRESS_STATE, member.id)
    last = match[-1].value if match else None
    if not isinstance(last, (int, float)) or commit is None:
        return None
    share = last / commit if commit else 0.0
    evidence = (
        window.evidence(
            lead,
            PROGRESS_MATCH,
            last,
            limit=READY * commit,
            says=f"of {commit:.0f}, as the leader sees it",
        ),
        Evidence("progress_state", state or "unknown", source=PROGRESS_STATE.source, member=lead),
    )
    moving = len({p.value for p in match}) > 1
    if share >= READY:
        if since < PROMOTED_WITHIN:
            return None
        why, severity = "has caught up but was not promoted", Severity.WARNING
    elif not member.started:
        why, severity = "was added but has never joined", Severity.WARNING
    elif not moving and match[-1].at - match[0].at > COMES_WITHIN - 1:
        why, severity = f"stands still at {share:.0%} of the leader's log", Severity.WARNING
    else:
        return None
    return Finding(
        Subject.member(member.id),
        severity,
        f"The learner {member.label} {why}",
        evidence,
        confidence=0.93,
    )


@detector(
    "cluster-id-mixed",
    opens_after=1.0,  # the members of both must be found before the smaller can be told
    closes_after=1.0,
    impact="Clients that use all these endpoints read and write two different clusters.",
    runbook=(
        Step(
            "Ask each endpoint which cluster it belongs to.",
            "etcdctl --endpoints {endpoints} endpoint status -w fields | grep -i cluster",
        ),
        Step("Stop the one that is wrong, wipe its data directory and add it anew. Never merge."),
    ),
)
def cluster_id_mixed(window: Window, limits: Limits) -> Iterator[Finding]:
    """Endpoints that were given as one cluster belong to different ones.

    Signal:  cluster ids in the answers' headers.
    Source:  Maintenance.Status.
    Means:   a member was bootstrapped anew, or the endpoint list mixes clusters.
    Next:    the cluster with the most endpoints is taken for the right one.
    """
    by_id: dict[str, list[str]] = {}
    for url, member in window.endpoints.items():
        cluster = window.word(member, CLUSTER_ID, within=30.0)
        if cluster:
            by_id.setdefault(cluster, []).append(url)
    if len(by_id) < 2:
        return
    listed = {m.id for m in window.members}
    right = max(
        by_id,
        key=lambda c: (len(by_id[c]), any(window.endpoints[u] in listed for u in by_id[c]), c),
    )
    for cluster, urls in by_id.items():
        if cluster == right:
            continue
        for url in urls:
            yield Finding(
                Subject.endpoint(url),
                Severity.CRITICAL,
                f"{url} belongs to another cluster ({cluster}) than the other endpoints ({right})",
                (window.evidence(window.endpoints[url], CLUSTER_ID, cluster),),
                confidence=0.98,
            )
