"""One API server: its health comes even where its metrics do not."""

import pytest
from tests.kubernetes.server import TOKEN, FakeKubernetes, Trouble, serving
from tests.sources.fakes import value, values

from etcdscope.model.kubernetes import Health
from etcdscope.model.reading import Failure, Reading
from etcdscope.model.signal_kubernetes import (
    APISERVER_CACHE_REVISION,
    APISERVER_HEALTH,
    APISERVER_NODE,
    APISERVER_OBJECTS,
)
from etcdscope.sources.kubernetes import apiserver
from etcdscope.sources.kubernetes.apiserver import ApiserverSource, health
from etcdscope.sources.kubernetes.client import KubernetesClient
from etcdscope.sources.kubernetes.kubeconfig import Credentials

AT = "apiserver:cp-1"


async def read(api: FakeKubernetes, times: int = 1) -> tuple[Reading, ApiserverSource]:
    async with serving(api), KubernetesClient(Credentials(server=api.url, token=TOKEN)) as client:
        source = ApiserverSource(client, api.url, "cp-1")
        for _ in range(times):
            reading = await source.read(AT, 1000.0)
    return reading, source


async def test_the_recorded_api_server_is_read_whole() -> None:
    reading, source = await read(FakeKubernetes())

    assert reading.failure is None
    assert value(reading, APISERVER_HEALTH) == Health(True, True, (), 35)
    assert value(reading, APISERVER_NODE) == "cp-1"
    assert len(values(reading, APISERVER_OBJECTS)) == 63
    assert not source.away


async def test_of_sixty_caches_the_newest_revision_is_kept_and_that_of_events() -> None:
    reading, _ = await read(FakeKubernetes())

    kept = values(reading, APISERVER_CACHE_REVISION)
    assert max(v for v in kept.values() if isinstance(v, float)) == 23266.0
    assert len(kept) <= 3


async def test_checks_that_fail_are_named() -> None:
    page = b"[+]ping ok\n[-]etcd failed: reason withheld\n[-]poststarthook/x failed\n"
    reading, _ = await read(FakeKubernetes(ready=False, readyz=page))

    assert reading.failure is None
    assert value(reading, APISERVER_HEALTH) == Health(False, False, ("etcd", "poststarthook/x"), 3)


@pytest.mark.parametrize(
    ("trouble", "failure"),
    [
        pytest.param(Trouble(403), Failure.PERMISSION_DENIED, id="denied"),
        pytest.param(Trouble(body=b"<html>hello</html>\n"), Failure.NOT_ETCD, id="no metrics"),
        pytest.param(Trouble(body=b"node_load1 1\n"), Failure.NOT_ETCD, id="somebody else's"),
        pytest.param(Trouble(body=b"x" * (2 << 20)), Failure.TOO_LARGE, id="a line without end"),
        pytest.param(Trouble(hang=True), Failure.TIMEOUT, id="they hang"),
        pytest.param(
            Trouble(body=b'apiserver_storage_objects{resource="x"} many\n'),
            Failure.NOT_ETCD,
            id="no number",
        ),
    ],
)
async def test_health_comes_even_where_the_metrics_do_not(
    monkeypatch: pytest.MonkeyPatch, trouble: Trouble, failure: Failure
) -> None:
    monkeypatch.setattr(apiserver, "METRICS_SECONDS", 0.5)
    reading, source = await read(FakeKubernetes(troubles={"/metrics": trouble}))

    assert reading.failure is failure
    assert isinstance(value(reading, APISERVER_HEALTH), Health)
    assert not source.away


async def test_one_that_never_answers_is_away_and_one_that_did_is_not() -> None:
    never, away = await read(FakeKubernetes(troubles={"/readyz": Trouble(404)}))
    once, back = await read(FakeKubernetes(troubles={"/livez": Trouble(401, times=0)}), times=2)

    assert (never.failure, away.away) == (Failure.UNSUPPORTED, True)
    assert (once.failure, back.away) == (None, False)


def test_a_page_without_checks_is_no_check() -> None:
    assert health(True, True, "ok") == Health(True, True, (), 0)
