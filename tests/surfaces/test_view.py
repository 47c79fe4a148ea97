"""What is shown of a cluster: from a state that the real step made, as plain values."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from tests.surfaces.states import (
    AT,
    LEADER_DOWN,
    SLOW_DISK,
    effect,
    healthy,
    incident,
    leader_killed,
)
from tests.surfaces.watching import BEGAN, LEADS, NAMES, watched

from etcdscope.detect.catalog import DETECTORS
from etcdscope.diagnose.incidents import Followed, Tracking
from etcdscope.diagnose.step import State
from etcdscope.model.finding import CLUSTER, Limits, Severity, Subject
from etcdscope.model.incident import EffectKind, Incident
from etcdscope.model.signal import TABLE
from etcdscope.surfaces.view import charts, drawing, lanes, story
from etcdscope.surfaces.view.chronicle import Chronicle
from etcdscope.surfaces.view.cluster import SLOTS, Glance
from etcdscope.surfaces.view.members import links, members
from etcdscope.surfaces.view.watched import Watched

WELL, _ = watched(30)


def glance(state: State = WELL, **more: Any) -> Glance:  # noqa: ANN401 - any field of Watched
    return Glance(Watched("prod", lambda: state, **more))


def troubled(*incidents: Incident) -> State:
    followed = tuple(Followed(one, frozenset()) for one in incidents)
    return replace(WELL, tracking=Tracking(open=followed))


# --- a cluster -------------------------------------------------------------------------------


def test_a_row_has_all_that_a_glance_needs() -> None:
    row = glance(name="prod", labels={"site": "north"}).summary()

    assert (row.level, row.margin, row.voters, row.quorum) == ("ok", 1, 3, 2)
    assert row.headline.startswith("etcd is fine. 3 of 3 members, m2 leads.")
    assert (row.leader, row.term, row.version) == (LEADS, 14, "3.5.30")
    assert [(m.name, m.mark, m.role) for m in row.members] == [
        ("m1", 0, "follower"), ("m2", 1, "leader"), ("m3", 2, "follower"),
    ]  # fmt: skip
    assert (row.db_size, row.quota) == (10_000_000, 2_000_000_000)
    assert row.labels == {"site": "north"}
    assert row.judged_at == BEGAN + 30


def test_latency_is_the_slowest_members_and_stands_at_its_time() -> None:
    row = glance().summary()

    assert len(row.latency) == SLOTS
    assert row.latency[-1] == 0.003
    assert row.latency[:30] == (None,) * 30  # nothing was watched then


def test_since_when_it_leads_is_remembered_longer_than_the_window() -> None:
    now = WELL
    shown = Glance(Watched("prod", lambda: now))
    first = shown.summary().leader_since
    now = replace(WELL, window=replace(WELL.window, now=BEGAN + 5_000, series={}))

    assert first == pytest.approx(BEGAN, abs=1)
    assert shown.summary().leader_since == first


def test_before_anything_was_judged_there_is_something_to_show() -> None:
    nothing = glance(State(DETECTORS))

    assert nothing.summary().level == "unknown"
    assert nothing.summary().headline == "Nothing was judged yet."
    assert nothing.whole().quorum_say == "How many members there are is not known."
    assert {p.kept for p in nothing.whole().promises} == {"unknown"}


def test_a_watch_that_cannot_go_on_says_why() -> None:
    row = glance(trouble=lambda: "etcdscope cannot watch this cluster: no such name.").summary()

    assert row.level == "unknown"
    assert row.headline == "etcdscope cannot watch this cluster: no such name."


def test_planned_work_stands_by_itself() -> None:
    at_work = incident("member-stopped", Subject.member("a1"), Severity.INFO, "m1 was stopped")
    whole = glance(troubled(at_work, SLOW_DISK)).whole()

    assert [one.cause for one in whole.planned] == ["member-stopped"]
    assert [one.cause for one in whole.incidents] == ["wal-fsync-slow"]
    assert (whole.counts.warning, whole.counts.info) == (1, 1)


def test_all_shapes_are_json_without_what_json_has_not() -> None:
    shown = glance(troubled(LEADER_DOWN))
    for shape in (shown.summary(), shown.live(), shown.whole()):
        text = msgspec.json.encode(shape)

        assert b"NaN" not in text
        assert b"Infinity" not in text
        assert msgspec.json.decode(text, type=type(shape)) == shape


# --- members and links -----------------------------------------------------------------------


def test_a_member_has_its_numbers_and_where_they_are_from() -> None:
    by_name = {one.name: one for one in members(WELL)}
    leader = by_name["m2"]

    assert (leader.state, leader.role, leader.index, leader.lag) == ("ok", "leader", 400, 0)
    assert leader.writes_per_s == pytest.approx(10.0)
    assert leader.wal_fsync_p99 == pytest.approx(0.00199)
    assert leader.sources["wal_fsync_p99"].source == "etcd_disk_wal_fsync_duration_seconds"
    assert leader.sources["index"].age == 0
    assert not members(WELL, sources=False)[0].sources


@pytest.mark.parametrize(
    ("cause", "state"),
    [
        ("member-down", "down"),
        ("member-frozen", "frozen"),
        ("member-isolated", "isolated"),
        ("member-unreachable", "unreachable"),
        ("member-stopped", "stopped"),
        ("wal-fsync-slow", "ok"),
    ],
)
def test_an_incident_says_what_a_member_is(cause: str, state: str) -> None:
    about = incident(cause, Subject.member("a1"), Severity.WARNING, "so it is")
    by_name = {one.name: one.state for one in members(troubled(about))}

    assert by_name == {"m1": state, "m2": "ok", "m3": "ok"}


def test_links_have_both_directions_and_the_leaders_progress() -> None:
    by_ends = {(one.from_, one.to): one for one in links(WELL)}
    down, up = by_ends[LEADS, "c3"], by_ends["c3", LEADS]

    assert len(by_ends) == 6
    assert (down.state, down.match, down.behind, down.progress) == ("ok", 400, 0, "replicate")
    assert down.rtt == pytest.approx(0.0004)
    assert down.sent_per_s == pytest.approx(1_000)
    assert (up.match, up.behind, up.progress) == (None, None, None)


@pytest.mark.parametrize(
    ("cause", "there", "back"),
    [
        ("link-lossy", "lossy", "lossy"),
        ("link-slow", "slow", "slow"),
        ("link-one-way", "one-way", "ok"),
        ("member-down", "ok", "ok"),
    ],
)
def test_an_incident_says_what_a_link_is(cause: str, there: str, back: str) -> None:
    about = incident(cause, Subject.link("a1", LEADS), Severity.WARNING, "so it is")
    by_ends = {(one.from_, one.to): one.state for one in links(troubled(about))}

    assert (by_ends["a1", LEADS], by_ends[LEADS, "a1"]) == (there, back)
    assert by_ends["a1", "c3"] == "ok"


def test_of_a_member_that_is_silent_its_links_are_unknown() -> None:
    later = replace(WELL, window=replace(WELL.window, now=BEGAN + 60))

    assert {one.state for one in links(later)} == {"unknown"}


# --- promises --------------------------------------------------------------------------------


def kept(state: State) -> Mapping[str, str]:
    return {one.id: one.kept for one in glance(state).whole().promises}


def test_promises_are_judged_by_what_was_seen() -> None:
    # Plain HTTP between machines is not secure, and load says nothing about what it could do.
    assert kept(WELL) == {"simple": "yes", "secure": "no", "fast": "unknown", "reliable": "yes"}


def test_a_voter_less_is_a_promise_less() -> None:
    assert WELL.verdict
    less = replace(WELL, verdict=replace(WELL.verdict, margin=0))

    assert kept(less)["reliable"] == "no"


# --- charts ----------------------------------------------------------------------------------


def test_the_catalogue_of_charts_is_sound() -> None:
    ids = [chart.id for chart in charts.CHARTS]
    limits = {d.id: d.limits.values for d in DETECTORS}

    assert len(ids) == len(set(ids))
    for chart in charts.CHARTS:
        assert all(TABLE[signal.name] is signal for signal in chart.signals)
        assert not chart.limit or chart.limit[1] in limits[chart.limit[0]], chart.id
        assert not (chart.each and (chart.less or chart.of)), chart.id


def test_a_limit_is_the_detectors_and_the_users_own_wins() -> None:
    chart = charts.BY_ID["wal-fsync-p99"]
    own = replace(WELL, limits={"wal-fsync-slow": Limits({"warning": 0.05})})

    assert charts.limit(chart, WELL) == (0.1, "wal-fsync-slow speaks beyond this")
    assert charts.limit(chart, own) == (0.05, "wal-fsync-slow speaks beyond this")
    assert charts.limit(charts.BY_ID["commits"], WELL) is None


def test_the_limit_of_the_database_is_its_quota() -> None:
    found = charts.limit(charts.BY_ID["db-size"], WELL)

    assert found
    assert found[0] == 2e9


def test_an_incident_is_shown_with_its_own_chart_first() -> None:
    assert charts.of_incident(SLOW_DISK)[0] == "wal-fsync-p99"
    nothing = incident("made-up", CLUSTER, Severity.WARNING, "nothing is on a chart")
    assert charts.of_incident(nothing) == ("linearizable-read", "commits", "wal-fsync-p99")


async def drawn(name: str, step: float = 5.0) -> drawing.Drawn:
    span = drawing.Span(BEGAN, BEGAN + 30, step)
    (found,) = await drawing.draw([charts.BY_ID[name]], span, WELL, None, ())
    return found


async def test_without_a_history_charts_show_what_the_window_holds() -> None:
    shown = drawing.shown(await drawn("db-size"), WELL)

    assert shown.source == "memory"
    assert [(line.name, line.mark) for line in shown.lines] == [("m1", 0), ("m2", 1), ("m3", 2)]
    assert {value for line in shown.lines for value in line.values if value} == {10e6}
    assert len(shown.at) == len(shown.lines[0].values)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("wal-fsync-p99", 0.00199, id="a quantile of a histogram"),
        pytest.param("wal-fsyncs", 20.0, id="a rate of a histogram"),
        pytest.param("apply-lag", 0.0, id="a difference"),
        pytest.param("quota-used", 0.005, id="a share"),
    ],
)
async def test_a_chart_shows_what_was_counted(name: str, value: float) -> None:
    shown = drawing.shown(await drawn(name), WELL)

    assert [line.name for line in shown.lines] == ["m1", "m2", "m3"]
    assert shown.lines[0].values[-2] == pytest.approx(value)


async def test_peers_have_a_line_each_and_their_names() -> None:
    shown = drawing.shown(await drawn("peer-rtt"), WELL)

    ends = {(line.name, line.key) for line in shown.lines}
    assert ends == {(a, b) for a in NAMES.values() for b in NAMES.values() if a != b}


# --- stories ---------------------------------------------------------------------------------


def test_a_story_tells_what_was_known_when() -> None:
    suspected = replace(LEADER_DOWN, cause="member-unreachable", confidence=0.5, effects=())
    over = replace(LEADER_DOWN, closed_at=AT + 40, note="Over after 42 s.")
    told = [
        effect(EffectKind.OPENED, AT, incident=suspected),
        effect(EffectKind.CHANGED, AT + 2, incident=LEADER_DOWN),
        effect(EffectKind.CLOSED, AT + 40, incident=over),
    ]

    moments = story.moments(over, told, [])

    assert [(one.event, round(one.at - AT, 1)) for one in moments] == [
        ("first-sign", -2.0), ("opened", 0.0), ("changed", 2.0), ("effect", 2.0), ("effect", 2.0),
        ("closed", 40.0),
    ]  # fmt: skip
    assert "the cause is member-down, almost certain" in moments[2].say
    assert moments[2].evidence[0].signal == "port_state"
    assert moments[-1].say == "Over after 42 s."


def test_a_story_of_which_little_is_kept_still_has_a_beginning() -> None:
    assert [one.event for one in story.moments(LEADER_DOWN, [], [])] == ["first-sign", "opened"]


def test_similar_ones_are_earlier_ones_with_the_same_cause() -> None:
    before = replace(LEADER_DOWN, id="before", opened_at=AT - 900)
    long_before = replace(LEADER_DOWN, id="long before", opened_at=AT - 9_000)
    later = replace(LEADER_DOWN, id="later", opened_at=AT + 900)

    found = story.similar(LEADER_DOWN, [long_before, before, LEADER_DOWN, later, SLOW_DISK])

    assert [one.id for one in found] == ["before", "long before"]


async def test_without_a_history_incidents_are_remembered_from_the_start() -> None:
    now = WELL
    chronicle = Chronicle(Watched("prod", lambda: now))
    over = replace(LEADER_DOWN, closed_at=AT + 40)
    chronicle.tell([effect(EffectKind.OPENED, AT, incident=LEADER_DOWN)])
    chronicle.tell([effect(EffectKind.CLOSED, AT + 40, incident=over)])
    now = troubled(SLOW_DISK)

    assert await chronicle.incidents(AT - 100, AT + 100) == [over, SLOW_DISK]
    assert await chronicle.incidents(AT + 50, AT + 100) == [SLOW_DISK]
    assert await chronicle.incident(LEADER_DOWN.id) == over
    assert await chronicle.incident("nowhere") is None
    assert [e.kind for e in await chronicle.told_of(over)] == ["opened", "closed"]


# --- lanes -----------------------------------------------------------------------------------


async def test_lanes_have_every_member_and_marks_of_each_kind() -> None:
    happened = [
        incident("leader-changed", CLUSTER, Severity.INFO, "m2 leads"),
        incident("member-stopped", Subject.member("a1"), Severity.INFO, "m1 was stopped"),
        replace(SLOW_DISK, closed_at=AT),
    ]

    verdicts = [
        effect(EffectKind.VERDICT, AT + i, verdict=said)
        for i, said in enumerate([healthy(), leader_killed(), leader_killed(), healthy()])
    ]

    found = await lanes.lanes(WELL, None, (), happened, verdicts, (BEGAN, BEGAN + 30))

    assert [(one.name, [run.role for run in one.runs]) for one in found.lanes] == [
        ("m1", ["follower"]), ("m2", ["leader"]), ("m3", ["follower"]),
    ]  # fmt: skip
    assert [(mark.kind, mark.end) for mark in found.marks] == [
        ("incident", AT), ("planned", None), ("election", AT + 1), ("election", AT + 3),
    ]  # fmt: skip
    assert [mark.say for mark in found.marks[2:]] == [
        "m1 was elected (term 15)", "m2 was elected (term 14)",
    ]  # fmt: skip
