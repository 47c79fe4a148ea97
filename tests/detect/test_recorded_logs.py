"""Detectors of logs on real members' logs, second by second: silent but where files are damaged."""

from collections.abc import Iterator

import pytest
from tests.etcd.logs.recorded import FAULTS, NAMES, NOW, lines

from etcdscope.detect import files, peers, requests
from etcdscope.detect.detector import Detector
from etcdscope.etcd.logs.reader import Reader, of_member
from etcdscope.model.cluster import Member, MemberList
from etcdscope.model.logs import LogEvent
from etcdscope.model.reading import Observation, Reading
from etcdscope.model.signal import LOG_EVENT, MEMBER_LIST
from etcdscope.model.window import Window, slide

DETECTORS = [
    value
    for family in (files, peers, requests)
    for value in vars(family).values()
    if isinstance(value, Detector)
]


def told(name: str) -> dict[str, str]:
    """Return which causes were told when a log was read as it was written, and their severities."""
    reader = Reader()
    seen = [e for line in lines(name) if (e := reader.read(line, NOW)) is not None and e.at < NOW]
    events = sorted((of_member(e, reader.member) for e in seen), key=lambda e: e.at)
    window, causes = Window(), dict[str, str]()
    for at, batch in _seconds(events):
        told_now = tuple(Observation(LOG_EVENT, e, e.kind) for e in batch)
        listed = Observation(MEMBER_LIST, _members(events))
        readings = [
            Reading("logs", "log:m1", at, member=reader.member, observations=told_now),
            Reading("members", "http://m1", at, member="other", observations=(listed,)),
        ]
        window = slide(window, readings, at)
        for detector in DETECTORS:
            causes.update({f.detector: str(f.severity) for f in detector(window)})
    return causes


def _seconds(events: list[LogEvent]) -> Iterator[tuple[float, list[LogEvent]]]:
    at, waiting = events[0].at, list(events)
    while waiting or at < events[-1].at + 5:
        at += 1.0
        yield at, [e for e in waiting if e.at <= at]
        waiting = [e for e in waiting if e.at > at]


def _members(events: list[LogEvent]) -> MemberList:
    ids = {one for e in events for one in (e.member, e.peer) if one}
    return MemberList(tuple(Member(i, i, (), ()) for i in sorted(ids)), linearizable=True)


@pytest.mark.parametrize("name", [n for n in NAMES if not n.endswith(FAULTS)])
def test_no_recorded_scenario_is_mistaken_for_damage_or_a_greedy_client(name: str) -> None:
    """Killed and frozen members, slow disks, quotas, changes of members, wrong certificates."""
    assert told(name) == {}


@pytest.mark.parametrize(
    ("fault", "causes"),
    [
        ("wal-rot", {"wal-corrupt": "warning"}),
        ("db-rot", {"backend-corrupt": "warning"}),
        ("rollback", {"raft-state-rolled-back": "critical"}),
        ("peer-name", {"peer-name-unresolvable": "warning"}),
    ],
)
def test_a_recorded_fault_is_told_with_its_cause(fault: str, causes: dict[str, str]) -> None:
    assert told(f"3.5.30.{fault}") == causes
