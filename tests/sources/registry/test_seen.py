"""A set of hashes in eight bytes each."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from etcdscope.sources.registry.seen import Seen

batches = st.lists(st.lists(st.integers(-20, 20), max_size=30), max_size=12)


@given(batches)
def test_each_comes_for_the_first_time_once(given_: list[list[int]]) -> None:
    seen, known = Seen(), set[int]()
    for batch in given_:
        expected = []
        for value in batch:
            expected.append(value not in known)
            known.add(value)
        assert seen.new(np.array(batch, dtype=np.int64)).tolist() == expected
    assert len(seen) == len(known)


def test_a_million_take_eight_bytes_each() -> None:
    seen = Seen()
    for start in range(0, 1_000_000, 50_000):
        assert seen.new(np.arange(start, start + 50_000, dtype=np.int64)).all()
    runs = seen._runs
    assert sum(run.nbytes for run in runs) == 8_000_000
    assert len(runs) < 20
