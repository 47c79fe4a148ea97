"""The window: what is kept, what belongs to whom, and the arithmetic over it."""

from dataclasses import replace
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etcdscope.model.cluster import Member, MemberList
from etcdscope.model.reading import Failure, Histogram, Observation, Reading, Value
from etcdscope.model.signal import (
    APPLIED_INDEX,
    CLUSTER_ID,
    COMMITTED_INDEX,
    DB_BYTES,
    DB_BYTES_LONG,
    LEADER,
    LEADER_CHANGES,
    MEMBER_LIST,
    PEER_RTT,
    PORT_STATE,
    RAFT_LEAD,
    WAL_FSYNC,
    Signal,
)
from etcdscope.model.window import Point, Window, quantile, slide

T = 1_795_330_000.0
URL = "http://m1:2379"
INF = float("inf")


def reading(
    at: float,
    signal: Signal = LEADER,
    value: Value = "a1",
    *,
    key: str = "",
    source: str = "status",
    url: str = URL,
    member: str = "a1",
) -> Reading:
    seen = (Observation(signal, value, key),)
    return Reading(source, url, T + at, member=member, observations=seen)


def fed(*readings: Reading, now: float | None = None) -> Window:
    """Return a window into which the readings slid one after the other."""
    window = Window()
    for r in readings:
        window = slide(window, [r], r.ended)
    return window if now is None else slide(window, [], T + now)


def growing(signal: Signal, *values: Value, every: float = 5.0, key: str = "") -> Window:
    return fed(*(reading(i * every, signal, v, key=key) for i, v in enumerate(values)))


# --- sliding -------------------------------------------------------------------------------------


def test_empty_window_begins_with_the_first_look() -> None:
    window = slide(slide(Window(), [], T), [], T + 5)

    assert (window.began, window.now) == (T, T + 5)


def test_value_is_dated_by_the_end_of_its_look() -> None:
    window = fed(replace(reading(0), took=0.25))

    assert window.last("a1", LEADER) == Point(T + 0.25, "a1")


def test_old_values_are_left_out_but_for_one_before_the_edge() -> None:
    window = fed(*(reading(i * 30.0, value=str(i)) for i in range(8)))

    assert [p.value for p in window.points("a1", LEADER)] == ["2", "3", "4", "5", "6", "7"]


def test_last_value_of_a_series_that_ended_is_kept_but_is_not_fresh() -> None:
    window = fed(reading(0), now=600)

    assert window.points("a1", LEADER) == (Point(T, "a1"),)
    assert window.last("a1", LEADER) is None
    assert window.last("a1", LEADER, within=601) == Point(T, "a1")


def test_member_list_that_does_not_change_is_kept_once() -> None:
    lists = [MemberList((Member("a1", "m1"),)) for _ in range(3)]
    window = growing(MEMBER_LIST, *lists)

    assert len({id(p.value) for p in window.points("a1", MEMBER_LIST)}) == 1


def test_sliding_changes_nothing_that_was_there() -> None:
    window = fed(reading(0), reading(1, COMMITTED_INDEX, 5))
    series = {at: dict(by_key) for at, by_key in window.series.items()}
    looks, endpoints = dict(window.looks), dict(window.endpoints)

    slide(window, [reading(2), Reading.failed("status", URL, T + 3, Failure.REFUSED)], T + 3)

    assert (window.series, window.looks, window.endpoints) == (series, looks, endpoints)
    assert window.now == T + 1


# --- who is who ----------------------------------------------------------------------------------


def test_failed_look_belongs_to_whom_answered_there_last() -> None:
    window = fed(reading(0), Reading.failed("probe", URL, T + 1, Failure.TIMEOUT))

    assert window.looks["probe", URL].member == "a1"


def test_observation_of_a_failed_look_belongs_to_whom_answered_there_last() -> None:
    failed = Reading.failed("probe", URL, T + 1, Failure.REFUSED)
    closed = replace(failed, observations=(Observation(PORT_STATE, "refused", "client"),))
    window = fed(reading(0), closed)

    assert window.word("a1", PORT_STATE, "client") == "refused"


def test_look_at_an_address_nobody_answered_at_belongs_to_nobody() -> None:
    window = fed(Reading.failed("status", URL, T, Failure.REFUSED))

    assert window.looks["status", URL].member == ""


def test_failed_look_at_an_advertised_url_belongs_to_its_member() -> None:
    """So that a member which was down before we came can be judged."""
    listed = MemberList(
        (Member("a1", "m1", (), (URL,)), Member("a2", "m2", (), ("http://m2:2379/",)))
    )
    down = Reading.failed("status", "http://m2:2379", T + 1, Failure.REFUSED)
    window = fed(reading(0, MEMBER_LIST, listed), down)

    assert window.looks["status", "http://m2:2379"].member == "a2"
    assert set(window.looks_at("a2")) == {"status"}


def test_run_of_failures_is_dated_and_counted() -> None:
    down = [Reading.failed("status", URL, T + i, Failure.REFUSED) for i in (1, 2, 3)]
    look = fed(reading(0), *down).looks["status", URL]

    assert (look.since, look.failures, look.last_ok) == (T + 1, 3, T)


def test_success_ends_a_run_of_failures() -> None:
    down = Reading.failed("status", URL, T + 1, Failure.REFUSED)
    look = fed(reading(0), down, reading(2)).looks["status", URL]

    assert (look.since, look.failures, look.failure, look.last_ok) == (T + 2, 0, None, T + 2)


def test_held_connection_is_no_answer() -> None:
    window = fed(reading(0), reading(4, source="presence"), now=5)

    assert window.answered("a1") == T
    assert window.quiet_for("a1") == 5
    assert window.reachable("a1", within=5)
    assert not window.reachable("a1", within=4.9)


def test_member_that_never_answered_is_not_reachable() -> None:
    assert Window().quiet_for("a1") is None
    assert not Window().reachable("a1")


@pytest.mark.parametrize(
    ("told", "trusted"),
    [
        pytest.param([("a1", "x", False)], "x", id="the only one"),
        pytest.param([("a1", "x", False), ("a2", "y", False), ("a3", "y", False)], "y", id="most"),
        pytest.param([("a1", "x", True), ("a2", "y", False), ("a3", "y", False)], "x", id="quorum"),
        pytest.param([("a1", "x", False), ("a2", "y", False)], "x", id="of equals what we know"),
    ],
)
def test_membership_is_trusted_by_quorum_then_votes_then_what_is_known(
    told: list[tuple[str, str, bool]], trusted: str
) -> None:
    readings = [
        reading(
            i,
            MEMBER_LIST,
            MemberList((Member(ident, ident),), sure),
            member=who,
            url=f"http://{who}",
        )
        for i, (who, ident, sure) in enumerate(told)
    ]

    assert [m.id for m in fed(*readings).members] == [trusted]


@pytest.mark.parametrize(
    ("clusters", "trusted"),
    [
        pytest.param(("c9", "c1", "c1"), "y", id="two of three are of the other cluster"),
        pytest.param(("c9", "c1", None), "y", id="of two, the one that we know"),
        pytest.param(("c1", "c1", "c1"), "z", id="one cluster: the confirmed list counts"),
    ],
)
def test_member_that_became_a_cluster_of_its_own_confirms_only_itself(
    clusters: tuple[str | None, ...], trusted: str
) -> None:
    known = [reading(0, MEMBER_LIST, MemberList((Member("y", "y"),)), member="a2", url="http://2")]
    lists = (
        MemberList((Member("z", "z"),), linearizable=True),
        *[MemberList((Member("y", "y"),))] * 2,
    )
    for i, (cluster, listed) in enumerate(zip(clusters, lists, strict=True), start=1):
        if cluster:
            who = {"member": f"a{i}", "url": f"http://{i}"}
            known.append(reading(1, CLUSTER_ID, cluster, **who))
            known.append(reading(2, MEMBER_LIST, listed, **who))

    assert [m.id for m in fed(*known).members] == [trusted]


@pytest.mark.parametrize(
    ("confirmed", "others", "trusted"),
    [
        pytest.param("a1", "a2 a3", "a1 a2 a3", id="two of three go on: it was forced out"),
        pytest.param("a1 a2", "a3", "a1 a2", id="one was removed"),
        pytest.param("a1", "", "a1", id="nobody else is left"),
    ],
)
def test_confirmed_list_that_leaves_out_a_quorum_is_not_trusted(
    confirmed: str, others: str, trusted: str
) -> None:
    """`--force-new-cluster` makes a member forget the others, under the same cluster id."""

    def listing(names: str, *, sure: bool = False) -> MemberList:
        return MemberList(tuple(Member(name, name) for name in names.split()), linearizable=sure)

    told = {"a1": listing(confirmed, sure=True)} | dict.fromkeys(
        others.split(), listing("a1 a2 a3")
    )
    readings = [
        reading(1, MEMBER_LIST, listed, member=who, url=f"http://{who}")
        for who, listed in told.items()
    ]

    assert [m.id for m in fed(*readings).members] == trusted.split()


def test_of_lists_that_overlap_the_newest_is_trusted() -> None:
    old = MemberList((Member("x", "x"), Member("y", "y")))
    new = MemberList((Member("x", "x"), Member("z", "z")))
    readings = [
        reading(i, MEMBER_LIST, listed, member=who, url=f"http://{who}")
        for i, (who, listed) in enumerate([("a1", old), ("a2", new)])
    ]

    assert [m.id for m in fed(*readings).members] == ["x", "z"]


def test_learner_does_not_count_for_quorum() -> None:
    listed = MemberList(tuple(Member(f"a{i}", f"m{i}", is_learner=i == 3) for i in range(4)))
    window = fed(reading(0, MEMBER_LIST, listed))

    assert (len(window.voters), window.quorum) == (3, 2)


@pytest.mark.parametrize("first", ["small", "large"])
def test_of_two_clusters_with_one_endpoint_each_the_larger_is_trusted(first: str) -> None:
    small = MemberList((Member("b1", "b1"),))
    large = MemberList(tuple(Member(i, i) for i in ("a1", "a2", "a3")))
    told = [
        reading(0, MEMBER_LIST, small, member="b1", url="http://b1"),
        reading(0, MEMBER_LIST, large, member="a1", url="http://a1"),
    ]
    window = fed(*(told if first == "small" else reversed(told)))

    assert [m.id for m in window.members] == ["a1", "a2", "a3"]


def test_member_is_called_by_its_name_or_else_its_id() -> None:
    window = fed(reading(0, MEMBER_LIST, MemberList((Member("a1", "m1"), Member("a2", "")))))

    assert [window.label(i) for i in ("a1", "a2", "a3")] == ["m1", "a2", "a3"]


def test_member_is_dialled_where_we_look_at_it() -> None:
    listed = MemberList((Member("a1", "m1", (), ("http://10.0.0.1:2379",)),))
    window = fed(reading(0), reading(1, MEMBER_LIST, listed))

    assert window.dialled("a1") == URL
    assert window.dialled("a9") == ""


# --- arithmetic ----------------------------------------------------------------------------------


def test_points_of_a_span_include_its_edge() -> None:
    window = fed(*(reading(float(i), value=str(i)) for i in range(5)))

    assert [p.value for p in window.points("a1", LEADER, over=2.0)] == ["2", "3", "4"]


def test_numbers_and_words_are_told_apart() -> None:
    window = fed(reading(0, COMMITTED_INDEX, 7), reading(0, LEADER, "a1"))

    assert window.number("a1", COMMITTED_INDEX) == 7
    assert window.word("a1", COMMITTED_INDEX) is None
    assert window.word("a1", LEADER) == "a1"
    assert window.number("a1", LEADER) is None
    assert window.numbers("a1", COMMITTED_INDEX, over=5) == (7,)


@pytest.mark.parametrize(
    ("values", "seconds"),
    [
        pytest.param(["a", "b", "b", "b"], 10.0, id="since the change"),
        pytest.param(["b", "b", "a"], 0.0, id="not any more"),
        pytest.param([], 0.0, id="never seen"),
    ],
)
def test_state_is_held_since_its_last_change(values: list[str], seconds: float) -> None:
    assert growing(RAFT_LEAD, *values).held("a1", RAFT_LEAD, "b") == seconds


@pytest.mark.parametrize(
    ("values", "grown"),
    [
        pytest.param([10.0, 12.0, 15.0], 5.0, id="growth"),
        pytest.param([10.0, 12.0, 1.0, 3.0], 5.0, id="a reset: what it shows after it is growth"),
        pytest.param([10.0], None, id="one point"),
        pytest.param([], None, id="none"),
    ],
)
def test_counter_grows_over_resets(values: list[float], grown: float | None) -> None:
    assert growing(LEADER_CHANGES, *values).increase("a1", LEADER_CHANGES, over=60) == grown


def test_growth_of_a_span_starts_at_the_point_before_it() -> None:
    window = growing(LEADER_CHANGES, 0.0, 10.0, 20.0, 30.0)  # every 5 s

    assert window.increase("a1", LEADER_CHANGES, over=6.0) == 20.0
    assert window.rate("a1", LEADER_CHANGES, over=6.0) == 2.0


def test_pairs_are_of_the_same_readings() -> None:
    both = (Observation(COMMITTED_INDEX, 9), Observation(APPLIED_INDEX, 7))
    window = fed(
        reading(0, COMMITTED_INDEX, 5),
        Reading("status", URL, T + 1, member="a1", observations=both),
    )

    assert list(window.paired("a1", COMMITTED_INDEX, APPLIED_INDEX, over=9)) == [(9, 7)]


# --- histograms ----------------------------------------------------------------------------------

BOUNDS = (0.1, 0.2, 0.4, INF)


def histogram(*counts: float, total: float = 0.0) -> Histogram:
    return Histogram(BOUNDS, counts, total)


def test_quantile_is_of_what_was_counted_in_the_span() -> None:
    window = growing(WAL_FSYNC, histogram(100, 100, 100, 100), histogram(100, 110, 110, 110))

    seen = window.quantile("a1", WAL_FSYNC, 0.5, over=6)

    assert seen is not None
    assert seen.value == pytest.approx(0.15)
    assert (seen.count, seen.span) == (10, 5)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([], id="never seen"),
        pytest.param([histogram(1, 1, 1, 1)], id="one scrape"),
        pytest.param([histogram(1, 1, 1, 1)] * 2, id="nothing counted between"),
        pytest.param([histogram(9, 9, 9, 9), histogram(1, 1, 1, 1)], id="a restart, one scrape"),
    ],
)
def test_no_quantile_of_nothing(values: list[Histogram]) -> None:
    window = growing(WAL_FSYNC, *values)

    assert window.quantile("a1", WAL_FSYNC, 0.99, over=60) is None
    assert window.mean("a1", WAL_FSYNC, over=60) is None


@pytest.mark.parametrize(
    "before",
    [
        pytest.param(histogram(0, 0, 0, 90), id="it had counted more"),
        pytest.param(histogram(2, 2, 2, 2), id="a young process, which has counted less"),
        pytest.param(
            Histogram((0.5, INF), (0.0, 1.0), 1.0), id="another version, with other bounds"
        ),
    ],
)
def test_after_a_restart_only_what_came_since_counts(before: Histogram) -> None:
    window = growing(WAL_FSYNC, before, histogram(1, 1, 1, 3), histogram(5, 5, 5, 7))
    grown = window.histogram("a1", WAL_FSYNC, over=60)

    assert grown is not None
    assert (grown[0].counts, grown[1]) == ((4, 4, 4, 4), 5)


def test_mean_is_the_growth_of_the_sum_by_that_of_the_count() -> None:
    window = growing(WAL_FSYNC, histogram(0, 0, 0, 0), histogram(0, 0, 4, 4, total=1.2))

    seen = window.mean("a1", WAL_FSYNC, over=60)

    assert seen is not None
    assert seen.value == pytest.approx(0.3)


def test_series_of_other_keys_are_apart() -> None:
    window = growing(PEER_RTT, histogram(0, 0, 0, 0), histogram(4, 4, 4, 4), key="a2")

    assert window.keys("a1", PEER_RTT) == ("a2",)
    assert window.quantile("a1", PEER_RTT, 0.5, "a3", over=60) is None


def naive(q: float, bounds: tuple[float, ...], counts: list[int]) -> float:
    """Return Prometheus' histogram_quantile, written down bucket by bucket."""
    rank = q * sum(counts)
    seen = 0
    for i, count in enumerate(counts):
        if seen + count >= rank and (count or seen + count == rank):
            if bounds[i] == INF:
                return bounds[i - 1]
            lower = bounds[i - 1] if i else 0.0
            return lower + (bounds[i] - lower) * ((rank - seen) / count if count else 1.0)
        seen += count
    return bounds[-2]


@given(
    counts=st.lists(st.integers(0, 1000), min_size=4, max_size=4).filter(sum),
    q=st.floats(0.01, 1.0),
)
def test_quantile_is_prometheus_own(counts: list[int], q: float) -> None:
    cumulated = Histogram(BOUNDS, tuple(float(c) for c in accumulate(counts)), 0.0)

    assert quantile(cumulated, q) == pytest.approx(naive(q, BOUNDS, counts))


def test_quantile_past_the_last_finite_bound_is_that_bound() -> None:
    assert quantile(histogram(0, 0, 0, 10), 0.5) == 0.4


@given(
    readings=st.lists(
        st.tuples(st.floats(0, 3), st.sampled_from([LEADER_CHANGES, RAFT_LEAD]), st.integers(0, 5)),
        max_size=30,
    )
)
def test_points_are_in_order_and_within_what_is_kept(
    readings: list[tuple[float, Signal, int]],
) -> None:
    window, now = Window(), T
    for passed, signal, value in readings:
        now += passed * 100
        window = slide(
            window,
            [Reading("status", URL, now, member="a1", observations=(Observation(signal, value),))],
            now,
        )

    for (_, signal), by_key in window.series.items():
        for series in by_key.values():
            assert [p.at for p in series] == sorted(p.at for p in series)
            assert all(p.at >= series[-1].at - signal.keep for p in series[1:])


def test_long_memory_keeps_a_point_a_minute_of_what_is_read_twice_a_second() -> None:
    window = Window()
    for i in range(1200):
        at = 1000.0 + i / 2
        seen = (Observation(DB_BYTES, float(i)),)
        window = slide(window, [Reading("status", "http://m1:2379", at, 0.0, "m1", seen)], at)

    ats = [p.at for p in window.points("m1", DB_BYTES_LONG)]
    assert ats == [1000.0 + 60 * i for i in range(10)]


def test_long_memory_forgets_what_is_too_old() -> None:
    window = Window()
    for hour in range(40):
        at = 1000.0 + 3600.0 * hour
        seen = (Observation(DB_BYTES, float(hour)),)
        window = slide(window, [Reading("status", "http://m1:2379", at, 0.0, "m1", seen)], at)

    points = window.points("m1", DB_BYTES_LONG)
    assert points[-1].value == 39.0
    assert window.now - points[1].at <= DB_BYTES_LONG.keep


@pytest.mark.parametrize(
    ("later", "kept"),
    [
        pytest.param(1800.0, {"a1", "a2", "log:m2"}, id="who left lately may explain something"),
        pytest.param(3700.0, {"a1", "log:m2"}, id="who left long ago does not"),
    ],
)
def test_members_that_left_are_forgotten(later: float, kept: set[str]) -> None:
    only_a1 = MemberList((Member("a1", "m1"),))
    window = fed(
        reading(0.0, LEADER, "a1", member="a1"),
        reading(0.0, LEADER, "a1", member="a2", url="http://m2:2379"),
        reading(0.0, LEADER, "a1", member="", url="log:m2", source="logs"),
        reading(later, MEMBER_LIST, only_a1, source="members"),
    )

    assert {who for who, signal in window.series if signal is LEADER} == kept
