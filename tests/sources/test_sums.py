"""Sums reads a body as Layout does, and keeps nothing but sums."""

import pytest
from tests.kubernetes import recorded as kubernetes
from tests.sources.recorded import METRICS, metrics

from etcdscope.model.signal import BESIDE, BY_METRIC
from etcdscope.model.signal_kubernetes import BESIDE as KUBE_BESIDE
from etcdscope.model.signal_kubernetes import BY_METRIC as KUBE_METRICS
from etcdscope.sources.exposition import Layout, MalformedError, Names, Sums

ETCD = Names(BY_METRIC, BESIDE)
APISERVER = Names(KUBE_METRICS, KUBE_BESIDE)


def summed(names: Names, body: bytes) -> set[object]:
    sums = Sums(names)
    for line in body.split(b"\n")[:-1]:
        sums.take(line)
    return set(sums.observed())


@pytest.mark.parametrize("name", METRICS[:6])
def test_it_reads_a_member_as_the_layout_does(name: str) -> None:
    body = metrics(name)

    assert summed(ETCD, body) == set(Layout(ETCD, {}).read(body))


@pytest.mark.parametrize("name", ["metrics.txt", "metrics.t30.txt"])
def test_it_reads_an_api_server_as_the_layout_does(name: str) -> None:
    body = kubernetes.raw(name)

    assert summed(APISERVER, body) == set(Layout(APISERVER, {}).read(body))


def test_labels_with_escapes_and_braces_are_read_as_well() -> None:
    line = rb'apiserver_storage_objects{resource="a\"}b\\c"} 7'

    (seen,) = summed(APISERVER, line + b"\n")

    assert getattr(seen, "key", "") == 'a"}b\\c'


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b'apiserver_storage_objects{resource="x"} many', id="no number"),
        pytest.param(b'etcd_request_duration_seconds_bucket{operation="get"} 1', id="no bound"),
        pytest.param(b"apiserver_storage_objects{resource=x} 1", id="no quotes"),
    ],
)
def test_a_wanted_line_that_is_broken_is_told(line: bytes) -> None:
    with pytest.raises(MalformedError):
        Sums(APISERVER).take(line)


def test_what_is_not_wanted_may_be_anything() -> None:
    sums = Sums(APISERVER)
    for line in (b"", b"# HELP x", b"\xff\xfe{{{", b"other_metric{a=} x"):
        sums.take(line)

    assert not list(sums.observed())
