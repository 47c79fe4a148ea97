"""Files that cannot be used, as the log of a member that ended tells."""

import pytest
from tests.detect.logs import heard, said
from tests.detect.windows import found, refused, window

from etcdscope.detect.detector import Detector
from etcdscope.detect.disk_space import disk_full
from etcdscope.detect.files import backend_corrupt, raft_state_rolled_back, wal_corrupt
from etcdscope.model.logs import (
    BACKEND_CORRUPT,
    DISK_FULL,
    RAFT_STATE_LOST,
    SERVER_READY,
    SERVER_STARTING,
    WAL_CORRUPT,
    WAL_REPAIRED,
    LogEvent,
)

GONE = {"m2": refused(20)}
ALL = [
    pytest.param(wal_corrupt, WAL_CORRUPT, "warning", id="WAL"),
    pytest.param(backend_corrupt, BACKEND_CORRUPT, "warning", id="database"),
    pytest.param(raft_state_rolled_back, RAFT_STATE_LOST, "critical", id="rolled back"),
    pytest.param(disk_full, DISK_FULL, "warning", id="disk full"),
]


@pytest.mark.parametrize(("detector", "kind", "severity"), ALL)
@pytest.mark.parametrize("age", [1, 19, 7200], ids=lambda age: f"{age} s ago")
def test_a_member_that_ended_over_its_files_and_is_gone(
    detector: Detector, kind: str, severity: str, age: float
) -> None:
    seen = heard(window(away={"m2": refused(None)}), {"m2": [said(age, kind, "fatal")]})

    assert found(detector, seen) == [("m2", severity)]


@pytest.mark.parametrize(("detector", "kind", "severity"), ALL)
@pytest.mark.parametrize(
    "life",
    [
        pytest.param([], id="it answers"),
        pytest.param([said(2, SERVER_READY, "info")], id="it is ready, says its log"),
    ],
)
def test_a_member_that_lives_again_is_whole(
    detector: Detector, kind: str, severity: str, life: list[LogEvent]
) -> None:
    away = GONE if life else {}

    assert found(detector, heard(window(away=away), {"m2": [said(70, kind, "fatal"), *life]})) == []


@pytest.mark.parametrize(("detector", "kind", "severity"), ALL)
def test_other_words_accuse_nobody(detector: Detector, kind: str, severity: str) -> None:
    others = {WAL_CORRUPT, BACKEND_CORRUPT, RAFT_STATE_LOST, DISK_FULL} - {kind}
    harmless = [said(3, WAL_REPAIRED), said(2, SERVER_STARTING), said(2, "server-stopped", "error")]
    told = [*harmless, *(said(3, other, "fatal") for other in others)]

    assert found(detector, heard(window(away=GONE), {"m2": told})) == []


def test_a_member_that_was_replaced_is_history() -> None:
    seen = window(members="m1 m3 m4")

    assert found(wal_corrupt, heard(seen, {"m2": [said(9, WAL_CORRUPT, "fatal")]})) == []


def test_the_only_member_takes_the_cluster_with_it() -> None:
    seen = window(members="m1", away={"m1": refused(5)})

    assert found(wal_corrupt, heard(seen, {"m1": [said(4, WAL_CORRUPT, "fatal")]})) == [
        ("m1", "critical")
    ]


def test_a_log_without_a_known_member_is_the_subject() -> None:
    seen = heard(window(members=""), {"log:m2": [said(4, WAL_CORRUPT, "fatal")]})

    assert found(wal_corrupt, seen) == [("log:m2", "critical")]


def test_a_member_that_lives_on_a_full_disk() -> None:
    assert found(disk_full, heard(window(), {"m2": [said(20, DISK_FULL, "warn")]})) == [
        ("m2", "warning")
    ]
    assert found(disk_full, heard(window(), {"m2": [said(90, DISK_FULL, "warn")]})) == []


def test_the_finding_says_how_often_it_was_tried_and_does_not_repeat_guesses() -> None:
    starts = [said(age, SERVER_STARTING, "info") for age in (300, 200, 100, 10)]
    broken = said(9, WAL_CORRUPT, "fatal", error="walpb: crc mismatch")

    (finding,) = wal_corrupt(heard(window(away=GONE), {"m2": [*starts, broken]}))

    assert "m2 cannot start: its WAL is damaged (a checksum does not match)" in finding.summary
    assert [e.value for e in finding.evidence if e.signal == "starts"] == [4.0]
