"""Leases: those that pile up, and those that end together."""

from collections.abc import Iterator

from etcdscope.detect.detector import detector
from etcdscope.detect.pace import COVER, recent
from etcdscope.model.finding import CLUSTER, Finding, Limits, Severity
from etcdscope.model.incident import Step
from etcdscope.model.signal import (
    KEYS,
    LEASES_EXPIRED,
    LEASES_GRANTED,
    LEASES_REVOKED,
    METRICS_SECONDS,
)
from etcdscope.model.window import Window


@detector(
    "leases-piling",
    needs=(LEASES_GRANTED, LEASES_REVOKED, KEYS, METRICS_SECONDS),
    over=COVER,
    # More leases than keys means that most hold nothing. At 50 000 an election takes seconds
    # longer, since the new leader extends and sorts them all.
    limits={"leases": 2_000, "warning": 50_000, "a_second": 5.0},
    opens_after=1.0,
    closes_after=6.0,
    impact="Memory grows on every member, and each election takes longer.",
    runbook=(
        Step("See them.", "etcdctl --endpoints {endpoints} lease list | wc -l"),
        Step("Look at one: has it any keys, and how long does it live?",
             "etcdctl --endpoints {endpoints} lease timetolive LEASE --keys"),
        Step("Let the client reuse one lease, revoke it at its end, or choose a shorter one."),
    ),
)  # fmt: skip
def leases_piling(window: Window, limits: Limits) -> Iterator[Finding]:
    """Leases are granted faster than they end, and there are more of them than keys.

    Signal:  leases granted less those revoked or expired, since the process began; that it grew in
             every scrape of the last seven seconds or more; the number of live keys.
    Source:  etcd_debugging_lease_granted_total, etcd_debugging_lease_revoked_total.
    Means:   clients grant leases and forget them: more leases than keys hold no key. A note until
             there are 50 000.
    Alike:   many clients with a session each (keys grow as well).
    Next:    not seen: leases from before the last restart of the member, and who grants them.
    """
    piled: dict[str, tuple[float, float]] = {}
    for member in window.judgeable:
        granted, revoked = (window.number(member, s) for s in (LEASES_GRANTED, LEASES_REVOKED))
        grown = [
            g.rate - r.rate
            for g, r in zip(
                recent(window, member, LEASES_GRANTED),
                recent(window, member, LEASES_REVOKED),
                strict=False,
            )
        ]
        if granted is not None and revoked is not None and grown:
            piled[member] = granted - revoked, min(grown)
    if not piled:
        return
    member = max(piled, key=lambda m: piled[m])
    leases, rate = piled[member]
    keys = window.number(member, KEYS) or 0.0
    if leases < max(limits["leases"], keys) or rate < limits["a_second"]:
        return
    yield Finding(
        CLUSTER,
        Severity.WARNING if leases > limits["warning"] else Severity.INFO,
        f"At least {leases:.0f} leases are alive and {rate:.0f} more come a second, beside"
        f" {keys:.0f} keys: most hold nothing",
        (
            window.evidence(member, LEASES_GRANTED, leases, limit=limits["leases"],
                            name="leases_alive"),
            window.evidence(member, KEYS, keys),
        ),
        confidence=0.85,
    )  # fmt: skip


@detector(
    "lease-expiry-storm",
    needs=(LEASES_EXPIRED, METRICS_SECONDS),
    momentary=True,
    # At most 16 revocations run at a time (maxPendingRevokes in server/etcdserver/server.go), so
    # this many keep raft busy for seconds.
    limits={"expired": 300, "a_second": 50.0},
    closes_after=10.0,
    impact="Writes share raft with the revocations for some seconds; all keys of those leases are"
    " deleted at once, and every watcher of them is told.",
    runbook=(
        Step("Give leases that are granted together times to live that differ by a tenth."),
        Step("See whether their clients died, or could not renew (no leader at that time?)."),
    ),
)
def lease_expiry_storm(window: Window, limits: Limits) -> Iterator[Finding]:
    """Very many leases ran out at the same time.

    Signal:  leases that expired between the last two scrapes, on the leader.
    Source:  etcd_debugging_server_lease_expired_total.
    Means:   they were granted together with one time to live, or their clients went away together.
    Alike:   leases that are revoked by clients (only expired ones count).
    Next:    look for a peak of grants one time to live before.
    """
    for member in window.judgeable:
        growths = recent(window, member, LEASES_EXPIRED)
        newest = growths[0] if growths else None
        if not newest or newest.grown < limits["expired"] or newest.rate < limits["a_second"]:
            continue
        yield Finding(
            CLUSTER,
            Severity.INFO,
            f"{newest.grown:.0f} leases ran out within {newest.seconds:.0f} s",
            (
                window.evidence(
                    member, LEASES_EXPIRED, newest.grown, limit=limits["expired"],
                    says=f"in {newest.seconds:.0f} s",
                ),
            ),
            confidence=0.95,
        )  # fmt: skip
