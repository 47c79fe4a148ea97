import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etcdscope.store.chunks import LENGTH, Floats, pack, unpack


def _padded(values: list[float]) -> Floats:
    return np.array([*values, *[np.nan] * (LENGTH - len(values))])


numbers = (
    st.floats(allow_nan=True)
    | st.integers(-(2**60), 2**60).map(float)
    | st.integers(0, 10**6).map(lambda n: n / 100)
)


@settings(deadline=None)
@given(st.lists(numbers, max_size=LENGTH))
def test_numbers_come_back_the_same(values: list[float]) -> None:
    chunk = _padded(values)

    np.testing.assert_array_equal(unpack(pack(chunk, rounded=False)), chunk)


@settings(deadline=None)
@given(st.lists(st.floats(1e-9, 1e9), min_size=1, max_size=50))
def test_durations_come_back_to_one_part_in_four_thousand(values: list[float]) -> None:
    chunk = _padded(values)

    np.testing.assert_allclose(unpack(pack(chunk, rounded=True)), chunk, rtol=1 / 4_000)


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 10**6), min_size=4, max_size=4), min_size=1, max_size=60))
def test_histograms_come_back_the_same_with_their_sum_to_the_microsecond(
    alone: list[list[int]],
) -> None:
    cumulative = np.cumsum(np.cumsum(np.array(alone, float), axis=1), axis=0)
    chunk = np.full((LENGTH, 5), np.nan)
    chunk[10 : 10 + len(alone)] = np.column_stack((cumulative, cumulative[:, -1] * 0.0012345678))

    back = unpack(pack(chunk, rounded=False))

    np.testing.assert_array_equal(back[:, :4], chunk[:, :4])
    np.testing.assert_allclose(back[:, 4], chunk[:, 4], atol=1e-6)


def test_what_does_not_change_takes_ten_bytes() -> None:
    assert len(pack(np.full(LENGTH, 1_795_320_000.37), rounded=False)) == 10


def test_an_index_that_grows_takes_two_bytes_a_sample() -> None:
    index = np.cumsum(np.random.default_rng(1).integers(0, 800, LENGTH)).astype(float)

    assert len(pack(index, rounded=False)) < 2 * LENGTH


@pytest.mark.parametrize("data", [b"\x01", b"\x09\x00abc", b"\x01\x02not zstd at all", b"\x04\x00"])
def test_damaged_chunks_are_errors(data: bytes) -> None:
    with pytest.raises(ValueError):
        unpack(data)
