"""Whether all members hold the same."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from tests.detect.windows import Ago, Told, ago, found, look, window

from etcdscope.detect.comparison import compared
from etcdscope.detect.data import alarm_corrupt, auth_diverged, data_diverged
from etcdscope.model.cluster import Alarm, Hashed
from etcdscope.model.finding import BlindSpot
from etcdscope.model.reading import Failure
from etcdscope.model.signal import (
    ALARMS,
    APPLIED_INDEX,
    AUTH_REVISION,
    COMMITTED_INDEX,
    HASHED,
    REVISION,
    STATUS_ERRORS,
    VERSION,
)
from etcdscope.model.window import Window


def hashed(
    *rounds: tuple[float, int], revision: int = 50, compact: int = 10, version: str = "3.5.30"
) -> Told:
    """Return rounds of hashing: how long ago, and the hash."""
    points = ((seconds, Hashed(value, revision, compact)) for seconds, value in rounds)
    return {HASHED: ago(*points), VERSION: version}


ONE, TWICE = hashed((1, 7)), hashed((3, 7), (1, 7))
OTHER_ONCE, OTHER = hashed((1, 8)), hashed((3, 8), (1, 8))


@pytest.mark.parametrize(
    ("m1", "m2", "m3", "said"),
    [
        pytest.param(TWICE, TWICE, TWICE, [], id="all the same"),
        pytest.param(TWICE, OTHER, TWICE, [("m2", "critical")], id="the odd one of three"),
        pytest.param(OTHER, TWICE, TWICE, [("m1", "critical")], id="the first may be the odd one"),
        pytest.param(TWICE, OTHER, {}, [("cluster", "critical")], id="of two nobody is right"),
        pytest.param(
            TWICE,
            OTHER,
            hashed((3, 9), (1, 9)),
            [("cluster", "critical")],
            id="three different ones have no majority",
        ),
        pytest.param(ONE, OTHER_ONCE, ONE, [], id="one look may be a hiccup"),
        pytest.param(
            TWICE, hashed((3, 8), (1, 7)), TWICE, [], id="they differed, and do not any more"
        ),
        pytest.param(
            TWICE,
            hashed((3, 8), (1, 8), revision=49),
            TWICE,
            [],
            id="hashes of another revision mean nothing",
        ),
        pytest.param(
            TWICE,
            hashed((3, 8), (1, 8), compact=11),
            TWICE,
            [],
            id="nor do those of another compact revision",
        ),
        pytest.param(
            TWICE,
            hashed((3, 8), (1, 8), version="3.5.1"),
            TWICE,
            [],
            id="nor those of another version",
        ),
        pytest.param(
            hashed((63, 7), (1, 7)),
            hashed((3, 8), (0.5, 7)),
            hashed((63, 7), (1, 7)),
            [],
            id="rounds a minute apart are not mixed up",
        ),
    ],
)
def test_member_with_another_hash_is_named_by_the_majority(
    m1: Told, m2: Told, m3: Told, said: list[tuple[str, str]]
) -> None:
    seen = window({"m1": m1, "m2": m2, "m3": m3})

    assert found(data_diverged, seen) == said


def test_round_that_is_under_way_does_not_hide_the_majority() -> None:
    def two(first: int, second: int | None) -> Told:
        points = [(3.0, Hashed(first, 50, 10))]
        points += [] if second is None else [(0.5, Hashed(second, 60, 10))]
        return {HASHED: ago((5, Hashed(first, 40, 10)), *points), VERSION: "3.5.30"}

    seen = window({"m1": two(7, None), "m2": two(8, 9), "m3": two(7, 7)})

    assert found(data_diverged, seen) == [("m2", "critical")]


def test_what_was_compared_is_told_with_its_revisions() -> None:
    (finding,) = data_diverged(window({"m1": TWICE, "m2": OTHER, "m3": TWICE}))

    assert "at revision 50 (compacted at 10)" in finding.summary
    assert [(e.member, e.value) for e in finding.evidence] == [
        ("m1", "00000007"),
        ("m3", "00000007"),
        ("m2", "00000008"),
    ]


def at(applied: float, revision: float) -> Told:
    return {APPLIED_INDEX: [applied] * 6, REVISION: [revision] * 6}


@pytest.mark.parametrize(
    ("m3", "said"),
    [
        pytest.param(at(100, 90), [], id="the same"),
        pytest.param(at(100, 89), [("m3", "critical")], id="another revision at the same index"),
        pytest.param(at(99, 89), [], id="it lags by one entry"),
        pytest.param(
            {APPLIED_INDEX: [98, 99, 100, 100, 100, 100], REVISION: [88, 89, 89, 89, 89, 89]},
            [],
            id="something was applied just now, and the two are not one atomic read",
        ),
    ],
)
def test_another_revision_at_the_same_index_needs_no_hash(
    m3: Told, said: list[tuple[str, str]]
) -> None:
    seen = window({"m1": at(100, 90), "m2": at(100, 90), "m3": m3})

    assert found(data_diverged, seen) == said


def blind(seen: Window) -> list[str]:
    return [spot.why for spot in data_diverged.look(seen) if isinstance(spot, BlindSpot)]


def test_what_cannot_be_compared_is_a_blind_spot() -> None:
    mixed = {
        "m1": hashed((60, 7), version="3.5.1"),
        "m2": hashed((60, 7), version="3.5.30"),
    }
    compacted = {"m1": hashed((60, 7)), "m2": hashed((60, 8), compact=11)}
    timeout = look("hashes", "m1", Failure.TIMEOUT, detail="no answer", ok=99)

    assert "different versions (3.5.1, 3.5.30)" in blind(window(mixed))[0]
    assert "compactions came between" in blind(window(compacted))[0]
    assert blind(window(looks=[timeout])) == ["no answer"]
    assert blind(window(looks=[replace(timeout, failures=1)])) == []
    large = look("hashes", "m1", Failure.TOO_LARGE, detail="it is too large", ok=99, failures=1)
    assert blind(window(looks=[large])) == ["it is too large"]
    assert blind(window({"m1": TWICE, "m2": TWICE})) == []


def test_what_is_denied_is_told_by_the_one_who_tells_denials() -> None:
    denied = look("hashes", "m1", Failure.PERMISSION_DENIED, detail="permission denied", ok=99)

    assert blind(window(looks=[denied])) == []


# --- the alarm -------------------------------------------------------------------------------


def alarm(member: str = "", kind: str = "CORRUPT") -> Told:
    return {ALARMS: (Alarm(kind, member),), STATUS_ERRORS: (f"alarm:{kind}",)}


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        pytest.param({"m1": alarm("m2")}, [("m2", "critical")], id="it names the member"),
        pytest.param({"m1": alarm()}, [("cluster", "critical")], id="it names nobody"),
        pytest.param(
            {"m1": alarm() | TWICE, "m2": OTHER, "m3": TWICE},
            [("m2", "critical")],
            id="the hashes name the member",
        ),
        pytest.param({"m1": alarm(kind="NOSPACE")}, [], id="that is another alarm"),
        pytest.param({"m1": {ALARMS: (), STATUS_ERRORS: ()}}, [], id="none"),
    ],
)
def test_corrupt_alarm_names_the_member_if_anything_does(
    seen: Mapping[str, Told], said: list[tuple[str, str]]
) -> None:
    assert found(alarm_corrupt, window(seen)) == said


def test_corrupt_alarm_with_equal_hashes_says_so() -> None:
    (finding,) = alarm_corrupt(window({"m1": alarm() | TWICE, "m2": TWICE, "m3": TWICE}))

    assert "hashes of the members that could be compared are the same" in finding.summary


# --- users and roles ---------------------------------------------------------------------------


def users(revision: float | Ago, *, applied: float = 100, committed: float = 100) -> Told:
    values = (
        revision if isinstance(revision, Ago) else ago((14, revision), (8, revision), (1, revision))
    )
    return {
        AUTH_REVISION: values,
        APPLIED_INDEX: applied,
        COMMITTED_INDEX: ago((15, committed), (0.2, committed + 5)),
    }


@pytest.mark.parametrize(
    ("m3", "said"),
    [
        pytest.param(users(14), [], id="the same"),
        pytest.param(users(12), [("m3", "critical")], id="the odd one"),
        pytest.param(users(12, applied=90), [], id="it has not applied the change yet"),
        pytest.param(users(ago((14, 12), (8, 12), (1, 14))), [], id="it has just changed"),
        pytest.param(users(ago((3, 12), (1, 12))), [], id="it is not known for long"),
    ],
)
def test_users_of_another_revision_are_named(m3: Told, said: list[tuple[str, str]]) -> None:
    seen = window({"m1": users(14), "m2": users(14), "m3": m3})

    assert found(auth_diverged, seen) == said


def test_comparison_takes_the_round_that_most_members_share() -> None:
    late = hashed((3, 7), (0.5, 9), revision=60)

    comparison = compared(window({"m1": TWICE, "m2": TWICE, "m3": late}))

    assert comparison
    assert comparison.at.revision == 50
    assert comparison.groups == (("m1", "m2"),)
