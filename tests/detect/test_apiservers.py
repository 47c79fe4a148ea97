"""API servers that are not ready, slow, failing or away: the rows that no recording has."""

from dataclasses import replace

import pytest
from tests.detect.windows import NOW, Told, ago, found, look, window

from etcdscope.detect.apiserver_cache import apiserver_view_differs, watch_cache_lagging
from etcdscope.detect.apiservers import apiserver_unready, apiserver_writes_failing
from etcdscope.detect.unseen import kubernetes_unseen
from etcdscope.model.finding import BlindSpot
from etcdscope.model.kubernetes import APISERVER, Health, Nodes, StaticPod
from etcdscope.model.reading import Failure
from etcdscope.model.signal import REVISION
from etcdscope.model.signal_kubernetes import (
    APISERVER_CACHE_REVISION,
    APISERVER_HEALTH,
    APISERVER_REQUESTS,
    APISERVER_START,
    KUBE_NODES,
    KUBE_PODS,
    KUBERNETES,
)
from etcdscope.model.window import Look, Window

READY, DOWN = Health(True, True), "down"
BY_ETCD, OTHER = Health(False, True, ("etcd",)), Health(False, True, ("informer-sync",))
Seen = list[tuple[float, Health]] | str


def at(name: str) -> str:
    return f"apiserver:{name}"


def servers(pods_ready: bool = True, **states: Seen) -> Window:
    """Return a window with API servers; ``down``: answered once; ``away``: never."""
    told: dict[str, Told] = {KUBERNETES: {KUBE_NODES: Nodes(3, 3)}}
    looks: list[Look] = []
    pods = []
    for name, state in states.items():
        pods.append(StaticPod(APISERVER, f"kube-apiserver-{name}", name, ready=pods_ready))
        one = replace(look("apiserver", name), endpoint=at(name), member="")
        if isinstance(state, str):
            why, ok = Failure.REFUSED, NOW - 300 if state == DOWN else None
            one = replace(
                one, failure=why, failures=9, last_ok=ok, since=NOW - 200, detail="refused"
            )
        else:
            told[at(name)] = {APISERVER_HEALTH: ago(*state)}
            one = replace(one, at=NOW - state[-1][0])
        looks.append(one)
    told[KUBERNETES][KUBE_PODS] = tuple(pods)
    return window(told, looks=looks)


def since(seconds: float, state: Health) -> Seen:
    ages = [age for age in (160.0, 130.0, 100.0, 60.0, 46.0, 31.0, 16.0, 1.0) if age < 300]
    return [(age, state if age <= seconds else READY) for age in ages]


WELL = since(0, READY)


@pytest.mark.parametrize(
    ("seen", "finds"),
    [
        pytest.param(servers(a=WELL, b=WELL), [], id="all are ready"),
        pytest.param(servers(a=since(61, OTHER), b=WELL), [], id="one restarts"),
        pytest.param(
            servers(a=since(131, OTHER), b=WELL), [("a", "warning")], id="one stays unready"
        ),
        pytest.param(servers(a=since(17, BY_ETCD), b=WELL), [], id="its member restarts"),
        pytest.param(
            servers(a=since(32, BY_ETCD), b=WELL), [("a", "warning")], id="it cannot use etcd"
        ),
        pytest.param(
            servers(a=since(2, BY_ETCD), b=since(2, BY_ETCD)),
            [("a", "critical"), ("b", "critical")],
            id="none can use etcd",
        ),
        pytest.param(servers(a=since(32, OTHER)), [], id="the only one restarts"),
        pytest.param(servers(a=since(61, OTHER)), [("a", "critical")], id="the only one is gone"),
        pytest.param(servers(a=DOWN, b=WELL), [("a", "warning")], id="it no longer answers"),
        pytest.param(servers(a="away", b="away"), [], id="their addresses are not for us"),
        pytest.param(
            servers(pods_ready=False, a="away", b=WELL),
            [("a", "warning")],
            id="never answered, and its pod is not ready",
        ),
    ],
)
def test_api_servers_that_are_not_ready(seen: Window, finds: list[tuple[str, str]]) -> None:
    assert found(apiserver_unready, seen) == finds


def test_what_never_answered_is_a_blind_spot() -> None:
    spots = list(kubernetes_unseen.look(servers(a="away", b=WELL)))

    assert [(s.source, s.subject.name) for s in spots if isinstance(s, BlindSpot)] == [
        ("apiserver", "a")
    ]


# --- writes that fail ----------------------------------------------------------------------------

SCRAPES = (50.0, 35.0, 20.0, 5.0)


def writes(**failed: tuple[int, ...]) -> Window:
    """Return a window with 300 writes between two scrapes, and how many of them failed."""
    told: dict[str, Told] = {}
    for name, shares in failed.items():
        if not shares:  # it tells nothing
            continue
        bad = [sum(shares[:i]) for i in range(len(SCRAPES))]
        good = [300 * i - sum(shares[:i]) for i in range(len(SCRAPES))]
        told[at(name)] = {
            APISERVER_START: ago(*((age, 5.0) for age in SCRAPES)),
            APISERVER_REQUESTS: {
                "PUT/200": ago(*zip(SCRAPES, map(float, good), strict=True)),
                "PUT/500": ago(*zip(SCRAPES, map(float, bad), strict=True)),
            },
        }
    ends = [replace(look("apiserver", n), endpoint=at(n), member="") for n in failed]
    return window(told, looks=ends)


@pytest.mark.parametrize(
    ("seen", "finds"),
    [
        pytest.param(writes(a=(0, 0, 0), b=(0, 0, 0)), [], id="none fails"),
        pytest.param(writes(a=(9, 9, 9), b=(0, 0, 0)), [], id="three of a hundred"),
        pytest.param(
            writes(a=(300, 300, 300), b=(0, 0, 0)),
            [("a", "warning")],
            id="all of one, and another writes well",
        ),
        pytest.param(
            writes(a=(300, 300, 300), b=(300, 300, 300)),
            [("a", "critical"), ("b", "critical")],
            id="all of all",
        ),
        pytest.param(
            writes(a=(300, 300, 300), b=()), [("a", "critical")], id="all of one, another is away"
        ),
        pytest.param(
            writes(a=(0, 0, 150), b=(0, 0, 150)),
            [("a", "warning"), ("b", "warning")],
            id="half, and only just now",
        ),
        pytest.param(writes(a=(300, 300, 0)), [], id="over, though not for a minute"),
    ],
)
def test_writes_that_fail(seen: Window, finds: list[tuple[str, str]]) -> None:
    assert found(apiserver_writes_failing, seen) == finds


# --- the watch cache -----------------------------------------------------------------------------


def cached(*points: tuple[float, float], speed: float = 50.0) -> Window:
    """Return a window where etcd's revision grows steadily, and what the cache had come to when."""
    grown = tuple((float(age), 10_000 - speed * age) for age in range(110, -1, -1))
    told: dict[str, Told] = {m: {REVISION: ago(*grown)} for m in ("m1", "m2", "m3")}
    told[at("a")] = {
        APISERVER_START: ago((60, 5.0), (1, 5.0)),
        APISERVER_CACHE_REVISION: {"/pods": ago(*points)},
    }
    one = replace(look("apiserver", "a"), endpoint=at("a"), member="")
    return window(told, looks=[one])


@pytest.mark.parametrize(
    ("seen", "finds"),
    [
        pytest.param(cached((31, 8400), (16, 9150)), [], id="a second behind"),
        pytest.param(cached((31, 7200), (16, 7950)), [("a", "info")], id="25 s behind, twice"),
        pytest.param(cached((31, 7200), (16, 9150)), [], id="once only"),
        pytest.param(cached((31, 9_990), (16, 10_000), speed=0), [], id="an etcd that is idle"),
    ],
)
def test_a_watch_cache_that_lags(seen: Window, finds: list[tuple[str, str]]) -> None:
    assert found(watch_cache_lagging, seen) == finds


@pytest.mark.parametrize(
    ("points", "finds"),
    [
        pytest.param(((16, 9150),), [], id="behind etcd, as it must be"),
        pytest.param(((16, 10_500),), [("a", "critical")], id="beyond what etcd told later"),
        pytest.param(((0, 10_500),), [], id="etcd was not asked since"),
    ],
)
def test_a_revision_that_etcd_never_had(
    points: tuple[tuple[float, float], ...], finds: list[tuple[str, str]]
) -> None:
    assert found(apiserver_view_differs, cached(*points)) == finds
