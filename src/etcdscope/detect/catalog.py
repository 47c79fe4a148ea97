"""All detectors, one line a family."""

from etcdscope.detect import (
    clock,
    descriptors,
    disk,
    disk_sharing,
    disk_space,
    leadership,
    member,
    membership,
    memory,
    monitor,
    network,
    planned,
    process,
    quorum,
    raft,
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
    disk_space,
    disk_sharing,
    memory,
    descriptors,
    clock,
)

DETECTORS: tuple[Detector, ...] = tuple(
    value for family in FAMILIES for value in vars(family).values() if isinstance(value, Detector)
)
