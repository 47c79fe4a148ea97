"""All detectors, one line a family."""

from etcdscope.detect import (
    backend,
    disk,
    forecast,
    hang,
    history,
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
    upkeep,
)
from etcdscope.detect.detector import Detector

FAMILIES = (
    quorum,
    leadership,
    member,
    network,
    raft,
    disk,
    hang,
    backend,
    upkeep,
    space,
    history,
    forecast,
    process,
    membership,
    security,
    planned,
    monitor,
)

DETECTORS: tuple[Detector, ...] = tuple(
    value for family in FAMILIES for value in vars(family).values() if isinstance(value, Detector)
)
