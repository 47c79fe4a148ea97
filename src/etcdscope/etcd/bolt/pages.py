"""How bbolt lays out a file: https://pkg.go.dev/go.etcd.io/bbolt, page.go and db.go.

All numbers are little-endian, as on every machine that etcd supports. Every function checks what it
is given against the bytes that are there, so that a damaged page is an error and no crash.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

HEADER = struct.Struct("<QHHI")  # page id, flags, count, overflow
LEAF = struct.Struct("<IIII")  # flags, position from here, key size, value size
BRANCH = struct.Struct("<IIQ")  # position from here, key size, page id
BUCKET = struct.Struct("<QQ")  # root page, sequence
META = struct.Struct("<IIIIQQQQQQ")
IS_BRANCH, IS_LEAF, IS_META = 0x01, 0x02, 0x04
IS_BUCKET = 0x01  # of a leaf's element

MAGIC, VERSION = 0xED0CDAED, 2
MOST_KEY_BYTES = 32_768  # bbolt's own limit
# 64 KiB is the largest page of any system that Linux knows; bbolt takes the system's.
PAGE_SIZES = tuple(1024 << i for i in range(7))


class DamagedError(Exception):
    """A page is not what it should be; says which and why."""


@dataclass(frozen=True, slots=True)
class Meta:
    """One of the two roots of a file. ``pages``: how many it has, ``transaction``: which wrote it.

    ``root``: the page of the root bucket.
    """

    page_size: int
    root: int
    pages: int
    transaction: int


def meta(data: bytes) -> Meta | None:
    """Return what a meta page says; None if it is none, or not whole."""
    if len(data) < HEADER.size + META.size:
        return None
    body = data[HEADER.size : HEADER.size + META.size]
    magic, version, size, _, root, _, _, pages, transaction, checksum = META.unpack(body)
    if (magic, version) != (MAGIC, VERSION) or checksum != fnv1a(body[:-8]):
        return None
    return Meta(size, root, pages, transaction) if size in PAGE_SIZES else None


def fnv1a(data: bytes) -> int:
    """Return the 64-bit FNV-1a hash."""
    found = 0xCBF29CE484222325
    for octet in data:
        found = ((found ^ octet) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return found


def header(data: bytes, number: int) -> tuple[int, int, int]:
    """Return flags, count and overflow of a page. Errors: DamagedError."""
    if len(data) < HEADER.size:
        raise DamagedError(f"page {number} is cut off")
    found, flags, count, overflow = HEADER.unpack_from(data)
    if found != number:
        raise DamagedError(f"page {number} calls itself {found}")
    if flags not in (IS_BRANCH, IS_LEAF):
        raise DamagedError(f"page {number} is no page of keys (flags {flags:#x})")
    return flags, count, overflow


def children(data: bytes, number: int, count: int) -> Sequence[int]:
    """Return the pages below a branch page, in the order of their keys. Errors: DamagedError."""
    _check_table(data, number, count)
    end = HEADER.size + count * BRANCH.size
    return [page for _, _, page in BRANCH.iter_unpack(data[HEADER.size : end])]


def elements(
    data: bytes, number: int, count: int, size: int
) -> Iterator[tuple[int, int, int, int]]:
    """Yield flags, where the key begins, where the value does and where it ends, last first.

    ``size``: bytes of the page with its overflow, of which ``data`` may be only the beginning.
    Entries stand one behind the other; that they may not overlap also bounds what a damaged page
    can make of itself. Errors: DamagedError.
    """
    _check_table(data, number, count)
    unpack, room = LEAF.unpack_from, size
    for at in range(HEADER.size + (count - 1) * LEAF.size, HEADER.size - 1, -LEAF.size):
        flags, position, key_size, value_size = unpack(data, at)
        begin = at + position
        value = begin + key_size
        end = value + value_size
        if end > room or key_size > MOST_KEY_BYTES:
            raise DamagedError(f"page {number} has an entry that leaves its place")
        room = begin
        yield flags, begin, value, end


def _check_table(data: bytes, number: int, count: int) -> None:
    if HEADER.size + count * LEAF.size > len(data):
        raise DamagedError(f"page {number} names {count} entries, more than fit")
