r"""Recordings: a stretch of judging in one file, to be judged again with the same result.

::

    \x89etcdscope\r\n\x1a            12 bytes; show when a file was mangled as text
    block*                           the first is the header, the last of an orderly end is the end

    block = "\xf5BLK" kind:u8 length:u32 crc32:u32 payload     (little endian)

Kinds: ``H`` msgpack header (format, who wrote it, cluster, began, about), ``F`` a frame of sweeps
(``codec``), ``E`` msgpack end (how many sweeps there were). Of a damaged file everything is read
but the damaged blocks; of one that is cut off, everything up to there.
"""

import os
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self
from zlib import crc32

import msgspec

from etcdscope import __version__
from etcdscope.model.ports import StoreError, Sweep
from etcdscope.store.codec import FrameError, Tally, decode, encode, frames

FORMAT: Final = 1
_MAGIC: Final = b"\x89etcdscope\r\n"
_MARK: Final = b"\xf5BLK"
_HEAD: Final = struct.Struct("<4sBII")
_HEADER, _FRAME, _END = b"HFE"
_MOST_BYTES: Final = 64 * 2**20  # of a block
_SPAN: Final = 2.0  # seconds in a frame of a live recording: what an untimely end may cost
_EXPORT_SPAN: Final = 120.0
_SEARCH: Final = 2**20


class RecordingError(StoreError):
    """A file that is not a recording, or none that can be read here."""


class Header(msgspec.Struct, omit_defaults=True):
    """What a recording says of itself. ``about``: whatever its writer found worth noting."""

    format: int
    written_by: str = ""
    cluster: str = ""
    began: float = 0.0
    about: dict[str, str] = {}


class _End(msgspec.Struct):
    sweeps: int


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was written."""

    sweeps: int
    bytes: int


class Recorder:
    """Writes a recording while it happens. An existing file is replaced.

    Errors: ``StoreError`` from opening; afterwards none: where writing fails, recording ends, and
    ``error`` says why. ``cluster`` may become known later, until the first frame is written.
    """

    def __init__(
        self,
        path: Path,
        cluster: str,
        about: Mapping[str, str] | None = None,
        *,
        span: float = _SPAN,
    ) -> None:
        self.error = ""
        self._path = path
        self.cluster = cluster
        self._about = dict(about or {})
        self._span = span
        self._waiting: list[Sweep] = []
        self._begun = False
        self._sweeps = self._bytes = 0
        try:
            self._file: IO[bytes] = path.open("wb", buffering=0)
        except OSError as error:
            raise StoreError(f"{path} cannot be written: {error.strerror}") from error
        self._put(_MAGIC)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def append(self, sweep: Sweep) -> None:
        """Take one sweep; about every other second what came in is written."""
        if self.error:
            return
        self._waiting.append(sweep)
        if not 0 <= sweep.now - self._waiting[0].now < self._span:
            self._flush()

    def close(self) -> Recorded:
        """Write the rest and the end; return how much there was."""
        if not self._file.closed:
            self._flush()
            self._write(_END, msgspec.msgpack.encode(_End(self._sweeps)))
            self._file.close()
        return Recorded(self._sweeps, self._bytes)

    def _flush(self) -> None:
        if not self._begun:
            self._begun = True
            began = self._waiting[0].now if self._waiting else 0.0
            header = Header(FORMAT, __version__, self.cluster, began, self._about)
            self._write(_HEADER, msgspec.msgpack.encode(header))
        for batch in frames(self._waiting):
            self._write(_FRAME, encode(batch))
            self._sweeps += len(batch)
        self._waiting = []

    def _write(self, kind: int, payload: bytes) -> None:
        self._put(_HEAD.pack(_MARK, kind, len(payload), crc32(payload)) + payload)

    def _put(self, data: bytes) -> None:
        while data and not self.error:  # unbuffered writes may be partial
            try:
                written = self._file.write(data) or 0
            except OSError as error:
                self.error = f"{self._path} is recorded no longer: {error.strerror}"
                return
            self._bytes += written
            data = data[written:]


def write_recording(
    path: Path, cluster: str, sweeps: Iterable[Sweep], about: Mapping[str, str]
) -> Recorded:
    """Write a whole recording; ``path`` appears, or is replaced, only when it is complete."""
    part = path.with_name(path.name + ".part")
    try:
        with Recorder(part, cluster, about, span=_EXPORT_SPAN) as recorder:
            for sweep in sweeps:
                recorder.append(sweep)
            recorded = recorder.close()
        if recorder.error:
            raise StoreError(recorder.error)
        part.replace(path)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return recorded


@dataclass(slots=True)
class Loss:
    """What of a recording could not be read; complete when it was read to its end."""

    bytes: int = 0
    frames: int = 0
    cut_off: bool = False  # it has no end: its writer was killed, or the file was cut
    missing_sweeps: int = 0  # by what the end says there should be
    tally: Tally = field(default_factory=Tally)

    def __str__(self) -> str:
        parts = []
        if self.bytes:
            parts.append(f"{self.bytes} bytes are damaged")
        if self.frames:
            parts.append(f"{self.frames} frames cannot be read")
        if self.missing_sweeps:
            parts.append(f"{self.missing_sweeps} sweeps are missing")
        if self.cut_off:
            parts.append("it was not ended in order, so its last seconds may be missing")
        if text := str(self.tally):
            parts.append(f"left out: {text}")
        return "; ".join(parts)


class Recording:
    """The sweeps of a recording, in the order of judging; ``loss`` tells of the last reading."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.loss = Loss()
        with path.open("rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                raise RecordingError(f"{path} is not a recording of etcdscope")
            self.header = _header(path, *next(self._blocks(file), (0, b"")))

    def __iter__(self) -> Iterator[Sweep]:
        self.loss = Loss()
        read = 0
        ended: int | None = None
        with self.path.open("rb") as file:
            file.seek(len(_MAGIC))
            for kind, payload in self._blocks(file):
                if kind == _FRAME:
                    sweeps = self._sweeps(payload)
                    read += len(sweeps)
                    yield from sweeps
                elif kind == _END:
                    ended = _said_sweeps(payload)
        self.loss.cut_off = ended is None
        self.loss.missing_sweeps = max((ended or 0) - read, 0)

    def _sweeps(self, payload: bytes) -> list[Sweep]:
        try:
            return decode(payload, self.loss.tally)
        except FrameError:
            self.loss.frames += 1
            return []

    def _blocks(self, file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
        """Yield the blocks that are whole, and skip what lies between them."""
        size = os.fstat(file.fileno()).st_size
        while True:
            start = file.tell()
            head = file.read(_HEAD.size)
            if not head:
                return
            if (block := _block(file, head, size)) is not None:
                yield block
                continue
            after = _next_mark(file, start + 1)
            self.loss.bytes += after - start
            file.seek(after)


def _block(file: IO[bytes], head: bytes, size: int) -> tuple[int, bytes] | None:
    if len(head) < _HEAD.size:
        return None
    mark, kind, length, crc = _HEAD.unpack(head)
    if mark != _MARK or length > min(_MOST_BYTES, size):
        return None
    payload = file.read(length)
    return (kind, payload) if len(payload) == length and crc32(payload) == crc else None


def _next_mark(file: IO[bytes], start: int) -> int:
    """Return where the next mark from ``start`` on is, or the end of the file."""
    file.seek(start)
    before = b""
    while chunk := file.read(_SEARCH):
        at = (before + chunk).find(_MARK)
        if at >= 0:
            return start - len(before) + at
        start += len(chunk)
        before = chunk[-(len(_MARK) - 1) :]
    return start


def _header(path: Path, kind: int, payload: bytes) -> Header:
    try:
        header = msgspec.msgpack.decode(payload, type=Header)
    except (msgspec.MsgspecError, RecursionError):
        header = None
    if kind != _HEADER or header is None:
        raise RecordingError(f"{path} is cut off or damaged at its very beginning")
    if header.format != FORMAT:
        raise RecordingError(
            f"{path} was written by etcdscope {header.written_by} in format "
            f"{header.format}, this one reads {FORMAT}: update etcdscope"
        )
    return header


def _said_sweeps(payload: bytes) -> int | None:
    try:
        return msgspec.msgpack.decode(payload, type=_End).sweeps
    except (msgspec.MsgspecError, RecursionError):
        return None


def open_recording(path: Path) -> Recording:
    """Return the sweeps of a recording; raises ``RecordingError`` if it is none."""
    try:
        if not path.is_file():
            raise RecordingError(
                f"{path} is not a file" if path.exists() else f"there is no {path}"
            )
        return Recording(path)
    except OSError as error:
        raise RecordingError(f"{path} cannot be read: {error.strerror}") from error
