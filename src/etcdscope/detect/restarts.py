"""One member ends and is started again, and again."""

from collections.abc import Iterator
from itertools import pairwise

from etcdscope.detect.detector import detector
from etcdscope.detect.planned import started_again
from etcdscope.detect.testimony import (
    silence,
)
from etcdscope.model.finding import (
    Finding,
    Limits,
    Severity,
    Subject,
)
from etcdscope.model.incident import Step
from etcdscope.model.signal import (
    FAREWELL,
    PORT_STATE,
    PRESENCE,
    PROCESS_START,
)
from etcdscope.model.window import Window

# A supervisor restarts within seconds; Kubernetes backs off to minutes: two spans to count in.
QUICK_LOOP = 30.0
# A member that has been away for this long is not in a loop, it is down.
AWAY = 10.0


@detector(
    "member-restarting",
    limits={"quick": 3, "warning": 6},
    closes_after=5.0,
    impact="Each restart drops its clients and costs the cluster its margin for seconds.",
    runbook=(
        Step(
            "Read why it ended each time.", "journalctl -u etcd -n 100   # on the host of {member}"
        ),
        Step("Look for the out-of-memory killer and for liveness probes.", "dmesg | grep -i oom"),
    ),
)
def member_restarting(window: Window, limits: Limits) -> Iterator[Finding]:
    """The member's process ended without taking leave and was started again.

    Signal:  presence lost without farewell, or a new process start time, three times within
             30 s or six times within ten minutes; a single one is told by member-down.
    Source:  presence probe; process_start_time_seconds.
    Means:   crashes, the out-of-memory killer, or a liveness probe that kills.
    Alike:   a rolling restart (each stop is announced by a farewell, once a member).
    """
    for member in window.members:
        restarts = _crashes(window, member.id, 600.0)
        quick = _crashes(window, member.id, QUICK_LOOP)
        if quick < limits["quick"] and restarts < limits["warning"]:
            continue
        if _last_crash(window, member.id) > 120.0 or silence(window, member.id) > AWAY:
            continue
        yield Finding(
            Subject.member(member.id),
            Severity.WARNING,
            f"{member.label} ended without taking leave and was restarted {restarts} times"
            " within 10 minutes",
            (
                window.evidence(
                    member.id,
                    PROCESS_START,
                    float(restarts),
                    limit=limits["warning"],
                    name="unannounced_restarts",
                ),
            ),
            confidence=0.9,
        )


def _gone(window: Window, member: str, over: float) -> list[float]:
    """Return when the member's held connection ended without a farewell."""
    orderly = {p.at for p in window.points(member, FAREWELL, over=over) if p.value == 1}
    return [
        p.at
        for p in window.points(member, PRESENCE, over=over)
        if p.value == "gone" and p.at not in orderly
    ]


def _crashes(window: Window, member: str, over: float) -> int:
    """Return the restarts that no farewell announced; a lost connection alone is none."""
    orderly = sum(1 for p in window.points(member, FAREWELL, over=over) if p.value == 1)
    by_start = max(started_again(window, member, over) - orderly, 0)
    refused = [
        at
        for at in _gone(window, member, over)
        if any(
            p.value == "refused" and abs(p.at - at) < 1.0
            for p in window.points(member, PORT_STATE, "client", over=over)
        )
    ]
    return max(by_start, len(refused))


def _last_crash(window: Window, member: str) -> float:
    moments = _gone(window, member, 600.0)
    starts = window.points(member, PROCESS_START, over=600.0)
    moments += [b.at for a, b in pairwise(starts) if a.value != b.value]
    return window.now - max(moments, default=0.0)
