"""A census of a database file or a snapshot."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from etcdscope.etcd import mvcc
from etcdscope.etcd.bolt.file import BoltFile, Entry
from etcdscope.etcd.mvcc import GarbledError, Stored
from etcdscope.model.census import Census, File
from etcdscope.sources.registry.seen import Seen
from etcdscope.sources.registry.tally import Tally

BATCH = 16_384
# Of a value that is not read as a whole: enough for the numbers and the name before it.
_HEAD = 1 << 16
_TAIL = 64  # what follows a value is a lease

Told = Callable[[int, int], None]  # bytes read so far, of how many


def census(path: Path, *, hashed: bool = False, since: int = 0, told: Told | None = None) -> Census:
    """Count a file. Errors: FileError where it is no database of etcd, OSError."""
    began = time.monotonic()
    with BoltFile(path) as file:
        reading = _Reading(file, Tally(since, hashed, with_history=True), told)
        intact = file.intact()
        reading.history()
        leases = sum(1 for _ in file.bucket(b"lease"))
        compacted = reading.compacted()
        tally = reading.tally
        return Census(
            at=path.stat().st_mtime,
            of=str(path),
            revision=max(tally.revision, compacted),
            first_revision=max(tally.revision, compacted),
            since=since,
            cells=tally.cells(),
            largest=tally.largest,
            rewritten=tally.rewritten,
            kinds=tally.kinds,
            helm=tally.helm,
            orphans=tally.orphans() if not file.lost else None,
            leases=leases,
            leases_used=len(tally.leases),
            compact_revision=compacted or None,
            complete=not file.lost and intact is not False,
            seconds=time.monotonic() - began,
            file=File(
                file.bytes, file.meta.page_size, file.meta.pages, intact, tuple(file.damaged)
            ),
            notes=_notes(file, intact),
        )


def _notes(file: BoltFile, intact: bool | None) -> tuple[str, ...]:
    notes = []
    if intact is False:
        notes.append(
            "The snapshot's checksum is not that of its content: it is damaged or not whole."
        )
    if file.lost:
        notes.append(
            f"{file.lost} pages or entries are damaged; what they held is not counted:"
            f" {'; '.join(file.damaged)}{'; …' if file.lost > len(file.damaged) else ''}."
        )
    if moved := file.moved():
        notes.append(
            f"etcd is writing to this file ({moved} transactions while it was read): the counts are"
            " close, not exact. Take a snapshot for exact ones."
        )
    return tuple(notes)


class _Reading:
    """Goes through the history from its newest entry: a key's first is its latest."""

    def __init__(self, file: BoltFile, tally: Tally, told: Told | None) -> None:
        self.file = file
        self.tally = tally
        self._told = told
        self._seen = Seen()
        self._batch: list[tuple[Stored, bool]] = []
        self._read = 0

    def history(self) -> None:
        """Count every entry of the bucket of keys."""
        for entry in self.file.bucket(b"key"):
            try:
                revision, tombstone = mvcc.revision(entry.key)
                key = self._stored(entry)
            except GarbledError as error:
                self.file.note(f"an entry at byte {entry.offset + entry.begin} is {error}")
                continue
            if not self.tally.revision:
                self.tally.revision = revision
            self.tally.kept(key.key, key.value_bytes, tombstone)
            self._batch.append((key, tombstone))
            self._read += entry.end - entry.begin
            if len(self._batch) >= BATCH:
                self._settle()
        self._settle()

    def _settle(self) -> None:
        """Count the keys of the batch whose latest entries stand in it."""
        hashes = np.fromiter((hash(key.key) for key, _ in self._batch), dtype=np.int64)
        for (key, tombstone), first in zip(
            self._batch, self._seen.new(hashes).tolist(), strict=True
        ):
            if first and not tombstone:
                self.tally.live(key)
        self._batch.clear()
        if self._told:
            self._told(self._read, self.file.bytes)

    def _stored(self, entry: Entry) -> Stored:
        if entry.end <= len(entry.data):
            return mvcc.stored(entry.data, entry.begin, entry.end)
        begin, size = entry.offset + entry.begin, entry.end - entry.begin

        def rest(at: int) -> bytes:
            return self.file.read(begin + at, min(size - at, _TAIL))

        return mvcc.stored(self.file.read(begin, min(size, _HEAD)), 0, size, rest)

    def compacted(self) -> int:
        """Return up to which revision history was forgotten, 0 for not at all."""
        for entry in self.file.bucket(b"meta"):
            if entry.key == b"finishedCompactRev" and entry.end - entry.begin >= 8:
                return int.from_bytes(entry.data[entry.begin : entry.begin + 8], "big")
        return 0
