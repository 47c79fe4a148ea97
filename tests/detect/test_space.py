"""The quota, and what fills the database."""

import pytest
from tests.detect.windows import NOW, Told, ago, found, window

from etcdscope.detect.space import (
    db_fragmented,
    db_size_uneven,
    quota_exhausted,
    quota_near,
)
from etcdscope.model.amounts import size as mib
from etcdscope.model.cluster import Alarm
from etcdscope.model.signal import (
    ALARMS,
    DB_BYTES,
    DB_IN_USE_BYTES,
    DEFRAG_INFLIGHT,
    OPEN_READS,
    PROCESS_START,
    QUOTA_BYTES,
    STATUS_ERRORS,
)

MIB = 2.0**20
NOSPACE = f"memberID:{0x10E5:d} alarm:NOSPACE "


def db(size: float, in_use: float | None = None, quota: float = 1000) -> Told:
    """Return sizes in MiB."""
    used = {DB_IN_USE_BYTES: in_use * MIB} if in_use is not None else {}
    return {DB_BYTES: size * MIB, QUOTA_BYTES: quota * MIB} | used


@pytest.mark.parametrize(
    ("errors", "said"),
    [
        pytest.param((), [], id="no alarm"),
        pytest.param(("etcdserver: no leader",), [], id="another error"),
        pytest.param(("memberID:0 alarm:CORRUPT ",), [], id="another alarm"),
        pytest.param((NOSPACE,), [("10e5", "critical")], id="NOSPACE names its member"),
        pytest.param(("alarm:NOSPACE ",), [("cluster", "critical")], id="NOSPACE names nobody"),
    ],
)
def test_quota_is_exhausted_when_the_alarm_is_raised(
    errors: tuple[str, ...], said: list[tuple[str, str]]
) -> None:
    told: Told = {STATUS_ERRORS: errors}

    assert found(quota_exhausted, window({"m1": told, "m2": told})) == said


def test_member_behind_the_alarm_is_learnt_from_the_alarm_list() -> None:
    told: Told = {STATUS_ERRORS: ("alarm:NOSPACE",), ALARMS: (Alarm("NOSPACE", "m2"),)}

    assert found(quota_exhausted, window({"m1": told})) == [("m2", "critical")]


@pytest.mark.parametrize(
    ("in_use", "why"),
    [
        pytest.param(100, "a defragmentation helps", id="free pages"),
        pytest.param(900, "live data and history", id="data"),
    ],
)
def test_exhausted_quota_says_what_fills_it(in_use: float, why: str) -> None:
    (finding,) = quota_exhausted(
        window({"m1": {STATUS_ERRORS: ("alarm:NOSPACE",)} | db(1000, in_use)})
    )

    assert why in finding.summary


@pytest.mark.parametrize(
    ("size", "said"),
    [
        pytest.param(800, [], id="at the limit"),
        pytest.param(801, [("m1", "warning")], id="just past it"),
        pytest.param(950, [("m1", "warning")], id="at the second limit"),
        pytest.param(951, [("m1", "critical")], id="past that"),
    ],
)
def test_quota_is_near_by_physical_size(size: float, said: list[tuple[str, str]]) -> None:
    assert found(quota_near, window({"m1": db(size, 10)})) == said


def test_quota_is_not_judged_where_it_is_not_known() -> None:
    assert found(quota_near, window({"m1": {DB_BYTES: 1e12}})) == []


def test_several_members_near_their_quota_are_one_matter() -> None:
    seen = window({"m1": db(810), "m2": db(960), "m3": db(100)})

    (finding,) = quota_near(seen)

    assert finding.subject.kind == "cluster"
    assert finding.severity.name == "CRITICAL"
    assert "m2 is at 96%" in finding.summary
    assert finding.summary.endswith("alike: m1")


@pytest.mark.parametrize(
    ("told", "said"),
    [
        pytest.param(db(400, 200), [], id="half in use is at the limit"),
        pytest.param(db(400, 199), [("m1", "warning")], id="less than half"),
        pytest.param(db(60, 11), [], id="too little to matter: a twentieth of the quota"),
        pytest.param(db(60, 9), [("m1", "info")], id="just enough to mention"),
        pytest.param(db(250, 20), [("m1", "warning")], id="a quarter of the quota"),
        pytest.param(db(400, 10) | {DEFRAG_INFLIGHT: 1.0}, [], id="being defragmented"),
        pytest.param(db(400), [], id="size in use is not known"),
    ],
)
def test_database_is_fragmented_when_most_of_it_is_free_pages(
    told: Told, said: list[tuple[str, str]]
) -> None:
    assert found(db_fragmented, window({"m1": told})) == said


FREED: Told = {DB_IN_USE_BYTES: ago((60.0, 390 * MIB), (5.0, 380 * MIB), (0.1, 20 * MIB))}
FREED_MORE: Told = {DB_IN_USE_BYTES: ago((60.0, 590 * MIB), (0.1, 20 * MIB))}


@pytest.mark.parametrize(
    ("told", "said"),
    [
        pytest.param(db(400) | FREED, [("m1", "info")], id="compacted a moment ago"),
        pytest.param(db(600) | FREED_MORE, [("m1", "warning")], id="but half of the quota is gone"),
    ],
)
def test_pages_that_became_free_of_late_are_a_note(told: Told, said: list[tuple[str, str]]) -> None:
    assert found(db_fragmented, window({"m1": told})) == said


@pytest.mark.parametrize(
    ("m3", "said"),
    [
        pytest.param(db(210, 100), [], id="twice the size is at the limit"),
        pytest.param(db(300, 100), [("m3", "info")], id="thrice, far from the quota"),
        pytest.param(db(600, 100), [("m3", "warning")], id="more than half of the quota"),
        pytest.param(db(600, 500), [], id="it holds more, so it is no matter of files"),
        pytest.param(db(105, 100, quota=250), [("cluster", "warning")], id="another quota"),
        pytest.param(db(600, 100) | {DEFRAG_INFLIGHT: 1.0}, [], id="being defragmented"),
        pytest.param(db(600, 100) | {PROCESS_START: NOW - 60}, [], id="a round of restarts"),
    ],
)
def test_sizes_are_uneven_when_one_file_is_twice_the_others(
    m3: Told, said: list[tuple[str, str]]
) -> None:
    even = db(105, 100)

    assert found(db_size_uneven, window({"m1": even, "m2": even, "m3": m3})) == said


def test_round_of_defragmentations_is_waited_for() -> None:
    done = db(0, 100) | {DB_BYTES: ago((300.0, 600 * MIB), (290.0, 105 * MIB), (0.1, 105 * MIB))}
    left = db(600, 100)

    assert found(db_size_uneven, window({"m1": done, "m2": done, "m3": left})) == []


def test_exhausted_quota_of_one_member_alone_says_so() -> None:
    alarm: Told = {STATUS_ERRORS: ("alarm:NOSPACE",), ALARMS: (Alarm("NOSPACE", "m3"),)}
    seen = window({"m1": alarm | db(105), "m2": db(105), "m3": alarm | db(250, 240, quota=250)})

    (finding,) = quota_exhausted(seen)

    assert "it alone, the others are at" in finding.summary
    assert "its quota is only 250 MiB, theirs 1000 MiB" in finding.summary


def test_exhausted_quota_names_a_read_transaction_that_pins_old_pages() -> None:
    alarm: Told = {STATUS_ERRORS: ("alarm:NOSPACE",), ALARMS: (Alarm("NOSPACE", "m3"),)}
    pinned = alarm | db(1000, 990) | {OPEN_READS: 2.0}

    (finding,) = quota_exhausted(window({"m1": alarm | db(400, 300), "m3": pinned}))

    assert "690 MiB of it are old pages that an open read transaction pins" in finding.summary


@pytest.mark.parametrize(
    ("size", "said"),
    [
        pytest.param(300 * MIB, "300 MiB", id="MiB"),
        pytest.param(1.5 * 2**30, "1.5 GiB", id="GiB with a digit"),
        pytest.param(20 * 2**30, "20 GiB", id="many GiB"),
    ],
)
def test_sizes_are_said_as_people_read_them(size: float, said: str) -> None:
    assert mib(size) == said
