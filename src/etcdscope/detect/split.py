"""A cluster that has come apart: two leaders at once, each with a quorum that agrees.

Raft alone cannot do that; ``--force-new-cluster`` can, since it makes one member forget the others.
Seen on etcd 3.5.30 with a follower that was cut off and started so: within a second it led at the
next term, listed nobody but itself, and answered linearizable reads, as the other leader did.
"""

from collections.abc import Iterator

from etcdscope.detect.detector import detector
from etcdscope.detect.testimony import leader
from etcdscope.model.cluster import MemberList
from etcdscope.model.finding import Evidence, Finding, Limits, RuledOut, Severity, Subject
from etcdscope.model.incident import Step
from etcdscope.model.signal import LINEARIZABLE_OK, MEMBER_LIST, RAFT_STATE, RAFT_TERM
from etcdscope.model.window import Window

# What is answered later than this was not on its way when leadership moved.
SETTLED = 1.0


def agreed(window: Window, member: str, since: float) -> bool:
    """Return whether a quorum, of whatever the member takes for one, has answered it since then."""
    read = window.last(member, LINEARIZABLE_OK)
    return read is not None and read.value == 1 and read.at > since + SETTLED


@detector(
    "split-brain",
    needs=(RAFT_STATE, LINEARIZABLE_OK),
    closes_after=2.0,
    impact="Both parts take writes, and neither knows of the other's: whatever is written on one of"
    " them will be lost.",
    runbook=(
        Step("Stop the part that is wrong at once.", "systemctl stop etcd   # on {member}"),
        Step(
            "Keep its data: what was written there is nowhere else.",
            "cp -a /var/lib/etcd /var/lib/etcd.split   # on {member}",
        ),
        Step(
            "Do not let the two hear each other before: the higher term deposes the other leader."
        ),
        Step(
            "Take it out and add it anew, with an empty data directory.",
            "etcdctl --endpoints {leader_url} member remove {member_id}",
        ),
    ),
)
def split_brain(window: Window, limits: Limits) -> Iterator[Finding]:
    """A member leads a cluster of its own, beside the leader that the others follow.

    Signal:  two members call themselves leader, and a linearizable read was answered through each
             of them a second later and more.
    Source:  raft.status at /debug/vars; etcdscope's reads; Cluster.MemberList.
    Means:   somebody started it with --force-new-cluster, as one does when a quorum is lost, while
             the others were alive.
    Alike:   member-isolated (an old leader that is cut off answers no linearizable read),
             data-diverged (one leader), cluster-id-mixed (another cluster id).
    """
    lead = leader(window)
    for member in window.members if lead else ():
        if member.id == lead or not _leads(window, member.id) or not _leads(window, lead):
            continue
        since = window.now - min(
            window.held(one, RAFT_STATE, "leader") for one in (member.id, lead)
        )
        if agreed(window, member.id, since) and agreed(window, lead, since):
            yield _split(window, member.id, lead)


def _leads(window: Window, member: str) -> bool:
    return window.reachable(member) and window.word(member, RAFT_STATE) == "leader"


def _split(window: Window, member: str, lead: str) -> Finding:
    a, b = window.label(member), window.label(lead)
    return Finding(
        Subject.member(member),
        Severity.CRITICAL,
        f"Split brain: {a} leads a cluster of its own beside {b}, and both take writes",
        (
            *_listed(window, member),
            *(
                window.evidence(
                    one,
                    RAFT_TERM,
                    window.number(one, RAFT_TERM) or 0.0,
                    says=f"{window.label(one)} leads, and a quorum answers its reads",
                )
                for one in (member, lead)
            ),
        ),
        ruled_out=(
            RuledOut("member-isolated", "linearizable reads are answered through it"),
            RuledOut("cluster-id-mixed", "both have the same cluster id"),
        ),
        confidence=0.97,
    )


def _listed(window: Window, member: str) -> Iterator[Evidence]:
    told = window.last(member, MEMBER_LIST)
    if told is None or not isinstance(told.value, MemberList):
        return
    names = ", ".join(m.name or m.id for m in told.value.members)
    yield window.evidence(member, MEMBER_LIST, names, says="whom it takes for the whole cluster")
