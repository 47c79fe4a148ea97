"""The reader of database files, on files as bbolt writes them and on damaged ones."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.etcd.bolt.written import Pairs, Put, Written, history, meta

from etcdscope.etcd.bolt.file import READ_AT_ONCE, BoltFile, FileError
from etcdscope.etcd.bolt.pages import BRANCH, HEADER, PAGE_SIZES

PAIRS: Pairs = [(b"%04d" % n, b"v" * n) for n in range(100)]
Made = Callable[[bytes], Path]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    def make(data: bytes) -> Path:
        path = tmp_path / "db"
        path.write_bytes(data)
        return path

    return make


def pairs(path: Path, bucket: bytes = b"key") -> list[tuple[bytes, bytes]]:
    with BoltFile(path) as file:
        found = [(e.key, e.data[e.begin : e.end]) for e in file.bucket(bucket)]
        assert file.damaged == []
        return found


@pytest.mark.parametrize("page_size", [4096, 16384, 65536])
@pytest.mark.parametrize("fanout", [2, 8, 200])
def test_a_bucket_is_read_from_its_last_key_to_its_first(
    made: Made, page_size: int, fanout: int
) -> None:
    path = made(Written(page_size, fanout).database({b"key": PAIRS, b"lease": [(b"a", b"b")]}))

    assert pairs(path) == PAIRS[::-1]
    assert pairs(path, b"lease") == [(b"a", b"b")]
    assert pairs(path, b"auth") == []


@given(
    st.lists(st.tuples(st.binary(max_size=40), st.binary(max_size=9000)), max_size=40),
    st.sampled_from(PAGE_SIZES[2:4]),
    st.integers(2, 9),
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_was_written_comes_back(
    tmp_path: Path, written: Pairs, page_size: int, fanout: int
) -> None:
    unique = sorted(dict(written).items())
    path = tmp_path / "any"
    path.write_bytes(Written(page_size, fanout).database({b"key": unique}))

    assert pairs(path) == unique[::-1]


def test_of_a_page_with_a_huge_value_only_a_part_is_read_at_once(made: Made) -> None:
    huge = [(b"a", b"x" * 3 * READ_AT_ONCE), (b"b", b"y" * 10)]
    with BoltFile(made(Written().database({b"key": huge}))) as file:
        last, first = file.bucket(b"key")
        assert len(first.data) == len(last.data) == READ_AT_ONCE
        assert first.end - first.begin == 3 * READ_AT_ONCE
        assert file.read(last.offset + last.begin, 10) == b"y" * 10
        assert last.key == b"b"


# --- which file it is ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "says"),
    [
        pytest.param(b"", "it is empty", id="empty"),
        pytest.param(b"\0" * 70_000, "no valid meta page", id="zeros"),
        pytest.param(b"not a database" * 900, "no valid meta page", id="text"),
        pytest.param(zstandard.compress(b"db" * 5000), "run unzstd first", id="zstd"),
        pytest.param(gzip.compress(b"db" * 5000), "run gunzip first", id="gzip"),
    ],
)
def test_what_is_no_database_is_refused_in_a_sentence(made: Made, data: bytes, says: str) -> None:
    with pytest.raises(FileError, match=says):
        BoltFile(made(data))


def test_the_newer_meta_that_is_whole_counts(made: Made) -> None:
    data = bytearray(Written().database({b"key": PAIRS}))
    root = BoltFile(made(bytes(data))).meta.root
    data[4096:8192] = meta(1, 4096, 9999, 50, 8).ljust(4096, b"\0")
    assert BoltFile(made(bytes(data))).meta.root == 9999

    data[4096 + 40] ^= 1  # its checksum is wrong now
    assert BoltFile(made(bytes(data))).meta.root == root


def test_the_second_meta_is_found_where_the_first_is_lost(made: Made) -> None:
    data = bytearray(Written(16384).database({b"key": PAIRS}))
    data[:64] = bytes(64)

    assert pairs(made(bytes(data))) == PAIRS[::-1]


@pytest.mark.parametrize("trailer", [True, False])
def test_a_snapshot_has_a_checksum_and_a_data_directory_has_none(made: Made, trailer: bool) -> None:
    data = Written().database({b"key": PAIRS}, trailer=trailer)
    assert BoltFile(made(data)).intact() is (True if trailer else None)

    if trailer:
        changed = bytearray(data)
        changed[20_000] ^= 1
        assert BoltFile(made(bytes(changed))).intact() is False


def test_transactions_of_a_running_etcd_are_noticed(made: Made) -> None:
    data = Written().database({b"key": PAIRS})
    path = made(data)
    with BoltFile(path) as file:
        assert file.moved() == 0
        with path.open("r+b") as running:
            running.write(meta(0, 4096, file.meta.root, 50, 9))
        assert file.moved() == 2


# --- damage --------------------------------------------------------------------------------------


def damaged(data: bytes, page: int, at: int, octets: bytes) -> bytes:
    begin = page * 4096 + at
    return data[:begin] + octets + data[begin + len(octets) :]


@pytest.mark.parametrize(
    ("at", "octets", "says"),
    [
        pytest.param(0, b"\xff", "calls itself", id="another page's number"),
        pytest.param(8, b"\x10", "no page of keys", id="a freelist"),
        pytest.param(10, b"\xff\xff", "more than fit", id="too many entries"),
        pytest.param(12, b"\xff\xff\xff\x7f", "continues past the end", id="endless overflow"),
        pytest.param(
            HEADER.size + 12, b"\xff\xff\xff\x7f", "leaves its place", id="a value too long"
        ),
    ],
)
def test_a_damaged_page_is_named_and_the_others_are_read(
    made: Made, at: int, octets: bytes, says: str
) -> None:
    data = Written(fanout=10).database({b"key": PAIRS})
    with BoltFile(made(damaged(data, 4, at, octets))) as file:
        found = [entry.key for entry in file.bucket(b"key")]

    assert file.lost == 1
    assert "page 4" in file.damaged[0]
    assert says in file.damaged[0]
    lost = {key for key, _ in PAIRS[10:20]}  # the second leaf
    assert {key for key, _ in PAIRS} - set(found) <= lost
    assert len(found) >= 90


@pytest.mark.parametrize(
    ("page", "says"),
    [(3, "named twice"), (10**9, "past the end"), (0, "no page of keys")],
)
def test_a_branch_that_leads_astray_is_named(made: Made, page: int, says: str) -> None:
    written = Written(fanout=10)
    data = written.database({b"key": PAIRS})
    branch = next(n for n, p in enumerate(written.pages) if p and HEADER.unpack_from(p)[1] == 1)
    at = HEADER.size + BRANCH.size + 8  # the page of the second child
    with BoltFile(made(damaged(data, branch, at, page.to_bytes(8, "little")))) as file:
        assert len([*file.bucket(b"key")]) == 90
        assert any(says in one for one in file.damaged)


def test_a_file_that_was_cut_off_gives_what_is_left(made: Made) -> None:
    data = Written(fanout=10).database({b"key": PAIRS})
    whole = Written(fanout=10).database({b"key": PAIRS})
    half = whole[: len(data) - 4096 * 2]  # the root and the branch are gone
    with BoltFile(made(half)) as file:
        assert [*file.bucket(b"key")] == []
        assert "past the end" in file.damaged[0]


SMALL = Written(fanout=4).database(
    {
        b"key": history([Put(b"/registry/pods/a/%d" % (n % 9), b"v" * n) for n in range(60)]),
        b"lease": [(b"12345678", b"")],
    },
    trailer=True,
)


@given(
    st.lists(st.tuples(st.integers(0, len(SMALL) - 1), st.integers(0, 255)), max_size=30),
    st.none() | st.integers(0, len(SMALL)),
)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_damage_makes_it_fail_or_run_away(
    tmp_path: Path, changes: list[tuple[int, int]], cut: int | None
) -> None:
    data = bytearray(SMALL)
    for at, octet in changes:
        data[at] = octet
    path = tmp_path / "damaged"
    path.write_bytes(bytes(data[:cut]))

    try:
        with BoltFile(path) as file:
            # Every entry stands in a page, and every page counts once.
            entries = [*file.bucket(b"key")]
            assert len(entries) <= len(SMALL) // 16
            assert sum(e.end - e.begin for e in entries) <= len(SMALL)
            file.intact()
            file.moved()
    except FileError:
        pass
