"""The membership: who was added and never came, who stays a learner, who belongs elsewhere."""

from collections.abc import Iterator

from etcdscope.detect.detector import detector
from etcdscope.detect.quorum import voters
from etcdscope.detect.testimony import leader
from etcdscope.model.cluster import Member, MemberList
from etcdscope.model.finding import Evidence, Finding, Limits, RuledOut, Severity, Subject
from etcdscope.model.incident import Step
from etcdscope.model.signal import (
    ACTIVE_PEERS,
    APPLIED_INDEX,
    CLUSTER_ID,
    COMMITTED_INDEX,
    MEMBER_LIST,
    PROGRESS_MATCH,
    PROGRESS_STATE,
    RAFT_COMMIT,
)
from etcdscope.model.window import Window

# A member that is added by hand or by a tool starts within seconds.
COMES_WITHIN = 6.0
# Whoever types `member add` starts it next: for so long it is a note, unless all depends on it.
BEING_STARTED = 60.0
# etcd calls a learner ready at 90 % of the leader's match index (readyPercent in server.go).
READY = 0.9
PROMOTED_WITHIN = 300.0
# Member lists are read every 5 s: three of one member that say the same, none of them a moment.
LISTS_HOLD = 11.0
# etcd takes one learner unless --max-learners says otherwise (DefaultMaxLearners in membership).
MOST_LEARNERS = 1
# A voter that is gone is told as such; one that is there, but cut off for so long, surprises.
CUT_FOR = 30.0


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
            Severity.INFO if since < BEING_STARTED and _may_lose_one(window) else Severity.WARNING,
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


def _may_lose_one(window: Window) -> bool:
    """Return whether a voter may be lost even now that the new one counts."""
    worth = voters(window)
    return len(worth.counting) + len(worth.unsure) > window.quorum


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
        # One that was there before us may have joined a moment ago.
        if min(since, window.now - window.began) < PROMOTED_WITHIN:
            return None
        why, severity = "has caught up but was not promoted", Severity.WARNING
    elif not member.started:
        why = "was added but has never joined"
        severity = Severity.INFO if since < BEING_STARTED else Severity.WARNING
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


# --- what the members say of each other --------------------------------------------------------


def listing(window: Window, member: str) -> frozenset[tuple[str, bool]] | None:
    """Return the ids, and whether learners, that a member has listed for a while; None if unsure.

    Also a list that a quorum confirmed is the member's own: it reads the index, then its store.
    """
    points = [
        p
        for p in window.points(member, MEMBER_LIST, over=LISTS_HOLD + 10.0)
        if isinstance(p.value, MemberList)
    ]
    lists = [p.value.members for p in points if isinstance(p.value, MemberList)]
    seen = {frozenset((m.id, m.is_learner) for m in members) for members in lists}
    if len(seen) != 1 or points[-1].at - points[0].at < LISTS_HOLD - 2.0:
        return None
    return next(iter(seen)) if points[-1].at > window.now - LISTS_HOLD else None


def _strays(window: Window) -> Iterator[tuple[str, str]]:
    """Yield the members whose list differs from that of most, and by what."""
    steady = {m.id: own for m in window.members if (own := listing(window, m.id)) is not None}
    held = list(steady.values())
    now = frozenset((m.id, m.is_learner) for m in window.members)
    if now not in held:
        return  # it changed lately, and not all were asked since
    trusted = max(held, key=lambda own: (held.count(own), own == now))
    for member, own in steady.items():
        if own == trusted:
            continue
        more = ", ".join(sorted(window.label(i) for i, _ in own - trusted))
        less = ", ".join(sorted(window.label(i) for i, _ in trusted - own))
        parts = [f"it still has {more}" if more else "", f"it lacks {less}" if less else ""]
        yield member, " and ".join(part for part in parts if part)


def _has_applied(window: Window, member: str) -> bool | None:
    """Return whether it had applied what anybody had committed when its lists were read.

    What it has caught up with since its newest list does not show there yet.
    """
    told = window.last(member, MEMBER_LIST)
    if told is None:
        return None
    applied = [
        float(p.value)
        for p in window.points(member, APPLIED_INDEX)
        if p.at <= told.at and isinstance(p.value, (int, float))
    ]
    before = [
        float(p.value)
        for m in window.members
        for p in window.points(m.id, COMMITTED_INDEX)
        if p.at < told.at - LISTS_HOLD and isinstance(p.value, (int, float))
    ]
    return applied[-1] >= max(before) if applied and before else None


@detector(
    "membership-diverged",
    needs=(MEMBER_LIST,),
    closes_after=1.0,
    impact="Tools that ask this member act on a wrong list. An upgrade to etcd 3.6 would bring"
    " members back that were removed.",
    runbook=(
        Step(
            "See what each member lists.",
            "for e in $(echo {endpoints} | tr , ' '); do etcdctl --endpoints $e member list; done",
        ),
        Step("Upgrade to etcd 3.5.26 or later first: it cleans such members up when it starts."),
        Step("Do not upgrade to 3.6 before all lists are the same."),
    ),
)
def membership_diverged(window: Window, limits: Limits) -> Iterator[Finding]:
    """A member holds another membership than the others, although it has applied the same log.

    Signal:  member lists that differ for three looks, from a member that has applied all that the
             others had committed before.
    Source:  Cluster.MemberList of every member; Maintenance.Status.
    Means:   its two stores of the membership have come apart: an old restore, --force-new-cluster
             or a bug before etcd 3.5.26.
    Alike:   member-list-stale (it only lags).
    """
    for member, differs in _strays(window):
        if _has_applied(window, member):
            yield Finding(
                Subject.member(member),
                Severity.WARNING,
                f"{window.label(member)} holds another membership than the others: {differs}",
                (window.evidence(member, MEMBER_LIST, differs, says="for three looks"),),
                (RuledOut("member-list-stale", "it has applied all that the others had"),),
                confidence=0.9,
            )


@detector(
    "member-list-stale",
    needs=(MEMBER_LIST,),
    opens_after=2.0,
    closes_after=1.0,
    impact="Tools that ask this member act on an old list, and may remove the wrong member.",
    runbook=(
        Step(
            "Ask for the list that a quorum confirms.",
            "etcdctl --endpoints {leader_url} member list",
        ),
        Step("Heal what keeps the member behind; its list follows by itself."),
    ),
)
def member_list_stale(window: Window, limits: Limits) -> Iterator[Finding]:
    """A member lists an old membership, because it lags or is cut off.

    Signal:  member lists that differ for three looks, from a member that has not applied what the
             others had committed before.
    Source:  Cluster.MemberList of every member; Maintenance.Status.
    Means:   it has not seen the change of the membership yet.
    Alike:   membership-diverged (it has applied everything, and still lists others).
    """
    for member, differs in _strays(window):
        if _has_applied(window, member) is False:
            yield Finding(
                Subject.member(member),
                Severity.WARNING,
                f"The member list of {window.label(member)} is old: {differs}",
                (window.evidence(member, MEMBER_LIST, differs, says="for three looks"),),
                (RuledOut("membership-diverged", "it has not applied all that the others had"),),
                confidence=0.85,
            )


@detector(
    "learners-at-maximum",
    closes_after=1.0,
    impact='The next learner is refused ("too many learner members in cluster"), so that a'
    " control-plane node which joins as a learner fails.",
    runbook=(
        Step("Promote the learner.", "etcdctl --endpoints {leader_url} member promote {member_id}"),
        Step("Or take it out.", "etcdctl --endpoints {endpoints} member remove {member_id}"),
    ),
)
def learners_at_maximum(window: Window, limits: Limits) -> Iterator[Finding]:
    """As many learners as etcd takes by default have been there for longer than a join lasts.

    Signal:  learners in the member list, each for over five minutes.
    Source:  Cluster.MemberList.
    Means:   the next join as a learner is refused, unless --max-learners was raised.
    Next:    learner-stuck says why it does not become a voter.
    """
    learners = [
        m for m in window.members if m.is_learner and listed_for(window, m.id) > PROMOTED_WITHIN
    ]
    if len(learners) < MOST_LEARNERS:
        return
    names = ", ".join(m.label for m in learners)
    yield Finding(
        Subject.member(learners[0].id),
        Severity.INFO,
        f"No further learner can be added while {names} is one: etcd takes {MOST_LEARNERS} by"
        " default",
        (Evidence("learners", float(len(learners)), "count", MOST_LEARNERS, MEMBER_LIST.source),),
        confidence=0.85,
    )


@detector(
    "reconfiguration-refused",
    opens_after=10.0,
    closes_after=3.0,
    impact="Adding, removing or promoting a member is refused until the cluster is whole; this is"
    " how etcd protects its quorum.",
    runbook=(
        Step("Bring the missing voter back, or remove that one first, which is allowed."),
        Step("Wait five seconds after it is back: etcd asks for as long a connection."),
    ),
)
def reconfiguration_refused(window: Window, limits: Limits) -> Iterator[Finding]:
    """The cluster is in a state in which etcd refuses to change its membership.

    Signal:  voters that answer us but not the leader, and voters that never started, held against
             what --strict-reconfig-check (on by default) asks for.
    Source:  /metrics of the leader (active peers); Cluster.MemberList.
    Means:   "unhealthy cluster" or "not enough started members" is the answer to member add.
    Next:    the cause of the missing voter is told by itself; this is what it means for changes.
    """
    lead = leader(window)
    cut = [v.id for v in window.voters if v.id != lead and _cut_off(window, lead, v.id)]
    started = sum(v.started for v in window.voters)
    needed = (len(window.voters) + 1) // 2 + 1  # IsReadyToAddVotingMember in membership/cluster.go
    few = started < needed and len(window.voters) > 1
    if not lead or not (cut or few):
        return
    why = (
        f"{window.label(lead)} is not connected with {', '.join(map(window.label, cut))}"
        if cut
        else f"only {started} voters ever started, and with one more {needed} would be needed"
    )
    yield Finding(
        Subject("cluster"),
        Severity.INFO,
        f"etcd would refuse to add a member now: {why}",
        (
            Evidence(
                "voters_connected",
                float(len(window.voters) - len(cut)),
                "count",
                float(len(window.voters)),
                ACTIVE_PEERS.source,
            ),
        ),
        confidence=0.8,
    )


def _cut_off(window: Window, lead: str, voter: str) -> bool:
    """Return whether a voter that answers us has been out of the leader's reach for a while."""
    held = window.held(lead, ACTIVE_PEERS, 0.0, voter)
    return held >= CUT_FOR and window.reachable(voter) and window.reachable(lead)
