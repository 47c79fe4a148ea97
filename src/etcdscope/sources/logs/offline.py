"""Reads whole logs that lie there: from their first line to their last."""

import gzip
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import IO

from etcdscope.etcd.errors import SettingsError
from etcdscope.etcd.logs.reader import Reader
from etcdscope.model.logs import LogEvent
from etcdscope.sources.logs.lines import CHUNK, Splitter

_EARLY = 100
_GZIP = b"\x1f\x8b"


def named(text: str) -> tuple[str, str]:
    """Return the name and the place of ``FILE``, ``NAME=FILE`` or ``-``."""
    name, mark, where = text.partition("=")
    if mark and name and "/" not in name:
        return name, where
    stem = Path(text).name.removesuffix(".gz").removesuffix(".log")
    return ("standard input" if text == "-" else stem or text), text


def events(where: str, reader: Reader) -> Iterator[LogEvent]:
    """Yield the events of a file, plain or gzip'd, or of standard input. Errors: SettingsError."""
    try:
        with _opened(where) as file:
            now = time.time()
            yield from _timed((e for line in _lines(file) if (e := reader.read(line, now))), now)
    except (OSError, EOFError) as error:
        why = (getattr(error, "strerror", None) or str(error)).lower()
        raise SettingsError(f"{where} cannot be read: {why}.") from None


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    splitter = Splitter()
    while chunk := file.read(CHUNK):
        yield from splitter.split(chunk)
    yield from splitter.end()


def _timed(events: Iterator[LogEvent], now: float) -> Iterator[LogEvent]:
    """Give lines that stand before the first time in a log that time."""
    early: list[LogEvent] = []
    for event in events:
        if event.at == now and len(early) < _EARLY:
            early.append(event)
            continue
        yield from (replace(one, at=event.at) for one in early)
        early.clear()
        yield event
    yield from early


def _opened(where: str) -> AbstractContextManager[IO[bytes]]:
    if where == "-":
        return nullcontext(sys.stdin.buffer)
    with Path(where).open("rb") as file:
        packed = file.read(len(_GZIP)) == _GZIP
    return gzip.open(where) if packed else Path(where).open("rb")  # type: ignore[return-value]
