"""Small files of the kernel, read whole, and what of them we may not read."""

import os
from collections.abc import Iterator

# One page of the kernel's; what is wanted of a longer file stands at its beginning.
PIECE = 65_536


class Files:
    """Reads for one look. ``denied``: what could not be read for want of rights, in words.

    ``os.open`` in place of ``pathlib``: a look reads forty files, and this halves its cost.
    """

    def __init__(self, proc: str = "/proc", sys: str = "/sys") -> None:
        self.proc = proc
        self.sys = sys
        self.denied: set[str] = set()

    def read(self, path: str, what: str = "", *, most: int = PIECE) -> bytes:
        """Return what the file begins with; empty where there is none, or none for us."""
        try:
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            self._note(error, what)
            return b""
        try:
            return _all(file, most)
        except OSError as error:  # the process ended, or /proc checks rights only now
            self._note(error, what)
            return b""
        finally:
            os.close(file)

    def of(self, pid: int, name: str, what: str = "", *, most: int = PIECE) -> bytes:
        """Return a file of a process."""
        return self.read(f"{self.proc}/{pid}/{name}", what, most=most)

    def link(self, path: str, what: str = "") -> str:
        """Return where a link leads; empty where there is none, or none for us."""
        try:
            return os.readlink(path)
        except OSError as error:
            self._note(error, what)
            return ""

    def stat(self, path: str, what: str = "") -> os.stat_result | None:
        """Return what is known of a file, None where there is none, or none for us."""
        try:
            return os.stat(path)
        except OSError as error:
            self._note(error, what)
            return None

    def names(self, path: str, what: str = "", *, most: int = 1_000_000) -> list[str]:
        """Return the names in a folder, at most so many of them."""
        try:
            with os.scandir(path) as entries:
                return [entry.name for entry, _ in zip(entries, range(most), strict=False)]
        except OSError as error:
            self._note(error, what)
            return []

    def pids(self) -> list[int]:
        """Return the processes there are."""
        return [int(name) for name in self.names(self.proc) if name.isdecimal()]

    def _note(self, error: OSError, what: str) -> None:
        if what and isinstance(error, PermissionError):
            self.denied.add(what)


def _all(file: int, most: int) -> bytes:
    pieces, size = [], 0
    while size < most and (piece := os.read(file, min(PIECE, most - size))):
        pieces.append(piece)
        size += len(piece)
    return b"".join(pieces)


def counts(text: bytes, *, colon: bool = False) -> Iterator[tuple[str, int]]:
    """Yield the names and whole numbers of a file with one of each a line."""
    for line in text.splitlines():
        name, _, rest = line.partition(b":" if colon else b" ")
        number = rest.split(None, 1)[:1]
        if number and number[0].lstrip(b"-").isdigit():
            yield name.decode(errors="replace"), int(number[0])
