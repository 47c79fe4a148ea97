"""All detectors, one line a family."""

from etcdscope.detect import (
    disk,
    files,
    leadership,
    member,
    membership,
    monitor,
    network,
    peers,
    planned,
    process,
    quorum,
    raft,
    requests,
    security,
    space,
)
from etcdscope.detect.detector import Detector

FAMILIES = (
    quorum,
    leadership,
    member,
    network,
    raft,
    disk,
    space,
    process,
    membership,
    security,
    planned,
    monitor,
    files,
    peers,
    requests,
)

DETECTORS: tuple[Detector, ...] = tuple(
    value for family in FAMILIES for value in vars(family).values() if isinstance(value, Detector)
)
