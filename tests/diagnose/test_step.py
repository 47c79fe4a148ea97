"""The one step of judgement: pure, and never at a loss."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from tests.scenarios.cluster import SimCluster
from tests.scenarios.looking import GRAIN, T0, Looking
from tests.scenarios.replay import TICK
from tests.scenarios.story import Event
from tests.scenarios.verbs import happen

from etcdscope.detect.catalog import DETECTORS
from etcdscope.detect.detector import Detector, detector
from etcdscope.detect.suspicion import STANDING
from etcdscope.diagnose.step import BLIND_AFTER, REST, TAKEN_OVER, State, step
from etcdscope.model.cluster import Alarm, Member, MemberList
from etcdscope.model.finding import Finding, Limits, Severity, Subject
from etcdscope.model.incident import Effect, EffectKind, Step
from etcdscope.model.reading import Failure, Histogram, Observation, Reading, Value
from etcdscope.model.signal import (
    CURRENT_REVISION,
    DB_BYTES,
    LEADER,
    MEMBER_LIST,
    STATUS_ERRORS,
    TABLE,
    Kind,
    Signal,
)
from etcdscope.model.window import Window

Sweeps = Sequence[tuple[float, tuple[Reading, ...]]]


def swept(*events: Event, seconds: float) -> Sweeps:
    """Return what the sources bring of three members to whom these things happen."""
    cluster, waiting = SimCluster(("m1", "m2", "m3"), "m1", 2, 50.0), list(events)
    looking, sweeps = Looking(cluster), []
    for grain in range(round(seconds / GRAIN) + 1):
        now = grain * GRAIN
        while waiting and waiting[0].at <= now:
            happen(cluster, waiting.pop(0))
        cluster.advance(now)
        looking.look(now, zoomed=True)
        if grain and grain % TICK == 0:
            sweeps.append((T0 + now, tuple(looking.arrived(now))))
    return sweeps


def run(state: State, sweeps: Sweeps) -> tuple[State, list[Effect]]:
    effects: list[Effect] = []
    for now, readings in sweeps:
        state, seen = step(state, readings, now)
        effects += seen
    return state, effects


def kinds(effects: Sequence[Effect], *wanted: EffectKind) -> list[tuple[EffectKind, float]]:
    return [(e.kind, round(e.at - T0, 2)) for e in effects if e.kind in wanted]


def test_same_sweeps_give_the_same_effects() -> None:
    sweeps = swept(Event(5.0, "m2", "killed"), seconds=10)

    one, other = (run(State(DETECTORS), sweeps) for _ in range(2))

    assert one[1] == other[1]
    assert one[0] == other[0]


def test_step_leaves_its_inputs_as_they_were() -> None:
    sweeps = swept(Event(2.0, "m2", "killed"), seconds=4)
    before, _ = run(State(DETECTORS), sweeps[:10])
    now, readings = sweeps[10]

    first = step(before, readings, now)
    again = step(before, readings, now)

    assert first == again


def test_nothing_seen_is_no_opinion() -> None:
    state, effects = step(State(DETECTORS), [], T0)

    assert effects == []
    assert state.verdict is not None
    assert state.verdict.level == "unknown"
    assert not state.suspect


# --- how often detectors run ---------------------------------------------------------------------


def counted(seconds: float, *events: Event, detectors: Sequence[Detector] = ()) -> list[float]:
    """Return when detectors ran, in seconds from the begin."""
    at: list[float] = []

    @detector("counting")
    def counting(window: Window, limits: Limits) -> Iterator[Finding]:
        """Count."""
        at.append(round(window.now - T0, 2))
        yield from ()

    run(State((counting, *detectors)), swept(*events, seconds=seconds))
    return at


def test_while_all_is_calm_detectors_run_once_a_second() -> None:
    ran = [at for at in counted(20) if at > 5.0]

    assert all(0.9 <= b - a <= 1.0 for a, b in pairwise(ran))
    assert len(ran) == 15


def test_from_the_first_look_that_fails_they_run_at_every_tick() -> None:
    ran = [at for at in counted(20, Event(10.1, "m2", "killed")) if at > 10.25]

    assert ran == [round(10.5 + i * TICK * GRAIN, 2) for i in range(len(ran))]
    assert len(ran) == 39


def test_another_word_is_judged_at_once_and_other_amounts_are_not() -> None:
    def brings(signal: Signal, *values: Value) -> list[float]:
        """Return at which ticks detectors ran, if those after the first bring these values."""
        state, ran = State(DETECTORS), []
        for i, value in enumerate(values):
            seen = (Observation(signal, value),)
            state, _ = step(state, [Reading("status", "", T0 + i / 4, 0, "a1", seen)], T0 + i / 4)
            ran += [i / 4] if state.judged_at == T0 + i / 4 else []
        return ran

    assert brings(DB_BYTES, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0) == [0.0, 1.0]
    assert brings(LEADER, "a1", "a1", "b2", "b2", "b2", "b2") == [0.0, 0.5]
    assert brings(STATUS_ERRORS, (), (), (), ("alarm:NOSPACE",), ()) == [0.0, 0.75, 1.0]


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(Event(10.1, "m1", "killed"), id="the leader dies"),
        pytest.param(Event(10.1, "m2", "killed"), id="a follower dies"),
        pytest.param(Event(10.1, "m1", "frozen"), id="the leader freezes"),
        pytest.param(Event(10.1, "m2", "isolated"), id="a follower is cut off"),
    ],
)
def test_a_hard_fault_is_told_as_soon_as_if_detectors_always_ran(event: Event) -> None:
    sweeps = swept(event, seconds=20)

    resting, always = (run(State(DETECTORS, rest=rest), sweeps)[1] for rest in (REST, 0.0))

    opened = kinds(always, EffectKind.OPENED)
    assert opened
    assert kinds(resting, EffectKind.OPENED) == opened


# --- zoom ----------------------------------------------------------------------------------------


def zoomed(severity: Callable[[float], Severity], *, seconds: int, every: int = 1) -> list[int]:
    """Return in which seconds zoom was asked for, of a finding with that severity then."""

    @detector("standing")
    def standing(window: Window, limits: Limits) -> Iterator[Finding]:
        """Accuse."""
        yield Finding(Subject.member("a1"), severity(window.now - T0), "it is so")

    state, asked = State((standing,)), []
    for second in range(0, seconds, every):
        state, _ = step(state, [], T0 + second)
        asked += [second] if state.suspect else []
    return asked


def test_zoom_ends_for_what_has_been_so_for_ten_minutes() -> None:
    asked = zoomed(lambda _: Severity.WARNING, seconds=700)

    assert asked == list(range(round(STANDING)))


def test_zoom_begins_anew_when_it_becomes_worse() -> None:
    def worse(at: float) -> Severity:
        return Severity.WARNING if at < 2000 else Severity.CRITICAL

    asked = zoomed(worse, seconds=4000, every=10)

    assert asked == [*range(0, round(STANDING), 10), *range(2000, 2000 + round(STANDING), 10)]


def test_zoom_is_asked_for_by_no_note() -> None:
    assert zoomed(lambda _: Severity.INFO, seconds=10) == []


def test_zoom_ends_for_a_member_that_is_down_for_the_night_and_begins_at_the_next_loss() -> None:
    def looked(at: float, *failing: str) -> list[Reading]:
        return [
            Reading.failed("status", e, at, Failure.REFUSED)
            if e in failing
            else Reading("status", e, at)
            for e in ("http://m1:2379", "http://m2:2379", "http://m3:2379")
        ]

    state, asked = State(()), []
    for second in range(0, 3000, 10):
        gone = ("http://m2:2379", *(("http://m3:2379",) if second >= 2000 else ()))
        state, _ = step(state, looked(T0 + second, *gone), T0 + second)
        asked += [second] if state.suspect else []

    assert asked == [*range(0, round(STANDING), 10), *range(2000, 2000 + round(STANDING), 10)]


def test_verdict_is_told_at_the_start_and_when_it_changes() -> None:
    _, effects = run(State(DETECTORS), swept(Event(5.0, "m2", "killed"), seconds=12))
    told = [e.verdict.level.value for e in effects if e.verdict]

    assert told[0] == "ok"
    assert told[1] == "warning"
    assert len(told) < 5


def test_blind_spot_is_told_once_it_has_lasted_and_when_it_ends() -> None:
    """The second failure shows it, two seconds later it is told."""
    blind = Event(5.0, "m2", "blind", settings={"metrics": "unsupported"})
    _, effects = run(State(DETECTORS), swept(blind, Event(12.0, "m2", "sighted"), seconds=15))
    told = kinds(effects, EffectKind.BLIND_SPOT, EffectKind.SIGHTED)

    assert told == [(EffectKind.BLIND_SPOT, 6.25 + BLIND_AFTER), (EffectKind.SIGHTED, 12.25)]


def test_short_blindness_is_not_told() -> None:
    blind = Event(5.0, "m2", "blind", settings={"metrics": "unsupported"})
    _, effects = run(State(DETECTORS), swept(blind, Event(7.0, "m2", "sighted"), seconds=12))

    assert kinds(effects, EffectKind.BLIND_SPOT, EffectKind.SIGHTED) == []


@pytest.mark.parametrize(
    ("url", "run"),
    [
        pytest.param("http://m1:2380", "nc -vz m1 2380 # http://m1:2380", id="as usual"),
        pytest.param("https://[fd00::1]:2380", "nc -vz fd00::1 2380 # https://[fd00::1]:2380",
                     id="IPv6"),
        pytest.param("http://m1:99999", "nc -vz PEER_HOST PEER_PORT # http://m1:99999",
                     id="a port that is none"),
        pytest.param("http://[m1:2380", "nc -vz PEER_HOST PEER_PORT # http://[m1:2380",
                     id="no URL"),
    ],
)  # fmt: skip
def test_commands_are_filled_whatever_members_advertise(url: str, run: str) -> None:
    """What a member advertises must not end the judgement."""

    @detector("trouble", runbook=(Step("Try.", "nc -vz {peer_host} {peer_port} # {peer_url}"),))
    def trouble(window: Window, limits: Limits) -> Iterator[Finding]:
        for member in window.members:
            yield Finding(Subject.member(member.id), Severity.WARNING, "trouble")

    listed = MemberList((Member("a1", "m1", (url,), ("http://m1:2379",)),))
    reading = Reading(
        "members", "http://m1:2379", T0, 0.0, "a1", (Observation(MEMBER_LIST, listed),)
    )

    state, _ = step(State((trouble,)), [reading], T0)

    assert [s.run for i in state.incidents for s in i.runbook] == [run]


def test_incidents_are_worst_first() -> None:
    killed = Event(5.0, "m2", "killed")
    expiring = Event(0.0, "m1", "", settings={"certificate": "1d"})
    state, _ = run(State(DETECTORS), swept(expiring, killed, seconds=8))

    assert [i.cause for i in state.incidents] == ["certificate-expiring", "member-down"]


def test_incident_of_before_a_restart_goes_on() -> None:
    sweeps = swept(Event(5.0, "m2", "killed"), seconds=30)
    state, _ = run(State(DETECTORS), sweeps[:40])
    (before,) = state.incidents

    resumed, effects = run(State(DETECTORS).resumed(state.incidents, sweeps[40][0]), sweeps[40:])

    assert [i.id for i in resumed.incidents] == [before.id]
    assert kinds(effects, EffectKind.OPENED, EffectKind.CLOSED) == []


def test_incident_of_before_a_restart_is_closed_once_we_have_looked() -> None:
    killed, started = Event(2.0, "m2", "killed"), Event(8.0, "m2", "started")
    sweeps = swept(killed, started, seconds=30)
    state, _ = run(State(DETECTORS), sweeps[:20])
    restart = sweeps[40][0]

    _, effects = run(State(DETECTORS).resumed(state.incidents, restart), sweeps[40:])

    ((_, at),) = kinds(effects, EffectKind.CLOSED)
    assert at >= restart - T0 + TAKEN_OVER


# --- anything at all -----------------------------------------------------------------------------

IDS = ["a1", "a2", "a3", ""]
numbers = st.one_of(st.floats(-1e18, 1e18), st.integers(-5, 2**63), st.just(float("inf")))
words = st.sampled_from(["", "a1", "a2", "leader", "open", "refused", "gone", "present", "?"])
members = st.lists(
    st.builds(
        Member,
        st.sampled_from(["a1", "a2", "a3"]),
        st.sampled_from(["", "m1", "m2"]),
        st.sampled_from([(), ("http://m1:2380",), ("not a url",)]),
        st.sampled_from([(), ("http://m1:2379",), ("unix:///x",)]),
        st.booleans(),
    ),
    max_size=4,
    unique_by=lambda m: m.id,
).map(tuple)
histograms = st.lists(st.integers(0, 50), min_size=4, max_size=4).map(
    lambda c: Histogram((0.1, 0.2, 0.4, float("inf")), tuple(float(n) for n in sorted(c)), 1.0)
)


def values(signal: Signal) -> st.SearchStrategy[object]:
    """Return values of the kind that the signal has."""
    if signal is MEMBER_LIST:
        return st.builds(MemberList, members, st.booleans())
    if signal.kind is Kind.FACT:
        texts = st.sampled_from(["alarm:NOSPACE", "memberID:161 alarm:NOSPACE ", "no leader", ""])
        alarms = st.builds(Alarm, st.sampled_from(["NOSPACE", "CORRUPT"]), st.sampled_from(IDS))
        return st.lists(st.one_of(texts, alarms), max_size=2).map(tuple)
    return {Kind.STATE: words, Kind.HISTOGRAM: histograms}.get(signal.kind, numbers)


observations = st.sampled_from(list(TABLE.values())).flatmap(
    lambda s: st.builds(Observation, st.just(s), values(s), st.sampled_from(["", "a1", "client"]))
)
readings = st.builds(
    Reading,
    st.sampled_from(["status", "raftvars", "probe", "metrics", "members", "presence", "self"]),
    st.sampled_from(["http://m1:2379", "http://m2:2379", ""]),
    st.floats(0, 60).map(lambda s: T0 + s),
    st.floats(0, 5),
    st.sampled_from(IDS),
    st.lists(observations, max_size=8).map(tuple),
    st.sampled_from([None, None, *Failure]),
)


# Shrinking what is this large takes minutes; a failing example is large, but is told.
@settings(max_examples=60, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(st.lists(st.tuples(st.floats(0, 30), st.lists(readings, max_size=6)), max_size=8))
def test_no_reading_is_too_strange(sweeps: list[tuple[float, list[Reading]]]) -> None:
    """A bug would come back as a finding with its traceback, or raise."""
    state, now = State(DETECTORS), T0
    for passed, seen in sweeps:
        now += passed
        state, _ = step(state, seen, now)

        assert [f.traceback for f in state.judged.findings if f.traceback] == []


@pytest.mark.parametrize(
    ("minutes", "run"),
    [
        pytest.param(5, "compact OLD_REVISION", id="what came since is not known yet"),
        pytest.param(30, "compact 2000", id="the revision of ten minutes ago"),
    ],
)
def test_history_is_compacted_up_to_what_clients_under_way_need(minutes: int, run: str) -> None:
    @detector("tidy", runbook=(Step("Compact.", "compact {old_revision}"),))
    def tidy(window: Window, limits: Limits) -> Iterator[Finding]:
        """Accuse."""
        yield Finding(Subject.member("a1"), Severity.WARNING, "it is so")

    state = State((tidy,))
    members = MemberList((Member("a1", "m1", (), ("http://m1:2379",)),), linearizable=True)
    for minute in range(minutes + 1):
        now = T0 + 60 * minute
        told = (
            Observation(MEMBER_LIST, members),
            Observation(CURRENT_REVISION, 100.0 * minute),
        )
        state, _ = step(state, [Reading("members", "http://m1:2379", now, 0, "a1", told)], now)

    (incident,) = state.incidents
    assert incident.runbook[0].run == run
