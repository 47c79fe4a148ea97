"""What an incident may be instead, ranked, and the test that would tell.

Alternatives come from three places, so that a detector stays one file: the finding itself; faults
that were seen as well and that the causal table folded into the cause, for where a look-alike is
seen, too, the table may have folded the wrong way; and, where only a symptom is left, its causes
that could not be looked at. What was ruled out is no alternative.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from etcdscope.diagnose.causes import TABLE, rows
from etcdscope.diagnose.explanation import FAULTS, Where
from etcdscope.diagnose.separators import separator
from etcdscope.model.finding import Alternative, BlindSpot, Evidence, Finding, NextTest, Subject

# Past this many nobody reads on, and below this nobody cares.
MOST = 3
LEAST = 0.02
# A finding that is surer than this has no causes that merely might be.
SYMPTOM = 0.8


@dataclass(frozen=True, slots=True)
class Ranked:
    """Alternatives, the likeliest first; what speaks for them, so against the cause; the test."""

    alternatives: tuple[Alternative, ...] = ()
    against: tuple[Evidence, ...] = ()
    test: NextTest | None = None


def ranked(root: Finding, folded: Iterable[Finding], unseen: Sequence[BlindSpot]) -> Ranked:
    """Return what the incident of ``root`` may be instead.

    ``folded``: the other findings of the incident. ``unseen``: the blind spots of this judgement.
    """
    rivals = [f for f in folded if _is_rival(root, f)]
    excluded = {r.cause for r in root.ruled_out} | {root.detector}
    rest = 1.0 - root.confidence
    given = [
        *root.alternatives,
        *(Alternative(f.detector, rest * f.confidence, f"also seen: {f.summary}") for f in rivals),
        *_unseen(root, unseen, rest),
    ]
    best: dict[str, Alternative] = {}
    for one in given:
        if one.cause not in excluded and _surer(one, best.get(one.cause)):
            best[one.cause] = one
    fitted = _fitted(list(best.values()), rest)[:MOST]
    told = {one.cause for one in fitted}
    against = tuple(
        replace(e, for_=False, says=_speaks_for(e, f.detector))
        for f in rivals
        if f.detector in told
        for e in f.evidence[:1]
    )
    test = next((t for one in fitted if (t := separator(root.detector, one.cause))), None)
    return Ranked(tuple(fitted), against, test)


def _is_rival(root: Finding, found: Finding) -> bool:
    """Return whether it was folded as a look-alike of the same place, not as a consequence."""
    if found.detector not in FAULTS or found.key == root.key:
        return False
    return any(row.where is not Where.ANYWHERE for row in rows(root.detector, found.detector))


def _unseen(root: Finding, spots: Sequence[BlindSpot], rest: float) -> Iterator[Alternative]:
    if root.confidence >= SYMPTOM or root.detector in FAULTS:
        return
    causes = {row.cause for row in TABLE if row.effect == root.detector} & FAULTS
    blind = [(s, c) for s in spots for c in s.hides if c in causes and _near(s.subject, root)]
    for spot, cause in blind:
        why = f"it could not be looked at: {spot.source} ({spot.why.rstrip('.')})"
        yield Alternative(cause, rest / (len(blind) + 1), why)


def _near(subject: Subject, root: Finding) -> bool:
    everywhere = root.subject.kind == "cluster" or subject.kind != "member"
    return everywhere or root.subject.touches(subject.name)


def _surer(one: Alternative, other: Alternative | None) -> bool:
    return other is None or one.confidence > other.confidence


def _fitted(found: list[Alternative], rest: float) -> list[Alternative]:
    """Rank, and scale so that all together are no surer than what the cause leaves."""
    total = sum(one.confidence for one in found)
    scale = min(rest / total, 1.0) if total else 1.0
    scaled = [replace(one, confidence=round(one.confidence * scale, 3)) for one in found]
    kept = [one for one in scaled if one.confidence >= LEAST]
    return sorted(kept, key=lambda one: (-one.confidence, one.cause))


def _speaks_for(evidence: Evidence, cause: str) -> str:
    return f"{evidence.says}; speaks for {cause}" if evidence.says else f"speaks for {cause}"
