import math
from collections.abc import Hashable
from enum import Enum

import msgspec
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.store.sweeps import Cluster

from etcdscope.model.cluster import Alarm, Member, MemberList, Role
from etcdscope.model.logs import LogEvent, TraceStep
from etcdscope.model.ports import Sweep
from etcdscope.model.reading import Failure, Histogram, Observation, Reading
from etcdscope.model.signal import LOG_EVENT, MEMBER_LIST, RAFT_STATE, STATUS_ERRORS, TABLE, Signal
from etcdscope.store.codec import FrameError, Tally, decode, encode, frames

words = st.text(max_size=8)
numbers = st.floats() | st.integers() | st.booleans()
few_floats = st.lists(st.floats(), max_size=4).map(tuple)
members = st.builds(
    Member, words, words, st.lists(words, max_size=2).map(tuple), is_learner=st.booleans()
)
facts = (
    st.builds(MemberList, st.lists(members, max_size=3).map(tuple), st.booleans())
    | st.lists(st.builds(Alarm, words, words), max_size=2).map(tuple)
    | st.frozensets(words, max_size=1)
    | st.sampled_from(Role)
    | st.none()
    | st.binary(max_size=4)
)
nested = st.recursive(facts | numbers | words, lambda inner: st.tuples(inner, inner), max_leaves=4)
histograms = st.builds(Histogram, few_floats, few_floats, st.floats())
observations = st.builds(
    Observation, st.sampled_from(list(TABLE.values())), numbers | words | histograms | nested, words
)
readings = st.builds(
    Reading,
    st.sampled_from(["status", "probe"]),
    st.sampled_from(["a:2379", "b:2379"]),
    st.floats(),
    st.floats(),
    st.sampled_from(["", "8e9e05c52164694d"]),
    st.lists(observations, max_size=4).map(tuple),
    st.none() | st.sampled_from(Failure),
    words,
)
sweeps = st.builds(Sweep, st.floats(), st.lists(readings, max_size=4).map(tuple))


@settings(max_examples=300, deadline=None)
@given(st.lists(sweeps, min_size=1, max_size=6))
def test_any_sweeps_come_back_the_very_same(judged: list[Sweep]) -> None:
    tally = Tally()

    # a repr tells 1 from 1.0 from True, and -0.0 from 0.0; NaN does not equal itself
    assert repr(decode(encode(judged), tally)) == repr(judged)
    assert not str(tally)


@given(st.lists(st.floats() | st.integers(-(2**70), 2**70), min_size=1, max_size=30))
@settings(deadline=None)
def test_a_column_of_any_numbers_comes_back_the_very_same(values: list[float]) -> None:
    signal = TABLE["revision"]
    judged = [
        Sweep(1.0, (Reading("status", "a", 0.0, observations=(Observation(signal, value),)),))
        for value in values
    ]

    assert repr(decode(encode(judged), Tally())) == repr(judged)


def test_minutes_of_a_cluster_come_back_the_very_same() -> None:
    judged = Cluster().take(4 * 90)

    back = decode(encode(judged), Tally())

    assert back == judged
    assert repr(back) == repr(judged)
    assert all(
        seen.signal is TABLE[seen.signal.name]
        for sweep in back
        for reading in sweep.readings
        for seen in reading.observations
    )


def test_a_sweep_without_readings_costs_next_to_nothing() -> None:
    judged = [Sweep(1_795_330_000.0 + i * 0.25, ()) for i in range(1_000)]

    assert decode(encode(judged), Tally()) == judged
    assert len(encode(judged)) < 2_000


def _renamed(data: bytes, old: str, new: str) -> bytes:
    raw = msgspec.msgpack.decode(zstandard.ZstdDecompressor().decompress(data))

    def walk(value: object) -> object:
        if isinstance(value, list):
            return [walk(item) for item in value]
        if isinstance(value, dict):
            return {key: walk(item) for key, item in value.items()}
        return new if value == old else value

    return zstandard.ZstdCompressor().compress(msgspec.msgpack.encode(walk(raw)))


def _one(signal: Signal, value: Hashable) -> list[Sweep]:
    seen = (Observation(signal, value), Observation(RAFT_STATE, "leader"))
    return [Sweep(1.0, (Reading("status", "a", 0.5, observations=seen),))]


def test_a_signal_that_this_version_does_not_know_is_left_out_and_counted() -> None:
    tally = Tally()

    [sweep] = decode(_renamed(encode(_one(STATUS_ERRORS, ())), "status_errors", "mood"), tally)

    assert [seen.signal for seen in sweep.readings[0].observations] == [RAFT_STATE]
    assert str(tally) == "1 of signal mood"


def test_a_failure_that_this_version_does_not_know_is_left_out_and_counted() -> None:
    tally = Tally()
    judged = [Sweep(1.0, (Reading.failed("status", "a", 0.5, Failure.DNS),))]

    [sweep] = decode(_renamed(encode(judged), "dns", "bored"), tally)

    assert sweep == Sweep(1.0, ())
    assert str(tally) == "1 readings failed with bored"


class _Foreign(Enum):
    THING = 1


def test_a_value_that_is_not_of_the_model_is_left_out_and_counted() -> None:
    tally = Tally()

    [sweep] = decode(encode(_one(MEMBER_LIST, _Foreign.THING)), tally)

    assert [seen.signal for seen in sweep.readings[0].observations] == [RAFT_STATE]
    assert str(tally) == "1 values of an unknown type"


@pytest.mark.parametrize("name", ["os.system", "cluster.quorum", "finding.dataclass", "..os", ""])
def test_a_foreign_frame_can_name_no_class_but_those_of_the_model(name: str) -> None:
    tally = Tally()
    data = _renamed(encode(_one(MEMBER_LIST, MemberList(()))), "cluster.MemberList", name)

    decode(data, tally)

    assert tally.values == 1


def test_bytes_of_a_broken_name_do_not_stop_the_recorder() -> None:
    judged = [Sweep(1.0, (Reading.failed("status", "a", 0.5, Failure.DNS, "no \udcff here"),))]

    [sweep] = decode(encode(judged), Tally())

    assert sweep.readings[0].detail == "no ? here"


@settings(deadline=None)
@given(st.data())
def test_damaged_frames_are_errors_and_nothing_worse(data: st.DataObject) -> None:
    whole = bytearray(encode(Cluster().take(8)))
    for place in data.draw(st.lists(st.integers(0, len(whole) - 1), min_size=1, max_size=5)):
        whole[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(whole)))
    for damaged in (whole, whole[:cut]):
        try:
            decode(bytes(damaged), Tally())
        except FrameError as error:
            assert str(error)  # noqa: PT017 - an error is one way to end


@settings(deadline=None)
@given(st.recursive(
    st.none() | st.integers() | st.floats() | st.text(max_size=3) | st.binary(max_size=9),
    lambda inner: st.lists(inner, max_size=5), max_leaves=20,
))  # fmt: skip
def test_what_is_msgpack_but_no_frame_is_an_error(value: object) -> None:
    try:
        raw = msgspec.msgpack.encode(value)
    except OverflowError:
        return
    with pytest.raises(FrameError):
        decode(zstandard.ZstdCompressor().compress(raw), Tally())


def test_a_small_frame_cannot_ask_for_much_memory() -> None:
    rows, slots = 1_000_000, 1_000
    shape = ["s", "e", "", None, [[0, ""]] * slots, rows, [[0, 0.0]] * (slots + 3)]
    raw = msgspec.msgpack.encode([1, ["revision"], [0, 1.0], [rows], [0] * rows, [shape]])

    with pytest.raises(FrameError, match="too much"):
        decode(zstandard.ZstdCompressor().compress(raw), Tally())


def test_a_zstd_bomb_is_refused() -> None:
    with pytest.raises(FrameError, match="too large"):
        decode(zstandard.ZstdCompressor().compress(bytes(100 * 2**20)), Tally())


def test_frames_are_cut_before_they_grow_too_large() -> None:
    judged = Cluster().take(4_000)

    batches = list(frames(judged * 4))

    assert len(batches) > 1
    assert [sweep for batch in batches for sweep in batch] == judged * 4


def test_infinite_and_negative_zero_values_are_kept() -> None:
    [sweep] = decode(encode(_one(TABLE["clock_offset"], -0.0)), Tally())

    value = sweep.readings[0].observations[0].value
    assert isinstance(value, float)
    assert math.copysign(1, value) == -1


def test_events_of_a_log_come_back_with_all_they_say() -> None:
    steps = (TraceStep("bolt", 1.1, "range keys from bolt db"),)
    event = LogEvent(1.5, "trace", "info", "8e9e", "trace[#]", seconds=1.5, steps=steps, count=3)
    reading = Reading("logs", "log:m1", 2.0, 0.1, "8e9e", (Observation(LOG_EVENT, event, "trace"),))
    tally = Tally()

    assert decode(encode([Sweep(2.0, (reading,))]), tally) == [Sweep(2.0, (reading,))]
    assert not str(tally)
