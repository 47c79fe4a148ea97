"""Looks at backup files: the newest one, and whether its own hash fits."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from etcdscope.model.kubernetes import Snapshot
from etcdscope.model.ports import Pace
from etcdscope.model.reading import Failure, Observation, Reading
from etcdscope.model.signal_kubernetes import BACKUP
from etcdscope.sources.looking import Looking
from etcdscope.threads import in_thread

_HASH = 32
_PIECE = 1 << 20
# bbolt's magic number, in the meta page behind the 16 bytes of the page's header.
_MAGIC = bytes.fromhex("edda0ced")
# `etcdctl snapshot save` appends the sha256 of what stands before; pages are 512 bytes at least.
_PAGE = 512
_SUFFIXES = frozenset({".db", ".snapshot", ".snap", ""})
_MOST_FILES = 10_000


class BackupsSource:
    """Looks at the newest backup of some files or directories, and reads it whole once.

    Gives:   a Snapshot: its time, its size, and whether the hash at its end fits.
    Errors:  none leave; what cannot be read is a failure with its reason.
    """

    name = "backup"
    pace = Pace(cadence=60.0, patience=600.0)

    def __init__(self, places: Iterable[Path]) -> None:
        self._places = tuple(places)
        self._known: Snapshot | None = None

    async def read(self, endpoint: str, at: float) -> Reading:
        """Look once; a file that has not changed is not read again."""
        looking = Looking(self.name, endpoint, at)
        try:
            self._known = await in_thread(lambda: newest(self._places, self._known))
        except OSError as error:
            why = (error.strerror or "cannot be read").lower()
            where = error.filename or ", ".join(map(str, self._places))
            return looking.blind(Failure.PERMISSION_DENIED, f"{where}: {why}.")
        return looking.gave([Observation(BACKUP, self._known)])


def newest(places: Iterable[Path], known: Snapshot | None = None) -> Snapshot:
    """Return the newest file of all places. Errors: OSError."""
    files: list[tuple[float, int, Path]] = []
    for place in places:
        for path in _files(place):
            stat = path.stat()
            files.append((stat.st_mtime, stat.st_size, path))
    if not files:
        return Snapshot("", 0.0, 0, whole=False, why=f"nothing in {', '.join(map(str, places))}")
    at, size, path = max(files)
    if known and (known.path, known.at, known.bytes) == (str(path), at, size):
        return known
    why = broken(path)
    return Snapshot(str(path), at, size, whole=not why, why=why)


def _files(place: Path) -> list[Path]:
    if not place.is_dir():
        return [place] if place.exists() else []
    found = [p for p in place.iterdir() if p.suffix in _SUFFIXES and p.is_file()]
    return found[:_MOST_FILES]


def broken(path: Path) -> str:
    """Return what is wrong with a snapshot file, empty where nothing is."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(24)
        if head[16:20] != _MAGIC:
            return "is no database of etcd"
        rest = size % _PAGE
        if rest != _HASH:
            return "has no hash at its end: it was cut off, or copied from a member's directory"
        file.seek(0)
        digest, left = hashlib.sha256(), size - _HASH
        while left and (piece := file.read(min(left, _PIECE))):
            digest.update(piece)
            left -= len(piece)
        return "" if file.read(_HASH) == digest.digest() else "does not fit its own hash"
