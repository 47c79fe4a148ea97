"""A real ``etcdscope`` on a pseudo-terminal, and the little of a terminal that shows its screen."""

import asyncio
import codecs
import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.e2e.commands import ENVIRONMENT, PROGRAM

# A control sequence, another string that a terminal does not show, or a sign.
_TOKEN = re.compile(
    r"\x1b\[(?P<args>[?<>=0-9;]*)(?P<final>[@-~])|\x1b[PX^_\]].*?(?:\x07|\x1b\\)|.", re.DOTALL
)
_BEGUN = re.compile(r"\x1b(?:\[[?<>=0-9;]*)?$")


@dataclass
class Glass:
    """What stands on a screen after everything that was written to it."""

    columns: int
    rows: int
    cells: list[list[str]] = field(default_factory=list)
    row: int = 0
    column: int = 0
    switches: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.resize(self.columns, self.rows)

    def resize(self, columns: int, rows: int) -> None:
        self.columns, self.rows = columns, rows
        self.cells = [[" "] * columns for _ in range(rows)]

    def write(self, text: str) -> None:
        for token in _TOKEN.finditer(text):
            if final := token["final"]:
                self._control(token["args"], final)
            elif len(token[0]) == 1:
                self._sign(token[0])

    def _control(self, args: str, final: str) -> None:
        if final == "H":
            row, _, column = args.partition(";")
            self.row, self.column = int(row or 1) - 1, int(column or 1) - 1
        elif final in "hl":
            self.switches.append(args + final)

    def _sign(self, sign: str) -> None:
        if sign == "\n":
            self.row, self.column = self.row + 1, 0
        elif sign == "\r":
            self.column = 0
        elif sign >= " ":
            if self.column >= self.columns:
                self.row, self.column = self.row + 1, 0
            if self.row < self.rows and self.column < self.columns:
                self.cells[self.row][self.column] = sign
            self.column += 1

    @property
    def text(self) -> str:
        return "\n".join("".join(row).rstrip() for row in self.cells)


class Terminal:
    """One running program: its screen, and keys for it."""

    def __init__(
        self, process: asyncio.subprocess.Process, ends: tuple[int, int], glass: Glass
    ) -> None:
        self.process = process
        self.glass = glass
        self._master, self._slave = ends
        self._open = True
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._news = asyncio.Event()

    def read(self) -> None:
        """Take what was written; the beginning of a sequence waits for its end."""
        with contextlib.suppress(OSError):  # the other end is closed
            text = self._rest + self._decoder.decode(os.read(self._master, 1 << 16))
            begun = _BEGUN.search(text)
            self._rest = begun[0] if begun else ""
            self.glass.write(text.removesuffix(self._rest))
        self._news.set()

    def look(self) -> None:
        """Read what is written."""
        asyncio.get_running_loop().add_reader(self._master, self.read)

    def look_away(self) -> None:
        """Let stand what is written, until there is no room for more."""
        asyncio.get_running_loop().remove_reader(self._master)

    @property
    def is_full(self) -> bool:
        """Return whether no more can be written."""
        ready = select.poll()
        ready.register(self._slave, select.POLLOUT)
        return not ready.poll(0)

    def hang_up(self) -> None:
        """Be gone. No signal tells of it: this terminal leads no session."""
        if self._open:
            self.look_away()
            self._open = False
            os.close(self._slave)
            os.close(self._master)

    def press(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def resize(self, columns: int, rows: int) -> None:
        self.glass.resize(columns, rows)
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process.send_signal(signal.SIGWINCH)

    async def until(self, holds: Callable[[str], bool], within_s: float) -> str:
        """Wait until the screen shows it."""
        try:
            async with asyncio.timeout(within_s):
                while not holds(self.glass.text):
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"not on the screen:\n{self.glass.text}") from None
        return self.glass.text

    async def gave_back(self) -> None:
        """Wait until the terminal is as it was: its own screen, a cursor, no mouse."""
        wanted = {"?1049l", "?25h", "?1000l"}
        await self.until(lambda _: wanted <= set(self.glass.switches), 3)


@asynccontextmanager
async def terminal(
    *words: str, columns: int = 80, rows: int = 24, **environ: str
) -> AsyncIterator[Terminal]:
    """Run ``etcdscope`` on a terminal of that size until the block ends."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    process = await asyncio.create_subprocess_exec(
        PROGRAM,
        *words,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        env=ENVIRONMENT | {"TERM": "xterm-256color", "LANG": "C.UTF-8"} | environ,
    )
    shown = Terminal(process, (master, slave), Glass(columns, rows))
    shown.look()
    try:
        yield shown
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        shown.hang_up()
