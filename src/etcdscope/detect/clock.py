"""Clocks: whose is off, by the majority of all that we can read."""

from collections.abc import Iterator, Mapping

from etcdscope.detect.detector import detector
from etcdscope.model.finding import (
    CLUSTER,
    SELF,
    Evidence,
    Finding,
    Limits,
    RuledOut,
    Severity,
    Subject,
)
from etcdscope.model.incident import Step
from etcdscope.model.signal import CLOCK_OFFSET, CLOCK_SYNCED, HOST_VIEW
from etcdscope.model.window import Window

# Our own clock, among those of the members.
OURS = ""
# Date has whole seconds: what is told apart is told apart by at least this much.
AGREE = 1.0
# It is looked at every five seconds, and clocks do not run away in between.
STANDS = 12.0


@detector(
    "clock-skewed",
    needs=(CLOCK_OFFSET,),
    # etcd's own prober warns from one second on (rafthttp/probing_status.go). Raft does not mind;
    # two seconds are far past what any time service leaves.
    limits={"info": 1.0, "warning": 2.0},
    opens_after=4.0,
    closes_after=12.0,
    impact="Raft is not harmed. New certificates may count as not yet valid, tokens as expired, and"
    " the order of events in logs and in Kubernetes is wrong.",
    runbook=(
        Step("See whether the clock is synchronised.", "timedatectl; chronyc tracking"),
        Step("Mend its time service; let it slew, not step, the clock of a running member."),
    ),
)
def clock_skewed(window: Window, limits: Limits) -> Iterator[Finding]:
    """The clock of a member is wrong.

    Signal:  by how much the Date of its answers is off at least; the clocks that agree with each
             other and are the majority, ours among them, are right.
    Source:  HTTP Date of /version (whole seconds, narrowed down over a minute); adjtimex.
    Means:   its time service is broken, or its virtual machine was resumed with an old clock.
    Alike:   "clock drift" in etcd's log, which is also written when packets are lost.
    """
    told = {m.id: window.number(m.id, CLOCK_OFFSET, within=STANDS) for m in window.members}
    known = {m: offset for m, offset in told.items() if offset is not None}
    clocks = {OURS: 0.0, **known}
    right = majority(clocks)
    if right is None:
        yield from _undecided(window, known, limits)
        return
    middle = sum(clocks[who] for who in right) / len(right)
    for who, offset in clocks.items():
        severity = limits.graded(abs(offset - middle)) or _info(abs(offset - middle), limits)
        if who not in right and severity:
            yield _wrong(window, who, offset - middle, right, severity)


def _info(off: float, limits: Limits) -> Severity | None:
    return Severity.INFO if off > limits["info"] else None


def majority(clocks: Mapping[str, float]) -> frozenset[str] | None:
    """Return the clocks that agree with each other, if they are more than half of all."""
    best: frozenset[str] = frozenset()
    for start in clocks.values():
        near = frozenset(who for who, at in clocks.items() if start <= at <= start + AGREE)
        best = max(best, near, key=len)
    return best if 2 * len(best) > len(clocks) else None


def _wrong(
    window: Window, who: str, off: float, right: frozenset[str], severity: Severity
) -> Finding:
    way = "ahead" if off > 0 else "behind"
    agree = [window.label(m) for m in sorted(right) if m != OURS]
    others = ", ".join(agree) + (" and ours" if OURS in right and agree else "")
    if who == OURS:
        return Finding(
            SELF,
            Severity.INFO,  # it harms nobody but us
            f"etcdscope's own clock is {abs(off):.1f} s {way}: those of {others} agree",
            (Evidence("clock_offset", round(off, 2), "s", AGREE, CLOCK_OFFSET.source),),
            ruled_out=(RuledOut("clock-skewed of a member", "the members agree with each other"),),
            confidence=0.9,
        )
    return Finding(
        Subject.member(who),
        severity,
        f"The clock of {window.label(who)} is at least {abs(off):.1f} s {way}"
        + (f": {others} agree" if agree else " of ours"),
        (
            window.evidence(
                who, CLOCK_OFFSET, round(off, 2), limit=AGREE, says=f"{way} of the majority"
            ),
            *_unsynced(window, who),
        ),
        ruled_out=(RuledOut("link-lossy", "Date tells the clock itself, whatever the way takes"),),
        confidence=0.9 if len(right) > 2 else 0.75,
    )


def _unsynced(window: Window, member: str) -> tuple[Evidence, ...]:
    synced = window.number(member, CLOCK_SYNCED)
    if synced is None:
        return ()
    says = "the kernel calls its clock synchronised" if synced else "no time service disciplines it"
    return (window.evidence(member, CLOCK_SYNCED, synced, for_=not synced, says=says),)


def _undecided(window: Window, known: Mapping[str, float], limits: Limits) -> Iterator[Finding]:
    """Tell that clocks differ where no majority says which of them is right."""
    off = {m: o for m, o in known.items() if abs(o) > limits["warning"]}
    if not off:
        return
    here = [m for m in off if window.word(m, HOST_VIEW) == "proc"]
    if here:  # it has the clock of this very machine: ours lags behind a step of it
        yield _wrong(window, OURS, -off[here[0]], frozenset(here), Severity.INFO)
        return
    alone = len(known) == 1
    worst = max(off, key=lambda m: abs(off[m]))
    way = "ahead of" if off[worst] > 0 else "behind"
    yield Finding(
        Subject.member(worst) if alone else CLUSTER,
        Severity.WARNING,
        f"The clock of {window.label(worst)} is at least {abs(off[worst]):.1f} s {way} ours, and no"
        " majority says which is right",
        tuple(
            evidence
            for m, o in off.items()
            for evidence in (
                window.evidence(m, CLOCK_OFFSET, round(o, 2), limit=AGREE, says="against ours"),
                *_unsynced(window, m),
            )
        ),
        confidence=0.5,
        next_test="Compare both with a third: chronyc tracking on either host.",
    )
