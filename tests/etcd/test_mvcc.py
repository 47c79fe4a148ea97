"""How etcd stores a key: walked by hand, and compared with what protobuf makes of it."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.etcd.bolt.written import Put, message_of

from etcdscope.etcd import mvcc
from etcdscope.etcd.mvcc import GarbledError, Stored
from etcdscope.etcd.proto import message

numbers = st.integers(0, 2**63 - 1)
keys: st.SearchStrategy[dict[str, bytes | int]] = st.builds(
    dict,
    key=st.binary(min_size=1, max_size=300),
    create_revision=numbers,
    mod_revision=numbers,
    version=numbers,
    value=st.binary(max_size=400),
    lease=numbers,
)


def expected(key: dict[str, bytes | int]) -> Stored:
    value = bytes(key["value"])
    return Stored(
        bytes(key["key"]),
        int(key["create_revision"]),
        int(key["mod_revision"]),
        int(key["version"]),
        len(value),
        int(key["lease"]),
        value[: mvcc.START_BYTES],
    )


@given(st.lists(keys, max_size=5), numbers, numbers, st.booleans())
def test_an_answer_says_what_protobuf_reads_in_it(
    kvs: list[dict[str, bytes | int]], revision: int, count: int, more: bool
) -> None:
    answer = message("RangeResponse")(kvs=kvs, count=count, more=more)
    answer.header.revision = revision
    answer.header.raft_term = 7

    page = mvcc.page(answer.SerializeToString())

    assert (page.revision, page.total, page.more, page.size) == (revision, count, more, len(kvs))
    assert [*page.keys] == [expected(key) for key in kvs]
    assert page.last == (kvs[-1]["key"] if kvs else b"")


@given(keys, st.integers(0, 40))
@settings(max_examples=500)
def test_a_value_need_not_be_read_to_know_its_size(key: dict[str, bytes | int], more: int) -> None:
    key["value"] = key["value"] or b"x"  # a key without a value is small, and read as a whole
    kv = message("RangeResponse")(kvs=[key]).kvs[0]
    answer = kv.SerializeToString()
    kv.lease = 0  # which comes last
    value = len(kv.value)
    begin = len(kv.SerializeToString()) - value
    head = answer[: begin + min(value, mvcc.START_BYTES) + more]

    assert mvcc.stored(head, 0, len(answer), lambda at: answer[at:]) == expected(key)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with suppress(GarbledError):
        for key in mvcc.page(data).keys:
            assert key.key


@given(st.data())
def test_an_answer_that_was_cut_off_is_refused_or_shorter(data: st.DataObject) -> None:
    whole = message_of(Put(b"/registry/pods/a/b", b"value", 3, 9), 5, 8)
    cut = data.draw(st.integers(0, len(whole) - 1))
    with suppress(GarbledError):
        assert mvcc.stored(whole[:cut], 0, cut).key


@pytest.mark.parametrize(
    ("name", "found"),
    [
        (b"\0\0\0\0\0\0\x15\xe8_" + bytes(8), (5608, False)),
        (b"\0\0\0\0\0\0\x15\xe8_" + bytes(8) + b"t", (5608, True)),
    ],
)
def test_a_name_in_the_file_is_a_revision(name: bytes, found: tuple[int, bool]) -> None:
    assert mvcc.revision(name) == found


@pytest.mark.parametrize("name", [b"", b"1234567", bytes(16), bytes(18), bytes(40)])
def test_another_name_is_none(name: bytes) -> None:
    with pytest.raises(GarbledError):
        mvcc.revision(name)
