"""Files and connections against their limit."""

import pytest
from tests.detect.windows import Told, ago, found, window

from etcdscope.detect.descriptors import file_descriptors_exhausted
from etcdscope.model.signal import FDS_LIMIT, FDS_USED, PROC_FDS, PROC_FDS_LIMIT


def metrics(used: float, limit: float) -> Told:
    return {FDS_USED: used, FDS_LIMIT: limit}


def kernel(used: float, limit: float) -> Told:
    return {PROC_FDS: used, PROC_FDS_LIMIT: limit}


@pytest.mark.parametrize(
    ("m2", "said"),
    [
        pytest.param(metrics(60, 65536), "", id="usual"),
        pytest.param(metrics(52_000, 65536), "", id="just under four fifths"),
        pytest.param(metrics(53_000, 65536), "warning", id="past four fifths"),
        pytest.param(metrics(65_385, 65536), "warning", id="clients still find room"),
        pytest.param(metrics(65_386, 65536), "critical", id="etcd takes no more clients"),
        pytest.param(metrics(189, 200), "warning", id="a small limit, nearly used up"),
        pytest.param(metrics(190, 200), "critical", id="a small limit, used up"),
        pytest.param(kernel(200, 200), "critical", id="by the kernel, without metrics"),
        pytest.param(metrics(30, 200) | kernel(200, 200), "critical", id="the kernel knows better"),
        pytest.param({FDS_USED: ago((60, 200.0)), FDS_LIMIT: ago((60, 200.0))}, "", id="long ago"),
        pytest.param({FDS_USED: 200.0}, "", id="no limit known"),
    ],
)
def test_descriptors_are_graded_by_what_is_left(m2: Told, said: str) -> None:
    seen = window({"m1": metrics(60, 65536), "m2": m2})

    assert found(file_descriptors_exhausted, seen) == ([("m2", said)] if said else [])
