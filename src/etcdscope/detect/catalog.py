"""All detectors, one line a family."""

from etcdscope.detect import (
    data,
    disk,
    identity,
    leadership,
    member,
    membership,
    monitor,
    network,
    planned,
    process,
    quorum,
    raft,
    security,
    space,
    versions,
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
    data,
    identity,
    membership,
    versions,
    security,
    planned,
    monitor,
)

DETECTORS: tuple[Detector, ...] = tuple(
    value for family in FAMILIES for value in vars(family).values() if isinstance(value, Detector)
)
