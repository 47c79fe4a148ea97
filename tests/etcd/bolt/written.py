"""Writes a database as bbolt does: metas, branches, leaves, overflow, inline buckets, a trailer."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from etcdscope.etcd.bolt.pages import (
    BRANCH,
    BUCKET,
    HEADER,
    IS_BRANCH,
    IS_LEAF,
    IS_META,
    LEAF,
    MAGIC,
    META,
    VERSION,
    fnv1a,
)
from etcdscope.etcd.proto import message

Pairs = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Put:
    """One entry of etcd's history; ``value`` None for a deletion."""

    key: bytes
    value: bytes | None
    version: int = 1
    lease: int = 0


def history(entries: Sequence[Put], first: int = 2) -> Pairs:
    """Return the entries of the bucket of keys, a revision each."""
    pairs = []
    created: dict[bytes, int] = {}
    for revision, put in enumerate(entries, first):
        name = revision.to_bytes(8, "big") + b"_" + bytes(8)
        kv = message_of(put, created.setdefault(put.key, revision), revision)
        pairs.append((name + (b"t" if put.value is None else b""), kv))
        if put.value is None:
            del created[put.key]
    return pairs


def message_of(put: Put, created: int, revision: int) -> bytes:
    kind = message("RangeResponse")().kvs.add
    if put.value is None:
        return bytes(kind(key=put.key).SerializeToString())
    kv = kind(
        key=put.key,
        value=put.value,
        create_revision=created,
        mod_revision=revision,
        version=put.version,
        lease=put.lease,
    )
    return bytes(kv.SerializeToString())


class Written:
    """Collects pages. ``fanout``: how many entries or children a page gets."""

    def __init__(self, page_size: int = 4096, fanout: int = 8) -> None:
        self.page_size = page_size
        self.fanout = fanout
        self.pages: list[bytes | None] = [b"", b"", b""]  # metas, freelist; None: overflow

    def database(self, buckets: dict[bytes, Pairs], *, trailer: bool = False) -> bytes:
        """Return the whole file."""
        entries = []
        for name, pairs in sorted(buckets.items()):
            inline = leaf(0, pairs)
            if len(pairs) <= self.fanout and len(inline) < self.page_size // 4:
                entries.append((name, BUCKET.pack(0, 0) + inline, 1))
            else:
                entries.append((name, BUCKET.pack(self.tree(pairs), 0), 1))
        root = self.put(partial(leaf, pairs=(), more=entries))
        size = self.page_size
        self.pages[0] = meta(0, size, root, len(self.pages), 6)
        self.pages[1] = meta(1, size, root, len(self.pages), 7)
        self.pages[2] = HEADER.pack(2, 0x10, 0, 0)
        data = b"".join(page.ljust(size, b"\0") for page in self.pages if page is not None)
        return data + hashlib.sha256(data).digest() if trailer else data

    def tree(self, pairs: Pairs) -> int:
        """Write the pages of a bucket and return its root."""
        groups = [pairs[i : i + self.fanout] for i in range(0, len(pairs), self.fanout)] or [[]]
        level = [
            (group[0][0] if group else b"", self.put(partial(leaf, pairs=group)))
            for group in groups
        ]
        while len(level) > 1:
            groups_of = [level[i : i + self.fanout] for i in range(0, len(level), self.fanout)]
            level = [(g[0][0], self.put(partial(branch, children=g))) for g in groups_of]
        return level[0][1]

    def put(self, made: Callable[[int], bytes]) -> int:
        """Write one page with its overflow."""
        number = len(self.pages)
        data = made(number)
        extra = (len(data) - 1) // self.page_size
        data = HEADER.pack(*HEADER.unpack_from(data)[:3], extra) + data[HEADER.size :]
        self.pages += [data.ljust((extra + 1) * self.page_size, b"\0"), *[None] * extra]
        return number


def leaf(number: int, pairs: Pairs, more: Sequence[tuple[bytes, bytes, int]] = ()) -> bytes:
    rows = [*((k, v, 0) for k, v in pairs), *more]
    table, body = b"", b""
    at = HEADER.size + len(rows) * LEAF.size
    for index, (key, value, flags) in enumerate(rows):
        here = HEADER.size + index * LEAF.size
        table += LEAF.pack(flags, at - here, len(key), len(value))
        body += key + value
        at += len(key) + len(value)
    return HEADER.pack(number, IS_LEAF, len(rows), 0) + table + body


def branch(number: int, children: Sequence[tuple[bytes, int]]) -> bytes:
    table, body = b"", b""
    at = HEADER.size + len(children) * BRANCH.size
    for index, (key, page) in enumerate(children):
        table += BRANCH.pack(at - HEADER.size - index * BRANCH.size, len(key), page)
        body += key
        at += len(key)
    return HEADER.pack(number, IS_BRANCH, len(children), 0) + table + body


def meta(number: int, page_size: int, root: int, pages: int, transaction: int) -> bytes:
    body = META.pack(MAGIC, VERSION, page_size, 0, root, 0, 2, pages, transaction, 0)[:-8]
    return HEADER.pack(number, IS_META, 0, 0) + body + fnv1a(body).to_bytes(8, "little")
