"""All detectors, one line a family."""

from etcdscope.detect import (
    advertised,
    disk,
    elections,
    latency,
    leadership,
    member,
    membership,
    monitor,
    network,
    planned,
    process,
    quorum,
    raft,
    saturation,
    security,
    space,
)
from etcdscope.detect.detector import Detector

FAMILIES = (
    quorum,
    leadership,
    elections,
    member,
    network,
    latency,
    saturation,
    advertised,
    raft,
    disk,
    space,
    process,
    membership,
    security,
    planned,
    monitor,
)

DETECTORS: tuple[Detector, ...] = tuple(
    value for family in FAMILIES for value in vars(family).values() if isinstance(value, Detector)
)
