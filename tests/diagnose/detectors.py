"""Detectors whose findings a test gives by hand, and short ways to follow them."""

from collections.abc import Iterator, Mapping, Sequence

from etcdscope.detect.detector import Detector
from etcdscope.diagnose.incidents import Context, Tracking, follow
from etcdscope.model.finding import Finding, Limits, Severity, Subject
from etcdscope.model.incident import Effect, Incident, Step
from etcdscope.model.window import Window

T = 1_795_330_000.0
NAMES = {"a1": "m1", "a2": "m2", "a3": "m3"}
CONTEXT = Context(
    "c1",
    NAMES,
    {"": {"endpoints": "http://all"}, "a2": {"endpoints": "http://all", "member": "m2"}},
)


def _silent(window: Window, limits: Limits) -> Iterator[Finding]:
    """Say nothing."""
    yield from ()


def detector(
    ident: str,
    *,
    opens_after: float = 0.0,
    closes_after: float = 3.0,
    momentary: bool = False,
    planned: bool = False,
) -> Detector:
    """Return a detector that says nothing itself."""
    return Detector(
        ident,
        _silent,
        "test",
        opens_after=opens_after,
        closes_after=closes_after,
        momentary=momentary,
        planned=planned,
        impact=f"impact of {ident}",
        runbook=(Step("Look at {member} and {peer_host}.", "etcdctl --endpoints {endpoints}"),),
    )


CATALOG: Mapping[str, Detector] = {
    d.id: d
    for d in (
        detector("quorum-lost", closes_after=1.0),
        detector("quorum-margin-zero", opens_after=1.0, closes_after=1.5),
        detector("member-down", closes_after=1.0),
        detector("member-frozen", closes_after=1.0),
        detector("leader-changed", momentary=True, opens_after=3.0, closes_after=1.0),
        detector("leader-missing", opens_after=2.5, closes_after=1.0),
        detector("proposals-failing", opens_after=3.0),
        detector("member-stopped", planned=True, closes_after=1.0),
        detector("wal-fsync-slow", closes_after=4.0),
        detector("apply-lag", opens_after=1.0),
    )
}


def finding(
    ident: str,
    member: str = "",
    severity: Severity = Severity.WARNING,
    *,
    summary: str = "",
    confidence: float = 0.9,
) -> Finding:
    """Return a finding of a member, or of the cluster."""
    subject = Subject.member(member) if member else Subject()
    return Finding(
        subject, severity, summary or f"{ident} is so", confidence=confidence, detector=ident
    )


class Following:
    """Follows findings from tick to tick; keeps what was told."""

    def __init__(self, tracking: Tracking | None = None) -> None:
        self.tracking = tracking or Tracking()
        self.now = 0.0
        self.told: list[Effect] = []

    def see(self, *findings: Finding, seconds: float = 0.0) -> list[str]:
        """Judge these findings every 250 ms for so long, once at least; return what was told."""
        before = len(self.told)
        for _ in range(max(round(seconds * 4), 1)):
            self.tracking, effects = follow(self.tracking, findings, T + self.now, CATALOG, CONTEXT)
            self.told += effects
            self.now += 0.25
        return lines(self.told[before:])

    @property
    def incidents(self) -> tuple[Incident, ...]:
        """Return the open incidents."""
        return tuple(f.incident for f in self.tracking.open)


def lines(effects: Sequence[Effect]) -> list[str]:
    """Return effects as short lines: ``opened member-down m2 warning``."""
    told = []
    for effect in effects:
        assert effect.incident is not None
        i = effect.incident
        who = NAMES.get(i.subject.name, i.subject.name) or "cluster"
        told.append(f"{effect.kind.value} {i.cause} {who} {i.severity}")
    return told
