"""A census of files: of the recorded snapshot, of histories made here, and of damaged ones."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.etcd.bolt.test_file import SMALL
from tests.etcd.bolt.written import Put, Written, history
from tests.sources.registry.recorded import agrees, expected, history_agrees, snapshot

from etcdscope.etcd.bolt.file import READ_AT_ONCE, FileError
from etcdscope.model.census import Census
from etcdscope.sources.registry import offline
from etcdscope.sources.registry.offline import census

QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Census:
    return census(snapshot(tmp_path_factory.mktemp("recorded")))


def test_the_recorded_snapshot_is_counted_as_etcd_itself_counts_it(recorded: Census) -> None:
    agrees(recorded)


def test_its_history_is_that_of_the_file(recorded: Census) -> None:
    history_agrees(recorded)
    assert (
        recorded.compact_revision == expected()["hashkv_restored_at_revision"]["compact_revision"]
    )


def test_leases_are_those_of_the_file(recorded: Census) -> None:
    assert recorded.leases == expected()["etcd_leases"]
    assert recorded.leases_used == 15


def test_the_file_itself_is_whole(recorded: Census) -> None:
    assert recorded.file
    assert recorded.file.bytes == expected()["snapshot_file_bytes"]
    assert recorded.file.intact is True
    assert recorded.file.damaged == ()
    assert recorded.notes == ()
    assert recorded.orphans == ()


def test_helm_keeps_sixty_releases_in_secrets(recorded: Census) -> None:
    assert recorded.helm.keys == 60
    assert recorded.helm.bytes == 4_382_493


def written(tmp_path: Path, entries: list[Put], fanout: int = 4) -> Path:
    path = tmp_path / "db"
    path.write_bytes(Written(fanout=fanout).database({b"key": history(entries)}))
    return path


names = st.sampled_from(
    [
        b"/registry/pods/a/x",
        b"/registry/pods/a/y",
        b"/registry/pods/b/x",
        b"/registry/nodes/x",
        b"k",
    ]
)
puts = st.builds(Put, names, st.none() | st.binary(max_size=50))


@given(st.lists(puts, max_size=60), st.integers(1, 7))
@settings(max_examples=60, suppress_health_check=QUIET)
def test_the_latest_version_of_each_key_counts(
    tmp_path: Path, entries: list[Put], batch: int
) -> None:
    alive: set[bytes] = set()
    kept = []
    for put in entries:  # etcd writes no tombstone for a key that is not there
        if put.value is None and put.key not in alive:
            continue
        kept.append(put)
        (alive.discard if put.value is None else alive.add)(put.key)
    latest = {put.key: put.value for put in kept if put.value is not None}
    before, offline.BATCH = offline.BATCH, batch
    try:
        found = census(written(tmp_path, kept))
    finally:
        offline.BATCH = before

    total = found.total
    assert total.keys == len(alive)
    assert total.value_bytes == sum(len(latest[key]) for key in alive)
    assert total.key_bytes == sum(map(len, alive))
    if kept:
        assert (total.revisions, total.tombstones) == (
            len(kept),
            sum(put.value is None for put in kept),
        )
        assert found.revision == len(kept) + 1


def test_a_huge_value_is_measured_and_its_lease_read(tmp_path: Path) -> None:
    huge = Put(b"/registry/configmaps/a/huge", b"k8s\0" + bytes(2 * READ_AT_ONCE), lease=7)
    found = census(written(tmp_path, [Put(b"/registry/pods/a/b", b"k8s\0"), huge]))

    assert found.largest[0].value_bytes == 2 * READ_AT_ONCE + 4
    assert found.total.leased == 1
    assert dict(found.kinds) == {"protobuf": 2}


def test_a_damaged_file_is_counted_as_far_as_it_goes(tmp_path: Path) -> None:
    path = written(tmp_path, [Put(b"/registry/pods/a/%d" % n, b"x") for n in range(40)])
    data = bytearray(path.read_bytes())
    data[4 * 4096 : 4 * 4096 + 8] = b"\xff" * 8
    path.write_bytes(bytes(data))

    found = census(path)

    assert not found.complete
    assert found.total.keys == 36
    assert found.orphans is None
    assert "page 4 calls itself" in found.notes[0]


def test_a_snapshot_with_a_wrong_checksum_is_read_and_said_to_be_damaged(tmp_path: Path) -> None:
    path = tmp_path / "db"
    path.write_bytes(SMALL[:-1] + bytes([SMALL[-1] ^ 1]))

    found = census(path)

    assert found.total.keys == 9
    assert not found.complete
    assert "checksum" in found.notes[0]


def test_no_database_is_an_error_of_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "db").write_bytes(b"text")
    with pytest.raises(FileError, match="no database of etcd"):
        census(tmp_path / "db")


@given(
    st.lists(st.tuples(st.integers(4096, len(SMALL) - 1), st.integers(0, 255)), max_size=40),
    st.none() | st.integers(8192, len(SMALL)),
)
@settings(max_examples=150, suppress_health_check=QUIET)
def test_no_damage_makes_a_census_fail(
    tmp_path: Path, changes: list[tuple[int, int]], cut: int | None
) -> None:
    data = bytearray(SMALL)
    for at, octet in changes:
        data[at] = octet
    path = tmp_path / "db"
    path.write_bytes(bytes(data[:cut]))

    found = census(path)

    assert found.total.keys <= 60
    assert found.total.bytes <= 60 * len(SMALL)
