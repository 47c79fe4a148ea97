"""A database file or snapshot, opened for reading its buckets.

It is read with ``pread``, page by page, and not mapped: a bad sector or a file that somebody cuts
off is an error here, where a mapping would end the process with SIGBUS, and memory is bounded by
the largest page. Copy-on-write keeps a file readable that etcd has open: pages that the present
root names are not written again before the second next transaction. ``moved`` tells how many there
were since it was opened.
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Self

from etcdscope.etcd.bolt import pages
from etcdscope.etcd.bolt.pages import BUCKET, DamagedError, Meta

# etcd appends a SHA-256 to snapshots; a page size is a multiple of 512, a hash is not.
HASH_BYTES = 32
_PIECE = 1 << 20
# Of a page with huge values only this much is read, and what is asked for beyond it.
READ_AT_ONCE = 1 << 20
# A damaged file may name thousands of pages: so many are told one by one.
TOLD = 20
_COMPRESSED = {b"\x28\xb5\x2f\xfd": ("zstd", "unzstd"), b"\x1f\x8b": ("gzip", "gunzip")}


class FileError(Exception):
    """A file cannot be read as a database of etcd; one sentence says why and what to do."""


class Entry(NamedTuple):
    """One key of a bucket and where its value stands: ``data[begin:end]``, if it was read.

    ``data`` may end before ``end``; ``offset`` is where ``data`` begins in the file.
    """

    key: bytes
    data: bytes
    begin: int
    end: int
    offset: int


class BoltFile:
    """Reads one file. Errors: FileError where it is none of etcd's, OSError where it is unreadable.

    ``damaged``: the pages that could not be read so far, and why; ``lost`` counts them all.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self.bytes = os.fstat(self._file).st_size
            self.meta = self._meta()
        except BaseException:
            os.close(self._file)
            raise
        self.damaged: list[str] = []
        self.lost = 0
        self._limit = self.bytes // self.meta.page_size

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)

    # ---- the file

    def _meta(self) -> Meta:
        """Return the newer one of the two metas that are whole."""
        start = self.read(0, pages.PAGE_SIZES[0])
        for magic, (kind, tool) in _COMPRESSED.items():
            if start.startswith(magic):
                raise FileError(f"{self.path} is compressed with {kind}: run {tool} first.")
        found = self._metas()
        if not found:
            why = "it is empty" if not self.bytes else "it has no valid meta page"
            raise FileError(
                f"{self.path} is no database of etcd: {why}; give a snapshot, or member/snap/db."
            )
        return max(found, key=lambda meta: meta.transaction)

    def _metas(self) -> list[Meta]:
        """The second meta is at the second page, of which only the first meta tells the size."""
        places = (0, *pages.PAGE_SIZES)
        found = {at: pages.meta(self.read(at, 128)) for at in places}
        return [m for at, m in found.items() if m and at in (0, m.page_size)]

    def moved(self) -> int:
        """Return how many transactions were committed since it was opened."""
        newest = max((m.transaction for m in self._metas()), default=self.meta.transaction)
        return newest - self.meta.transaction

    def intact(self) -> bool | None:
        """Return whether the snapshot's SHA-256 is that of its content; None if it has none."""
        if self.bytes % 512 != HASH_BYTES:
            return None
        digest, at, end = hashlib.sha256(), 0, self.bytes - HASH_BYTES
        while at < end:
            piece = self.read(at, min(_PIECE, end - at))
            if not piece:
                return False
            digest.update(piece)
            at += len(piece)
        return digest.digest() == self.read(end, HASH_BYTES)

    def read(self, offset: int, size: int) -> bytes:
        """Return so many bytes, fewer at the end of the file."""
        return os.pread(self._file, size, offset)

    # ---- buckets

    def bucket(self, name: bytes) -> Iterator[Entry]:
        """Yield the entries of a bucket of the root, last first; a damaged page is left out."""
        for key, data, begin, end, offset, flags in self._tree(self.meta.root):
            if key != name or not flags & pages.IS_BUCKET:
                continue
            if end - begin < BUCKET.size or end > len(data):
                self.note(f"the bucket {name.decode()} has no root")
                return
            root, _ = BUCKET.unpack_from(data, begin)
            if root:
                below = self._tree(root)
            else:  # a small bucket stands in its parent, as a page without an id
                start = begin + BUCKET.size
                below = self._leaf(data[start:end], 0, end - start, offset + start)
            for entry in below:
                yield Entry(*entry[:5])
            return

    def reachable(self) -> Iterator[int]:
        """Yield the pages that the root bucket and its buckets are made of."""
        roots = [self.meta.root]
        for _, data, begin, end, _, flags in self._tree(self.meta.root):
            if flags & pages.IS_BUCKET and end - begin >= BUCKET.size and end <= len(data):
                root, _ = BUCKET.unpack_from(data, begin)
                roots += [root] if root else []
        for root in roots:
            yield from (number for number, *_ in self._pages(root))

    def _tree(self, root: int) -> Iterator[tuple[bytes, bytes, int, int, int, int]]:
        """Yield the entries below a page, last first."""
        for number, data, count, size, leaf in self._pages(root):
            if leaf:
                try:
                    offset = number * self.meta.page_size
                    yield from self._leaf(data, number, size, offset, count)
                except DamagedError as damaged:
                    self.note(str(damaged))
                except OSError as error:
                    self.note(f"page {number} cannot be read: {error.strerror}")

    def _pages(self, root: int) -> Iterator[tuple[int, bytes, int, int, bool]]:
        """Walk down from a page; each page counts once, so that a loop in a damaged file ends."""
        seen = bytearray(self._limit + 1)
        waiting = [root]
        while waiting:
            number = waiting.pop()
            try:
                self._check(number, seen)
                data, count, size, leaf = self._page(number, seen)
                if not leaf:
                    waiting.extend(pages.children(data, number, count))
            except DamagedError as damaged:
                self.note(str(damaged))
            except OSError as error:
                self.note(f"page {number} cannot be read: {error.strerror}")
            else:
                yield number, data, count, size, leaf

    def _check(self, number: int, seen: bytearray) -> None:
        if number >= self._limit:
            raise DamagedError(f"page {number} is past the end of the file")
        if number < 2:
            raise DamagedError(f"page {number} is no page of keys")
        if seen[number]:
            raise DamagedError(f"page {number} is named twice")
        seen[number] = 1

    def _page(self, number: int, seen: bytearray) -> tuple[bytes, int, int, bool]:
        """Return a page's bytes, entries, size with its overflow, and whether it is a leaf."""
        page_size = self.meta.page_size
        data = self.read(number * page_size, page_size)
        flags, count, overflow = pages.header(data, number)
        if overflow:
            if number + overflow >= self._limit:
                raise DamagedError(f"page {number} continues past the end of the file")
            if any(seen[number + 1 : number + overflow + 1]):
                raise DamagedError(f"page {number} continues over other pages")
            seen[number + 1 : number + overflow + 1] = b"\1" * overflow
            wanted = max(READ_AT_ONCE, page_size, pages.HEADER.size + count * pages.LEAF.size)
            size = min((overflow + 1) * page_size, wanted)
            data += self.read(number * page_size + page_size, size - page_size)
        return data, count, (overflow + 1) * page_size, flags == pages.IS_LEAF

    def _leaf(
        self, data: bytes, number: int, size: int, offset: int, count: int = -1
    ) -> Iterator[tuple[bytes, bytes, int, int, int, int]]:
        if count < 0:  # of an inline bucket, whose page has no number
            _, count, _ = pages.header(data, number)
        for flags, begin, value, end in pages.elements(data, number, count, size):
            key = data[begin:value]
            if value > len(data):
                key = self.read(offset + begin, min(value - begin, _PIECE))
            yield key, data, value, end, offset, flags

    def note(self, what: str) -> None:
        """Take down what could not be read."""
        self.lost += 1
        if self.lost <= TOLD:
            self.damaged.append(what)
