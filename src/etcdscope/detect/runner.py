"""Runs the detectors over one window; a bug in one of them is itself a finding."""

import traceback
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from etcdscope.detect.detector import Detector
from etcdscope.model.finding import SELF, BlindSpot, Finding, Limits, Severity, Subject
from etcdscope.model.incident import Judged
from etcdscope.model.signal import Signal
from etcdscope.model.window import Window

DETECTOR_FAILED = "detector-failed"


def judge(
    detectors: Sequence[Detector],
    window: Window,
    limits: Mapping[str, Limits] | None = None,
    standing: Collection[tuple[str, Subject]] = (),
) -> Judged:
    """Return all findings and blind spots of the window; ``standing``: what was found before."""
    findings: list[Finding] = []
    blind_spots: list[BlindSpot] = []
    if window.memo is None:
        window = replace(window, memo={})
    for detector in detectors:
        try:
            for found in _looked(detector, window, (limits or {}).get(detector.id), standing):
                if isinstance(found, Finding):
                    findings.append(found)
                else:
                    blind_spots.append(replace(found, hides=_hidden(detectors, found.source)))
        except Exception:  # noqa: BLE001 - a bug in one detector must not blind the others
            findings.append(_failed(detector))
    return Judged(tuple(findings), tuple(blind_spots))


def _looked(
    detector: Detector,
    window: Window,
    limits: Limits | None,
    standing: Collection[tuple[str, Subject]],
) -> Iterator[Finding | BlindSpot]:
    """Yield what a detector says: of what stands, also what is not far enough below its limit."""
    said = set()
    for found in detector.look(window, limits):
        said.add(found.key)
        yield found
    held = {key for key in standing if key[0] == detector.id} - said if detector.eases else ()
    if held:
        eased = detector.look(window, detector.eased(limits))
        yield from (f for f in eased if isinstance(f, Finding) and f.key in held)


def _hidden(detectors: Sequence[Detector], source: str) -> tuple[str, ...]:
    return tuple(d.id for d in detectors if any(source_of(need) == source for need in d.needs))


def source_of(signal: Signal) -> str:
    """Return the name of the source that brings the signal."""
    return {
        "Maintenance.Status": "status",
        "/debug/vars raft.status": "raftvars",
        "/metrics": "metrics",
        "Cluster.MemberList": "members",
        "Maintenance.Alarm": "members",
        "TCP probe": "ports",
        "certificate": "certificate",
        "etcd's log": "logs",
        "Maintenance.HashKV": "hashes",
        "host": "host",
        "Kubernetes API": "kubernetes",
        "API server /readyz": "apiserver",
        "API server /metrics": "apiserver",
        "backup files": "backup",
        "registry": "registry",
    }.get(signal.source, "probe")


def _failed(detector: Detector) -> Finding:
    return Finding(
        SELF,
        Severity.WARNING,
        f"etcdscope's own detector {detector.id} failed: what it watches is not judged",
        detector=DETECTOR_FAILED,
        traceback=traceback.format_exc(),
    )
