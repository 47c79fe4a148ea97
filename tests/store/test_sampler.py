from etcdscope.model.ports import Sweep
from etcdscope.model.reading import Observation, Reading, Value
from etcdscope.model.signal import (
    CLOCK_OFFSET,
    COMMITTED_INDEX,
    MEMBER_LIST,
    RAFT_STATE,
    STATUS_SECONDS,
    Signal,
)
from etcdscope.store.sampler import Sampler, SeriesKey


def _sweep(
    now: float, *seen: tuple[Signal, Value], endpoint: str = "a", member: str = "m1"
) -> Sweep:
    observations = tuple(Observation(signal, value) for signal, value in seen)
    return Sweep(now, (Reading("status", endpoint, now, 0.0, member, observations),))


def test_the_last_value_of_a_slot_stands_for_it_and_of_durations_the_largest() -> None:
    sampler = Sampler()
    sampler.add(_sweep(0.0, (COMMITTED_INDEX, 1), (STATUS_SECONDS, 0.5), (CLOCK_OFFSET, -0.9)))
    sampler.add(_sweep(4.9, (COMMITTED_INDEX, 2), (STATUS_SECONDS, 0.1), (CLOCK_OFFSET, 0.2)))

    slot = sampler.add(_sweep(5.0))

    assert slot is not None
    assert slot.number == 0
    assert slot.numbers == {
        SeriesKey("m1", "committed_index", ""): 2.0,
        SeriesKey("m1", "status_seconds", ""): 0.5,
        SeriesKey("m1", "clock_offset", ""): -0.9,
    }


def test_words_are_kept_and_facts_are_not() -> None:
    sampler = Sampler()
    sampler.add(_sweep(0.0, (RAFT_STATE, "leader"), (MEMBER_LIST, ())))

    slot = sampler.rest()

    assert slot is not None
    assert slot.words == {SeriesKey("m1", "raft_state", ""): "leader"}
    assert slot.numbers == {}


def test_a_reading_without_a_member_goes_to_the_one_that_last_answered_there() -> None:
    sampler = Sampler()
    sampler.add(_sweep(0.0, (COMMITTED_INDEX, 1)))
    sampler.add(_sweep(1.0, (STATUS_SECONDS, 0.5), member=""))
    sampler.add(_sweep(2.0, (STATUS_SECONDS, 0.7), member="", endpoint="b"))

    slot = sampler.rest()

    assert slot is not None
    assert {key.member for key in slot.numbers} == {"m1", "b"}


def test_a_clock_that_jumps_back_begins_another_slot() -> None:
    sampler = Sampler()
    sampler.add(_sweep(100.0, (COMMITTED_INDEX, 1)))

    slot = sampler.add(_sweep(50.0, (COMMITTED_INDEX, 2)))

    assert slot is not None
    assert slot.number == 20


def test_slots_in_which_nothing_was_seen_are_not_kept() -> None:
    sampler = Sampler()
    sampler.add(Sweep(0.0, ()))

    assert sampler.add(Sweep(5.0, ())) is None
    assert sampler.rest() is None
