"""All detectors, one line a family."""

from etcdscope.detect import (
    clients,
    disk,
    files,
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
    clients,
    security,
    planned,
    monitor,
    files,
    identity,
    requests,
)

DETECTORS: tuple[Detector, ...] = tuple(
    value for family in FAMILIES for value in vars(family).values() if isinstance(value, Detector)
)
