"""How etcd writes a revision into its file, and a key into an answer to Range; without the value.

Walked by hand and not parsed into messages: of a value only its size and first bytes are wanted,
and a message would copy it.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

REVISION_BYTES, TOMBSTONE_BYTES = 17, 18
# What tells how a value is stored stands in its first bytes.
START_BYTES = 24
_MARK = ord("t")
_LONGEST = 70  # a varint of 64 bits has ten bytes of seven
_SIGNED = 1 << 63
_LENGTH = 2  # the wire type of what has a length
_KEY, _CREATED, _MODIFIED, _VERSION, _VALUE, _LEASE = 0x0A, 0x10, 0x18, 0x20, 0x2A, 0x30


class GarbledError(Exception):
    """Bytes that are no message of etcd."""


class Stored(NamedTuple):
    """A key as it is stored: ``start`` is how its value begins."""

    key: bytes
    create_revision: int
    mod_revision: int
    version: int
    value_bytes: int
    lease: int
    start: bytes


class Page(NamedTuple):
    """One answer to Range: of ``total`` keys in the range ``size`` are here, and ``last`` ends it.

    ``keys`` may be walked once. ``bytes``: of the whole answer.
    """

    revision: int
    total: int
    more: bool
    size: int
    last: bytes
    bytes: int
    keys: Iterator[Stored]


def revision(key: bytes) -> tuple[int, bool]:
    """Return the main revision in a key of the file, and whether it is a deletion's."""
    if len(key) == REVISION_BYTES:
        return int.from_bytes(key[:8], "big"), False
    if len(key) == TOMBSTONE_BYTES and key[-1] == _MARK:
        return int.from_bytes(key[:8], "big"), True
    raise GarbledError("no revision")


def _number(data: bytes, at: int) -> tuple[int, int]:
    """Return a varint and where it ends."""
    octet = data[at]
    if octet < 0x80:
        return octet, at + 1
    found, shift = octet & 0x7F, 7
    while True:
        at += 1
        octet = data[at]
        found |= (octet & 0x7F) << shift
        if octet < 0x80:
            return found, at + 1
        shift += 7
        if shift >= _LONGEST:
            raise GarbledError("a number without end")


def stored(data: bytes, at: int, end: int, rest: Callable[[int], bytes] | None = None) -> Stored:
    """Return the KeyValue in ``data[at:end]``. Errors: GarbledError.

    ``rest`` is asked for the bytes from a place on, where ``data`` ends before ``end``.
    """
    try:
        return _stored(data, at, end, rest)
    except IndexError:
        raise GarbledError("a message that is cut off") from None


def _stored(data: bytes, at: int, end: int, rest: Callable[[int], bytes] | None) -> Stored:
    key = start = b""
    created = modified = version = size = lease = 0
    while at < end:
        tag = data[at]
        number, at = _number(data, at + 1)
        if tag == _KEY:
            key = data[at : at + number]
            at += number
        elif tag == _MODIFIED:
            modified = number
        elif tag == _CREATED:
            created = number
        elif tag == _VERSION:
            version = number
        elif tag == _VALUE:
            size, start = number, data[at : min(at + number, at + START_BYTES)]
            at += number
            if at < end and end > len(data) and rest is not None:
                data, end, at = rest(at), end - at, 0
        elif tag == _LEASE:
            lease = number
        else:
            raise GarbledError(f"a field that no key has ({tag:#x})")
    if at != end or not key:
        raise GarbledError("a message that is cut off")
    return Stored(key, created, modified, version, size, lease, start)


def page(data: bytes) -> Page:
    """Return what an answer to Range says. Errors: GarbledError, from its keys too."""
    try:
        return _page(data)
    except IndexError:
        raise GarbledError("an answer that is cut off") from None


def _page(data: bytes) -> Page:
    at, end = 0, len(data)
    current, count, more, begins = 0, 0, False, []
    while at < end:
        tag = data[at]
        number, at = _number(data, at + 1)
        if tag & 7 == _LENGTH:
            if at + number > end:
                raise GarbledError("an answer that is cut off")
            if tag == 0x12:
                begins.append((at, at + number))
            elif tag == 0x0A:
                current = _header_revision(data, at, at + number)
            at += number
        elif tag == 0x18:
            more = bool(number)
        elif tag == 0x20:
            count = number
    last = stored(data, *begins[-1]).key if begins else b""
    keys = (stored(data, a, b) for a, b in begins)
    return Page(current, count, more, len(begins), last, len(data), keys)


def _header_revision(data: bytes, at: int, end: int) -> int:
    while at < end:
        tag = data[at]
        number, at = _number(data, at + 1)
        if tag == 0x18:
            return number if number < _SIGNED else 0
    return 0
