"""The settings by which raft elects: the same on every member, and pre-vote on.

A member's command line stands at ``/debug/vars``, beside raft's status. A setting that is not there
may still come from an environment variable, which nobody outside sees.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from etcdscope.detect.detector import detector
from etcdscope.detect.latency import flags
from etcdscope.detect.leadership import changes
from etcdscope.detect.testimony import leader
from etcdscope.model.finding import CLUSTER, Evidence, Finding, Limits, RuledOut, Severity, Subject
from etcdscope.model.incident import Step
from etcdscope.model.signal import FLAGS, PROCESS_START, RAFT_LEAD, RAFT_STATE, RAFT_TERM, VERSION
from etcdscope.model.window import Window

# What etcd takes where nothing is said (embed/config.go), in milliseconds.
DEFAULTS = {"heartbeat-interval": "100", "election-timeout": "1000"}
# A rolling change goes from member to member within this time.
ROUND = 600.0
# A member that campaigned alone forces its election at once when it is back.
FORCES_WITHIN = 8.0
# For how long the change it forced is worth telling.
TOLD_FOR = 20.0


@detector(
    "timeouts-differ",
    needs=(FLAGS,),
    opens_after=2.0,
    impact="The member with the shortest election timeout campaigns first, and again and again when"
    " heartbeats come late; one with a longer heartbeat interval makes the others impatient.",
    runbook=(
        Step(
            "Compare what each member was started with.",
            "curl -s {endpoint}/debug/vars | grep cmdline",
        ),
        Step("Give all the same values, and restart them one by one."),
    ),
)
def timeouts_differ(window: Window, limits: Limits) -> Iterator[Finding]:
    """Members have different heartbeat intervals or election timeouts.

    Signal:  the flags of the members' command lines; the default where a flag is not given.
    Source:  cmdline at /debug/vars. Members with a configuration file are left out.
    Means:   one member was configured apart from the others.
    Alike:   a rolling change of the timeouts, which differs for as long as it takes: a note until
             no member has been started for ten minutes.
    """
    known = {
        m: own
        for m in window.judgeable
        if (own := flags(window, m)) is not None and "config-file" not in own
    }
    for flag, default in DEFAULTS.items():
        values = {m: own.get(flag, default) for m, own in known.items()}
        if len(set(values.values())) < 2:
            continue
        said = [m for m, own in known.items() if flag in own]
        all_said = len(said) == len(known)
        told = ", ".join(f"{window.label(m)} {value} ms" for m, value in sorted(values.items()))
        yield Finding(
            CLUSTER,
            Severity.WARNING if all_said and not _rolling(window) else Severity.INFO,
            f"The members' --{flag} differs: {told}",
            tuple(
                window.evidence(
                    m,
                    FLAGS,
                    value,
                    name=flag.replace("-", "_"),
                    says="" if m in said else "the default, if no environment variable says more",
                )
                for m, value in sorted(values.items())
            ),
            confidence=0.95 if all_said else 0.75,
            next_test=""
            if all_said
            else "look for ETCD_HEARTBEAT_INTERVAL and ETCD_ELECTION_TIMEOUT in the environment of"
            " the members: if they are set, they may be alike; if not, they differ.",
        )
        return


def _rolling(window: Window) -> bool:
    """Return whether a member was started lately, so that the others may be on their way."""
    starts = (window.number(m.id, PROCESS_START) for m in window.members)
    return any(start is not None and window.now - start < ROUND for start in starts)


# --- pre-vote ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Campaign:
    """A member that raised its term alone: how far, and when it was last alone."""

    member: str
    terms: float
    ended: float


@detector(
    "pre-vote-off",
    needs=(RAFT_STATE, RAFT_TERM),
    closes_after=5.0,
    impact="A member that was cut off forces an election when it is back: writes wait for it.",
    runbook=(
        Step("Start the members with --pre-vote=true, one by one; since 3.5 it is the default."),
        Step("Mend what cuts the member off: each return costs an election."),
    ),
)
def pre_vote_off(window: Window, limits: Limits) -> Iterator[Finding]:
    """A member without pre-vote campaigns alone, and its return forces an election.

    Signal:  a member raises its term while a quorum follows a leader in a lower one, which with
             pre-vote it would not; a warning when leadership changes as it comes back. Info where
             command lines leave it off (etcd 3.4 does by default, and 3.5 on demand).
    Source:  raft.status and cmdline at /debug/vars, Maintenance.Status.
    Means:   --pre-vote=false, or etcd 3.4 without the flag.
    Alike:   member-isolated with pre-vote (only pre-candidate, its term stays), leader-flapping
             (the leader itself is lost).
    """
    forced = _forced(window)
    if forced:
        yield forced
        return
    for campaign in _campaigns(window):
        if campaign.ended >= window.now - 2.0:
            yield _campaigning(window, campaign)
            return
    off = [m.id for m in window.members if _is_off(window, m.id)]
    if off:
        yield _left_off(window, off)


def _campaigns(window: Window) -> Iterator[Campaign]:
    """Yield who raised its term past that of the leader whom a quorum followed meanwhile."""
    lead = leader(window)
    for member in window.voters:
        states = {p.at: p.value for p in window.points(member.id, RAFT_STATE)}
        if "candidate" not in states.values():
            continue
        points = window.points(member.id, RAFT_TERM, over=TOLD_FOR * 6)
        alone = [
            b
            for a, b in pairwise(points)
            if float(b.value) >= float(a.value) + 1  # type: ignore[arg-type]
            and states.get(b.at) == "candidate"
            and member.id != lead
        ]
        followed = [p for p in alone if _followed(window, p.at, float(p.value))]  # type: ignore[arg-type]
        if len(followed) >= 2:
            last = max(p.at for p in points if states.get(p.at) == "candidate")
            yield Campaign(member.id, float(len(followed)), last)


def _followed(window: Window, at: float, term: float) -> bool:
    """Return whether a quorum followed a leader of a lower term then."""
    following = 0
    for voter in window.voters:
        terms = [p for p in window.points(voter.id, RAFT_TERM) if abs(p.at - at) < 1.0]
        leads = [p for p in window.points(voter.id, RAFT_LEAD) if abs(p.at - at) < 1.0]
        lower = bool(terms) and float(terms[-1].value) < term  # type: ignore[arg-type]
        following += lower and any(p.value != "" for p in leads)
    return following >= window.quorum


def _forced(window: Window) -> Finding | None:
    for campaign in _campaigns(window):
        for at, old, new in changes(window, TOLD_FOR):
            if not 0.0 <= at - campaign.ended + 1.5 <= FORCES_WITHIN or old == campaign.member:
                continue
            name = window.label(campaign.member)
            return Finding(
                Subject.member(campaign.member),
                Severity.WARNING,
                f"Pre-vote is off: {name} raised its term alone, and its return forced an election"
                f" ({window.label(old)} led, {window.label(new)} leads now)",
                (*_raised(window, campaign),),
                ruled_out=(
                    RuledOut("leader-flapping", "the old leader was well until it came back"),
                ),
                confidence=0.92,
            )
    return None


def _campaigning(window: Window, campaign: Campaign) -> Finding:
    name = window.label(campaign.member)
    return Finding(
        Subject.member(campaign.member),
        Severity.INFO,
        f"Pre-vote is off: {name} raises its term alone, and its return will force an election",
        (*_raised(window, campaign),),
        confidence=0.95,
    )


def _raised(window: Window, campaign: Campaign) -> Iterator[Evidence]:
    yield window.evidence(
        campaign.member,
        RAFT_TERM,
        campaign.terms,
        name="terms_raised_alone",
        says="while a quorum followed a leader of a lower term",
    )


def _is_off(window: Window, member: str) -> bool:
    """Return whether its command line leaves pre-vote off."""
    own, version = flags(window, member), window.word(member, VERSION, within=900.0)
    if own is None or not version or "config-file" in own:
        return False
    given = own.get("pre-vote")
    return given == "false" or (given is None and version.startswith("3.4."))


def _left_off(window: Window, off: list[str]) -> Finding:
    names = ", ".join(window.label(m) for m in off)
    given = all((flags(window, m) or {}).get("pre-vote") == "false" for m in off)
    return Finding(
        CLUSTER,
        Severity.INFO,
        f"Pre-vote is off on {names}: a member that was cut off will force an election on return",
        tuple(
            window.evidence(
                m,
                FLAGS,
                (flags(window, m) or {}).get("pre-vote", "not given"),
                name="pre_vote",
                says=f"etcd {window.word(m, VERSION, within=900.0)}",
            )
            for m in off
        ),
        confidence=0.95 if given else 0.8,
        next_test=""
        if given
        else "look for ETCD_PRE_VOTE=true in the environment of the members:"
        " if it is set, all is well; if not, it is off.",
    )
