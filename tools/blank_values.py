"""Blanks a snapshot: python tools/blank_values.py SNAPSHOT OUT.zst

Every key, revision, size and page stays where it is; of values only the first bytes stay, which say
how they are stored. What no page names any more is zeroed, and the checksum made anew. So a
recording of a real cluster holds none of its contents, compresses well, and etcd restores it.
"""

import hashlib
import sys
from pathlib import Path

import zstandard

from etcdscope.etcd import mvcc
from etcdscope.etcd.bolt.file import HASH_BYTES, BoltFile
from etcdscope.etcd.bolt.pages import HEADER
from etcdscope.sources.registry.envelopes import kind

# What is kept of a value by how it is stored: just enough to be recognised again.
_KEPT = {"protobuf": 4, "json": 1, "cbor": 3, "encrypted": 8}


def blanked(path: Path) -> bytes:
    """Return the snapshot with blank values."""
    data = path.read_bytes()
    out = bytearray(len(data))
    with BoltFile(path) as file:
        size = file.meta.page_size
        out[: 2 * size] = data[: 2 * size]
        for number in file.reachable():
            overflow = HEADER.unpack_from(data, number * size)[3]
            begin, end = number * size, (number + 1 + overflow) * size
            out[begin:end] = data[begin:end]
        for entry in file.bucket(b"key"):
            at, length = entry.offset + entry.begin, entry.end - entry.begin
            stored = mvcc.stored(data[at : at + length], 0, length)
            if not stored.value_bytes:
                continue
            # The value is the last field but the lease: find it by how it begins.
            value = data.index(stored.start, at + len(stored.key))
            kept = _KEPT.get(kind(stored.start), 0)
            out[value + kept : value + stored.value_bytes] = bytes(stored.value_bytes - kept)
        assert not file.lost, file.damaged
    if len(data) % 512 == HASH_BYTES:
        out[-HASH_BYTES:] = hashlib.sha256(out[:-HASH_BYTES]).digest()
    return bytes(out)


def main() -> None:
    """Write the blanked snapshot, compressed."""
    source, target = map(Path, sys.argv[1:3])
    target.write_bytes(zstandard.ZstdCompressor(level=19).compress(blanked(source)))


if __name__ == "__main__":
    main()
