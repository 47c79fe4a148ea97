"""All detectors, one line a family."""

from etcdscope.detect import (
    advertised,
    backend,
    clients,
    data,
    disk,
    elections,
    files,
    forecast,
    history,
    identity,
    latency,
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
    versions,
)
from etcdscope.detect.detector import Detector

FAMILIES = (
    quorum,
    leadership,
    elections,
    member,
    network,
    latency,
    advertised,
    raft,
    disk,
    backend,
    space,
    history,
    forecast,
    process,
    data,
    files,
    identity,
    membership,
    peers,
    versions,
    clients,
    requests,
    security,
    planned,
    monitor,
)

DETECTORS: tuple[Detector, ...] = tuple(
    value for family in FAMILIES for value in vars(family).values() if isinstance(value, Detector)
)
