"""A live scan, on an etcd in memory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sources.registry.fakes import Etcd, Time
from tests.sources.registry.test_tally import CRD, stored

from etcdscope.etcd.errors import EtcdError
from etcdscope.etcd.mvcc import Stored
from etcdscope.model.census import OTHER, Census
from etcdscope.model.reading import Failure
from etcdscope.sources.registry.live import FIRST_PAGE, GROWTH, MOST_FOREIGN, Effort, Progress, Scan
from etcdscope.sources.registry.tally import Tally

PODS = [stored(f"/registry/pods/ns{n % 3}/p{n:04}", 1000 + n) for n in range(900)]
REST = [
    stored("/registry/minions/cp-1"),
    stored("/registry/services/specs/a/web"),
    stored("/registry/apps.example.org/shops/a/one"),
    stored(f"{CRD}shops.apps.example.org"),
    stored("compact_rev_key", 4),
    stored("zzz", 4),
    stored("/kubernetes.io/pods/a/b"),
]


def scan(etcd: Etcd, **more: object) -> Scan:
    return Scan(etcd, "m1", Time(), **more)  # type: ignore[arg-type]


def told(census: Census) -> object:
    cells = sorted((c.prefix, c.namespace, c.keys, c.value_bytes) for c in census.cells)
    return cells, census.largest, census.orphans


def counted_here(keys: list[Stored]) -> object:
    tally = Tally()
    for key in keys:
        tally.live(key)
    return told(Census(0, "", 0, tally.cells(), tally.largest, orphans=tally.orphans()))


async def test_everything_is_counted_once() -> None:
    etcd = Etcd([*PODS, *REST])

    census = await scan(etcd).census()

    assert told(census) == counted_here([*PODS, *REST])
    assert census.complete
    assert (census.revision, census.first_revision) == (50, 50)
    assert census.leases == 2
    assert all(revision == 50 for *_, revision in etcd.asked[1:])


@given(
    st.lists(
        st.builds(
            stored,
            st.sampled_from(
                [
                    "/registry/",
                    "/registry/a.b/",
                    "/registry/services/",
                    "/registry",
                    "/",
                    "",
                    "\x7f",
                ]
            ).flatmap(
                lambda root: st.text("ab/z{A\x7f", min_size=1, max_size=6).map(lambda n: root + n)
            ),
            st.integers(0, 5000),
        ),
        max_size=60,
        unique_by=lambda key: key.key,
    ),
    st.integers(1, 7),
)
async def test_whatever_the_keys_are_called(keys: list[Stored], page: int) -> None:
    etcd = Etcd(keys)
    census = await scan(etcd, effort=Effort(page_keys=page)).census()
    assert told(census) == counted_here(keys)

    counts = await scan(Etcd(keys)).counts()
    assert counts.total.keys == len(keys)
    assert not counts.sized


async def test_mere_counts_read_no_values_and_few_keys() -> None:
    etcd = Etcd([*PODS, *REST])

    census = await scan(etcd).counts()

    assert census.of_resource("pods").keys == 900
    assert census.total.value_bytes == 0
    assert census.orphans is None
    assert max(limit for _, _, limit, _ in etcd.asked) == 1
    assert len(etcd.asked) < 100


async def test_pages_grow_to_the_size_that_is_wanted() -> None:
    etcd = Etcd(PODS)
    await scan(etcd, effort=Effort(page_keys=500, page_bytes=200_000)).census()

    limits = [limit for _, _, limit, _ in etcd.asked if limit > 1]
    assert limits[0] == FIRST_PAGE
    assert 120 < limits[1] < 200  # of about 1.1 kB
    assert all(limit <= FIRST_PAGE * GROWTH for limit in limits)


@pytest.mark.parametrize("abreast", [1, 2])
async def test_no_more_pages_are_on_their_way_than_may_be(abreast: int) -> None:
    secrets = [stored(f"/registry/secrets/a/{n:04}", 2000) for n in range(900)]
    etcd = Etcd([*PODS, *secrets])

    census = await scan(etcd, effort=Effort(page_keys=100, abreast=abreast)).census()

    assert told(census) == counted_here([*PODS, *secrets])
    assert etcd.most_at_once == abreast


async def test_a_page_that_is_too_large_is_asked_for_in_smaller_ones() -> None:
    etcd = Etcd(PODS)
    etcd.most_bytes = 30_000

    census = await scan(etcd).census()

    assert told(census) == counted_here(PODS)
    assert 25 in {limit for _, _, limit, _ in etcd.asked}


async def test_a_compaction_in_between_is_ridden_out_and_told() -> None:
    etcd = Etcd(PODS)
    etcd.compacted_at = 46  # by then it reads pages

    census = await scan(etcd, effort=Effort(page_keys=50)).census()

    assert census.complete
    assert census.total.keys == 900
    assert (census.first_revision, census.revision) == (50, 57)
    assert "A compaction overtook the scan" in census.notes[0]


async def test_an_interrupted_scan_gives_what_it_has_and_says_so() -> None:
    etcd = Etcd(PODS)
    seen: list[Progress] = []

    census = await scan(
        etcd,
        effort=Effort(page_keys=100),
        told=seen.append,
        stop=lambda: bool(seen) and seen[-1].keys >= 300,
    ).census()

    assert not census.complete
    assert 300 <= census.total.keys < 900
    assert census.notes[0] == "It was interrupted."
    assert f"{census.total.keys} of 900 keys" in census.notes[1]
    assert census.orphans is None


async def test_one_that_is_interrupted_before_it_reads_is_not_complete() -> None:
    census = await scan(Etcd([stored("/registry/pods/a/b")]), stop=lambda: True).census()

    assert not census.complete
    assert census.notes[0] == "It was interrupted."


async def test_progress_is_of_all_keys_from_the_first_page_on() -> None:
    seen: list[Progress] = []
    await scan(Etcd(PODS), told=seen.append).census()

    assert {progress.of_keys for progress in seen} == {900}
    assert [p.keys for p in seen] == sorted(p.keys for p in seen)
    assert seen[-1].keys == 900


async def test_what_was_counted_before_a_failure_is_kept() -> None:
    etcd = Etcd(PODS)
    etcd.fails[46] = EtcdError(Failure.TIMEOUT, "m1 gave no answer in time")

    census = await scan(etcd, effort=Effort(page_keys=50)).census()

    assert not census.complete
    assert 0 < census.total.keys < 900
    assert census.notes[0] == "It ended early: m1 gave no answer in time"


@pytest.mark.parametrize("call", [1, 2, 8])
async def test_a_failure_before_anything_was_counted_is_one(call: int) -> None:
    etcd = Etcd(PODS)
    etcd.fails[call] = EtcdError(Failure.PERMISSION_DENIED, "the user may not do this")

    with pytest.raises(EtcdError, match="may not"):
        await scan(etcd).census()


async def test_leases_that_may_not_be_listed_are_unknown() -> None:
    etcd = Etcd(REST)
    etcd.held = EtcdError(Failure.PERMISSION_DENIED, "no")

    census = await scan(etcd).census()

    assert census.complete
    assert census.leases is None


async def test_it_reads_no_faster_than_it_may() -> None:
    clock = Time()
    size = sum(len(key.key) + key.value_bytes for key in PODS)

    await Scan(Etcd(PODS), "m1", clock, Effort(rate=size / 10, page_keys=100)).census()

    assert clock.at - 1000.0 == pytest.approx(10.0)


async def test_a_database_without_kubernetes_has_few_stretches() -> None:
    keys = [stored(f"key-{n:04}") for n in range(1000)]
    etcd = Etcd(keys)

    census = await scan(etcd).census()

    assert census.total.keys == 1000
    assert len(etcd.asked) < 50

    counts = await scan(etcd).counts()
    assert counts.of_resource(OTHER).keys == 1000 - MOST_FOREIGN
