"""How many voters there are, how many of them count now, and how many more may be lost."""

from collections.abc import Iterator
from dataclasses import dataclass

from etcdscope.detect.detector import detector
from etcdscope.detect.testimony import (
    TESTIFIES_AFTER,
    Door,
    accepts,
    door,
    leader,
    refused_since,
    silence,
    still_listed,
    testimony,
)
from etcdscope.model.cluster import tolerance
from etcdscope.model.finding import CLUSTER, Evidence, Finding, Limits, RuledOut, Severity
from etcdscope.model.incident import Step
from etcdscope.model.signal import (
    LINEARIZABLE_OK,
    MEMBER_LIST,
    PROGRESS_MATCH,
    PROGRESS_STATE,
    RAFT_COMMIT,
    RAFT_LEAD,
)
from etcdscope.model.window import Window, once

# etcd keeps 5 000 entries for members that fall behind (SnapshotCatchUpEntries); a member further
# back than that needs a snapshot before its vote is of use.
CATCH_UP_ENTRIES = 5_000
# No answer for this long, and none from its peers: it does not count any more.
GONE = 1.2
# Where nobody at all answers: a hypervisor that moves a machine stops it for about a second.
PAUSE = 1.8


@dataclass(frozen=True, slots=True)
class Voters:
    """Ids of the voters by what they are worth now."""

    counting: tuple[str, ...]  # reachable, or heard by peers, and caught up
    lagging: tuple[str, ...]  # alive, but would need a snapshot first
    gone: tuple[str, ...]  # nobody hears them, or never started
    unsure: tuple[str, ...]  # silent, and nobody could testify yet


@once
def voters(window: Window) -> Voters:
    """Sort the voters of the trusted member list by what they are worth now."""
    sorted_: dict[str, list[str]] = {"counting": [], "lagging": [], "gone": [], "unsure": []}
    lead = leader(window)
    for member in window.voters:
        sorted_[_worth(window, member.id, member.started, lead)].append(member.id)
    return Voters(**{kind: tuple(ids) for kind, ids in sorted_.items()})


def _worth(  # noqa: PLR0911 - one line a case reads best
    window: Window, member: str, started: bool, lead: str
) -> str:
    if not started:
        return "gone"
    unknown = window.answered(member) is None
    if door(window, member) is Door.REFUSED and (unknown or silence(window, member) > 0.2):
        closed = refused_since(window, member) or window.answered(member) or window.began
        if still_listed(window, member, closed) is False:
            return "unsure"  # removed: the list that we have is about to be another one
        heard = testimony(window, member, closed)
        return "counting" if heard.hear and not heard.deaf else "gone"
    if silence(window, member) > GONE:
        since = (window.answered(member) or window.began) + TESTIFIES_AFTER
        heard = testimony(window, member, since)
        if heard.hear:
            return "counting"
        known = heard.deaf or accepts(window, member)
        return "gone" if known else "unsure"
    if lead and lead != member:
        seen = window.word(member, RAFT_LEAD)
        if seen is not None and seen != lead and window.held(member, RAFT_LEAD, seen) > GONE:
            return "gone"  # alive, but cut off: its vote does not reach anybody
        if _behind(window, lead, member):
            return "lagging"
    return "counting"


def _behind(window: Window, lead: str, member: str) -> bool:
    if window.word(lead, PROGRESS_STATE, member) == "snapshot":
        return True
    match = window.number(lead, PROGRESS_MATCH, member)
    commit = window.number(lead, RAFT_COMMIT)
    return match is not None and commit is not None and commit - match > CATCH_UP_ENTRIES


def _names(window: Window, ids: tuple[str, ...]) -> str:
    return ", ".join(window.label(i) for i in ids)


@detector(
    "quorum-lost",
    closes_after=1.0,
    impact="Every write and every linearizable read fails; serializable reads of the survivors may"
    " be stale. In Kubernetes: running pods go on, nothing can be deployed, nothing heals itself.",
    runbook=(
        Step(
            "Bring one of the missing members back; with its disk intact a start is enough.",
            "systemctl start etcd   # on the host of {member}",
        ),
        Step(
            "Take a snapshot of a survivor's data before anything else is tried.",
            "cp -a /var/lib/etcd /var/lib/etcd.before",
        ),
        Step(
            "Only if a majority's disks are lost for good: restore, from the member with the"
            " highest term and index.",
            "etcdutl snapshot restore …",
        ),
    ),
)
def quorum_lost(window: Window, limits: Limits) -> Iterator[Finding]:
    """Fewer voters than the quorum can take part: the cluster cannot commit anything.

    Signal:  voters of the last known member list that answer or are heard, less the quorum.
    Source:  all sources; the survivors' raft.status confirms that nobody leads.
    Means:   no write is possible until one voter is back.
    Alike:   our own network is cut (the survivors then still have a leader and serve).
    """
    total = window.voters
    if len(total) < 2:
        return
    worth = voters(window)
    alive = len(worth.counting) + len(worth.lagging)
    if alive + len(worth.unsure) >= window.quorum:
        return
    survivors = worth.counting + worth.lagging
    if not survivors and _may_be_ours(window):
        return
    # Survivors that still serve prove that the missing ones are only hidden from us.
    lost = max((_closed(window, m.id) for m in total if m.id not in survivors), default=0.0)
    serving = [s for s in survivors if _serves(window, s, lost)]
    if serving:
        return
    # With no survivor in sight it may be we who are cut off: nobody is left to contradict.
    confidence = 0.95 if survivors else 0.6
    missing = tuple(m.id for m in total if m.id not in survivors)
    yield Finding(
        CLUSTER,
        Severity.CRITICAL,
        f"The cluster has lost its quorum: {len(missing)} of {len(total)} voters are gone"
        f" ({_names(window, missing)}), {window.quorum} are needed",
        (
            Evidence(
                "voters_counting",
                float(alive),
                "count",
                float(window.quorum),
                "all sources",
                says="voters that take part",
            ),
            *(
                Evidence(
                    "raft_lead",
                    "none",
                    source=RAFT_LEAD.source,
                    member=s,
                    says=f"{window.label(s)} knows no leader",
                )
                for s in survivors
                if not window.word(s, RAFT_LEAD)
            ),
        ),
        ruled_out=(
            RuledOut("member-unreachable", f"{_names(window, survivors)} cannot commit either"),
        )
        if survivors
        else (),
        confidence=confidence,
        next_test="" if survivors else "Ask a member on its own host: etcdctl endpoint status.",
    )


def _may_be_ours(window: Window) -> bool:
    """Return whether all fell silent a moment ago, and no kernel has said that nobody listens.

    A pause of our own machine, or of the one that all members run on, looks like that.
    """
    members = [m.id for m in window.voters]
    shut = any(door(window, m) is Door.REFUSED for m in members)
    return not shut and min(silence(window, m) for m in members) < PAUSE


def _closed(window: Window, member: str) -> float:
    """Return when both its ports were found closed, so that it surely is gone; 0 if not."""
    both = door(window, member) is door(window, member, "peer") is Door.REFUSED
    return (refused_since(window, member) or 0.0) if both else 0.0


def _serves(window: Window, member: str, since: float) -> bool:
    point = window.last(member, LINEARIZABLE_OK, within=2.5)
    lead = window.word(member, RAFT_LEAD)
    since = max(since, window.now - 0.9)
    return bool(point and point.value == 1 and point.at > since and lead)


@detector(
    "quorum-margin-zero",
    opens_after=1.0,
    closes_after=1.5,
    impact="None yet; but the next loss of a voter stops all writes.",
    runbook=(
        Step("Stop all maintenance on the remaining members."),
        Step(
            "Bring the missing voter back, or remove it if it will not come back.",
            "etcdctl --endpoints {endpoints} member list -w table",
        ),
    ),
)
def quorum_margin_zero(window: Window, limits: Limits) -> Iterator[Finding]:
    """The cluster works, but no further voter may be lost.

    Signal:  voters that are reachable and caught up, less the quorum, is zero.
    Source:  all sources; the leader's progress tells who is caught up.
    Means:   one more failure and every write stops.
    Alike:   a single member, which never had a margin (told by the verdict, not as trouble).
    """
    total = len(window.voters)
    if total < 2:
        return
    worth = voters(window)
    margin = len(worth.counting) + len(worth.unsure) - window.quorum
    if margin > 0 or len(worth.counting) + len(worth.lagging) + len(worth.unsure) < window.quorum:
        return
    if margin == 0 and tolerance(total) == 0:
        return  # two voters never have a margin: voters-even says so
    missing = worth.gone + worth.lagging
    if missing and not any((m := window.member(i)) and m.started for i in missing):
        return  # added and not started yet: member-never-started says so if it stays so
    yield Finding(
        CLUSTER,
        Severity.WARNING,
        f"No further voter may be lost: {len(worth.counting)} of {total} take part and"
        f" {window.quorum} are needed ({_names(window, missing)} missing)",
        (
            Evidence(
                "margin",
                float(max(margin, 0)),
                "count",
                1.0,
                "all sources",
                says="voters that may still be lost",
            ),
            *(
                Evidence("takes_part", "no", source="all sources", member=m, says="it is missing")
                for m in missing
            ),
        ),
        confidence=0.95,
    )


@detector(
    "voters-even",
    closes_after=1.0,
    opens_after=2.0,
    impact="None; an even count tolerates no more failures than one voter less, with more to lose.",
    runbook=(
        Step("Add or remove one voter.", "etcdctl --endpoints {endpoints} member list -w table"),
    ),
)
def voters_even(window: Window, limits: Limits) -> Iterator[Finding]:
    """The number of voters is even.

    Signal:  voters in the member list; learners do not count.
    Source:  Cluster.MemberList.
    Means:   four voters tolerate one failure, as three do, and need three to agree.
    Next:    often a member that was added before the old one was removed, or never started.
    """
    total = len(window.voters)
    if total < 2 or total % 2:
        return
    yield Finding(
        CLUSTER,
        Severity.INFO if total > 2 else Severity.WARNING,
        f"{total} voters tolerate {tolerance(total)} failure{'s' if tolerance(total) != 1 else ''},"
        f" as {total - 1} do, with a larger quorum"
        if total > 2
        else f"{total} voters need {window.quorum}: no member may be lost, less than with one voter"
        " alone",
        (
            Evidence(
                "voters", float(total), "count", None, MEMBER_LIST.source, says="an even count"
            ),
        ),
        confidence=1.0,
    )


@detector(
    "voters-too-many",
    # etcd's FAQ: seven at most; each voter more makes every write slower.
    limits={"info": 7.0},
    opens_after=2.0,
    closes_after=1.0,
    impact="Slower writes: the leader sends every entry to all, and waits for more of them.",
    runbook=(
        Step("Shrink to five, one at a time.", "etcdctl --endpoints {endpoints} member list"),
    ),
)
def voters_too_many(window: Window, limits: Limits) -> Iterator[Finding]:
    """There are more voters than are of use.

    Signal:  voters in the member list; learners do not count.
    Source:  Cluster.MemberList.
    Means:   more than seven voters cost every write time and protect from nothing that happens.
    Next:    five voters in three zones survive two losses.
    """
    total = len(window.voters)
    if total > limits["info"]:
        yield Finding(
            CLUSTER,
            Severity.INFO,
            f"{total} voters: every write waits for {window.quorum} of them; five are enough to"
            " lose two",
            (Evidence("voters", float(total), "count", limits["info"], MEMBER_LIST.source),),
            confidence=1.0,
        )
