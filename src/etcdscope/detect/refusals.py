"""What clients and our own looks are told by etcd, in etcd's words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from etcdscope.detect.pace import mean, steady, usual
from etcdscope.detect.raft import REFUSAL_GAP
from etcdscope.model import errors
from etcdscope.model.finding import Evidence, Limits, Severity
from etcdscope.model.reading import Failure
from etcdscope.model.signal import (
    APPLIED_INDEX,
    COMMITTED_INDEX,
    GRPC_ERRORS,
    GRPC_STARTED,
    STATUS_ERRORS,
)
from etcdscope.model.window import Window

# Our own looks are refused as well, those at a learner always: no source of ours calls one of these
# methods more often than that.
OURS = 2.5
OUR_METHODS = frozenset({"Range", "Status", "MemberList", "Authenticate", "HashKV"})
# One client with too little patience gives the first; the second is what 3.4 makes of cancelled
# calls.
_IMPATIENT = frozenset({"DEADLINE_EXCEEDED", "UNKNOWN"})

# Any method may end with these, for reasons that have nothing to do with it.
_ANY = frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED", "UNKNOWN", "INTERNAL"})
_MOST = 5


@dataclass(frozen=True, slots=True)
class Told:
    """What calls of one method through one member have been told."""

    member: str
    method: str
    code: errors.Code
    rate: float
    share: float
    severity: Severity


def told(window: Window, limits: Limits, member: str) -> Iterator[Told]:
    """Yield what calls through a member are told, where it is more than may be."""
    for key in window.keys(member, GRPC_ERRORS):
        service, method, name = (*key.split("/"), "", "", "")[:3]
        code = errors.BY_METRIC_NAME.get(name)
        if code is None or code.whose == "usual":
            continue
        rate = steady(window, member, GRPC_ERRORS, key)
        least = OURS if method in OUR_METHODS else 0.0
        if rate < max(limits[f"{code.whose}_rate"], least):
            continue
        calls = mean(window, member, GRPC_STARTED, f"{service}/{method}") or rate
        one = Told(member, method, code, rate, min(rate / calls, 1.0), Severity.WARNING)
        if judged := _judged(window, limits, one, key):
            yield judged


def _judged(window: Window, limits: Limits, one: Told, key: str) -> Told | None:
    if one.code.whose == "server":
        impatient = one.code.name in _IMPATIENT
        return one if one.share >= limits["impatient" if impatient else "server_share"] else None
    if one.share < limits["client_share"]:
        return None
    habit = usual(window, one.member, GRPC_ERRORS, key)
    if habit is None or one.rate < limits["times_before"] * habit:
        return None
    return replace(one, severity=Severity.INFO)


def refused(window: Window, limits: Limits) -> Iterator[Evidence]:
    """Give what our own looks have been told for some seconds, if etcd means itself by it."""
    for look in window.looks.values():
        # By the looks themselves: one that is due once a minute has not gone on since.
        if look.failure is not Failure.REJECTED or look.at - look.since < limits["refused"]:
            continue
        known = errors.in_text(look.detail)
        code = errors.BY_NAME.get(known.code) if known else None
        if known is None or code is None or code.whose != "server":
            continue
        says = f"{window.label(look.member)} refuses our own {look.source}: {known.text}"
        yield Evidence("refused", known.text, source=look.source, member=look.member, says=says)


def sentence(window: Window, found: Sequence[Told]) -> str:
    """Say the worst, and who has the like."""
    worst = found[0]
    others = {window.label(o.member) for o in found if o.member != worst.member}
    alike = f"; alike: {', '.join(sorted(others))}" if others else ""
    return (
        f"{worst.rate:.1f} {worst.method} calls a second through {window.label(worst.member)} end"
        f" with {worst.code.metric} ({worst.share:.0%} of them):"
        f" {_decoded(window, worst.code.name, worst.method, worst.code.means)}{alike}"
    )


def _decoded(window: Window, code: str, method: str, means: str) -> str:
    """Return what the code stands for here, in etcd's words as far as one can tell."""
    if code == "RESOURCE_EXHAUSTED":
        return _exhausted(window)
    known = [e for e in errors.by_code(code, method) if method in e.calls]
    texts = [f'"{e.text.removeprefix("etcdserver: ")}"' for e in known]
    if 0 < len(texts) <= _MOST and code not in _ANY:
        return texts[0] if len(texts) == 1 else f"one of {', '.join(texts)}"
    first = means.partition(". ")[0].rstrip(".")
    return first if first.startswith("etcd") else first[:1].lower() + first[1:]


def _exhausted(window: Window) -> str:
    for member in window.members:
        alarms = window.last(member.id, STATUS_ERRORS)
        if alarms and isinstance(alarms.value, tuple) and "NOSPACE" in str(alarms.value):
            return '"database space exceeded", the alarm NOSPACE is raised'
        gaps = [c - a for c, a in window.paired(member.id, COMMITTED_INDEX, APPLIED_INDEX, over=5)]
        if gaps and max(gaps) > REFUSAL_GAP / 2:
            return '"too many requests", entries wait to be applied'
    return "neither the quota nor the apply backlog is full, so a message is too large"


def evidence(window: Window, one: Told) -> Evidence:
    """Return it as a measured fact."""
    return window.evidence(
        one.member,
        GRPC_ERRORS,
        round(one.rate, 2),
        name="errors_a_second",
        says=f"{one.method} {one.code.metric}, {one.share:.0%} of its calls",
    )
