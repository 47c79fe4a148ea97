"""Runs the detectors over one window; a bug in one of them is itself a finding."""

import traceback
from collections.abc import Mapping, Sequence
from dataclasses import replace

from etcdscope.detect.detector import Detector
from etcdscope.model.finding import SELF, BlindSpot, Finding, Limits, Severity
from etcdscope.model.incident import Judged
from etcdscope.model.signal import Signal
from etcdscope.model.window import Window

DETECTOR_FAILED = "detector-failed"


def judge(
    detectors: Sequence[Detector], window: Window, limits: Mapping[str, Limits] | None = None
) -> Judged:
    """Return all findings and blind spots of the window."""
    findings: list[Finding] = []
    blind_spots: list[BlindSpot] = []
    window = replace(window, memo={})
    for detector in detectors:
        try:
            for found in detector.look(window, (limits or {}).get(detector.id)):
                if isinstance(found, Finding):
                    findings.append(found)
                else:
                    blind_spots.append(replace(found, hides=_hidden(detectors, found.source)))
        except Exception:  # noqa: BLE001 - a bug in one detector must not blind the others
            findings.append(_failed(detector))
    return Judged(tuple(findings), tuple(blind_spots))


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
