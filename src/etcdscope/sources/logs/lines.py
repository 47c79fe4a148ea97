"""Where lines come from: bounded in what they hold, and in how long they wait."""

from collections import deque
from typing import Final, Protocol

from etcdscope.model.reading import Failure

# What of a line is kept; etcd's own are far shorter (etcd/logs/reader.py).
LONGEST: Final = 64 * 1024
# So much of a log's end is read at the start, and after we have fallen too far behind.
TAIL: Final = 4 * 2**20
# Further behind than this we leave out what lies between, and say so.
MOST_BEHIND: Final = 8 * 2**20
CHUNK: Final = 256 * 1024
# Between two looks for more, where nothing tells us that there is more.
POLL: Final = 0.2


class LinesError(Exception):
    """No lines can be had. ``detail``: one sentence."""

    def __init__(self, failure: Failure, detail: str) -> None:
        super().__init__(detail)
        self.failure = failure
        self.detail = detail


class Lines(Protocol):
    """Gives the lines of one log."""

    @property
    def skipped(self) -> int:
        """Return how many bytes were left out so far."""
        ...

    @property
    def at_end(self) -> bool:
        """Return whether the last batch is known to have ended where the log ends by now."""
        ...

    async def batch(self, within: float) -> list[bytes]:
        """Return the lines that came, after at most ``within`` seconds. Errors: LinesError."""
        ...

    async def aclose(self) -> None:
        """End it."""
        ...


class Splitter:
    """Cuts chunks into lines. Of a line that is too long only the beginning is kept."""

    def __init__(self) -> None:
        self._rest = b""
        self._cutting = False  # the rest of a line that was too long is on its way

    def split(self, chunk: bytes) -> list[bytes]:
        """Return the lines that end in this chunk, without their ends."""
        *ended, rest = (self._rest + chunk).split(b"\n")
        if ended and self._cutting:
            ended, self._cutting = ended[1:], False
        lines = [line[:LONGEST] for line in ended]
        if len(rest) > LONGEST:
            if not self._cutting:
                lines.append(rest[:LONGEST])
            rest, self._cutting = b"", True
        self._rest = b"" if self._cutting else rest
        return lines

    def end(self) -> list[bytes]:
        """Return what was not ended: nothing more follows."""
        rest, self._rest, self._cutting = self._rest, b"", False
        return [rest] if rest else []


class Queued:
    """Lines that somebody hands us, up to a bound."""

    def __init__(self, most_bytes: int = TAIL) -> None:
        self._lines: deque[bytes] = deque()
        self._bytes = 0
        self._most = most_bytes
        self.skipped = 0

    def put(self, line: bytes) -> None:
        """Take a line; the oldest goes where there is no room."""
        self._lines.append(line[:LONGEST])
        self._bytes += len(self._lines[-1])
        while self._bytes > self._most:
            lost = len(self._lines.popleft())
            self._bytes -= lost
            self.skipped += lost

    def take(self, most: int) -> list[bytes]:
        """Return so many lines, the oldest first."""
        taken = [self._lines.popleft() for _ in range(min(most, len(self._lines)))]
        self._bytes -= sum(map(len, taken))
        return taken

    def __len__(self) -> int:
        return len(self._lines)
